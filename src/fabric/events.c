/* SPDX-License-Identifier: MIT
 * What a scheduler learns: replies, deaths, returns, deadlines. One wait serves all of them: the merge of the lanes
 * returns messages and deaths, and is limited to the next deadline. */
#include "fabric/events.h"

#include "base/deadline.h"
#include "base/error.h"
#include "fabric/dispatch.h"
#include "fabric/roster.h"
#include "frame/merge.h"
#include "ring/consumer.h"

#include <inttypes.h>

/* Interval of the checks for deaths while requests are in flight. */
#define DEATHS_NS         ((int64_t)5000000)
/* ... and while there are none: the interval rises to this. */
#define DEATHS_IDLE_NS    ((int64_t)200000000)
/* Messages between two looks at the clock, for those checks, while messages come without a wait. */
#define STEPS_BETWEEN     32U
/* How long a wait is while work on the dispatch ring waits for room. */
#define PENDING_NS        ((int64_t)2000000)

/* --- events that are due ------------------------------------------------------------------------------------------ */

static uint64_t outstanding(const struct myl_flight *flight)
{
    return flight->unplaced ? flight->mask : flight->waiting | flight->failed;
}

static void about(myl_fabric_event *event, enum myl_fabric_event_kind kind, uint32_t rank,
                  const struct myl_flight *flight)
{
    *event = (myl_fabric_event){.kind = kind, .worker = rank};
    if (flight != NULL) {
        event->request = flight->id;
        event->tag = flight->tag;
        event->outstanding = outstanding(flight);
    }
}

static void forget_if_over(struct myl_scheduler *s, struct myl_flight *flight)
{
    if (outstanding(flight) == 0)
        myl_roster_forget(s, flight);
}

static void give_gone(struct myl_scheduler *s, myl_fabric_event *event)
{
    uint32_t rank = myl_rank_first(s->gone_events);
    const struct myl_rank *r = &s->rank[rank];
    about(event, r->left ? MYL_EVENT_WORKER_LEFT : MYL_EVENT_WORKER_DIED, rank, NULL);
    event->pid = r->lost_pid;
    event->incarnation = r->lost_incarnation;
    event->kept = r->kept;
    s->gone_events &= s->gone_events - 1;
}

static void give_joined(struct myl_scheduler *s, myl_fabric_event *event)
{
    uint32_t rank = myl_rank_first(s->joined_events);
    about(event, MYL_EVENT_WORKER_JOINED, rank, NULL);
    event->pid = s->rank[rank].pid;
    event->incarnation = s->rank[rank].incarnation;
    s->joined_events &= s->joined_events - 1;
}

static void give_failed(struct myl_scheduler *s, myl_fabric_event *event)
{
    struct myl_flight *flight = myl_table_first(&s->table);
    while (flight->failed == 0)
        flight = myl_table_next(&s->table, flight);
    uint32_t rank = myl_rank_first(flight->failed);
    flight->failed &= flight->failed - 1;
    s->failing -= flight->failed == 0;
    about(event, MYL_EVENT_FAILED, rank, flight);
    event->status = (flight->left & myl_rank_bit(rank)) != 0 ? MYL_EPRODUCERLEFT : MYL_ECONSUMERDEAD;
    s->counts.failed++;
    forget_if_over(s, flight);
}

static void give_expired(struct myl_scheduler *s, myl_fabric_event *event)
{
    struct myl_flight *flight = myl_table_first(&s->table);
    while (!flight->expired)
        flight = myl_table_next(&s->table, flight);
    about(event, MYL_EVENT_EXPIRED, 0, flight);
    s->counts.expired++;
    myl_roster_forget(s, flight);
}

/* --- deadlines ---------------------------------------------------------------------------------------------------- */

/* Until when a worker's activity notice holds this deadline, at most busy_limit_ns beyond it; 0: none does. */
static int64_t held_until(const struct myl_scheduler *s, const struct myl_flight *flight, int64_t now)
{
    int64_t until = 0, most = myl_time_add(flight->deadline_ns, s->busy_limit_ns);
    for (uint64_t left = flight->waiting; left != 0; left &= left - 1) {
        int64_t busy = myl_roster_busy_until(s, myl_rank_first(left));
        until = busy > until ? busy : until;
    }
    until = until < most ? until : most;
    return until > now ? until : 0;
}

