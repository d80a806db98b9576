/* SPDX-License-Identifier: MIT
 * A producer: claim, publish, query what consumers have acknowledged. Opening is in producer_open.c. */
#include "ring/producer.h"

#include "base/error.h"
#include "registry/participant.h"
#include "ring/cells.h"
#include "ring/gate.h"
#include "ring/handle.h"
#include "ring/policy.h"
#include "segment/table.h"
#include "segment/ticket.h"

#include <inttypes.h>
#include <string.h>

#define CHECKS_MOST 64 /* attempts; each join restarts the scan */

static int ready_for_claim(void *context)
{
    struct myl_room_request *request = context;
    return myl_gate_check(request->producer, request->events);
}

/* Can `events` more be claimed once the consumers have acknowledged everything? */
static int check_request(const struct myl_producer *producer, uint64_t events)
{
    const struct myl_segment *segment = &producer->handle.segment;
    uint64_t open = producer->hot.next - myl_published(producer);
    if (events > segment->head->capacity)
        return myl_fail(MYL_ETOOBIG,
                        "a claim of %" PRIu64 " events exceeds the capacity of ring \"%s\", %" PRIu64 "; claim fewer",
                        events, segment->name, segment->head->capacity);
    if (myl_gate_cursor_for(producer, events) <= myl_published(producer))
        return MYL_OK;
    if (open > 0)
        return myl_fail(MYL_ELEASED,
                        "ring \"%s\": %" PRIu64 " events are claimed and not published; publish or abort them "
                        "before claiming %" PRIu64 " more",
                        segment->name, open, events);
    return myl_fail(MYL_ETOOBIG,
                    "%" PRIu64 " events do not fit after the partly filled cell of ring \"%s\"; claim at most %" PRIu64,
                    events, segment->name, segment->head->capacity - segment->head->events_per_cell);
}

/* The gate check of a claim, before it waits. Only this one is counted: a wait repeats it in a loop. */
static int first_gate_check(struct myl_producer *producer, uint64_t events)
{
    struct myl_participant *own = myl_segment_producer(&producer->handle.segment);
    int rc = myl_gate_check(producer, events);
    uint64_t published = myl_published(producer), limit = producer->limit;
    myl_participant_count(own, MYL_COUNTER_GATE_CHECKS, 1);
    if (rc == MYL_EAGAIN) {
        myl_participant_count(own, MYL_COUNTER_FULL, 1);
        limit = myl_gate_cursor_for(producer, events); /* the slowest consumer is below it */
        limit -= limit > 0 && limit <= published;
    }
    if ((rc == MYL_OK || rc == MYL_EAGAIN) && limit < published)
        myl_participant_raise(own, MYL_COUNTER_LAG_MAX, published - limit);
    return rc;
}

int myl_producer_make_room(struct myl_producer *producer, uint64_t events, struct myl_timeout *timeout)
{
    struct myl_room_request request = {.producer = producer, .events = events};
    int rc = myl_room_take_found(producer);
    if (rc != MYL_OK)
        return rc;
    rc = myl_liveness_policy.begin(producer, timeout);
    if (rc == MYL_OK)
        rc = first_gate_check(producer, events);
    else if (rc == MYL_EAGAIN)
        return rc;
    if (rc == MYL_OK)
        myl_room_found(producer);
    if (rc != MYL_EAGAIN)
        return rc;
    request.cursor = myl_gate_cursor_for(producer, events);
    if (timeout->ns == MYL_TRY)
        return myl_room_poll(&request);
    return myl_room_wait(&request, ready_for_claim, timeout);
}

static int make_room(struct myl_producer *producer, uint64_t events, struct myl_timeout *timeout)
{
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    int rc = check_request(producer, events);
    return rc == MYL_OK ? myl_producer_make_room(producer, events, timeout) : rc;
}

static bool source_ready(void *context)
{
    struct myl_room_request *request = context;
    struct myl_producer *producer = request->producer;
    const struct myl_i_producer_hot *h = &producer->hot;
    if (producer->handle.forked || producer->found != MYL_OK || check_request(producer, request->events) != MYL_OK)
        return true;
    bool there = h->next < h->end && request->events <= h->end - h->next;
    return there || myl_gate_check(producer, request->events) != MYL_EAGAIN;
}

int myl_producer_source(struct myl_room_request *request, struct myl_wait_source *source)
{
    struct myl_producer *producer = request->producer;
    int rc = producer->handle.forked ? myl_handle_forked(&producer->handle) : check_request(producer, request->events);
    if (rc == MYL_OK)
        myl_room_source(request, source_ready, source);
    return rc;
}

int myl_i_claim_slow(myl_producer *producer, void **event, int64_t timeout_ns)
{
    MYL_STEP("K1");
    struct myl_timeout timeout = {.ns = timeout_ns};
    int rc = make_room(producer, 1, &timeout);
    if (rc != MYL_OK)
        return rc;
    return myl_producer_claim(producer, event, MYL_TRY); /* there is room now */
}

int myl_producer_claim_within(struct myl_producer *producer, uint64_t wanted, myl_span *span,
                              struct myl_timeout *timeout)
{
    const struct myl_i_producer_hot *h = &producer->hot;
    int there = h->next < h->end && wanted <= h->end - h->next;
    int rc = there ? MYL_OK : make_room(producer, wanted, timeout);
    if (rc == MYL_OK)
        myl_i_claim_contiguous(&producer->hot, wanted, span);
    return rc;
}

