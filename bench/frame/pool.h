/* SPDX-License-Identifier: MIT
 * Memory for peers that pass pointers: as many buffers as can be in use, taken in turn. A ring of pointers is first in,
 * first out, so a buffer is free again when its pointer was taken out and as many more as a receiver holds at a time;
 * that spares the peer a way back for empty buffers. Channels are mapped before the parties are forked: a pointer
 * means the same to all. */
#ifndef BENCH_FRAME_POOL_H
#define BENCH_FRAME_POOL_H

#include "loops.h"

enum { POOL_BURST = 32 }; /* the most pointers that are put in, or taken out, at once */

FRAME_INLINE size_t pool_slot(const struct frame_shape *shape)
{
    return (shape->bytes + 63) / 64 * 64;
}

/* Long messages are taken out one by one. */
FRAME_INLINE unsigned pool_most(const struct frame_shape *shape)
{
    return shape->bytes > 4096 ? 1 : POOL_BURST;
}

/* In the ring, held by the receiver, and written but not yet put in. No more: the more memory goes round, the less of
 * it is still in the receiver's cache when it is written again, which is quicker. */
FRAME_INLINE uint64_t pool_slots(const struct frame_shape *shape)
{
    return shape->depth + 2 * pool_most(shape);
}

/* A sender holds messages back only where the case says so; a receiver may always take all that is there. */
FRAME_INLINE unsigned pool_burst(const struct frame_job *job, int sends)
{
    if (sends)
        return job->shape->held_back ? POOL_BURST : 1;
    return job->trip ? 1 : pool_most(job->shape);
}

struct pool {
    unsigned char *at, *begin, *end;
    size_t slot;
};

FRAME_INLINE struct pool pool_of(unsigned char *memory, const struct frame_shape *shape)
{
    size_t slot = pool_slot(shape);
    return (struct pool){memory, memory, memory + slot * pool_slots(shape), slot};
}

FRAME_INLINE void pool_step(struct pool *pool)
{
    pool->at += pool->slot;
    if (pool->at == pool->end)
        pool->at = pool->begin;
}

#endif
