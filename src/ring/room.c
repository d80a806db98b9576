/* SPDX-License-Identifier: MIT
 * Waiting for room. The producer announces the cursor that it needs. A consumer that holds leases reads it to decide
 * whether it may wait: see is_waited_for in consumer.c. */
#include "ring/room.h"

#include "base/error.h"
#include "registry/participant.h"
#include "ring/divert.h"
#include "ring/gate.h"
#include "ring/policy.h"
#include "ring/state.h"
#include "segment/table.h"
#include "wait/park.h"
#include "wait/wait.h"

#include <inttypes.h>
#include <stdio.h>

/* Slack: a sleeping producer requests this share of the ring beyond what it needs. */
#define SLACK_SHARE 4

static void count(struct myl_producer *producer, enum myl_counter counter)
{
    myl_participant_count(myl_segment_producer(&producer->handle.segment), counter, 1);
}

/* Announces the cursor that a call without room needs, whether the call waits or not. The announcement remains until
 * a call finds room. */
static void announce_need(const struct myl_room_request *request)
{
    struct myl_producer *producer = request->producer;
    myl_producer_divert(producer, MYL_DIVERT_ROOM); /* the next claim also checks the gate, even if it needs less */
    producer->room.needs = true;
    myl_store_rlx(&myl_segment_producer(&producer->handle.segment)->waits_for, request->cursor); /* A66 */
}

void myl_room_announce(const struct myl_room_request *request)
{
    struct myl_producer *producer = request->producer;
    struct myl_room *room = &producer->room;
    announce_need(request); /* again: an earlier call that did not wait may have announced less */
    if (room->call_began != 0)
        return;
    room->call_began = myl_os_now();
    if (room->blocked_since == 0)
        room->blocked_since = room->call_began;
    myl_participant_begin_wait(myl_segment_producer(&producer->handle.segment), room->blocked_since);
}

static void end(struct myl_producer *producer, int rc)
{
    struct myl_participant *own = myl_segment_producer(&producer->handle.segment);
    struct myl_room *room = &producer->room;
    if (room->call_began != 0) {
        myl_participant_end_wait(own, myl_os_now() - room->call_began);
        room->call_began = 0;
    }
    if (rc == MYL_OK) {
        if (room->needs)
            myl_store_rlx(&own->waits_for, 0); /* A66 */
        room->needs = false;
        room->blocked_since = 0;
    }
    myl_liveness_policy.end(producer, rc);
}

void myl_room_found(struct myl_producer *producer)
{
    if (producer->room.needs)
        end(producer, MYL_OK);
}

int myl_room_poll(struct myl_room_request *request)
{
    struct myl_room *room = &request->producer->room;
    announce_need(request);
    if (room->blocked_since == 0)
        room->blocked_since = myl_os_now();
    request->polls = true;
    return myl_liveness_policy.check(request);
}

/* The liveness check of a wait: queries only the locks of consumers that block the producer. */
static int overdue(void *context)
{
    struct myl_room_request *request = context;
    count(request->producer, MYL_COUNTER_LIVENESS_CHECKS);
    return myl_liveness_policy.check(request);
}

/* Announces the needed cursor before the sleep. Only the release that crosses it wakes this producer. */
static void before_park(void *context)
{
    struct myl_room_request *request = context;
    struct myl_producer *producer = request->producer;
    struct myl_control *control = producer->handle.segment.control;
    uint64_t need = request->cursor;
    if (request->events != 0) {
        /* Slack, so that the next event does not block again. Room below the slack is found after check_ns at the
         * latest. Never more than what is published: consumers cannot pass that. */
        need += producer->handle.segment.head->capacity / SLACK_SHARE;
        if (need > myl_published(producer))
            need = myl_published(producer) > request->cursor ? myl_published(producer) : request->cursor;
    }
    myl_store_rel(&control->room.need, need); /* A19 need [rel]. Pairs: A18 */
    count(producer, MYL_COUNTER_PARKS);
    myl_room_announce(request);
}

/* Writes a phrase for error sentences: the absent required consumer, else the slowest gating consumer. */
static void describe_slowest(const struct myl_producer *producer, char *text, size_t size)
{
    const struct myl_segment *segment = &producer->handle.segment;
    const struct myl_cell_ops *cells = segment->cells;
    uint32_t entries = myl_segment_entries(segment), pid = 0;
    bool reserved = false;
    uint64_t slowest = UINT64_MAX, published = myl_published(producer), read = published;
    char id[MYL_ID_MAX + 1], amount[MYL_COUNT_TEXT];
    if (myl_liveness_policy.absent(producer, &read, id)) {
        (void)snprintf(text, size, "required consumer \"%s\" is absent; start it", id);
        return;
    }
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_participant *entry = myl_segment_entry(segment, i);
        uint32_t state = myl_load32_acq(&entry->state); /* A13 */
        uint64_t cursor = myl_load_acq(&entry->cursor); /* A8 */
        if ((state != MYL_PARTICIPANT_JOINING && state != MYL_PARTICIPANT_ACTIVE) || cursor >= slowest)
            continue;
        slowest = cursor;
        pid = myl_load32_rlx(&entry->pid); /* A48 */
        reserved = state == MYL_PARTICIPANT_ACTIVE && myl_participant_is_reserved(entry);
        myl_entry_id(entry, id);
    }
    if (slowest == UINT64_MAX)
        (void)snprintf(text, size, "no consumer is registered; start one");
    else if (reserved)
        (void)snprintf(text, size, "consumer \"%s\" is reserved and has not come yet; start it, or evict it", id);
    else
        (void)snprintf(text, size, "consumer \"%s\" (process %" PRIu32 ") has not acknowledged %s", id, pid,
                       myl_count_text((published > slowest ? published - slowest : 0) * cells->unit_bytes, cells->unit,
                                      amount));
}

