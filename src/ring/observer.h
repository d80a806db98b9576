/* SPDX-License-Identifier: MIT
 * Opening an observer, and its waits, for the layers above. */
#ifndef MYL_RING_OBSERVER_H
#define MYL_RING_OBSERVER_H

#include "ring/attach.h"

/* Opens into a zeroed handle, with checked options. On failure nothing is left to close. */
int myl_observer_start(struct myl_observer *observer, const char *name, const myl_reader_options *options,
                       const struct myl_expectation *expected, uint32_t lane);
/* `read` makes one attempt. MYL_OK: read; MYL_EAGAIN: wait on; else the result that ends the wait. */
int myl_observer_wait(struct myl_observer *observer, int (*read)(void *context), void *context, int64_t timeout_ns);
/* Called if nothing is published at `at` and the gate is not beyond it. Returns MYL_OK if it has been published since,
 * MYL_EAGAIN if it may still be, else the reason why it never will be. */
int myl_observer_check_end_of_stream(const struct myl_observer *observer, uint64_t at);

/* As one of several that a wait is for. `read` is as in myl_observer_wait, and changes nothing that the program sees.
 * MYL_OK: there is something to read. */
bool myl_observer_is_ready(struct myl_observer *observer, int (*read)(void *context), void *context);
bool myl_observer_is_overdue(struct myl_observer *observer, int (*read)(void *context), void *context);
void myl_observer_source(struct myl_observer *observer, struct myl_wait_source *source);

#endif
