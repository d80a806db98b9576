/* SPDX-License-Identifier: MIT
 * The producer of frames: claim, commit, abort, gather, fragments. Protocol 5, F1 to F5; models/framed.pml. Opening is
 * in producer_open.c. */
#include "frame/producer.h"

#include "base/error.h"
#include "registry/participant.h"
#include "ring/handle.h"
#include "ring/producer.h"
#include "segment/table.h"

#include <inttypes.h>
#include <string.h>

/* F4: words cleared ahead. With consumers that lag little each one takes a line from a reader; with consumers that lag
 * far it fetches a line early. */
#define AHEAD_CLOSE 2U
#define AHEAD_FAR   16U
#define FAR_SHARE   8U

static struct myl_segment *segment_of(struct myl_frame_producer *producer)
{
    return &producer->ring.handle.segment;
}

static void count(struct myl_frame_producer *producer, enum myl_counter counter, uint64_t by)
{
    myl_participant_count(myl_segment_producer(segment_of(producer)), counter, by);
}

int myl_frame_room(struct myl_frame_producer *producer, uint64_t cells, struct myl_timeout *timeout)
{
    struct myl_i_producer_hot *h = producer->hot.ring;
    uint64_t need = cells + 1; /* F1: the next header's word is reserved too */
    if (h->next + need <= h->end)
        return MYL_OK;
    int rc = myl_producer_make_room(&producer->ring, need, timeout);
    if (rc != MYL_OK)
        return rc;
    uint64_t lag = h->next - producer->ring.limit;
    producer->hot.ahead = lag > segment_of(producer)->head->capacity / FAR_SHARE ? AHEAD_FAR : AHEAD_CLOSE;
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
    if (most > segment->head->event_bytes)
        return myl_fail(MYL_ETOOBIG,
                        "%zu bytes are more than ring \"%s\" keeps in one piece (%" PRIu32
                        "); publish them, which sends "
                        "fragments, or make the ring with a larger max_frame",
                        most, segment->name, segment->head->event_bytes);
    int far = most > MYL_CELL_ALIGN - segment->head->event_offset;
    MYL_STEP("F1");
    struct myl_timeout timeout = {.ns = timeout_ns};
    int rc = myl_frame_room(producer, myl_record_cells(most, far), &timeout);
    if (rc == MYL_OK)
        *data = open_claim(producer, most, far);
    return rc;
}

void myl_frame_producer_abort(myl_frame_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    MYL_STEP("F5");
    producer->hot.claim = 0;
    producer->hot.cleared = 0; /* its words may be overwritten */
}

void myl_i_frame_wake_slow(myl_frame_producer *producer)
{
    myl_i_wake_slow(&producer->ring);
}

static bool is_numbered(const struct myl_frame_producer *producer)
{
    return producer->hot.ring->ring.event_offset == MYL_RECORD_NUMBERED;
}

/* Writes the number and time of the record at `cell`, in a numbered ring. */
static void number_record(struct myl_frame_producer *producer, unsigned char *cell, uint64_t number)
{
    myl_au64 *word = (myl_au64 *)(void *)cell;
    if (!is_numbered(producer))
        return;
    myl_store_rlx(&word[2], number);                                       /* A85. Pairs: A84 */
    myl_store_rlx(&word[3], producer->timed ? (uint64_t)myl_os_now() : 0); /* A85 */
}

/* Stores the number of messages up to the end of `cells` from hot.next, in a numbered ring, before they are published.
 * Two counts take turns, so the other one is still valid for hot.next: a successor uses the count whose position is
 * where it starts, whether the publish took place or not. */
static void count_messages(struct myl_frame_producer *producer, uint64_t cells, uint64_t messages)
{
    struct myl_control *control = segment_of(producer)->control;
    if (!is_numbered(producer))
        return;
    producer->messages = messages;
    producer->count ^= 1U;
    struct myl_count *count = &control->count[producer->count];
    myl_store_rlx(&count->messages, messages);                   /* A86, before its position */
    myl_store_rel(&count->at, producer->hot.ring->next + cells); /* A86. Pairs: A87 */
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
    if (!far && f->claim - 1 > MYL_CELL_ALIGN - header) /* short enough for the line of the header */
        memcpy(cell + header, cell + MYL_CELL_ALIGN, MYL_CELL_ALIGN - header);
    uint64_t cells = myl_record_cells(used, far);
    uint64_t flags = MYL_RECORD_FIRST | MYL_RECORD_LAST | (far ? MYL_RECORD_FAR : 0U);
    number_record(producer, cell, producer->messages);
    count_messages(producer, cells, producer->messages + 1);
    myl_i_frame_publish(producer, used | (uint64_t)kind << MYL_RECORD_KIND_SHIFT | flags << MYL_RECORD_FLAGS_SHIFT,
                        cells);
    return MYL_OK;
}

