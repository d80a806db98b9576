/* SPDX-License-Identifier: MIT
 * The hot paths of frame.h. Internal to the library, and here only to be inlined: use the functions, never the fields.
 * Step names F1 to F5 are those of docs/frames.md and models/framed.pml. */
#ifndef MYELON_FRAME_INLINE_H
#define MYELON_FRAME_INLINE_H

#include <myelon/ring_inline.h>

MYL_I_BEGIN_INLINE

#define MYL_I_FRAME_CELL    64U
#define MYL_I_FRAME_BARE    16U /* bytes of a header without a number */
#define MYL_I_FRAME_FLAGS   40  /* `length_kind_flags`: length 32 bits, kind 8, flags 8 */
#define MYL_I_FRAME_KIND    32
#define MYL_I_FRAME_WHOLE   3U  /* first and last */
#define MYL_I_FRAME_LAST    41  /* the bit of `length_kind_flags` that says last */
#define MYL_I_FRAME_FAR     4U  /* the payload begins at the next cell */

/* First member of every producer handle of frames. Below it, `next` of the Layer 0 handle is the position of the next
 * record, ring.event_size max_frame and ring.event_offset the header's size. Few words, seldom stored: see
 * myl_i_producer_hot. */
struct myl_i_frame_producer_hot {
    struct myl_i_producer_hot *ring;
    uint64_t claim;           /* size of the open claim + 1; 0: no claim is open */
    uint64_t lap;             /* the position in the ring's first cell, this time round */
    uint64_t cleared;         /* so many stamp words from next + 1 on are known to be 0 */
    uint64_t ahead;           /* F4: how many of them to keep cleared */
    struct myl_i_tally *tally; /* published */
};

MYL_BEGIN_DECLS
MYL_API int myl_i_frame_claim_slow(myl_frame_producer *producer, size_t most, void **data, int64_t timeout_ns);
MYL_API int myl_i_frame_commit_slow(myl_frame_producer *producer, size_t used, uint8_t kind);
MYL_API void myl_i_frame_wake_slow(myl_frame_producer *producer);
MYL_API int myl_i_frame_next_slow(myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns);
MYL_API int myl_i_frame_release_slow(myl_frame_consumer *consumer);
MYL_API int myl_i_frame_end_slow(const myl_frame_consumer *consumer);
MYL_END_DECLS

MYL_INLINE uint64_t myl_i_frame_cells(uint64_t length)
{
    return 1 + (length + (MYL_I_FRAME_CELL - 1)) / MYL_I_FRAME_CELL;
}

/* The data area is mapped twice in a row: up to a whole ring after `cell` can be reached without wrapping. */
MYL_INLINE unsigned char *myl_i_frame_wrap(unsigned char *cell, const struct myl_i_geometry *ring)
{
    return MYL_UNLIKELY(cell >= ring->cells_end) ? cell - (ring->cells_end - ring->cells) : cell;
}

/* The first cell of the next record. */
MYL_INLINE unsigned char *myl_i_frame_at(const struct myl_i_frame_producer_hot *f)
{
    return f->ring->ring.cells + (f->ring->next - f->lap) * MYL_I_FRAME_CELL;
}

MYL_API_INLINE int myl_frame_producer_claim(myl_frame_producer *producer, size_t most, void **data, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    MYL_I_NOT_NULL(data);
    struct myl_i_frame_producer_hot *f = (struct myl_i_frame_producer_hot *)(void *)producer;
    struct myl_i_producer_hot *h = f->ring;
    uint32_t header = h->ring.event_offset;
    int far = most > MYL_I_FRAME_CELL - header;
    uint64_t cells = far ? myl_i_frame_cells(most) : 1;
    /* F1: the next header's word is reserved too: it has to show that nothing is published there. */
    if (MYL_UNLIKELY(f->claim != 0 || most > h->ring.event_size || h->next + cells + 1 > h->end)) {
        void *claimed = NULL; /* so that `data` itself can stay in a register */
        int rc = myl_i_frame_claim_slow(producer, most, &claimed, timeout_ns);
        *data = claimed;
        return rc;
    }
    f->claim = (uint64_t)most + 1; /* F2: from here on the words of the claim are the caller's */
    *data = myl_i_frame_at(f) + (far ? MYL_I_FRAME_CELL : header);
    return MYL_OK;
}

