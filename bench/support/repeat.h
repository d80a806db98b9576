/* SPDX-License-Identifier: MIT
 * Repeats a case. One pair is one measurement of each side (two or more), one directly after the other. */
#ifndef BENCH_REPEAT_H
#define BENCH_REPEAT_H

#include "driver.h"

enum { BENCH_PAIRS = 256 };

/* Placement of the two CPUs during a pair: on two cores, on one core, or changed. */
enum bench_place { BENCH_ANYWHERE, BENCH_APART, BENCH_TOGETHER, BENCH_MOVED };

struct bench_pair {
    double value[BENCH_SIDES][BENCH_METRICS];
    double line_least, line_most; /* bench_machine_line before, between and after the measurements */
    long preemptions; /* increase of bench_preemptions over all sides */
    enum bench_place place;
    int used;
};

struct bench_pairs {
    int count; /* all measured pairs */
    int used; /* the pairs from which the figures are computed */
    enum bench_place place; /* placement of the used pairs */
    double line; /* median of line_least of the used pairs */
    struct bench_rivals rivals;
    struct bench_pair pair[BENCH_PAIRS];
};

/* Measures until enough pairs have the best placement (two cores) or the time budget is used up. Then marks the pairs
 * that are used. */
enum bench_outcome bench_repeat(const struct bench_case *one, const struct bench_context *context,
                                struct bench_pairs *pairs);

const char *bench_place_name(enum bench_place place);

#endif
