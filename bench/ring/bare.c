/* SPDX-License-Identifier: MIT
 * Baseline bare_loop: the library's 64-byte cells (stamp and 56 bytes of payload) in a hand-written loop over shared
 * memory, without handles, registration or other consumers. The difference to the library is the library's overhead. */
#include "ring.h"

#include "clock.h"

enum { WORDS = 7, CELL = 64 };

struct bare_ring {
    _Alignas(BENCH_LINE) uint64_t cursor;
    _Alignas(4096) unsigned char cells[];
};

size_t bare_bytes(const struct ring_shape *shape)
{
    return sizeof(struct bare_ring) + shape->capacity * CELL;
}

void bare_produce(struct bench_stage *stage, int self, const void *argument)
{
    (void)self;
    const struct ring_job *job = argument;
    struct bare_ring *ring = job->memory;
    uint64_t capacity = job->shape->capacity, mask = capacity - 1, total = job->total, gate = 0;
    bench_meet(stage, 2);
    for (uint64_t next = 0; next < total; next++) {
        while (next - gate >= capacity) {
            gate = ring_load(&ring->cursor);
            if (next - gate >= capacity)
                bench_pause();
        }
        uint64_t *cell = (uint64_t *)(void *)(ring->cells + (next & mask) * CELL);
        payload_write(cell + 1, next, WORDS);
        ring_store(cell, next + 1);
    }
}

void bare_consume(struct bench_stage *stage, int self, const void *argument)
{
    const struct ring_job *job = argument;
    struct bare_ring *ring = job->memory;
    struct ring_meter meter = {.warm = job->warm};
    uint64_t mask = job->shape->capacity - 1, drain = ring_drain(job->shape), next = 0, released = 0, sum = 0;
    bench_meet(stage, 2);
    while (next < job->total) {
        const uint64_t *cell = (const uint64_t *)(const void *)(ring->cells + (next & mask) * CELL);
        int empty = ring_load(cell) != next + 1;
        if (!empty) {
            sum += payload_sum(cell + 1, WORDS);
            next++;
        }
        if (next != released && (empty || next - released >= drain)) {
            ring_store(&ring->cursor, next);
            ring_meter_note(&meter, next - released);
            released = next;
        } else if (empty) {
            bench_pause();
        }
    }
    ring_store(&ring->cursor, next);
    ring_meter_note(&meter, next - released);
    meter.sum = sum;
    ring_meter_finish(&meter, job, stage, self);
}
