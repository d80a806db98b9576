/* SPDX-License-Identifier: MIT
 * Shared by the files of program fabric. One scheduler sends a request to all workers and collects all their replies;
 * then the next one. A peer carries the messages. */
#ifndef BENCH_FABRIC_FABRIC_H
#define BENCH_FABRIC_FABRIC_H

#include "clock.h"
#include "driver.h"
#include "frame/payload.h"
#include "participant.h"

enum { FABRIC_WORKERS = 8, FABRIC_ROUNDS = 60000, FABRIC_REPLY = 64 };

struct fabric_shape {
    size_t bytes; /* of a request, a multiple of 64 */
    int workers;
    int adaptive; /* 1: participants that find nothing may sleep; 0: they spin, and yield if the CPUs are too few */
};

/* The argument of a participant. */
struct fabric_job {
    const struct fabric_shape *shape;
    const struct bench_machine *machine;
    const struct fabric_peer *peer;
    uint64_t warm_ticks, run_ticks;
    void *channel; /* what `make` returned */
    int yield; /* there are more participants than CPUs */
};

/* The scheduler is participant 0, worker K is participant K + 1. The scheduler opens first. */
struct fabric_peer {
    const char *name;
    /* Creates what the participants share, in the driver. NULL, after bench_explain: not supported. May be NULL. */
    void *(*make)(const struct fabric_job *job, struct bench_stage *stage);
    void (*drop)(void *channel);
    void *(*open)(const struct fabric_job *job, struct bench_stage *stage, int self);
    /* Memory for a message; `commit` sends it: the scheduler to all workers, a worker to the scheduler. */
    void *(*claim)(void *end, size_t bytes);
    void (*commit)(void *end, size_t bytes);
    /* Waits for a message: the scheduler for the reply of any worker that has not replied to the last request. */
    const void *(*next)(void *end, size_t bytes);
    void (*release)(void *end);
    void (*close)(void *end);
};

extern const struct fabric_peer fabric_library;
/* The peers that were built, then NULL. */
extern const struct fabric_peer *const fabric_peers[];
/* Adds a note that lists the peers that were not built and the packages they need. */
void fabric_note_missing(void);

/* Zeroed private memory, aligned to a page; calls bench_die if there is none. */
void *fabric_buffer(struct bench_stage *stage, int self, size_t bytes);

enum bench_outcome fabric_measure(const struct bench_case *self, const struct bench_context *context,
                                  enum bench_side side, double *value);
enum bench_outcome fabric_choose(const struct bench_case *self, const struct bench_context *context,
                                 struct bench_rivals *rivals);

#endif
