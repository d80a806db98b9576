/* SPDX-License-Identifier: MIT
 * Consumers and observers of frames. */
#include "world.h"

#include "frame/consumer.h"
#include "os/os.h"
#include "ring/observer.h"

#include <stdio.h>
#include <string.h>

#define LEASES 4U

/* A consumer's handle, and what it holds. */
struct desk {
    struct role *role;
    myl_frame_consumer *consumer;
    struct frame_view view[WORLD_LANES];
    unsigned lanes; /* a ring without has one */
    struct {
        myl_message message;
        uint64_t end;
    } lease[LEASES];
    unsigned leases;
    int stop_after; /* a drain: the handler stops after so many messages */
};

/* What lies there, through the simulated memory. */
static const unsigned char *look_at(const struct role *role, const myl_message *message)
{
    unsigned char *bytes = role_bytes(role);
    uintptr_t at = (uintptr_t)message->data;
    int near = message->fragments == 1 && message->length <= 64 - role->world->shape.header;
    SIM_CHECK(message->data != NULL && at % (near ? 16 : 64) == 0 && message->length <= FRAMES_BYTES, "answer",
              "%s gets %llu bytes at address %#llx", sim_self_name(), (unsigned long long)message->length,
              (unsigned long long)at);
    if (message->length > 0)
        (void)sim_copy(bytes, message->data, (size_t)message->length);
    return bytes;
}

/* --- consumers --------------------------------------------------------------------------------------------------- */

static uint64_t next_of(const struct desk *desk, unsigned lane)
{
    return desk->role->party[lane].ring->hot.next;
}

static int is_idle(const struct party *party)
{
    return party->ring->hot.next == party->ring->hot.acknowledged;
}

static int is_idle_everywhere(const struct desk *desk)
{
    int idle = 1;
    for (unsigned i = 0; i < desk->lanes; i++)
        idle &= is_idle(&desk->role->party[i]);
    return idle;
}

/* What the call that follows may acknowledge, and what it has. */
static void calls(struct desk *desk, enum acking acking)
{
    for (unsigned i = 0; i < desk->lanes; i++) {
        const struct party *party = &desk->role->party[i];
        party->reader->acking = is_idle(party) ? acking : ACKS_NOTHING;
    }
    role_waits(desk->role, 0);
}

static void has_called(const struct desk *desk)
{
    role_goes_on(desk->role);
    for (unsigned i = 0; i < desk->lanes; i++) {
        const struct party *party = &desk->role->party[i];
        uint64_t acknowledged = party->ring->hot.acknowledged;
        oracle_releases(party->session, party->reader, acknowledged);
        oracle_released(party->reader, acknowledged);
        party->reader->acking = ACKS_NOTHING;
    }
}

/* Which lane a message is from. */
static unsigned lane_of(const struct desk *desk, const myl_message *message)
{
    SIM_CHECK(message->lane < desk->lanes, "answer", "%s gets a message of lane %u of %u", sim_self_name(),
              message->lane, desk->lanes);
    return message->lane;
}

/* What was leased must still be there. */
static void look_again(struct desk *desk)
{
    for (unsigned i = 0; i < desk->leases; i++) {
        const myl_message *message = &desk->lease[i].message;
        if (message->fragments == 1)
            frames_look(&desk->view[message->lane], message, look_at(desk->role, message), desk->lease[i].end);
    }
}

static void release(struct desk *desk)
{
    const struct party *party = desk->role->party;
    if (sim_draw(4) == 0)
        look_again(desk);
    desk->leases = 0;
    for (unsigned i = 0; i < desk->lanes; i++) {
        oracle_releases(party[i].session, party[i].reader, next_of(desk, i));
        sim_note("releases up to %llu", (unsigned long long)next_of(desk, i));
    }
    int rc = myl_frame_consumer_release(desk->consumer);
    if (rc != MYL_OK)
        role_unexpected("release", rc);
    for (unsigned i = 0; i < desk->lanes; i++)
        oracle_released(party[i].reader, next_of(desk, i));
}

