/* SPDX-License-Identifier: MIT
 * myelon cp: sends a file through a ring. */
#include "sender.h"

static const struct cli_option options[] = {
    {"wait", 'w', "N", "wait for N consumers before the first byte (default: 1; 0: do not wait)"},
    {"timeout", 't', "SEC", "give up after SEC seconds without progress (default: never)"},
    {"chunk", 'c', "SIZE", "bytes of the file in a message, 64 to 16M (default: 64K)"},
    {"capacity", 'n', "N", "room in the ring for at least N messages (default: 64)"},
    {"type", 'T', "ID", "type id of the ring (default: that of file streams)"},
    {"rate", 'r', "MB", "send at most MB * 10^6 bytes a second (default: no limit)"},
    CLI_OPTION_FILE,
    {"quiet", 'q', NULL, "no progress and no report, only errors"},
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "cp [OPTION]... FILE NAME\n"
             "cp [OPTION]... FILE --file PATH",
    .about = "Sends FILE ('-': standard input) through a ring to every 'myelon cat NAME', at the pace of"
             " the slowest. Both sides compute a SHA-256. A sender that was killed continues where it "
             "stopped when it is started again with the same FILE; a stream from a pipe cannot continue.",
    .options = options,
    .exit_codes = "Exit codes: 1 failed, 5 another sender is alive, 6 timed out, 7 a receiver did not get the"
                  " whole file, 128 + n ended by signal n.",
};

static int set_option(struct sender_options *o, int option, const char *value, const char **file)
{
    int code;
    switch (option) {
    case 'w':
        return cli_parse_number("--wait", value, 0, MYL_CONSUMERS_MAX, &o->wait);
    case 't':
        return cli_parse_timeout("--timeout", value, &o->timeout_ns);
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
    struct sender_options o = {.wait = 1, .type_id = CHUNK_TYPE, .timeout_ns = MYL_FOREVER};
    const char *file = NULL;
    int code = 0, option;
    while (code == 0 && (option = cli_option(&help, argc, argv)) != -1) {
        if (option == 'h') {
            cli_help(&help);
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
