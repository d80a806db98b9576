/* SPDX-License-Identifier: MIT
 * One stream of messages from the readers of several lanes: they take turns, and a wait is for all of them at once.
 * docs/frames.md, "Lanes". */
#include "frame/merge.h"

#include "base/error.h"
#include "base/text.h"
#include "ring/consumer.h"
#include "ring/peer.h"
#include "segment/id.h"
#include "segment/lock.h"
#include "segment/name.h"

#include <inttypes.h>
#include <stdio.h>

/* A turn ends after this many messages of the lane, or after this many cells read from it. */
#define TURN_MESSAGES 16U
#define TURN_CELLS    ((uint64_t)1024)

static struct myl_consumer *ring_of(struct myl_frame_reader *lane)
{
    return &lane->ring;
}

static const struct myl_control *control_of(const struct myl_frame_reader *lane)
{
    return lane->ring.handle.segment.control;
}

/* --- whose turn it is --------------------------------------------------------------------------------------------- */

static void pass_turn(struct myl_frame_consumer *m)
{
    m->turn = m->turn + 1 == m->count ? 0 : m->turn + 1;
    m->messages = m->cells = 0;
    m->pinned = false;
}

static void count_turn(struct myl_frame_consumer *m, uint64_t messages, uint64_t cells)
{
    m->messages += messages;
    m->cells += cells;
    m->pinned = m->pinned && messages == 0;
    if (m->pinned)
        return;
    if (m->messages >= TURN_MESSAGES || m->cells >= TURN_CELLS)
        pass_turn(m);
}

/* --- how a lane is ------------------------------------------------------------------------------------------------ */

/* A lane that was closed can be opened again: its new producer changes `closed` before it publishes. The end seen here
 * is valid as long as the word has the same value. */
static bool has_ended(struct myl_frame_reader *lane)
{
    if (lane->ended != 0 && myl_load_acq(&control_of(lane)->closed) != lane->ended) /* A16. Pairs: A44 */
        lane->ended = 0;
    return lane->ended != 0;
}

/* Records the end of a lane that is closed and read. Records nothing if the lane was opened and closed again since,
 * with events before the new end. */
static void note_end(struct myl_frame_reader *lane)
{
    uint64_t closed = myl_load_acq(&control_of(lane)->closed); /* A16 */
    lane->ended = closed != 0 && closed - 1 <= ring_of(lane)->hot.next ? closed : 0;
}

static bool was_used(const struct myl_frame_reader *lane)
{
    return myl_load32_acq(&control_of(lane)->epoch) != 0; /* A25 */
}

static bool counts(const struct myl_frame_reader *lane)
{
    return lane->expected || was_used(lane);
}

/* Lanes that were used and have not ended. */
static uint32_t count_open(struct myl_frame_consumer *m)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < m->count; i++)
        open += was_used(m->reader[i]) && !has_ended(m->reader[i]);
    return open;
}

static bool any_used(const struct myl_frame_consumer *m)
{
    int used = 0;
    for (uint32_t i = 0; i < m->count; i++)
        used |= was_used(m->reader[i]);
    return used;
}

/* Returns the number of lanes that have a producer, or are about to. A lane's lock is taken before its epoch is stored,
 * and a ring has its name before that: an unused lane whose lock is held has not ended. Lane 0 belongs to the process
 * that made the ring, so it is expected as long as no other lane has ended. Makes system calls; rarely called. */
static uint32_t expect_producers(struct myl_frame_consumer *m)
{
    uint32_t expected = 0, ended = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        struct myl_frame_reader *lane = m->reader[i];
        if (has_ended(lane)) {
            ended++;
            continue;
        }
        /* Load the epoch again after the lock: the lane may have been used, closed and released in between. */
        lane->expected =
            was_used(lane) || myl_lock_held(&ring_of(lane)->handle.segment, MYL_LOCK_PRODUCER) != 0 || was_used(lane);
        expected += (uint32_t)lane->expected;
    }
    if (expected == 0 && ended == 0)
        expected = (uint32_t)(m->reader[0]->expected = true);
    return expected;
}

/* Puts the lane before the sentence of the current error, and into the message. */
static int lane_result(const struct myl_frame_consumer *m, uint32_t lane, myl_message *message, int rc)
{
    char id[MYL_ID_MAX + 1];
    myl_id_words(control_of(m->reader[lane])->lane_id, id);
    myl_text_clean(id);
    message->lane = lane;
    myl_error_prefix("lane %" PRIu32 "%s%s%s: ", lane, id[0] != '\0' ? " (" : "", id, id[0] != '\0' ? ")" : "");
    return rc;
}

