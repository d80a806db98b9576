/* SPDX-License-Identifier: MIT
 * Consumers and observers of frames. */
#include "world.h"

#include "frame/consumer.h"
#include "os/os.h"
#include "ring/observer.h"

#include <stdio.h>
#include <string.h>

#define LEASES 4U

/* A consumer's handle, and its leases. */
struct reader_handle {
    struct role *role;
    myl_frame_consumer *consumer;
    struct frame_view view[WORLD_LANES];
    unsigned lanes; /* 1 in a ring without lanes */
    struct {
        myl_message message;
        uint64_t end;
    } lease[LEASES];
    unsigned leases;
    int untracked; /* more is leased than `lease` has room for */
    int described; /* the next message was described: its lane and its length */
    unsigned described_lane;
    uint64_t described_length;
    int stop_after; /* for a drain: the handler stops after this many messages */
};

/* Reads the payload through the simulated memory. */
static const unsigned char *payload_of(const struct role *role, const myl_message *message)
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

static uint64_t next_of(const struct reader_handle *reader_handle, unsigned lane)
{
    return reader_handle->role->participant[lane].ring->hot.next;
}

static int is_idle(const struct participant *participant)
{
    return participant->ring->hot.next == participant->ring->hot.acknowledged;
}

static int is_idle_everywhere(const struct reader_handle *reader_handle)
{
    int idle = 1;
    for (unsigned i = 0; i < reader_handle->lanes; i++)
        idle &= is_idle(&reader_handle->role->participant[i]);
    return idle;
}

/* Records what the next call may acknowledge, and its time-out. */
static void begin_call(struct reader_handle *reader_handle, enum acking acking, int64_t timeout)
{
    for (unsigned i = 0; i < reader_handle->lanes; i++) {
        const struct participant *participant = &reader_handle->role->participant[i];
        participant->reader->acking = is_idle(participant) ? acking : ACKS_NOTHING;
    }
    role_waits(reader_handle->role, 0);
    reader_handle->role->endless = timeout == MYL_FOREVER;
}

static void has_called(const struct reader_handle *reader_handle, int rc)
{
    role_goes_on(reader_handle->role, rc);
    for (unsigned i = 0; i < reader_handle->lanes; i++) {
        const struct participant *participant = &reader_handle->role->participant[i];
        uint64_t acknowledged = participant->ring->hot.acknowledged;
        oracle_releases(participant->session, participant->reader, acknowledged);
        oracle_released(participant->reader, acknowledged);
        participant->reader->acking = ACKS_NOTHING;
    }
}

/* Returns the lane of a message. */
static unsigned lane_of(const struct reader_handle *reader_handle, const myl_message *message)
{
    SIM_CHECK(message->lane < reader_handle->lanes, "answer", "%s gets a message of lane %u of %u", sim_self_name(),
              message->lane, reader_handle->lanes);
    return message->lane;
}

/* Checks that the leased messages are unchanged. */
static void check_leases(struct reader_handle *reader_handle)
{
    for (unsigned i = 0; i < reader_handle->leases; i++) {
        const myl_message *message = &reader_handle->lease[i].message;
        if (message->fragments == 1)
            frames_check(&reader_handle->view[message->lane], message, payload_of(reader_handle->role, message),
                         reader_handle->lease[i].end);
    }
}

static void release(struct reader_handle *reader_handle)
{
    const struct participant *participant = reader_handle->role->participant;
    if (sim_draw(4) == 0)
        check_leases(reader_handle);
    reader_handle->leases = 0;
    reader_handle->untracked = 0;
    for (unsigned i = 0; i < reader_handle->lanes; i++) {
        oracle_releases(participant[i].session, participant[i].reader, next_of(reader_handle, i));
        sim_note("releases up to %llu", (unsigned long long)next_of(reader_handle, i));
    }
    int rc = myl_frame_consumer_release(reader_handle->consumer);
    if (rc != MYL_OK)
        role_unexpected("release", rc);
    for (unsigned i = 0; i < reader_handle->lanes; i++)
        oracle_released(participant[i].reader, next_of(reader_handle, i));
}

/* Releases any one of the leased messages, which are all in reader_handle->lease. What precedes the oldest one that is
 * left is acknowledged. */
