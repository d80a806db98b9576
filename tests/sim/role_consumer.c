/* SPDX-License-Identifier: MIT
 * A consumer's and an observer's program. */
#include "world.h"

#include "os/os.h"
#include "ring/consumer.h"

#include <stdio.h>
#include <string.h>

/* Reads an event's words, in some order. */
static void read_event(struct role *role, uint64_t sequence, const void *event)
{
    uint64_t words[WORDS_MAX];
    unsigned count = role->session->words;
    unsigned first = sim_draw(count);
    for (unsigned i = 0; i < count; i++) {
        unsigned at = (first + i) % count;
        words[at] = sim_data_load((const unsigned char *)event + at * sizeof(uint64_t));
    }
    oracle_read(role->session, sim_self_name(), sequence, words);
}

static void read_span(struct role *role, const myl_span *span)
{
    for (uint64_t i = 0; i < span->count; i++)
        read_event(role, span->sequence + i, (const unsigned char *)span->event + i * span->stride);
}

/* --- one session ------------------------------------------------------------------------------------------------- */

enum reading role_no_event(struct role *role, int rc, uint64_t next, uint64_t since, unsigned takeovers)
{
    const struct session *s = role->session;
    switch (rc) {
    case MYL_EAGAIN:
        myl_os_yield();
        return READ_ON;
    case MYL_EINTERRUPTED:
        return READ_ON;
    case MYL_ETIMEDOUT:
        if (role->on_death == MYL_DEATH_WAIT && role_all_is_over(role) && !s->closed)
            return READ_ALL_OVER;
        return READ_ON;
    case MYL_ECLOSED:
        oracle_ended(s, sim_self_name(), next);
        return READ_ALL_OVER;
    case MYL_EPRODUCERDEAD:
    case MYL_EPRODUCERLEFT:
        sim_note("%s", myl_error_detail());
        oracle_producer_left(s, sim_self_name(), rc, next, since, takeovers);
        return role_all_is_over(role) ? READ_ALL_OVER : READ_ON;
    case MYL_ESUPERSEDED:
        SIM_CHECK(s->superseding || role->kind == ROLE_OBSERVER || role->world->wait_consumers > 0 ||
                      role->world->faulty,
                  "answer", "%s gets MYL_ESUPERSEDED, but its session was not superseded", sim_self_name());
        return READ_SESSION_OVER;
    default:
        role_unexpected("next", rc);
    }
}

/* Releases the leases, or the first part of them, after a check that the leased events are unchanged. */
static void release(struct role *role, myl_consumer *consumer, const myl_span *last)
{
    uint64_t next = consumer->hot.next, leased = next - consumer->hot.acknowledged;
    int part = leased > 0 && sim_draw(3) == 0;
    if (part)
        next -= sim_draw((unsigned)leased);
    if (last->count > 0 && sim_draw(4) == 0)
        read_span(role, last);
    oracle_releases(role->session, role->reader, next);
    sim_note("releases up to %llu", (unsigned long long)next);
    int rc = part ? myl_consumer_release_to(consumer, (myl_sequence)next - 1) : myl_consumer_release(consumer);
    if (rc != MYL_OK)
        role_unexpected("release", rc);
    SIM_CHECK((uint64_t)(myl_consumer_last_acknowledged(consumer) + 1) == next, "release",
              "%s has released up to %llu, and %llu are acknowledged", sim_self_name(), (unsigned long long)next,
              (unsigned long long)(myl_consumer_last_acknowledged(consumer) + 1));
    oracle_released(role->reader, next);
}

/* Waits until the consumer is ready. A call that does not wait must then have a result. */
static int wait_by_set(const struct role *role, const myl_consumer *consumer, int64_t timeout)
{
    myl_ready ready;
    uint32_t count;
    int rc = myl_waitset_wait(role->set, &ready, 1, &count, timeout);
    SIM_CHECK(count == (rc == MYL_OK) && (count == 0 || ready.handle == consumer), "readiness",
              "%s waits with result %d, and %u handles are ready", sim_self_name(), rc, count);
    return rc;
}

