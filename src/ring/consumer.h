/* SPDX-License-Identifier: MIT
 * A consumer's waits, for the layers above. */
#ifndef MYL_RING_CONSUMER_H
#define MYL_RING_CONSUMER_H

#include "ring/state.h"

/* Moves hot.next to `next`, the position of an event or record: later leases are given back. Does nothing in a fork
 * child's copy. */
void myl_consumer_seek(struct myl_consumer *consumer, uint64_t next);

/* The next five calls are the parts of a wait, for a handle that waits in several lanes at once. */
/* Checks for an event at hot.next. MYL_OK: it is published; MYL_EAGAIN: not yet; else the result that ends the wait. */
int myl_consumer_check(struct myl_consumer *consumer);
/* Called at intervals: announces the wait and detects damage. MYL_EAGAIN: wait on. */
int myl_consumer_overdue(struct myl_consumer *consumer);
/* MYL_ELEASED: the producer is blocked by leases of this consumer. */
int myl_consumer_may_wait(const struct myl_consumer *consumer);
void myl_consumer_before_park(struct myl_consumer *consumer);
void myl_consumer_end_wait(struct myl_consumer *consumer, int rc);
/* A complete wait. MYL_OK: the event at hot.next is published. Other results as myl_consumer_next. */
int myl_consumer_wait(struct myl_consumer *consumer, struct myl_timeout *timeout);
/* Wakes the producer if it sleeps and this consumer's releases have made the room that it needs. Before each wait. */
void myl_consumer_wake_producer(struct myl_consumer *consumer);

/* As one of several that a wait is for: the calls of struct myl_wait_source. */
bool myl_consumer_is_ready(struct myl_consumer *consumer);
bool myl_consumer_is_overdue(struct myl_consumer *consumer);
void myl_consumer_begin(struct myl_consumer *consumer);
void myl_consumer_source(struct myl_consumer *consumer, struct myl_wait_source *source);

#endif
