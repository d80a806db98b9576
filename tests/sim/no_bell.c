/* SPDX-License-Identifier: MIT
 * The descriptor of a wait set has a thread of the C library and is not simulated. */
#include "sim.h"

#include "waitset/bell.h"

#include <myelon/error.h>

int myl_bell_make(struct myl_bell **bell)
{
    *bell = NULL;
    return MYL_EUNSUPPORTED;
}

static void no_bell(void)
{
    sim_violation("engine", "%s uses the descriptor of a wait set", sim_self_name());
}

int myl_bell_fd(const struct myl_bell *bell)
{
    (void)bell;
    no_bell();
    return -1;
}

void myl_bell_arm(struct myl_bell *bell, const struct myl_os_park_word *words, uint32_t count,
                  struct myl_deadline until)
{
    (void)bell;
    (void)words;
    (void)count;
    (void)until;
    no_bell();
}

void myl_bell_disarm(struct myl_bell *bell)
{
    (void)bell;
    no_bell();
}

void myl_bell_forked(struct myl_bell *bell)
{
    (void)bell;
    no_bell();
}

void myl_bell_end(struct myl_bell *bell)
{
    (void)bell;
    no_bell();
}