static int timed_out(void *context, int64_t timeout_ns)
{
    const struct myl_room_request *request = context;
    const struct myl_segment *segment = &request->producer->handle.segment;
    const struct myl_cell_ops *cells = segment->cells;
    char time[MYL_TIME_TEXT], amount[MYL_COUNT_TEXT], who[160];
    (void)myl_time_text(timeout_ns, time);
    describe_slowest(request->producer, who, sizeof who);
    if (request->events == 0)
        return myl_fail(MYL_ETIMEDOUT, "ring \"%s\": not all consumers acknowledged the awaited event within %s; %s",
                        segment->name, time, who);
    return myl_fail(MYL_ETIMEDOUT, "ring \"%s\": no room for %s within %s; %s", segment->name,
                    myl_count_text(request->events * cells->unit_bytes, cells->unit, amount), time, who);
}

int myl_room_wait(struct myl_room_request *request, int (*ready)(void *), struct myl_timeout *timeout)
{
    struct myl_producer *producer = request->producer;
    int parks = (producer->handle.segment.head->flags & MYL_FLAG_SPIN_ONLY) == 0;
    struct myl_wait_site site = {
        .context = request,
        .ready = ready,
        .overdue = overdue,
        .before_park = before_park,
        .timed_out = request->timed_out != NULL ? request->timed_out : timed_out,
        .liveness_ns = producer->check_ns,
        .liveness_most_ns = producer->check_ns,
        .park = parks ? &producer->handle.segment.control->room : NULL,
        .mode = MYL_PARK_FENCED,
    };
    int rc = myl_wait(&producer->handle.waiter, &site, timeout);
    if (rc == MYL_ETIMEDOUT) {
        count(producer, MYL_COUNTER_TIMEOUTS);
        announce_need(request); /* the wait may have been too short to announce it */
    }
    end(producer, rc);
    return rc;
}

/* --- as one of several that a wait is for ------------------------------------------------------------------------- */

/* Keeps a finding, which is reported only once, for the next claim, and sends that here. */
static bool keep_found(struct myl_producer *producer, int rc)
{
    if (rc == MYL_OK || rc == MYL_EAGAIN)
        return false;
    producer->found = rc;
    myl_error_save(&producer->found_error);
    myl_producer_divert(producer, MYL_DIVERT_ROOM);
    return true;
}

int myl_room_take_found(struct myl_producer *producer)
{
    int rc = producer->found;
    if (rc != MYL_OK)
        myl_error_restore(&producer->found_error);
    producer->found = MYL_OK;
    return rc;
}

static void source_begin(void *context)
{
    struct myl_room_request *request = context;
    struct myl_producer *producer = request->producer;
    if (producer->handle.forked || producer->found != MYL_OK)
        return;
    request->cursor = myl_gate_cursor_for(producer, request->events);
    (void)keep_found(producer, myl_liveness_policy.begin(producer, &(struct myl_timeout){.ns = MYL_TRY}));
}

static bool source_overdue(void *context)
{
    const struct myl_room_request *request = context;
    struct myl_producer *producer = request->producer;
    if (producer->handle.forked || producer->found != MYL_OK)
        return true;
    source_begin(context); /* a start-up wait may be over */
    return producer->found != MYL_OK || keep_found(producer, overdue(context));
}

static void source_end(void *context, bool ready)
{
    struct myl_producer *producer = ((const struct myl_room_request *)context)->producer;
    if (!producer->handle.forked)
        end(producer, ready && producer->found == MYL_OK ? MYL_OK : MYL_EAGAIN);
}

void myl_room_source(struct myl_room_request *request, bool (*ready)(void *), struct myl_wait_source *source)
{
    const struct myl_producer *producer = request->producer;
    const struct myl_segment *segment = &producer->handle.segment;
    *source = (struct myl_wait_source){
        .context = request,
        .ready = ready,
        .overdue = source_overdue,
        .begin = source_begin,
        .before_park = before_park,
        .end = source_end,
        .liveness_ns = &producer->check_ns,
        .liveness_most_ns = &producer->check_ns,
        .park = (segment->head->flags & MYL_FLAG_SPIN_ONLY) == 0 ? &segment->control->room : NULL,
        .mode = MYL_PARK_FENCED,
    };
}
