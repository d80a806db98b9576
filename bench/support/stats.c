/* SPDX-License-Identifier: MIT
 * Medians and percentiles. */
#include "stats.h"

#include <stdlib.h>

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof values[0], compare_double);
    double upper = values[count / 2];
    return count % 2 != 0 ? upper : (values[count / 2 - 1] + upper) / 2;
}

uint64_t bench_percentile(uint64_t *values, size_t count, double percent)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof values[0], compare_u64);
    size_t rank = (size_t)((double)count * percent / 100.0);
    return values[rank < count ? rank : count - 1];
}
