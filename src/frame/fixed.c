/* SPDX-License-Identifier: MIT
 * Messages over a ring of fixed-size events: cutting them into frames, putting frames together. */
#include <myelon/fixed_frame.h>

#include "base/deadline.h"
#include "base/error.h"
#include "ring/consumer.h"
#include "ring/handle.h"
#include "ring/producer.h"
#include "ring/state.h"

#include <inttypes.h>
#include <string.h>

/* A message longer than the ring is published in parts of 1/BATCH_SHARE of the ring. */
#define STEP_SHARE 4

static uint64_t payload_of(const struct myl_header *head)
{
    return head->event_bytes - sizeof(myl_fixed_frame);
}

static int check_event_size(const struct myl_segment *segment)
{
    if (segment->head->event_bytes > sizeof(myl_fixed_frame))
        return MYL_OK;
    return myl_fail(MYL_EEVENTSIZE,
                    "events of %" PRIu32 " bytes are not larger than a frame's header, %zu; make ring \"%s\" with "
                    "MYL_FIXED_FRAME_SIZE",
                    segment->head->event_bytes, sizeof(myl_fixed_frame), segment->name);
}

/* --- publishing ------------------------------------------------------------------------------------------------ */

struct cutting {
    const unsigned char *data;
    myl_fixed_frame frame;     /* of the next frame: msg_id, total, offset, kind */
    uint64_t chunk;
    int begun;
};

static void fill_span(struct cutting *cut, const myl_span *span)
{
    myl_fixed_frame *frame = &cut->frame;
    for (uint64_t i = 0; i < span->count; i++) {
        unsigned char *event = (unsigned char *)span->event + i * span->stride;
        uint64_t left = frame->total - frame->offset;
        if (!cut->begun)
            frame->msg_id = span->sequence;
        frame->len = (uint32_t)(left < cut->chunk ? left : cut->chunk);
        frame->flags = myl_frame_flags(!cut->begun, left <= cut->chunk);
        memcpy(event, frame, sizeof *frame);
        if (frame->len > 0)
            memcpy(event + sizeof *frame, cut->data + frame->offset, frame->len);
        frame->offset += frame->len;
        cut->begun = 1;
    }
}

/* Claims `frames` frames together and publishes them by one stamp. */
static int publish_some(myl_producer *producer, struct cutting *cut, uint64_t frames, struct myl_timeout *timeout)
{
    while (frames > 0) {
        myl_span span;
        int rc = myl_producer_claim_within(producer, frames, &span, timeout);
        if (rc != MYL_OK)
            return rc; /* only the first can fail: it waits for the room of all */
        fill_span(cut, &span);
        frames -= span.count;
    }
    myl_producer_publish(producer);
    return MYL_OK;
}

static void give_up(myl_producer *producer, const struct cutting *cut)
{
    void *event;
    myl_fixed_frame frame = cut->frame;
    frame.len = 0;
    frame.flags = MYL_FRAME_ABORTED;
    struct myl_error_saved saved;
    myl_error_save(&saved); /* the error is the reason for giving up */
    int rc = myl_producer_claim(producer, &event, MYL_TRY);
    myl_error_restore(&saved);
    if (rc != MYL_OK)
        return; /* readers learn it from the next message */
    memcpy(event, &frame, sizeof frame);
    myl_producer_publish(producer);
}

int myl_publish_fixed_frames(myl_producer *producer, const void *data, size_t length, uint8_t kind, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    const struct myl_segment *segment = &producer->handle.segment;
    struct myl_timeout timeout = {.ns = timeout_ns};
    int rc = check_event_size(segment);
    if (rc != MYL_OK)
        return rc;
    struct cutting cut = {.data = data, .frame = {.kind = kind, .total = length}, .chunk = payload_of(segment->head)};
    uint64_t frames = length == 0 ? 1 : (length - 1) / cut.chunk + 1, capacity = segment->head->capacity;
    if (frames <= capacity)
        return publish_some(producer, &cut, frames, &timeout);
    if (timeout_ns == MYL_TRY)
        return myl_fail(MYL_ETOOBIG,
                        "%zu bytes are %" PRIu64 " frames, more than ring \"%s\" holds, and go only while consumers "
                        "read; publish them with a time-out",
                        length, frames, segment->name);
    uint64_t step = capacity / STEP_SHARE > 0 ? capacity / STEP_SHARE : 1;
    while (rc == MYL_OK && frames > 0) {
        uint64_t some = frames < step ? frames : step;
        rc = publish_some(producer, &cut, some, &timeout);
        frames -= some;
    }
    if (rc != MYL_OK && cut.begun)
        give_up(producer, &cut);
    return rc;
}

