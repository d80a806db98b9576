/* SPDX-License-Identifier: MIT
 * Baseline lmax_cursor: a ring like the LMAX Disruptor, with one producer and one consumer. Two cursors, each in a
 * cache line of its own, hold the first sequence that is not published and the first that is not consumed. The producer
 * has a copy of the consumer's cursor and loads it again only when the copy leaves no room. The consumer reads all
 * published events, then stores its cursor once. Slots have no stamp. 56-byte events take 64 bytes; 16-byte events are
 * packed. */
#include "ring.h"

#include "clock.h"

struct cursor_ring {
    _Alignas(BENCH_LINE) uint64_t published;
    _Alignas(BENCH_LINE) uint64_t consumed;
    _Alignas(4096) unsigned char slots[];
};

static unsigned slot_bytes(unsigned words)
{
    return words == 2 ? 16 : (words * 8 + 63) / 64 * 64;
}

static uint64_t slots(const struct ring_shape *shape)
{
    return shape->slots != 0 ? shape->slots : shape->capacity;
}

size_t cursor_bytes(const struct ring_shape *shape)
{
    return sizeof(struct cursor_ring) + slots(shape) * slot_bytes(shape->words);
}

RING_INLINE void produce(struct cursor_ring *ring, const struct ring_job *job, unsigned words, unsigned slot,
                         uint64_t batch)
{
    uint64_t capacity = slots(job->shape), mask = capacity - 1, total = job->total, gate = 0;
    for (uint64_t next = 0; next < total;) {
        uint64_t count = total - next < batch ? total - next : batch;
        while (next + count - gate > capacity) {
            gate = ring_load(&ring->consumed);
            if (next + count - gate > capacity)
                bench_pause();
        }
        for (uint64_t end = next + count; next < end; next++)
            payload_write(ring->slots + (next & mask) * slot, next, words);
        ring_store(&ring->published, next);
    }
}

RING_INLINE void consume(struct cursor_ring *ring, const struct ring_job *job, struct ring_meter *meter, unsigned words,
                         unsigned slot)
{
    uint64_t mask = slots(job->shape) - 1, total = job->total, next = 0, sum = 0;
    while (next < total) {
        uint64_t end = ring_load(&ring->published);
        if (end == next) {
            bench_pause();
            continue;
        }
        uint64_t first = next;
        for (; next < end; next++)
            sum += payload_sum(ring->slots + (next & mask) * slot, words);
        ring_store(&ring->consumed, next);
        ring_meter_note(meter, next - first);
    }
    meter->sum = sum;
}

void cursor_produce(struct bench_stage *stage, int self, const void *argument)
{
    (void)self;
    const struct ring_job *job = argument;
    uint64_t batch = job->shape->batch;
    bench_meet(stage, 2);
    switch (job->shape->words) {
    case 2:
        batch == 1 ? produce(job->memory, job, 2, 16, 1) : produce(job->memory, job, 2, 16, batch);
        break;
    case 7:
        batch == 1 ? produce(job->memory, job, 7, 64, 1) : produce(job->memory, job, 7, 64, batch);
        break;
    default:
        produce(job->memory, job, 127, 1024, batch);
    }
}

void cursor_consume(struct bench_stage *stage, int self, const void *argument)
{
    const struct ring_job *job = argument;
    struct ring_meter meter = {.warm = job->warm};
    bench_meet(stage, 2);
    switch (job->shape->words) {
    case 2:
        consume(job->memory, job, &meter, 2, 16);
        break;
    case 7:
        consume(job->memory, job, &meter, 7, 64);
        break;
    default:
        consume(job->memory, job, &meter, 127, 1024);
    }
    ring_meter_finish(&meter, job, stage, self);
}