/* F3, for the record at `cell`, position `at`. The next header is at `following`; `dirty`: its word may be anything. */
MYL_INLINE void myl_i_frame_stamp(unsigned char *cell, uint64_t at, uint64_t head_word, unsigned char *following,
                                  int dirty)
{
    myl_store_rlx((myl_au64 *)(void *)(cell + 8), head_word); /* A82, before the stamp. Pairs: A81 */
    MYL_STEP("F3");
    /* A83 next header's word [rlx], before the stamp: a reader that comes there finds it. Pairs: A2 */
    if (dirty)
        myl_store_rlx((myl_au64 *)(void *)following, 0);
    MYL_STEP("F3a");
    myl_store_rel((myl_au64 *)(void *)cell, at + 1); /* A1. Pairs: A2, A20 */
}

/* F3 and F4. `cells` of the open claim become a record; its header is written but for `about` and the stamp. */
MYL_INLINE void myl_i_frame_publish(myl_frame_producer *producer, uint64_t head_word, uint64_t cells)
{
    struct myl_i_frame_producer_hot *f = (struct myl_i_frame_producer_hot *)(void *)producer;
    struct myl_i_producer_hot *h = f->ring;
    unsigned char *cell = myl_i_frame_at(f), *following = cell + cells * MYL_I_FRAME_CELL;
    uint64_t next = h->next + cells;
    /* The claim reached, or reaches, beyond the header's line: words there may have been written over. */
    int far = cells > 1 || f->claim > MYL_I_FRAME_CELL - h->ring.event_offset + 1;
    myl_i_frame_stamp(cell, h->next, head_word, following, far || f->cleared == 0);
    h->next = next;
    f->claim = 0;
    if (MYL_UNLIKELY(following >= h->ring.cells_end))
        f->lap += (uint64_t)(h->ring.cells_end - h->ring.cells) / MYL_I_FRAME_CELL;
    MYL_STEP("F3b");
    myl_store_rel(h->shared_next, next); /* A3 */
    myl_i_tally_add(f->tally, head_word >> MYL_I_FRAME_LAST & 1U, head_word & UINT32_MAX); /* same line */
    myl_fence_compiler();                /* S2 */
    if (MYL_UNLIKELY((myl_load32_rlx(h->park) & MYL_I_PARK_BITS) != 0)) /* A5, S3 */
        myl_i_frame_wake_slow(producer);
    if (far) {
        if (f->cleared != 0)
            f->cleared = 0;
        return;
    }
    /* F4: after this message, for the next one. Invariant: only words below `end` are cleared. `end` is 0 while claims
     * are diverted to the slow path (manage.c, liveness.c, a fork), even if one is open: then nothing is cleared. So
     * positions are compared, which cannot wrap; the difference end - next would. */
    uint64_t cleared = f->cleared - (f->cleared != 0);
    for (; cleared < f->ahead && next + 1 + cleared < h->end; cleared++) {
        myl_store_rlx((myl_au64 *)(void *)(myl_i_frame_at(f) + (cleared + 1) * MYL_I_FRAME_CELL), 0); /* A83 */
        MYL_STEP("F4");
    }
    f->cleared = cleared;
}

