/* SPDX-License-Identifier: MIT
 * Medians and percentiles. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Both sort `values`. The mean of the two middle ones if `count` is even; 0 of nothing. */
double bench_median(double *values, size_t count);
/* `percent` of the samples are not larger than the result. 0 of nothing. */
uint64_t bench_percentile(uint64_t *values, size_t count, double percent);

#endif