/* The lane that the sentence at hand is about, and the message, where the call gives one. */
static int about_lane(const struct desk *desk, int rc, const myl_message *message)
{
    unsigned lane = 0;
    if (desk->lanes == 1 || (rc != MYL_EABORTED && rc != MYL_ETOOBIG && rc != MYL_EPRODUCERDEAD && rc != MYL_EUNSEATED))
        return rc;
    int named = sscanf(myl_error_detail(), "lane %u", &lane) == 1 && lane < desk->lanes;
    SIM_CHECK(named && (message == NULL || message->lane == lane), "answer", "%s, with lane %u in the message",
              myl_error_detail(), message == NULL ? 0 : message->lane);
    return rc;
}

static int take_next(struct desk *desk, int64_t timeout)
{
    myl_message message;
    calls(desk, ACKS_PASSED);
    int rc = myl_frame_consumer_next(desk->consumer, &message, timeout);
    has_called(desk);
    if (rc != MYL_OK)
        return about_lane(desk, rc, &message);
    unsigned lane = lane_of(desk, &message);
    uint64_t end = next_of(desk, lane);
    frames_read(&desk->view[lane], &message, look_at(desk->role, &message), end, 0);
    if (desk->leases < LEASES) {
        desk->lease[desk->leases].message = message;
        desk->lease[desk->leases++].end = end;
    }
    if (sim_draw(20) == 0) {
        sim_note("rewinds");
        myl_frame_consumer_rewind(desk->consumer);
        for (unsigned i = 0; i < desk->lanes; i++)
            frames_rewound(&desk->view[i], desk->role->party[i].ring->hot.acknowledged);
        desk->leases = 0;
    } else if (sim_draw(3) != 0) {
        release(desk);
    }
    return MYL_OK;
}

static int take_copy(struct desk *desk, int64_t timeout)
{
    static _Alignas(64) unsigned char copies[WORLD_ROLES][FRAMES_BYTES];
    unsigned char *copy = copies[desk->role - desk->role->world->role];
    myl_message message;
    size_t bytes = sim_draw(3) == 0 ? sim_draw((unsigned)desk->role->world->shape.max_frame) : FRAMES_BYTES;
    calls(desk, ACKS_ONE);
    int rc = myl_frame_consumer_get(desk->consumer, copy, bytes, &message, timeout);
    has_called(desk);
    if (rc == MYL_EBUFFER) {
        SIM_CHECK(message.length > bytes, "answer", "%s", myl_error_detail());
        frames_next_is(&desk->view[lane_of(desk, &message)], message.length);
        return MYL_OK;
    }
    if (rc != MYL_OK)
        return about_lane(desk, rc, &message);
    unsigned lane = lane_of(desk, &message);
    frames_read(&desk->view[lane], &message, message.data, next_of(desk, lane), 0);
    return rc;
}

static int handle(const myl_message *message, void *user)
{
    struct desk *desk = user;
    int stop = desk->stop_after-- == 0;
    unsigned lane = lane_of(desk, message);
    frames_read(&desk->view[lane], message, look_at(desk->role, message), next_of(desk, lane), stop);
    return stop;
}

static int take_all(struct desk *desk, int64_t timeout)
{
    uint64_t handled = 0;
    desk->stop_after = (int)sim_draw(6) - 1;
    calls(desk, ACKS_ANY);
    int rc = myl_frame_consumer_drain(desk->consumer, sim_draw(4), handle, desk, &handled, timeout);
    has_called(desk);
    sim_note("drains %llu messages", (unsigned long long)handled);
    SIM_CHECK(rc != MYL_EHANDLER || desk->stop_after < 0, "answer", "%s", myl_error_detail());
    return rc == MYL_EHANDLER ? MYL_OK : about_lane(desk, rc, NULL);
}

/* How things stood before a call. */
struct before {
    uint64_t since;
    uint64_t committed[WORLD_LANES];
    unsigned takeovers[WORLD_LANES];
};

static struct before note_before(const struct desk *desk)
{
    struct before before = {.since = sim_points()};
    for (unsigned i = 0; i < desk->lanes; i++) {
        before.committed[i] = desk->role->party[i].session->committed;
        before.takeovers[i] = desk->role->party[i].session->takeovers;
    }
    return before;
}

