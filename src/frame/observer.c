/* SPDX-License-Identifier: MIT
 * Observers of frames: they read without gating and count what they missed. Protocol 4, O1 to O6: a read is valid only
 * if the gate has not passed it afterwards. */
#include "frame/observer.h"

#include "base/error.h"
#include "frame/cells.h"
#include "frame/options.h"
#include "frame/reassembly.h"
#include "frame/record.h"
#include "ring/attach.h"
#include "ring/cells.h"
#include "ring/handle.h"
#include "ring/observer.h"
#include "ring/state.h"
#include "segment/place.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct myl_frame_observer {
    struct myl_observer ring; /* ring.next: position of the next record */
    struct myl_partial part;
    uint64_t counted_to; /* everything from here to the next message handed over is lost */
    uint64_t reported; /* position after the last report: an abort record may follow */
    uint64_t too_big; /* id of a message that was reported as too long */
    uint64_t expected; /* number of the next message, if `counting` */
    int counting;
};

/* One call of get. */
struct reading {
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

/* O1. MYL_OK: the gate has not passed ring.next. Otherwise ring.next moves to the gate. */
static int stay_behind_gate(struct myl_frame_observer *observer)
{
    uint64_t gate = myl_load_acq(&segment_of(observer)->control->gate); /* A29, O1. Pairs: A24 */
    if (observer->ring.next >= gate)
        return MYL_OK;
    observer->ring.next = gate;
    observer->part.state = MYL_PART_NONE;
    return MYL_EAGAIN;
}

/* O5, O6: is what was read before the call still valid? */
static bool stands(const struct myl_frame_observer *observer)
{
    myl_fence_acq(); /* O5: what was read is before the gate below */
    return myl_load_rlx(&segment_of(observer)->control->gate) <= observer->ring.next; /* A29, O6 */
}

static void count_lost(struct reading *reading, uint64_t start, const myl_message *message)
{
    struct myl_frame_observer *observer = reading->observer;
    reading->lost.bytes = (start - observer->counted_to) * MYL_CELL_ALIGN;
    if (segment_of(observer)->head->event_offset != MYL_RECORD_NUMBERED)
        return;
    if (observer->counting && message->number > observer->expected)
        reading->lost.messages = message->number - observer->expected;
    observer->expected = message->number + 1;
    observer->counting = 1;
}

static void count_gap(struct reading *reading, uint64_t start, uint64_t cells)
{
    struct myl_frame_observer *observer = reading->observer;
    count_lost(reading, start, reading->message);
    reading->message->data = reading->buffer;
    observer->ring.next += cells;
    observer->counted_to = observer->ring.next;
}

static int too_small(const struct reading *reading)
{
    return myl_frame_too_small(segment_of(reading->observer)->name, reading->message->length, reading->bytes);
}

/* Passes over something that is reported instead of lost. */
static void pass_over(struct myl_frame_observer *observer, uint64_t cells)
{
    observer->ring.next += cells;
    observer->counted_to += cells;
    observer->reported = observer->ring.next;
}

/* Takes an abort record of a message whose first fragment was not read: either the message was reported before, and
 * nothing is lost, or its first fragment was overwritten, and the record is lost with it. */
static int pass_end(struct myl_frame_observer *observer, uint64_t cells)
{
    if (observer->ring.next == observer->reported)
        pass_over(observer, cells);
    else
        observer->ring.next += cells;
    return MYL_EAGAIN;
}

/* Reports the current message as incomplete instead of lost. ring.next is after its last record. */
static int give_up(struct myl_frame_observer *observer)
{
    observer->part.state = MYL_PART_NONE;
    observer->counted_to += observer->ring.next - observer->part.start;
    observer->reported = observer->ring.next;
    observer->expected++;
    return myl_frame_aborted(segment_of(observer)->name, &observer->part);
}

static int read_whole(struct reading *reading, const unsigned char *cell, const struct myl_frame_head *record)
{
    struct myl_frame_observer *observer = reading->observer;
    myl_frame_describe(reading->message, record, reading->buffer);
    reading->message->lane = segment_of(observer)->lane;
    if (record->length > reading->bytes)
        return stands(observer) ? too_small(reading) : MYL_EAGAIN;
    const struct myl_header *head = segment_of(observer)->head;
    myl_copy_rlx(reading->buffer, myl_frame_payload(head, cell, record), (size_t)record->length); /* A50, O4 */
    if (!stands(observer))
        return MYL_EAGAIN;
    count_gap(reading, observer->ring.next, record->cells);
    return MYL_OK;
}

/* Takes a fragment that begins or continues a message. */
static int read_fragment(struct reading *reading, const unsigned char *cell, const struct myl_frame_head *record)
{
    struct myl_frame_observer *observer = reading->observer;
    struct myl_partial *part = &observer->part;
    const struct myl_header *head = segment_of(observer)->head;
    myl_copy_rlx(part->buffer + part->got, myl_frame_payload(head, cell, record), (size_t)record->length); /* A50 */
    if (!stands(observer))
        return MYL_EAGAIN;
    myl_partial_append(part, record);
    if (part->state == MYL_PART_OPEN) {
        observer->ring.next += record->cells;
        return MYL_EAGAIN;
    }
    myl_partial_describe(part, record, reading->message);
    reading->message->lane = segment_of(observer)->lane;
    part->state = MYL_PART_OPEN; /* until it is handed over, the last fragment may be read again */
    if (reading->message->length > reading->bytes)
        return too_small(reading);
    memcpy(reading->buffer, part->buffer, (size_t)reading->message->length);
    part->state = MYL_PART_NONE;
    count_gap(reading, part->start, record->cells);
    return MYL_OK;
}

static int report_too_big(const struct reading *reading, const struct myl_frame_head *record)
{
    struct myl_frame_observer *observer = reading->observer;
    reading->message->length = record->fragment.total;
    observer->too_big = record->fragment.id;
    observer->expected++;
    pass_over(observer, record->cells);
    return myl_fail(MYL_ETOOBIG,
                    "ring \"%s\": a message of %" PRIu64 " bytes is longer than this observer's limit, %" PRIu64
                    "; open it with a larger max_message",
                    segment_of(observer)->name, record->fragment.total, observer->part.room);
}

/* Takes a fragment of a message whose first fragment was not read. */
static int pass_rest(struct myl_frame_observer *observer, const struct myl_frame_head *record)
{
    if (record->fragment.id == observer->too_big)
        pass_over(observer, record->cells);
    else
        observer->ring.next += record->cells; /* lost: its beginning was overwritten */
    return MYL_EAGAIN;
}

/* Takes the record at ring.next, which is published or was. MYL_EAGAIN: check again. */
static int read_record(struct reading *reading)
{
    struct myl_frame_observer *observer = reading->observer;
    const struct myl_segment *segment = segment_of(observer);
    struct myl_partial *part = &observer->part;
    struct myl_i_cell_iterator iterator = myl_iterator_at(segment, observer->ring.next);
    struct myl_frame_head record;
    int possible = myl_frame_read_head(segment->head, iterator.cell, &record); /* O3 */
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
        return read_whole(reading, iterator.cell, &record);
    if (first && record.fragment.total > part->room)
        return report_too_big(reading, &record);
    if (first)
        myl_partial_begin(part, &record, observer->ring.next);
    else if (inside && !myl_partial_fits(part, &record))
        return myl_frame_corrupt(segment->name, observer->ring.next, &record);
    else if (!inside)
        return pass_rest(observer, &record);
    return read_fragment(reading, iterator.cell, &record);
}

static int check_end_of_stream(struct reading *reading, uint64_t stamp)
{
    struct myl_frame_observer *observer = reading->observer;
    const struct myl_segment *segment = segment_of(observer);
    if (stay_behind_gate(observer) != MYL_OK)
        return MYL_OK;
    if (stamp != 0)
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the cell at position %" PRIu64 " is stamped %" PRIu64 "; the segment is damaged",
                        segment->name, observer->ring.next, stamp);
    int rc = myl_observer_check_end_of_stream(&observer->ring, observer->ring.next);
    if ((rc == MYL_ECLOSED || rc == MYL_ESUPERSEDED) && observer->part.state == MYL_PART_OPEN)
        return give_up(observer);
    return rc;
}

