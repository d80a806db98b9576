/* SPDX-License-Identifier: MIT
 * A benchmark program: a table of cases, each measuring ours and what it is held against in turn. */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include "machine.h"

enum { BENCH_METRICS = 3, BENCH_SIDES = 4, BENCH_LOOKS = 16 };

/* What is measured in turn. Most cases have the first two; BENCH_RUNNER_UP is a second rival, BENCH_LIMIT what bounds
 * all of them. */
enum bench_side { BENCH_OURS, BENCH_AGAINST, BENCH_RUNNER_UP, BENCH_LIMIT };
enum bench_outcome { BENCH_DONE, BENCH_SKIPPED, BENCH_FAILED };

/* One figure of a case. */
struct bench_metric {
    const char *id;
    const char *unit;
    const char *better; /* "higher" or "lower" */
    const char *against; /* NULL: nothing to hold it against */
};

/* Who is measured besides ours, and what a first look at all candidates said. */
struct bench_rivals {
    const char *name[BENCH_SIDES]; /* NULL: there is no such side; that of BENCH_OURS means nothing */
    const char *way; /* how ours goes about it, if there was a choice; else NULL */
    int looks;
    struct bench_look {
        const char *name;
        double value; /* of metric[0] */
    } look[BENCH_LOOKS]; /* best first */
};

struct bench_context {
    const struct bench_machine *machine;
    int quick;
    const struct bench_rivals *rivals; /* while a case is measured */
};

struct bench_case {
    const char *about; /* one line for --list */
    struct bench_metric metric[BENCH_METRICS]; /* measured together; the ones without id are none */
    const char *wait; /* how the parties wait, for the record */
    int cpus; /* so many CPUs are needed for it to mean anything; 2: where they sit matters */
    int repeats, repeats_quick; /* 0: 9 and 3 */
    const char *limit; /* NULL, or the name of BENCH_LIMIT */
    /* NULL: the rival is metric[0].against. Else a look at whom there is to choose from: names BENCH_AGAINST and
     * BENCH_RUNNER_UP; the better one over the repeats is what ours is held against. */
    enum bench_outcome (*choose)(const struct bench_case *self, const struct bench_context *context,
                                 struct bench_rivals *rivals);
    /* Measures one side once: value[i] is that of metric[i]. Not BENCH_DONE: bench_explain said why. BENCH_FAILED is
     * for what must never happen (a message lost, torn or out of order, a call refused), not for a bad figure. */
    enum bench_outcome (*measure)(const struct bench_case *self, const struct bench_context *context,
                                  enum bench_side side, double *value);
    const void *shape; /* for `measure` */
};

/* A line for people under that of the machine: call it before bench_main. */
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The main function of a benchmark program. Returns its exit status: 0, 1 if a case failed, 2 for a wrong call. */
int bench_main(int argc, char **argv, const struct bench_case *cases, int count);

#endif
