/* SPDX-License-Identifier: MIT
 * The hot paths of ring.h. Internal to the library, and here only to be inlined: use the functions, never the
 * fields. */
#ifndef MYELON_RING_INLINE_H
#define MYELON_RING_INLINE_H

#include <myelon/atomic.h>

MYL_I_BEGIN_INLINE

/* A publish stores one stamp, however many events it publishes: into the cell of the first one, the number after the
 * last. The next publish begins where this one ended, so a reader that has read up to there finds its stamp there. All
 * events below a stamp that was seen are published. The stamps of their own cells may be old and are not checked. */

/* A position in the cells. A cell holds `per_cell` events after its stamp; `left` of them, the next one at `event`, are
 * still ahead. Private to the handle; the ring's geometry was checked when it was opened. */
struct myl_i_cell_iterator {
    unsigned char *cell;
    unsigned char *event;
    uint32_t left;
};

struct myl_i_geometry {
    unsigned char *cells;
    unsigned char *cells_end;
    uint32_t cell_size;
    uint32_t per_cell;
    uint32_t event_size;      /* bytes from one event to the next within a cell */
    uint32_t event_offset;
    uint64_t mask;            /* cells - 1; not of frames, whose cells are no power of two */
};

/* The hot paths have no branch for fork children: in a child they read words that divert each call to the slow path. */

/* First member of every producer handle. Stores leave a processor in order, and only a few can wait for lines that
 * another processor owns: the fewer stores an event takes, the more lines of later events are requested meanwhile. So
 * the address of an event with its own cell is computed from its number; only events that share cells are stepped
 * through. */
struct myl_i_producer_hot {
    uint64_t next;            /* first sequence not claimed; may be claimed while next < end */
    uint64_t end;             /* limit + capacity (protocol 2, step 7); 0 in a fork child */
    struct myl_i_cell_iterator claim; /* packed cells and frames: at `next` */
    uint64_t published;       /* first sequence not published */
    myl_au64 *stamp;          /* packed cells: of the cell of `published` */
    struct myl_i_geometry ring;
    myl_au64 *shared_next;
    const myl_au32 *park;     /* data park word, or a private stand-in: 0 (spin only), 1 (always the slow path) */
};

/* First member of every consumer handle. */
struct myl_i_consumer_hot {
    uint64_t next;            /* first sequence not leased */
    uint64_t known;           /* events below are published; a publish ended here */
    uint64_t window;          /* what is published is at most so far ahead: the capacity */
    const myl_au64 *front;    /* in a stream (ring/stream.c): a 0 that is read instead of the stamps; else NULL */
    struct myl_i_cell_iterator lease; /* at `next`; in a fork child at a stamp of 0 */
    uint64_t acknowledged;    /* first sequence not acknowledged: `cursor` at the last release that returned MYL_OK */
    uint64_t room_check;      /* from this cursor value on, a release checks after a fence whether the producer
                               * sleeps */
    struct myl_i_geometry ring;
    myl_au64 *cursor;         /* own entry's line */
    const myl_au32 *generation; /* same line */
    const myl_au32 *room;     /* room park word */
    struct myl_i_tally *tally; /* frames: delivered */
    uint32_t own_generation;
};

#define MYL_I_SLEEP 4u /* SLEEP of a park word: docs/protocols.md, Protocol 6 */
#define MYL_I_PARK_BITS 7u

MYL_BEGIN_DECLS
MYL_API int myl_i_claim_slow(myl_producer *producer, void **event, int64_t timeout_ns);
MYL_API int myl_i_claim_span_slow(myl_producer *producer, uint64_t wanted, myl_span *span, int64_t timeout_ns);
MYL_API void myl_i_wake_slow(myl_producer *producer);
MYL_API int myl_i_next_slow(myl_consumer *consumer, const void **event, int64_t timeout_ns);
MYL_API int myl_i_next_span_slow(myl_consumer *consumer, uint64_t most, myl_span *span, int64_t timeout_ns);
MYL_API int myl_i_release_slow(myl_consumer *consumer);
MYL_API int myl_i_release_to_slow(myl_consumer *consumer, myl_sequence sequence);
MYL_END_DECLS

MYL_INLINE void myl_i_iterator_next_cell(struct myl_i_cell_iterator *iterator, const struct myl_i_geometry *ring)
{
    iterator->cell += ring->cell_size;
    if (MYL_UNLIKELY(iterator->cell == ring->cells_end))
        iterator->cell = ring->cells;
    iterator->event = iterator->cell + ring->event_offset;
    iterator->left = ring->per_cell;
}

MYL_INLINE void myl_i_iterator_step(struct myl_i_cell_iterator *iterator, const struct myl_i_geometry *ring)
{
    if (--iterator->left != 0)
        iterator->event += ring->event_size;
    else
        myl_i_iterator_next_cell(iterator, ring);
}

