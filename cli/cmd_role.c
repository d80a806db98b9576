/* SPDX-License-Identifier: MIT
 * myelon role: says what it means to the producer that a consumer stalls or dies. */
#include "cli.h"

static const char help[] =
    "usage: myelon role NAME ID ROLE [--timeout SECONDS] [--grace SECONDS]\n"
    "       myelon role --file PATH ID ROLE [--timeout SECONDS] [--grace SECONDS]\n"
    "\n"
    "Says what it means that consumer ID stalls or dies, while all run. ROLE is one of\n"
    "  plain       as the producer's own list has it; else only its death is reported\n"
    "  required    an alert, and after a grace the producer's calls fail\n"
    "  alert       an alert, nothing more\n"
    "  expendable  dead, it is given up by the producer that it holds up\n"
    "\n"
    "  -t, --timeout SECONDS  not moving for so long is a stall; as the producer has it if not given\n"
    "  -g, --grace SECONDS    from the alert to the failure, or to being given up; 0: none\n"
    "  -f, --file PATH        the ring in this mapped file instead of a name in shared memory\n"
    "  -h, --help             this text\n";

static int set(const struct cli_target *target, const char *id, const char *word, myl_role_options *role)
{
    int code = myl_role_parse(word, &role->role);
    if (code != MYL_OK)
        return cli_usage("%s", myl_error_detail());
    code = myl_set_role(target->name, target->backend, id, role);
    return code == MYL_OK ? CLI_OK : cli_ring_error(code);
}

int cmd_role(int argc, char **argv)
{
    static const struct option options[] = {
        {"timeout", required_argument, NULL, 't'},
        {"grace", required_argument, NULL, 'g'},
        {"file", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    myl_role_options role = {.size = sizeof role};
    const char *file = NULL;
    int code = 0, option;
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":t:g:f:h", options, NULL)) != -1) {
        if (option == 't') {
            code = cli_parse_seconds("--timeout", optarg, &role.progress_timeout_ns);
        } else if (option == 'g') {
            code = cli_parse_seconds("--grace", optarg, &role.grace_ns);
            if (role.grace_ns == 0)
                role.grace_ns = MYL_AT_ONCE;
        } else if (option == 'f') {
            file = optarg;
        } else if (option == 'h') {
            fputs(help, stdout);
            return CLI_OK;
        } else {
            code = cli_bad_option(option, argv);
        }
    }
    struct cli_target target;
    if (code == 0)
        code = cli_target(&target, file, argc, argv);
    if (code != 0)
        return code;
    const char *id = cli_operand(argc, argv, "the consumer's id");
    if (id == NULL)
        return CLI_USAGE;
    const char *word = cli_operand(argc, argv, "the role");
    if (word == NULL)
        return CLI_USAGE;
    code = cli_no_more(argc, argv);
    return code != 0 ? code : set(&target, id, word, &role);
}
