/* SPDX-License-Identifier: MIT
 * The producer: claiming, publishing, asking who has read what. Opening is in producer_open.c. */
#include "ring/producer.h"

#include <inttypes.h>
#include <string.h>

#define LOOKS_MOST 64 /* while others join all the time */

static int ready_for_claim(void *context)
{
    struct myl_gate_wish *wish = context;
    return myl_gate_look(wish->producer, wish->events);
}

/* Can `events` more ever be claimed, however far the consumers get? */
static int check_wish(const struct myl_producer *producer, uint64_t events)
{
    const struct myl_segment *segment = &producer->handle.segment;
    uint64_t open = producer->hot.next - myl_published(producer);
    if (events > segment->head.capacity)
        return myl_fail(MYL_ETOOBIG,
                        "%" PRIu64 " events at once are more than ring \"%s\" can hold (%" PRIu64 "); claim fewer",
                        events, segment->name, segment->head.capacity);
    if (myl_gate_cursor_for(producer, events) <= myl_published(producer))
        return MYL_OK;
    if (open > 0)
        return myl_fail(MYL_ELEASED,
                        "ring \"%s\": %" PRIu64 " events are claimed and not published; publish or abort them "
                        "before claiming %" PRIu64 " more",
                        segment->name, open, events);
    return myl_fail(MYL_ETOOBIG,
                    "%" PRIu64 " events do not fit behind the half-filled cell of ring \"%s\"; claim at most %" PRIu64,
                    events, segment->name, segment->head.capacity - segment->head.events_per_cell);
}

int myl_producer_make_room(struct myl_producer *producer, uint64_t events, int64_t timeout_ns)
{
    struct myl_gate_wish wish = {.producer = producer, .events = events};
    int rc = myl_liveness_begin(producer, &timeout_ns);
    if (rc == MYL_OK)
        rc = myl_gate_look(producer, events);
    else if (rc == MYL_EAGAIN)
        return rc;
    if (rc == MYL_OK && producer->liveness.blocked)
        myl_liveness_end(producer, rc);
    if (rc != MYL_EAGAIN)
        return rc;
    wish.cursor = myl_gate_cursor_for(producer, events);
    if (timeout_ns == MYL_TRY)
        return myl_liveness_poll(&wish);
    return myl_gate_wait(&wish, ready_for_claim, timeout_ns);
}

static int make_room(struct myl_producer *producer, uint64_t events, int64_t timeout_ns)
{
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    int rc = check_wish(producer, events);
    return rc == MYL_OK ? myl_producer_make_room(producer, events, timeout_ns) : rc;
}

