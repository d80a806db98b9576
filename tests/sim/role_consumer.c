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

static void read_run(struct role *role, const myl_run *run)
{
    for (uint64_t i = 0; i < run->count; i++)
        read_event(role, run->sequence + i, (const unsigned char *)run->event + i * run->stride);
}

/* --- one session ------------------------------------------------------------------------------------------------- */

enum reading role_no_event(struct role *role, int rc, uint64_t next, uint64_t since, unsigned takeovers)
{
    const struct session *s = role->session;
    switch (rc) {
    case MYL_EAGAIN:
        myl_os_yield();
        return READ_ON;
    case MYL_ETIMEDOUT:
        if (role->on_death == MYL_DEATH_WAIT && role_all_is_over(role) && !s->closed)
            return READ_ALL_OVER;
        return READ_ON;
    case MYL_ECLOSED:
        oracle_ended(s, sim_self_name(), next);
        return READ_ALL_OVER;
    case MYL_EPRODUCERDEAD:
    case MYL_EUNSEATED:
        sim_note("%s", myl_error_detail());
        oracle_unseated(s, sim_self_name(), rc, next, since, takeovers);
        return role_all_is_over(role) ? READ_ALL_OVER : READ_ON;
    case MYL_ESUPERSEDED:
        SIM_CHECK(s->superseding || role->kind == ROLE_OBSERVER || role->world->wait_consumers > 0 ||
                      role->world->faulty,
                  "answer", "%s is told that its session was ended by force, which nobody did", sim_self_name());
        return READ_SESSION_OVER;
    default:
        role_unexpected("next", rc);
    }
}

/* Releases what is leased. What was leased must still be there. */
static void release(struct role *role, myl_consumer *consumer, const myl_run *last)
{
    uint64_t next = consumer->hot.next;
    if (last->count > 0 && sim_draw(4) == 0)
        read_run(role, last);
    oracle_releases(role->session, role->reader, next);
    sim_note("releases up to %llu", (unsigned long long)next);
    int rc = myl_consumer_release(consumer);
    if (rc != MYL_OK)
        role_unexpected("release", rc);
    oracle_released(role->reader, next);
}

static int lease(struct role *role, myl_consumer *consumer, myl_run *run)
{
    /* Who sits on leases may not wait for ever: the producer may wait for them. */
    int idle = consumer->hot.next == consumer->hot.acknowledged;
    int64_t timeout = role_timeout(idle && role->on_death == MYL_DEATH_REPORT);
    const void *event = NULL;
    int rc;
    role_waits(role, consumer->hot.next);
    if (sim_draw(2) == 0) {
        *run = (myl_run){.sequence = consumer->hot.next, .count = 1};
        rc = myl_consumer_next(consumer, &event, timeout);
        run->event = (void *)(uintptr_t)event;
    } else {
        rc = myl_consumer_next_run(consumer, 1 + sim_draw(role->world->batch), run, timeout);
    }
    role_goes_on(role);
    if (rc != MYL_OK)
        run->count = 0;
    return rc;
}

/* Reads until the quota is reached (0: until the end). */
static enum reading read_on(struct role *role, myl_consumer *consumer, uint64_t quota)
{
    uint64_t begin = consumer->hot.next;
    for (;;) {
        myl_run run = {0};
        uint64_t since = sim_points(), next = consumer->hot.next;
        unsigned takeovers = role->session->takeovers;
        int rc = lease(role, consumer, &run);
        if (rc == MYL_ELEASED) {
            release(role, consumer, &run);
            continue;
        }
        if (rc != MYL_OK) {
            enum reading how = role_no_event(role, rc, next, since, takeovers);
            if (how != READ_ON)
                return how;
            if (consumer->hot.next != consumer->hot.acknowledged && sim_draw(2) == 0)
                release(role, consumer, &run);
            continue;
        }
        SIM_CHECK(run.sequence == next, "order", "%s gets event %llu at %llu", sim_self_name(),
                  (unsigned long long)run.sequence, (unsigned long long)next);
        read_run(role, &run);
        if (sim_draw(20) == 0)
            myl_consumer_rewind(consumer);
        else if (sim_draw(3) != 0)
            release(role, consumer, &run);
        if (quota != 0 && consumer->hot.next - begin >= quota)
            return READ_SESSION_OVER;
    }
}

static void choose_id(struct role *role, myl_consumer_options *o)
{
    role->id[0] = '\0';
    role->prefix = NULL;
    if (role->naming == NAME_PREFIX)
        o->prefix = role->prefix = "w";
    else if (role->naming == NAME_AUTO)
        role->prefix = "c";
    else if (role->naming == NAME_IDS)
        (void)snprintf(role->id, sizeof role->id, "%s.%u", role->name, role->left % 3);
    else
        (void)snprintf(role->id, sizeof role->id, "%s", role->name);
    if (role->id[0] != '\0')
        o->id = role->id;
}

void role_consumer_options(struct role *role, myl_consumer_options *o)
{
    *o = (myl_consumer_options){
        .size = sizeof *o,
        .start = role->start,
        .event_size = role->world->frames ? 0 : role->world->words * (uint32_t)sizeof(uint64_t),
        .attach_timeout_ns = (int64_t)sim_draw(3) * MYL_MSEC(3),
        .wait = {.strategy = role->strategy, .spin_ns = role->spin_ns},
        .on_death = role->on_death,
        .liveness_ns = role->liveness_ns,
        .role = role->kind == ROLE_CONSUMER && role->duty.size != 0 ? &role->duty : NULL,
    };
    if (role->kind == ROLE_CONSUMER)
        choose_id(role, o);
}