static int lease_now(struct role *role, myl_consumer *consumer, myl_span *span, int64_t timeout)
{
    const void *event = NULL;
    if (sim_draw(2) != 0)
        return myl_consumer_next_span(consumer, 1 + sim_draw(role->world->batch), span, timeout);
    *span = (myl_span){.sequence = consumer->hot.next, .count = 1};
    int rc = myl_consumer_next(consumer, &event, timeout);
    span->event = (void *)(uintptr_t)event;
    return rc;
}

static int lease(struct role *role, myl_consumer *consumer, myl_span *span)
{
    int64_t timeout = role_timeout(role->on_death == MYL_DEATH_REPORT); /* also with leases that the producer needs */
    role_waits(role, consumer->hot.next);
    role->endless = timeout == MYL_FOREVER;
    int rc = role->set != NULL ? wait_by_set(role, consumer, timeout) : MYL_OK;
    if (rc == MYL_OK) {
        unsigned takeovers = role->session->takeovers;
        int leases = consumer->hot.next != consumer->hot.acknowledged;
        int about_liveness = consumer->checks_liveness;
        rc = lease_now(role, consumer, span, role->set != NULL ? MYL_TRY : timeout);
        /* What a liveness check found may be over: a successor comes, or a producer gives up its wait for leases. */
        int over = about_liveness &&
                   (leases || oracle.wanting > 0 || oracle.deaths > 0 || role->session->takeovers != takeovers);
        SIM_CHECK(role->set == NULL || rc != MYL_EAGAIN || over, "readiness", "%s was ready at %llu, and gets nothing",
                  sim_self_name(), (unsigned long long)consumer->hot.next);
    }
    role_goes_on(role, rc);
    if (rc != MYL_OK)
        span->count = 0;
    return rc;
}

struct polling {
    struct role *role;
    unsigned stop_after; /* the handler ends the poll after so many events */
};

static enum myl_action poll_one(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    struct polling *polling = user;
    struct role *role = polling->role;
    enum myl_action action = sim_draw(4) == 0 ? MYL_ACTION_COMMIT : MYL_ACTION_CONTINUE;
    (void)end_of_batch;
    read_event(role, (uint64_t)sequence, event);
    if (polling->stop_after-- == 0)
        action = sim_draw(2) == 0 ? MYL_ACTION_BREAK : MYL_ACTION_ABORT;
    if (action != MYL_ACTION_ABORT)
        oracle_releases(role->session, role->reader, (uint64_t)sequence + 1);
    return action;
}

/* In place of leases and a release. Nothing is leased. */
static int poll_some(struct role *role, myl_consumer *consumer)
{
    int64_t timeout = role_timeout(role->on_death == MYL_DEATH_REPORT);
    struct polling polling = {.role = role, .stop_after = sim_draw(6)};
    uint64_t handled, before = consumer->hot.next;
    role_waits(role, before);
    role->endless = timeout == MYL_FOREVER;
    int rc = myl_consumer_poll(consumer, sim_draw(4), poll_one, &polling, &handled, timeout);
    role_goes_on(role, rc);
    sim_note("polls %llu events", (unsigned long long)handled);
    SIM_CHECK(consumer->hot.next == before + handled && consumer->hot.acknowledged == before + handled, "release",
              "%s polls %llu events from %llu on, and has acknowledged %llu", sim_self_name(),
              (unsigned long long)handled, (unsigned long long)before, (unsigned long long)consumer->hot.acknowledged);
    oracle_released(role->reader, consumer->hot.acknowledged);
    return rc;
}

static void set_activity(void *handle, const char *doing, int64_t patience_ns)
{
    myl_consumer_set_activity(handle, doing, patience_ns);
}

static void interrupt(void *handle)
{
    myl_consumer_interrupt(handle);
}

