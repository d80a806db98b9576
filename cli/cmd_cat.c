/* SPDX-License-Identifier: MIT
 * myelon cat: receives what cp sends. */
#include "chunk.h"
#include "receiver.h"

#define ATTACH_NS MYL_SEC(5)

static const struct cli_option options[] = {
    {"output", 'o', "FILE", "write to FILE: overwrite it, or continue it after a kill"},
    {"id", 'i', "ID", "id of this consumer: at most 31 of A-Z a-z 0-9 . _ - (default: automatic)"},
    {"verify-only", 'V', NULL, "write nothing, only check"},
    {"attach", 'a', "SEC", "wait at most SEC seconds for the ring to appear (default: 5)"},
    {"timeout", 't', "SEC", "give up after SEC seconds without a message (default: never)"},
    {"type", 'T', "ID", "type id of the ring (default: that of file streams)"},
    CLI_OPTION_FILE,
    {"quiet", 'q', NULL, "no progress and no report, only errors"},
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "cat [OPTION]... NAME\n"
             "cat [OPTION]... --file PATH",
    .about = "Receives what 'myelon cp FILE NAME' sends. Writes it to standard output or a file, and "
             "compares its SHA-256 with the sender's. With --output and --id, a receiver that was killed"
             " continues where it stopped when it is started again; the sender waits for it.",
    .options = options,
    .exit_codes = "Exit codes: 1 failed, 3 received data differ from sent data, 4 no such ring, 5 a consumer "
                  "with this id is alive, 6 timed out, 7 the file is incomplete, 128 + n ended by signal n, "
                  "141 the reader of standard output closed it.",
};

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
        return cli_parse_timeout("--timeout", value, &o->timeout_ns);
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
    struct receiver_options o = {.type_id = CHUNK_TYPE, .attach_ns = ATTACH_NS, .timeout_ns = MYL_FOREVER};
    const char *file = NULL;
    int code = 0, option;
    while (code == 0 && (option = cli_option(&help, argc, argv)) != -1) {
        if (option == 'h') {
            cli_help(&help);
            return CLI_OK;
        }
        code = option == '?' || option == ':' ? cli_bad_option(option, argv) : set_option(&o, option, optarg, &file);
    }
    if (code == 0 && o.verify_only && o.output != NULL)
        code = cli_usage("--verify-only writes nothing: leave --output %s out", o.output);
    if (code == 0)
        code = cli_target(&o.target, file, argc, argv);
    if (code == 0)
        code = cli_no_more(argc, argv);
    return code == 0 ? receiver_run(&o) : code;
}