/* --- taking messages ---------------------------------------------------------------------------------------------- */

/* The findings of a round over all lanes, messages apart. */
struct round {
    uint32_t idle;             /* consecutive lanes without a record */
    int leased, superseded;
    uint32_t leased_lane;
};

/* Takes a record of the lane whose turn it is, if it has one. MYL_EAGAIN: continue. `peeks`: a message is only
 * described. */
static int take_turn(struct myl_frame_consumer *m, struct round *round, myl_message *message, bool peeks)
{
    uint32_t index = m->turn;
    struct myl_frame_reader *lane = m->reader[index];
    uint64_t cells = 0, before = ring_of(lane)->hot.next;
    int rc = MYL_EAGAIN;
    if (!has_ended(lane))
        rc = peeks ? myl_reader_peek_step(lane, message, &cells) : myl_reader_step(lane, message, &cells);
    if ((rc == MYL_OK && peeks) || rc == MYL_EBUFFER) {
        m->pinned = true;
        message->lane = index;
        return rc;
    }
    if (rc == MYL_OK || (rc == MYL_EAGAIN && cells > 0)) {
        round->idle = 0;
        count_turn(m, rc == MYL_OK, cells);
        if (rc == MYL_OK) {
            lane->before = before;
            message->lane = index;
            myl_reader_delivered(lane, message);
        }
        return rc;
    }
    pass_turn(m);
    round->idle++;
    if (rc == MYL_ECLOSED)
        note_end(lane);
    else if (rc == MYL_ESUPERSEDED)
        round->superseded = 1;
    else if (rc == MYL_ELEASED) {
        round->leased = 1;
        round->leased_lane = index;
    } else if (rc != MYL_EAGAIN)
        return lane_result(m, index, message, rc);
    return MYL_EAGAIN;
}

static int must_release(const struct myl_frame_consumer *m, uint32_t lane, myl_message *message)
{
    const struct myl_i_consumer_hot *h = &ring_of(m->reader[lane])->hot;
    int rc =
        myl_fail(MYL_ELEASED,
                 "ring \"%s\": %" PRIu64 " bytes are leased, and there is no room for the next message beside them; "
                 "release them first",
                 ring_of(m->reader[lane])->handle.segment.name, (h->next - h->acknowledged) * MYL_CELL_ALIGN);
    return lane_result(m, lane, message, rc);
}

/* Takes or describes one message, of the lane whose turn it is or the next one that has a message. MYL_EAGAIN: none
 * has. */
static int take_message(struct myl_frame_consumer *m, myl_message *message, bool peeks)
{
    struct round round = {0};
    while (round.idle < m->count) {
        int rc = take_turn(m, &round, message, peeks);
        if (rc != MYL_EAGAIN)
            return rc;
    }
    const char *name = ring_of(m->reader[0])->handle.segment.name;
    if (round.leased)
        return must_release(m, round.leased_lane, message);
    if (!m->lasting && count_open(m) == 0 && expect_producers(m) == 0)
        return myl_fail(MYL_ECLOSED, "every lane of ring \"%s\" that was used has been closed, and all is read", name);
    if (round.superseded)
        return myl_fail(MYL_ESUPERSEDED, "this session of ring \"%s\" was ended by force; open it again", name);
    return MYL_EAGAIN;
}

/* --- waiting for all lanes at once -------------------------------------------------------------------------------- */

/* MYL_OK: a lane has a record or an end to handle. All lanes are checked after the sleep is announced (L5). */
static int check(void *context)
{
    struct myl_frame_consumer *m = context;
    uint32_t open = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        struct myl_frame_reader *lane = m->reader[i];
        if (has_ended(lane))
            continue;
        int rc = myl_consumer_check(ring_of(lane));
        if (rc == MYL_ECLOSED && !lane->inside)
            note_end(lane);
        if (rc != MYL_EAGAIN && !has_ended(lane))
            return MYL_OK;
        open += counts(lane) && rc == MYL_EAGAIN;
    }
    return open > 0 || m->lasting ? MYL_EAGAIN : MYL_OK;
}