/* Queries the producer's state and activity notice. */
static void query_peer(const struct role *role, myl_consumer *consumer)
{
    myl_peer peer = {.size = sizeof peer};
    int64_t began = sim_now();
    if (role->notices && sim_draw(4) == 0 && myl_consumer_peer(consumer, &peer) == MYL_OK)
        notice_seen("the producer", peer.activity, peer.activity_left_ns, began);
}

/* Reads until the quota is reached (0: until the end). */
static enum reading read_events(struct role *role, myl_consumer *consumer, uint64_t quota)
{
    uint64_t begin = consumer->hot.next;
    for (;;) {
        myl_span span = {0};
        uint64_t since = sim_points(), next = consumer->hot.next;
        unsigned takeovers = role->session->takeovers;
        role_set_activity(role, set_activity, consumer);
        query_peer(role, consumer);
        int polls = next == consumer->hot.acknowledged && sim_draw(6) == 0;
        int rc = polls ? poll_some(role, consumer) : lease(role, consumer, &span);
        if (polls) /* a result is about what comes after the events handled */
            span.sequence = next = consumer->hot.next;
        if (rc == MYL_ELEASED) {
            release(role, consumer, &span);
            continue;
        }
        if (rc != MYL_OK) {
            enum reading how = role_no_event(role, rc, next, since, takeovers);
            if (how != READ_ON)
                return how;
            if (consumer->hot.next != consumer->hot.acknowledged && sim_draw(2) == 0)
                release(role, consumer, &span);
            continue;
        }
        SIM_CHECK(span.sequence == next, "order", "%s gets event %llu at %llu", sim_self_name(),
                  (unsigned long long)span.sequence, (unsigned long long)next);
        read_span(role, &span);
        if (sim_draw(20) == 0)
            myl_consumer_rewind(consumer);
        else if (sim_draw(3) != 0)
            release(role, consumer, &span);
        if (quota != 0 && consumer->hot.next - begin >= quota)
            return READ_SESSION_OVER;
    }
}

static void choose_id(struct role *role, myl_consumer_options *o)
{
    role->id[0] = '\0';
    role->prefix = NULL;
    if (role->naming == NAME_PREFIX)
        o->ring.prefix = role->prefix = "w";
    else if (role->naming == NAME_AUTO)
        return;
    else if (role->naming == NAME_IDS)
        (void)snprintf(role->id, sizeof role->id, "%s.%u", role->name, role->left % 3);
    else
        (void)snprintf(role->id, sizeof role->id, "%s", role->name);
    if (role->id[0] != '\0')
        o->ring.id = role->id;
}

void role_consumer_options(struct role *role, myl_consumer_options *o)
{
    *o = (myl_consumer_options){
        .size = sizeof *o,
        .ring = {.start = role->start,
                 .attach_timeout_ns = (int64_t)sim_draw(3) * MYL_MSEC(3),
                 .wait = {.strategy = role->strategy, .spin_ns = role->spin_ns},
                 .on_death = role->on_death,
                 .liveness_ns = role->liveness_ns,
                 .role = role->kind == ROLE_CONSUMER && role->duty.size != 0 ? &role->duty : NULL},
        .event_size = role->world->frames ? 0 : role->world->words * (uint32_t)sizeof(uint64_t),
    };
    if (role->kind == ROLE_CONSUMER)
        choose_id(role, o);
}

/* The ring may be removed only if no consumer that could resume has unread events. */
static void check_missing(const struct role *role)
{
    const struct session *s = role->session;
    const struct reader *r = role->reader;
    if (s == NULL || r == NULL || s->superseding || s->removing || r->state != READER_DEAD || r->given_up)
        return;
    /* An automatic id is not resumed: its unread events are kept until another consumer has read all. */
    if (oracle_is_automatic(r->id) && (s->highest >= s->closed_at || oracle.joins_died > 0))
        return;
    /* A consumer whose lock was still held when the next session began reads the rest from its mapping
     * (docs/hazards.md). */
    if (s->gave_way_at != 0 && s->gave_way_at <= sim_lock_was_held(s->inode, r->entry))
        return;
    SIM_CHECK(!s->closing || r->high >= s->closed_at, "lost",
              "the ring is removed, but \"%s\" has read only %llu of %llu events", r->id, (unsigned long long)r->high,
              (unsigned long long)s->closed_at);
}

