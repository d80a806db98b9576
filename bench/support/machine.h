/* SPDX-License-Identifier: MIT
 * Describes the machine that a figure was measured on, and how much other load disturbed it. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

struct bench_machine {
    int cpus; /* CPUs this process may use */
    int cpu[2]; /* the first two of them, to which pairs are pinned; -1: no such CPU */
    double stolen; /* percent of the time that a spinning thread did not run, mean over cpu[] */
    double longest_us; /* the longest gap of that kind */
    double line_least, line_most; /* minimum and maximum of bench_machine_line within half a second */
    char text[1280]; /* all of this as one line, with CPU model, kernel and compiler */
};

/* Fills `machine`. Measures gaps for 50 ms on each CPU of cpu[], then the round trip of a cache line between them. */
void bench_machine_read(struct bench_machine *machine);

/* Measures the median round trip of a pair of cache lines between cpu[0] and cpu[1], in ns. Takes about a millisecond.
 * Returns 0 if there is only one CPU. It shows the current placement: the host may move a guest's virtual CPUs between
 * one core and two cores. That changes all figures of two participants by a factor of about three. */
double bench_machine_line(const struct bench_machine *machine);

/* Pins the calling thread to `cpu`; -1: does nothing. Returns 0 or an errno value. */
int bench_pin(int cpu);

#endif
