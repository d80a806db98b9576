/* SPDX-License-Identifier: MIT
 * Placement of the two CPUs: measures the round trip of a cache line between them. */
#define _GNU_SOURCE
#include "clock.h"
#include "machine.h"
#include "participant.h"
#include "stats.h"

#include <stdint.h>
#include <string.h>

enum { ROUNDS = 1500 };

struct lines {
    _Alignas(BENCH_LINE) uint64_t there;
    _Alignas(BENCH_LINE) uint64_t back;
};

static void answer(struct bench_stage *stage, int self, const void *argument)
{
    (void)stage, (void)self;
    struct lines *const *given = argument;
    struct lines *lines = *given;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        while (__atomic_load_n(&lines->there, __ATOMIC_ACQUIRE) != i)
            bench_pause();
        __atomic_store_n(&lines->back, i, __ATOMIC_RELEASE);
    }
}

static void ask(struct bench_stage *stage, int self, const void *argument)
{
    struct lines *const *given = argument;
    struct lines *lines = *given;
    uint64_t samples[ROUNDS];
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        uint64_t start = bench_ticks();
        __atomic_store_n(&lines->there, i, __ATOMIC_RELEASE);
        while (__atomic_load_n(&lines->back, __ATOMIC_ACQUIRE) != i)
            bench_pause();
        samples[i - 1] = bench_ticks() - start;
    }
    stage->result[self].value = (double)bench_percentile(samples, ROUNDS, 50) * bench_ns_per_tick();
}

double bench_machine_line(const struct bench_machine *machine)
{
    if (machine->cpus < 2)
        return 0;
    struct bench_stage *stage = bench_stage_open(0);
    struct lines *lines = bench_share(sizeof *lines);
    double line = 0;
    if (stage != NULL && lines != NULL) {
        struct bench_participant participant[2] = {{ask, &lines, machine->cpu[0]}, {answer, &lines, machine->cpu[1]}};
        if (bench_run(stage, participant, 2) == 0)
            line = stage->result[0].value;
    }
    bench_unshare(lines, sizeof *lines);
    bench_stage_close(stage);
    return line;
}
