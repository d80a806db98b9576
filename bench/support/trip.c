/* SPDX-License-Identifier: MIT
 * Shared by the round-trip cases. */
#include "trip.h"

#include "clock.h"
#include "stats.h"

#include <stdlib.h>

static void store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void wait_for(const uint64_t *word, uint64_t value)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
        bench_pause();
}

void bench_lines_ask(struct bench_stage *stage, int self, const void *argument)
{
    (void)self;
    struct bench_lines *lines = (struct bench_lines *)(uintptr_t)argument;
    uint64_t rounds = lines->rounds;
    bench_meet(stage, 2);
    for (uint64_t i = 0; i < rounds; i++) {
        stage->samples[i] = bench_ticks();
        store(&lines->there, i + 1);
        wait_for(&lines->back, i + 1);
    }
    stage->samples[rounds] = bench_ticks();
}

void bench_lines_answer(struct bench_stage *stage, int self, const void *argument)
{
    (void)self;
    struct bench_lines *lines = (struct bench_lines *)(uintptr_t)argument;
    uint64_t rounds = lines->rounds;
    bench_meet(stage, 2);
    for (uint64_t i = 0; i < rounds; i++) {
        wait_for(&lines->there, i + 1);
        store(&lines->back, i + 1);
    }
}

void bench_trip_evaluate(struct bench_stage *stage, uint64_t rounds, uint64_t warm, unsigned group, double *median,
                         double *percentile)
{
    uint64_t *began = stage->samples + warm, count = rounds - warm, groups = count / group;
    double ns = bench_ns_per_tick();
    uint64_t *time = malloc(groups * sizeof *time + 1);
    if (time == NULL)
        return;
    for (uint64_t i = 0; i < groups; i++)
        time[i] = began[(i + 1) * group] - began[i * group];
    *median = (double)bench_percentile(time, groups, 50) * ns / group;
    free(time);
    for (uint64_t i = 0; i < count; i++)
        began[i] = began[i + 1] - began[i];
    *percentile = (double)bench_percentile(began, count, 99) * ns;
}
