/* SPDX-License-Identifier: MIT
 * Diverting the inline calls of a handle to their slow paths. The inline calls need no extra branch: the words that
 * they read are replaced by private ones, which make each call take its slow path. The slow paths of a producer make
 * the same checks for each reason. A consumer stores its reasons, since some are withdrawn before others. */
#ifndef MYL_RING_DIVERT_H
#define MYL_RING_DIVERT_H

#include <stdint.h>

struct myl_consumer;
struct myl_producer;

enum myl_divert {
    MYL_DIVERT_FORKED = 1U,  /* a fork child's copy; never restored */
    /* producers */
    MYL_DIVERT_ROOM = 2U,    /* no room is known, or a call found none: claims check the gate */
    MYL_DIVERT_POLICY = 4U,  /* claims call the policy */
    MYL_DIVERT_FENCE = 8U,   /* the parkers' barrier does not reach this process: each publish runs a fence */
    /* consumers */
    MYL_DIVERT_STREAM = 16U, /* a stream is followed by `next` instead of stamps: stream.c */
    /* In the middle of a message that is longer than the ring; or records that belong to no message precede hot.next
     * and are released with the next message. */
    MYL_DIVERT_PARTIAL = 32U,
    MYL_DIVERT_LANES = 64U,  /* the handle reads several lanes */
};

void myl_producer_divert(struct myl_producer *producer, enum myl_divert reason);
/* Room up to `end` is known: claims below it take the inline path again. */
void myl_producer_restore(struct myl_producer *producer, uint64_t end);

void myl_consumer_divert(struct myl_consumer *consumer, enum myl_divert reason);
/* Withdraws a reason. The cell iterator is at hot.next afterwards. */
void myl_consumer_restore(struct myl_consumer *consumer, enum myl_divert reason);

#endif
