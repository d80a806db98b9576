/* SPDX-License-Identifier: MIT
 * Opening and closing a consumer. */
#ifndef MYL_RING_CONSUMER_OPEN_H
#define MYL_RING_CONSUMER_OPEN_H

#include "ring/attach.h"

typedef int myl_prepare(struct myl_consumer *consumer, const void *context);
/* Opens into a zeroed handle, with checked options. On failure nothing is left to close. `prepare` (may be NULL)
 * allocates what the layer above needs, and may fail. It runs before the join, once per attempt. */
int myl_consumer_start(struct myl_consumer *consumer, const char *name, const myl_reader_options *options,
                       const struct myl_expectation *expected, myl_prepare *prepare, const void *context);
/* Joins another lane of the ring of `first`, under the same id. Lanes are closed in reverse order, lane 0 last.
 * MYL_OUTCOME_REPLACED: the ring was replaced in the meantime. On failure nothing is left to close. */
int myl_consumer_start_lane(struct myl_consumer *consumer, const struct myl_consumer *first, uint32_t lane,
                            const myl_reader_options *options, myl_prepare *prepare, const void *context);
/* Undoes an open. Does not leave if that would give up unread events of the dead consumer whose entry it resumed. */
void myl_consumer_abandon(struct myl_consumer *consumer);
/* Leaves and closes without freeing the handle. */
void myl_consumer_stop(struct myl_consumer *consumer);

#endif
