/* SPDX-License-Identifier: MIT
 * myelon rm: removes a ring that no live participant uses. */
#include "snapshot.h"

static const struct cli_option options[] = {
    {"force", 'F', NULL, "remove it even then: its participants see that the session was ended by force"},
    {"file", 'f', "PATH", "remove the ring in this mapped file instead of a name in shared memory"},
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "rm [--force] NAME\n"
             "rm [--force] --file PATH",
    .about = "Removes a ring and frees its memory. Refuses while a live participant uses the ring, and "
             "names the participants.",
    .options = options,
    .exit_codes = "Exit codes: 4 no such ring, 5 a live participant uses it.",
};

static int refuse(const struct cli_target *target)
{
    char living[1024] = "";
    myl_snapshot *snapshot;
    int rc = snapshot_take(target->name, target->backend, &snapshot);
    if (rc == MYL_OK) {
        snapshot_living(snapshot, living, sizeof living);
        myl_snapshot_free(snapshot);
    } else { /* --force would fail too: live participants could not be notified */
        return cli_fail(
            CLI_INUSE,
            "cannot remove ring \"%s\": it is unreadable and a live process uses it; stop that process first",
            target->name);
    }
    return cli_fail(CLI_INUSE,
                    "ring \"%s\" is in use%s%s; stop the participants first, or remove the ring with "
                    "'myelon rm --force %s'",
                    target->name, living[0] != '\0' ? " by " : "", living, cli_target_text(target));
}

struct request {
    struct cli_target target;
    int force;
};

static int remove_it(const void *context)
{
    const struct request *request = context;
    return myl_remove(request->target.name, request->target.backend, request->force);
}

int cmd_rm(int argc, char **argv)
{
    struct cli_target target;
    int force, code;
    if (!cli_one_ring(argc, argv, &help, 'F', &target, &force, &code))
        return code;
    code = cli_guard(remove_it, &(struct request){.target = target, .force = force});
    if (code == MYL_EINUSE)
        return refuse(&target);
    return code == MYL_OK ? CLI_OK : cli_guarded_error(code, target.name);
}
