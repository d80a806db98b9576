/* SPDX-License-Identifier: MIT
 * Medians and percentiles. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Both functions sort `values` and return 0 if `count` is 0. The median of an even count is the mean of the two middle
 * values. */
double bench_median(double *values, size_t count);
/* Returns the value at rank count * percent / 100. */
uint64_t bench_percentile(uint64_t *values, size_t count, double percent);

#endif