int role_consumer_refused(const struct role *role, int rc)
{
    sim_note("open: %s: %s", myl_errname(rc), myl_error_detail());
    switch (rc) {
    case MYL_ENOTFOUND:
        check_missing(role);
        return !role_all_is_over(role);
    case MYL_EDUPLICATE:
        SIM_CHECK(oracle.deaths > 0, "answer", "%s, but no other consumer has this id", myl_error_detail());
        return 1;
    case MYL_ETABLEFULL:
        SIM_CHECK(oracle.deaths > 0 || role->world->max_consumers < role->world->roles, "answer", "%s",
                  myl_error_detail());
        return !role_all_is_over(role);
    /* the process that superseded the session may have died before the name was removed; the next producer continues */
    case MYL_ESUPERSEDED:
        return !role_all_is_over(role);
    case MYL_EBUSY:
        return 1;
    default:
        if (myl_errclass(rc) != MYL_CLASS_RESOURCE)
            role_unexpected("open", rc);
        return 1;
    }
}

/* The first join of a consumer whose id was reserved. `closed`: the stream had ended before the call. */
static void check_first_join(const struct role *role, int rc, int closed, const myl_consumer *consumer)
{
    if (role->index >= role->world->reserved || role->reader != NULL)
        return;
    SIM_CHECK(rc != MYL_ENOTFOUND || !closed, "lost", "the ring is removed, but \"%s\" is reserved and has not come",
              role->name);
    SIM_CHECK(rc != MYL_OK || (consumer->joined.start == 0 && consumer->joined.lost == 0), "start",
              "\"%s\" is reserved and starts at %llu", role->name, (unsigned long long)consumer->joined.start);
}

static void open_set(struct role *role, myl_consumer *consumer)
{
    const myl_waitset_options o = {.size = sizeof o, .wait = {.strategy = role->strategy, .spin_ns = role->spin_ns}};
    role->set = NULL;
    if (!role->by_set)
        return;
    int rc = myl_waitset_open(&role->set, &o);
    if (rc == MYL_OK)
        rc = myl_waitset_add_consumer(role->set, consumer, NULL);
    if (rc != MYL_OK)
        role_unexpected("a wait set's open", rc);
}

/* From an open to a close. Returns 1 to open again. */
static int run_session(struct role *role)
{
    myl_consumer_options o;
    myl_consumer *consumer;
    role_consumer_options(role, &o);
    uint64_t since = sim_points();
    role->opens++;
    uint64_t published[ORACLE_SESSIONS];
    for (unsigned i = 0; i < ORACLE_SESSIONS; i++)
        published[i] = oracle.session[i].committed;
    role->claim = oracle_claims(o.ring.id, role->prefix, o.ring.start, 0);
    role->claims = 1;
    role->phase = PHASE_OPENING;
    int closed = oracle.sessions > 0 && oracle.session[0].closed && oracle.session[0].closed_at > 0;
    int rc = myl_consumer_open(&consumer, WORLD_NAME, &o);
    role->phase = PHASE_ABSENT;
    role_claim_over(role);
    check_first_join(role, rc, closed, consumer);
    if (rc == MYL_ESUPERSEDED)
        oracle_refused(since);
    if (rc != MYL_OK)
        return role_consumer_refused(role, rc);
    myl_info info = {.size = sizeof info};
    if (myl_consumer_info(consumer, &info) != MYL_OK)
        role_unexpected("info", MYL_EINVAL);
    struct session *s = role->session = oracle_session(&info, role->world->words, role->world->alone, since);
    role->reader = oracle_joined(s, &consumer->joined, o.ring.start, published[s - oracle.session],
                                 consumer->handle.segment.control->gate.v);
    role->phase = PHASE_IN;
    SIM_CHECK(sim_is_named(s->inode) || consumer->handle.segment.control->superseded.v != 0, "names",
              "consumer \"%s\" has joined a ring without a name", role->reader->id);
    sim_note("\"%s\" starts at %llu%s, %llu lost", role->reader->id, (unsigned long long)consumer->joined.start,
             consumer->joined.resumed ? " again" : "", (unsigned long long)consumer->joined.lost);
    /* Absent or dead, or between two producers: the gate has not passed a required consumer. */
    SIM_CHECK(role->index >= role->world->required || consumer->joined.lost == 0, "required",
              "%llu events are lost for \"%s\", which is required", (unsigned long long)consumer->joined.lost,
              role->reader->id);
    uint64_t quota = role->rejoins > 0 || !role->stays ? 1 + sim_draw(role->quota) : 0;
    role_allow_interruptions(role, interrupt, consumer);
    open_set(role, consumer);
    enum reading how = read_events(role, consumer, quota);
    myl_waitset_close(role->set);
    role->set = NULL;
    role_forbid_interruptions(role);
    role->phase = PHASE_ENDING;
    sim_note("\"%s\" leaves", role->reader->id);
    oracle_leaves(role->reader);
    role->activity = (struct activity){0};
    myl_consumer_close(consumer);
    oracle_left(role->reader);
    role->left++;
    role->phase = PHASE_ABSENT;
    int again = how == READ_SESSION_OVER && (role->rejoins > 0 || role->stays);
    role->rejoins -= role->rejoins > 0;
    return again;
}