/* --- gather and fragments -------------------------------------------------------------------------------------- */

/* The rest of the caller's pieces. */
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

/* A message sent in fragments. */
struct cut {
    uint64_t total, chunk;     /* bytes; all fragments but the last have `chunk` */
    uint64_t cells;            /* of all its records */
    int fits;                  /* all of it fits in the ring */
    uint8_t kind;
    struct source *source;
    struct myl_fragment part; /* of the next fragment */
};

static struct cut cut_message(const struct myl_header *head, uint64_t total, uint8_t kind, struct source *source)
{
    uint64_t chunk = head->event_bytes, full = (total - 1) / chunk;
    struct cut cut = {.total = total, .chunk = chunk, .kind = kind, .source = source};
    cut.cells = full * myl_record_cells(chunk, 1) + myl_record_cells(total - full * chunk, 1);
    cut.fits = cut.cells + 1 <= head->capacity;
    return cut;
}

/* Of the next fragment. */
static uint64_t fragment_length(const struct cut *cut)
{
    uint64_t left = cut->total - cut->part.offset;
    return left < cut->chunk ? left : cut->chunk;
}

/* Writes the next fragment at `cell`, except for the stamp and the word of length, kind and flags, which it returns. */
static uint64_t write_fragment(struct myl_frame_producer *producer, struct cut *cut, unsigned char *cell,
                               uint64_t number)
{
    uint64_t length = fragment_length(cut), first = cut->part.offset == 0;
    uint64_t flags = MYL_RECORD_FAR | (first ? MYL_RECORD_FIRST : 0U);
    copy_from(producer, cut->source, cell + MYL_CELL_ALIGN, length);
    memcpy(cell + producer->hot.ring->ring.event_offset, &cut->part, sizeof cut->part);
    number_record(producer, cell, number);
    cut->part.offset += length;
    flags |= cut->part.offset == cut->total ? MYL_RECORD_LAST : 0U;
    return length | (uint64_t)cut->kind << MYL_RECORD_KIND_SHIFT | flags << MYL_RECORD_FLAGS_SHIFT;
}

/* Publishes the fragments up to byte `end`, for which there is room, all or none: the stamp of the first one is stored
 * last. Invariant: a stamp is read only where a record ends, so no reader or successor comes to the other fragments
 * before that store; and when it takes place, their stamps stand, and the word after the last one is 0 (F3). A kill
 * before it leaves nothing, and one after it all: published_end steps from fragment to fragment. */
static void publish_fragments(struct myl_frame_producer *producer, struct cut *cut, uint64_t end)
{
    uint64_t first = cut->part.offset, next = producer->hot.ring->next,
             number = producer->messages - (cut->part.offset == 0 ? 0 : 1);
    unsigned char *cell = open_claim(producer, fragment_length(cut), 1) - MYL_CELL_ALIGN;
    uint64_t cells = myl_record_cells(fragment_length(cut), 1), head_word = write_fragment(producer, cut, cell, number);
    while (cut->part.offset < end) {
        unsigned char *at = cell + cells * MYL_CELL_ALIGN; /* the data area is mapped twice in a row */
        uint64_t more = myl_record_cells(fragment_length(cut), 1);
        myl_i_frame_stamp(at, next + cells, write_fragment(producer, cut, at, number), NULL, 0);
        cells += more;
        MYL_STEP("F3c");
    }
    count_messages(producer, cells, number + 1);
    myl_i_frame_publish(producer, head_word, cells); /* counts the first fragment */
    uint64_t bytes = cut->part.offset - first;
    myl_i_tally_add(producer->hot.tally, cut->part.offset == cut->total, bytes - (head_word & UINT32_MAX));
    count(producer, MYL_COUNTER_FRAGMENTS, (bytes + cut->chunk - 1) / cut->chunk);
}

