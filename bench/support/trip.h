/* SPDX-License-Identifier: MIT
 * Shared by the round-trip cases: the evaluation of samples, and baseline two_lines. That baseline passes a number back
 * and forth in two cache lines: the lowest round-trip time that the machine allows. */
#ifndef BENCH_TRIP_H
#define BENCH_TRIP_H

#include "participant.h"

struct bench_lines {
    _Alignas(BENCH_LINE) uint64_t there;
    _Alignas(BENCH_LINE) uint64_t back;
    uint64_t rounds; /* set before the participants are forked */
};

/* Participants for bench_run; the argument is the shared struct bench_lines. Samples: see bench_trip_evaluate. */
void bench_lines_ask(struct bench_stage *stage, int self, const void *argument);
void bench_lines_answer(struct bench_stage *stage, int self, const void *argument);

/* Computes median and 99th percentile of a round trip, in ns. samples[i] is bench_ticks at the start of round trip i,
 * samples[rounds] at the end of the last one. The first `warm` round trips are not counted. The median is taken over
 * groups of `group` round trips, because some counters have a resolution of ten nanoseconds only. The percentile is
 * taken over single round trips. Overwrites the samples. */
void bench_trip_evaluate(struct bench_stage *stage, uint64_t rounds, uint64_t warm, unsigned group, double *median,
                         double *percentile);

#endif