/* The ring may go only when nobody who could come back has something left to read. */
static void check_missing(const struct role *role)
{
    const struct session *s = role->session;
    const struct reader *r = role->reader;
    if (s == NULL || r == NULL || s->superseding || s->removing || r->state != READER_DEAD || r->given_up)
        return;
    /* Whose seat was still held when the next session began was to drain what it had mapped (docs/hazards.md). */
    if (s->gave_way_at != 0 && s->gave_way_at <= sim_seat_was_held(s->inode, r->entry))
        return;
    SIM_CHECK(!s->closing || r->high >= s->closed_at, "lost",
              "the ring is gone, though \"%s\" has read only %llu of %llu events", r->id, (unsigned long long)r->high,
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
        SIM_CHECK(oracle.deaths > 0, "answer", "%s, though nobody else has this id", myl_error_detail());
        return 1;
    case MYL_ETABLEFULL:
        SIM_CHECK(oracle.deaths > 0 || role->world->max_consumers < role->world->roles, "answer", "%s",
                  myl_error_detail());
        return !role_all_is_over(role);
    case MYL_ESUPERSEDED: /* who ended the session may have died before the name was gone; the next producer goes on */
        return !role_all_is_over(role);
    case MYL_EBUSY:
        return 1;
    default:
        if (myl_errclass(rc) != MYL_CLASS_RESOURCE)
            role_unexpected("open", rc);
        return 1;
    }
}

/* From an open to a close. 1: open again. */
static int take_part(struct role *role)
{
    myl_consumer_options o;
    myl_consumer *consumer;
    role_consumer_options(role, &o);
    uint64_t since = sim_points();
    role->opens++;
    uint64_t published[ORACLE_SESSIONS];
    for (unsigned i = 0; i < ORACLE_SESSIONS; i++)
        published[i] = oracle.session[i].committed;
    role->claim = oracle_claims(o.id, role->prefix, o.start, 0);
    role->claims = 1;
    role->phase = PHASE_OPENING;
    int rc = myl_consumer_open(&consumer, WORLD_NAME, &o);
    role->phase = PHASE_AWAY;
    role_claim_over(role);
    if (rc == MYL_ESUPERSEDED)
        oracle_refused(since);
    if (rc != MYL_OK)
        return role_consumer_refused(role, rc);
    myl_info info = {.size = sizeof info};
    if (myl_consumer_info(consumer, &info) != MYL_OK)
        role_unexpected("info", MYL_EINVAL);
    struct session *s = role->session = oracle_session(&info, role->world->words, role->world->alone, since);
    role->reader = oracle_joined(s, &consumer->joined, o.start, published[s - oracle.session],
                                 consumer->handle.segment.control->gate.v);
    role->phase = PHASE_IN;
    SIM_CHECK(sim_is_named(s->inode) || consumer->handle.segment.control->superseded.v != 0, "names",
              "consumer \"%s\" has joined a ring that has lost its name", role->reader->id);
    sim_note("\"%s\" starts at %llu%s, %llu lost", role->reader->id, (unsigned long long)consumer->joined.start,
             consumer->joined.resumed ? " again" : "", (unsigned long long)consumer->joined.lost);
    /* Away or dead, or between two producers: the gate has not passed it. */
    SIM_CHECK(role->index >= role->world->required || consumer->joined.lost == 0, "required",
              "%llu events are lost to \"%s\", which is required", (unsigned long long)consumer->joined.lost,
              role->reader->id);
    uint64_t quota = role->rejoins > 0 || !role->stays ? 1 + sim_draw(role->quota) : 0;
    enum reading how = read_on(role, consumer, quota);
    role->phase = PHASE_ENDING;
    sim_note("\"%s\" leaves", role->reader->id);
    oracle_leaves(role->reader);
    myl_consumer_close(consumer);
    oracle_left(role->reader);
    role->left++;
    role->phase = PHASE_AWAY;
    int again = how == READ_SESSION_OVER && (role->rejoins > 0 || role->stays);
    role->rejoins -= role->rejoins > 0;
    return again;
}

void role_consume(struct role *role)
{
    while (role->world->frames ? role_take_frames(role) : take_part(role))
        role_pause();
}

/* --- observers -----------------------------------------------------------------------------------------------------
 * */

static enum reading observe(struct role *role, myl_observer *observer)
{
    for (;;) {
        uint64_t words[WORDS_MAX] = {0};
        uint64_t lost = 0, next = (uint64_t)(myl_observer_position(observer) + 1);
        uint64_t since = sim_points();
        unsigned takeovers = role->session->takeovers;
        role_waits(role, next);
        int rc =
            myl_observer_get(observer, words, sizeof words, &lost, role_timeout(role->on_death == MYL_DEATH_REPORT));
        role_goes_on(role);
        if (rc == MYL_OK) {
            oracle_read(role->session, sim_self_name(), next + lost, words);
            oracle_overtaken(role->session, sim_self_name(), next, lost);
            continue;
        }
        if (rc == MYL_EPRODUCERDEAD || rc == MYL_EUNSEATED)
            next = UINT64_MAX; /* it may have been overtaken since */
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
            enum reading how = observe(role, observer);
            myl_observer_close(observer);
            if (how == READ_ALL_OVER)
                return;
        } else if (!role_consumer_refused(role, rc)) {
            return;
        }
        role_pause();
    }
}
