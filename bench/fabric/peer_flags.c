/* SPDX-License-Identifier: MIT
 * Peer flags: rings of chunks with a byte for the writer and one for each reader, as vLLM's queue for its workers has
 * them. The writer of a chunk waits until each reader has set its byte; the reader waits for the writer's. One such
 * ring leads to all workers, and one leads back from each. Participants spin, and yield if the CPUs are too few. */
#include "fabric.h"

#include <sched.h>
#include <string.h>

enum { CHUNKS = 8, LINE = 64 };

struct flag_ring {
    size_t chunk; /* bytes of a chunk, a multiple of LINE */
    int readers;
    /* CHUNKS lines of flags: byte 0 is the writer's, byte 1 + K reader K's; then CHUNKS chunks. */
    _Alignas(LINE) unsigned char memory[];
};

struct flag_end {
    struct flag_ring *out, *in;
    int reader; /* of `in` */
    uint64_t sent, received;
    unsigned polls;
    const struct fabric_job *job;
    struct flag_ring *back[FABRIC_WORKERS]; /* scheduler: the workers' */
    uint64_t back_received[FABRIC_WORKERS];
    unsigned pending; /* scheduler: workers that have not replied, a bit each */
    int replied; /* the one whose reply is read */
};

struct flag_channel {
    size_t bytes;
    struct flag_ring *ring[FABRIC_WORKERS + 1];
};

static size_t ring_bytes(size_t chunk)
{
    return sizeof(struct flag_ring) + CHUNKS * (LINE + chunk);
}

static unsigned char *flags_of(struct flag_ring *ring, uint64_t number)
{
    return ring->memory + number % CHUNKS * LINE;
}

static unsigned char *chunk_of(struct flag_ring *ring, uint64_t number)
{
    return ring->memory + CHUNKS * LINE + number % CHUNKS * ring->chunk;
}

static void *flags_make(const struct fabric_job *job, struct bench_stage *stage)
{
    (void)stage;
    size_t request = (job->shape->bytes + LINE - 1) / LINE * LINE;
    size_t bytes = LINE * 4 + ring_bytes(request) + (size_t)job->shape->workers * ring_bytes(FABRIC_REPLY);
    struct flag_channel *channel = bench_share(bytes);
    if (channel == NULL) {
        bench_explain("no memory");
        return NULL;
    }
    memset(channel, 0, bytes);
    channel->bytes = bytes;
    unsigned char *at = (unsigned char *)channel + LINE * 4;
    for (int i = 0; i <= job->shape->workers; i++) {
        channel->ring[i] = (struct flag_ring *)(void *)at;
        channel->ring[i]->chunk = i == 0 ? request : FABRIC_REPLY;
        channel->ring[i]->readers = i == 0 ? job->shape->workers : 1;
        at += ring_bytes(channel->ring[i]->chunk);
    }
    return channel;
}

static void flags_drop(void *any)
{
    bench_unshare(any, ((struct flag_channel *)any)->bytes);
}

static void *flags_open(const struct fabric_job *job, struct bench_stage *stage, int self)
{
    struct flag_channel *channel = job->channel;
    struct flag_end *end = fabric_buffer(stage, self, sizeof *end);
    end->job = job;
    end->out = channel->ring[self];
    end->in = self == 0 ? NULL : channel->ring[0];
    end->reader = self - 1;
    for (int i = 0; self == 0 && i < job->shape->workers; i++)
        end->back[i] = channel->ring[i + 1];
    return end;
}

static void idle(struct flag_end *end)
{
    enum { POLLS = 200 };
    if (end->job->yield && ++end->polls % POLLS == 0)
        sched_yield();
    bench_pause();
}

static int byte_is_set(const unsigned char *byte)
{
    return __atomic_load_n(byte, __ATOMIC_ACQUIRE) != 0;
}

/* A chunk is free before its first use, and when the writer's byte and those of all readers are set. */
static void *flags_claim(void *any, size_t bytes)
{
    struct flag_end *end = any;
    (void)bytes;
    unsigned char *flags = flags_of(end->out, end->sent);
    for (int i = 0; byte_is_set(flags) && i < end->out->readers; i++) {
        while (!byte_is_set(flags + 1 + i))
            idle(end);
    }
    __atomic_store_n(flags, 0, __ATOMIC_RELAXED);
    return chunk_of(end->out, end->sent);
}

static void flags_commit(void *any, size_t bytes)
{
    struct flag_end *end = any;
    (void)bytes;
    unsigned char *flags = flags_of(end->out, end->sent++);
    for (int i = 0; i < end->out->readers; i++)
        __atomic_store_n(flags + 1 + i, 0, __ATOMIC_RELAXED);
    __atomic_store_n(flags, 1, __ATOMIC_RELEASE);
    end->pending = (1U << end->job->shape->workers) - 1;
}

static int is_there(struct flag_ring *ring, uint64_t number, int reader)
{
    const unsigned char *flags = flags_of(ring, number);
    return byte_is_set(flags) && !byte_is_set(flags + 1 + reader);
}

static const void *next_reply(struct flag_end *end)
{
    for (int i = 0;; i = (i + 1) % end->job->shape->workers) {
        if ((end->pending >> i & 1U) != 0 && is_there(end->back[i], end->back_received[i], 0)) {
            end->pending &= ~(1U << i);
            end->replied = i;
            return chunk_of(end->back[i], end->back_received[i]);
        }
        if (i == end->job->shape->workers - 1)
            idle(end);
    }
}

static const void *flags_next(void *any, size_t bytes)
{
    struct flag_end *end = any;
    (void)bytes;
    if (end->in == NULL)
        return next_reply(end);
    while (!is_there(end->in, end->received, end->reader))
        idle(end);
    return chunk_of(end->in, end->received);
}

static void flags_release(void *any)
{
    struct flag_end *end = any;
    if (end->in != NULL)
        __atomic_store_n(flags_of(end->in, end->received++) + 1 + end->reader, 1, __ATOMIC_RELEASE);
    else
        __atomic_store_n(flags_of(end->back[end->replied], end->back_received[end->replied]++) + 1, 1,
                         __ATOMIC_RELEASE);
}

static void flags_close(void *any)
{
    (void)any;
}

const struct fabric_peer fabric_flags = {.name = "flags",
                                         .make = flags_make,
                                         .drop = flags_drop,
                                         .open = flags_open,
                                         .claim = flags_claim,
                                         .commit = flags_commit,
                                         .next = flags_next,
                                         .release = flags_release,
                                         .close = flags_close};
