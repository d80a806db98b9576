/* SPDX-License-Identifier: MIT
 * Consumers and observers of frames. */
#include "world.h"

#include "os/os.h"
#include "ring/consumer.h"
#include "ring/observer.h"

#include <stdio.h>
#include <string.h>

#define LEASES 4U

/* A consumer's handle, and what it holds. */
struct desk {
    struct role *role;
    myl_frame_consumer *consumer;
    const myl_consumer *ring;
    struct frame_view view;
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

/* What the call that follows may acknowledge, and what it has. */
static void calls(struct desk *desk, enum acking acking)
{
    int idle = desk->ring->hot.next == desk->ring->hot.acknowledged;
    desk->role->reader->acking = idle ? acking : ACKS_NOTHING;
    role_waits(desk->role, 0);
}

static void has_called(const struct desk *desk)
{
    uint64_t acknowledged = desk->ring->hot.acknowledged;
    role_goes_on(desk->role);
    oracle_releases(desk->role->session, desk->role->reader, acknowledged);
    oracle_released(desk->role->reader, acknowledged);
    desk->role->reader->acking = ACKS_NOTHING;
}

/* What was leased must still be there. */
static void look_again(struct desk *desk)
{
    for (unsigned i = 0; i < desk->leases; i++) {
        const myl_message *message = &desk->lease[i].message;
        if (message->fragments == 1)
            frames_look(&desk->view, message, look_at(desk->role, message), desk->lease[i].end);
    }
}

static void release(struct desk *desk)
{
    uint64_t next = desk->ring->hot.next;
    if (sim_draw(4) == 0)
        look_again(desk);
    desk->leases = 0;
    oracle_releases(desk->role->session, desk->role->reader, next);
    sim_note("releases up to %llu", (unsigned long long)next);
    int rc = myl_frame_consumer_release(desk->consumer);
    if (rc != MYL_OK)
        role_unexpected("release", rc);
    oracle_released(desk->role->reader, next);
}

static int take_next(struct desk *desk, int64_t timeout)
{
    myl_message message;
    calls(desk, ACKS_PASSED);
    int rc = myl_frame_consumer_next(desk->consumer, &message, timeout);
    has_called(desk);
    if (rc != MYL_OK)
        return rc;
    uint64_t end = desk->ring->hot.next;
    frames_read(&desk->view, &message, look_at(desk->role, &message), end, 0);
    if (desk->leases < LEASES) {
        desk->lease[desk->leases].message = message;
        desk->lease[desk->leases++].end = end;
    }
    if (sim_draw(20) == 0) {
        sim_note("rewinds");
        myl_frame_consumer_rewind(desk->consumer);
        frames_rewound(&desk->view, desk->ring->hot.acknowledged);
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
        frames_next_is(&desk->view, message.length);
        return MYL_OK;
    }
    if (rc == MYL_OK)
        frames_read(&desk->view, &message, message.data, desk->ring->hot.next, 0);
    return rc;
}

static int handle(const myl_message *message, void *user)
{
    struct desk *desk = user;
    int stop = desk->stop_after-- == 0;
    frames_read(&desk->view, message, look_at(desk->role, message), desk->ring->hot.next, stop);
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
    return rc == MYL_EHANDLER ? MYL_OK : rc;
}

/* What a call that got no message is answered with. */
static enum reading no_message(struct desk *desk, int rc, uint64_t since, unsigned takeovers)
{
    int idle = desk->ring->hot.next == desk->ring->hot.acknowledged;
    sim_note("is answered with %s", myl_errname(rc));
    switch (rc) {
    case MYL_ELEASED:
        SIM_CHECK(!idle, "answer", "%s, though nothing is leased", myl_error_detail());
        release(desk);
        return READ_ON;
    case MYL_EABORTED:
        frames_aborted(&desk->view);
        return READ_ON;
    case MYL_ETOOBIG:
        frames_too_big(&desk->view);
        return READ_ON;
    case MYL_ECLOSED:
        frames_ended(&desk->view);
        break;
    default:
        break;
    }
    enum reading how = role_no_event(desk->role, rc, desk->ring->hot.next, since, takeovers);
    if (how == READ_ON && !idle && sim_draw(2) == 0)
        release(desk);
    return how;
}

/* Reads until the quota of messages is reached (0: until the end). */
static enum reading read_on(struct desk *desk, uint64_t quota)
{
    const struct role *role = desk->role;
    for (uint64_t got = 0;;) {
        uint64_t since = sim_points();
        unsigned takeovers = role->session->takeovers, how_to = sim_draw(8);
        /* Who sits on leases may not wait for ever: the producer may wait for them. */
        int idle = desk->ring->hot.next == desk->ring->hot.acknowledged;
        int64_t timeout = role_timeout(idle && role->on_death == MYL_DEATH_REPORT);
        int rc = !idle || how_to > 1 ? take_next(desk, timeout)
                 : how_to == 0       ? take_copy(desk, timeout)
                                     : take_all(desk, timeout);
        if (rc != MYL_OK) {
            enum reading how = no_message(desk, rc, since, takeovers);
            if (how != READ_ON)
                return how;
        }
        got += rc == MYL_OK;
        if (quota != 0 && got >= quota)
            return READ_SESSION_OVER;
    }
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
    myl_info info = {.size = sizeof info};
    myl_joined joined;
    desk->ring = role->reading = myl_frame_consumer_ring(desk->consumer);
    if (myl_consumer_info(desk->ring, &info) != MYL_OK || myl_consumer_joined(desk->ring, &joined) != MYL_OK)
        role_unexpected("info", MYL_EINVAL);
    struct session *s = role->session = oracle_session(&info, 0, role->world->alone, since);
    role->reader = oracle_joined(s, &joined, o.ring.start, published[s - oracle.session],
                                 desk->ring->handle.segment.control->gate.v);
    role->reader->acking = ACKS_NOTHING;
    role->phase = PHASE_IN;
    sim_note("\"%s\" starts at %llu%s", role->reader->id, (unsigned long long)joined.start,
             joined.resumed ? " again" : "");
    return MYL_OK;
}

/* Its longest message in fragments: what it asks for, if that is more than one piece. */
static uint64_t room_of(const struct world *world, uint64_t max_message)
{
    uint64_t most = max_message == 0 || max_message > world->shape.max_message ? world->shape.max_message : max_message;
    return most <= world->shape.max_frame ? 0 : most;
}

int role_take_frames(struct role *role)
{
    struct desk desk = {.role = role};
    uint64_t max_message = sim_draw(6) == 0 ? 1 + sim_draw((unsigned)role->world->shape.max_message) : 0;
    int rc = open_consumer(role, &desk, max_message);
    if (rc != MYL_OK)
        return role_consumer_refused(role, rc);
    role->reader->room = room_of(role->world, max_message);
    frames_joined(&desk.view, role->session, desk.ring->hot.next, role->reader->room);
    uint64_t quota = role->rejoins > 0 || !role->stays ? 1 + sim_draw(role->quota) : 0;
    enum reading how = read_on(&desk, quota);
    frames_skipped(&desk.view, myl_frame_consumer_skipped(desk.consumer), desk.ring->hot.next);
    role->phase = PHASE_ENDING;
    role->reading = NULL;
    sim_note("\"%s\" leaves", role->reader->id);
    oracle_leaves(role->reader);
    myl_frame_consumer_close(desk.consumer);
    oracle_left(role->reader);
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
