/* SPDX-License-Identifier: MIT
 * The library's side, as a user would write it, with four sets of calls. In place: claim, fill, commit; next, read,
 * release. Publish: publish from the caller's memory, read in place. Gather: publishv of a head of 16 bytes and the
 * rest, read in place. Copy: publish from the caller's memory, get into the reader's memory. */
#include "loops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 80, GATHER_HEAD = 16 };

struct library_end {
    struct bench_stage *stage;
    int self;
    myl_frame_producer *out;
    myl_frame_consumer *in;
    uint64_t leased, drain; /* leased bytes; released when they reach `drain`, or when no message is left */
    void *buffer; /* the caller's memory, for the calls that copy */
};

static void check(struct library_end *end, int code, const char *call)
{
    if (code < 0)
        bench_die(end->stage, end->self, "%s: %s: %s", call, myl_errname(code), myl_error_detail());
}

static void *library_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)job;
    char *name = calloc(1, NAME);
    if (name == NULL)
        bench_explain("no memory");
    else
        snprintf(name, NAME, "%s-%d", stage->name, channel);
    return name;
}

static void library_drop(void *name)
{
    (void)!myl_remove(name, MYL_BACKEND_SHM, 1); /* has no effect unless the measurement failed */
    free(name);
}

static myl_wait_options spinning(void)
{
    myl_wait_options wait;
    memset(&wait, 0, sizeof wait);
    wait.strategy = MYL_WAIT_SPIN_HINT;
    return wait;
}

static void open_producer(struct library_end *end, const char *name, const struct frame_job *job)
{
    myl_frame_producer_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.config.ring_bytes = job->shape->ring_bytes;
    options.config.max_frame = (uint32_t)(job->shape->bytes < 64 ? 64 : job->shape->bytes);
    options.config.max_message = options.config.max_frame;
    options.ring.memory.prefault = MYL_REQUEST_PREFER;
    options.ring.wait = spinning();
    options.ring.counters = job->counters;
    check(end, myl_frame_producer_open(&end->out, name, &options), "myl_frame_producer_open");
}

static void open_consumer(struct library_end *end, const char *name, const struct frame_job *job)
{
    myl_frame_consumer_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.ring.attach_timeout_ns = MYL_SEC(20);
    options.ring.memory.prefault = MYL_REQUEST_PREFER;
    options.ring.wait = spinning();
    options.ring.counters = job->counters;
    check(end, myl_frame_consumer_open(&end->in, name, &options), "myl_frame_consumer_open");
}

static void *library_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends)
{
    struct library_end *end = frame_buffer(stage, self, sizeof *end);
    end->stage = stage;
    end->self = self;
    end->drain = job->trip ? 0 : job->shape->ring_bytes / 8;
    end->buffer = frame_buffer(stage, self, job->shape->bytes);
    if (sends)
        open_producer(end, channel, job);
    else
        open_consumer(end, channel, job);
    return end;
}

static void library_close(void *any)
{
    struct library_end *end = any;
    if (end->leased > 0)
        check(end, myl_frame_consumer_release(end->in), "myl_frame_consumer_release");
    myl_frame_producer_close(end->out);
    myl_frame_consumer_close(end->in);
}

FRAME_INLINE void *library_claim(void *sender, size_t bytes)
{
    struct library_end *end = sender;
    void *data;
    int code = myl_frame_producer_claim(end->out, bytes, &data, MYL_FOREVER);
    if (__builtin_expect(code != MYL_OK, 0))
        check(end, code, "myl_frame_producer_claim");
    return data;
}

FRAME_INLINE void library_commit(void *sender, size_t bytes)
{
    struct library_end *end = sender;
    int code = myl_frame_producer_commit(end->out, bytes, 0);
    if (__builtin_expect(code != MYL_OK, 0))
        check(end, code, "myl_frame_producer_commit");
}

static __attribute__((noinline)) void release_and_wait(struct library_end *end, myl_message *message)
{
    check(end, myl_frame_consumer_release(end->in), "myl_frame_consumer_release");
    end->leased = 0;
    check(end, myl_frame_consumer_next(end->in, message, MYL_FOREVER), "myl_frame_consumer_next");
}

