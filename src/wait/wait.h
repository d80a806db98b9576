/* SPDX-License-Identifier: MIT
 * The wait loop of all handles: spin, yield, then park or sleep, with timeout, interruption and periodic liveness
 * checks. docs/waiting.md. */
#ifndef MYL_WAIT_WAIT_H
#define MYL_WAIT_WAIT_H

#include <myelon/wait.h>

#include "base/deadline.h"
#include "wait/park.h"

#include <stdbool.h>

struct myl_waiter {
    enum myl_wait_strategy strategy;
    uint32_t yields;
    int64_t spin_ns;           /* length of a spin; adaptive: the longest */
    int64_t budget_ns;         /* adaptive: length of the next spin */
    int64_t sleep_ns;
    int ends_at_signal;        /* MYL_SIGNAL_INTERRUPT */
    /* Time of the next liveness check, and the interval after it, at the end of the last wait; 0: its result was not
     * retryable. So many short waits check as often as one long wait. */
    int64_t due, due_interval;
    myl_au32 interrupted;      /* set by other threads and by signal handlers of this process */
};

/* One wait: its condition, its checks and its park word. */
struct myl_wait_site {
    void *context;
    /* MYL_OK: the condition holds; MYL_EAGAIN: not yet; any other result ends the wait. Called in loops. */
    int (*ready)(void *context);
    /* The liveness check. Called after liveness_ns; the interval doubles up to liveness_most_ns. MYL_EAGAIN: wait on;
     * any other result ends the wait. May make system calls. It must pass on each result of `ready` but MYL_EAGAIN:
     * `ready` may not return it a second time. */
    int (*overdue)(void *context);
    /* May be NULL. Called before the first park: counts, and announces what is needed. */
    void (*before_park)(void *context);
    /* Records the sentence of a timeout: the condition, the duration, the blocker. Returns MYL_ETIMEDOUT. */
    int (*timed_out)(void *context, int64_t timeout_ns);
    int64_t liveness_ns, liveness_most_ns;
    /* NULL, or the time of the next liveness check, for a wait with a schedule of its own. */
    int64_t (*next_check)(void *context);
    struct myl_park_word *park; /* NULL: never park */
    enum myl_park_mode mode;
    const struct myl_parkers *parkers; /* not NULL: park on these words instead, if `park` is not NULL */
};

/* A handle as one of several that a wait is for (src/waitset). Its calls are made by the handle's thread; what they
 * find remains until a call of the handle has returned it. */
struct myl_wait_source {
    void *context;
    /* Would a call of the handle that does not wait return something other than MYL_EAGAIN? */
    bool (*ready)(void *context);
    /* The liveness check. Returns true if it found something: then the source is ready. */
    bool (*overdue)(void *context);
    /* As in a wait that is for this handle only: after its first checks, before its first park, and at its end.
     * `ready`: it was ready then. Each may be NULL. */
    void (*begin)(void *context);
    void (*before_park)(void *context);
    void (*end)(void *context, bool ready);
    const int64_t *liveness_ns, *liveness_most_ns; /* of the handle, which may change them */
    struct myl_park_word *park; /* NULL: its ring has no parking */
    enum myl_park_mode mode;
};

/* Records that a signal handler ran during a wait. Returns MYL_EINTERRUPTED. */
int myl_wait_signalled(void);
int myl_waiter_set_up(struct myl_waiter *waiter, const myl_wait_options *options);
/* Waits for the condition. The caller has checked it once. Starts the timeout if it is not started yet. */
int myl_wait(struct myl_waiter *waiter, const struct myl_wait_site *site, struct myl_timeout *timeout);
/* Returns MYL_EINTERRUPTED once per interruption, else MYL_EAGAIN. */
int myl_wait_interrupted(struct myl_waiter *waiter);
/* Has an earlier wait of the same call used up the timeout? */
bool myl_timeout_is_over(const struct myl_timeout *timeout);
void myl_waiter_interrupt(struct myl_waiter *waiter, struct myl_park_word *park);

#endif
