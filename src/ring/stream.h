/* SPDX-License-Identifier: MIT
 * Following a stream of publishes. */
#ifndef MYL_RING_STREAM_H
#define MYL_RING_STREAM_H

#include "ring/state.h"

#include <stdbool.h>

/* Checks `next` if the consumer follows a stream. 1: hot.known is beyond hot.next. 0: check the stamp. */
bool myl_stream_poll(struct myl_consumer *consumer, int may_wait);
/* Called once per quarter of the ring. Starts the mode for a stream in which no check ever finds nothing. */
void myl_stream_check(struct myl_consumer *consumer);

#endif
