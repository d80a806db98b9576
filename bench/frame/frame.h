/* SPDX-License-Identifier: MIT
 * Shared by the files of program frame: the parameters of a measurement, and the interface of a peer. */
#ifndef BENCH_FRAME_FRAME_H
#define BENCH_FRAME_FRAME_H

#include "clock.h"
#include "driver.h"
#include "participant.h"
#include "payload.h"

#include <myelon/frame.h>

#include <sched.h>

enum { FRAME_CONSUMERS = 8, FRAME_TRIPS = 60000 };

struct frame_shape {
    size_t bytes; /* size of a message, a multiple of 8 */
    uint64_t depth; /* capacity in messages, for peers that count messages; a power of two */
    uint64_t ring_bytes; /* capacity in bytes, for the library */
    int consumers; /* 1, or FRAME_CONSUMERS for the fan */
    int held_back; /* peers may delay messages to pass several at once; the library does not */
    double run_ms, quick_ms; /* measured time of one side; the warm-up takes half of it in addition */
};

/* The argument of a participant. The driver makes the channels, then forks the participants. */
struct frame_job {
    const struct frame_shape *shape;
    const struct bench_machine *machine;
    uint64_t warm_ticks, run_ticks;
    int trip; /* 1: round trip, requests in channel[0], replies in channel[1]. 0: channel[i] leads to consumer i */
    enum myl_counters_level counters; /* of the library's participants */
    int yield; /* there are more participants than CPUs: yield in long waits */
    void *channel[FRAME_CONSUMERS];
};

/* Indices of marks: the measurement begins after mark[FRAME_START] messages, the stream ends after mark[FRAME_END]. */
enum { FRAME_START, FRAME_END };

typedef void frame_participant(struct bench_stage *stage, int self, const void *job);

/* An implementation that carries messages between processes: the library, a baseline or another product. */
struct frame_peer {
    const char *name;
    /* Creates a channel (memory, descriptors, names) in the driver. Returns NULL, after bench_explain, if the peer does
     * not support the shape. */
    void *(*make)(const struct frame_job *job, struct bench_stage *stage, int channel);
    void (*drop)(void *channel);
    frame_participant *produce, *consume, *ask, *answer;
    frame_participant *fan; /* lossless producer for several consumers; NULL: not supported */
};

/* The peers that were built, then NULL. */
extern const struct frame_peer *const frame_peers[];
/* The library with four sets of calls, and the hand-written loop. */
extern const struct frame_peer frame_library, frame_library_publish, frame_library_gather, frame_library_copy;
extern const struct frame_peer frame_bare;
/* Adds a note that lists the peers that were not built and the packages they need. */
void frame_note_missing(void);

/* One step of waiting in user space, the same for all peers. */
FRAME_INLINE void frame_idle(const struct frame_job *job, unsigned *polls)
{
    enum { POLLS = 200 };
    if (job->yield && ++*polls > POLLS)
        sched_yield();
    bench_pause();
}

FRAME_INLINE uint64_t frame_load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

FRAME_INLINE void frame_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Maps shared memory for a channel and allocates each page. frame_touch maps the pages in a participant, so that no
 * page fault is measured. */
void *frame_share(size_t bytes);
void frame_touch(void *memory);
void frame_unshare(void *memory);
/* Allocates a private buffer for peers that copy; calls bench_die if there is no memory. */
void *frame_buffer(struct bench_stage *stage, int self, size_t bytes);

/* Measuring functions for the table of cases (main.c). The case's `shape` is a struct frame_shape. */
#define FRAME_CASE(name) \
    enum bench_outcome name(const struct bench_case *self, const struct bench_context *context, enum bench_side side, \
                            double *value)
#define FRAME_CHOOSE(name) \
    enum bench_outcome name(const struct bench_case *self, const struct bench_context *context, \
                            struct bench_rivals *rivals)
FRAME_CASE(case_trip);
FRAME_CASE(case_trip_limit);
FRAME_CASE(case_oneway);
FRAME_CASE(case_gather);
FRAME_CASE(case_copy);
FRAME_CASE(case_fan);
FRAME_CASE(case_trip_full);
FRAME_CASE(case_trip_lite);
FRAME_CASE(case_oneway_full);
FRAME_CASE(case_oneway_lite);
FRAME_CASE(case_memory);
FRAME_CHOOSE(choose_trip);
FRAME_CHOOSE(choose_oneway);
FRAME_CHOOSE(choose_fan);

/* fan.c: the library, with events of Layer 0. */
extern const struct frame_peer frame_fan_library;

#endif
