/* SPDX-License-Identifier: MIT
 * A reader of one lane of a ring of frames: records, fragments, aborted messages. */
#include "frame/reader.h"

#include "base/error.h"
#include "frame/cells.h"
#include "registry/participant.h"
#include "ring/cells.h"
#include "ring/consumer.h"
#include "ring/consumer_open.h"
#include "ring/divert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct myl_segment *segment_of(const struct myl_frame_reader *reader)
{
    return &reader->ring.handle.segment;
}

static void count(struct myl_frame_reader *reader, enum myl_counter counter)
{
    myl_participant_count(reader->ring.member.entry, counter, 1);
}

static void seek(struct myl_frame_reader *reader, uint64_t position)
{
    myl_consumer_seek(&reader->ring, position);
}

static void step_over(struct myl_frame_reader *reader, uint64_t cells)
{
    struct myl_i_consumer_hot *h = &reader->ring.hot;
    h->next += cells;
    h->lease.cell = myl_i_frame_wrap(h->lease.cell + cells * MYL_CELL_ALIGN, &h->ring);
}

/* The position at which the next call continues the current message: its start while all of it can be read again, else
 * the first record that is not acknowledged. */
static uint64_t entrance(const struct myl_partial *part)
{
    return part->held ? part->start : part->position;
}

/* --- records that belong to no message --------------------------------------------------------------------------- */

static bool has_gap(const struct myl_frame_reader *reader)
{
    return reader->has_gap && reader->gap >= reader->ring.hot.acknowledged; /* else it was released */
}

/* The records from `from` to hot.next belong to no message, and a message before them is leased. */
static void open_gap(struct myl_frame_reader *reader, uint64_t from)
{
    if (!has_gap(reader))
        reader->gap = from;
    reader->has_gap = true;
}

/* Sets the place of a message that is handed over: from `start`, or from the gap before it, to hot.next. */
static void set_place(struct myl_frame_reader *reader, uint64_t start, myl_message *message)
{
    message->position = has_gap(reader) ? reader->gap : start;
    message->cells = (uint32_t)(reader->ring.hot.next - message->position);
    reader->has_gap = false;
}

/* Passes over a record that belongs to no message of this reader. Acknowledges it, or leaves that to the release of the
 * messages leased before it. */
static int pass_over(struct myl_frame_reader *reader, uint64_t cells)
{
    uint64_t from = reader->ring.hot.next;
    bool leased = from != reader->ring.hot.acknowledged;
    step_over(reader, cells);
    if (leased)
        open_gap(reader, from);
    return leased ? MYL_OK : myl_consumer_release(&reader->ring);
}

/* Gives up the current message, which stays incomplete; hot.next is after its last record. */
static int give_up(struct myl_frame_reader *reader)
{
    struct myl_partial *part = &reader->part;
    bool leased = reader->ring.hot.acknowledged < part->start;
    part->state = MYL_PART_NONE;
    count(reader, MYL_COUNTER_ABORTED);
    if (leased)
        open_gap(reader, part->start);
    int rc = leased ? MYL_OK : myl_consumer_release(&reader->ring);
    return rc == MYL_OK ? myl_frame_aborted(segment_of(reader)->name, part) : rc;
}

/* The last reassembled message is leased, and its buffer cannot take the next one: a message longer than the ring
 * cannot be read again, and with several lanes the caller cannot know when the next message begins. */
static bool buffer_leased(const struct myl_frame_reader *reader)
{
    const struct myl_partial *part = &reader->part;
    return part->state == MYL_PART_DONE && (reader->retains || !part->held) &&
           entrance(part) >= reader->ring.hot.acknowledged;
}

/* MYL_OK: the message whose first fragment is at hot.next can begin. A message above the reader's limit is passed over.
 * *held: all of it fits in the ring beside the leases, so nothing is acknowledged before it is whole. */