/* One attempt: MYL_OK, MYL_EAGAIN, or what ends the wait. */
static int read_next(void *context)
{
    struct reading *reading = context;
    struct myl_frame_observer *observer = reading->observer;
    for (;;) {
        (void)stay_behind_gate(observer);
        struct myl_i_cell_iterator iterator = myl_iterator_at(segment_of(observer), observer->ring.next);
        uint64_t stamp = myl_load_acq(myl_i_stamp(&iterator)); /* A2, O2 */
        int published = stamp == observer->ring.next + 1;
        int rc = published ? read_record(reading) : check_end_of_stream(reading, stamp);
        if (published ? rc != MYL_EAGAIN : rc != MYL_OK)
            return rc;
    }
}

/* Is there a record, or an end, to read? Changes nothing but the position of an observer that was overrun. */
static int check(void *context)
{
    struct myl_frame_observer *observer = context;
    for (;;) {
        (void)stay_behind_gate(observer);
        struct myl_i_cell_iterator iterator = myl_iterator_at(segment_of(observer), observer->ring.next);
        uint64_t stamp = myl_load_acq(myl_i_stamp(&iterator)); /* A2, O2 */
        if (stamp == observer->ring.next + 1)
            return MYL_OK;
        if (stay_behind_gate(observer) == MYL_OK)
            return stamp != 0 ? MYL_OK : myl_observer_check_end_of_stream(&observer->ring, observer->ring.next);
    }
}

