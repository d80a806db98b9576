/* SPDX-License-Identifier: MIT
 * Places of a program of 0.1 that no script can decide, for tools/check-port.sh. */
#include <myelon/myelon.h>

#include "ours.h"

#define SHOW(object) (object)->behind, (object)->doing

/* Another `shared` than that of late(). */
int pid_of(const myl_alert *shared)
{
    return shared->pid;
}

int late(void)
{
    return shared->last > 0 && current()->doing[0] != '\0';
}

int granted_lock(const myl_info *info)
{
    int granted = info->granted.lock;
    return granted == MYL_OK;
}

struct scene {
    myl_producer_options options;
    int more;
};
/* The type of the inner braces is that of a member, which is not looked up. */
static const struct scene scenes[] = {{{.alone = 0}, 1}};
