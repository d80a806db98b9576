/* SPDX-License-Identifier: MIT
 * Measures one run of one side, runs the short trial of all peers, and defines the cases. */
#include "frame.h"

#include "trip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* --- memory of channels --------------------------------------------------------------------------------------- */

enum { HEAD = 4096 }; /* a page before the memory; it holds the length of the mapping */

void frame_touch(void *memory)
{
    unsigned char *base = (unsigned char *)memory - HEAD;
    size_t bytes = *(const size_t *)(const void *)base;
    if (madvise(base, bytes, MADV_POPULATE_WRITE) == 0)
        return;
    for (size_t at = 0; at < bytes; at += HEAD) /* kernels before 5.14 lack MADV_POPULATE_WRITE */
        (void)*(volatile unsigned char *)(base + at);
}

void *frame_share(size_t bytes)
{
    bytes = (bytes + HEAD - 1) / HEAD * HEAD + HEAD;
    unsigned char *base = bench_share(bytes);
    if (base == NULL)
        return NULL;
    *(size_t *)(void *)base = bytes;
    frame_touch(base + HEAD);
    return base + HEAD;
}

void frame_unshare(void *memory)
{
    unsigned char *base = (unsigned char *)memory - HEAD;
    bench_unshare(base, *(const size_t *)(const void *)base);
}

void *frame_buffer(struct bench_stage *stage, int self, size_t bytes)
{
    bytes = (bytes + HEAD - 1) / HEAD * HEAD;
    void *memory = aligned_alloc(HEAD, bytes);
    if (memory == NULL)
        bench_die(stage, self, "cannot allocate %zu bytes", bytes);
    return memset(memory, 0, bytes);
}

/* --- one run --------------------------------------------------------------------------------------------------- */

enum run_kind { RUN_ONEWAY, RUN_TRIP, RUN_FAN };

static struct frame_job job_of(const struct frame_shape *shape, const struct bench_context *context, enum run_kind kind,
                               double share)
{
    double ms = share * (context->quick ? shape->quick_ms : shape->run_ms), ticks = 1e6 / bench_ns_per_tick();
    struct frame_job job = {.shape = shape,
                            .machine = context->machine,
                            .trip = kind == RUN_TRIP,
                            .yield = kind == RUN_FAN};
    job.run_ticks = (uint64_t)(ms * ticks);
    job.warm_ticks = (uint64_t)(ms * ticks / 2);
    return job;
}

static double rate_of(const struct bench_stage *stage, const struct frame_job *job, enum run_kind kind)
{
    /* From the first end of a warm-up to the end of the last consumer. */
    uint64_t start = UINT64_MAX, end = 0, messages = 0;
    for (int i = 1; i <= job->shape->consumers; i++) {
        const struct bench_result *result = &stage->result[i];
        start = result->start_ns < start ? result->start_ns : start;
        end = result->end_ns > end ? result->end_ns : end;
        messages += result->events;
    }
    double units = kind == RUN_FAN ? 1 : (double)job->shape->bytes;
    return end == start ? 0 : (double)messages * units * 1e9 / (double)(end - start);
}

static enum bench_outcome run_participants(const struct frame_peer *peer, const struct frame_job *job,
                                           enum run_kind kind, struct bench_stage *stage, double *value)
{
    struct bench_participant participant[FRAME_CONSUMERS + 1];
    int consumers = job->shape->consumers;
    for (int i = 0; i <= consumers; i++) {
        participant[i].run = kind == RUN_TRIP ? (i == 0 ? peer->ask : peer->answer)
                                              : (i != 0            ? peer->consume
                                                 : kind == RUN_FAN ? peer->fan
                                                                   : peer->produce);
        participant[i].arg = job;
        participant[i].cpu = kind == RUN_FAN ? -1 : job->machine->cpu[i];
    }
    if (bench_run(stage, participant, consumers + 1) != 0)
        return BENCH_FAILED;
    if (kind != RUN_TRIP) {
        *value = rate_of(stage, job, kind);
        return BENCH_DONE;
    }
    uint64_t rounds = stage->result[0].events, warm = stage->mark[FRAME_START];
    double percentile;
    if (warm > rounds / 2) /* a participant did not run for most of the time */
        warm = rounds / 2;
    unsigned group = rounds - warm < 2048 ? 1 : 16;
    bench_trip_evaluate(stage, rounds, warm, group, value, &percentile);
    return BENCH_DONE;
}