static void release_one(struct reader_handle *reader_handle)
{
    unsigned at = sim_draw(reader_handle->leases);
    const myl_message message = reader_handle->lease[at].message;
    const struct participant *participant = &reader_handle->role->participant[message.lane];
    uint64_t to = next_of(reader_handle, message.lane);
    memmove(&reader_handle->lease[at], &reader_handle->lease[at + 1],
            (--reader_handle->leases - at) * sizeof reader_handle->lease[0]);
    for (unsigned i = 0; i < reader_handle->leases; i++) {
        const myl_message *held = &reader_handle->lease[i].message;
        if (held->lane == message.lane && held->position < to)
            to = held->position;
    }
    oracle_releases(participant->session, participant->reader, to);
    sim_note("releases the message at %llu", (unsigned long long)message.position);
    int rc = myl_frame_consumer_release_message(reader_handle->consumer, &message);
    if (rc != MYL_OK)
        role_unexpected("release_message", rc);
    SIM_CHECK(participant->ring->hot.acknowledged == to, "release",
              "%s has acknowledged %llu, its oldest message is at %llu", sim_self_name(),
              (unsigned long long)participant->ring->hot.acknowledged, (unsigned long long)to);
    oracle_released(participant->reader, to);
}

/* Returns the lane that the error detail is about, and checks the lane in the message, if the call sets one. */
static int lane_result(const struct reader_handle *reader_handle, int rc, const myl_message *message)
{
    unsigned lane = 0;
    if (reader_handle->lanes == 1 ||
        (rc != MYL_EABORTED && rc != MYL_ETOOBIG && rc != MYL_EPRODUCERDEAD && rc != MYL_EPRODUCERLEFT))
        return rc;
    int named = sscanf(myl_error_detail(), "lane %u", &lane) == 1 && lane < reader_handle->lanes;
    SIM_CHECK(named && (message == NULL || message->lane == lane), "answer", "%s, with lane %u in the message",
              myl_error_detail(), message == NULL ? 0 : message->lane);
    return rc;
}

static int take_description(struct reader_handle *reader_handle, int64_t timeout)
{
    myl_message message;
    begin_call(reader_handle, ACKS_PASSED, timeout);
    int rc = myl_frame_consumer_peek(reader_handle->consumer, &message, timeout);
    has_called(reader_handle, rc);
    if (rc != MYL_OK)
        return lane_result(reader_handle, rc, &message);
    unsigned lane = lane_of(reader_handle, &message);
    SIM_CHECK(message.data == NULL, "answer", "%s gets a message where it requested a description", sim_self_name());
    SIM_CHECK(!reader_handle->described ||
                  (reader_handle->described_lane == lane && reader_handle->described_length == message.length),
              "answer", "%s gets two descriptions of the next message", sim_self_name());
    frames_next_is(&reader_handle->view[lane], message.length);
    reader_handle->described = 1;
    reader_handle->described_lane = lane;
    reader_handle->described_length = message.length;
    return MYL_OK;
}

/* A message was delivered, or a result reported instead of it. */
static void check_described(struct reader_handle *reader_handle, const myl_message *message)
{
    SIM_CHECK(!reader_handle->described || (reader_handle->described_lane == message->lane &&
                                            reader_handle->described_length == message->length),
              "answer", "%s gets a message of %llu bytes of lane %u, but one of %llu bytes of lane %u was described",
              sim_self_name(), (unsigned long long)message->length, message->lane,
              (unsigned long long)reader_handle->described_length, reader_handle->described_lane);
    reader_handle->described = 0;
}

static int take_next(struct reader_handle *reader_handle, int64_t timeout)
{
    myl_message message;
    begin_call(reader_handle, ACKS_PASSED, timeout);
    int rc = myl_frame_consumer_next(reader_handle->consumer, &message, timeout);
    has_called(reader_handle, rc);
    if (rc != MYL_OK)
        return lane_result(reader_handle, rc, &message);
    unsigned lane = lane_of(reader_handle, &message);
    uint64_t end = next_of(reader_handle, lane);
    check_described(reader_handle, &message);
    frames_read(&reader_handle->view[lane], &message, payload_of(reader_handle->role, &message), end, 0);
    if (reader_handle->leases < LEASES) {
        reader_handle->lease[reader_handle->leases].message = message;
        reader_handle->lease[reader_handle->leases++].end = end;
    } else {
        reader_handle->untracked = 1;
    }
    if (sim_draw(20) == 0) {
        sim_note("rewinds");
        reader_handle->described = 0;
        myl_frame_consumer_rewind(reader_handle->consumer);
        for (unsigned i = 0; i < reader_handle->lanes; i++)
            frames_rewound(&reader_handle->view[i], reader_handle->role->participant[i].ring->hot.acknowledged);
        reader_handle->leases = 0;
        reader_handle->untracked = 0;
    } else if (sim_draw(3) == 0) {
        while (reader_handle->leases > 0 && !reader_handle->untracked && sim_draw(4) != 0)
            release_one(reader_handle);
    } else if (sim_draw(2) == 0) {
        release(reader_handle);
    }
    return MYL_OK;
}

