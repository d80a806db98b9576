/* SPDX-License-Identifier: MIT
 * Repeating a case: pairs of measurements next to each other, ours and what it is held against (and whoever else the
 * case measures: a pair is one turn of all). */
#ifndef BENCH_REPEAT_H
#define BENCH_REPEAT_H

#include "driver.h"

enum { BENCH_PAIRS = 96 };

/* Where the two CPUs sat: on two cores, on one, or they moved. */
enum bench_place { BENCH_ANYWHERE, BENCH_APART, BENCH_TOGETHER, BENCH_MOVED };

struct bench_pair {
    double value[BENCH_SIDES][BENCH_METRICS];
    double line_least, line_most; /* bench_machine_line before, between and after */
    long pushed; /* bench_pushed of all sides */
    enum bench_place place;
    int used;
};

struct bench_pairs {
    int count; /* all that were measured */
    int used; /* those that the figures are made of */
    enum bench_place place; /* of those */
    double line; /* median of their line_least */
    struct bench_rivals rivals;
    struct bench_pair pair[BENCH_PAIRS];
};

/* Measures until enough pairs sat alike, preferably on two cores, or patience ends; then marks which ones count. */
enum bench_outcome bench_repeat(const struct bench_case *one, const struct bench_context *context,
                                struct bench_pairs *pairs);

const char *bench_place_name(enum bench_place place);

#endif