/* Measures one peer once. If the result is not BENCH_DONE, bench_explain was called. BENCH_SKIPPED: the peer does not
 * support this shape. */
static enum bench_outcome run_peer(const struct frame_peer *peer, struct frame_job job, enum run_kind kind,
                                   double *value)
{
    struct bench_stage *stage = bench_stage_open(kind == RUN_TRIP ? FRAME_TRIPS + 1 : 0);
    if (stage == NULL)
        return BENCH_FAILED;
    int channels = kind == RUN_TRIP ? 2 : job.shape->consumers, made = 0;
    while (made < channels && (job.channel[made] = peer->make(&job, stage, made)) != NULL)
        made++;
    enum bench_outcome outcome = made < channels ? BENCH_SKIPPED : run_participants(peer, &job, kind, stage, value);
    if (outcome == BENCH_FAILED) {
        char why[200];
        snprintf(why, sizeof why, "%s", bench_explanation());
        bench_explain("%s: %s", peer->name, why);
    }
    while (made > 0)
        peer->drop(job.channel[--made]);
    bench_stage_close(stage);
    return outcome;
}

/* --- choice of the baselines ----------------------------------------------------------------------------------- */

static int better(enum run_kind kind, double a, double b)
{
    return kind == RUN_TRIP ? a < b : a > b;
}

/* Returns the best of some short runs, so that a disturbance does not hide the best peer. */
static enum bench_outcome try_peer(const struct frame_peer *peer, const struct bench_case *one,
                                   const struct bench_context *context, enum run_kind kind, double *value)
{
    const struct frame_job job = job_of(one->shape, context, kind, 0.5);
    int trials = context->quick ? 1 : 3;
    for (int i = 0; i < trials; i++) {
        double once = 0;
        enum bench_outcome outcome = run_peer(peer, job, kind, &once);
        if (outcome != BENCH_DONE)
            return outcome;
        if (i == 0 || better(kind, once, *value))
            *value = once;
    }
    return BENCH_DONE;
}

/* Selects the faster calls of the library: in place, or publish from the caller's memory. */
static enum bench_outcome choose_way(const struct bench_case *one, const struct bench_context *context,
                                     struct bench_rivals *rivals, enum run_kind kind)
{
    double in_place, publish;
    if (try_peer(&frame_library, one, context, kind, &in_place) != BENCH_DONE ||
        try_peer(&frame_library_publish, one, context, kind, &publish) != BENCH_DONE)
        return BENCH_FAILED;
    rivals->way = better(kind, publish, in_place) ? frame_library_publish.name : frame_library.name;
    return BENCH_DONE;
}

static enum bench_outcome choose(const struct bench_case *one, const struct bench_context *context,
                                 struct bench_rivals *rivals, enum run_kind kind)
{
    for (int i = 0; frame_peers[i] != NULL && rivals->trials < BENCH_TRIALS; i++) {
        struct bench_trial trial = {frame_peers[i]->name, 0};
        if (kind == RUN_FAN && frame_peers[i]->fan == NULL)
            continue;
        enum bench_outcome outcome = try_peer(frame_peers[i], one, context, kind, &trial.value);
        if (outcome == BENCH_FAILED)
            return outcome;
        if (outcome == BENCH_SKIPPED)
            continue;
        int at = rivals->trials++;
        for (; at > 0 && better(kind, trial.value, rivals->trial[at - 1].value); at--)
            rivals->trial[at] = rivals->trial[at - 1];
        rivals->trial[at] = trial;
    }
    if (kind != RUN_FAN && choose_way(one, context, rivals, kind) != BENCH_DONE)
        return BENCH_FAILED;
    rivals->name[BENCH_AGAINST] = rivals->trial[0].name;
    rivals->name[BENCH_RUNNER_UP] = rivals->trials > 1 ? rivals->trial[1].name : NULL;
    return BENCH_DONE;
}

FRAME_CHOOSE(choose_trip)
{
    return choose(self, context, rivals, RUN_TRIP);
}

FRAME_CHOOSE(choose_oneway)
{
    return choose(self, context, rivals, RUN_ONEWAY);
}

