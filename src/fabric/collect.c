/* SPDX-License-Identifier: MIT
 * Taking events: one by one, or those of one request. What a collect passes over is set aside in the handle. */
#include "base/deadline.h"
#include "base/error.h"
#include "fabric/events.h"
#include "fabric/message.h"
#include "fabric/roster.h"
#include "os/os.h"

#include <inttypes.h>
#include <stdio.h>

/* --- events that were set aside ----------------------------------------------------------------------------------- */

static myl_fabric_event *deferred_at(struct myl_scheduler *s, uint32_t index)
{
    return &s->deferred[(s->deferred_first + index) % s->deferred_most];
}

/* There is room: defer_full was asked. */
static void defer(struct myl_scheduler *s, const myl_fabric_event *event)
{
    *deferred_at(s, s->deferred_count++) = *event;
}

static int check_room_to_defer(const struct myl_scheduler *s)
{
    if (s->deferred_count < s->deferred_most)
        return MYL_OK;
    return myl_fail(MYL_ELIMIT,
                    "session \"%s\": %" PRIu32 " events about other things are set aside; take some with "
                    "myl_scheduler_next, or raise deferred_max",
                    s->session.config.label, s->deferred_count);
}

int myl_scheduler_next(myl_scheduler *s, myl_fabric_event *event, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(s);
    MYL_I_NOT_NULL(event);
    if (s->deferred_count == 0)
        return myl_events_next(s, event, timeout_ns);
    *event = *deferred_at(s, 0);
    s->deferred_first = (s->deferred_first + 1) % s->deferred_most;
    s->deferred_count--;
    return MYL_OK;
}

int myl_scheduler_release(myl_scheduler *s, myl_fabric_event *event)
{
    MYL_I_NOT_NULL(s);
    MYL_I_NOT_NULL(event);
    if (event->data == NULL)
        return MYL_OK;
    int rc = myl_frame_consumer_release_message(s->replies, &event->message);
    if (rc == MYL_OK)
        event->data = NULL;
    return rc;
}

/* --- collecting --------------------------------------------------------------------------------------------------- */

struct collection {
    struct myl_scheduler *s;
    uint64_t request;
    uint32_t need;             /* 0: all */
    myl_fabric_event *events;
    uint32_t capacity, count;
    uint32_t replies, failures; /* among the events */
    bool over;                 /* the request has got its last event */
    bool expired;
};

/* Takes an event of the request. */
static void collect(struct collection *c, const myl_fabric_event *event)
{
    c->over = c->over || event->outstanding == 0 || event->kind == MYL_EVENT_EXPIRED;
    c->expired = c->expired || event->kind == MYL_EVENT_EXPIRED;
    if (event->kind == MYL_EVENT_EXPIRED)
        return;
    c->replies += event->kind == MYL_EVENT_REPLY;
    c->failures += event->kind == MYL_EVENT_FAILED;
    c->events[c->count++] = *event;
}

/* Takes the events of the request out of those that were set aside, as far as there is room. */
static void collect_deferred(struct collection *c)
{
    struct myl_scheduler *s = c->s;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->deferred_count; i++) {
        const myl_fabric_event event = *deferred_at(s, i);
        if (event.request == c->request && (c->count < c->capacity || event.kind == MYL_EVENT_EXPIRED))
            collect(c, &event);
        else
            *deferred_at(s, kept++) = event;
    }
    s->deferred_count = kept;
}

/* The result, if there is one yet; else MYL_EAGAIN. */
static int judge(const struct collection *c)
{
    const struct myl_scheduler *s = c->s;
    const struct myl_flight *flight = myl_table_find(&s->table, c->request);
    if (flight == NULL && c->count == 0 && !c->over)
        return myl_fail(MYL_ENOTFOUND, "session \"%s\": request 0x%016" PRIx64 " is not in flight; it is over",
                        s->session.config.label, c->request);
    uint32_t replies = flight != NULL ? flight->replies : c->replies;
    uint32_t asked = flight == NULL ? c->replies + c->failures
                     : flight->one  ? 1U
                                    : (uint32_t)__builtin_popcountll(flight->mask);
    uint32_t need = c->need != 0 ? c->need : asked;
    uint32_t possible = replies;
    if (flight != NULL)
        possible += flight->unplaced ? 1U : (uint32_t)__builtin_popcountll(flight->waiting);
    if (c->expired)
        return myl_fail(MYL_ETIMEDOUT,
                        "session \"%s\": the deadline of request 0x%016" PRIx64 " has passed with %" PRIu32
                        " of %" PRIu32 " replies; give it more time",
                        s->session.config.label, c->request, replies, need);
    if (replies >= need)
        return MYL_OK;
    if (possible < need && (flight == NULL || flight->failed == 0))
        return myl_fail(MYL_ECONSUMERDEAD,
                        "session \"%s\": request 0x%016" PRIx64 " gets at most %" PRIu32 " of %" PRIu32
                        " replies, since workers are gone; ask for fewer",
                        s->session.config.label, c->request, possible, need);
    if (c->count == c->capacity)
        return myl_fail(MYL_EBUFFER,
                        "request 0x%016" PRIx64 " has more than %" PRIu32 " events; take these, and collect "
                        "again",
                        c->request, c->capacity);
    return MYL_EAGAIN;
}