/* "Nothing there" holds for all lanes. Where loads give old values nobody can say so. */
static void check_nothing_there(const struct desk *desk, int rc, const struct before *before)
{
    for (unsigned i = 0; i < desk->lanes && sim_memory_model() == SIM_MEMORY_SC; i++)
        SIM_CHECK(before->committed[i] <= next_of(desk, i), "lost",
                  "%s is told %s at %llu of lane %u, where there was something up to %llu", sim_self_name(),
                  myl_errname(rc), (unsigned long long)next_of(desk, i), i, (unsigned long long)before->committed[i]);
}

/* The end of all lanes. It is not for good: somebody may come, to this ring or to a new one. */
static enum reading all_ended(const struct desk *desk, const struct before *before)
{
    int ended = 0;
    for (unsigned i = 0; i < desk->lanes; i++) {
        frames_ended(&desk->view[i], next_of(desk, i));
        ended |= oracle_lane_ended(desk->role->party[i].session, sim_self_name(), next_of(desk, i), before->since);
    }
    SIM_CHECK(ended, "end", "%s is told that all lanes are closed, and none ever was", sim_self_name());
    if (role_all_is_over(desk->role))
        return READ_ALL_OVER;
    myl_os_yield(); /* no pause: what a release owes to a sleeping producer may be late until the next call */
    return sim_draw(2) == 0 ? READ_SESSION_OVER : READ_ON;
}

/* The end of one lane's producer is told once, and then again only when no producer lives. */
static void check_told(struct desk *desk, unsigned lane, const struct before *before)
{
    struct party *party = &desk->role->party[lane];
    int again = party->told != 0 && party->told == party->session->takeovers;
    for (unsigned i = 0; i < desk->lanes && again && !oracle.dead_unknown; i++)
        SIM_CHECK(!oracle_lane_lives(desk->role->party[i].session, before->since), "verdict",
                  "%s is told again of the end of lane %u's producer, though that of lane %u lives", sim_self_name(),
                  lane, i);
    party->told = party->session->takeovers;
}

static enum reading nothing_in_lanes(struct desk *desk, unsigned lane, int rc, const struct before *before)
{
    struct role *role = desk->role;
    switch (rc) {
    case MYL_ECLOSED:
        return all_ended(desk, before);
    case MYL_EPRODUCERDEAD:
    case MYL_EUNSEATED:
        check_told(desk, lane, before);
        break;
    case MYL_EAGAIN:
    case MYL_ETIMEDOUT:
        break;
    default:
        role_unexpected("next", rc);
    }
    check_nothing_there(desk, rc, before);
    role->session = role->party[lane].session; /* whom the answer is about */
    enum reading how = role_no_event(role, rc, next_of(desk, lane), before->since, before->takeovers[lane]);
    role->session = role->party[0].session;
    return how;
}

/* What a call that got no message is answered with. */
static enum reading no_message(struct desk *desk, int rc, const struct before *before)
{
    int idle = is_idle_everywhere(desk);
    unsigned lane = 0;
    sim_note("is answered with %s", myl_errname(rc));
    if (desk->lanes > 1)
        (void)sscanf(myl_error_detail(), "lane %u", &lane);
    switch (rc) {
    case MYL_ELEASED:
        SIM_CHECK(!idle, "answer", "%s, though nothing is leased", myl_error_detail());
        release(desk);
        return READ_ON;
    case MYL_EABORTED:
        frames_aborted(&desk->view[lane]);
        return READ_ON;
    case MYL_ETOOBIG:
        frames_too_big(&desk->view[lane]);
        return READ_ON;
    case MYL_ECLOSED:
        if (desk->lanes == 1)
            frames_ended(&desk->view[0], UINT64_MAX);
        break;
    default:
        break;
    }
    enum reading how = desk->lanes > 1
                           ? nothing_in_lanes(desk, lane, rc, before)
                           : role_no_event(desk->role, rc, next_of(desk, 0), before->since, before->takeovers[0]);
    if (how == READ_ON && !idle && sim_draw(2) == 0)
        release(desk);
    return how;
}