void role_consume(struct role *role)
{
    while (role->world->frames ? role_take_frames(role) : run_session(role))
        role_pause();
}

/* --- observers -----------------------------------------------------------------------------------------------------
 * */

static enum reading observe(struct role *role, myl_observer *observer)
{
    for (;;) {
        uint64_t words[WORDS_MAX] = {0};
        uint64_t lost = 0, next = (uint64_t)(myl_observer_last_read(observer) + 1);
        uint64_t since = sim_points();
        unsigned takeovers = role->session->takeovers;
        role_waits(role, next);
        int rc =
            myl_observer_get(observer, words, sizeof words, &lost, role_timeout(role->on_death == MYL_DEATH_REPORT));
        role_goes_on(role, rc);
        if (rc == MYL_OK) {
            oracle_read(role->session, sim_self_name(), next + lost, words);
            oracle_overrun(role->session, sim_self_name(), next, lost);
            continue;
        }
        if (rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT)
            next = UINT64_MAX; /* it may have been overrun since */
        if (rc == MYL_ECLOSED) {
            oracle_ended_for_observer(role->session, sim_self_name(), next);
            return READ_ALL_OVER;
        }
        enum reading how = role_no_event(role, rc, next, since, takeovers);
        if (how != READ_ON)
            return how;
        SIM_CHECK(lost == 0, "observer", "%s lost %llu events in a call that got none", sim_self_name(),
                  (unsigned long long)lost);
    }
}

static void interrupt_observer(void *handle)
{
    myl_observer_interrupt(handle);
}

void role_observe(struct role *role)
{
    myl_consumer_options o;
    myl_observer *observer;
    while (role->world->frames && role_observe_frames(role))
        role_pause();
    while (!role->world->frames) {
        uint64_t since = sim_points();
        role_consumer_options(role, &o);
        int rc = myl_observer_open(&observer, WORLD_NAME, &o);
        if (rc == MYL_OK) {
            myl_info info = {.size = sizeof info};
            if (myl_observer_info(observer, &info) != MYL_OK)
                role_unexpected("info", MYL_EINVAL);
            role->session = oracle_session(&info, role->world->words, role->world->alone, since);
            role_allow_interruptions(role, interrupt_observer, observer);
            enum reading how = observe(role, observer);
            role_forbid_interruptions(role);
            myl_observer_close(observer);
            if (how == READ_ALL_OVER)
                return;
        } else if (!role_consumer_refused(role, rc)) {
            return;
        }
        role_pause();
    }
}
