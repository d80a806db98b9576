/* SPDX-License-Identifier: MIT
 * The observer's handle. */
#ifndef MYL_RING_OBSERVER_H
#define MYL_RING_OBSERVER_H

#include "ring/consumer.h"

struct myl_observer {
    struct myl_handle handle;
    uint64_t next;             /* first sequence neither read nor lost */
    uint64_t known; /* events: published up to here, and a publish ended here */
    enum myl_on_death on_death;
    int64_t liveness_ns, liveness_most_ns;
};

/* Opens into a zeroed handle, with checked options; on failure nothing is left to close. */
int myl_observer_start(struct myl_observer *observer, const char *name, const myl_consumer_options *options,
                       uint32_t kind, uint32_t lane);
/* `read` makes one attempt: MYL_OK, MYL_EAGAIN, or what ends the wait. */
int myl_observer_wait(struct myl_observer *observer, int (*read)(void *context), void *context, int64_t timeout_ns);
/* No stamp at `at`, and the gate is not beyond it: why? MYL_OK: there is one by now. */
int myl_observer_nothing_there(const struct myl_observer *observer, uint64_t at);

#endif
