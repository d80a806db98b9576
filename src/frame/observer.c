/* SPDX-License-Identifier: MIT
 * Observers of frames: they read without gating and are told what they missed. Protocol 4, O1 to O6: whatever was read
 * counts only if the gate has not passed it afterwards. */
#include "frame/frame.h"
#include "ring/observer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct myl_frame_observer {
    struct myl_observer ring; /* ring.next: position of the next record */
    struct myl_partial part;
    uint64_t told; /* what lies between here and the message handed over next is lost */
    uint64_t reported; /* position behind what was reported last: the word that it was given up may follow */
    uint64_t too_big; /* id of a message that was reported as that */
    uint64_t expected; /* number of the next message, if `counting` */
    int counting;
};

/* One call of get. */
struct look {
    myl_frame_observer *observer;
    unsigned char *buffer;
    size_t bytes;
    myl_message *message;
    myl_frame_lost lost;
};

static const struct myl_segment *segment_of(const struct myl_frame_observer *observer)
{
    return &observer->ring.handle.segment;
}

/* O1. MYL_OK: position ring.next was not passed by the gate; else it stands at the gate now. */
static int stay_behind_gate(struct myl_frame_observer *observer)
{
    uint64_t gate = myl_load_acq(&segment_of(observer)->control->gate); /* A29, O1. Pairs: A24 */
    if (observer->ring.next >= gate)
        return MYL_OK;
    observer->ring.next = gate;
    observer->part.state = MYL_PART_NONE;
    return MYL_EAGAIN;
}

/* O5, O6: is what was read before still what was published? */
static int stands(const struct myl_frame_observer *observer)
{
    myl_fence_acq(); /* O5: what was read is before the gate below */
    return myl_load_rlx(&segment_of(observer)->control->gate) <= observer->ring.next; /* A29, O6 */
}

static void count_lost(struct look *look, uint64_t start, const myl_message *message)
{
    struct myl_frame_observer *observer = look->observer;
    look->lost.bytes = (start - observer->told) * MYL_CELL_ALIGN;
    if (segment_of(observer)->head.event_offset != MYL_RECORD_NUMBERED)
        return;
    if (observer->counting && message->number > observer->expected)
        look->lost.messages = message->number - observer->expected;
    observer->expected = message->number + 1;
    observer->counting = 1;
}

static void tell(struct look *look, uint64_t start, uint64_t cells)
{
    struct myl_frame_observer *observer = look->observer;
    count_lost(look, start, look->message);
    look->message->data = look->buffer;
    observer->ring.next += cells;
    observer->told = observer->ring.next;
}

static int too_small(const struct look *look)
{
    return myl_fail(MYL_EBUFFER,
                    "ring \"%s\": the next message has %" PRIu64 " bytes, the buffer %zu; call again with a larger one",
                    segment_of(look->observer)->name, look->message->length, look->bytes);
}

/* Moves on over something that is not lost but reported. */
static void pass_over(struct myl_frame_observer *observer, uint64_t cells)
{
    observer->ring.next += cells;
    observer->told += cells;
    observer->reported = observer->ring.next;
}

/* The word that a message was given up, whose beginning is not at hand: either the message was reported before, and so
 * this is no loss, or its beginning was overwritten, and this is lost with it. */
static int pass_end(struct myl_frame_observer *observer, uint64_t cells)
{
    if (observer->ring.next == observer->reported)
        pass_over(observer, cells);
    else
        observer->ring.next += cells;
    return MYL_EAGAIN;
}

/* The message begun is not going to be whole: reported, not lost. ring.next is behind what there is of it. */
static int give_up(struct myl_frame_observer *observer)
{
    observer->part.state = MYL_PART_NONE;
    observer->told += observer->ring.next - observer->part.start;
    observer->reported = observer->ring.next;
    observer->expected++;
    return myl_frame_aborted(segment_of(observer)->name, &observer->part);
}

