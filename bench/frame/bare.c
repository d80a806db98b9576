/* SPDX-License-Identifier: MIT
 * Baseline bare_loop: a hand-written loop over slots in shared memory. Each slot is a stamp in a cache line of its own,
 * then the payload. The consumer stores its cursor when the ring is empty or when it has read an eighth of the ring.
 * There are no handles, no registration and no lengths: the difference to the library is the library's overhead. */
#include "loops.h"

struct bare {
    _Alignas(BENCH_LINE) uint64_t cursor;
    _Alignas(4096) unsigned char slots[];
};

struct bare_end {
    const struct frame_job *job;
    struct bare *ring;
    size_t slot;
    uint64_t mask, next;
    uint64_t limit; /* the cursor's value: as last loaded by the producer, as last stored by the consumer */
    uint64_t drain;
};

static size_t slot_bytes(const struct frame_shape *shape)
{
    return 64 + (shape->bytes + 63) / 64 * 64;
}

static size_t ring_bytes(const struct frame_shape *shape)
{
    return sizeof(struct bare) + shape->depth * slot_bytes(shape);
}

static void *bare_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)stage, (void)channel;
    return frame_share(ring_bytes(job->shape));
}

static void *bare_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends)
{
    (void)sends;
    struct bare_end *end = frame_buffer(stage, self, sizeof *end);
    uint64_t depth = job->shape->depth;
    *end = (struct bare_end){.job = job, .ring = channel, .slot = slot_bytes(job->shape), .mask = depth - 1};
    end->drain = job->trip || depth < 8 ? 1 : depth / 8;
    frame_touch(channel);
    return end;
}

FRAME_INLINE unsigned char *slot_of(struct bare_end *end)
{
    return end->ring->slots + (end->next & end->mask) * end->slot;
}

FRAME_INLINE void *bare_claim(void *sender, size_t bytes)
{
    (void)bytes;
    struct bare_end *end = sender;
    unsigned polls = 0;
    while (end->next - end->limit > end->mask) {
        end->limit = frame_load(&end->ring->cursor);
        if (end->next - end->limit > end->mask)
            frame_idle(end->job, &polls);
    }
    return slot_of(end) + 64;
}

FRAME_INLINE void bare_commit(void *sender, size_t bytes)
{
    (void)bytes;
    struct bare_end *end = sender;
    uint64_t *stamp = (uint64_t *)(void *)slot_of(end);
    frame_store(stamp, ++end->next);
}

FRAME_INLINE const void *bare_next(void *receiver, size_t bytes)
{
    (void)bytes;
    struct bare_end *end = receiver;
    const unsigned char *slot = slot_of(end);
    const uint64_t *stamp = (const uint64_t *)(const void *)slot;
    unsigned polls = 0;
    while (frame_load(stamp) != end->next + 1) {
        if (end->limit != end->next)
            frame_store(&end->ring->cursor, end->limit = end->next);
        else
            frame_idle(end->job, &polls);
    }
    return slot + 64;
}

FRAME_INLINE void bare_release(void *receiver)
{
    struct bare_end *end = receiver;
    if (++end->next - end->limit >= end->drain)
        frame_store(&end->ring->cursor, end->limit = end->next);
}

static const struct frame_ops bare_ops = {.open = bare_open,
                                          .claim = bare_claim,
                                          .commit = bare_commit,
                                          .next = bare_next,
                                          .release = bare_release};
FRAME_PARTICIPANTS(bare)

const struct frame_peer frame_bare = {.name = "bare_loop", .make = bare_make, .drop = frame_unshare, FRAME_OF(bare)};