FRAME_INLINE const void *library_next(void *receiver, size_t bytes)
{
    struct library_end *end = receiver;
    myl_message message;
    int code = myl_frame_consumer_next(end->in, &message, end->leased > 0 ? MYL_TRY : MYL_FOREVER);
    if (code == MYL_EAGAIN)
        release_and_wait(end, &message);
    else if (__builtin_expect(code != MYL_OK, 0))
        check(end, code, "myl_frame_consumer_next");
    if (__builtin_expect(message.length != bytes, 0))
        bench_die(end->stage, end->self, "a message of %llu bytes, expected %zu", (unsigned long long)message.length,
                  bytes);
    end->leased += bytes;
    return message.data;
}

FRAME_INLINE void library_release(void *receiver)
{
    struct library_end *end = receiver;
    if (end->leased < end->drain)
        return;
    end->leased = 0;
    int code = myl_frame_consumer_release(end->in);
    if (__builtin_expect(code != MYL_OK, 0))
        check(end, code, "myl_frame_consumer_release");
}

FRAME_INLINE void *buffer_claim(void *sender, size_t bytes)
{
    (void)bytes;
    return ((struct library_end *)sender)->buffer;
}

FRAME_INLINE void copy_commit(void *sender, size_t bytes)
{
    struct library_end *end = sender;
    int code = myl_frame_producer_publish(end->out, end->buffer, bytes, 0, MYL_FOREVER);
    if (__builtin_expect(code != MYL_OK, 0))
        check(end, code, "myl_frame_producer_publish");
}

FRAME_INLINE void gather_commit(void *sender, size_t bytes)
{
    struct library_end *end = sender;
    unsigned char *rest = (unsigned char *)end->buffer + GATHER_HEAD;
    struct iovec pieces[2] = {{end->buffer, GATHER_HEAD}, {rest, bytes - GATHER_HEAD}};
    int code = myl_frame_producer_publishv(end->out, pieces, 2, 0, MYL_FOREVER);
    if (__builtin_expect(code != MYL_OK, 0))
        check(end, code, "myl_frame_producer_publishv");
}

FRAME_INLINE const void *copy_next(void *receiver, size_t bytes)
{
    struct library_end *end = receiver;
    myl_message message;
    int code = myl_frame_consumer_get(end->in, end->buffer, bytes, &message, MYL_FOREVER);
    if (__builtin_expect(code != MYL_OK, 0))
        check(end, code, "myl_frame_consumer_get");
    return end->buffer;
}

FRAME_INLINE void copy_release(void *receiver)
{
    (void)receiver; /* myl_frame_consumer_get has acknowledged the message */
}

static const struct frame_ops library_ops = {.open = library_open,
                                             .claim = library_claim,
                                             .commit = library_commit,
                                             .next = library_next,
                                             .release = library_release,
                                             .close = library_close};
static const struct frame_ops publish_ops = {.open = library_open,
                                             .claim = buffer_claim,
                                             .commit = copy_commit,
                                             .next = library_next,
                                             .release = library_release,
                                             .close = library_close};
static const struct frame_ops gather_ops = {.open = library_open,
                                            .claim = buffer_claim,
                                            .commit = gather_commit,
                                            .next = library_next,
                                            .release = library_release,
                                            .close = library_close};
static const struct frame_ops copy_ops = {.open = library_open,
                                          .claim = buffer_claim,
                                          .commit = copy_commit,
                                          .next = copy_next,
                                          .release = copy_release,
                                          .close = library_close};
FRAME_PARTICIPANTS(library)
FRAME_PARTICIPANTS(publish)
FRAME_PARTICIPANTS(gather)
FRAME_PARTICIPANTS(copy)

const struct frame_peer frame_library = {.name = "in_place",
                                         .make = library_make,
                                         .drop = library_drop,
                                         FRAME_OF(library)};
const struct frame_peer frame_library_publish = {.name = "publish",
                                                 .make = library_make,
                                                 .drop = library_drop,
                                                 FRAME_OF(publish)};
const struct frame_peer frame_library_gather = {.name = "gather",
                                                .make = library_make,
                                                .drop = library_drop,
                                                FRAME_OF(gather)};
const struct frame_peer frame_library_copy = {.name = "copy",
                                              .make = library_make,
                                              .drop = library_drop,
                                              FRAME_OF(copy)};
