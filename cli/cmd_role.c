/* SPDX-License-Identifier: MIT
 * myelon role: sets what a consumer's stall or death means to the producer. */
#include "cli.h"

#define LONGEST_SECONDS (49 * 24 * 3600)

static const struct cli_option options[] = {
    {"timeout", 't', "SECONDS", "a consumer that does not move for so long is stalled (default: as in the producer)"},
    {"grace", 'g', "SECONDS", "time from the alert to the failure or the removal (default: 0)"},
    CLI_OPTION_FILE,
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "role NAME ID ROLE [--timeout SECONDS] [--grace SECONDS]\n"
             "role --file PATH ID ROLE [--timeout SECONDS] [--grace SECONDS]",
    .about = "Sets what a stall or the death of consumer ID means to the producer. Takes effect in a "
             "running ring. ROLE is one of\n"
             "  plain       the producer's own policy; without one only the death is reported\n"
             "  required    an alert; after the grace time the producer's calls fail\n"
             "  alert       an alert only\n"
             "  expendable  removed by the producer if it is dead and blocks the ring",
    .options = options,
    .exit_codes = "Exit codes: 4 no such ring or consumer.",
};

struct request {
    const struct cli_target *target;
    const char *id;
    const myl_role_options *role;
};

static int set_role(const void *context)
{
    const struct request *request = context;
    return myl_set_role(request->target->name, request->target->backend, request->id, request->role);
}

/* Parses a time. The ring stores milliseconds in 32 bits. */
static int parse_time(const char *option, const char *text, int64_t *nanoseconds)
{
    int code = cli_parse_seconds(option, text, nanoseconds);
    if (code == 0 && *nanoseconds > MYL_SEC(LONGEST_SECONDS))
        code = cli_usage("%s %s is out of range: 0 to %d seconds", option, text, LONGEST_SECONDS);
    return code;
}

static int set(const struct cli_target *target, const char *id, const char *word, myl_role_options *role)
{
    int code = myl_role_parse(word, &role->role);
    if (code != MYL_OK)
        return cli_usage("%s", cli_ring_sentence(code));
    code = cli_guard(set_role, &(struct request){.target = target, .id = id, .role = role});
    return code == MYL_OK ? CLI_OK : cli_guarded_error(code, target->name);
}

int cmd_role(int argc, char **argv)
{
    myl_role_options role = {.size = sizeof role};
    const char *file = NULL;
    int code = 0, option;
    while (code == 0 && (option = cli_option(&help, argc, argv)) != -1) {
        if (option == 't') {
            code = parse_time("--timeout", optarg, &role.progress_timeout_ns);
        } else if (option == 'g') {
            code = parse_time("--grace", optarg, &role.grace_ns);
            if (role.grace_ns == 0)
                role.grace_ns = MYL_AT_ONCE;
        } else if (option == 'f') {
            file = optarg;
        } else if (option == 'h') {
            cli_help(&help);
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