FRAME_CHOOSE(choose_fan)
{
    return choose(self, context, rivals, RUN_FAN);
}

/* --- cases ------------------------------------------------------------------------------------------------------ */

static const struct frame_peer *rival(const struct bench_context *context, enum bench_side side)
{
    const char *name = context->rivals->name[side];
    for (int i = 0; frame_peers[i] != NULL; i++) {
        if (strcmp(frame_peers[i]->name, name) == 0)
            return frame_peers[i];
    }
    return &frame_bare;
}

static enum bench_outcome measure(const struct bench_case *one, const struct bench_context *context,
                                  enum bench_side side, enum run_kind kind, double *value)
{
    const char *way = context->rivals->way;
    const struct frame_peer *peer = &frame_library;
    if (side != BENCH_OURS)
        peer = rival(context, side);
    else if (kind == RUN_FAN)
        peer = &frame_fan_library;
    else if (way != NULL && strcmp(way, frame_library_publish.name) == 0)
        peer = &frame_library_publish;
    return run_peer(peer, job_of(one->shape, context, kind, 1), kind, value);
}

FRAME_CASE(case_trip)
{
    return measure(self, context, side, RUN_TRIP, value);
}

FRAME_CASE(case_oneway)
{
    return measure(self, context, side, RUN_ONEWAY, value);
}

FRAME_CASE(case_fan)
{
    return measure(self, context, side, RUN_FAN, value);
}

/* Gather and copy, compared with in place. */
FRAME_CASE(case_gather)
{
    const struct frame_peer *peer = side == BENCH_OURS ? &frame_library_gather : &frame_library;
    return run_peer(peer, job_of(self->shape, context, RUN_ONEWAY, 1), RUN_ONEWAY, value);
}

FRAME_CASE(case_copy)
{
    const struct frame_peer *peer = side == BENCH_OURS ? &frame_library_copy : &frame_library;
    return run_peer(peer, job_of(self->shape, context, RUN_ONEWAY, 1), RUN_ONEWAY, value);
}

/* The library with counters, compared with the library without. */
static enum bench_outcome measure_counters(const struct bench_case *one, const struct bench_context *context,
                                           enum bench_side side, enum run_kind kind, enum myl_counters_level level,
                                           double *value)
{
    struct frame_job job = job_of(one->shape, context, kind, 1);
    job.counters = side == BENCH_OURS ? level : MYL_COUNTERS_OFF;
    return run_peer(&frame_library, job, kind, value);
}

FRAME_CASE(case_trip_full)
{
    return measure_counters(self, context, side, RUN_TRIP, MYL_COUNTERS_FULL, value);
}

FRAME_CASE(case_trip_lite)
{
    return measure_counters(self, context, side, RUN_TRIP, MYL_COUNTERS_LITE, value);
}

FRAME_CASE(case_oneway_full)
{
    return measure_counters(self, context, side, RUN_ONEWAY, MYL_COUNTERS_FULL, value);
}

FRAME_CASE(case_oneway_lite)
{
    return measure_counters(self, context, side, RUN_ONEWAY, MYL_COUNTERS_LITE, value);
}

/* The library compared with baseline two_lines. */
FRAME_CASE(case_trip_limit)
{
    enum { ROUNDS = 40000, ROUNDS_QUICK = 15000, WARM = 2000, GROUP = 16 };
    if (side == BENCH_OURS)
        return case_trip(self, context, side, value);
    uint64_t rounds = WARM + (context->quick ? ROUNDS_QUICK : ROUNDS);
    struct bench_stage *stage = bench_stage_open(rounds + 1);
    struct bench_lines *lines = bench_share(sizeof *lines);
    enum bench_outcome outcome = BENCH_FAILED;
    if (stage != NULL && lines != NULL) {
        lines->rounds = rounds;
        struct bench_participant participant[2] = {{bench_lines_ask, lines, context->machine->cpu[0]},
                                                   {bench_lines_answer, lines, context->machine->cpu[1]}};
        double percentile;
        if (bench_run(stage, participant, 2) == 0) {
            bench_trip_evaluate(stage, rounds, WARM, GROUP, value, &percentile);
            outcome = BENCH_DONE;
        }
    }
    bench_unshare(lines, sizeof *lines);
    bench_stage_close(stage);
    return outcome;
}
