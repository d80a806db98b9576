/* SPDX-License-Identifier: MIT
 * myelon cp: sends a file through a ring. */
#include "sender.h"

static const char help[] =
    "usage: myelon cp [OPTION]... FILE NAME\n"
    "       myelon cp [OPTION]... FILE --file PATH\n"
    "\n"
    "Sends FILE (- is standard input) through a ring to every 'myelon cat NAME', as fast as the slowest of them\n"
    "reads, and checks with a SHA-256 at both ends. Killed and started again with the same FILE it goes on where it\n"
    "stopped; a stream from a pipe cannot.\n"
    "\n"
    "  -w, --wait N       waits for N consumers before the first byte (default 1; 0: for none)\n"
    "  -t, --timeout SEC  gives up after SEC seconds in which nothing moved (default: never)\n"
    "  -c, --chunk SIZE   bytes of the file in a message, 64 to 16M (default 64K)\n"
    "  -n, --capacity N   room in the ring: for at least N messages (default 64)\n"
    "  -T, --type ID      the ring's type id, if not that of file streams\n"
    "  -r, --rate MB      at most so many MB (10^6 bytes) a second\n"
    "  -f, --file PATH    a ring in this mapped file instead of a name in shared memory\n"
    "  -q, --quiet        no progress and no report, only what went wrong\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit codes: 1 failed, 5 another sender is alive, 6 timed out, 7 not every receiver took everything,\n"
    "128 + n ended by signal n.\n";

static int set_option(struct sender_options *o, int option, const char *value, const char **file)
{
    int code;
    switch (option) {
    case 'w':
        return cli_parse_number("--wait", value, 0, MYL_CONSUMERS_MAX, &o->wait);
    case 't':
        return cli_parse_seconds("--timeout", value, &o->timeout_ns);
    case 'c':
        return cli_parse_size("--chunk", value, CHUNK_LEAST, CHUNK_MOST, &o->chunk);
    case 'n':
        return cli_parse_number("--capacity", value, 2, CHUNK_CAPACITY_MOST, &o->capacity);
    case 'T':
        return cli_parse_type("--type", value, &o->type_id);
    case 'r':
        code = cli_parse_number("--rate", value, 1, 1000000, &o->rate);
        o->rate *= 1000000;
        return code;
    case 'f':
        *file = value;
        return 0;
    default:
        o->quiet = 1;
        return 0;
    }
}

int cmd_cp(int argc, char **argv)
{
    static const struct option options[] = {
        {"wait", required_argument, NULL, 'w'},  {"timeout", required_argument, NULL, 't'},
        {"chunk", required_argument, NULL, 'c'}, {"capacity", required_argument, NULL, 'n'},
        {"type", required_argument, NULL, 'T'},  {"rate", required_argument, NULL, 'r'},
        {"file", required_argument, NULL, 'f'},  {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    struct sender_options o = {.wait = 1, .type_id = CHUNK_TYPE};
    const char *file = NULL;
    int code = 0, option;
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":w:t:c:n:T:r:f:qh", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return CLI_OK;
        }
        code = option == '?' || option == ':' ? cli_bad_option(option, argv) : set_option(&o, option, optarg, &file);
    }
    if (code != 0)
        return code;
    o.path = cli_operand(argc, argv, "the file to send");
    if (o.path == NULL)
        return CLI_USAGE;
    code = cli_target(&o.target, file, argc, argv);
    if (code == 0)
        code = cli_no_more(argc, argv);
    return code == 0 ? sender_run(&o) : code;
}
