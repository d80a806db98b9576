/* SPDX-License-Identifier: MIT
 * Opening and closing a producer. */
#ifndef MYL_RING_PRODUCER_OPEN_H
#define MYL_RING_PRODUCER_OPEN_H

#include "ring/shape.h"

/* Opens into a zeroed handle. On failure nothing is left to close. */
int myl_producer_start(struct myl_producer *producer, const char *name, const myl_ring_options *o,
                       const struct myl_shape *shape);
/* Leaves, or closes the stream if `end`, without freeing the handle. */
void myl_producer_stop(struct myl_producer *producer, int end);

#endif
