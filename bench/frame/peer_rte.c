/* SPDX-License-Identifier: MIT
 * Peers with DPDK's rte_ring, in shared memory of the benchmark, without DPDK's environment layer. rte_ring passes
 * pointers to a pool; rte_ring_zc has the messages in the ring's elements and accesses them in place. Receivers take up
 * to 32 available messages at once. Senders pass 32 messages at once if the case allows delayed messages. */
#include <rte_config.h>

#include "pool.h"

#include <rte_ring.h>
#include <rte_ring_peek_zc.h>

#include <string.h>

enum { ELEMENT = 0, POINTER = 1 };

static size_t page(size_t bytes)
{
    return (bytes + 4095) / 4096 * 4096;
}

static size_t ring_bytes(const struct frame_shape *shape, int what)
{
    unsigned element = what == POINTER ? (unsigned)sizeof(void *) : (unsigned)pool_slot(shape);
    return page((size_t)rte_ring_get_memsize_elem(element, (unsigned)shape->depth));
}

static void *make(const struct frame_job *job, size_t pool, int what)
{
    struct rte_ring *ring = frame_share(ring_bytes(job->shape, what) + pool);
    if (ring != NULL && rte_ring_init(ring, "bench", (unsigned)job->shape->depth, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
        bench_explain("rte_ring_init failed");
        frame_unshare(ring);
        return NULL;
    }
    return ring;
}

/* --- pointers and a pool -------------------------------------------------------------------------------------- */

struct pointer_end {
    const struct frame_job *job;
    struct rte_ring *ring;
    unsigned burst, count, at;
    struct pool pool;
    void *message[POOL_BURST]; /* sender: `count` messages not yet enqueued; receiver: messages `at` to `count` - 1 */
};

static void *pointer_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)stage, (void)channel;
    return make(job, pool_slots(job->shape) * pool_slot(job->shape), POINTER);
}

static void *pointer_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends)
{
    struct pointer_end *end = frame_buffer(stage, self, sizeof *end);
    frame_touch(channel);
    end->job = job;
    end->ring = channel;
    end->burst = pool_burst(job, sends);
    end->pool = pool_of((unsigned char *)channel + ring_bytes(job->shape, POINTER), job->shape);
    return end;
}

FRAME_INLINE void *pointer_claim(void *sender, size_t bytes)
{
    (void)bytes;
    return ((struct pointer_end *)sender)->pool.at;
}

FRAME_INLINE void put(struct pointer_end *end, void **message, unsigned count)
{
    unsigned polls = 0;
    for (unsigned done = 0; done < count;) {
        done += rte_ring_sp_enqueue_burst(end->ring, message + done, count - done, NULL);
        if (done < count)
            frame_idle(end->job, &polls);
    }
}

static void pointer_flush(void *sender)
{
    struct pointer_end *end = sender;
    put(end, end->message, end->count);
    end->count = 0;
}

FRAME_INLINE void pointer_commit(void *sender, size_t bytes)
{
    (void)bytes;
    struct pointer_end *end = sender;
    end->message[end->count++] = end->pool.at;
    pool_step(&end->pool);
    if (end->count < end->burst)
        return;
    put(end, end->message, end->count);
    end->count = 0;
}

FRAME_INLINE const void *pointer_next(void *receiver, size_t bytes)
{
    (void)bytes;
    struct pointer_end *end = receiver;
    unsigned polls = 0;
    while (end->at == end->count) {
        end->at = 0;
        end->count = rte_ring_sc_dequeue_burst(end->ring, end->message, end->burst, NULL);
        if (end->count == 0)
            frame_idle(end->job, &polls);
    }
    return end->message[end->at++];
}

FRAME_INLINE void pointer_release(void *receiver)
{
    (void)receiver;
}

static const struct frame_ops pointer_ops = {.open = pointer_open,
                                             .claim = pointer_claim,
                                             .commit = pointer_commit,
                                             .flush = pointer_flush,
                                             .next = pointer_next,
                                             .release = pointer_release};
FRAME_PARTICIPANTS(pointer)

