/* SPDX-License-Identifier: MIT
 * myelon cat: receives what cp sends. */
#include "chunk.h"
#include "receiver.h"

#define ATTACH_NS MYL_SEC(5)

static const char help[] =
    "usage: myelon cat [OPTION]... NAME\n"
    "       myelon cat [OPTION]... --file PATH\n"
    "\n"
    "Receives what 'myelon cp FILE NAME' sends, writes it to standard output or a file, and compares the SHA-256 of\n"
    "what it wrote with that of what was sent. With -o and --id, killed and started again, it goes on where it\n"
    "stopped: the sender waits for it.\n"
    "\n"
    "  -o, --output FILE  writes FILE, which is overwritten, or gone on with after a kill\n"
    "  -i, --id ID        the name of this consumer in the ring, up to 31 of A-Z a-z 0-9 . _ - (default: automatic)\n"
    "  -V, --verify-only  writes nothing, only checks\n"
    "  -a, --attach SEC   waits so long for the ring to appear (default 5)\n"
    "  -t, --timeout SEC  gives up after SEC seconds without anything from the sender (default: never)\n"
    "  -T, --type ID      the ring's type id, if not that of file streams\n"
    "  -f, --file PATH    a ring in this mapped file instead of a name in shared memory\n"
    "  -q, --quiet        no progress and no report, only what went wrong\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit codes: 1 failed, 3 what was received is not what was sent, 4 no such ring, 5 a consumer of this id is\n"
    "alive, 6 timed out, 7 the file did not become whole, 128 + n ended by signal n.\n";

static int set_option(struct receiver_options *o, int option, const char *value, const char **file)
{
    switch (option) {
    case 'o':
        o->output = value;
        return *value != '\0' ? 0 : cli_usage("the file name after --output is empty");
    case 'i':
        o->id = value;
        return 0;
    case 'V':
        o->verify_only = 1;
        return 0;
    case 'a':
        return cli_parse_seconds("--attach", value, &o->attach_ns);
    case 't':
        return cli_parse_seconds("--timeout", value, &o->timeout_ns);
    case 'T':
        return cli_parse_type("--type", value, &o->type_id);
    case 'f':
        *file = value;
        return 0;
    default:
        o->quiet = 1;
        return 0;
    }
}

int cmd_cat(int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},  {"id", required_argument, NULL, 'i'},
        {"verify-only", no_argument, NULL, 'V'},   {"attach", required_argument, NULL, 'a'},
        {"timeout", required_argument, NULL, 't'}, {"type", required_argument, NULL, 'T'},
        {"file", required_argument, NULL, 'f'},    {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    struct receiver_options o = {.type_id = CHUNK_TYPE, .attach_ns = ATTACH_NS};
    const char *file = NULL;
    int code = 0, option;
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":o:i:Va:t:T:f:qh", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return CLI_OK;
        }
        code = option == '?' || option == ':' ? cli_bad_option(option, argv) : set_option(&o, option, optarg, &file);
    }
    if (code == 0 && o.verify_only && o.output != NULL)
        code = cli_usage("--verify-only writes nothing: leave --output %s away", o.output);
    if (code == 0)
        code = cli_target(&o.target, file, argc, argv);
    if (code == 0)
        code = cli_no_more(argc, argv);
    return code == 0 ? receiver_run(&o) : code;
}