/* MYL_EAGAIN: the lane has a producer. Otherwise the result to end the wait with, which is then about this lane. */
static int ask_in_lane(struct myl_frame_consumer *m, uint32_t lane, uint32_t *epoch)
{
    const struct myl_consumer *ring = ring_of(m->reader[lane]);
    return myl_ask_for_producer(&ring->handle.segment, ring->hot.next, check, m, epoch);
}

static void set_subject(struct myl_frame_consumer *m, uint32_t lane, uint32_t epoch)
{
    m->subject = lane;
    m->epoch = epoch;
}

/* Producers that left in order are reported at once, and again only by `overdue`. */
static int ready(void *context)
{
    struct myl_frame_consumer *m = context;
    int rc = check(m);
    for (uint32_t i = 0; rc == MYL_EAGAIN && i < m->count; i++) {
        struct myl_frame_reader *lane = m->reader[i];
        uint32_t epoch = 0;
        if (ring_of(lane)->on_death == MYL_DEATH_WAIT || has_ended(lane) ||
            !myl_producer_has_left(&ring_of(lane)->handle.segment, lane->reported))
            continue;
        rc = ask_in_lane(m, i, &epoch);
        if (rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT)
            set_subject(m, i, epoch);
    }
    return rc;
}

/* Checks the producer of each lane. A death is reported once. With no producer alive in any lane it is reported again,
 * so that the caller does not wait forever. */
static int overdue(void *context)
{
    struct myl_frame_consumer *m = context;
    int alive = 0, gone = MYL_EAGAIN;
    for (uint32_t i = 0; i < m->count; i++) {
        struct myl_frame_reader *lane = m->reader[i];
        int rc = myl_consumer_overdue(ring_of(lane));
        if (rc != MYL_EAGAIN) {
            m->subject = i;
            return rc;
        }
        if (!counts(lane) || has_ended(lane) || ring_of(lane)->on_death == MYL_DEATH_WAIT)
            continue;
        uint32_t epoch = 0;
        rc = ask_in_lane(m, i, &epoch);
        if (rc == MYL_EAGAIN) {
            alive = 1;
            continue;
        }
        if (rc != MYL_EPRODUCERDEAD && rc != MYL_EPRODUCERLEFT)
            return rc; /* the result of `ready`, or the lock cannot be queried */
        if (epoch == 0 && any_used(m)) { /* it died before its first event: the lane was never used */
            lane->expected = false;
            continue;
        }
        gone = rc;
        set_subject(m, i, epoch);
        if (lane->reported != epoch)
            return rc;
    }
    return alive || m->lasting ? MYL_EAGAIN : gone;
}

static void before_park(void *context)
{
    struct myl_frame_consumer *m = context;
    for (uint32_t i = 0; i < m->count; i++)
        myl_consumer_before_park(ring_of(m->reader[i]));
}

static int timed_out(void *context, int64_t timeout_ns)
{
    struct myl_frame_consumer *m = context;
    char time[MYL_TIME_TEXT];
    return myl_fail(MYL_ETIMEDOUT,
                    "ring \"%s\": no message was published in any of its %" PRIu32 " lanes within %s; %" PRIu32
                    " of them are open",
                    ring_of(m->reader[0])->handle.segment.name, m->count, myl_time_text(timeout_ns, time),
                    count_open(m));
}

/* Reports a producer that died or left: first the message that it left incomplete, in the next call the producer. */
static int report_gone(struct myl_frame_consumer *m, myl_message *message, int rc)
{
    struct myl_frame_reader *lane = m->reader[m->subject];
    if (lane->inside) {
        lane->inside = false;
        rc = myl_reader_give_up_inside(lane);
    } else {
        lane->reported = m->epoch;
    }
    return lane_result(m, m->subject, message, rc);
}

/* Moves each reader to the position of the record that it waits for, and back. */
static void go_on(struct myl_frame_consumer *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        m->reader[i]->inside = myl_reader_go_on(m->reader[i]);
}

static void step_back(struct myl_frame_consumer *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->reader[i]->inside)
            myl_reader_step_back(m->reader[i]);
    }
}

/* The check of one lane, for the report of its producer: other lanes may have messages. */
static int check_one(void *context)
{
    return myl_consumer_check(ring_of(context)) == MYL_EAGAIN ? MYL_EAGAIN : MYL_OK;
}

