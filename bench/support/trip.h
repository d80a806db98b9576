/* SPDX-License-Identifier: MIT
 * What round trips share: baseline two_lines, two bare cache lines that carry nothing but a number, which is what the
 * machine charges for any answer at all; and the evaluation of samples. */
#ifndef BENCH_TRIP_H
#define BENCH_TRIP_H

#include "party.h"

struct bench_lines {
    _Alignas(BENCH_LINE) uint64_t there;
    _Alignas(BENCH_LINE) uint64_t back;
    uint64_t rounds; /* set before the parties are forked */
};

/* Parties for bench_run; the argument is the shared struct bench_lines. Samples: as for bench_trip_evaluate. */
void bench_lines_ask(struct bench_stage *stage, int self, const void *argument);
void bench_lines_answer(struct bench_stage *stage, int self, const void *argument);

/* samples[0 .. rounds]: bench_ticks when each round trip began, and when the last one ended; the first `warm` do not
 * count. Counters tick in steps of ten nanoseconds on some machines, so the median is that of groups of `group` round
 * trips; the 99th percentile is that of single ones. Both in ns. Overwrites the samples. */
void bench_trip_evaluate(struct bench_stage *stage, uint64_t rounds, uint64_t warm, unsigned group, double *median,
                         double *percentile);

#endif
