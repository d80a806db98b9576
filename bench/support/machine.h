/* SPDX-License-Identifier: MIT
 * The machine a figure comes from, and how quiet it was. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

struct bench_machine {
    int cpus; /* CPUs this process may use */
    int cpu[2]; /* the first two of them: where pairs are pinned; -1 if there is none */
    double stolen; /* percent of time that a spinning thread did not get, mean over cpu[] */
    double longest_us; /* the longest such gap */
    double line_least, line_most; /* bench_machine_line over half a second */
    char text[1280]; /* one line with all of that, the CPU's model, kernel and compiler */
};

/* Looks at the machine, listens to its noise for 50 ms on each CPU of cpu[], and to what a line costs between them. */
void bench_machine_look(struct bench_machine *machine);

/* Median round trip of a bare cache line pair between cpu[0] and cpu[1] now, in ns; takes about a millisecond. 0 if
 * there is only one CPU. The virtual CPUs of a guest may sit on one core now and on two a second later, which changes
 * everything between two parties by a factor of three: this tells which. */
double bench_machine_line(const struct bench_machine *machine);

/* Pins the calling thread; -1 is no CPU: left alone. 0, or an errno value. */
int bench_pin(int cpu);

#endif