static bool source_ready(void *context)
{
    struct myl_frame_observer *observer = context;
    return myl_observer_is_ready(&observer->ring, check, observer);
}

static bool source_overdue(void *context)
{
    struct myl_frame_observer *observer = context;
    return myl_observer_is_overdue(&observer->ring, check, observer);
}

void myl_frame_observer_source(struct myl_frame_observer *observer, struct myl_wait_source *source)
{
    myl_observer_source(&observer->ring, source);
    source->context = observer;
    source->ready = source_ready;
    source->overdue = source_overdue;
}

int myl_frame_observer_get(myl_frame_observer *observer, void *buffer, size_t bytes, myl_message *message,
                           myl_frame_lost *lost, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(observer);
    MYL_I_NOT_NULL(message);
    MYL_I_NOT_NULL(lost);
    struct reading reading = {.observer = observer, .buffer = buffer, .bytes = bytes, .message = message};
    *lost = reading.lost;
    if (observer->ring.handle.forked)
        return myl_handle_forked(&observer->ring.handle);
    message->lane = segment_of(observer)->lane;
    int rc = myl_observer_wait(&observer->ring, read_next, &reading, timeout_ns);
    if ((rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT) && observer->part.state == MYL_PART_OPEN)
        return give_up(observer); /* no producer continues it; the next call reports the producer's end */
    if (rc == MYL_OK)
        *lost = reading.lost;
    return rc;
}

void myl_frame_observer_interrupt(myl_frame_observer *observer)
{
    MYL_I_NOT_NULL(observer);
    myl_observer_interrupt(&observer->ring);
}

const myl_observer *myl_frame_observer_ring(const myl_frame_observer *observer)
{
    MYL_I_NOT_NULL(observer);
    return &observer->ring;
}

int myl_frame_observer_open(myl_frame_observer **observer, const char *name, const myl_frame_consumer_options *options)
{
    MYL_I_NOT_NULL(observer);
    return myl_frame_observer_open_described(observer, name, options, NULL);
}

int myl_frame_observer_open_described(struct myl_frame_observer **observer, const char *name,
                                      const myl_frame_consumer_options *options,
                                      const struct myl_description *description)
{
    myl_frame_consumer_options o;
    myl_role_options role;
    *observer = NULL;
    int rc = myl_frame_consumer_options_take(&o, &role, options);
    if (rc == MYL_OK)
        rc = myl_observer_options_check(&o.ring);
    if (rc != MYL_OK)
        return rc;
    myl_frame_observer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for an observer");
    const struct myl_expectation expected = {.cells = &myl_record_cell_ops, .type_id = o.type_id};
    rc = myl_observer_start(&made->ring, name, &o.ring, &expected, o.observe_lane);
    if (rc == MYL_OK) {
        if (description != NULL)
            rc = description->check(segment_of(made), description);
        if (rc == MYL_OK)
            rc = myl_partial_set_up(&made->part, segment_of(made)->head, o.max_message);
        if (rc != MYL_OK)
            myl_handle_disarm(&made->ring.handle);
    }
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    made->counted_to = made->ring.next;
    myl_segment_keep_pin(&made->ring.handle.segment);
    *observer = made;
    myl_error_clear();
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