static int read_whole(struct look *look, const unsigned char *cell, const struct myl_frame_head *record)
{
    struct myl_frame_observer *observer = look->observer;
    myl_frame_describe(look->message, record, look->buffer);
    look->message->lane = segment_of(observer)->lane;
    if (record->length > look->bytes)
        return stands(observer) ? too_small(look) : MYL_EAGAIN;
    const struct myl_header *head = &segment_of(observer)->head;
    myl_copy_rlx(look->buffer, myl_frame_payload(head, cell, record), (size_t)record->length); /* A50, O4 */
    if (!stands(observer))
        return MYL_EAGAIN;
    tell(look, observer->ring.next, record->cells);
    return MYL_OK;
}

/* A fragment where its message is begun or goes on. */
static int read_fragment(struct look *look, const unsigned char *cell, const struct myl_frame_head *record)
{
    struct myl_frame_observer *observer = look->observer;
    struct myl_partial *part = &observer->part;
    const struct myl_header *head = &segment_of(observer)->head;
    myl_copy_rlx(part->buffer + part->got, myl_frame_payload(head, cell, record), (size_t)record->length); /* A50 */
    if (!stands(observer))
        return MYL_EAGAIN;
    myl_partial_append(part, record);
    if (part->state == MYL_PART_OPEN) {
        observer->ring.next += record->cells;
        return MYL_EAGAIN;
    }
    myl_partial_describe(part, record, look->message);
    look->message->lane = segment_of(observer)->lane;
    part->state = MYL_PART_OPEN; /* until it is handed over, the last fragment may be read again */
    if (look->message->length > look->bytes)
        return too_small(look);
    memcpy(look->buffer, part->buffer, (size_t)look->message->length);
    part->state = MYL_PART_NONE;
    tell(look, part->start, record->cells);
    return MYL_OK;
}

static int report_too_big(const struct look *look, const struct myl_frame_head *record)
{
    struct myl_frame_observer *observer = look->observer;
    look->message->length = record->fragment.total;
    observer->too_big = record->fragment.id;
    observer->expected++;
    pass_over(observer, record->cells);
    return myl_fail(MYL_ETOOBIG,
                    "ring \"%s\": a message of %" PRIu64 " bytes is longer than this observer's limit, %" PRIu64
                    "; open it with a larger max_message",
                    segment_of(observer)->name, record->fragment.total, observer->part.room);
}

/* A fragment whose message's beginning was not read. */
static int pass_rest(struct myl_frame_observer *observer, const struct myl_frame_head *record)
{
    if (record->fragment.id == observer->too_big)
        pass_over(observer, record->cells);
    else
        observer->ring.next += record->cells; /* lost: its beginning was overwritten */
    return MYL_EAGAIN;
}

/* The record at ring.next is published, or was. MYL_EAGAIN: look again. */
static int read_record(struct look *look)
{
    struct myl_frame_observer *observer = look->observer;
    const struct myl_segment *segment = segment_of(observer);
    struct myl_partial *part = &observer->part;
    struct myl_i_walk walk = myl_walk_from(segment, observer->ring.next);
    struct myl_frame_head record;
    int possible = myl_frame_read_head(&segment->head, walk.cell, &record); /* O3 */
    if (!stands(observer))
        return MYL_EAGAIN;
    if (!possible)
        return myl_frame_corrupt(segment->name, observer->ring.next, &record);
    int inside = part->state == MYL_PART_OPEN, first = (record.flags & MYL_RECORD_FIRST) != 0;
    if ((record.flags & MYL_RECORD_ABORTED) != 0) {
        if (inside) {
            observer->ring.next += record.cells;
            return give_up(observer);
        }
        return pass_end(observer, record.cells);
    }
    if (first && inside)
        return give_up(observer);
    if ((record.flags & MYL_I_FRAME_WHOLE) == MYL_I_FRAME_WHOLE)
        return read_whole(look, walk.cell, &record);
    if (first && record.fragment.total > part->room)
        return report_too_big(look, &record);
    if (first)
        myl_partial_begin(part, &record, observer->ring.next);
    else if (inside && !myl_partial_fits(part, &record))
        return myl_frame_corrupt(segment->name, observer->ring.next, &record);
    else if (!inside)
        return pass_rest(observer, &record);
    return read_fragment(look, walk.cell, &record);
}

