/* SPDX-License-Identifier: MIT
 * myelon rm: removes a ring, unless somebody alive uses it. */
#include "snapshot.h"

static const char help[] =
    "usage: myelon rm [--force] NAME\n"
    "       myelon rm [--force] --file PATH\n"
    "\n"
    "Removes a ring and gives its memory back. Refuses while somebody alive uses it, and says who.\n"
    "\n"
    "  -F, --force      even then: its consumers are told that the session was ended by force\n"
    "  -f, --file PATH  the ring in this mapped file instead of a name in shared memory\n"
    "  -h, --help       this text\n"
    "\n"
    "Exit codes: 4 no such ring, 5 refused because somebody alive uses it.\n";

static int refuse(const struct cli_target *target)
{
    char living[1024] = "";
    myl_snapshot *snapshot;
    if (snapshot_take(target->name, target->backend, &snapshot) == MYL_OK) {
        snapshot_living(snapshot, living, sizeof living);
        myl_snapshot_free(snapshot);
    }
    return cli_fail(CLI_INUSE,
                    "ring \"%s\" is in use%s%s; stop them first, or remove it under them with "
                    "'myelon rm --force %s'",
                    target->name, living[0] != '\0' ? " by " : "", living, cli_target_text(target));
}

int cmd_rm(int argc, char **argv)
{
    static const struct option options[] = {
        {"force", no_argument, NULL, 'F'},
        {"file", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *file = NULL;
    int force = 0, option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":Ff:h", options, NULL)) != -1) {
        if (option == 'F') {
            force = 1;
        } else if (option == 'f') {
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
    if (code == 0)
        code = cli_no_more(argc, argv);
    if (code != 0)
        return code;
    code = myl_remove(target.name, target.backend, force);
    if (code == MYL_EINUSE)
        return refuse(&target);
    return code == MYL_OK ? CLI_OK : cli_ring_error(code);
}