/* Enough have answered: the others' replies are dropped. */
static void finish(const struct collection *c)
{
    struct myl_flight *flight = myl_table_find(&c->s->table, c->request);
    if (flight != NULL)
        myl_roster_forget(c->s, flight);
}

static int64_t time_left(struct myl_timeout *timeout)
{
    if (timeout->ns <= 0 || timeout->ns == MYL_FOREVER)
        return timeout->ns;
    int64_t now = myl_os_now();
    myl_timeout_start(timeout, now);
    int64_t left = myl_deadline_left(timeout->until, now);
    return left > 0 ? left : -1;
}

int myl_scheduler_collect(myl_scheduler *s, uint64_t request, uint32_t need, myl_fabric_event *events,
                          uint32_t capacity, uint32_t *count, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(s);
    MYL_I_NOT_NULL(count);
    MYL_I_NOT_NULL(events);
    struct collection c = {.s = s, .request = request, .need = need, .events = events, .capacity = capacity};
    struct myl_timeout timeout = {.ns = timeout_ns};
    collect_deferred(&c);
    int rc = judge(&c);
    while (rc == MYL_EAGAIN) {
        myl_fabric_event event;
        rc = check_room_to_defer(s);
        if (rc == MYL_OK)
            rc = myl_events_next(s, &event, time_left(&timeout));
        if (rc != MYL_OK)
            break;
        if (event.request == request)
            collect(&c, &event);
        else
            defer(s, &event);
        rc = judge(&c);
    }
    if (rc == MYL_OK)
        finish(&c);
    *count = c.count;
    return rc;
}

/* --- rendezvous --------------------------------------------------------------------------------------------------- */

static int not_all_came(const struct myl_scheduler *s, uint64_t absent, int64_t timeout_ns)
{
    char ranks[128] = "", time[MYL_TIME_TEXT];
    size_t used = 0;
    for (uint64_t left = absent; left != 0 && used + 8 < sizeof ranks; left &= left - 1)
        used += (size_t)snprintf(ranks + used, sizeof ranks - used, "%s%" PRIu32, used == 0 ? "" : ", ",
                                 myl_rank_first(left));
    return myl_fail(MYL_ESTARTUP, "session \"%s\": workers %s of %" PRIu32 " did not come within %s; start them",
                    s->session.config.label, ranks, s->workers, myl_time_text(timeout_ns, time));
}

int myl_scheduler_wait_workers(myl_scheduler *s, uint64_t mask, uint64_t *missing, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(s);
    struct myl_timeout timeout = {.ns = timeout_ns};
    uint64_t wanted = mask == 0 ? s->all : mask, absent;
    int rc = MYL_OK;
    if ((wanted & ~s->all) != 0)
        return myl_fail(MYL_EINVAL, "mask 0x%" PRIx64 " has workers that session \"%s\" does not have; it has %" PRIu32,
                        mask, s->session.config.label, s->workers);
    while ((absent = wanted & ~(s->present | s->returning)) != 0) {
        myl_fabric_event event;
        rc = check_room_to_defer(s);
        if (rc == MYL_OK)
            rc = myl_events_next(s, &event, time_left(&timeout));
        if (rc != MYL_OK)
            break;
        defer(s, &event);
    }
    if (missing != NULL)
        *missing = absent;
    return rc == MYL_ETIMEDOUT || rc == MYL_EAGAIN ? not_all_came(s, absent, timeout_ns) : rc;
}