static int take_copy(struct reader_handle *reader_handle, int64_t timeout)
{
    static _Alignas(64) unsigned char copies[WORLD_ROLES][FRAMES_BYTES];
    unsigned char *copy = copies[reader_handle->role - reader_handle->role->world->role];
    myl_message message;
    size_t bytes = sim_draw(3) == 0 ? sim_draw((unsigned)reader_handle->role->world->shape.max_frame) : FRAMES_BYTES;
    begin_call(reader_handle, ACKS_ONE, timeout);
    int rc = myl_frame_consumer_get(reader_handle->consumer, copy, bytes, &message, timeout);
    has_called(reader_handle, rc);
    if (rc != MYL_OK)
        memset(copy, 0xA5, bytes); /* the buffer belongs to the caller again */
    if (rc == MYL_EBUFFER) {
        SIM_CHECK(message.length > bytes, "answer", "%s", myl_error_detail());
        frames_next_is(&reader_handle->view[lane_of(reader_handle, &message)], message.length);
        check_described(reader_handle, &message);
        reader_handle->described = 1;
        reader_handle->described_lane = message.lane;
        reader_handle->described_length = message.length;
        return MYL_OK;
    }
    if (rc != MYL_OK)
        return lane_result(reader_handle, rc, &message);
    unsigned lane = lane_of(reader_handle, &message);
    check_described(reader_handle, &message);
    frames_read(&reader_handle->view[lane], &message, message.data, next_of(reader_handle, lane), 0);
    return rc;
}

static int handle(const myl_message *message, void *user)
{
    struct reader_handle *reader_handle = user;
    int stop = reader_handle->stop_after-- == 0;
    unsigned lane = lane_of(reader_handle, message);
    check_described(reader_handle, message);
    frames_read(&reader_handle->view[lane], message, payload_of(reader_handle->role, message),
                next_of(reader_handle, lane), stop);
    return stop;
}

static enum myl_action handle_in_poll(const myl_message *message, void *user)
{
    struct reader_handle *reader_handle = user;
    int stop = reader_handle->stop_after-- == 0, gives_back = stop && sim_draw(2) == 0;
    unsigned lane = lane_of(reader_handle, message);
    check_described(reader_handle, message);
    frames_read(&reader_handle->view[lane], message, payload_of(reader_handle->role, message),
                next_of(reader_handle, lane), gives_back);
    if (stop)
        return gives_back ? MYL_ACTION_ABORT : MYL_ACTION_BREAK;
    return sim_draw(4) == 0 ? MYL_ACTION_COMMIT : MYL_ACTION_CONTINUE;
}

static int take_all(struct reader_handle *reader_handle, int64_t timeout)
{
    uint64_t handled = 0;
    reader_handle->stop_after = (int)sim_draw(6) - 1;
    begin_call(reader_handle, ACKS_ANY, timeout);
    int rc = sim_draw(2) == 0 ? myl_frame_consumer_drain(reader_handle->consumer, sim_draw(4), handle, reader_handle,
                                                         &handled, timeout)
                              : myl_frame_consumer_poll(reader_handle->consumer, sim_draw(4), handle_in_poll,
                                                        reader_handle, &handled, timeout);
    has_called(reader_handle, rc);
    sim_note("drains %llu messages", (unsigned long long)handled);
    SIM_CHECK(rc != MYL_EHANDLER || reader_handle->stop_after < 0, "answer", "%s", myl_error_detail());
    return rc == MYL_EHANDLER ? MYL_OK : lane_result(reader_handle, rc, NULL);
}

/* State before a call. */
struct before {
    uint64_t since;
    uint64_t committed[WORLD_LANES];
    unsigned takeovers[WORLD_LANES];
};

