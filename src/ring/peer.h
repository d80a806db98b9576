/* SPDX-License-Identifier: MIT
 * The state of the producer, for consumers and observers. */
#ifndef MYL_RING_PEER_H
#define MYL_RING_PEER_H

#include "segment/segment.h"

#include <myelon/liveness.h>

#include <stdbool.h>

/* Checks whether the producer is alive, for a wait for event `next`. MYL_EAGAIN: it is, or a successor took over.
 * MYL_EPRODUCERLEFT: it left. MYL_EPRODUCERDEAD: it died. MYL_ELOCKLOST: this handle cannot query locks. Otherwise the
 * result of `ready`. *asked: the epoch of that producer. models/close.pml, D1 to D4. */
int myl_ask_for_producer(const struct myl_segment *segment, uint64_t next, int (*ready)(void *context), void *context,
                         uint32_t *asked);
/* Has the producer left, and is its epoch not `reported`? Makes no system call. A successor may have taken over since;
 * confirm with myl_ask_for_producer. */
bool myl_producer_has_left(const struct myl_segment *segment, uint32_t reported);
/* Writes a phrase for error sentences: the producer's process, or that there is none. Makes no system call. Returns
 * `text`. */
#define MYL_PRODUCER_TEXT 64
const char *myl_producer_text(const struct myl_segment *segment, char text[MYL_PRODUCER_TEXT]);

/* Fills in `peer`, a structure of this library, which is 0. */
int myl_peer_take(struct myl_consumer *consumer, myl_peer *peer);
/* Copies it to the caller's. MYL_EOPTIONS: peer->size is wrong. */
int myl_peer_give(myl_peer *peer, const myl_peer *own);

#endif