/* Reads until the quota of messages is reached (0: until the end). */
static enum reading read_on(struct desk *desk, uint64_t quota)
{
    const struct role *role = desk->role;
    for (uint64_t got = 0;;) {
        struct before before = note_before(desk);
        unsigned how_to = sim_draw(8);
        /* Who sits on leases may not wait for ever: the producer may wait for them. */
        int idle = is_idle_everywhere(desk);
        int64_t timeout = role_timeout(idle && role->on_death == MYL_DEATH_REPORT);
        int rc = !idle || how_to > 1 ? take_next(desk, timeout)
                 : how_to == 0       ? take_copy(desk, timeout)
                                     : take_all(desk, timeout);
        if (rc != MYL_OK) {
            enum reading how = no_message(desk, rc, &before);
            if (how != READ_ON)
                return how;
        }
        got += rc == MYL_OK;
        if (quota != 0 && got >= quota)
            return READ_SESSION_OVER;
    }
}

/* The handle has joined a lane. */
static void join_lane(struct desk *desk, unsigned lane, enum myl_start start, const uint64_t *published, uint64_t since)
{
    struct role *role = desk->role;
    struct party *party = &role->party[lane];
    myl_info info = role_info(&party->ring->handle.segment);
    const myl_joined *joined = &party->ring->joined;
    party->session = oracle_session(&info, 0, role->world->alone, since);
    party->reader = oracle_joined(party->session, joined, start, published[party->session - oracle.session],
                                  party->ring->handle.segment.control->gate.v);
    party->reader->acking = ACKS_NOTHING;
    party->told = 0;
    sim_note("\"%s\" starts at %llu%s", party->reader->id, (unsigned long long)joined->start,
             joined->resumed ? " again" : "");
}

static int open_consumer(struct role *role, struct desk *desk, uint64_t max_message)
{
    myl_frame_consumer_options o = {.size = sizeof o, .max_message = max_message};
    uint64_t published[ORACLE_SESSIONS], since = sim_points();
    role_consumer_options(role, &o.ring);
    role->opens++;
    for (unsigned i = 0; i < ORACLE_SESSIONS; i++)
        published[i] = oracle.session[i].committed;
    role->claim = oracle_claims(o.ring.id, role->prefix, o.ring.start, 0);
    role->claims = 1;
    role->phase = PHASE_OPENING;
    int rc = myl_frame_consumer_open(&desk->consumer, WORLD_NAME, &o);
    role->phase = PHASE_AWAY;
    role_claim_over(role);
    if (rc != MYL_OK)
        return rc;
    desk->lanes = role->world->lanes == 0 ? 1 : role->world->lanes;
    for (unsigned i = 0; i < desk->lanes; i++) {
        role->party[i].ring =
            role->world->lanes == 0 ? myl_frame_consumer_ring(desk->consumer) : &myl_lanes_get(desk->consumer, i)->ring;
        join_lane(desk, i, o.ring.start, published, since);
    }
    role->session = role->party[0].session;
    role->reader = role->party[0].reader;
    role->parties = desk->lanes;
    role->phase = PHASE_IN;
    return MYL_OK;
}

/* Its longest message in fragments: what it asks for, if that is more than one piece. */
static uint64_t room_of(const struct world *world, uint64_t max_message)
{
    uint64_t most = max_message == 0 || max_message > world->shape.max_message ? world->shape.max_message : max_message;
    return most <= world->shape.max_frame ? 0 : most;
}

static uint64_t skipped_in(const struct desk *desk, unsigned lane)
{
    return desk->lanes == 1 ? myl_frame_consumer_skipped(desk->consumer) : myl_lanes_get(desk->consumer, lane)->skipped;
}

