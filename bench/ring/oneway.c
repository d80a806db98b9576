/* SPDX-License-Identifier: MIT
 * One-way streams from one producer. The baselines: a cursor ring, a bare loop, a ring that only spins, a ring without
 * a liveness policy, a ring with one consumer. */
#include "ring.h"

#include <string.h>

typedef void participant_function(struct bench_stage *stage, int self, const void *job);

enum { WARM_LAPS = 3 };

static struct ring_job job_of(const struct ring_shape *shape, const struct bench_context *context, void *memory)
{
    struct ring_job job = {.shape = shape, .memory = memory};
    uint64_t events = context->quick ? shape->events / 4 : shape->events;
    job.warm = WARM_LAPS * shape->capacity;
    job.total = job.warm + events;
    return job;
}

/* Runs participant 0 as producer and the others as consumers. *rate = events per second, summed over all consumers. */
static enum bench_outcome run_stream(const struct ring_job *job, const struct bench_context *context,
                                     participant_function *produce, participant_function *consume, double *rate)
{
    int consumers = job->shape->consumers;
    struct bench_participant participant[BENCH_PARTICIPANTS];
    for (int i = 0; i <= consumers; i++) {
        participant[i].run = i == 0 ? produce : consume;
        participant[i].arg = job;
        participant[i].cpu = job->shape->unpinned ? -1 : context->machine->cpu[i == 0 ? 0 : 1];
    }
    struct bench_stage *stage = bench_stage_open(0);
    if (stage == NULL)
        return BENCH_FAILED;
    if (bench_run(stage, participant, consumers + 1) != 0) {
        rig_clean(stage, "");
        bench_stage_close(stage);
        return BENCH_FAILED;
    }
    /* From the first end of a warm-up to the end of the last consumer. */
    uint64_t start = UINT64_MAX, end = 0, events = 0;
    for (int i = 1; i <= consumers; i++) {
        const struct bench_result *result = &stage->result[i];
        start = result->start_ns < start ? result->start_ns : start;
        end = result->end_ns > end ? result->end_ns : end;
        events += result->events;
    }
    bench_stage_close(stage);
    *rate = (double)events * 1e9 / (double)(end - start);
    return BENCH_DONE;
}

static enum bench_outcome run_bare(const struct ring_shape *shape, const struct bench_context *context, size_t bytes,
                                   participant_function *produce, participant_function *consume, double *rate)
{
    void *memory = bench_share(bytes);
    if (memory == NULL)
        return BENCH_FAILED;
    struct ring_job job = job_of(shape, context, memory);
    enum bench_outcome outcome = run_stream(&job, context, produce, consume, rate);
    bench_unshare(memory, bytes);
    return outcome;
}

static enum bench_outcome run_library(const struct ring_shape *shape, const struct bench_context *context, double *rate)
{
    struct ring_job job = job_of(shape, context, NULL);
    return run_stream(&job, context, library_produce, library_consume, rate);
}

RING_CASE(case_against_cursor)
{
    const struct ring_shape *shape = self->shape;
    if (side == BENCH_OURS)
        return run_library(shape, context, value);
    return run_bare(shape, context, cursor_bytes(shape), cursor_produce, cursor_consume, value);
}

RING_CASE(case_against_bare)
{
    const struct ring_shape *shape = self->shape;
    if (side == BENCH_OURS)
        return run_library(shape, context, value);
    return run_bare(shape, context, bare_bytes(shape), bare_produce, bare_consume, value);
}

RING_CASE(case_against_spin_only)
{
    struct ring_shape shape = *(const struct ring_shape *)self->shape;
    if (side == BENCH_AGAINST) {
        shape.parkable = 0;
        shape.wait = MYL_WAIT_SPIN_HINT;
    }
    return run_library(&shape, context, value);
}

RING_CASE(case_against_unmanaged)
{
    struct ring_shape shape = *(const struct ring_shape *)self->shape;
    shape.managed = side == BENCH_OURS;
    return run_library(&shape, context, value);
}

RING_CASE(case_fan)
{
    struct ring_shape shape = *(const struct ring_shape *)self->shape;
    if (side == BENCH_AGAINST)
        shape.consumers = 1;
    return run_library(&shape, context, value);
}
