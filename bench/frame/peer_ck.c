/* SPDX-License-Identifier: MIT
 * Peer ck_ring (Concurrency Kit): a ring of pointers for one producer and one consumer; the payload is in a pool. */
#include "pool.h"

#include <ck_ring.h>

struct channel {
    ck_ring_t ring;
    _Alignas(4096) unsigned char rest[]; /* the ring's entries, then the pool */
};

struct ck_end {
    const struct frame_job *job;
    struct channel *channel;
    ck_ring_buffer_t *entries;
    struct pool pool;
};

static size_t entries_bytes(const struct frame_shape *shape)
{
    return (shape->depth * sizeof(ck_ring_buffer_t) + 4095) / 4096 * 4096;
}

static void *ck_make(const struct frame_job *job, struct bench_stage *stage, int number)
{
    (void)stage, (void)number;
    const struct frame_shape *shape = job->shape;
    struct channel *channel =
        frame_share(sizeof *channel + entries_bytes(shape) + pool_slots(shape) * pool_slot(shape));
    if (channel != NULL)
        ck_ring_init(&channel->ring, (unsigned)shape->depth);
    return channel;
}

static void *ck_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends)
{
    (void)sends;
    struct ck_end *end = frame_buffer(stage, self, sizeof *end);
    frame_touch(channel);
    end->job = job;
    end->channel = channel;
    end->entries = (ck_ring_buffer_t *)(void *)end->channel->rest;
    end->pool = pool_of(end->channel->rest + entries_bytes(job->shape), job->shape);
    return end;
}

FRAME_INLINE void *ck_claim(void *sender, size_t bytes)
{
    (void)bytes;
    return ((struct ck_end *)sender)->pool.at;
}

FRAME_INLINE void put(struct ck_end *end, void *message)
{
    unsigned polls = 0;
    while (!ck_ring_enqueue_spsc(&end->channel->ring, end->entries, message))
        frame_idle(end->job, &polls);
}

FRAME_INLINE void ck_commit(void *sender, size_t bytes)
{
    (void)bytes;
    struct ck_end *end = sender;
    put(end, end->pool.at);
    pool_step(&end->pool);
}

FRAME_INLINE const void *ck_next(void *receiver, size_t bytes)
{
    (void)bytes;
    struct ck_end *end = receiver;
    void *message;
    unsigned polls = 0;
    while (!ck_ring_dequeue_spsc(&end->channel->ring, end->entries, &message))
        frame_idle(end->job, &polls);
    return message;
}

FRAME_INLINE void ck_release(void *receiver)
{
    (void)receiver;
}

static const struct frame_ops ck_ops = {.open = ck_open,
                                        .claim = ck_claim,
                                        .commit = ck_commit,
                                        .next = ck_next,
                                        .release = ck_release};
FRAME_PARTICIPANTS(ck)

/* One ring per consumer, and one pool for all: the pool of the first channel. */
static void ck_fan(struct bench_stage *stage, int self, const void *argument)
{
    const struct frame_job *job = argument;
    int count = job->shape->consumers;
    size_t bytes = job->shape->bytes;
    struct ck_end *end[FRAME_CONSUMERS];
    frame_clear_marks(stage->mark);
    for (int i = 0; i < count; i++)
        end[i] = ck_open(job->channel[i], job, stage, self, 1);
    frame_meet_opened(stage, job, 1);
    frame_meet_opened(stage, job, 2);
    struct pool *pool = &end[0]->pool;
    uint64_t begin = bench_ticks();
    for (uint64_t number = 0, last = 0; !last; number++) {
        if ((number & 15) == 0)
            last = (uint64_t)frame_clock(job, stage->mark, begin, number);
        frame_write(pool->at, number, bytes);
        for (int i = 0; i < count; i++)
            put(end[i], pool->at);
        pool_step(pool);
    }
    frame_meet_opened(stage, job, 3);
}

const struct frame_peer frame_ck = {.name = "ck_ring",
                                    .make = ck_make,
                                    .drop = frame_unshare,
                                    FRAME_OF(ck),
                                    .fan = ck_fan};
