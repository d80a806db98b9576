/* SPDX-License-Identifier: MIT
 * Round trips: a request through one ring and a reply through another. Baseline two_lines is in support/trip.h.
 * Baseline bare_rings is a hand-written loop over shared memory, with cells of a stamp and 48 bytes. */
#include "ring.h"

#include "clock.h"
#include "trip.h"

enum { WARM = 2000, ROUNDS = 40000, ROUNDS_QUICK = 15000, WORDS = 6, GROUP = 16 };

/* Name suffixes of the two rings: requests and replies. */
#define THERE "-there"
#define BACK "-back"

struct trip {
    const struct ring_shape *shape;
    uint64_t rounds; /* including the warm-up */
};

RING_INLINE void send(struct bench_stage *stage, int self, myl_producer *out, uint64_t number, unsigned words)
{
    void *event;
    int code = myl_producer_claim(out, &event, MYL_FOREVER);
    if (__builtin_expect(code != MYL_OK, 0))
        rig_check(stage, self, code, "myl_producer_claim");
    payload_write(event, number, words);
    myl_producer_publish(out);
}

RING_INLINE uint64_t lease(struct bench_stage *stage, int self, myl_consumer *in, unsigned words)
{
    const void *event;
    int code = myl_consumer_next(in, &event, MYL_FOREVER);
    if (__builtin_expect(code != MYL_OK, 0))
        rig_check(stage, self, code, "myl_consumer_next");
    return payload_sum(event, words);
}

RING_INLINE void release(struct bench_stage *stage, int self, myl_consumer *in)
{
    int code = myl_consumer_release(in);
    if (__builtin_expect(code != MYL_OK, 0))
        rig_check(stage, self, code, "myl_consumer_release");
}

static void check_sum(struct bench_stage *stage, int self, uint64_t sum, uint64_t rounds)
{
    if (sum != payload_expected(rounds, WORDS))
        bench_die(stage, self, "wrong sum over %llu events: events were lost, repeated or torn",
                  (unsigned long long)rounds);
}

static void ring_ask(struct bench_stage *stage, int self, const void *argument)
{
    const struct trip *trip = argument;
    myl_producer *out = rig_producer(stage, self, trip->shape, THERE, 1);
    myl_consumer *in = rig_consumer(stage, self, trip->shape, BACK, "asker");
    uint64_t sum = 0;
    bench_meet(stage, 2);
    for (uint64_t i = 0; i < trip->rounds; i++) {
        stage->samples[i] = bench_ticks();
        send(stage, self, out, i, WORDS);
        sum += lease(stage, self, in, WORDS);
        release(stage, self, in);
    }
    stage->samples[trip->rounds] = bench_ticks();
    check_sum(stage, self, sum, trip->rounds);
    bench_meet(stage, 4);
    myl_producer_close(out);
    myl_consumer_close(in);
}

static void ring_answer(struct bench_stage *stage, int self, const void *argument)
{
    const struct trip *trip = argument;
    myl_consumer *in = rig_consumer(stage, self, trip->shape, THERE, "answerer");
    myl_producer *out = rig_producer(stage, self, trip->shape, BACK, 1);
    uint64_t sum = 0;
    bench_meet(stage, 2);
    for (uint64_t i = 0; i < trip->rounds; i++) {
        /* Release the request only after the reply, as a server would. */
        sum += lease(stage, self, in, WORDS);
        send(stage, self, out, i, WORDS);
        release(stage, self, in);
    }
    check_sum(stage, self, sum, trip->rounds);
    bench_meet(stage, 4);
    myl_producer_close(out);
    myl_consumer_close(in);
}

/* --- bare_rings ------------------------------------------------------------------------------------------------ */

enum { CELLS = 64 };

struct bare_ring {
    _Alignas(BENCH_LINE) uint64_t cursor;
    _Alignas(BENCH_LINE) uint64_t cell[CELLS][8];
};

struct bare_trip {
    struct bare_ring there, back;
    uint64_t rounds;
};

RING_INLINE void bare_send(struct bare_ring *ring, uint64_t number)
{
    while (number >= ring_load(&ring->cursor) + CELLS)
        bench_pause();
    uint64_t *cell = ring->cell[number % CELLS];
    payload_write(cell + 1, number, WORDS);
    ring_store(cell, number + 1);
}

