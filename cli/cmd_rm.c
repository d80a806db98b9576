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
    struct cli_target target;
    int force, code;
    if (!cli_one_ring(argc, argv, help, "force", 'F', &target, &force, &code))
        return code;
    code = myl_remove(target.name, target.backend, force);
    if (code == MYL_EINUSE)
        return refuse(&target);
    return code == MYL_OK ? CLI_OK : cli_ring_error(code);
}
