/* SPDX-License-Identifier: MIT
 * A benchmark program: a table of cases, each measuring ours and what it is held against in turn. */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include "machine.h"

enum { BENCH_METRICS = 3 };

enum bench_side { BENCH_OURS, BENCH_AGAINST };
enum bench_outcome { BENCH_DONE, BENCH_SKIPPED, BENCH_FAILED };

/* One figure of a case. */
struct bench_metric {
    const char *id;
    const char *unit;
    const char *better; /* "higher" or "lower" */
    const char *against; /* NULL: nothing to hold it against */
};

struct bench_context {
    const struct bench_machine *machine;
    int quick;
};

struct bench_case {
    const char *about; /* one line for --list */
    struct bench_metric metric[BENCH_METRICS]; /* measured together; the ones without id are none */
    const char *wait; /* how the parties wait, for the record */
    int cpus; /* so many CPUs are needed for it to mean anything; 2: where they sit matters */
    int repeats, repeats_quick; /* 0: 9 and 3 */
    /* Measures one side once: value[i] is that of metric[i]. Not BENCH_DONE: bench_explain said why. BENCH_FAILED is
     * for what must never happen (a message lost, torn or out of order, a call refused), not for a bad figure. */
    enum bench_outcome (*measure)(const struct bench_case *self, const struct bench_context *context,
                                  enum bench_side side, double *value);
    const void *shape; /* for `measure` */
};

/* The main function of a benchmark program. Returns its exit status: 0, 1 if a case failed, 2 for a wrong call. */
int bench_main(int argc, char **argv, const struct bench_case *cases, int count);

#endif
