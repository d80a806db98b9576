/* SPDX-License-Identifier: MIT
 * The private words that diverted inline calls read. */
#include "ring/divert.h"

#include "ring/cells.h"
#include "ring/state.h"

void myl_producer_divert(struct myl_producer *producer, enum myl_divert reason)
{
    struct myl_i_producer_hot *h = &producer->hot;
    if (reason == MYL_DIVERT_FENCE) {
        myl_store32_rlx(&producer->stand_in, 1); /* A41, private: each publish takes the slow path */
        h->park = &producer->stand_in;
        return;
    }
    h->end = 0; /* every claim finds no room */
    if (reason != MYL_DIVERT_FORKED)
        return;
    h->next = myl_published(producer);
    h->shared_next = &producer->no_next; /* publishing zero events stores no stamp */
    producer->stand_in.v = 0;
    h->park = &producer->stand_in;
}

void myl_producer_restore(struct myl_producer *producer, uint64_t end)
{
    producer->hot.end = end;
}

void myl_consumer_divert(struct myl_consumer *consumer, enum myl_divert reason)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    consumer->diverted |= reason;
    if (reason == MYL_DIVERT_STREAM) {
        h->front = &consumer->no_stamp;
        return;
    }
    h->lease.cell = (unsigned char *)&consumer->no_stamp; /* nothing is published */
    if (reason == MYL_DIVERT_PARTIAL)
        return;
    h->known = 0;
    h->front = NULL;
    consumer->no_generation.v = h->own_generation + 1; /* a release finds another generation */
    h->generation = &consumer->no_generation;
}

void myl_consumer_restore(struct myl_consumer *consumer, enum myl_divert reason)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    consumer->diverted &= ~(unsigned)reason;
    if (reason == MYL_DIVERT_STREAM)
        h->front = NULL;
    else
        h->lease = myl_iterator_at(&consumer->handle.segment, h->next);
}
