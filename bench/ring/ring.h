/* SPDX-License-Identifier: MIT
 * What the files of bench-ring share: the shape of a measurement, the meter of a consumer, the baselines. */
#ifndef BENCH_RING_RING_H
#define BENCH_RING_RING_H

#include "driver.h"
#include "party.h"
#include "payload.h"

#include <myelon/myelon.h>

enum ring_with {
    RING_SINGLE, /* claim and next, one event a call */
    RING_RUNS, /* claim_run and next_run */
};

struct ring_shape {
    unsigned words; /* of payload in an event, 8 bytes each: 2, 7 or 127 */
    uint64_t capacity; /* events */
    uint64_t slots; /* the baseline's capacity where it differs: as many bytes; 0: the same */
    uint64_t batch; /* events per publish */
    uint64_t events; /* to be measured; --quick takes a quarter */
    uint32_t packed_cell; /* ours: bytes of a cell that events share; 0: a cell each */
    enum ring_with with; /* ours */
    int parkable; /* ours: consumers may park */
    enum myl_wait_strategy wait; /* ours */
    int64_t spin_ns; /* ours: before yielding; 0 = the library's default */
    int unpinned;
    int managed; /* ours: the consumers are required, under the liveness policy */
    int consumers;
};

/* What a party is given. */
struct ring_job {
    const struct ring_shape *shape;
    uint64_t warm, total; /* events not measured at the start (two laps and more), and all of them */
    void *memory; /* baselines: the bare shared memory */
};

/* A consumer's account: when it had seen the warm-up, when all, and the sum of every word. */
struct ring_meter {
    uint64_t warm, seen, sum;
    uint64_t start_ns, start_seen;
};

void ring_meter_start(struct ring_meter *meter);
/* Leaves the result on the stage; a wrong sum ends the party as failed. */
void ring_meter_finish(const struct ring_meter *meter, const struct ring_job *job, struct bench_stage *stage, int self);

/* After a drain. */
RING_INLINE void ring_meter_note(struct ring_meter *meter, uint64_t events)
{
    meter->seen += events;
    if (__builtin_expect(meter->start_ns == 0, 0) && meter->seen >= meter->warm)
        ring_meter_start(meter);
}

/* Drained so far before the cursor is stored: often enough that the producer never waits for long, seldom enough
 * that its line stays where it is. */
static inline uint64_t ring_drain(const struct ring_shape *shape)
{
    return shape->capacity < 8 ? 1 : shape->capacity / 8;
}

RING_INLINE uint64_t ring_load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

RING_INLINE void ring_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* rig.c: the library's handles as the cases want them, on the stage's ring; `suffix` tells rings of one stage apart (""
 * if there is one). A failure ends the party. */
myl_producer *rig_producer(struct bench_stage *stage, int self, const struct ring_shape *shape, const char *suffix,
                           int consumers); /* that many are waited for */
myl_consumer *rig_consumer(struct bench_stage *stage, int self, const struct ring_shape *shape, const char *suffix,
                           const char *id);
/* Puts the producer under the liveness policy, all its consumers required: their ids are "required_0" and so on. */
void rig_manage(struct bench_stage *stage, int self, myl_producer *producer, int consumers);
/* Ends the party with the library's words when `code` is a failure. */
void rig_check(struct bench_stage *stage, int self, int code, const char *call);
/* After a measurement that failed or killed: no name stays behind. */
void rig_clean(const struct bench_stage *stage, const char *suffix);
/* A name of at most RIG_NAME bytes with its NUL. */
enum { RIG_NAME = 80 };
void rig_name(char *name, const struct bench_stage *stage, const char *suffix);

/* The parties of the ways to carry events one way, producer and consumer. */
void library_produce(struct bench_stage *stage, int self, const void *job);
void library_consume(struct bench_stage *stage, int self, const void *job);
void cursor_produce(struct bench_stage *stage, int self, const void *job);
void cursor_consume(struct bench_stage *stage, int self, const void *job);
size_t cursor_bytes(const struct ring_shape *shape);
void bare_produce(struct bench_stage *stage, int self, const void *job);
void bare_consume(struct bench_stage *stage, int self, const void *job);
size_t bare_bytes(const struct ring_shape *shape);

/* Measuring functions for the table of cases (main.c); `shape` of the case is a struct ring_shape unless said. */
#define RING_CASE(name) \
    enum bench_outcome name(const struct bench_case *self, const struct bench_context *context, enum bench_side side, \
                            double *value)
RING_CASE(case_against_cursor);
RING_CASE(case_against_bare);
RING_CASE(case_against_spin_only);
RING_CASE(case_against_unmanaged);
RING_CASE(case_fan);
RING_CASE(case_round_trip);
RING_CASE(case_trip_against_bare);
RING_CASE(case_wake);
RING_CASE(case_idle);
RING_CASE(case_attach);
RING_CASE(case_rejoin);
RING_CASE(case_takeover);
RING_CASE(case_dead);

#endif