static int may_begin(struct myl_frame_reader *reader, const struct myl_frame_head *record, int *held)
{
    const struct myl_segment *segment = segment_of(reader);
    struct myl_partial *part = &reader->part;
    struct myl_i_consumer_hot *h = &reader->ring.hot;
    uint64_t total = record->fragment.total, leased = h->next - h->acknowledged;
    if (total > part->room) {
        reader->skipped_id = record->fragment.id;
        count(reader, MYL_COUNTER_SKIPPED);
        int rc = pass_over(reader, record->cells);
        if (rc != MYL_OK)
            return rc;
        return myl_fail(MYL_ETOOBIG,
                        "ring \"%s\": a message of %" PRIu64 " bytes is longer than this reader's limit, %" PRIu64
                        "; open it with a larger max_message",
                        segment->name, total, part->room);
    }
    /* All fragments are as long as the first, but the last. */
    uint64_t full = (total - 1) / record->length;
    uint64_t cells = full * record->cells + myl_record_cells(total - full * record->length, 1);
    *held = leased + cells + 1 <= segment->head->capacity;
    if (leased > 0 && (buffer_leased(reader) || !*held))
        return myl_fail(MYL_ELEASED,
                        "ring \"%s\": a message of %" PRIu64 " bytes has no room beside the %" PRIu64
                        " bytes leased; release them first",
                        segment->name, total, leased * MYL_CELL_ALIGN);
    return MYL_OK;
}

/* Begins a message at its first fragment, in the target if there is one. One reader of several uses the target only for
 * a message that it can read to its end at once: records of other lanes come between those of the others. */
static int begin(struct myl_frame_reader *reader, const struct myl_frame_head *record, myl_message *message)
{
    const struct myl_frame_target *target = reader->target;
    struct myl_partial *part = &reader->part;
    int held = 0;
    int rc = may_begin(reader, record, &held);
    if (rc != MYL_OK)
        return rc;
    int direct = target->data != NULL && (held || !reader->retains);
    if (direct && record->fragment.total > target->bytes) {
        myl_frame_describe_first(message, record);
        return myl_frame_too_small(segment_of(reader)->name, message->length, target->bytes);
    }
    myl_partial_begin(part, record, reader->ring.hot.next);
    part->held = held;
    if (direct)
        part->to = target->data;
    return MYL_OK;
}

void myl_reader_leave_target(struct myl_frame_reader *reader)
{
    struct myl_partial *part = &reader->part;
    if (part->to == part->buffer)
        return;
    if (part->state == MYL_PART_OPEN)
        memcpy(part->buffer, part->to, part->got);
    else
        part->state = MYL_PART_NONE;
    part->to = part->buffer;
}

/* Appends the record at hot.next to the current message. MYL_OK: it is whole; MYL_EAGAIN: not yet. */
static int append(struct myl_frame_reader *reader, const struct myl_frame_head *record, myl_message *message)
{
    const struct myl_segment *segment = segment_of(reader);
    struct myl_partial *part = &reader->part;
    memcpy(part->to + part->got, myl_frame_payload(segment->head, reader->ring.hot.lease.cell, record), record->length);
    myl_partial_append(part, record);
    step_over(reader, record->cells);
    count(reader, MYL_COUNTER_FRAGMENTS);
    if (part->state == MYL_PART_DONE) {
        count(reader, MYL_COUNTER_REASSEMBLED);
        myl_partial_describe(part, record, message);
        set_place(reader, entrance(part), message);
        return MYL_OK;
    }
    int rc = part->held ? MYL_OK : myl_consumer_release(&reader->ring);
    return rc == MYL_OK ? MYL_EAGAIN : rc;
}

/* Skips a fragment of a message whose first fragment this reader did not read. */
static int skip_fragment(struct myl_frame_reader *reader, const struct myl_frame_head *record)
{
    if (record->fragment.id != reader->skipped_id) {
        reader->skipped_id = record->fragment.id;
        reader->skipped++;
        count(reader, MYL_COUNTER_SKIPPED);
    }
    return pass_over(reader, record->cells) == MYL_OK ? MYL_EAGAIN : MYL_EEVICTED;
}

