/* SPDX-License-Identifier: MIT
 * What the files of the program share: the shape of a measurement, and what a peer is. */
#ifndef BENCH_FRAME_FRAME_H
#define BENCH_FRAME_FRAME_H

#include "clock.h"
#include "driver.h"
#include "party.h"
#include "payload.h"

#include <myelon/frame.h>

#include <sched.h>

enum { FRAME_CONSUMERS = 8, FRAME_TRIPS = 60000 };

struct frame_shape {
    size_t bytes; /* of a message: a multiple of 8 */
    uint64_t depth; /* messages under way, for peers that count messages: a power of two */
    uint64_t ring_bytes; /* ours */
    int consumers; /* 1, or FRAME_CONSUMERS for the fan */
    int held_back; /* peers may hold messages back, to hand over several at once; ours does not */
    double run_ms, quick_ms; /* measured time of one side; half as much before it, not counted */
};

/* What a party is given. The parties are forked from the driver after the channels were made. */
struct frame_job {
    const struct frame_shape *shape;
    const struct bench_machine *machine;
    uint64_t warm_ticks, run_ticks;
    int trip; /* a round trip: channel[0] there, channel[1] back; else channel[i] goes to consumer i */
    int yield; /* more parties than CPUs: who waits for long lets others run */
    void *channel[FRAME_CONSUMERS];
    const char *way; /* ours: how messages get in and out */
};

/* Words of a stage that end a run: at mark[0] messages measuring begins, at mark[1] the stream ends. */
enum { FRAME_START, FRAME_END };

typedef void frame_party(struct bench_stage *stage, int self, const void *job);

/* Something that carries messages from one process to another. */
struct frame_peer {
    const char *name;
    /* In the driver: memory, descriptors, names. NULL: not for this shape (bench_explain says why). */
    void *(*make)(const struct frame_job *job, struct bench_stage *stage, int channel);
    void (*drop)(void *channel);
    frame_party *produce, *consume, *ask, *answer;
    frame_party *fan; /* producer for several consumers, lossless; NULL: not able to */
};

/* Those that were built, NULL at the end. */
extern const struct frame_peer *const frame_peers[];
/* Ours, in four ways, and the loop by hand. */
extern const struct frame_peer frame_library, frame_library_publish, frame_library_gather, frame_library_copy;
extern const struct frame_peer frame_bare;
/* Notes who was not built, and what to install for it. */
void frame_note_missing(void);

/* Waiting in user space, the same for all. */
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

/* Shared memory for a channel, each page in place; frame_touch maps them in a party, so that no lap is a slow one. */
void *frame_share(size_t bytes);
void frame_touch(void *memory);
void frame_unshare(void *memory);
/* A local buffer for peers that copy; ends the party if there is no memory. */
void *frame_buffer(struct bench_stage *stage, int self, size_t bytes);

/* Measuring functions for the table of cases (main.c); `shape` of the case is a struct frame_shape. */
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
FRAME_CASE(case_memory);
FRAME_CHOOSE(choose_trip);
FRAME_CHOOSE(choose_oneway);
FRAME_CHOOSE(choose_fan);

/* fan.c: ours, events of Layer 0. */
extern const struct frame_peer frame_fan_library;

#endif