MYL_INLINE void myl_i_tally_add(struct myl_i_tally *tally, uint64_t messages, uint64_t bytes)
{
    myl_tally_rlx(&tally->messages, messages); /* A93. Pairs: A94 */
    myl_tally_rlx(&tally->bytes, bytes);       /* A93 */
}

MYL_INLINE unsigned char *myl_i_cell(const struct myl_i_geometry *ring, uint64_t sequence)
{
    return ring->cells + (sequence & ring->mask) * ring->cell_size;
}

/* A cell's line, which a consumer owned, is prefetched a few cells before it is written: a store that waits for its
 * line delays all later stores. After the last cell the address is outside of the cells; a prefetch never faults. */
#define MYL_I_AHEAD 4u

MYL_INLINE myl_au64 *myl_i_stamp(const struct myl_i_cell_iterator *iterator)
{
    return (myl_au64 *)(void *)iterator->cell;
}

MYL_API_INLINE int myl_producer_claim(myl_producer *producer, void **event, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    MYL_I_NOT_NULL(event);
    struct myl_i_producer_hot *h = (struct myl_i_producer_hot *)(void *)producer;
    if (MYL_UNLIKELY(h->next >= h->end)) {
        void *claimed = NULL; /* so that `event` itself can stay in a register */
        int rc = myl_i_claim_slow(producer, &claimed, timeout_ns);
        *event = claimed;
        return rc;
    }
    if (MYL_LIKELY(h->ring.per_cell == 1)) {
        unsigned char *cell = myl_i_cell(&h->ring, h->next);
        myl_prefetch_write(cell + (size_t)MYL_I_AHEAD * h->ring.cell_size);
        *event = cell + h->ring.event_offset;
    } else {
        *event = h->claim.event;
        myl_i_iterator_step(&h->claim, &h->ring);
    }
    h->next++;
    return MYL_OK;
}

/* Claims up to `wanted` events in a row; there is room for them. */
MYL_INLINE void myl_i_claim_contiguous(struct myl_i_producer_hot *h, uint64_t wanted, myl_span *span)
{
    span->sequence = h->next;
    if (h->ring.per_cell > 1) {
        span->count = wanted < h->claim.left ? wanted : h->claim.left;
        span->event = h->claim.event;
        span->stride = h->ring.event_size;
        h->claim.left -= (uint32_t)span->count;
        h->claim.event += span->count * h->ring.event_size;
        if (h->claim.left == 0)
            myl_i_iterator_next_cell(&h->claim, &h->ring);
    } else {
        uint64_t to_end = h->ring.mask + 1 - (h->next & h->ring.mask);
        span->count = wanted < to_end ? wanted : to_end;
        span->event = myl_i_cell(&h->ring, h->next) + h->ring.event_offset;
        span->stride = h->ring.cell_size;
    }
    h->next += span->count;
}

MYL_API_INLINE int myl_producer_claim_span(myl_producer *producer, uint64_t wanted, myl_span *span, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    MYL_I_NOT_NULL(span);
    struct myl_i_producer_hot *h = (struct myl_i_producer_hot *)(void *)producer;
    /* No sum that could overflow. */
    if (MYL_UNLIKELY(wanted == 0 || h->next >= h->end || wanted > h->end - h->next))
        return myl_i_claim_span_slow(producer, wanted, span, timeout_ns);
    myl_i_claim_contiguous(h, wanted, span);
    return MYL_OK;
}

MYL_API_INLINE void myl_producer_publish(myl_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    struct myl_i_producer_hot *h = (struct myl_i_producer_hot *)(void *)producer;
    if (MYL_UNLIKELY(h->next == h->published))
        return;
    int one_per_cell = h->ring.per_cell == 1;
    myl_au64 *stamp = MYL_LIKELY(one_per_cell) ? (myl_au64 *)(void *)myl_i_cell(&h->ring, h->published) : h->stamp;
    h->published = h->next;
    MYL_STEP("S1");
    /* A1 stamp [rel]: all events of the batch are written before. A producer killed before this store has published
     * none of them, after it all. Pairs: A2, the consumer's stamp load; A20, takeover. */
    myl_store_rel(stamp, h->next);
    if (!one_per_cell)
        h->stamp = myl_i_stamp(&h->claim);
    MYL_STEP("S1n");
    /* A3 next [rel]: after the stamp, so that a successor finds no hole (protocol 5). Pairs: A4 joiners, A20
     * takeover. */
    myl_store_rel(h->shared_next, h->published);
    MYL_STEP("S3");
    myl_fence_compiler(); /* S2: the load below stays after the stamp in program order */
    /* A5 park word [rlx], S3. Pairs: A6, the parker's CAS: FENCE and EFF give the order that is missing here. */
    if (MYL_UNLIKELY((myl_load32_rlx(h->park) & MYL_I_PARK_BITS) != 0)) /* S4 */
        myl_i_wake_slow(producer);
}