MYL_API_INLINE int myl_frame_producer_commit(myl_frame_producer *producer, size_t used, uint8_t kind)
{
    MYL_I_NOT_NULL(producer);
    struct myl_i_frame_producer_hot *f = (struct myl_i_frame_producer_hot *)(void *)producer;
    struct myl_i_producer_hot *h = f->ring;
    if (MYL_UNLIKELY(used >= f->claim || h->ring.event_offset != MYL_I_FRAME_BARE || h->end == 0))
        return myl_i_frame_commit_slow(producer, used, kind);
    uint64_t flags = MYL_I_FRAME_WHOLE, cells = 1;
    if (used > MYL_I_FRAME_CELL - MYL_I_FRAME_BARE) {
        flags |= MYL_I_FRAME_FAR;
        cells = myl_i_frame_cells(used);
    } else if (f->claim > MYL_I_FRAME_CELL - MYL_I_FRAME_BARE + 1) {
        /* It turned out short enough for the header's line. */
        unsigned char *cell = myl_i_frame_at(f);
        __builtin_memcpy(cell + MYL_I_FRAME_BARE, cell + MYL_I_FRAME_CELL, MYL_I_FRAME_CELL - MYL_I_FRAME_BARE);
    }
    myl_i_frame_publish(producer, used | (uint64_t)kind << MYL_I_FRAME_KIND | flags << MYL_I_FRAME_FLAGS, cells);
    return MYL_OK;
}

MYL_API_INLINE int myl_frame_consumer_next(myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(message);
    struct myl_i_consumer_hot *h = (struct myl_i_consumer_hot *)(void *)consumer;
    /* In a stream records are read only up to where they are known to be published. */
    if (h->front != NULL && h->next >= h->known)
        return myl_i_frame_next_slow(consumer, message, timeout_ns);
    /* In a fork child, in a ring with lanes, and while a message is half read that is longer than the ring, this is a
     * stamp of 0. */
    unsigned char *cell = h->lease.cell;
    /* A2 stamp [acq]: the record is read after it. Pairs: A1. */
    if (MYL_UNLIKELY(myl_load_acq((const myl_au64 *)(const void *)cell) != h->next + 1))
        return myl_i_frame_next_slow(consumer, message, timeout_ns);
    /* A81 about [rlx]: copied once, checked, then used. Pairs: A82. */
    uint64_t head_word = myl_load_rlx((const myl_au64 *)(const void *)(cell + 8));
    uint64_t length = head_word & UINT32_MAX, flags = head_word >> MYL_I_FRAME_FLAGS;
    uint32_t header = h->ring.event_offset;
    int far = (flags & MYL_I_FRAME_FAR) != 0;
    if (MYL_UNLIKELY((flags & ~(uint64_t)MYL_I_FRAME_FAR) != MYL_I_FRAME_WHOLE ||
                     length > (far ? h->ring.event_size : MYL_I_FRAME_CELL - header)))
        return myl_i_frame_next_slow(consumer, message, timeout_ns);
    message->data = cell + (far ? MYL_I_FRAME_CELL : header);
    message->length = length;
    message->number = 0;
    message->sent_ns = 0;
    message->kind = (uint32_t)(head_word >> MYL_I_FRAME_KIND) & 255U;
    message->fragments = 1;
    message->lane = 0;
    if (header != MYL_I_FRAME_BARE) {
        __builtin_memcpy(&message->number, cell + MYL_I_FRAME_BARE, sizeof message->number);
        __builtin_memcpy(&message->sent_ns, cell + MYL_I_FRAME_BARE + 8, sizeof message->sent_ns);
    }
    uint64_t cells = far ? myl_i_frame_cells(length) : 1;
    message->cells = (uint32_t)cells;
    message->position = h->next;
    myl_i_tally_add(h->tally, 1, length);
    h->next += cells;
    h->lease.cell = myl_i_frame_wrap(cell + cells * MYL_I_FRAME_CELL, &h->ring);
    return MYL_OK;
}

MYL_API_INLINE int myl_frame_consumer_end_of_batch(const myl_frame_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    const struct myl_i_consumer_hot *h = (const struct myl_i_consumer_hot *)(const void *)consumer;
    if (MYL_LIKELY(myl_load_acq((const myl_au64 *)(const void *)h->lease.cell) == h->next + 1)) /* A2 */
        return 0;
    return myl_i_frame_end_slow(consumer);
}

MYL_API_INLINE int myl_frame_consumer_release(myl_frame_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    struct myl_i_consumer_hot *h = (struct myl_i_consumer_hot *)(void *)consumer; /* the first member's first */
    return MYL_LIKELY(myl_i_release(h, h->next)) ? MYL_OK : myl_i_frame_release_slow(consumer);
}

MYL_I_END_INLINE

#endif
