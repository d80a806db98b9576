/* SPDX-License-Identifier: MIT
 * A benchmark program: a table of cases. Each case measures the library and its baselines in turn. */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include "machine.h"

enum { BENCH_METRICS = 3, BENCH_SIDES = 4, BENCH_TRIALS = 16 };

/* The sides of a case, measured in turn. Most cases have the first two: the library and a baseline. BENCH_RUNNER_UP is
 * a second baseline; BENCH_LIMIT is a lower or upper bound for all of them. */
enum bench_side { BENCH_OURS, BENCH_AGAINST, BENCH_RUNNER_UP, BENCH_LIMIT };
enum bench_outcome { BENCH_DONE, BENCH_SKIPPED, BENCH_FAILED };

/* One figure of a case. */
struct bench_metric {
    const char *id;
    const char *unit;
    const char *better; /* "higher" or "lower" */
    const char *against; /* the baseline; NULL: none */
};

/* The baselines of a case, and the results of the short trial of all candidates. */
struct bench_rivals {
    const char *name[BENCH_SIDES]; /* NULL: the case has no such side. name[BENCH_OURS] is not used */
    const char *way; /* the library's calls that were chosen after a trial; NULL: no choice */
    int trials;
    struct bench_trial {
        const char *name;
        double value; /* of metric[0] */
    } trial[BENCH_TRIALS]; /* best first */
};

struct bench_context {
    const struct bench_machine *machine;
    int quick;
    const struct bench_rivals *rivals; /* valid while a case is measured */
};

struct bench_case {
    const char *summary; /* one line for --about */
    struct bench_metric metric[BENCH_METRICS]; /* measured together; entries without id are unused */
    const char *wait; /* how the participants wait; copied into the report */
    int cpus; /* CPUs required. 2: the result depends on their placement, which is measured too */
    int repeats, repeats_quick; /* 0: 9 and 3 */
    const char *limit; /* the name of BENCH_LIMIT, or NULL */
    /* Chooses the baselines: runs a short trial of all candidates and names BENCH_AGAINST and BENCH_RUNNER_UP. The
     * report compares with the better of the two over the repeats. NULL: the baseline is metric[0].against. */
    enum bench_outcome (*choose)(const struct bench_case *self, const struct bench_context *context,
                                 struct bench_rivals *rivals);
    /* Measures one side once and sets value[i] for metric[i]. If the result is not BENCH_DONE, bench_explain was called
     * with the reason. BENCH_FAILED means a fault (a message lost, torn or out of order, a call that failed), never a
     * low figure. */
    enum bench_outcome (*measure)(const struct bench_case *self, const struct bench_context *context,
                                  enum bench_side side, double *value);
    const void *shape; /* parameters of `measure` */
};

/* Adds a line to the head of the table, after the line of the machine. Call it before bench_main. */
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The main function of a benchmark program. Returns the exit status: 0; 1 if a case failed; 2 after a usage error. */
int bench_main(int argc, char **argv, const struct bench_case *cases, int count);

#endif
