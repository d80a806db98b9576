/* SPDX-License-Identifier: MIT
 * The hot paths of ring.h. Internal to the library but for being inlined: use the functions, never the fields. */
#ifndef MYELON_RING_INLINE_H
#define MYELON_RING_INLINE_H

#include <myelon/atomic.h>

/* A publish stores one stamp, however many events it publishes: into the cell of the first, the number behind the last.
 * Where a publish ended the next one begins, so whoever has read up to there finds its stamp there. Events up to a
 * stamp once seen are published, and need no look at the stamps of their own cells, which may be old. */

/* A walk over the cells. A cell holds `per_cell` events behind its stamp; `left` of them, the next one at `event`,
 * have not been walked over. Private to the handle; the ring's geometry was checked when it was opened. */
struct myl_i_walk {
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

/* The hot paths have no branch for fork children: theirs lead to words that make every one of them a slow one. */

/* First member of every producer handle. Stores leave a processor in order, and only so many can wait for lines that
 * another one has: the fewer there are for an event, the more of its neighbours' lines are under way. So where an event
 * has a cell of its own, that is computed from its number; only events that share cells are walked along. */
struct myl_i_producer_hot {
    uint64_t next;            /* first sequence not claimed; may be claimed while next < end */
    uint64_t end;             /* limit + capacity (protocol 2, step 7); 0 in a fork child */
    struct myl_i_walk claim;  /* packed cells and frames: at `next` */
    uint64_t published;       /* first sequence not published */
    myl_au64 *stamp;          /* packed cells: of the cell of `published` */
    struct myl_i_geometry ring;
    myl_au64 *shared_next;
    const myl_au32 *park;     /* data park word, or a private stand-in: 0 (spin only), 1 (always look closer) */
};

/* First member of every consumer handle. */
struct myl_i_consumer_hot {
    uint64_t next;            /* first sequence not leased */
    uint64_t known;           /* events below are published; a publish ended here */
    uint64_t window;          /* what is published is at most so far ahead: the capacity */
    const myl_au64 *front;    /* in a stream (ring/stream.c): a 0 to be seen in place of the stamps; else NULL */
    struct myl_i_walk lease;  /* at `next`; in a fork child at a stamp of 0 */
    uint64_t acknowledged;    /* first sequence not acknowledged: `cursor` at the last release answered MYL_OK */
    uint64_t room_check;      /* from this cursor value on, a release looks for a sleeping producer behind a fence */
    struct myl_i_geometry ring;
    myl_au64 *cursor;         /* own entry's line */
    const myl_au32 *generation; /* same line */
    const myl_au32 *room;     /* room park word */
    uint32_t own_generation;
};

#define MYL_I_SLEEP 4u /* parking.md: bit 2 of a park word */
#define MYL_I_PARK_BITS 7u

MYL_BEGIN_DECLS
MYL_API int myl_i_claim_slow(myl_producer *producer, void **event, int64_t timeout_ns);
MYL_API int myl_i_claim_run_slow(myl_producer *producer, uint64_t wanted, myl_run *run, int64_t timeout_ns);
MYL_API void myl_i_wake_slow(myl_producer *producer);
MYL_API int myl_i_next_slow(myl_consumer *consumer, const void **event, int64_t timeout_ns);
MYL_API int myl_i_next_run_slow(myl_consumer *consumer, uint64_t most, myl_run *run, int64_t timeout_ns);
MYL_API int myl_i_release_slow(myl_consumer *consumer);
MYL_END_DECLS

MYL_INLINE void myl_i_walk_next_cell(struct myl_i_walk *walk, const struct myl_i_geometry *ring)
{
    walk->cell += ring->cell_size;
    if (MYL_UNLIKELY(walk->cell == ring->cells_end))
        walk->cell = ring->cells;
    walk->event = walk->cell + ring->event_offset;
    walk->left = ring->per_cell;
}

MYL_INLINE void myl_i_walk_step(struct myl_i_walk *walk, const struct myl_i_geometry *ring)
{
    if (--walk->left != 0)
        walk->event += ring->event_size;
    else
        myl_i_walk_next_cell(walk, ring);
}

MYL_INLINE unsigned char *myl_i_cell(const struct myl_i_geometry *ring, uint64_t sequence)
{
    return ring->cells + (sequence & ring->mask) * ring->cell_size;
}

/* The line that a consumer had is asked for a few cells before it is written, where the processor heeds that: a store
 * that has to wait for its line holds up all stores behind it. Behind the last cell the address is nobody's, which does
 * not matter. */
#define MYL_I_AHEAD 4u

MYL_INLINE myl_au64 *myl_i_stamp(const struct myl_i_walk *walk)
{
    return (myl_au64 *)(void *)walk->cell;
}

MYL_INLINE int myl_producer_claim(myl_producer *producer, void **event, int64_t timeout_ns)
{
    struct myl_i_producer_hot *h = (struct myl_i_producer_hot *)(void *)producer;
    if (MYL_UNLIKELY(h->next >= h->end)) {
        void *claimed = NULL; /* so that `event` itself need not lie in memory */
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
        myl_i_walk_step(&h->claim, &h->ring);
    }
    h->next++;
    return MYL_OK;
}

/* Claims up to `wanted` events in a row; there is room for them. */
MYL_INLINE void myl_i_claim_row(struct myl_i_producer_hot *h, uint64_t wanted, myl_run *run)
{
    run->sequence = h->next;
    if (h->ring.per_cell > 1) {
        run->count = wanted < h->claim.left ? wanted : h->claim.left;
        run->event = h->claim.event;
        run->stride = h->ring.event_size;
        h->claim.left -= (uint32_t)run->count;
        h->claim.event += run->count * h->ring.event_size;
        if (h->claim.left == 0)
            myl_i_walk_next_cell(&h->claim, &h->ring);
    } else {
        uint64_t to_end = h->ring.mask + 1 - (h->next & h->ring.mask);
        run->count = wanted < to_end ? wanted : to_end;
        run->event = myl_i_cell(&h->ring, h->next) + h->ring.event_offset;
        run->stride = h->ring.cell_size;
    }
    h->next += run->count;
}

MYL_INLINE int myl_producer_claim_run(myl_producer *producer, uint64_t wanted, myl_run *run, int64_t timeout_ns)
{
    struct myl_i_producer_hot *h = (struct myl_i_producer_hot *)(void *)producer;
    /* No sum that could overflow. */
    if (MYL_UNLIKELY(wanted == 0 || h->next >= h->end || wanted > h->end - h->next))
        return myl_i_claim_run_slow(producer, wanted, run, timeout_ns);
    myl_i_claim_row(h, wanted, run);
    return MYL_OK;
}

MYL_INLINE void myl_producer_publish(myl_producer *producer)
{
    struct myl_i_producer_hot *h = (struct myl_i_producer_hot *)(void *)producer;
    if (MYL_UNLIKELY(h->next == h->published))
        return;
    int alone = h->ring.per_cell == 1;
    myl_au64 *stamp = MYL_LIKELY(alone) ? (myl_au64 *)(void *)myl_i_cell(&h->ring, h->published) : h->stamp;
    h->published = h->next;
    MYL_STEP("S1");
    /* A1 stamp [rel]: all events of the batch are written before. A producer killed before it has published none of
     * them, after it all. Pairs: A2, the consumer's stamp load; A20, takeover. */
    myl_store_rel(stamp, h->next);
    if (!alone)
        h->stamp = myl_i_stamp(&h->claim);
    MYL_STEP("S1n");
    /* A3 next [rel]: behind the stamp, so that a successor finds no hole (protocol 5). Pairs: A4 joiners, A20
     * takeover. */
    myl_store_rel(h->shared_next, h->published);
    MYL_STEP("S3");
    myl_fence_compiler(); /* S2: the load below stays behind the stamp in program order */
    /* A5 park word [rlx], S3. Pairs: A6, the parker's CAS: FENCE and EFF give the order that is missing here. */
    if (MYL_UNLIKELY((myl_load32_rlx(h->park) & MYL_I_PARK_BITS) != 0)) /* S4 */
        myl_i_wake_slow(producer);
}

MYL_INLINE int myl_consumer_next(myl_consumer *consumer, const void **event, int64_t timeout_ns)
{
    struct myl_i_consumer_hot *h = (struct myl_i_consumer_hot *)(void *)consumer;
    if (h->next >= h->known) {
        /* A2 stamp [acq]: the events up to there are read behind it. Pairs: A1. */
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
    myl_i_walk_step(&h->lease, &h->ring);
    return MYL_OK;
}

/* Events from the walk on that lie in a row, published or not. */
MYL_INLINE uint64_t myl_i_row(const struct myl_i_consumer_hot *h)
{
    return h->ring.per_cell > 1 ? h->lease.left : (uint64_t)(h->ring.cells_end - h->lease.cell) / h->ring.cell_size;
}

/* Leases `count` events in a row; they are published. */
MYL_INLINE void myl_i_lease_row(struct myl_i_consumer_hot *h, uint64_t count, myl_run *run)
{
    run->event = h->lease.event;
    run->sequence = h->next;
    run->count = count;
    h->next += count;
    if (h->ring.per_cell > 1) {
        run->stride = h->ring.event_size;
        h->lease.left -= (uint32_t)count;
        h->lease.event += count * h->ring.event_size;
        if (h->lease.left == 0)
            myl_i_walk_next_cell(&h->lease, &h->ring);
    } else {
        run->stride = h->ring.cell_size;
        h->lease.cell += (count - 1) * h->ring.cell_size;
        myl_i_walk_next_cell(&h->lease, &h->ring);
    }
}

MYL_INLINE int myl_consumer_next_run(myl_consumer *consumer, uint64_t most, myl_run *run, int64_t timeout_ns)
{
    struct myl_i_consumer_hot *h = (struct myl_i_consumer_hot *)(void *)consumer;
    if (MYL_LIKELY(most != 0 && h->next < h->known)) {
        uint64_t row = myl_i_row(h);
        row = most < row ? most : row;
        if (MYL_LIKELY(row <= h->known - h->next)) {
            myl_i_lease_row(h, row, run);
            return MYL_OK;
        }
    }
    return myl_i_next_run_slow(consumer, most, run, timeout_ns); /* more may be published than is known */
}

MYL_INLINE int myl_consumer_end_of_batch(const myl_consumer *consumer)
{
    const struct myl_i_consumer_hot *h = (const struct myl_i_consumer_hot *)(const void *)consumer;
    return h->next >= h->known && myl_load_acq(myl_i_stamp(&h->lease)) - h->next - 1 >= h->window; /* A2 */
}

/* 1: released, and nothing else is to be done. */
MYL_INLINE int myl_i_release(struct myl_i_consumer_hot *h)
{
    /* A9 own generation [rlx], same line: changed means evicted, and the cursor may be somebody else's by now. */
    if (MYL_UNLIKELY(myl_load32_rlx(h->generation) != h->own_generation))
        return 0;
    MYL_STEP("R1");
    /* A7 cursor [rel]: the reads of the events are before it. Pairs: A8, the producer's look at the gate. */
    myl_store_rel(h->cursor, h->next);
    MYL_STEP("R1n");
    myl_fence_compiler();
    /* A10 room word [rlx]: without a fence it may be missed for a moment; the fenced look at every quarter of the ring
     * and before every wait (A11), and the producer's bounded sleep, make up for it. */
    if (MYL_UNLIKELY((myl_load32_rlx(h->room) & MYL_I_SLEEP) != 0 || h->next >= h->room_check))
        return 0;
    h->acknowledged = h->next; /* only where all is done: the slow path may find us evicted meanwhile */
    return 1;
}

MYL_INLINE int myl_consumer_release(myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = (struct myl_i_consumer_hot *)(void *)consumer;
    return MYL_LIKELY(myl_i_release(h)) ? MYL_OK : myl_i_release_slow(consumer);
}

#endif