RING_INLINE uint64_t bare_lease(const struct bare_ring *ring, uint64_t number)
{
    const uint64_t *cell = ring->cell[number % CELLS];
    while (ring_load(cell) != number + 1)
        bench_pause();
    return payload_sum(cell + 1, WORDS);
}

static void bare_ask(struct bench_stage *stage, int self, const void *argument)
{
    struct bare_trip *const *given = argument;
    struct bare_trip *trip = *given;
    uint64_t sum = 0;
    bench_meet(stage, 2);
    for (uint64_t i = 0; i < trip->rounds; i++) {
        stage->samples[i] = bench_ticks();
        bare_send(&trip->there, i);
        sum += bare_lease(&trip->back, i);
        ring_store(&trip->back.cursor, i + 1);
    }
    stage->samples[trip->rounds] = bench_ticks();
    check_sum(stage, self, sum, trip->rounds);
}

static void bare_answer(struct bench_stage *stage, int self, const void *argument)
{
    struct bare_trip *const *given = argument;
    struct bare_trip *trip = *given;
    uint64_t sum = 0;
    bench_meet(stage, 2);
    for (uint64_t i = 0; i < trip->rounds; i++) {
        sum += bare_lease(&trip->there, i);
        bare_send(&trip->back, i);
        ring_store(&trip->there.cursor, i + 1);
    }
    check_sum(stage, self, sum, trip->rounds);
}

/* --- cases ----------------------------------------------------------------------------------------------------- */

static int run_ours(struct bench_stage *stage, const struct bench_context *context, const struct trip *trip)
{
    struct bench_participant participant[2] = {{ring_ask, trip, context->machine->cpu[0]},
                                               {ring_answer, trip, context->machine->cpu[1]}};
    int rc = bench_run(stage, participant, 2);
    rig_clean(stage, THERE);
    rig_clean(stage, BACK);
    return rc;
}

static int run_lines(struct bench_stage *stage, const struct bench_context *context, const struct trip *trip)
{
    struct bench_lines *lines = bench_share(sizeof *lines);
    if (lines == NULL)
        return -1;
    lines->rounds = trip->rounds;
    struct bench_participant participant[2] = {{bench_lines_ask, lines, context->machine->cpu[0]},
                                               {bench_lines_answer, lines, context->machine->cpu[1]}};
    int rc = bench_run(stage, participant, 2);
    bench_unshare(lines, sizeof *lines);
    return rc;
}

static int run_bare(struct bench_stage *stage, const struct bench_context *context, const struct trip *trip)
{
    struct bare_trip *bare = bench_share(sizeof *bare);
    if (bare == NULL)
        return -1;
    bare->rounds = trip->rounds;
    struct bench_participant participant[2] = {{bare_ask, &bare, context->machine->cpu[0]},
                                               {bare_answer, &bare, context->machine->cpu[1]}};
    int rc = bench_run(stage, participant, 2);
    bench_unshare(bare, sizeof *bare);
    return rc;
}

/* Sets value[0] to the median and value[1] to the 99th percentile of a round trip, in ns. */
static enum bench_outcome measure(const struct bench_case *self, const struct bench_context *context, double *value,
                                  int (*run)(struct bench_stage *stage, const struct bench_context *context,
                                             const struct trip *trip))
{
    struct trip trip = {.shape = self->shape};
    trip.rounds = WARM + (context->quick ? ROUNDS_QUICK : ROUNDS);
    struct bench_stage *stage = bench_stage_open(trip.rounds + 1);
    enum bench_outcome outcome = BENCH_FAILED;
    if (stage != NULL && run(stage, context, &trip) == 0)
        outcome = BENCH_DONE;
    if (outcome == BENCH_DONE)
        bench_trip_evaluate(stage, trip.rounds, WARM, GROUP, &value[0], &value[1]);
    bench_stage_close(stage);
    return outcome;
}

RING_CASE(case_round_trip)
{
    return measure(self, context, value, side == BENCH_OURS ? run_ours : run_lines);
}

RING_CASE(case_trip_against_bare)
{
    return measure(self, context, value, side == BENCH_OURS ? run_ours : run_bare);
}
