/* SPDX-License-Identifier: MIT
 * A pool of buffers for peers that pass pointers. The sender uses the buffers in turn. The ring of pointers is FIFO,
 * and a receiver holds a limited number of pointers. So the oldest buffer of the pool is always free, and no free list
 * is needed. Channels are mapped before the participants are forked, so that a pointer is valid in all of them. */
#ifndef BENCH_FRAME_POOL_H
#define BENCH_FRAME_POOL_H

#include "loops.h"

enum { POOL_BURST = 32 }; /* at most this number of pointers is enqueued or dequeued at once */

FRAME_INLINE size_t pool_slot(const struct frame_shape *shape)
{
    return (shape->bytes + 63) / 64 * 64;
}

/* Returns how many messages a receiver dequeues at once. Long messages are dequeued one at a time. */
FRAME_INLINE unsigned pool_most(const struct frame_shape *shape)
{
    return shape->bytes > 4096 ? 1 : POOL_BURST;
}

/* Returns the number of buffers: those in the ring, those held by the receiver, those written but not yet enqueued. A
 * larger pool would be slower, because fewer of its lines would be in a cache when they are written again. */
FRAME_INLINE uint64_t pool_slots(const struct frame_shape *shape)
{
    return shape->depth + 2 * pool_most(shape);
}

/* Returns how many messages are passed at once. A sender delays messages only if the case allows it; a receiver always
 * takes all that are available. */
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
