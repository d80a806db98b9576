/* SPDX-License-Identifier: MIT
 * The loops of scheduler and worker, one run of one side, and the short trial of all peers. */
#include "fabric.h"

#include "trip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAST (UINT64_C(1) << 63) /* in the number of a request: no other follows */

void *fabric_buffer(struct bench_stage *stage, int self, size_t bytes)
{
    enum { PAGE = 4096 };
    bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    void *memory = aligned_alloc(PAGE, bytes);
    if (memory == NULL)
        bench_die(stage, self, "cannot allocate %zu bytes", bytes);
    return memset(memory, 0, bytes);
}

/* --- participants ----------------------------------------------------------------------------------------------- */

/* Waits until all participants have reached step `turn`: 1 the scheduler has opened, 2 the workers have, 3 the end. */
static void meet(struct bench_stage *stage, const struct fabric_job *job, uint32_t turn)
{
    bench_meet(stage, turn * ((uint32_t)job->shape->workers + 1));
}

/* Request `number`: its word i is number + i. So is a reply's, whose number is the sum over the request. */
static uint64_t sum_of_request(uint64_t number, size_t bytes)
{
    uint64_t words = bytes / 8;
    return words * number + words * (words - 1) / 2;
}

static void send_message(const struct fabric_peer *peer, void *end, uint64_t number, size_t bytes)
{
    frame_write(peer->claim(end, bytes), number, bytes);
    peer->commit(end, bytes);
}

static void collect(const struct fabric_job *job, struct bench_stage *stage, void *end, uint64_t number)
{
    uint64_t expected = sum_of_request(sum_of_request(number, job->shape->bytes), FABRIC_REPLY);
    for (int i = 0; i < job->shape->workers; i++) {
        uint64_t sum = frame_sum(job->peer->next(end, FABRIC_REPLY), FABRIC_REPLY);
        job->peer->release(end);
        if (sum != expected)
            bench_die(stage, 0, "a wrong reply to request %llu", (unsigned long long)number);
    }
}

static void schedule(struct bench_stage *stage, int self, const void *argument)
{
    const struct fabric_job *job = argument;
    void *end = job->peer->open(job, stage, self);
    meet(stage, job, 1);
    meet(stage, job, 2);
    uint64_t begin = bench_ticks(), warm = UINT64_MAX, round = 0;
    for (int last = 0; !last; round++) {
        stage->samples[round] = bench_ticks();
        uint64_t elapsed = stage->samples[round] - begin;
        if (elapsed >= job->warm_ticks && warm == UINT64_MAX)
            warm = round;
        last = elapsed >= job->warm_ticks + job->run_ticks || round == FABRIC_ROUNDS - 1;
        uint64_t number = last ? round | LAST : round;
        send_message(job->peer, end, number, job->shape->bytes);
        collect(job, stage, end, number);
    }
    stage->samples[round] = bench_ticks();
    stage->result[self].events = round;
    stage->mark[0] = warm;
    meet(stage, job, 3);
    job->peer->close(end);
}

static void work(struct bench_stage *stage, int self, const void *argument)
{
    const struct fabric_job *job = argument;
    meet(stage, job, 1);
    void *end = job->peer->open(job, stage, self);
    meet(stage, job, 2);
    for (uint64_t number = 0; (number & LAST) == 0;) {
        const void *request = job->peer->next(end, job->shape->bytes);
        number = *(const frame_word *)request;
        uint64_t sum = frame_sum(request, job->shape->bytes);
        job->peer->release(end);
        send_message(job->peer, end, sum, FABRIC_REPLY);
    }
    meet(stage, job, 3);
    job->peer->close(end);
}

/* --- one run ----------------------------------------------------------------------------------------------------- */

static enum bench_outcome evaluate(struct bench_stage *stage, double *value)
{
    uint64_t rounds = stage->result[0].events, warm = stage->mark[0];
    if (warm > rounds / 2) /* a participant did not run for most of the time */
        warm = rounds / 2;
    bench_trip_evaluate(stage, rounds, warm, 1, &value[0], &value[1]);
    return BENCH_DONE;
}