int role_take_frames(struct role *role)
{
    struct desk desk = {.role = role};
    uint64_t max_message = sim_draw(6) == 0 ? 1 + sim_draw((unsigned)role->world->shape.max_message) : 0;
    int rc = open_consumer(role, &desk, max_message);
    if (rc != MYL_OK)
        return role_consumer_refused(role, rc);
    for (unsigned i = 0; i < desk.lanes; i++) {
        role->party[i].reader->room = room_of(role->world, max_message);
        frames_joined(&desk.view[i], role->party[i].session, next_of(&desk, i), role->party[i].reader->room);
    }
    uint64_t quota = role->rejoins > 0 || !role->stays ? 1 + sim_draw(role->quota) : 0;
    enum reading how = read_on(&desk, quota);
    for (unsigned i = 0; i < desk.lanes; i++)
        frames_skipped(&desk.view[i], skipped_in(&desk, i), next_of(&desk, i));
    role->phase = PHASE_ENDING;
    role->parties = 0;
    sim_note("\"%s\" leaves", role->reader->id);
    for (unsigned i = 0; i < desk.lanes; i++)
        oracle_leaves(role->party[i].reader);
    myl_frame_consumer_close(desk.consumer);
    for (unsigned i = 0; i < desk.lanes; i++)
        oracle_left(role->party[i].reader);
    role->left++;
    role->phase = PHASE_AWAY;
    int again = how == READ_SESSION_OVER && (role->rejoins > 0 || role->stays);
    role->rejoins -= role->rejoins > 0;
    return again;
}

/* --- observers --------------------------------------------------------------------------------------------------- */

static enum reading observe(struct role *role, myl_frame_observer *observer, struct frame_view *view)
{
    const myl_observer *ring = myl_frame_observer_ring(observer);
    unsigned char *bytes = role_bytes(role);
    for (;;) {
        myl_message message;
        myl_frame_lost lost;
        uint64_t since = sim_points();
        unsigned takeovers = role->session->takeovers;
        size_t room = sim_draw(6) == 0 ? sim_draw((unsigned)role->world->shape.max_frame) : FRAMES_BYTES;
        role_waits(role, ring->next);
        int rc = myl_frame_observer_get(observer, bytes, room, &message, &lost,
                                        role_timeout(role->on_death == MYL_DEATH_REPORT));
        role_goes_on(role);
        if (rc == MYL_OK) {
            frames_observed(view, &message, &lost, bytes, ring->next, ring->handle.segment.control->gate.v);
            continue;
        }
        sim_note("is answered with %s", myl_errname(rc));
        SIM_CHECK(lost.bytes == 0 && lost.messages == 0, "observer", "%s lost something in a call that got nothing",
                  sim_self_name());
        if (rc == MYL_EBUFFER) {
            SIM_CHECK(message.length > room, "answer", "%s", myl_error_detail());
            continue;
        }
        if (rc == MYL_EABORTED || rc == MYL_ETOOBIG) {
            frames_observer_told(view, rc, ring->next);
            continue;
        }
        uint64_t next = ring->next;
        if (rc == MYL_EPRODUCERDEAD || rc == MYL_EUNSEATED)
            next = UINT64_MAX; /* it may have been overtaken since */
        if (rc == MYL_ECLOSED) {
            oracle_ended_for_observer(role->session, sim_self_name(), next);
            return READ_ALL_OVER;
        }
        enum reading how = role_no_event(role, rc, next, since, takeovers);
        if (how != READ_ON)
            return how;
    }
}

int role_observe_frames(struct role *role)
{
    uint64_t max_message = sim_draw(6) == 0 ? 1 + sim_draw((unsigned)role->world->shape.max_message) : 0;
    myl_frame_consumer_options o = {.size = sizeof o, .max_message = max_message};
    myl_frame_observer *observer;
    uint64_t since = sim_points();
    role_consumer_options(role, &o.ring);
    int rc = myl_frame_observer_open(&observer, WORLD_NAME, &o);
    if (rc != MYL_OK)
        return role_consumer_refused(role, rc);
    const myl_observer *ring = myl_frame_observer_ring(observer);
    struct frame_view view;
    myl_info info = {.size = sizeof info};
    if (myl_observer_info(ring, &info) != MYL_OK)
        role_unexpected("info", MYL_EINVAL);
    role->session = oracle_session(&info, 0, role->world->alone, since);
    frames_joined(&view, role->session, ring->next, room_of(role->world, max_message));
    enum reading how = observe(role, observer, &view);
    myl_frame_observer_close(observer);
    return how != READ_ALL_OVER;
}
