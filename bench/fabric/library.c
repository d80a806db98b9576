/* SPDX-License-Identifier: MIT
 * The library's side, as a user would write it: requests and replies are written and read in place. */
#include "fabric.h"

#include <myelon/fabric.h>
#include <stdio.h>

enum { DEPTH = 8 }; /* requests that the dispatch ring has room for, as the peers' */

struct library_end {
    struct bench_stage *stage;
    int self;
    myl_scheduler *scheduler;
    myl_worker *worker;
    myl_fabric_event event;
    myl_work work;
};

static void check(struct library_end *end, int rc)
{
    if (rc != MYL_OK)
        bench_die(end->stage, end->self, "%s", myl_error_detail());
}

static myl_wait_options waits(const struct fabric_job *job)
{
    const enum myl_wait_strategy spins = job->yield ? MYL_WAIT_SPIN_YIELD : MYL_WAIT_BUSY_SPIN;
    return (myl_wait_options){.strategy = job->shape->adaptive ? MYL_WAIT_ADAPTIVE : spins};
}

static void *library_open(const struct fabric_job *job, struct bench_stage *stage, int self)
{
    struct library_end *end = fabric_buffer(stage, self, sizeof *end);
    *end = (struct library_end){.stage = stage, .self = self};
    myl_fabric_config config = {.size = sizeof config, .workers = (uint32_t)job->shape->workers};
    snprintf(config.label, sizeof config.label, "%.31s", stage->name);
    if (self == 0) {
        config.dispatch_bytes = (uint64_t)DEPTH * (job->shape->bytes + 128);
        if (config.dispatch_bytes < 65536)
            config.dispatch_bytes = 65536;
        const myl_scheduler_options options = {.size = sizeof options, .wait = waits(job)};
        check(end, myl_scheduler_open(&end->scheduler, &config, &options));
    } else {
        config.rank = (uint32_t)self - 1;
        const myl_worker_options options = {.size = sizeof options, .wait = waits(job)};
        check(end, myl_worker_open(&end->worker, &config, &options));
    }
    return end;
}

static void *library_claim(void *any, size_t bytes)
{
    struct library_end *end = any;
    void *data;
    check(end, end->scheduler != NULL ? myl_scheduler_claim(end->scheduler, bytes, &data, MYL_FOREVER)
                                      : myl_worker_claim(end->worker, bytes, &data, MYL_FOREVER));
    return data;
}

/* A worker releases its request after the reply. */
static void library_commit(void *any, size_t bytes)
{
    struct library_end *end = any;
    uint64_t request;
    if (end->scheduler != NULL) {
        check(end, myl_scheduler_commit(end->scheduler, NULL, bytes, &request));
        return;
    }
    check(end, myl_worker_commit(end->worker, &end->work, bytes, 0, MYL_REPLY_FINAL));
    check(end, myl_worker_release(end->worker, &end->work));
}

static const void *library_next(void *any, size_t bytes)
{
    struct library_end *end = any;
    if (end->scheduler != NULL) {
        do /* that workers have joined is an event, too */
            check(end, myl_scheduler_next(end->scheduler, &end->event, MYL_FOREVER));
        while (end->event.kind == MYL_EVENT_WORKER_JOINED);
        if (end->event.kind != MYL_EVENT_REPLY || end->event.length != bytes)
            bench_die(end->stage, end->self, "event %d of %zu bytes", (int)end->event.kind, (size_t)end->event.length);
        return end->event.data;
    }
    check(end, myl_worker_next(end->worker, &end->work, MYL_FOREVER));
    if (end->work.kind != MYL_WORK_REQUEST || end->work.length != bytes)
        bench_die(end->stage, end->self, "work %d of %zu bytes", (int)end->work.kind, (size_t)end->work.length);
    return end->work.data;
}

static void library_release(void *any)
{
    struct library_end *end = any;
    if (end->scheduler != NULL)
        check(end, myl_scheduler_release(end->scheduler, &end->event));
}

static void library_close(void *any)
{
    struct library_end *end = any;
    myl_scheduler_close(end->scheduler);
    myl_worker_close(end->worker);
}

const struct fabric_peer fabric_library = {.name = "myelon",
                                           .open = library_open,
                                           .claim = library_claim,
                                           .commit = library_commit,
                                           .next = library_next,
                                           .release = library_release,
                                           .close = library_close};
