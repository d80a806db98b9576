/* SPDX-License-Identifier: MIT
 * The library's side of bench.fan8: one ring of events (Layer 0) with consumers that may park, as in ring.fan8. */
#include "loops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 80 };

static void check(struct bench_stage *stage, int self, int code, const char *call)
{
    if (code < 0)
        bench_die(stage, self, "%s: %s: %s", call, myl_errname(code), myl_error_detail());
}

static void *fan_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)job, (void)channel;
    char *name = calloc(1, NAME);
    if (name == NULL)
        bench_explain("no memory");
    else
        snprintf(name, NAME, "%s", stage->name);
    return name;
}

static void fan_drop(void *name)
{
    (void)!myl_remove(name, MYL_BACKEND_SHM, 1);
    free(name);
}

struct fan_end {
    struct bench_stage *stage;
    int self;
    myl_producer *out;
    myl_consumer *in;
    uint64_t leased, drain;
};

static void *fan_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends)
{
    struct fan_end *end = frame_buffer(stage, self, sizeof *end);
    end->stage = stage;
    end->self = self;
    end->drain = job->shape->depth / 8;
    if (sends) {
        myl_producer_options options;
        memset(&options, 0, sizeof options);
        options.size = sizeof options;
        options.config.event_size = (uint32_t)job->shape->bytes;
        options.config.capacity = job->shape->depth;
        options.ring.memory.prefault = MYL_REQUEST_PREFER;
        options.ring.wait.strategy = MYL_WAIT_BLOCK;
        check(stage, self, myl_producer_open(&end->out, channel, &options), "myl_producer_open");
    } else {
        myl_consumer_options options;
        memset(&options, 0, sizeof options);
        options.size = sizeof options;
        options.ring.attach_timeout_ns = MYL_SEC(20);
        options.ring.memory.prefault = MYL_REQUEST_PREFER;
        options.ring.wait.strategy = MYL_WAIT_BLOCK;
        check(stage, self, myl_consumer_open(&end->in, channel, &options), "myl_consumer_open");
    }
    return end;
}

FRAME_INLINE void *fan_claim(void *sender, size_t bytes)
{
    (void)bytes;
    struct fan_end *end = sender;
    void *event;
    int code = myl_producer_claim(end->out, &event, MYL_FOREVER);
    if (__builtin_expect(code != MYL_OK, 0))
        check(end->stage, end->self, code, "myl_producer_claim");
    return event;
}

FRAME_INLINE void fan_commit(void *sender, size_t bytes)
{
    (void)bytes;
    myl_producer_publish(((struct fan_end *)sender)->out);
}

static void release(struct fan_end *end)
{
    check(end->stage, end->self, myl_consumer_release(end->in), "myl_consumer_release");
    end->leased = 0;
}

static __attribute__((noinline)) const void *next_waiting(struct fan_end *end)
{
    const void *event;
    if (end->leased > 0)
        release(end);
    check(end->stage, end->self, myl_consumer_next(end->in, &event, MYL_FOREVER), "myl_consumer_next");
    return event;
}

FRAME_INLINE const void *fan_next(void *receiver, size_t bytes)
{
    (void)bytes;
    struct fan_end *end = receiver;
    const void *event;
    if (myl_consumer_next(end->in, &event, MYL_TRY) != MYL_OK)
        event = next_waiting(end);
    return event;
}

FRAME_INLINE void fan_release(void *receiver)
{
    struct fan_end *end = receiver;
    if (++end->leased >= end->drain)
        release(end);
}

static void fan_close(void *any)
{
    struct fan_end *end = any;
    myl_producer_close(end->out);
    myl_consumer_close(end->in);
}

static const struct frame_ops fan_ops = {.open = fan_open,
                                         .claim = fan_claim,
                                         .commit = fan_commit,
                                         .next = fan_next,
                                         .release = fan_release,
                                         .close = fan_close};
FRAME_PARTICIPANTS(fan)

const struct frame_peer frame_fan_library = {.name = "ring",
                                             .make = fan_make,
                                             .drop = fan_drop,
                                             FRAME_OF(fan),
                                             .fan = fan_produce};
