/* SPDX-License-Identifier: MIT
 * The handle of a producer of frames. */
#ifndef MYL_FRAME_PRODUCER_H
#define MYL_FRAME_PRODUCER_H

#include "frame/copy.h"
#include "frame/frame.h"
#include "ring/producer.h"

struct myl_frame_producer {
    struct myl_i_frame_producer_hot hot; /* first: the inline paths cast to it */
    struct myl_producer ring;
    uint64_t messages;         /* begun so far in a numbered ring: the number of the next one */
    uint64_t fragmented;       /* messages that this producer sent in fragments */
    unsigned count;            /* which of control->count says what stands */
    int timed;
    struct myl_copier copier;
};

/* Makes sure that a record of `cells` may be written behind what is published. */
int myl_frame_room(struct myl_frame_producer *producer, uint64_t cells, int64_t timeout_ns);
/* Writes a record without payload that says: the message before it will not be whole. Only if there is room. */
void myl_frame_give_up(struct myl_frame_producer *producer);

#endif
