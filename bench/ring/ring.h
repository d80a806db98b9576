/* SPDX-License-Identifier: MIT
 * Shared by the files of program ring: the parameters of a measurement, the meter of a consumer, the baselines. */
#ifndef BENCH_RING_RING_H
#define BENCH_RING_RING_H

#include "driver.h"
#include "participant.h"
#include "payload.h"

#include <myelon/myelon.h>

enum ring_with {
    RING_SINGLE, /* claim and next, one event per call */
    RING_RUNS, /* claim_span and next_span */
};

struct ring_shape {
    unsigned words; /* payload of an event in words of 8 bytes: 2, 7 or 127 */
    uint64_t capacity; /* events */
    uint64_t slots; /* capacity of the baseline, for the same number of bytes; 0: as `capacity` */
    uint64_t batch; /* events per publish */
    uint64_t events; /* measured events; a quarter of them with --quick */
    /* The fields from here to `spin_ns` apply to the library only. */
    uint32_t packed_cell; /* size in bytes of a cell shared by several events; 0: one cell per event */
    enum ring_with with;
    int parkable; /* consumers may park */
    enum myl_wait_strategy wait;
    int64_t spin_ns; /* time of spinning before yielding; 0: the library's default */
    int unpinned;
    int managed; /* the library's producer has a liveness policy, and its consumers are required */
    int consumers;
};

/* The argument of a participant. */
struct ring_job {
    const struct ring_shape *shape;
    uint64_t warm, total; /* number of warm-up events, which are not measured; number of all events */
    void *memory; /* baselines: the shared memory */
};

/* A consumer's counters: events and sum of all words; time and count at the end of the warm-up. */
struct ring_meter {
    uint64_t warm, seen, sum;
    uint64_t start_ns, start_seen;
};

void ring_meter_start(struct ring_meter *meter);
/* Writes the result to the stage. Calls bench_die if the sum is wrong. */
void ring_meter_finish(const struct ring_meter *meter, const struct ring_job *job, struct bench_stage *stage, int self);

/* Counts `events` drained events. */
RING_INLINE void ring_meter_note(struct ring_meter *meter, uint64_t events)
{
    meter->seen += events;
    if (__builtin_expect(meter->start_ns == 0, 0) && meter->seen >= meter->warm)
        ring_meter_start(meter);
}

/* Returns how many events a consumer drains before it stores its cursor. A larger number would let the producer wait; a
 * smaller one would move the cursor's cache line between the CPUs more often. */
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

/* rig.c: opens a handle of the stage's ring with the options of `shape`. `suffix` distinguishes the rings of one stage;
 * "" if there is only one. A failure ends the participant with bench_die. */
myl_producer *rig_producer(struct bench_stage *stage, int self, const struct ring_shape *shape, const char *suffix,
                           int consumers); /* waits for this number of consumers */
myl_consumer *rig_consumer(struct bench_stage *stage, int self, const struct ring_shape *shape, const char *suffix,
                           const char *id);
/* Sets a liveness policy that requires all consumers. Their ids are "required_0", "required_1" and so on. */
void rig_set_liveness(struct bench_stage *stage, int self, myl_producer *producer, int consumers);
/* Calls bench_die with the library's error text if `code` is an error. */
void rig_check(struct bench_stage *stage, int self, int code, const char *call);
/* Removes the ring, which a failed measurement or a killed producer leaves. */
void rig_clean(const struct bench_stage *stage, const char *suffix);
/* Writes a ring name of at most RIG_NAME bytes, including the NUL. */
enum { RIG_NAME = 80 };
void rig_name(char *name, const struct bench_stage *stage, const char *suffix);

/* Producers and consumers of one-way streams: the library and its baselines. */
void library_produce(struct bench_stage *stage, int self, const void *job);
void library_consume(struct bench_stage *stage, int self, const void *job);
void cursor_produce(struct bench_stage *stage, int self, const void *job);
void cursor_consume(struct bench_stage *stage, int self, const void *job);
size_t cursor_bytes(const struct ring_shape *shape);
void bare_produce(struct bench_stage *stage, int self, const void *job);
void bare_consume(struct bench_stage *stage, int self, const void *job);
size_t bare_bytes(const struct ring_shape *shape);

/* Measuring functions for the table of cases (main.c). The case's `shape` is a struct ring_shape. */
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
