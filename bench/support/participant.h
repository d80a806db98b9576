/* SPDX-License-Identifier: MIT
 * The processes of one measurement. The driver forks them before any process opens a ring. They share one mapping, the
 * stage: they synchronise through it, write their results to it, and exit. */
#ifndef BENCH_PARTICIPANT_H
#define BENCH_PARTICIPANT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BENCH_PARTICIPANTS = 16, BENCH_LINE = 128 };

struct bench_result {
    uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
    uint64_t events; /* counted from start_ns to end_ns */
    double value; /* any other result of the participant */
    char error[256]; /* the reason of a failure */
};

struct bench_stage {
    _Alignas(BENCH_LINE) uint32_t met; /* calls of bench_meet so far */
    _Alignas(BENCH_LINE) uint64_t mark[16]; /* for use by the case; initially 0 */
    _Alignas(BENCH_LINE) struct bench_result result[BENCH_PARTICIPANTS];
    char name[64]; /* a ring's name, unique for each stage */
    size_t samples_max;
    size_t samples_count; /* set by the participant that wrote them */
    uint64_t samples[];
};

struct bench_participant {
    void (*run)(struct bench_stage *stage, int self, const void *arg); /* called in the participant's process */
    const void *arg;
    int cpu; /* -1: not pinned */
};

/* Maps zeroed memory that is shared with processes forked later. NULL: out of memory. */
void *bench_share(size_t bytes);
void bench_unshare(void *memory, size_t bytes);

struct bench_stage *bench_stage_open(size_t samples);
void bench_stage_close(struct bench_stage *stage);

/* Starts one participant; for cases that kill processes. Returns -1 if fork fails. */
pid_t bench_spawn(struct bench_stage *stage, const struct bench_participant *participant, int self);
/* Waits for one participant for at most 30 s, then kills it. Returns 0 if it exited with status 0. Otherwise explains
 * the failure with the error text of participant `self`. */
int bench_join(struct bench_stage *stage, pid_t pid, int self);
/* Sends SIGKILL and waits for the end of the process. */
void bench_kill(pid_t pid);

/* Runs all participants at the same time. Returns 0 if all exited with status 0; else kills those still running. */
int bench_run(struct bench_stage *stage, const struct bench_participant *participant, int count);

/* In a participant: waits, yielding, until bench_meet was called `count` times on this stage. */
void bench_meet(struct bench_stage *stage, uint32_t count);
/* In a participant: records the error and exits with status 1. */
_Noreturn void bench_die(struct bench_stage *stage, int self, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Involuntary context switches of all participants so far. */
long bench_preemptions(void);

/* Sets and returns the reason why the last measurement of this process failed or was skipped. */
void bench_explain(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *bench_explanation(void);

#endif