/* Copies the header of the record published at hot.next. If its stamp ended a wait, which counted one cell for
 * ring/stream.c, counts all its cells. */
static int read_record(struct myl_frame_reader *reader, struct myl_frame_head *record)
{
    const struct myl_segment *segment = segment_of(reader);
    struct myl_consumer *ring = &reader->ring;
    uint64_t next = ring->hot.next;
    if (!myl_frame_read_head(segment->head, ring->hot.lease.cell, record))
        return myl_frame_corrupt(segment->name, next, record);
    if (ring->first_end == next + 1) {
        ring->first_end = next + record->cells;
        ring->waited += record->cells - 1;
    }
    return MYL_OK;
}

/* Takes `record`, at hot.next. `inside`: the current message continues here. MYL_EAGAIN: no message is whole yet;
 * continue with the next record. */
static int take_record(struct myl_frame_reader *reader, const struct myl_frame_head *record, int inside,
                       myl_message *message)
{
    const struct myl_segment *segment = segment_of(reader);
    struct myl_i_consumer_hot *h = &reader->ring.hot;
    struct myl_partial *part = &reader->part;
    if ((record->flags & MYL_RECORD_ABORTED) != 0) {
        if (!inside)
            return pass_over(reader, record->cells) == MYL_OK ? MYL_EAGAIN : MYL_EEVICTED;
        step_over(reader, record->cells);
        return give_up(reader);
    }
    if ((record->flags & MYL_RECORD_FIRST) != 0 && inside)
        return give_up(reader); /* the next call takes the new one */
    if ((record->flags & MYL_I_FRAME_WHOLE) == MYL_I_FRAME_WHOLE) {
        myl_frame_describe(message, record, myl_frame_payload(segment->head, h->lease.cell, record));
        step_over(reader, record->cells);
        set_place(reader, h->next - record->cells, message);
        return MYL_OK;
    }
    if ((record->flags & MYL_RECORD_FIRST) != 0) {
        int rc = begin(reader, record, message);
        return rc == MYL_OK ? append(reader, record, message) : rc;
    }
    if (inside)
        return myl_partial_fits(part, record) ? append(reader, record, message)
                                              : myl_frame_corrupt(segment->name, h->next, record);
    return skip_fragment(reader, record);
}

static int take_next_record(struct myl_frame_reader *reader, int inside, myl_message *message)
{
    struct myl_frame_head record;
    int rc = read_record(reader, &record);
    return rc == MYL_OK ? take_record(reader, &record, inside, message) : rc;
}

/* Ends a call whose wait for the rest of a message ended without it. */
static int leave_inside(struct myl_frame_reader *reader, int rc)
{
    if (rc == MYL_ECLOSED || rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT || rc == MYL_ESUPERSEDED)
        return give_up(reader); /* no producer continues it; the next call reports the end itself */
    if (reader->part.held)
        seek(reader, reader->part.start); /* a release must not acknowledge what was not handed over */
    return rc;
}

/* Is hot.next where the current message continues? */
static bool is_inside(const struct myl_frame_reader *reader)
{
    const struct myl_partial *part = &reader->part;
    return part->state != MYL_PART_NONE && reader->ring.hot.next == entrance(part);
}

/* This call takes the slow path, whether it was diverted or not. */
static void restore(struct myl_frame_reader *reader)
{
    if ((reader->ring.diverted & MYL_DIVERT_PARTIAL) != 0)
        myl_consumer_restore(&reader->ring, MYL_DIVERT_PARTIAL);
}

bool myl_reader_go_on(struct myl_frame_reader *reader)
{
    const struct myl_partial *part = &reader->part;
    restore(reader);
    bool inside = is_inside(reader);
    if (inside && reader->ring.hot.next != part->position)
        seek(reader, part->position);
    return inside;
}

