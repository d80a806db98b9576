/* SPDX-License-Identifier: MIT
 * Interruptions. A second thread and a signal handler of a role's process request them at any moment. A waiting call
 * reports an interruption exactly if one was requested that no call has reported yet. None is lost. Several requests
 * before a report count as one. */
#include "world.h"

#include "os/os.h"

void role_allow_interruptions(struct role *role, void (*call)(void *handle), void *handle)
{
    role->interruptions = (struct interruptions){.call = call, .handle = handle};
}

/* A handle must not be interrupted while it is closed: waits for interruptions in progress. */
void role_forbid_interruptions(struct role *role)
{
    role->interruptions.call = NULL;
    while (role->interruptions.inside > 0)
        myl_os_yield();
}

void role_interrupt(void *argument)
{
    struct role *role = argument;
    struct interruptions *i = &role->interruptions;
    unsigned answers = i->answers;
    if (i->call == NULL)
        return;
    i->inside++;
    i->possible = 1;
    sim_note("interrupts");
    i->call(i->handle);
    i->inside--;
    i->since_call = 1;
    if (i->answers == answers)
        i->certain = 1;
}

/* The second thread's program. */
void run_interrupting_thread(void *argument)
{
    while (!sim_is_calm()) {
        if (sim_draw(3) == 0)
            (void)myl_os_sleep(MYL_USEC(1) + (int64_t)sim_draw(300000));
        else
            myl_os_yield();
        role_interrupt(argument);
    }
}

void role_calls(struct role *role)
{
    role->interruptions.since_call = 0;
    role->interruptions.certain_before = role->interruptions.certain;
}

void role_has_called(struct role *role, int rc)
{
    struct interruptions *i = &role->interruptions;
    SIM_CHECK(rc != MYL_ETIMEDOUT || !i->certain_before, "interruption",
              "%s waited for its whole time-out, but it was interrupted before: the interruption is lost",
              sim_self_name());
    if (rc != MYL_EINTERRUPTED)
        return;
    SIM_CHECK(i->possible, "interruption", "%s reports an interruption that was not requested since the last report",
              sim_self_name());
    i->answers++;
    i->certain = 0;
    i->possible = i->inside > 0 || i->since_call; /* requested after the check that found the one before */
}
