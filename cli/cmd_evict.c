/* SPDX-License-Identifier: MIT
 * myelon evict: gives up a dead consumer. */
#include "cli.h"

static const char help[] =
    "usage: myelon evict NAME ID\n"
    "       myelon evict --file PATH ID\n"
    "\n"
    "Frees the place of dead consumer ID, so that it no longer holds up the producer. What it had not acknowledged\n"
    "is given up: started again, it begins at the oldest event that is left. A consumer that is alive is refused.\n"
    "\n"
    "  -f, --file PATH  the ring in this mapped file instead of a name in shared memory\n"
    "  -h, --help       this text\n"
    "\n"
    "Exit codes: 4 no such ring, 5 the consumer is alive.\n";

int cmd_evict(int argc, char **argv)
{
    static const struct option options[] = {
        {"file", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *file = NULL;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":f:h", options, NULL)) != -1) {
        if (option == 'f') {
            file = optarg;
        } else if (option == 'h') {
            fputs(help, stdout);
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
    code = myl_evict(target.name, target.backend, id);
    return code == MYL_OK ? CLI_OK : cli_ring_error(code);
}
