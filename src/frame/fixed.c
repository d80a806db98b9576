/* SPDX-License-Identifier: MIT
 * Messages over a ring of fixed-size events: cutting them into frames, putting frames together. */
#include <myelon/fixed_frame.h>

#include "ring/consumer.h"
#include "ring/producer.h"

#include <inttypes.h>
#include <string.h>

/* Of a message that is longer than the ring: the share of the ring published at once. */
#define STEP_SHARE 4

static uint64_t payload_of(const struct myl_header *head)
{
    return head->event_bytes - sizeof(myl_fixed_frame);
}

static int check_event_size(const struct myl_segment *segment)
{
    if (segment->head.event_bytes > sizeof(myl_fixed_frame))
        return MYL_OK;
    return myl_fail(MYL_EEVENTSIZE,
                    "events of %" PRIu32 " bytes are not larger than a frame's header, %zu; make ring \"%s\" with "
                    "MYL_FIXED_FRAME_SIZE",
                    segment->head.event_bytes, sizeof(myl_fixed_frame), segment->name);
}

/* --- publishing ------------------------------------------------------------------------------------------------ */

struct cutting {
    const unsigned char *data;
    myl_fixed_frame frame;     /* of the next frame: msg_id, total, offset, kind */
    uint64_t chunk;
    int begun;
};

static void fill_run(struct cutting *cut, const myl_run *run)
{
    myl_fixed_frame *frame = &cut->frame;
    for (uint64_t i = 0; i < run->count; i++) {
        unsigned char *event = (unsigned char *)run->event + i * run->stride;
        uint64_t left = frame->total - frame->offset;
        if (!cut->begun)
            frame->msg_id = run->sequence;
        frame->len = (uint32_t)(left < cut->chunk ? left : cut->chunk);
        frame->flags = myl_frame_flags(!cut->begun, left <= cut->chunk);
        memcpy(event, frame, sizeof *frame);
        if (frame->len > 0)
            memcpy(event + sizeof *frame, cut->data + frame->offset, frame->len);
        frame->offset += frame->len;
        cut->begun = 1;
    }
}