int myl_i_claim_slow(myl_producer *producer, void **event, int64_t timeout_ns)
{
    MYL_STEP("K1");
    int rc = make_room(producer, 1, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    return myl_producer_claim(producer, event, MYL_TRY); /* there is room now */
}

int myl_i_claim_run_slow(myl_producer *producer, uint64_t wanted, myl_run *run, int64_t timeout_ns)
{
    if (wanted == 0)
        return myl_fail(MYL_EINVAL, "a run of 0 events was asked for; ask for at least 1");
    int rc = make_room(producer, wanted, timeout_ns);
    if (rc == MYL_OK)
        myl_i_claim_row(&producer->hot, wanted, run);
    return rc;
}

void myl_i_wake_slow(myl_producer *producer)
{
    const struct myl_segment *segment = &producer->handle.segment;
    struct myl_control *control = segment->control;
    const struct myl_publisher who = {.registered = producer->registered, .only = segment->head.lanes == 1};
    if (myl_park_publish_slow(segment->data_park, &who, &producer->quiet))
        myl_store_rlx(&control->producer_wakes, myl_load_rlx(&control->producer_wakes) + 1); /* A40, our own counter */
}

void myl_producer_abort(myl_producer *producer)
{
    if (producer->handle.forked)
        return;
    producer->hot.next = producer->hot.published;
    producer->hot.claim = myl_walk_from(&producer->handle.segment, myl_published(producer));
}

int myl_producer_put(myl_producer *producer, const void *event, size_t bytes, int64_t timeout_ns)
{
    void *to;
    uint32_t size = producer->handle.segment.head.event_bytes;
    if (bytes != size)
        return myl_fail(MYL_EEVENTSIZE, "the event has %zu bytes, those of ring \"%s\" have %" PRIu32, bytes,
                        producer->handle.segment.name, size);
    int rc = myl_producer_claim(producer, &to, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    memcpy(to, event, size);
    myl_producer_publish(producer);
    return MYL_OK;
}

myl_sequence myl_producer_last(const myl_producer *producer)
{
    return (myl_sequence)myl_published(producer) - 1;
}

/* How far everybody has read whose reading matters. MYL_EAGAIN: somebody joined meanwhile. Who has come back behind the
 * scan, and was seen ACTIVE, shows in the version: its J5 is before its J8. */
static int read_by_all(const struct myl_producer *producer, uint64_t *cursor, uint32_t *gating)
{
    const struct myl_control *control = producer->handle.segment.control;
    uint64_t version = myl_load_acq(&control->version); /* A27. Pairs: A28, J5 */
    int rc = myl_gate_minimum(producer, cursor, gating);
    if (rc != MYL_OK)
        return rc;
    *cursor = myl_liveness_read_by_all(producer, *gating == 0 ? myl_published(producer) : *cursor);
    return myl_load_acq(&control->version) == version ? MYL_OK : MYL_EAGAIN; /* A27 */
}

myl_sequence myl_producer_gating(const myl_producer *producer)
{
    uint64_t cursor;
    uint32_t gating;
    int rc = MYL_EAGAIN;
    if (producer->handle.forked)
        return MYL_SEQUENCE_NONE;
    for (int look = 0; look < LOOKS_MOST && rc == MYL_EAGAIN; look++)
        rc = read_by_all(producer, &cursor, &gating);
    return rc == MYL_OK ? (myl_sequence)cursor - 1 : MYL_SEQUENCE_NONE;
}

int myl_producer_is_consumed(const myl_producer *producer, myl_sequence sequence)
{
    return myl_producer_gating(producer) >= sequence;
}

static int ready_when_consumed(void *context)
{
    struct myl_gate_wish *wish = context;
    uint64_t cursor;
    uint32_t gating;
    int rc = read_by_all(wish->producer, &cursor, &gating);
    return rc == MYL_OK && (gating == 0 || cursor < wish->cursor) ? MYL_EAGAIN : rc;
}

int myl_producer_wait_consumed(myl_producer *producer, myl_sequence sequence, int64_t timeout_ns)
{
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    if (sequence >= (myl_sequence)myl_published(producer))
        return myl_fail(MYL_EINVAL, "event %" PRId64 " of ring \"%s\" is not published yet; the last one is %" PRId64,
                        sequence, producer->handle.segment.name, myl_producer_last(producer));
    int rc = myl_liveness_begin(producer, &timeout_ns);
    if (rc != MYL_OK)
        return rc;
    struct myl_gate_wish wish = {.producer = producer, .cursor = sequence < 0 ? 0 : (uint64_t)sequence + 1};
    rc = ready_when_consumed(&wish);
    if (rc == MYL_EAGAIN && timeout_ns == MYL_TRY)
        return myl_liveness_poll(&wish);
    return rc == MYL_EAGAIN ? myl_gate_wait(&wish, ready_when_consumed, timeout_ns) : rc;
}

void myl_producer_interrupt(myl_producer *producer)
{
    if (!producer->handle.forked)
        myl_waiter_interrupt(&producer->handle.waiter, &producer->handle.segment.control->room);
}

int myl_producer_info(const myl_producer *producer, myl_info *info)
{
    int rc = myl_check_options(info, info->size, sizeof *info, "myl_info");
    if (rc == MYL_OK)
        myl_segment_info(&producer->handle.segment, info);
    return rc;
}

int myl_producer_fd(const myl_producer *producer, int *fd)
{
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    return myl_segment_duplicate(&producer->handle.segment, fd);
}
