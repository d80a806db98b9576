/* SPDX-License-Identifier: MIT
 * Output of a benchmark program: a table, one JSON object per line, and optionally a file of all samples. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "driver.h"
#include "repeat.h"

#include <stdio.h>

struct bench_report {
    FILE *table; /* stdout; stderr if JSON goes to stdout */
    FILE *json; /* NULL: not asked for */
    FILE *raw; /* NULL: not asked for */
    const struct bench_machine *machine;
};

void bench_report_begin(const struct bench_report *report);
/* Reports metric[m] of case `one` over its pairs. */
void bench_report_metric(const struct bench_report *report, const struct bench_case *one, int m,
                         const struct bench_pairs *pairs);
/* Reports a metric without a value: `what` is "skipped" or "failed". */
void bench_report_none(const struct bench_report *report, const struct bench_metric *metric, const char *what,
                       const char *why);

#endif