/* So many frames, claimed together and published by one stamp. */
static int publish_some(myl_producer *producer, struct cutting *cut, uint64_t frames, int64_t timeout_ns)
{
    while (frames > 0) {
        myl_run run;
        int rc = myl_producer_claim_run(producer, frames, &run, timeout_ns);
        if (rc != MYL_OK)
            return rc; /* only the first of them can fail: it has waited for the room of all */
        fill_run(cut, &run);
        frames -= run.count;
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
    if (myl_producer_claim(producer, &event, MYL_TRY) != MYL_OK)
        return; /* the next message says it too */
    memcpy(event, &frame, sizeof frame);
    myl_producer_publish(producer);
}

int myl_publish_fixed_frames(myl_producer *producer, const void *data, size_t length, uint8_t kind, int64_t timeout_ns)
{
    const struct myl_segment *segment = &producer->handle.segment;
    int rc = check_event_size(segment);
    if (rc != MYL_OK)
        return rc;
    struct cutting cut = {.data = data, .frame = {.kind = kind, .total = length}, .chunk = payload_of(&segment->head)};
    uint64_t frames = length == 0 ? 1 : (length - 1) / cut.chunk + 1, capacity = segment->head.capacity;
    if (frames <= capacity)
        return publish_some(producer, &cut, frames, timeout_ns);
    if (timeout_ns == MYL_TRY)
        return myl_fail(MYL_ETOOBIG,
                        "%zu bytes are %" PRIu64 " frames, more than ring \"%s\" holds, and go only while consumers "
                        "read; publish them with a time-out",
                        length, frames, segment->name);
    int64_t now = myl_os_now();
    int64_t until = myl_deadline(now, timeout_ns);
    uint64_t step = capacity / STEP_SHARE > 0 ? capacity / STEP_SHARE : 1;
    while (rc == MYL_OK && frames > 0) {
        uint64_t some = frames < step ? frames : step;
        now = myl_os_now();
        rc = publish_some(producer, &cut, some, timeout_ns < 0 ? timeout_ns : now < until ? until - now : MYL_TRY);
        frames -= some;
    }
    if (rc != MYL_OK && cut.begun)
        give_up(producer, &cut);
    return rc == MYL_EAGAIN ? MYL_ETIMEDOUT : rc;
}

/* --- receiving -------------------------------------------------------------------------------------------------- */

/* A header, copied out once. 0: it cannot be. */
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

/* Leases what is leased again, but for the last `less` events. */
static int lease_less(myl_consumer *consumer, uint64_t less)
{
    uint64_t leased = consumer->hot.next - consumer->hot.acknowledged;
    const void *event;
    int rc = MYL_OK;
    myl_consumer_rewind(consumer);
    for (; rc == MYL_OK && leased > less; leased--)
        rc = myl_consumer_next(consumer, &event, MYL_TRY);
    return rc;
}

/* The message at hand ends without being whole. What is leased is acknowledged, but for the last `less` events, which
 * are somebody else's. */
static int aborted(myl_consumer *consumer, myl_reassembly *parts, uint64_t less)
{
    uint64_t got = parts->got;
    int rc = less > 0 ? lease_less(consumer, less) : MYL_OK;
    if (rc == MYL_OK)
        rc = myl_consumer_release(consumer);
    parts->total = parts->got = 0;
    if (rc != MYL_OK)
        return rc;
    return myl_fail(MYL_EABORTED,
                    "ring \"%s\": a message was given up, or its producer died, after %" PRIu64
                    " bytes; call again for the next one",
                    consumer->handle.segment.name, got);
}

/* A first frame of several: may its message be begun here? */
static int begin(myl_consumer *consumer, myl_reassembly *parts, const myl_fixed_frame *frame)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    if (consumer->hot.next - consumer->hot.acknowledged > 1) {
        int rc = lease_less(consumer, 1);
        if (rc != MYL_OK)
            return rc;
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

/* Puts the frame leased last behind the others. MYL_OK: the message is whole. */
static int append(myl_consumer *consumer, myl_reassembly *parts, const myl_fixed_frame *frame, const void *event,
                  myl_message *message)
{
    const struct myl_header *head = &consumer->handle.segment.head;
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
        return MYL_EAGAIN; /* all of it can wait for its release */
    int rc = myl_consumer_release(consumer);
    return rc == MYL_OK ? MYL_EAGAIN : rc;
}

static int take_frame(myl_consumer *consumer, myl_reassembly *parts, const void *event, myl_message *message)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    myl_fixed_frame frame;
    int open = parts->total != 0;
    uint64_t sequence = consumer->hot.next - 1;
    if (!read_frame(&segment->head, event, sequence, &frame))
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": event %" PRIu64 " is not a frame: %" PRIu32 " bytes, flags %u, "
                        "message %" PRIu64,
                        segment->name, sequence, frame.len, (unsigned)frame.flags, frame.msg_id);
    int same = parts->id_and_1 == frame.msg_id + 1;
    if (open && (!same || frame.flags == MYL_FRAME_ABORTED))
        return aborted(consumer, parts, same ? 0 : 1);
    if (myl_is_single_frame(frame.flags)) {
        *message = (myl_message){.data = (const unsigned char *)event + sizeof frame,
                                 .length = frame.len,
                                 .kind = frame.kind,
                                 .fragments = 1};
        return MYL_OK;
    }
    if (myl_is_first_frame(frame.flags)) {
        int rc = begin(consumer, parts, &frame);
        return rc == MYL_OK ? append(consumer, parts, &frame, event, message) : rc;
    }
    if (open)
        return append(consumer, parts, &frame, event, message);
    parts->skipped += !same && frame.flags != MYL_FRAME_ABORTED; /* not the rest of one that was reported */
    parts->id_and_1 = frame.msg_id + 1;
    int rc = consumer->hot.next - consumer->hot.acknowledged > 1 ? MYL_OK : myl_consumer_release(consumer);
    return rc == MYL_OK ? MYL_EAGAIN : rc;
}

int myl_recv_fixed_frames(myl_consumer *consumer, myl_reassembly *parts, myl_message *message, int64_t timeout_ns)
{
    int64_t now = timeout_ns > 0 ? myl_os_now() : 0;
    int64_t until = timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
    int rc = check_event_size(&consumer->handle.segment);
    while (rc == MYL_OK) {
        const void *event;
        int64_t rest = timeout_ns;
        if (timeout_ns > 0 && myl_consumer_end_of_batch(consumer)) {
            now = myl_os_now();
            rest = now < until ? until - now : MYL_TRY;
        }
        rc = myl_consumer_next(consumer, &event, rest);
        if (rc != MYL_OK)
            break;
        rc = take_frame(consumer, parts, event, message);
        if (rc != MYL_EAGAIN)
            return rc;
        rc = MYL_OK;
    }
    if (parts->total == 0)
        return rc == MYL_EAGAIN && timeout_ns > 0 ? MYL_ETIMEDOUT : rc;
    if (rc == MYL_ECLOSED || rc == MYL_EPRODUCERDEAD || rc == MYL_EUNSEATED || rc == MYL_ESUPERSEDED)
        return aborted(consumer, parts, 0);
    return rc == MYL_EAGAIN && timeout_ns > 0 ? MYL_ETIMEDOUT : rc;
}
