/* SPDX-License-Identifier: MIT
 * A producer's claims, for the layers above. */
#ifndef MYL_RING_PRODUCER_H
#define MYL_RING_PRODUCER_H

#include "ring/state.h"

/* Waits for room for `events` at hot.next. The ring must be able to hold them. */
int myl_producer_make_room(struct myl_producer *producer, uint64_t events, struct myl_timeout *timeout);
/* As myl_producer_claim_span; several claims share one timeout. */
int myl_producer_claim_within(struct myl_producer *producer, uint64_t wanted, myl_span *span,
                              struct myl_timeout *timeout);
/* The producer as one of several that a wait is for: until request->events can be claimed. Their number is checked as
 * in a claim; `request` belongs to the caller as long as `source`. */
int myl_producer_source(struct myl_room_request *request, struct myl_wait_source *source);

#endif