void myl_frame_give_up(struct myl_frame_producer *producer)
{
    struct myl_error_saved saved;
    myl_error_save(&saved); /* the error is the reason for giving up */
    int rc = myl_frame_room(producer, 1, &(struct myl_timeout){.ns = MYL_TRY});
    myl_error_restore(&saved);
    if (rc != MYL_OK)
        return; /* readers learn it from the next message, the end of the stream or the producer's death */
    open_claim(producer, 0, 0);
    number_record(producer, myl_i_frame_at(&producer->hot), producer->messages - 1);
    count_messages(producer, 1, producer->messages);
    myl_i_frame_publish(producer, (uint64_t)MYL_RECORD_ABORTED << MYL_RECORD_FLAGS_SHIFT, 1);
    count(producer, MYL_COUNTER_ABORTED, 1);
}

/* Sends a message longer than the ring, fragment by fragment as room becomes free. */
static int publish_piecewise(struct myl_frame_producer *producer, struct cut *cut, struct myl_timeout *timeout)
{
    while (cut->part.offset < cut->total) {
        uint64_t length = fragment_length(cut);
        int rc = myl_frame_room(producer, myl_record_cells(length, 1), timeout);
        if (rc != MYL_OK) {
            if (cut->part.offset > 0)
                myl_frame_give_up(producer);
            return rc;
        }
        publish_fragments(producer, cut, cut->part.offset + length);
        MYL_STEP("F3d");
    }
    return MYL_OK;
}

int myl_frame_need(struct myl_frame_producer *producer, uint64_t bytes, uint64_t *cells)
{
    const struct myl_segment *segment = segment_of(producer);
    const struct myl_header *head = segment->head;
    bool fits = true;
    *cells = myl_record_cells(bytes, bytes > MYL_CELL_ALIGN - head->event_offset) + 1; /* F1 */
    if (bytes > head->event_bytes && bytes <= head->message_max) {
        struct cut cut = cut_message(head, bytes, 0, NULL);
        fits = cut.fits;
        *cells = cut.cells + 1;
    }
    if (fits && bytes <= head->message_max)
        return MYL_OK;
    return myl_fail(MYL_ETOOBIG,
                    "a message of %" PRIu64 " bytes does not fit in ring \"%s\" in one piece; wait for the room of a "
                    "shorter one, or publish it with a time-out",
                    bytes, segment->name);
}

static int publish_long(struct myl_frame_producer *producer, uint64_t total, struct source *source, uint8_t kind,
                        int64_t timeout_ns)
{
    const struct myl_segment *segment = segment_of(producer);
    if (producer->ring.handle.forked)
        return myl_handle_forked(&producer->ring.handle);
    if (producer->hot.claim != 0) {
        void *nothing;
        return myl_i_frame_claim_slow(producer, 0, &nothing, MYL_TRY); /* reports the open claim */
    }
    if (total > segment->head->message_max)
        return myl_fail(MYL_ETOOBIG,
                        "a message of %" PRIu64 " bytes is longer than the longest of ring \"%s\", %" PRIu64
                        "; make the ring with a larger max_message",
                        total, segment->name, segment->head->message_max);
    struct cut cut = cut_message(segment->head, total, kind, source);
    if (!cut.fits && timeout_ns == MYL_TRY)
        return myl_fail(MYL_ETOOBIG,
                        "a message of %" PRIu64
                        " bytes is longer than ring \"%s\", and goes only while consumers read; "
                        "publish it with a time-out",
                        total, segment->name);
    /* Wait for the room of all fragments first, if they fit in the ring. */
    struct myl_timeout timeout = {.ns = timeout_ns};
    int rc = cut.fits ? myl_frame_room(producer, cut.cells, &timeout) : MYL_OK;
    if (rc != MYL_OK)
        return rc;
    cut.part =
        (struct myl_fragment){.id = (uint64_t)producer->ring.epoch << 40 | (++producer->fragmented & 0xffffffffffU),
                              .total = total};
    if (!cut.fits)
        return publish_piecewise(producer, &cut, &timeout);
    publish_fragments(producer, &cut, total);
    return MYL_OK;
}

int myl_frame_producer_publishv(myl_frame_producer *producer, const struct iovec *pieces, size_t count, uint8_t kind,
                                int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    uint64_t total = 0;
    struct source source = {.piece = pieces, .pieces = count};
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len > UINT64_MAX - total)
            return myl_fail(MYL_ETOOBIG, "%zu pieces together have more bytes than 64 bits can count", count);
        total += pieces[i].iov_len;
    }
    if (total > producer->ring.handle.segment.head->event_bytes)
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
    MYL_I_NOT_NULL(producer);
    if (length > producer->ring.handle.segment.head->event_bytes) {
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
