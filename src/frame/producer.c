/* SPDX-License-Identifier: MIT
 * The producer of frames: claim, commit, abort, gather, fragments. Protocol 5, F1 to F5; models/framed.pml. Opening is
 * in producer_open.c. */
#include "frame/producer.h"

#include <inttypes.h>
#include <string.h>

/* F4: words kept cleared ahead. While consumers are close behind, every one of them is a line taken from a reader; when
 * they are far behind, it is a line fetched early. */
#define AHEAD_CLOSE 2U
#define AHEAD_FAR   16U
#define FAR_SHARE   8U

static struct myl_segment *segment_of(struct myl_frame_producer *producer)
{
    return &producer->ring.handle.segment;
}

int myl_frame_room(struct myl_frame_producer *producer, uint64_t cells, int64_t timeout_ns)
{
    struct myl_i_producer_hot *h = producer->hot.ring;
    uint64_t need = cells + 1; /* F1: the next header's word is reserved too */
    if (h->next + need <= h->end)
        return MYL_OK;
    int rc = myl_producer_make_room(&producer->ring, need, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    uint64_t behind = h->next - producer->ring.limit;
    producer->hot.ahead = behind > segment_of(producer)->head.capacity / FAR_SHARE ? AHEAD_FAR : AHEAD_CLOSE;
    return MYL_OK;
}

/* F2, for a claim that F1 has granted. */
static unsigned char *open_claim(struct myl_frame_producer *producer, uint64_t most, int far)
{
    struct myl_i_frame_producer_hot *f = &producer->hot;
    f->claim = most + 1;
    return myl_i_frame_at(f) + (far ? MYL_CELL_ALIGN : f->ring->ring.event_offset);
}

int myl_i_frame_claim_slow(myl_frame_producer *producer, size_t most, void **data, int64_t timeout_ns)
{
    struct myl_i_frame_producer_hot *f = &producer->hot;
    const struct myl_segment *segment = segment_of(producer);
    if (producer->ring.handle.forked)
        return myl_handle_forked(&producer->ring.handle);
    if (f->claim != 0)
        return myl_fail(MYL_ELEASED,
                        "ring \"%s\": a claim of %" PRIu64 " bytes is open; commit or abort it before the next one",
                        segment->name, f->claim - 1);
    if (most > segment->head.event_bytes)
        return myl_fail(MYL_ETOOBIG,
                        "%zu bytes are more than ring \"%s\" keeps in one piece (%" PRIu32
                        "); publish them, which sends "
                        "fragments, or make the ring with a larger max_frame",
                        most, segment->name, segment->head.event_bytes);
    int far = most > MYL_CELL_ALIGN - segment->head.event_offset;
    MYL_STEP("F1");
    int rc = myl_frame_room(producer, myl_record_cells(most, far), timeout_ns);
    if (rc == MYL_OK)
        *data = open_claim(producer, most, far);
    return rc;
}

void myl_frame_producer_abort(myl_frame_producer *producer)
{
    MYL_STEP("F5");
    producer->hot.claim = 0;
    producer->hot.cleared = 0; /* its words may have been written over */
}

void myl_i_frame_wake_slow(myl_frame_producer *producer)
{
    myl_i_wake_slow(&producer->ring);
}

/* In a numbered ring: the record's number and time, and, before its stamp, how many messages there are behind it. A
 * successor finds the count whose position is where it starts, whether this record's stamp was stored or not. */
static void number_record(struct myl_frame_producer *producer, uint64_t cells, int begins)
{
    struct myl_i_producer_hot *h = producer->hot.ring;
    if (h->ring.event_offset != MYL_RECORD_NUMBERED)
        return;
    myl_au64 *word = (myl_au64 *)(void *)myl_i_frame_at(&producer->hot);
    struct myl_control *control = segment_of(producer)->control;
    producer->messages += begins != 0;
    myl_store_rlx(&word[2], producer->messages - 1);                         /* A85. Pairs: A84 */
    myl_store_rlx(&word[3], producer->timed ? (uint64_t)myl_os_now() : 0);   /* A85 */
    producer->count ^= 1U;
    struct myl_count *count = &control->count[producer->count];
    myl_store_rlx(&count->messages, producer->messages); /* A86, before its position */
    myl_store_rel(&count->at, h->next + cells);          /* A86. Pairs: A87 */
}

int myl_i_frame_commit_slow(myl_frame_producer *producer, size_t used, uint8_t kind)
{
    struct myl_i_frame_producer_hot *f = &producer->hot;
    struct myl_i_producer_hot *h = f->ring;
    const char *name = segment_of(producer)->name;
    if (producer->ring.handle.forked)
        return myl_handle_forked(&producer->ring.handle);
    if (f->claim == 0)
        return myl_fail(MYL_ENOTCLAIMED, "ring \"%s\": there is no open claim to commit; claim first", name);
    if (used >= f->claim)
        return myl_fail(MYL_ETOOBIG, "ring \"%s\": %zu bytes are more than the %" PRIu64 " claimed; claim more", name,
                        used, f->claim - 1);
    uint32_t header = h->ring.event_offset;
    int far = used > MYL_CELL_ALIGN - header;
    unsigned char *cell = myl_i_frame_at(f);
    if (!far && f->claim - 1 > MYL_CELL_ALIGN - header) /* it turned out short enough for the header's line */
        memcpy(cell + header, cell + MYL_CELL_ALIGN, MYL_CELL_ALIGN - header);
    uint64_t cells = myl_record_cells(used, far);
    uint64_t flags = MYL_RECORD_FIRST | MYL_RECORD_LAST | (far ? MYL_RECORD_FAR : 0U);
    number_record(producer, cells, 1);
    myl_i_frame_publish(producer, used | (uint64_t)kind << MYL_ABOUT_KIND_SHIFT | flags << MYL_ABOUT_FLAGS_SHIFT,
                        cells);
    return MYL_OK;
}

/* --- gather and fragments -------------------------------------------------------------------------------------- */

/* What is left of the caller's pieces. */
struct source {
    const struct iovec *piece;
    size_t pieces;             /* from *piece on */
    size_t offset;             /* in *piece */
};

static void copy_from(struct myl_frame_producer *producer, struct source *source, unsigned char *to, uint64_t bytes)
{
    while (bytes > 0 && source->pieces > 0) {
        const struct iovec piece = *source->piece;
        uint64_t there = piece.iov_len - source->offset;
        uint64_t part = there < bytes ? there : bytes;
        if (part > 0)
            myl_copy_in(&producer->copier, to, (const unsigned char *)piece.iov_base + source->offset, part);
        to += part;
        bytes -= part;
        source->offset += part;
        if (part == there) {
            source->piece++;
            source->pieces--;
            source->offset = 0;
        }
    }
}

/* A message that has to be cut. */
struct cut {
    uint64_t total, chunk;     /* bytes; all fragments but the last have `chunk` */
    uint64_t cells;            /* of all its records */
    int fits;                  /* in the ring, all at once */
    uint8_t kind;
};

static struct cut cut_message(const struct myl_header *head, uint64_t total, uint8_t kind)
{
    uint64_t chunk = head->event_bytes, full = (total - 1) / chunk;
    struct cut cut = {.total = total, .chunk = chunk, .kind = kind};
    cut.cells = full * myl_record_cells(chunk, 1) + myl_record_cells(total - full * chunk, 1);
    cut.fits = cut.cells + 1 <= head->capacity;
    return cut;
}

static void publish_fragment(struct myl_frame_producer *producer, const struct cut *cut, struct source *source,
                             const struct myl_fragment *part)
{
    struct myl_i_producer_hot *h = producer->hot.ring;
    uint64_t left = cut->total - part->offset;
    uint64_t length = left < cut->chunk ? left : cut->chunk;
    uint64_t flags =
        MYL_RECORD_FAR | (part->offset == 0 ? MYL_RECORD_FIRST : 0U) | (length == left ? MYL_RECORD_LAST : 0U);
    uint64_t cells = myl_record_cells(length, 1);
    copy_from(producer, source, open_claim(producer, length, 1), length);
    memcpy(myl_i_frame_at(&producer->hot) + h->ring.event_offset, part, sizeof *part);
    number_record(producer, cells, part->offset == 0);
    myl_i_frame_publish(producer, length | (uint64_t)cut->kind << MYL_ABOUT_KIND_SHIFT | flags << MYL_ABOUT_FLAGS_SHIFT,
                        cells);
    MYL_STEP("F3c");
}

void myl_frame_give_up(struct myl_frame_producer *producer)
{
    if (myl_frame_room(producer, 1, MYL_TRY) != MYL_OK)
        return; /* the next message, the end of the stream or the death of its producer says it too */
    open_claim(producer, 0, 0);
    number_record(producer, 1, 0);
    myl_i_frame_publish(producer, (uint64_t)MYL_RECORD_ABORTED << MYL_ABOUT_FLAGS_SHIFT, 1);
}

/* Fragment after fragment, as room comes. */
static int publish_cut(struct myl_frame_producer *producer, const struct cut *cut, struct source *source,
                       int64_t timeout_ns)
{
    int64_t until = timeout_ns > 0 ? myl_os_now() : 0;
    until = timeout_ns > INT64_MAX - until ? INT64_MAX : until + timeout_ns;
    struct myl_fragment part = {.id = (uint64_t)producer->ring.epoch << 40 | (++producer->fragmented & 0xffffffffffU),
                                .total = cut->total};
    while (part.offset < cut->total) {
        uint64_t left = cut->total - part.offset;
        int64_t now = timeout_ns > 0 ? myl_os_now() : 0;
        int64_t rest = timeout_ns <= 0 ? timeout_ns : now < until ? until - now : MYL_TRY;
        int rc = myl_frame_room(producer, myl_record_cells(left < cut->chunk ? left : cut->chunk, 1), rest);
        if (rc == MYL_EAGAIN && timeout_ns > 0)
            rc = MYL_ETIMEDOUT;
        if (rc != MYL_OK) {
            if (part.offset > 0)
                myl_frame_give_up(producer);
            return rc;
        }
        publish_fragment(producer, cut, source, &part);
        part.offset += left < cut->chunk ? left : cut->chunk;
    }
    return MYL_OK;
}

static int publish_long(struct myl_frame_producer *producer, uint64_t total, struct source *source, uint8_t kind,
                        int64_t timeout_ns)
{
    const struct myl_segment *segment = segment_of(producer);
    if (producer->ring.handle.forked)
        return myl_handle_forked(&producer->ring.handle);
    if (producer->hot.claim != 0) {
        void *nothing;
        return myl_i_frame_claim_slow(producer, 0, &nothing, MYL_TRY); /* says that a claim is open */
    }
    if (total > segment->head.message_max)
        return myl_fail(MYL_ETOOBIG,
                        "a message of %" PRIu64 " bytes is longer than the longest of ring \"%s\", %" PRIu64
                        "; make the ring with a larger max_message",
                        total, segment->name, segment->head.message_max);
    struct cut cut = cut_message(&segment->head, total, kind);
    if (!cut.fits && timeout_ns == MYL_TRY)
        return myl_fail(MYL_ETOOBIG,
                        "a message of %" PRIu64
                        " bytes is longer than ring \"%s\", and goes only while consumers read; "
                        "publish it with a time-out",
                        total, segment->name);
    /* Room for all of it first, if that can be had: then nothing can come in between. */
    int rc = cut.fits ? myl_frame_room(producer, cut.cells, timeout_ns) : MYL_OK;
    return rc == MYL_OK ? publish_cut(producer, &cut, source, timeout_ns) : rc;
}

int myl_frame_producer_publishv(myl_frame_producer *producer, const struct iovec *pieces, size_t count, uint8_t kind,
                                int64_t timeout_ns)
{
    uint64_t total = 0;
    struct source source = {.piece = pieces, .pieces = count};
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len > UINT64_MAX - total)
            return myl_fail(MYL_ETOOBIG, "%zu pieces together have more bytes than 64 bits can count", count);
        total += pieces[i].iov_len;
    }
    if (total > producer->ring.handle.segment.head.event_bytes)
        return publish_long(producer, total, &source, kind, timeout_ns);
    void *data = NULL;
    int rc = myl_frame_producer_claim(producer, (size_t)total, &data, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    copy_from(producer, &source, data, total);
    return myl_frame_producer_commit(producer, (size_t)total, kind);
}

int myl_frame_producer_publish(myl_frame_producer *producer, const void *data, size_t length, uint8_t kind,
                               int64_t timeout_ns)
{
    if (length > producer->ring.handle.segment.head.event_bytes) {
        struct iovec piece = {.iov_len = length};
        struct source source = {.piece = &piece, .pieces = 1};
        memcpy(&piece.iov_base, &data, sizeof data); /* it is only read from */
        return publish_long(producer, length, &source, kind, timeout_ns);
    }
    void *to = NULL;
    int rc = myl_frame_producer_claim(producer, length, &to, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    if (length > 0)
        myl_copy_in(&producer->copier, to, data, length);
    return myl_frame_producer_commit(producer, length, kind);
}