static int next_message(struct myl_frame_reader *reader, int inside, myl_message *message, int64_t timeout_ns)
{
    struct myl_i_consumer_hot *h = &reader->ring.hot;
    struct myl_partial *part = &reader->part;
    struct myl_timeout timeout = {.ns = timeout_ns};
    for (;;) {
        int rc = myl_consumer_wait(&reader->ring, &timeout);
        if (rc == MYL_OK) {
            rc = take_next_record(reader, inside, message);
            if (rc != MYL_EAGAIN)
                return rc;
            inside = part->state == MYL_PART_OPEN && h->next == part->position;
            continue;
        }
        return inside ? leave_inside(reader, rc) : rc;
    }
}

void myl_reader_step_back(struct myl_frame_reader *reader)
{
    const struct myl_partial *part = &reader->part;
    if (part->state != MYL_PART_NONE && part->held && reader->ring.hot.next == part->position)
        seek(reader, part->start);
}

int myl_reader_give_up_inside(struct myl_frame_reader *reader)
{
    return give_up(reader);
}

/* Takes the rest of a message that was begun in the target: it fits in the ring, so all of it is published. `rc`: the
 * result for its first record. */
static int take_rest(struct myl_frame_reader *reader, myl_message *message, int rc)
{
    struct myl_partial *part = &reader->part;
    while (rc == MYL_EAGAIN && part->state == MYL_PART_OPEN && part->to != part->buffer) {
        rc = myl_consumer_wait(&reader->ring, &(struct myl_timeout){.ns = MYL_TRY});
        if (rc == MYL_OK) {
            rc = take_next_record(reader, 1, message);
        } else {
            myl_reader_leave_target(reader); /* only in a damaged ring: continue as with any other message */
            rc = leave_inside(reader, rc);
        }
    }
    myl_reader_leave_target(reader);
    return rc;
}

int myl_reader_step(struct myl_frame_reader *reader, myl_message *message, uint64_t *cells)
{
    struct myl_i_consumer_hot *h = &reader->ring.hot;
    int inside = myl_reader_go_on(reader);
    *cells = 0;
    int rc = myl_consumer_wait(&reader->ring, &(struct myl_timeout){.ns = MYL_TRY});
    if (rc != MYL_OK)
        return inside ? leave_inside(reader, rc) : rc;
    uint64_t before = h->next;
    reader->ring.silent_since = 0;
    rc = take_rest(reader, message, take_next_record(reader, inside, message));
    *cells = h->next - before;
    if (rc == MYL_EAGAIN && reader->part.state == MYL_PART_OPEN)
        myl_reader_step_back(reader);
    return rc;
}

/* Describes the message at hot.next without leasing it. MYL_EAGAIN: the record was no message and is passed over. */
static int peek_record(struct myl_frame_reader *reader, myl_message *message, int *held)
{
    struct myl_frame_head record;
    int rc = read_record(reader, &record);
    if (rc != MYL_OK)
        return rc;
    if ((record.flags & MYL_RECORD_FIRST) == 0)
        return take_record(reader, &record, 0, message);
    *held = 1;
    if ((record.flags & MYL_RECORD_LAST) == 0)
        rc = may_begin(reader, &record, held);
    if (rc == MYL_OK)
        myl_frame_describe_first(message, &record);
    return rc;
}

int myl_reader_peek_step(struct myl_frame_reader *reader, myl_message *message, uint64_t *cells)
{
    struct myl_i_consumer_hot *h = &reader->ring.hot;
    uint64_t before = h->next;
    *cells = 0;
    if (!is_inside(reader)) {
        int held = 0;
        restore(reader);
        int rc = myl_consumer_wait(&reader->ring, &(struct myl_timeout){.ns = MYL_TRY});
        if (rc == MYL_OK) {
            reader->ring.silent_since = 0;
            rc = peek_record(reader, message, &held);
        }
        *cells = h->next - before;
        if (rc != MYL_OK || held)
            return rc;
    }
    /* Longer than the ring: reassemble it first, since its producer needs the room of what is read. */
    int rc = myl_reader_step(reader, message, cells);
    if (rc == MYL_OK) { /* of several fragments, so its start is known */
        myl_reader_put_back(reader, message);
        message->data = NULL;
    }
    return rc;
}