static struct before note_before(const struct reader_handle *reader_handle)
{
    struct before before = {.since = sim_points()};
    for (unsigned i = 0; i < reader_handle->lanes; i++) {
        before.committed[i] = reader_handle->role->participant[i].session->committed;
        before.takeovers[i] = reader_handle->role->participant[i].session->takeovers;
    }
    return before;
}

/* MYL_EAGAIN is a statement about all lanes. If loads may return old values it cannot be checked. */
static void check_absence(const struct reader_handle *reader_handle, int rc, const struct before *before)
{
    for (unsigned i = 0; i < reader_handle->lanes && sim_memory_model() == SIM_MEMORY_SC; i++)
        SIM_CHECK(before->committed[i] <= next_of(reader_handle, i), "lost",
                  "%s gets %s at %llu of lane %u, but events up to %llu are published", sim_self_name(),
                  myl_errname(rc), (unsigned long long)next_of(reader_handle, i), i,
                  (unsigned long long)before->committed[i]);
}

/* The end of all lanes. It is not final: a producer may open a lane again, in this ring or in a new one. */
static enum reading all_ended(const struct reader_handle *reader_handle, const struct before *before)
{
    int ended = 0;
    for (unsigned i = 0; i < reader_handle->lanes; i++) {
        frames_ended(&reader_handle->view[i], next_of(reader_handle, i));
        ended |= oracle_lane_ended(reader_handle->role->participant[i].session, sim_self_name(),
                                   next_of(reader_handle, i), before->since);
    }
    SIM_CHECK(ended, "end", "%s gets the end of all lanes, but no lane was ever closed", sim_self_name());
    if (role_all_is_over(reader_handle->role))
        return READ_ALL_OVER;
    myl_os_yield(); /* no pause: the wake that follows a release may be deferred to the next call */
    return sim_draw(2) == 0 ? READ_SESSION_OVER : READ_ON;
}

/* The end of a lane's producer is reported once. It is reported again only when no producer lives. */
static void check_reported(struct reader_handle *reader_handle, unsigned lane, const struct before *before)
{
    struct participant *participant = &reader_handle->role->participant[lane];
    int again = participant->reported != 0 && participant->reported == participant->session->takeovers;
    for (unsigned i = 0; i < reader_handle->lanes && again && !oracle.dead_unknown; i++)
        SIM_CHECK(!oracle_lane_lives(reader_handle->role->participant[i].session, before->since), "report",
                  "%s gets another report of the end of lane %u's producer, but that of lane %u lives", sim_self_name(),
                  lane, i);
    participant->reported = participant->session->takeovers;
}

static enum reading nothing_in_lanes(struct reader_handle *reader_handle, unsigned lane, int rc,
                                     const struct before *before)
{
    struct role *role = reader_handle->role;
    switch (rc) {
    case MYL_ECLOSED:
        return all_ended(reader_handle, before);
    case MYL_EPRODUCERDEAD:
    case MYL_EPRODUCERLEFT:
        check_reported(reader_handle, lane, before);
        break;
    case MYL_EAGAIN:
    case MYL_ETIMEDOUT:
    case MYL_EINTERRUPTED:
        break;
    default:
        role_unexpected("next", rc);
    }
    if (rc != MYL_EINTERRUPTED)
        check_absence(reader_handle, rc, before);
    role->session = role->participant[lane].session; /* the lane that the result is about */
    enum reading how = role_no_event(role, rc, next_of(reader_handle, lane), before->since, before->takeovers[lane]);
    role->session = role->participant[0].session;
    return how;
}

/* Checks the result of a call that got no message. */
static enum reading no_message(struct reader_handle *reader_handle, int rc, const struct before *before)
{
    int idle = is_idle_everywhere(reader_handle);
    unsigned lane = 0;
    sim_note("gets %s", myl_errname(rc));
    if (rc != MYL_EAGAIN && rc != MYL_ETIMEDOUT && rc != MYL_EINTERRUPTED)
        reader_handle->described = 0;
    /* those two are about no single lane and have no detail */
    if (reader_handle->lanes > 1 && rc != MYL_EAGAIN && rc != MYL_ETIMEDOUT)
        (void)sscanf(myl_error_detail(), "lane %u", &lane);
    switch (rc) {
    case MYL_ELEASED:
        SIM_CHECK(!idle, "answer", "%s, but nothing is leased", myl_error_detail());
        release(reader_handle);
        return READ_ON;
    case MYL_EABORTED:
        frames_aborted(&reader_handle->view[lane]);
        return READ_ON;
    case MYL_ETOOBIG:
        frames_too_big(&reader_handle->view[lane]);
        return READ_ON;
    case MYL_ECLOSED:
        if (reader_handle->lanes == 1)
            frames_ended(&reader_handle->view[0], UINT64_MAX);
        break;
    default:
        break;
    }
    enum reading how = reader_handle->lanes > 1 ? nothing_in_lanes(reader_handle, lane, rc, before)
                                                : role_no_event(reader_handle->role, rc, next_of(reader_handle, 0),
                                                                before->since, before->takeovers[0]);
    if (how == READ_ON && !idle && sim_draw(2) == 0)
        release(reader_handle);
    return how;
}