/* One ring per consumer, and one pool for all: the pool of the first channel. */
static void pointer_fan(struct bench_stage *stage, int self, const void *argument)
{
    const struct frame_job *job = argument;
    int count = job->shape->consumers;
    size_t bytes = job->shape->bytes;
    struct pointer_end *end[FRAME_CONSUMERS];
    frame_clear_marks(stage->mark);
    for (int i = 0; i < count; i++)
        end[i] = pointer_open(job->channel[i], job, stage, self, 1);
    frame_meet_opened(stage, job, 1);
    frame_meet_opened(stage, job, 2);
    struct pool *pool = &end[0]->pool;
    void *message[POOL_BURST];
    uint64_t begin = bench_ticks(), number = 0;
    for (int last = 0; !last;) {
        last = frame_clock(job, stage->mark, begin, number + POOL_BURST - 1);
        for (int i = 0; i < POOL_BURST; i++, pool_step(pool)) {
            frame_write(pool->at, number++, bytes);
            message[i] = pool->at;
        }
        for (int i = 0; i < count; i++)
            put(end[i], message, POOL_BURST);
    }
    frame_meet_opened(stage, job, 3);
}

const struct frame_peer frame_rte = {.name = "rte_ring",
                                     .make = pointer_make,
                                     .drop = frame_unshare,
                                     FRAME_OF(pointer),
                                     .fan = pointer_fan};

/* --- messages in the elements ----------------------------------------------------------------------------------- */

struct element_end {
    const struct frame_job *job;
    struct rte_ring *ring;
    unsigned element, burst, count, at; /* `count` elements are reserved, `at` of them are finished */
    struct rte_ring_zc_data got;
};

static void *element_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)stage, (void)channel;
    return make(job, 0, ELEMENT);
}

static void *element_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends)
{
    struct element_end *end = frame_buffer(stage, self, sizeof *end);
    frame_touch(channel);
    end->job = job;
    end->ring = channel;
    end->element = (unsigned)pool_slot(job->shape);
    end->burst = pool_burst(job, sends);
    return end;
}

FRAME_INLINE void *element_at(struct element_end *end)
{
    unsigned char *first = end->got.ptr1, *second = end->got.ptr2;
    return end->at < end->got.n1 ? first + (size_t)end->at * end->element
                                 : second + (size_t)(end->at - end->got.n1) * end->element;
}

FRAME_INLINE void *element_claim(void *sender, size_t bytes)
{
    (void)bytes;
    struct element_end *end = sender;
    unsigned polls = 0;
    while (end->count == 0) {
        end->count = rte_ring_enqueue_zc_burst_elem_start(end->ring, end->element, end->burst, &end->got, NULL);
        if (end->count == 0)
            frame_idle(end->job, &polls);
    }
    return element_at(end);
}

static void element_flush(void *sender)
{
    struct element_end *end = sender;
    if (end->count > 0)
        rte_ring_enqueue_zc_elem_finish(end->ring, end->at);
    end->at = end->count = 0;
}

FRAME_INLINE void element_commit(void *sender, size_t bytes)
{
    (void)bytes;
    struct element_end *end = sender;
    if (++end->at < end->count)
        return;
    rte_ring_enqueue_zc_elem_finish(end->ring, end->count);
    end->at = end->count = 0;
}

FRAME_INLINE const void *element_next(void *receiver, size_t bytes)
{
    (void)bytes;
    struct element_end *end = receiver;
    unsigned polls = 0;
    while (end->count == 0) {
        end->count = rte_ring_dequeue_zc_burst_elem_start(end->ring, end->element, end->burst, &end->got, NULL);
        if (end->count == 0)
            frame_idle(end->job, &polls);
    }
    return element_at(end);
}

FRAME_INLINE void element_release(void *receiver)
{
    struct element_end *end = receiver;
    if (++end->at < end->count)
        return;
    rte_ring_dequeue_zc_elem_finish(end->ring, end->count);
    end->at = end->count = 0;
}

static const struct frame_ops element_ops = {.open = element_open,
                                             .claim = element_claim,
                                             .commit = element_commit,
                                             .flush = element_flush,
                                             .next = element_next,
                                             .release = element_release};
FRAME_PARTICIPANTS(element)

const struct frame_peer frame_rte_zc = {.name = "rte_ring_zc",
                                        .make = element_make,
                                        .drop = frame_unshare,
                                        FRAME_OF(element)};