bool myl_reader_has_more(const struct myl_frame_reader *reader)
{
    const struct myl_partial *part = &reader->part;
    uint64_t next = reader->ring.hot.next;
    if (part->state != MYL_PART_NONE && next == entrance(part))
        next = part->position;
    if (reader->ring.handle.forked)
        return false;
    struct myl_i_cell_iterator iterator = reader->ring.hot.lease;
    if (next != reader->ring.hot.next || (reader->ring.diverted & MYL_DIVERT_PARTIAL) != 0)
        iterator = myl_iterator_at(segment_of(reader), next);
    return myl_load_acq(myl_i_stamp(&iterator)) == next + 1; /* A2 */
}

/* Diverts the next call to the slow path within a message longer than the ring: a whole message as the next record
 * means that this one was given up, and the inline call would not notice. A message that is held continues at its first
 * record, which the inline call does not take. Also while there is a gap, which the next message covers. */
static void come_back(struct myl_frame_reader *reader)
{
    const struct myl_partial *part = &reader->part;
    if ((part->state == MYL_PART_OPEN && !part->held) || has_gap(reader))
        myl_consumer_divert(&reader->ring, MYL_DIVERT_PARTIAL);
}

void myl_reader_delivered(struct myl_frame_reader *reader, const myl_message *message)
{
    myl_i_tally_add(reader->ring.hot.tally, 1, message->length);
}

int myl_reader_next(struct myl_frame_reader *reader, myl_message *message, int64_t timeout_ns)
{
    int inside = myl_reader_go_on(reader);
    int rc = next_message(reader, inside, message, timeout_ns);
    if (rc == MYL_OK)
        myl_reader_delivered(reader, message);
    come_back(reader);
    return rc;
}

/* A wait is for the record where the current message continues. Afterwards the reader is where it was. */
bool myl_reader_is_ready(struct myl_frame_reader *reader)
{
    if (reader->ring.handle.forked)
        return true;
    bool inside = myl_reader_go_on(reader);
    bool ready = myl_consumer_is_ready(&reader->ring);
    if (inside)
        myl_reader_step_back(reader);
    come_back(reader);
    return ready;
}

bool myl_reader_is_overdue(struct myl_frame_reader *reader)
{
    if (reader->ring.handle.forked)
        return true;
    bool inside = myl_reader_go_on(reader);
    bool overdue = myl_consumer_is_overdue(&reader->ring);
    if (inside)
        myl_reader_step_back(reader);
    come_back(reader);
    return overdue;
}

int myl_reader_peek(struct myl_frame_reader *reader, myl_message *message, int64_t timeout_ns)
{
    struct myl_timeout timeout = {.ns = timeout_ns};
    int held, rc = MYL_EAGAIN;
    if (is_inside(reader)) {
        *message = reader->part.seen;
        return MYL_OK;
    }
    restore(reader);
    while (rc == MYL_EAGAIN) {
        rc = myl_consumer_wait(&reader->ring, &timeout);
        if (rc == MYL_OK)
            rc = peek_record(reader, message, &held);
        else
            break;
    }
    come_back(reader);
    return rc;
}

int myl_reader_release(struct myl_frame_reader *reader)
{
    const struct myl_i_consumer_hot *h = &reader->ring.hot;
    /* A9: with nothing leased, only an eviction is worth an answer. */
    if (h->next == h->acknowledged && myl_load32_rlx(h->generation) == h->own_generation)
        return MYL_OK;
    return myl_consumer_release(&reader->ring);
}

/* Acknowledges from hot.acknowledged to `to`, and the spans and the gap that follow. */
static int release_oldest(struct myl_frame_reader *reader, uint64_t to)
{
    to = myl_spans_end(&reader->released, to);
    if (has_gap(reader) && reader->gap == to)
        to = reader->ring.hot.next;
    return myl_consumer_release_to(&reader->ring, (myl_sequence)to - 1);
}