static void set_activity(void *handle, const char *doing, int64_t patience_ns)
{
    myl_frame_consumer_set_activity(handle, doing, patience_ns);
}

static void interrupt(void *handle)
{
    myl_frame_consumer_interrupt(handle);
}

/* Reads until the quota of messages is reached (0: until the end). */
static enum reading read_messages(struct reader_handle *reader_handle, uint64_t quota)
{
    const struct role *role = reader_handle->role;
    for (uint64_t got = 0;;) {
        role_set_activity(reader_handle->role, set_activity, reader_handle->consumer);
        struct before before = note_before(reader_handle);
        unsigned how_to = sim_draw(8), describe = sim_draw(8) == 0;
        int idle = is_idle_everywhere(reader_handle);
        /* also with leases that the producer needs */
        int64_t timeout = role_timeout(role->on_death == MYL_DEATH_REPORT);
        int rc = describe              ? take_description(reader_handle, timeout)
                 : !idle || how_to > 1 ? take_next(reader_handle, timeout)
                 : how_to == 0         ? take_copy(reader_handle, timeout)
                                       : take_all(reader_handle, timeout);
        if (rc != MYL_OK) {
            enum reading how = no_message(reader_handle, rc, &before);
            if (how != READ_ON)
                return how;
        }
        got += rc == MYL_OK && !describe;
        if (quota != 0 && got >= quota)
            return READ_SESSION_OVER;
    }
}

/* The handle has joined a lane. */
static void join_lane(struct reader_handle *reader_handle, unsigned lane, enum myl_start start,
                      const uint64_t *published, uint64_t since)
{
    struct role *role = reader_handle->role;
    struct participant *participant = &role->participant[lane];
    myl_info info = role_info(&participant->ring->handle.segment);
    const myl_joined *joined = &participant->ring->joined;
    participant->session = oracle_session(&info, 0, role->world->alone, since);
    participant->reader =
        oracle_joined(participant->session, joined, start, published[participant->session - oracle.session],
                      participant->ring->handle.segment.control->gate.v);
    participant->reader->acking = ACKS_NOTHING;
    participant->reported = 0;
    sim_note("\"%s\" starts at %llu%s", participant->reader->id, (unsigned long long)joined->start,
             joined->resumed ? " again" : "");
}

static int open_consumer(struct role *role, struct reader_handle *reader_handle, uint64_t max_message)
{
    myl_frame_consumer_options o = {.size = sizeof o, .max_message = max_message};
    uint64_t published[ORACLE_SESSIONS], since = sim_points();
    myl_consumer_options common;
    role_consumer_options(role, &common);
    o.ring = common.ring;
    role->opens++;
    for (unsigned i = 0; i < ORACLE_SESSIONS; i++)
        published[i] = oracle.session[i].committed;
    role->claim = oracle_claims(o.ring.id, role->prefix, o.ring.start, 0);
    role->claims = 1;
    role->phase = PHASE_OPENING;
    int rc = myl_frame_consumer_open(&reader_handle->consumer, WORLD_NAME, &o);
    role->phase = PHASE_ABSENT;
    role_claim_over(role);
    if (rc != MYL_OK)
        return rc;
    reader_handle->lanes = role->world->lanes == 0 ? 1 : role->world->lanes;
    for (unsigned i = 0; i < reader_handle->lanes; i++) {
        role->participant[i].ring = role->world->lanes == 0 ? myl_frame_consumer_ring(reader_handle->consumer)
                                                            : &reader_handle->consumer->reader[i]->ring;
        join_lane(reader_handle, i, o.ring.start, published, since);
    }
    role->session = role->participant[0].session;
    role->reader = role->participant[0].reader;
    role->participants = reader_handle->lanes;
    role->phase = PHASE_IN;
    return MYL_OK;
}