int myl_i_claim_span_slow(myl_producer *producer, uint64_t wanted, myl_span *span, int64_t timeout_ns)
{
    struct myl_timeout timeout = {.ns = timeout_ns};
    if (wanted == 0)
        return myl_fail(MYL_EINVAL, "the requested span has 0 events; request at least 1");
    return myl_producer_claim_within(producer, wanted, span, &timeout);
}

void myl_i_wake_slow(myl_producer *producer)
{
    const struct myl_segment *segment = &producer->handle.segment;
    const struct myl_publisher who = {.registered = producer->registered, .only = segment->head->lanes == 1};
    if (myl_park_publish_slow(segment->data_park, &who, &producer->quiet))
        myl_participant_count(myl_segment_producer(segment), MYL_COUNTER_WAKES, 1);
}

void myl_producer_abort(myl_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    if (producer->handle.forked)
        return;
    producer->hot.next = producer->hot.published;
    producer->hot.claim = myl_iterator_at(&producer->handle.segment, myl_published(producer));
}

int myl_producer_put(myl_producer *producer, const void *event, size_t bytes, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    void *to;
    uint32_t size = producer->handle.segment.head->event_bytes;
    if (bytes != size)
        return myl_fail(MYL_EEVENTSIZE,
                        "the event has %zu bytes, but ring \"%s\" has events of %" PRIu32 " bytes; pass that size",
                        bytes, producer->handle.segment.name, size);
    int rc = myl_producer_claim(producer, &to, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    memcpy(to, event, size);
    myl_producer_publish(producer);
    return MYL_OK;
}

myl_sequence myl_producer_last_published(const myl_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    return (myl_sequence)myl_published(producer) - 1;
}

/* Stores the smallest cursor of all gating and all absent required consumers. MYL_EAGAIN: a consumer joined during the
 * scan. A required consumer that rejoined after the scan and was found ACTIVE has changed the version: its J5 precedes
 * its J8. */
static int read_by_all(const struct myl_producer *producer, uint64_t *cursor, uint32_t *gating)
{
    const struct myl_control *control = producer->handle.segment.control;
    uint64_t version = myl_load_acq(&control->version); /* A27. Pairs: A28, J5 */
    int rc = myl_gate_minimum(producer, cursor, gating);
    if (rc != MYL_OK)
        return rc;
    char id[MYL_ID_MAX + 1];
    if (*gating == 0)
        *cursor = myl_published(producer);
    (void)myl_liveness_policy.absent(producer, cursor, id);
    return myl_load_acq(&control->version) == version ? MYL_OK : MYL_EAGAIN; /* A27 */
}

myl_sequence myl_producer_last_consumed(const myl_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    uint64_t cursor;
    uint32_t gating;
    int rc = MYL_EAGAIN;
    if (producer->handle.forked)
        return MYL_SEQUENCE_NONE;
    for (int check = 0; check < CHECKS_MOST && rc == MYL_EAGAIN; check++)
        rc = read_by_all(producer, &cursor, &gating);
    return rc == MYL_OK ? (myl_sequence)cursor - 1 : MYL_SEQUENCE_NONE;
}

int myl_producer_is_consumed(const myl_producer *producer, myl_sequence sequence)
{
    MYL_I_NOT_NULL(producer);
    return myl_producer_last_consumed(producer) >= sequence;
}

static int ready_when_consumed(void *context)
{
    struct myl_room_request *request = context;
    uint64_t cursor;
    uint32_t gating;
    int rc = read_by_all(request->producer, &cursor, &gating);
    return rc == MYL_OK && (gating == 0 || cursor < request->cursor) ? MYL_EAGAIN : rc;
}

int myl_producer_wait_consumed(myl_producer *producer, myl_sequence sequence, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    if (sequence >= (myl_sequence)myl_published(producer))
        return myl_fail(MYL_EINVAL,
                        "event %" PRId64 " of ring \"%s\" is not published yet, the last one is %" PRId64
                        "; publish it first",
                        sequence, producer->handle.segment.name, myl_producer_last_published(producer));
    struct myl_timeout timeout = {.ns = timeout_ns};
    int rc = myl_liveness_policy.begin(producer, &timeout);
    if (rc != MYL_OK)
        return rc;
    struct myl_room_request request = {.producer = producer, .cursor = sequence < 0 ? 0 : (uint64_t)sequence + 1};
    rc = ready_when_consumed(&request);
    if (rc == MYL_OK)
        myl_room_found(producer);
    if (rc == MYL_EAGAIN && timeout_ns == MYL_TRY)
        return myl_room_poll(&request);
    return rc == MYL_EAGAIN ? myl_room_wait(&request, ready_when_consumed, &timeout) : rc;
}

void myl_producer_interrupt(myl_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    if (!producer->handle.forked)
        myl_waiter_interrupt(&producer->handle.waiter, &producer->handle.segment.control->room);
}

const char *myl_producer_schema_text(const myl_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    return myl_handle_schema_text(&producer->handle);
}

int myl_producer_info(const myl_producer *producer, myl_info *info)
{
    MYL_I_NOT_NULL(producer);
    MYL_I_NOT_NULL(info);
    return myl_handle_info(&producer->handle, info);
}

int myl_producer_ticket(const myl_producer *producer, char *ticket, size_t size)
{
    MYL_I_NOT_NULL(producer);
    MYL_I_NOT_NULL(ticket);
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    return myl_segment_ticket(&producer->handle.segment, ticket, size);
}

int myl_producer_fd(const myl_producer *producer, int *fd)
{
    MYL_I_NOT_NULL(producer);
    MYL_I_NOT_NULL(fd);
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    return myl_segment_duplicate(&producer->handle.segment, fd);
}
