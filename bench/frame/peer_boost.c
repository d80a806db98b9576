/* SPDX-License-Identifier: MIT
 * Peer boost_mq: message_queue of Boost.Interprocess, which copies messages in and out. Streams block and round trips
 * poll: in each case the faster of the two. */
#include "boost_queue.h"
#include "loops.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME = 96 };

struct boost_end {
    struct bench_stage *stage;
    int self, block;
    const struct frame_job *job;
    void *queue, *buffer;
};

static void boost_drop(void *name)
{
    boost_queue_remove(name);
    free(name);
}

static void *boost_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    char *name = calloc(1, NAME);
    if (name == NULL) {
        bench_explain("no memory");
        return NULL;
    }
    snprintf(name, NAME, "%s-%d", stage->name, channel);
    if (boost_queue_create(name, job->shape->depth, job->shape->bytes) == 0)
        return name;
    bench_explain("message_queue: %s", boost_queue_error());
    boost_drop(name);
    return NULL;
}

static void *boost_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends)
{
    (void)sends;
    struct boost_end *end = frame_buffer(stage, self, sizeof *end);
    end->stage = stage;
    end->self = self;
    end->job = job;
    end->block = !job->trip;
    end->queue = boost_queue_open(channel);
    if (end->queue == NULL)
        bench_die(stage, self, "message_queue: %s", boost_queue_error());
    end->buffer = frame_buffer(stage, self, job->shape->bytes);
    return end;
}

static void *boost_claim(void *sender, size_t bytes)
{
    (void)bytes;
    return ((struct boost_end *)sender)->buffer;
}

/* After a call that could not be completed: dies if it failed, else waits before the next try. */
static void wait_to_retry(struct boost_end *end, int code)
{
    unsigned polls = 0;
    if (code < 0)
        bench_die(end->stage, end->self, "message_queue: %s", boost_queue_error());
    frame_idle(end->job, &polls);
}

static void boost_commit(void *sender, size_t bytes)
{
    struct boost_end *end = sender;
    int code;
    while ((code = boost_queue_send(end->queue, end->buffer, bytes, end->block)) != 0)
        wait_to_retry(end, code);
}

static const void *boost_next(void *receiver, size_t bytes)
{
    struct boost_end *end = receiver;
    size_t got = 0;
    int code;
    while ((code = boost_queue_receive(end->queue, end->buffer, bytes, &got, end->block)) != 0)
        wait_to_retry(end, code);
    if (got != bytes)
        bench_die(end->stage, end->self, "a message of %zu bytes, expected %zu", got, bytes);
    return end->buffer;
}

static void boost_release(void *receiver)
{
    (void)receiver;
}

static void boost_leave(void *any)
{
    boost_queue_close(((struct boost_end *)any)->queue);
}

static const struct frame_ops boost_ops = {.open = boost_open,
                                           .claim = boost_claim,
                                           .commit = boost_commit,
                                           .next = boost_next,
                                           .release = boost_release,
                                           .close = boost_leave};
FRAME_PARTICIPANTS(boost)

const struct frame_peer frame_boost = {.name = "boost_mq", .make = boost_make, .drop = boost_drop, FRAME_OF(boost)};
