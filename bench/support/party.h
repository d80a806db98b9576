/* SPDX-License-Identifier: MIT
 * The processes of one measurement. The driver forks them before anybody opens a ring, they meet on a stage (memory
 * they all share), leave their results there and exit. */
#ifndef BENCH_PARTY_H
#define BENCH_PARTY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BENCH_PARTIES = 16, BENCH_LINE = 128 };

struct bench_result {
    uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
    uint64_t events; /* between the two */
    double value; /* what the party likes */
    char error[256]; /* why it failed */
};

struct bench_stage {
    _Alignas(BENCH_LINE) uint32_t met; /* parties that came to bench_meet */
    _Alignas(BENCH_LINE) uint64_t mark[16]; /* free for the case; zero at first */
    _Alignas(BENCH_LINE) struct bench_result result[BENCH_PARTIES];
    char name[64]; /* a ring's name, new for every stage */
    size_t samples_max;
    size_t samples_count; /* set by the party that wrote them */
    uint64_t samples[];
};

struct bench_party {
    void (*run)(struct bench_stage *stage, int self, const void *arg); /* in a process of its own */
    const void *arg;
    int cpu; /* -1: anywhere */
};

/* Zeroed memory shared with processes forked later. NULL: none left. */
void *bench_share(size_t bytes);
void bench_unshare(void *memory, size_t bytes);

struct bench_stage *bench_stage_open(size_t samples);
void bench_stage_close(struct bench_stage *stage);

/* One by one: for cases that kill. -1: cannot fork. */
pid_t bench_spawn(struct bench_stage *stage, const struct bench_party *party, int self);
/* Waits at most 30 s, then kills. 0 if it ended well; `self` says whose error text to tell. */
int bench_join(struct bench_stage *stage, pid_t pid, int self);
/* SIGKILL, and waits until it is gone. */
void bench_kill(pid_t pid);

/* Runs them all at once. 0 if all ended well; else the others are killed. */
int bench_run(struct bench_stage *stage, const struct bench_party *party, int count);

/* In a party: waits (yielding) until `count` of them are here. */
void bench_meet(struct bench_stage *stage, uint32_t count);
/* In a party: ends it as failed. */
_Noreturn void bench_die(struct bench_stage *stage, int self, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How often the kernel took a CPU from a party that wanted to go on, over all parties so far. */
long bench_pushed(void);

/* Why the last measurement of this process could not be made. */
void bench_explain(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *bench_explanation(void);

#endif