/* The longest message in fragments that it accepts: the requested one, if that is longer than one fragment. */
static uint64_t room_of(const struct world *world, uint64_t max_message)
{
    uint64_t most = max_message == 0 || max_message > world->shape.max_message ? world->shape.max_message : max_message;
    return most <= world->shape.max_frame ? 0 : most;
}

static uint64_t skipped_in(const struct reader_handle *reader_handle, unsigned lane)
{
    return reader_handle->lanes == 1 ? myl_frame_consumer_skipped(reader_handle->consumer)
                                     : reader_handle->consumer->reader[lane]->skipped;
}

int role_take_frames(struct role *role)
{
    struct reader_handle reader_handle = {.role = role};
    uint64_t max_message = sim_draw(6) == 0 ? 1 + sim_draw((unsigned)role->world->shape.max_message) : 0;
    int rc = open_consumer(role, &reader_handle, max_message);
    if (rc != MYL_OK)
        return role_consumer_refused(role, rc);
    for (unsigned i = 0; i < reader_handle.lanes; i++) {
        role->participant[i].reader->room = room_of(role->world, max_message);
        frames_joined(&reader_handle.view[i], role->participant[i].session, next_of(&reader_handle, i),
                      role->participant[i].reader->room);
    }
    uint64_t quota = role->rejoins > 0 || !role->stays ? 1 + sim_draw(role->quota) : 0;
    role_allow_interruptions(role, interrupt, reader_handle.consumer);
    enum reading how = read_messages(&reader_handle, quota);
    role_forbid_interruptions(role);
    for (unsigned i = 0; i < reader_handle.lanes; i++)
        frames_skipped(&reader_handle.view[i], skipped_in(&reader_handle, i), next_of(&reader_handle, i));
    role->phase = PHASE_ENDING;
    role->participants = 0;
    sim_note("\"%s\" leaves", role->reader->id);
    for (unsigned i = 0; i < reader_handle.lanes; i++)
        oracle_leaves(role->participant[i].reader);
    role->activity = (struct activity){0};
    myl_frame_consumer_close(reader_handle.consumer);
    for (unsigned i = 0; i < reader_handle.lanes; i++)
        oracle_left(role->participant[i].reader);
    role->left++;
    role->phase = PHASE_ABSENT;
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
        role_goes_on(role, rc);
        if (rc == MYL_OK) {
            frames_observed(view, &message, &lost, bytes, ring->next, ring->handle.segment.control->gate.v);
            continue;
        }
        sim_note("gets %s", myl_errname(rc));
        SIM_CHECK(lost.bytes == 0 && lost.messages == 0, "observer", "%s lost messages in a call that got none",
                  sim_self_name());
        if (rc == MYL_EBUFFER) {
            SIM_CHECK(message.length > room, "answer", "%s", myl_error_detail());
            continue;
        }
        if (rc == MYL_EABORTED || rc == MYL_ETOOBIG) {
            frames_observer_reported(view, rc, ring->next);
            continue;
        }
        uint64_t next = ring->next;
        if (rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT)
            next = UINT64_MAX; /* it may have been overrun since */
        if (rc == MYL_ECLOSED) {
            oracle_ended_for_observer(role->session, sim_self_name(), next);
            return READ_ALL_OVER;
        }
        enum reading how = role_no_event(role, rc, next, since, takeovers);
        if (how != READ_ON)
            return how;
    }
}

static void interrupt_observer(void *handle)
{
    myl_frame_observer_interrupt(handle);
}

int role_observe_frames(struct role *role)
{
    uint64_t max_message = sim_draw(6) == 0 ? 1 + sim_draw((unsigned)role->world->shape.max_message) : 0;
    myl_frame_consumer_options o = {.size = sizeof o, .max_message = max_message};
    myl_frame_observer *observer;
    uint64_t since = sim_points();
    myl_consumer_options common;
    role_consumer_options(role, &common);
    o.ring = common.ring;
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
    role_allow_interruptions(role, interrupt_observer, observer);
    enum reading how = observe(role, observer, &view);
    role_forbid_interruptions(role);
    myl_frame_observer_close(observer);
    return how != READ_ALL_OVER;
}