static enum bench_outcome run_participants(const struct fabric_job *job, struct bench_stage *stage, double *value)
{
    struct bench_participant participant[FABRIC_WORKERS + 1];
    int workers = job->shape->workers;
    for (int i = 0; i <= workers; i++)
        participant[i] =
            (struct bench_participant){i == 0 ? schedule : work, job, workers == 1 ? job->machine->cpu[i] : -1};
    return bench_run(stage, participant, workers + 1) != 0 ? BENCH_FAILED : evaluate(stage, value);
}

static enum bench_outcome run_peer(const struct fabric_peer *peer, const struct fabric_shape *shape,
                                   const struct bench_context *context, double share, double *value)
{
    double ticks = share * (context->quick ? 20e6 : 100e6) / bench_ns_per_tick();
    struct fabric_job job = {.shape = shape, .machine = context->machine, .peer = peer};
    job.run_ticks = (uint64_t)ticks;
    job.warm_ticks = (uint64_t)(ticks / 2);
    job.yield = shape->workers + 1 > context->machine->cpus;
    struct bench_stage *stage = bench_stage_open(FABRIC_ROUNDS + 1);
    if (stage == NULL)
        return BENCH_FAILED;
    enum bench_outcome outcome = BENCH_SKIPPED;
    if (peer->make == NULL || (job.channel = peer->make(&job, stage)) != NULL)
        outcome = run_participants(&job, stage, value);
    if (outcome == BENCH_FAILED) {
        char why[200];
        snprintf(why, sizeof why, "%s", bench_explanation());
        bench_explain("%s: %s", peer->name, why);
    }
    if (job.channel != NULL)
        peer->drop(job.channel);
    bench_stage_close(stage);
    return outcome;
}

/* --- cases ------------------------------------------------------------------------------------------------------- */

/* The median of a peer's best short run. */
static enum bench_outcome try_peer(const struct fabric_peer *peer, const struct bench_case *one,
                                   const struct bench_context *context, double *best)
{
    for (int i = 0; i < (context->quick ? 1 : 2); i++) {
        double value[BENCH_METRICS];
        enum bench_outcome outcome = run_peer(peer, one->shape, context, 0.5, value);
        if (outcome != BENCH_DONE)
            return outcome;
        if (i == 0 || value[0] < *best)
            *best = value[0];
    }
    return BENCH_DONE;
}

enum bench_outcome fabric_choose(const struct bench_case *self, const struct bench_context *context,
                                 struct bench_rivals *rivals)
{
    for (int i = 0; fabric_peers[i] != NULL && rivals->trials < BENCH_TRIALS; i++) {
        struct bench_trial trial = {fabric_peers[i]->name, 0};
        enum bench_outcome outcome = try_peer(fabric_peers[i], self, context, &trial.value);
        if (outcome == BENCH_FAILED)
            return outcome;
        if (outcome == BENCH_SKIPPED)
            continue;
        int at = rivals->trials++;
        for (; at > 0 && trial.value < rivals->trial[at - 1].value; at--)
            rivals->trial[at] = rivals->trial[at - 1];
        rivals->trial[at] = trial;
    }
    rivals->name[BENCH_AGAINST] = rivals->trial[0].name;
    rivals->name[BENCH_RUNNER_UP] = rivals->trials > 1 ? rivals->trial[1].name : NULL;
    return BENCH_DONE;
}

enum bench_outcome fabric_measure(const struct bench_case *self, const struct bench_context *context,
                                  enum bench_side side, double *value)
{
    const struct fabric_peer *peer = &fabric_library;
    for (int i = 0; side != BENCH_OURS && fabric_peers[i] != NULL; i++) {
        if (strcmp(fabric_peers[i]->name, context->rivals->name[side]) == 0)
            peer = fabric_peers[i];
    }
    return run_peer(peer, self->shape, context, 1, value);
}