static int nothing_there(struct look *look, uint64_t stamp)
{
    struct myl_frame_observer *observer = look->observer;
    const struct myl_segment *segment = segment_of(observer);
    if (stay_behind_gate(observer) != MYL_OK)
        return MYL_OK;
    if (stamp != 0)
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the cell at position %" PRIu64 " is stamped %" PRIu64 "; the segment is damaged",
                        segment->name, observer->ring.next, stamp);
    int rc = myl_observer_nothing_there(&observer->ring, observer->ring.next);
    if ((rc == MYL_ECLOSED || rc == MYL_ESUPERSEDED) && observer->part.state == MYL_PART_OPEN)
        return give_up(observer);
    return rc;
}

/* One attempt: MYL_OK, MYL_EAGAIN, or what ends the wait. */
static int read_next(void *context)
{
    struct look *look = context;
    struct myl_frame_observer *observer = look->observer;
    for (;;) {
        (void)stay_behind_gate(observer);
        struct myl_i_walk walk = myl_walk_from(segment_of(observer), observer->ring.next);
        uint64_t stamp = myl_load_acq(myl_i_stamp(&walk)); /* A2, O2 */
        int published = stamp == observer->ring.next + 1;
        int rc = published ? read_record(look) : nothing_there(look, stamp);
        if (published ? rc != MYL_EAGAIN : rc != MYL_OK)
            return rc;
    }
}

int myl_frame_observer_get(myl_frame_observer *observer, void *buffer, size_t bytes, myl_message *message,
                           myl_frame_lost *lost, int64_t timeout_ns)
{
    struct look look = {.observer = observer, .buffer = buffer, .bytes = bytes, .message = message};
    *lost = look.lost;
    if (observer->ring.handle.forked)
        return myl_handle_forked(&observer->ring.handle);
    message->lane = segment_of(observer)->lane;
    int rc = myl_observer_wait(&observer->ring, read_next, &look, timeout_ns);
    if ((rc == MYL_EPRODUCERDEAD || rc == MYL_EUNSEATED) && observer->part.state == MYL_PART_OPEN)
        return give_up(observer); /* nobody goes on with it; its producer's end is told by the next call */
    if (rc == MYL_OK)
        *lost = look.lost;
    return rc;
}

void myl_frame_observer_interrupt(myl_frame_observer *observer)
{
    myl_observer_interrupt(&observer->ring);
}

const myl_observer *myl_frame_observer_ring(const myl_frame_observer *observer)
{
    return &observer->ring;
}

int myl_frame_observer_open(myl_frame_observer **observer, const char *name, const myl_frame_consumer_options *options)
{
    static const myl_frame_consumer_options defaults = {.size = sizeof defaults};
    const myl_frame_consumer_options *o = options == NULL ? &defaults : options;
    myl_consumer_options ring;
    *observer = NULL;
    int rc = myl_frame_consumer_options_check(o, &ring);
    if (rc == MYL_OK)
        rc = myl_check_consumer_options(&ring);
    if (rc != MYL_OK)
        return rc;
    myl_frame_observer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for an observer's handle");
    rc = myl_observer_start(&made->ring, name, &ring, MYL_KIND_FRAMES, o->observe_lane);
    if (rc == MYL_OK) {
        rc = myl_partial_set_up(&made->part, &segment_of(made)->head, o->max_message);
        if (rc != MYL_OK)
            myl_handle_disarm(&made->ring.handle);
    }
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    made->told = made->ring.next;
    *observer = made;
    return MYL_OK;
}

void myl_frame_observer_close(myl_frame_observer *observer)
{
    if (observer == NULL)
        return;
    myl_handle_disarm(&observer->ring.handle);
    free(observer->part.buffer);
    free(observer);
}
