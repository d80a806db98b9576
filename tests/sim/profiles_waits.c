/* SPDX-License-Identifier: MIT
 * The worlds of interruptions, of activity notices and of wait sets. */
#include "profiles.h"

void profile_interrupt(struct world *w)
{
    w->conditions.rate[SIM_SIGNAL] = (unsigned)DICE_OF(60, 600, 4000);
    for (unsigned i = 0; i < w->roles; i++) {
        struct role *role = &w->role[i];
        unsigned how = 1 + dice(3);
        role->by_signal = (how & 1U) != 0;
        role->by_thread = (how & 2U) != 0;
        if (dice(2) == 0)
            role->strategy = MYL_WAIT_BLOCK;
    }
}

void profile_interrupted(struct world *w)
{
    profile_usual(w, dice(3) == 0 ? KILLS : NOTHING);
    if (dice(3) == 0)
        (void)world_add(w, ROLE_OBSERVER);
    profile_interrupt(w);
}

/* The same, with all participants parked: a missed wake means a long sleep. */
void profile_interrupted_asleep(struct world *w)
{
    profile_usual(w, NOTHING);
    w->packed_cell = 0;
    w->capacity = 2;
    w->batch = 1;
    w->conditions.rate[SIM_TICK] = 0;
    profile_all_resume(w);
    profile_interrupt(w);
    profile_all_block(w);
}

void profile_notices(struct world *w)
{
    for (unsigned i = 0; i < w->roles; i++)
        w->role[i].notices = 1;
    for (unsigned i = 0; i < 2; i++)
        world_add(w, ROLE_ONLOOKER)->checks = 60;
}

/* Notices are read at any moment, and dead participants leave partly written ones. */
void profile_activities(struct world *w)
{
    profile_usual(w, dice(3) == 0 ? KILLS : NOTHING);
    for (unsigned i = 1; i < w->roles; i++) {
        w->role[i].rejoins = dice(3);
        w->role[i].quota = 1 + dice(6);
    }
    profile_notices(w);
}

/* Required consumers set an activity deadline, and stop. */
void profile_activity(struct world *w)
{
    profile_required(w);
    for (unsigned i = 0; i < w->roles; i++)
        w->role[i].notices = 1;
}

/* Consumers wait through wait sets. */
void profile_sets(struct world *w)
{
    profile_usual(w, dice(3) == 0 ? KILLS : NOTHING);
    w->leaves = dice(3);
    w->never_closed = dice(4) == 0;
    for (unsigned i = 0; i < w->roles; i++) {
        struct role *role = &w->role[i];
        role->by_set = role->kind == ROLE_CONSUMER;
        if (dice(2) == 0)
            role->strategy = MYL_WAIT_BLOCK;
    }
}