int myl_merge_report_gone(struct myl_frame_consumer *m, myl_message *message)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct myl_frame_reader *lane = m->reader[i];
        const struct myl_consumer *ring = ring_of(lane);
        uint32_t epoch = 0;
        if (!was_used(lane) || has_ended(lane) || myl_load32_acq(&control_of(lane)->epoch) == lane->reported) /* A25 */
            continue;
        lane->inside = myl_reader_go_on(lane);
        int rc = myl_ask_for_producer(&ring->handle.segment, ring->hot.next, check_one, lane, &epoch);
        if (rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT) {
            set_subject(m, i, epoch);
            return report_gone(m, message, rc);
        }
        if (lane->inside)
            myl_reader_step_back(lane);
        if (rc != MYL_OK && rc != MYL_EAGAIN)
            return rc;
    }
    return MYL_EAGAIN;
}

static int wait_for_any(struct myl_frame_consumer *m, myl_message *message, struct myl_timeout *timeout)
{
    struct myl_consumer *first = ring_of(m->reader[0]);
    const struct myl_segment *segment = &first->handle.segment;
    bool checks_liveness = m->checks_liveness;
    m->checks_liveness = false;
    for (uint32_t i = 0; i < m->count; i++) {
        if (myl_consumer_may_wait(ring_of(m->reader[i])) != MYL_OK)
            return lane_result(m, i, message, MYL_ELEASED);
    }
    go_on(m);
    struct myl_wait_site site = {
        .context = m,
        .ready = ready,
        .overdue = overdue,
        .before_park = before_park,
        .timed_out = timed_out,
        .liveness_ns = first->liveness_ns,
        .liveness_most_ns = first->liveness_most_ns,
        .park = (segment->head->flags & MYL_FLAG_SPIN_ONLY) == 0 ? segment->data_park : NULL,
        .mode = MYL_PARK_LAZY,
    };
    int rc = checks_liveness ? overdue(m) : MYL_EAGAIN;
    if (rc == MYL_EAGAIN)
        rc = myl_wait(&first->handle.waiter, &site, timeout);
    if (rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT)
        rc = report_gone(m, message, rc);
    else if (rc == MYL_ECORRUPT || rc == MYL_ELEASED)
        rc = lane_result(m, m->subject, message, rc);
    for (uint32_t i = 0; i < m->count; i++)
        myl_consumer_end_wait(ring_of(m->reader[i]), MYL_EAGAIN); /* a read clears the time without a record */
    step_back(m);
    return rc;
}

static int next_or_peek(struct myl_frame_consumer *m, myl_message *message, int64_t timeout_ns, bool peeks)
{
    struct myl_timeout timeout = {.ns = timeout_ns};
    for (;;) {
        int rc = take_message(m, message, peeks);
        if (rc == MYL_EAGAIN && (timeout_ns != MYL_TRY || m->checks_liveness))
            rc = wait_for_any(m, message, &timeout);
        else
            return rc;
        if (rc != MYL_OK)
            return rc;
    }
}

int myl_merge_next(struct myl_frame_consumer *m, myl_message *message, int64_t timeout_ns)
{
    return next_or_peek(m, message, timeout_ns, false);
}

int myl_merge_peek(struct myl_frame_consumer *m, myl_message *message, int64_t timeout_ns)
{
    return next_or_peek(m, message, timeout_ns, true);
}

/* --- as one of several -------------------------------------------------------------------------------------------- */

static uint64_t acknowledged(const struct myl_frame_consumer *m)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < m->count; i++)
        sum += m->reader[i]->ring.hot.acknowledged;
    return sum;
}

void myl_merge_keep_found(struct myl_frame_consumer *m, bool found)
{
    m->checks_liveness = found;
    m->found_at = acknowledged(m);
}

bool myl_merge_is_ready(struct myl_frame_consumer *m)
{
    if (ring_of(m->reader[0])->handle.forked || (m->checks_liveness && m->found_at == acknowledged(m)))
        return true;
    go_on(m);
    int rc = ready(m);
    step_back(m);
    myl_merge_keep_found(m, rc != MYL_EAGAIN && rc != MYL_OK); /* what next finds only in a wait */
    return rc != MYL_EAGAIN;
}

bool myl_merge_is_overdue(struct myl_frame_consumer *m)
{
    if (ring_of(m->reader[0])->handle.forked)
        return true;
    go_on(m);
    myl_merge_keep_found(m, overdue(m) != MYL_EAGAIN);
    step_back(m);
    return m->checks_liveness;
}