MYL_API_INLINE int myl_consumer_next(myl_consumer *consumer, const void **event, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(event);
    struct myl_i_consumer_hot *h = (struct myl_i_consumer_hot *)(void *)consumer;
    if (h->next >= h->known) {
        /* A2 stamp [acq]: the events up to there are read after it. Pairs: A1. */
        uint64_t end = myl_load_acq(h->front != NULL ? h->front : myl_i_stamp(&h->lease));
        if (MYL_UNLIKELY(end - h->next - 1 >= h->window)) {
            const void *leased = NULL;
            int rc = myl_i_next_slow(consumer, &leased, timeout_ns);
            *event = leased;
            return rc;
        }
        h->known = end;
    }
    *event = h->lease.event;
    h->next++;
    myl_i_iterator_step(&h->lease, &h->ring);
    return MYL_OK;
}

/* Events from the iterator on that lie in one span, published or not. */
MYL_INLINE uint64_t myl_i_contiguous(const struct myl_i_consumer_hot *h)
{
    return h->ring.per_cell > 1 ? h->lease.left : (uint64_t)(h->ring.cells_end - h->lease.cell) / h->ring.cell_size;
}

/* Leases `count` events in a row; they are published. */
MYL_INLINE void myl_i_lease_contiguous(struct myl_i_consumer_hot *h, uint64_t count, myl_span *span)
{
    span->event = h->lease.event;
    span->sequence = h->next;
    span->count = count;
    h->next += count;
    if (h->ring.per_cell > 1) {
        span->stride = h->ring.event_size;
        h->lease.left -= (uint32_t)count;
        h->lease.event += count * h->ring.event_size;
        if (h->lease.left == 0)
            myl_i_iterator_next_cell(&h->lease, &h->ring);
    } else {
        span->stride = h->ring.cell_size;
        h->lease.cell += (count - 1) * h->ring.cell_size;
        myl_i_iterator_next_cell(&h->lease, &h->ring);
    }
}

MYL_API_INLINE int myl_consumer_next_span(myl_consumer *consumer, uint64_t most, myl_span *span, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(span);
    struct myl_i_consumer_hot *h = (struct myl_i_consumer_hot *)(void *)consumer;
    if (MYL_LIKELY(most != 0 && h->next < h->known)) {
        uint64_t contiguous = myl_i_contiguous(h);
        contiguous = most < contiguous ? most : contiguous;
        if (MYL_LIKELY(contiguous <= h->known - h->next)) {
            myl_i_lease_contiguous(h, contiguous, span);
            return MYL_OK;
        }
    }
    return myl_i_next_span_slow(consumer, most, span, timeout_ns); /* more may be published than is known */
}

MYL_API_INLINE int myl_consumer_end_of_batch(const myl_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    const struct myl_i_consumer_hot *h = (const struct myl_i_consumer_hot *)(const void *)consumer;
    return h->next >= h->known && myl_load_acq(myl_i_stamp(&h->lease)) - h->next - 1 >= h->window; /* A2 */
}

/* Acknowledges all events below `cursor`. Returns 0 if the slow path must complete the release. */
MYL_INLINE int myl_i_release(struct myl_i_consumer_hot *h, uint64_t cursor)
{
    /* A9 own generation [rlx], same line: changed means evicted, and the cursor may be another consumer's now. */
    if (MYL_UNLIKELY(myl_load32_rlx(h->generation) != h->own_generation))
        return 0;
    MYL_STEP("R1");
    /* A7 cursor [rel]: the reads of the events are before it. Pairs: A8, the producer's gate check. */
    myl_store_rel(h->cursor, cursor);
    MYL_STEP("R1n");
    myl_fence_compiler();
    /* A10 room word [rlx]: without a fence it may be missed for a moment; the fenced check at every quarter of the ring
     * and before every wait (A11), and the producer's bounded sleep, make up for it. */
    if (MYL_UNLIKELY((myl_load32_rlx(h->room) & MYL_I_SLEEP) != 0 || cursor >= h->room_check))
        return 0;
    h->acknowledged = cursor; /* only where all is done: the slow path may find us evicted meanwhile */
    return 1;
}

MYL_API_INLINE int myl_consumer_release(myl_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    struct myl_i_consumer_hot *h = (struct myl_i_consumer_hot *)(void *)consumer;
    return MYL_LIKELY(myl_i_release(h, h->next)) ? MYL_OK : myl_i_release_slow(consumer);
}

MYL_API_INLINE int myl_consumer_release_to(myl_consumer *consumer, myl_sequence sequence)
{
    MYL_I_NOT_NULL(consumer);
    struct myl_i_consumer_hot *h = (struct myl_i_consumer_hot *)(void *)consumer;
    uint64_t cursor = (uint64_t)sequence + 1;
    int leased = cursor - h->acknowledged - 1 < h->next - h->acknowledged; /* acknowledged < cursor <= next */
    return MYL_LIKELY(leased && myl_i_release(h, cursor)) ? MYL_OK : myl_i_release_to_slow(consumer, sequence);
}

MYL_I_END_INLINE

#endif
