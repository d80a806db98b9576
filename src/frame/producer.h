/* SPDX-License-Identifier: MIT
 * The handle of a producer of frames. */
#ifndef MYL_FRAME_PRODUCER_H
#define MYL_FRAME_PRODUCER_H

#include <myelon/frame.h>

#include "frame/copy.h"
#include "ring/state.h"

struct myl_frame_producer {
    struct myl_i_frame_producer_hot hot; /* first: the inline paths cast to it */
    struct myl_producer ring;
    uint64_t messages;         /* begun so far in a numbered ring: the number of the next one */
    uint64_t fragmented;       /* messages that this producer sent in fragments */
    unsigned count;            /* which of control->count is valid for hot.next */
    int timed;
    struct myl_copier copier;
};

/* Waits for the room of a record of `cells` after the last published one. */
int myl_frame_room(struct myl_frame_producer *producer, uint64_t cells, struct myl_timeout *timeout);
/* Returns in *cells the room that a message of `bytes` needs, beside what is published. MYL_ETOOBIG: more than the ring
 * or its messages have. */
int myl_frame_need(struct myl_frame_producer *producer, uint64_t bytes, uint64_t *cells);
/* Publishes an abort record: the message before it stays incomplete. Only if there is room. */
void myl_frame_give_up(struct myl_frame_producer *producer);

#endif