int myl_reader_release_message(struct myl_frame_reader *reader, const myl_message *message)
{
    const struct myl_i_consumer_hot *h = &reader->ring.hot;
    struct myl_partial *part = &reader->part;
    uint64_t from = message->position, to = from + message->cells;
    const char *name = segment_of(reader)->name;
    myl_spans_forget_below(&reader->released, h->acknowledged);
    if (from < h->acknowledged || from >= to || to > h->next || myl_spans_has(&reader->released, from, to))
        return myl_fail(MYL_ENOTCLAIMED,
                        "ring \"%s\": the message at position %" PRIu64
                        " is not leased; release each message once, as it was returned",
                        name, from);
    int rc = from > h->acknowledged ? myl_spans_add(&reader->released, from, to) : release_oldest(reader, to);
    if (rc == MYL_ELIMIT)
        return myl_fail(rc,
                        "ring \"%s\": released messages lie in %d separate places after the oldest one that is held; "
                        "release that one first",
                        name, MYL_HELD_MAX);
    if (rc == MYL_OK && part->state == MYL_PART_DONE && part->position >= from && part->position < to)
        part->state = MYL_PART_NONE; /* its buffer can take the next message */
    return rc;
}

void myl_reader_rewind(struct myl_frame_reader *reader)
{
    myl_consumer_rewind(&reader->ring);
    reader->released.count = 0;
    reader->has_gap = false;
    reader->ended = 0; /* there is something to read again */
    if (!reader->ring.handle.forked)
        come_back(reader);
}

/* Records passed over before the message may be acknowledged already: the position does not go below that. */
void myl_reader_put_back(struct myl_frame_reader *reader, const myl_message *message)
{
    uint64_t acknowledged = reader->ring.hot.acknowledged, before = reader->before;
    before = before < acknowledged ? acknowledged : before;
    uint64_t to = message->fragments > 1 ? entrance(&reader->part) : before;
    seek(reader, to);
    myl_spans_forget_from(&reader->released, to);
    reader->has_gap = message->position < to;
    reader->gap = message->position;
    come_back(reader);
}

uint64_t myl_reader_leased(const struct myl_frame_reader *reader)
{
    return reader->ring.hot.next - reader->ring.hot.acknowledged;
}

/* --- joining ------------------------------------------------------------------------------------------------------ */

/* Compares the messages, and allocates the reassembly buffer, before the join: after it a failure would mean to leave
 * again. */
static int prepare(struct myl_consumer *ring, const void *request)
{
    struct myl_frame_reader *reader = (struct myl_frame_reader *)(void *)ring; /* its first member */
    const struct myl_reader_request *asked = request;
    const myl_frame_consumer_options *o = asked->options;
    int rc = asked->description != NULL ? asked->description->check(segment_of(reader), asked->description) : MYL_OK;
    if (rc != MYL_OK)
        return rc;
    free(reader->part.buffer);
    reader->part = (struct myl_partial){0};
    return myl_partial_set_up(&reader->part, segment_of(reader)->head, o->max_message);
}

/* `rc`: how joining went. */
static int finish(struct myl_frame_reader *reader, int rc)
{
    if (rc != MYL_OK) {
        free(reader->part.buffer);
        memset(reader, 0, sizeof *reader);
    }
    return rc;
}

int myl_reader_join(struct myl_frame_reader *reader, const char *name, const struct myl_reader_request *asked)
{
    const struct myl_expectation expected = {.cells = &myl_record_cell_ops, .type_id = asked->options->type_id};
    return finish(reader, myl_consumer_start(&reader->ring, name, &asked->options->ring, &expected, prepare, asked));
}

int myl_reader_join_lane(struct myl_frame_reader *reader, const struct myl_frame_reader *of, uint32_t lane,
                         const struct myl_reader_request *asked)
{
    reader->retains = true;
    return finish(reader,
                  myl_consumer_start_lane(&reader->ring, &of->ring, lane, &asked->options->ring, prepare, asked));
}

void myl_reader_leave(struct myl_frame_reader *reader, void (*stop)(struct myl_consumer *ring))
{
    stop(&reader->ring);
    free(reader->part.buffer);
}