static void check_deadlines(struct myl_scheduler *s)
{
    if (s->table.deadlines == 0)
        return;
    int64_t now = myl_os_now(), next = MYL_FOREVER;
    if (now < s->next_deadline_ns)
        return;
    for (struct myl_flight *f = myl_table_first(&s->table); f != NULL; f = myl_table_next(&s->table, f)) {
        if (f->deadline_ns == 0 || f->expired)
            continue;
        int64_t held = f->check_ns <= now ? held_until(s, f, now) : 0;
        if (held != 0)
            f->check_ns = held;
        if (f->check_ns <= now) {
            f->expired = true;
            s->expired++;
        } else if (f->check_ns < next) {
            next = f->check_ns;
        }
    }
    s->next_deadline_ns = next;
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

static int release(struct myl_scheduler *s, const myl_message *message)
{
    int rc = myl_frame_consumer_release_message(s->replies, message);
    s->stuck = rc == MYL_ELIMIT;
    if (s->stuck)
        s->stuck_message = *message;
    return rc;
}

static void with_payload(myl_fabric_event *event, const myl_message *message, const struct myl_reply_head *head)
{
    event->data = (const char *)message->data + sizeof *head;
    event->length = message->length - sizeof *head;
    event->status = head->status;
    event->message = *message;
}

static int drop_bad(struct myl_scheduler *s, myl_fabric_event *event, const myl_message *message, uint32_t rank)
{
    s->counts.bad++;
    int rc = release(s, message);
    about(event, MYL_EVENT_BAD, rank, NULL);
    return rc;
}

static int take_orphan(struct myl_scheduler *s, myl_fabric_event *event, const myl_message *message,
                       const struct myl_reply_head *head, uint32_t rank)
{
    s->counts.orphans++;
    if (!s->orphans) {
        int rc = release(s, message);
        return rc == MYL_OK ? MYL_OUTCOME_NONE : rc;
    }
    about(event, MYL_EVENT_ORPHAN, rank, NULL);
    event->request = head->request;
    with_payload(event, message, head);
    return MYL_OK;
}

static int take_reply(struct myl_scheduler *s, myl_fabric_event *event, const myl_message *message, uint32_t rank)
{
    struct myl_reply_head head;
    if (!myl_head_take(&head, sizeof head, message) || (head.flags & ~(uint32_t)MYL_REPLY_MORE) != 0)
        return drop_bad(s, event, message, rank);
    if (myl_request_generation(head.request) != (s->generation & MYL_GENERATION_MASK))
        return take_orphan(s, event, message, &head, rank);
    struct myl_flight *flight = myl_table_find(&s->table, head.request);
    if (flight == NULL || (flight->waiting & myl_rank_bit(rank)) == 0) {
        s->counts.late++;
        int rc = release(s, message);
        return rc == MYL_OK ? MYL_OUTCOME_NONE : rc;
    }
    bool more = head.flags == MYL_REPLY_MORE;
    if (!more) {
        myl_roster_answered(s, flight, myl_rank_bit(rank));
        flight->replies++;
        s->counts.replies++;
    }
    about(event, more ? MYL_EVENT_PART : MYL_EVENT_REPLY, rank, flight);
    with_payload(event, message, &head);
    forget_if_over(s, flight);
    return MYL_OK;
}

/* MYL_OUTCOME_NONE: no event comes of it. */
static int take_message(struct myl_scheduler *s, myl_fabric_event *event, const myl_message *message)
{
    struct myl_reply_head head;
    uint32_t rank = myl_roster_rank_of(s, message->lane);
    if (rank == MYL_WORKERS_MAX)
        return drop_bad(s, event, message, rank);
    if (message->kind == MYL_ANSWER_REPLY)
        return take_reply(s, event, message, rank);
    if (message->kind != MYL_ANSWER_HELLO || !myl_head_take(&head, sizeof head, message) ||
        !myl_roster_hello(s, rank, head.request, head.status))
        return drop_bad(s, event, message, rank);
    int rc = release(s, message);
    return rc == MYL_OK ? MYL_OUTCOME_NONE : rc;
}

/* --- the wait ----------------------------------------------------------------------------------------------------- */

/* Events that need no message. */
static bool give_due(struct myl_scheduler *s, myl_fabric_event *event)
{
    if (s->gone_events != 0)
        give_gone(s, event);
    else if (s->failing != 0)
        give_failed(s, event);
    else if (s->joined_events != 0)
        give_joined(s, event);
    else if (s->expired != 0)
        give_expired(s, event);
    else
        return false;
    return true;
}

/* A wait for messages checks for deaths often while something is expected, and seldom when idle. */
static void set_interval(struct myl_scheduler *s)
{
    struct myl_consumer *first = &s->replies->reader[0]->ring;
    int64_t most = s->table.count > 0 ? DEATHS_NS : DEATHS_IDLE_NS;
    if (first->liveness_most_ns != most)
        first->handle.waiter.due = 0;
    first->liveness_ns = DEATHS_NS;
    first->liveness_most_ns = most;
}

/* Checks for deaths that no wait has checked for: a caller that polls, or messages that come without a pause. */
static int check_deaths(struct myl_scheduler *s, myl_message *message)
{
    if (s->table.count == 0 && s->steps % STEPS_BETWEEN != 0)
        return MYL_EAGAIN;
    int64_t now = myl_os_now();
    if (now - s->checked_ns < DEATHS_NS)
        return MYL_EAGAIN;
    s->checked_ns = now;
    return myl_merge_report_gone(s->replies, message);
}

/* A message, or the end of a worker. */
static int read_replies(struct myl_scheduler *s, myl_message *message, int64_t timeout_ns)
{
    int rc = MYL_EAGAIN;
    if (++s->steps % STEPS_BETWEEN == 0)
        rc = check_deaths(s, message);
    if (rc != MYL_EAGAIN)
        return rc;
    if (timeout_ns != MYL_TRY)
        set_interval(s);
    rc = myl_frame_consumer_next(s->replies, message, timeout_ns);
    return rc == MYL_EAGAIN ? check_deaths(s, message) : rc;
}

/* MYL_OUTCOME_NONE: a message or a death was handled, and no event has come of it yet. MYL_EAGAIN, MYL_ETIMEDOUT: there
 * was nothing. */
static int step(struct myl_scheduler *s, myl_fabric_event *event, int64_t timeout_ns)
{
    myl_message message = {0};
    myl_failed_participant dead = {.size = sizeof dead};
    int rc = read_replies(s, &message, timeout_ns);
    switch (rc) {
    case MYL_OK:
        return take_message(s, event, &message);
    case MYL_EPRODUCERDEAD:
    case MYL_EPRODUCERLEFT:
        if (myl_error_participant(&dead) != MYL_OK)
            dead.pid = 0;
        myl_roster_gone(s, message.lane, rc == MYL_EPRODUCERLEFT, dead.pid);
        return MYL_OUTCOME_NONE;
    case MYL_EABORTED: /* a reply that its worker has not finished: its death is reported next */
        return MYL_OUTCOME_NONE;
    default:
        return rc;
    }
}

/* What can be done without a message. */
static int prepare(struct myl_scheduler *s, bool *pending)
{
    *pending = false;
    if (s->stuck) {
        const myl_message message = s->stuck_message;
        int rc = release(s, &message);
        if (rc != MYL_OK)
            return rc;
    }
    if (s->claim == NULL && myl_dispatch_is_pending(s)) {
        int rc = myl_dispatch_flush(s, MYL_TRY);
        if (rc != MYL_OK && rc != MYL_EAGAIN)
            return rc;
        *pending = rc == MYL_EAGAIN;
    }
    check_deadlines(s);
    return MYL_OK;
}

static int64_t shorter(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The time to wait for a message: to the caller's deadline, or to what has to be done before. */
static int64_t wait_time(const struct myl_scheduler *s, int64_t left, bool pending)
{
    if (s->table.deadlines != 0 && s->next_deadline_ns != MYL_FOREVER) {
        int64_t next = s->next_deadline_ns - myl_os_now();
        left = shorter(left, next > 0 ? next : -1);
    }
    return pending ? shorter(left, PENDING_NS) : left;
}

static int late(const struct myl_scheduler *s, int64_t timeout_ns)
{
    char time[MYL_TIME_TEXT];
    return myl_fail(MYL_ETIMEDOUT,
                    "session \"%s\": no event within %s; %" PRIu32 " requests are in flight, and %d of %" PRIu32
                    " workers are here",
                    s->session.config.label, myl_time_text(timeout_ns, time), s->table.count,
                    __builtin_popcountll(s->present | s->returning), s->workers);
}

/* One round: what is due, else a message that is there, else one that comes within `left`. */
static int next_round(struct myl_scheduler *s, myl_fabric_event *event, int64_t left)
{
    bool pending;
    int rc = prepare(s, &pending);
    if (rc != MYL_OK)
        return rc;
    if (give_due(s, event))
        return MYL_OK;
    return step(s, event, left > 0 ? wait_time(s, left, pending) : MYL_TRY);
}

int myl_events_next(struct myl_scheduler *s, myl_fabric_event *event, int64_t timeout_ns)
{
    bool timed = timeout_ns > 0 && timeout_ns != MYL_FOREVER;
    struct myl_deadline until = {MYL_FOREVER};
    int64_t left = 0; /* the first round does not wait, so that the clock is read only if it has to */
    for (uint32_t rounds = 0;; rounds++) {
        int rc = next_round(s, event, left);
        bool nothing = rc == MYL_EAGAIN || rc == MYL_ETIMEDOUT;
        if (rc != MYL_OUTCOME_NONE && !nothing)
            return rc;
        if (!nothing && rounds % STEPS_BETWEEN != STEPS_BETWEEN - 1) {
            left = 0;
            continue;
        }
        if (timeout_ns == MYL_TRY)
            return MYL_EAGAIN;
        if (timed && rounds == 0)
            until = myl_deadline_after(myl_os_now(), timeout_ns);
        left = timed ? myl_deadline_left(until, myl_os_now()) : timeout_ns;
        if (left <= 0)
            return late(s, timeout_ns);
    }
}
