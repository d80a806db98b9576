/* SPDX-License-Identifier: MIT
 * The state of the producer, for consumers and observers: alive, left or dead. models/close.pml, D1 to D4. */
#include "ring/peer.h"

#include "base/error.h"
#include "base/options.h"
#include "registry/participant.h"
#include "ring/handle.h"
#include "ring/state.h"
#include "segment/lock.h"
#include "segment/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool myl_producer_has_left(const struct myl_segment *segment, uint32_t reported)
{
    return myl_load32_acq(&myl_segment_producer(segment)->state) == MYL_PARTICIPANT_LEFT && /* A45 */
           myl_load32_acq(&segment->control->epoch) != reported;                      /* A25 */
}

int myl_ask_for_producer(const struct myl_segment *segment, uint64_t next, int (*ready)(void *context), void *context,
                         uint32_t *asked)
{
    const struct myl_control *control = segment->control;
    const struct myl_participant *producer = myl_segment_producer(segment);
    MYL_STEP("D1");
    uint32_t epoch = myl_load32_acq(&control->epoch); /* A25, D1. Pairs: A26 */
    *asked = epoch;
    int held = myl_lock_held(segment, MYL_LOCK_PRODUCER);
    if (held != 0) { /* held, or the query failed: counts as alive, unless this handle has lost its descriptor */
        int lost = held < 0 ? myl_segment_check(segment) : MYL_OK;
        return lost == MYL_OK ? MYL_EAGAIN : lost;
    }
    MYL_STEP("D2");
    int rc = ready(context);
    if (rc != MYL_EAGAIN)
        return rc; /* its last events, or the end of the stream, arrived before its death was found */
    MYL_STEP("D3");
    uint32_t state = myl_load32_acq(&producer->state); /* A45. Pairs: A43 */
    uint32_t pid = myl_load32_rlx(&producer->pid);     /* A42 */
    MYL_STEP("D4");
    if (myl_load32_acq(&control->epoch) != epoch) /* A25: a successor took over, and `state` belongs to it */
        return MYL_EAGAIN;
    char events[MYL_COUNT_TEXT];
    (void)myl_count_text(next, "event", events);
    if (state == MYL_PARTICIPANT_LEFT) {
        rc = myl_fail(MYL_EPRODUCERLEFT,
                      "the producer of ring \"%s\" left after %s without ending the stream; wait for the next "
                      "producer, or close",
                      segment->name, events);
    } else {
        myl_log_producer_death(segment, epoch);
        rc = myl_fail(MYL_EPRODUCERDEAD,
                      "the producer of ring \"%s\" (process %" PRIu32
                      ") died after %s; restart it to continue the stream there",
                      segment->name, pid, events);
    }
    return myl_fail_participant(rc, NULL, pid, segment->lane);
}

const char *myl_producer_text(const struct myl_segment *segment, char text[MYL_PRODUCER_TEXT])
{
    const struct myl_control *control = segment->control;
    const struct myl_participant *producer = myl_segment_producer(segment);
    uint32_t state = myl_load32_acq(&producer->state); /* A45 */
    uint32_t pid = myl_load32_rlx(&producer->pid);     /* A42 */
    if (myl_load32_acq(&control->epoch) == 0) /* A25 */
        (void)snprintf(text, MYL_PRODUCER_TEXT, "no producer has opened it yet");
    else
        (void)snprintf(text, MYL_PRODUCER_TEXT, "its producer %s process %" PRIu32,
                       state == MYL_PARTICIPANT_LEFT ? "has left, it was" : "is", pid);
    return text;
}

/* MYL_ELOCKLOST: this handle has lost its descriptor, so it cannot query the producer lock. */
static int peer_state(const struct myl_segment *segment, const myl_peer *peer, enum myl_peer_state *state)
{
    const struct myl_control *control = segment->control;
    uint32_t superseded = myl_load32_acq(&control->superseded); /* A15, first: a closed ring may be superseded later */
    *state = MYL_PEER_CLOSED;
    if (myl_load_acq(&control->closed) != 0) /* A16 */
        return MYL_OK;
    *state = MYL_PEER_SUPERSEDED;
    if (superseded != 0)
        return MYL_OK;
    *state = peer->activity_left_ns > 0 ? MYL_PEER_BUSY : MYL_PEER_ALIVE;
    int held = myl_lock_held(segment, MYL_LOCK_PRODUCER);
    if (held != 0)
        return held < 0 ? myl_segment_check(segment) : MYL_OK;
    int left = myl_load32_acq(&myl_segment_producer(segment)->state) == MYL_PARTICIPANT_LEFT; /* A45 */
    uint32_t epoch = myl_load32_acq(&control->epoch); /* A25 */
    if (myl_load_acq(&control->closed) != 0) { /* A16: closed since the check above */
        *state = MYL_PEER_CLOSED;
    } else if (left) {
        *state = MYL_PEER_LEFT;
    } else if (epoch != peer->epoch) { /* a successor took over since */
        *state = MYL_PEER_ALIVE;
    } else {
        *state = MYL_PEER_DEAD;
        myl_log_producer_death(segment, epoch);
    }
    return MYL_OK;
}

/* Returns the time since which the producer has published nothing: the start of a wait that found nothing, or an
 * earlier call that found the same `next`. */
static int64_t silent_since(struct myl_consumer *consumer, int64_t now)
{
    uint64_t next = myl_load_acq(&consumer->handle.segment.control->next); /* A4 */
    if (next != consumer->peer_next) {
        consumer->peer_next = next;
        consumer->peer_since = now;
    }
    int64_t waiting = consumer->silent_at == consumer->hot.next ? consumer->silent_since : 0;
    return waiting != 0 && waiting < consumer->peer_since ? waiting : consumer->peer_since;
}

uint64_t myl_consumer_available(const myl_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    if (consumer->handle.forked)
        return 0;
    uint64_t next = myl_load_acq(&consumer->handle.segment.control->next); /* A4 */
    return next > consumer->hot.next ? next - consumer->hot.next : 0;
}

int myl_peer_take(myl_consumer *consumer, myl_peer *peer)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    const struct myl_participant *producer = myl_segment_producer(segment);
    struct myl_activity_notice notice;
    int64_t now = myl_os_now();
    peer->epoch = myl_load32_acq(&segment->control->epoch); /* A25 */
    if (myl_activity_get(&producer->activity, &notice)) {
        memcpy(peer->activity, notice.text, sizeof peer->activity);
        if (notice.until != 0)
            peer->activity_left_ns = notice.until != now ? notice.until - now : -1;
    }
    int rc = peer_state(segment, peer, &peer->state);
    if (rc != MYL_OK)
        return rc;
    peer->taken_over = peer->epoch != consumer->peer_epoch;
    consumer->peer_epoch = peer->epoch;
    peer->available = myl_consumer_available(consumer);
    int64_t since = silent_since(consumer, now);
    if (peer->available == 0)
        peer->idle_ns = now - since;
    peer->pid = (int32_t)myl_load32_rlx(&producer->pid); /* A48 */
    return MYL_OK;
}

int myl_peer_give(myl_peer *peer, const myl_peer *own)
{
    return myl_result_give(peer, own, MYL_OPTIONS_TYPE(myl_peer, pid));
}

int myl_consumer_peer(myl_consumer *consumer, myl_peer *peer)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(peer);
    myl_peer own = {.size = sizeof own};
    int rc = myl_peer_give(peer, &own);
    if (rc == MYL_OK)
        rc = myl_peer_take(consumer, &own);
    return rc == MYL_OK ? myl_peer_give(peer, &own) : rc;
}
