/* SPDX-License-Identifier: MIT
 * One waiting loop for everybody: spin, yield, then park or sleep, with time-out, interruption and a regular question
 * after the other side's life. docs/waiting.md. */
#ifndef MYL_RING_WAIT_H
#define MYL_RING_WAIT_H

#include <myelon/wait.h>

#include "ring/park.h"

struct myl_waiter {
    enum myl_wait_strategy strategy;
    uint32_t yields;
    int64_t spin_ns;           /* adaptive: the most */
    int64_t budget_ns;         /* adaptive: what the next spin may take */
    int64_t sleep_ns;
    /* When the next question after the other side's life was due as the last wait ran out of time, or told that the
     * producer is gone; 0: it did neither. So that many short waits ask as often as a long one. */
    int64_t due, due_interval;
    myl_au32 interrupted;      /* this process's; set from other threads and signal handlers */
};

/* What is waited for. */
struct myl_wait_site {
    void *context;
    /* MYL_OK: there; MYL_EAGAIN: not yet; anything else ends the wait with that result. Called in loops. */
    int (*ready)(void *context);
    /* Every liveness_ns, twice as long each time up to liveness_most_ns: MYL_EAGAIN to wait on, else the result. May
     * take system calls. If it asks `ready` on its way, that answer is the result: it may not come a second time. */
    int (*overdue)(void *context);
    /* May be NULL. Called when the wait goes to sleep for the first time: counting, and announcing what is needed. */
    void (*before_park)(void *context);
    int64_t liveness_ns, liveness_most_ns;
    struct myl_park_word *park; /* NULL: never park */
    enum myl_park_mode mode;
};

/* When a wait that begins at `now` ends; INT64_MAX: never. A negative time that is not MYL_FOREVER is over. */
static inline int64_t myl_deadline(int64_t now, int64_t timeout_ns)
{
    if (timeout_ns == MYL_FOREVER || timeout_ns > INT64_MAX - now)
        return INT64_MAX;
    return timeout_ns > 0 ? now + timeout_ns : now;
}

int myl_waiter_set_up(struct myl_waiter *waiter, const myl_wait_options *options);
/* Waits; the first look at ready() is the caller's. */
int myl_wait(struct myl_waiter *waiter, const struct myl_wait_site *site, int64_t timeout_ns);
void myl_waiter_interrupt(struct myl_waiter *waiter, struct myl_park_word *park);

#endif
