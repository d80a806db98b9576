/* SPDX-License-Identifier: MIT
 * myelon evict: removes the entry of a dead consumer. */
#include "cli.h"

static const struct cli_option options[] = {
    CLI_OPTION_FILE,
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "evict NAME ID\n"
             "evict --file PATH ID",
    .about = "Removes the entry of dead consumer ID, so that the producer no longer waits for it. Its "
             "unacknowledged events are given up: if it is started again, it begins at the oldest event "
             "in the ring. A consumer that is alive is refused.",
    .options = options,
    .exit_codes = "Exit codes: 4 no such ring or consumer, 5 the consumer is alive.",
};

struct request {
    struct cli_target target;
    const char *id;
};

static int evict(const void *context)
{
    const struct request *request = context;
    return myl_evict(request->target.name, request->target.backend, request->id);
}

int cmd_evict(int argc, char **argv)
{
    const char *file = NULL;
    int option;
    while ((option = cli_option(&help, argc, argv)) != -1) {
        if (option == 'f') {
            file = optarg;
        } else if (option == 'h') {
            cli_help(&help);
            return CLI_OK;
        } else {
            return cli_bad_option(option, argv);
        }
    }
    struct cli_target target;
    int code = cli_target(&target, file, argc, argv);
    if (code != 0)
        return code;
    const char *id = cli_operand(argc, argv, "the consumer's id");
    if (id == NULL)
        return CLI_USAGE;
    code = cli_no_more(argc, argv);
    if (code != 0)
        return code;
    code = cli_guard(evict, &(struct request){.target = target, .id = id});
    return code == MYL_OK ? CLI_OK : cli_guarded_error(code, target.name);
}