/* --- receiving -------------------------------------------------------------------------------------------------- */

/* Copies a header once and checks it. Returns 0 if it is not valid. */
static int read_frame(const struct myl_header *head, const void *event, uint64_t sequence, myl_fixed_frame *frame)
{
    myl_copy_rlx(frame, event, sizeof *frame); /* A84: published, and copied once */
    if (frame->len > payload_of(head) || frame->msg_id > sequence || frame->offset > frame->total ||
        frame->len > frame->total - frame->offset || frame->reserved != 0)
        return 0;
    if (frame->flags == MYL_FRAME_ABORTED)
        return frame->len == 0;
    return frame->flags <= (MYL_FRAME_FIRST | MYL_FRAME_LAST) &&
           myl_is_first_frame(frame->flags) == (frame->msg_id == sequence) &&
           myl_is_first_frame(frame->flags) == (frame->offset == 0) &&
           myl_is_last_frame(frame->flags) == (frame->len == frame->total - frame->offset) &&
           (frame->len > 0 || frame->total == 0);
}

/* Gives up the current message. Acknowledges what is leased, and gives back the last `less` events, which belong to
 * another message. */
static int aborted(myl_consumer *consumer, myl_reassembly *parts, uint64_t less)
{
    uint64_t got = parts->got;
    myl_consumer_seek(consumer, consumer->hot.next - less);
    int rc = myl_consumer_release(consumer);
    parts->total = parts->got = 0;
    if (rc != MYL_OK)
        return rc;
    return myl_fail(MYL_EABORTED,
                    "ring \"%s\": a message was given up, or its producer died, after %" PRIu64
                    " bytes; call again for the next one",
                    consumer->handle.segment.name, got);
}

/* MYL_OK: the message whose first frame was leased last can begin. */
static int begin(myl_consumer *consumer, myl_reassembly *parts, const myl_fixed_frame *frame)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    if (consumer->hot.next - consumer->hot.acknowledged > 1) {
        myl_consumer_seek(consumer, consumer->hot.next - 1);
        return myl_fail(MYL_ELEASED,
                        "ring \"%s\": a message of several frames comes, and other events are leased; release them "
                        "first",
                        segment->name);
    }
    parts->id_and_1 = frame->msg_id + 1;
    if (frame->total > parts->room) {
        int rc = myl_consumer_release(consumer);
        if (rc != MYL_OK)
            return rc;
        return myl_fail(MYL_ETOOBIG,
                        "ring \"%s\": a message of %" PRIu64 " bytes is longer than the reassembly memory, %" PRIu64,
                        segment->name, frame->total, parts->room);
    }
    parts->total = frame->total;
    parts->got = 0;
    return MYL_OK;
}

/* Appends the frame leased last. MYL_OK: the message is whole. */
static int append(myl_consumer *consumer, myl_reassembly *parts, const myl_fixed_frame *frame, const void *event,
                  myl_message *message)
{
    const struct myl_header *head = consumer->handle.segment.head;
    if (frame->total != parts->total || frame->offset != parts->got)
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": a frame says byte %" PRIu64 " of %" PRIu64 ", and %" PRIu64 " of %" PRIu64
                        " are there",
                        consumer->handle.segment.name, frame->offset, frame->total, parts->got, parts->total);
    memcpy((unsigned char *)parts->data + parts->got, (const unsigned char *)event + sizeof *frame, frame->len);
    if (myl_is_last_frame(frame->flags)) {
        *message = (myl_message){.data = parts->data,
                                 .length = parts->total,
                                 .kind = frame->kind,
                                 .fragments = (uint32_t)(parts->got / payload_of(head)) + 1};
        parts->total = parts->got = 0;
        return MYL_OK;
    }
    parts->got += frame->len;
    if ((parts->total - 1) / payload_of(head) + 1 <= head->capacity)
        return MYL_EAGAIN; /* all of it stays leased until its release */
    int rc = myl_consumer_release(consumer);
    return rc == MYL_OK ? MYL_EAGAIN : rc;
}

/* The header of event `sequence`, copied and checked. */
static int read_checked(const myl_consumer *consumer, const void *event, uint64_t sequence, myl_fixed_frame *frame)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    if (read_frame(segment->head, event, sequence, frame))
        return MYL_OK;
    return myl_fail(MYL_ECORRUPT,
                    "ring \"%s\": event %" PRIu64 " is not a frame: %" PRIu32 " bytes, flags %u, "
                    "message %" PRIu64,
                    segment->name, sequence, frame->len, (unsigned)frame->flags, frame->msg_id);
}

/* `frame`: the header of the event leased last. */
static int take_frame(myl_consumer *consumer, myl_reassembly *parts, const myl_fixed_frame *frame, const void *event,
                      myl_message *message)
{
    int open = parts->total != 0, same = parts->id_and_1 == frame->msg_id + 1;
    if (open && (!same || frame->flags == MYL_FRAME_ABORTED))
        return aborted(consumer, parts, same ? 0 : 1);
    if (myl_is_single_frame(frame->flags)) {
        *message = (myl_message){.data = (const unsigned char *)event + sizeof *frame,
                                 .length = frame->len,
                                 .kind = frame->kind,
                                 .fragments = 1};
        return MYL_OK;
    }
    if (myl_is_first_frame(frame->flags)) {
        int rc = begin(consumer, parts, frame);
        return rc == MYL_OK ? append(consumer, parts, frame, event, message) : rc;
    }
    if (open)
        return append(consumer, parts, frame, event, message);
    parts->skipped += !same && frame->flags != MYL_FRAME_ABORTED; /* without the rest of a reported message */
    parts->id_and_1 = frame->msg_id + 1;
    int rc = consumer->hot.next - consumer->hot.acknowledged > 1 ? MYL_OK : myl_consumer_release(consumer);
    return rc == MYL_OK ? MYL_EAGAIN : rc;
}

int myl_recv_fixed_frames(myl_consumer *consumer, myl_reassembly *parts, myl_message *message, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(parts);
    MYL_I_NOT_NULL(message);
    struct myl_timeout timeout = {.ns = timeout_ns};
    int rc = check_event_size(&consumer->handle.segment);
    while (rc == MYL_OK) {
        const void *event;
        if (myl_consumer_end_of_batch(consumer))
            rc = myl_consumer_wait(consumer, &timeout);
        if (rc == MYL_OK)
            rc = myl_consumer_next(consumer, &event, MYL_TRY);
        if (rc != MYL_OK)
            break;
        myl_fixed_frame frame;
        rc = read_checked(consumer, event, consumer->hot.next - 1, &frame);
        if (rc == MYL_OK)
            rc = take_frame(consumer, parts, &frame, event, message);
        if (rc != MYL_EAGAIN)
            return rc;
        rc = MYL_OK;
    }
    if (parts->total != 0 &&
        (rc == MYL_ECLOSED || rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT || rc == MYL_ESUPERSEDED))
        return aborted(consumer, parts, 0);
    return rc;
}

int myl_peek_fixed_frames(myl_consumer *consumer, myl_reassembly *parts, uint64_t *length, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(parts);
    MYL_I_NOT_NULL(length);
    struct myl_timeout timeout = {.ns = timeout_ns};
    int rc = check_event_size(&consumer->handle.segment);
    if (rc == MYL_OK && consumer->handle.forked)
        rc = myl_handle_forked(&consumer->handle);
    *length = parts->total;
    while (rc == MYL_OK && parts->total == 0) {
        const void *event = consumer->hot.lease.event;
        myl_fixed_frame frame;
        myl_message none;
        if (myl_consumer_end_of_batch(consumer))
            rc = myl_consumer_wait(consumer, &timeout);
        if (rc == MYL_OK)
            rc = read_checked(consumer, event, consumer->hot.next, &frame);
        if (rc != MYL_OK)
            break;
        *length = frame.total;
        if (myl_is_first_frame(frame.flags))
            break;
        rc = myl_consumer_next(consumer, &event, MYL_TRY); /* passed over: it belongs to no message */
        if (rc == MYL_OK)
            rc = take_frame(consumer, parts, &frame, event, &none);
        rc = rc == MYL_EAGAIN ? MYL_OK : rc;
    }
    return rc;
}
