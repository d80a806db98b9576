/* SPDX-License-Identifier: MIT
 * A producer of frames. Publishes messages of all sizes, by claim and commit, in one piece and in several. Ends as the
 * producer of events does. */
#include "world.h"

#include "frame/producer.h"
#include "os/os.h"

#include <myelon/liveness.h>

#include <string.h>

#define PIECES 4U

/* With lanes the library's call reads shared memory, so it must not be used between an open and the oracle's update. */
myl_info role_info(const struct myl_segment *segment)
{
    const struct myl_header *head = segment->head;
    return (myl_info){.session = {head->session[0], head->session[1]},
                      .capacity = head->capacity,
                      .events_per_cell = head->events_per_cell,
                      .lanes = head->lanes,
                      .lane = segment->lane};
}

unsigned char *role_bytes(const struct role *role)
{
    static _Alignas(64) unsigned char bytes[WORLD_ROLES][FRAMES_BYTES];
    return bytes[role - role->world->role];
}

/* --- lengths ----------------------------------------------------------------------------------------------------- */

static uint64_t around(uint64_t length, uint64_t least, uint64_t most)
{
    static const int off[] = {0, 0, -1, 1, -8, 8, -63, 64};
    uint64_t moved = length + (uint64_t)(int64_t)off[sim_draw(sizeof off / sizeof off[0])];
    return moved < least || moved > most ? length : moved;
}

/* Lengths at which records end at the same places in every lap are the most likely: there old bytes matter. */
static uint64_t draw_length(const struct world *w)
{
    uint64_t frame = w->shape.max_frame, most = w->shape.max_message;
    unsigned kinds[4], count = 0;
    for (unsigned i = 0; i < 4; i++) {
        if ((w->sizes >> i & 1U) != 0)
            kinds[count++] = 1U << i;
    }
    switch (kinds[sim_draw(count)]) {
    case SIZE_SHORT:
        return sim_draw(65);
    case SIZE_FRAGMENTS:
        if (most > frame)
            return around(frame + 1 + sim_draw((unsigned)((most < 4 * frame ? most : 4 * frame) - frame)), frame + 1,
                          most);
        break;
    case SIZE_BIG:
        if (most > w->ring_bytes)
            return w->ring_bytes + sim_draw((unsigned)(most - w->ring_bytes));
        break;
    default:
        break;
    }
    uint64_t share = frame / (1 + sim_draw(4));
    return sim_draw(4) == 0 ? 1 + sim_draw((unsigned)frame) : around(share < 64 ? 64 : share, 1, frame);
}

/* --- publishing -------------------------------------------------------------------------------------------------- */

/* Bytes of a claim after the committed length, or of an aborted claim, are arbitrary. */
static void scribble(const struct role *role, unsigned char *data, uint64_t from, uint64_t to, uint64_t stamp)
{
    unsigned char *bytes = role_bytes(role);
    for (uint64_t at = from; at + sizeof stamp <= to; at += sizeof stamp)
        memcpy(bytes + at, &stamp, sizeof stamp);
    from = (from + 7) / 8 * 8;
    if (to > from)
        (void)sim_copy(data + from, bytes + from, (to - from) / 8 * 8);
}

static uint64_t cells_of(const struct role *role, uint64_t length)
{
    return length <= 64 - role->world->shape.header ? 1 : 1 + (length + 63) / 64;
}

static void ask_consumed(struct role *role, myl_frame_producer *producer)
{
    uint64_t since = sim_points(), count = myl_published(role->writing);
    int64_t timeout = role_awaits_consumed(role, count);
    int rc = myl_frame_producer_wait_consumed(producer, timeout);
    role_goes_on(role, rc);
    if (rc == MYL_OK && count > 0)
        oracle_consumed(role->session, count, since);
    else if (rc == MYL_ECONSUMERDEAD)
        role_consumer_died(role, since);
    else if (rc != MYL_OK && rc != MYL_ETIMEDOUT && rc != MYL_EINTERRUPTED)
        role_unexpected("wait_consumed", rc);
}

static int by_claim(struct role *role, myl_frame_producer *producer, uint64_t length, int64_t timeout)
{
    struct session *s = role->session;
    uint64_t start = role->writing->hot.next, frame = role->world->shape.max_frame;
    uint64_t most = sim_draw(2) == 0 ? length : length + sim_draw((unsigned)(frame - length) + 1);
    if (length < 64 && sim_draw(3) == 0) /* slightly more than the header's cache line has room for */
        most = 64 - role->world->shape.header + sim_draw(2);
    if (most < length)
        most = length;
    void *data;
    role_waits(role, cells_of(role, most) + 1);
    role->endless = timeout == MYL_FOREVER;
    int rc = myl_frame_producer_claim(producer, (size_t)most, &data, timeout);
    role_goes_on(role, rc);
    if (rc != MYL_OK)
        return rc;
    frames_claimed(s, start + cells_of(role, most));
    role_change_policy(role, (myl_producer *)(uintptr_t)role->writing);
    if (role->world->changes_policy && sim_draw(16) == 0)
        ask_consumed(role, producer);
    if (role->world->aborts && sim_draw(4) == 0) {
        scribble(role, data, 0, most, start + 2);
        sim_note("aborts a claim of %llu bytes", (unsigned long long)most);
        myl_frame_producer_abort(producer);
        return MYL_OK;
    }
    struct item *item = frames_publishes(s, start, length);
    frames_content(item, role_bytes(role));
    if (length > 0)
        (void)sim_copy(data, role_bytes(role), (size_t)length);
    scribble(role, data, length, most, start + cells_of(role, length) + 1);
    sim_note("commits %llu bytes at %llu", (unsigned long long)length, (unsigned long long)start);
    rc = myl_frame_producer_commit(producer, (size_t)length, (uint8_t)item->kind);
    if (rc != MYL_OK)
        role_unexpected("commit", rc);
    frames_published(s, rc, role->writing->hot.next);
    return rc;
}

static int in_pieces(myl_frame_producer *producer, const struct item *item, unsigned char *bytes, int64_t timeout)
{
    struct iovec piece[PIECES];
    uint64_t at = 0;
    for (unsigned i = 0; i < PIECES; i++) {
        uint64_t left = item->length - at;
        uint64_t part = i + 1 == PIECES ? left : left == 0 ? 0 : sim_draw((unsigned)left) / 8 * 8;
        piece[i] = (struct iovec){.iov_base = bytes + at, .iov_len = part};
        at += part;
    }
    return myl_frame_producer_publishv(producer, piece, PIECES, (uint8_t)item->kind, timeout);
}

static int by_copy(struct role *role, myl_frame_producer *producer, uint64_t length, int64_t timeout)
{
    struct session *s = role->session;
    uint64_t start = role->writing->hot.next;
    struct item *item = frames_publishes(s, start, length);
    unsigned char *bytes = role_bytes(role);
    int big = item->big;
    frames_content(item, bytes);
    sim_note("publishes %llu bytes at %llu", (unsigned long long)length, (unsigned long long)start);
    role_waits(role, 0);
    role->endless = timeout == MYL_FOREVER;
    int rc = sim_draw(3) == 0
                 ? in_pieces(producer, item, bytes, timeout)
                 : myl_frame_producer_publish(producer, bytes, (size_t)length, (uint8_t)item->kind, timeout);
    role_goes_on(role, rc);
    frames_published(s, rc, role->writing->hot.next);
    if (rc == MYL_OK)
        frames_claimed(s, role->writing->hot.next);
    if (rc != MYL_ETOOBIG)
        return rc;
    SIM_CHECK(big && timeout == MYL_TRY, "answer", "%s", myl_error_detail());
    return MYL_EAGAIN;
}

static void set_activity(void *handle, const char *doing, int64_t patience_ns)
{
    myl_frame_producer_set_activity(handle, doing, patience_ns);
}

static void interrupt(void *handle)
{
    myl_frame_producer_interrupt(handle);
}

/* Publishes one message. Returns 0 if this handle is done. */
static int step(struct role *role, myl_frame_producer *producer)
{
    uint64_t since = sim_points(), length = draw_length(role->world);
    int64_t timeout = role_timeout(1);
    if (sim_draw(4) == 0) /* as if no participant had slept for a long time */
        ((myl_producer *)(uintptr_t)role->writing)->quiet = MYL_PARK_QUIET_CALLS - 1;
    int rc = length <= role->world->shape.max_frame && sim_draw(2) == 0 ? by_claim(role, producer, length, timeout)
                                                                        : by_copy(role, producer, length, timeout);
    if (rc != MYL_OK)
        sim_note("gets %s", myl_errname(rc));
    if (rc != MYL_OK && !role_claim_failed(role, rc, since))
        return 0;
    if (role->world->managed || role->world->changes_policy)
        myl_frame_producer_clear_failure(producer);
    role_set_activity(role, set_activity, producer);
    if (sim_draw(16) == 0)
        ask_consumed(role, producer);
    return 1;
}

/* --- from an open to a close ------------------------------------------------------------------------------------- */

static void end(struct role *role, myl_frame_producer *producer, int leave)
{
    struct session *s = role->session;
    role->phase = PHASE_ENDING;
    role->writing = NULL;
    sim_note(leave ? "leaves" : "closes");
    if (leave) {
        oracle_stops(s);
        myl_frame_producer_leave(producer);
    } else {
        oracle_closes(s);
        myl_frame_producer_close(producer);
        s->closed = 1;
    }
    role->phase = PHASE_ABSENT;
}

/* Returns 1 if the cell before `next` has an abort record, provided a record begins there. */
static int has_abort(const myl_producer *ring, uint64_t next)
{
    uint64_t head_word, cells = ring->handle.segment.head->cells;
    if (next == 0)
        return 0;
    sim_alone(1); /* no kill between an open and the oracle's update */
    memcpy(&head_word, (const unsigned char *)ring->handle.segment.data + (next - 1) % cells * 64 + 8,
           sizeof head_word);
    sim_alone(0);
    return (head_word >> MYL_RECORD_FLAGS_SHIFT & 255U) == MYL_RECORD_ABORTED;
}

/* Returns the id of its lane. */
static const char *lane_of(const struct role *role)
{
    return role->world->lanes > 0 && role->naming == NAME_ID ? role->name : NULL;
}

static void begin(struct role *role, myl_frame_producer *producer, uint64_t since)
{
    const struct world *world = role->world;
    myl_info info = role_info(&myl_frame_producer_ring(producer)->handle.segment);
    role->writing = myl_frame_producer_ring(producer);
    struct session *s = role->session = oracle_session(&info, 0, world->alone, since);
    uint64_t next = myl_published(role->writing);
    frames_resumed(s, next, myl_frame_producer_messages(producer), has_abort(role->writing, next));
    if (world->lanes > 0)
        oracle_has_lane(s, lane_of(role));
    (void)oracle_produces(s, next);
    role->phase = PHASE_IN;
    if (role->left_to_send == 0)
        role->left_to_send = world->events;
    sim_note("produces in lane %u from %llu on", s->lane, (unsigned long long)next);
    if (world->managed) {
        myl_liveness_options policy = {.size = sizeof policy,
                                       .progress_timeout_ns = MYL_MSEC(1),
                                       .shutdown_grace_ns = MYL_MSEC(1)};
        int rc = myl_frame_producer_set_liveness(producer, &policy);
        if (rc != MYL_OK && rc != MYL_ENOMEM)
            role_unexpected("manage", rc);
    }
}

/* Runs step after step. Returns 1 if it leaves and comes back. */
static int fill(struct role *role, myl_frame_producer *producer)
{
    struct world *world = role->world;
    const struct session *s = role->session;
    int usable = 1, lanes = world->lanes > 0;
    /* A producer that finds a closed stream makes a new ring, which has no readers. */
    int fills = lanes || s < &oracle.session[world->sessions];
    while (usable && fills && (lanes ? role->left_to_send > 0 : frames_count(s) < world->events)) {
        unsigned before = frames_count(s);
        usable = step(role, producer);
        role->left_to_send -= lanes ? frames_count(s) - before : 0;
        if (usable && world->leaves_left > 0 && sim_draw(12) == 0) {
            world->leaves_left--;
            return 1;
        }
    }
    return 0;
}

int role_hold_frame_lock(struct role *role)
{
    struct world *world = role->world;
    myl_frame_producer_options o = {.size = sizeof o,
                                    .config = {.ring_bytes = world->ring_bytes,
                                               .max_frame = (uint32_t)world->shape.max_frame,
                                               .max_message = world->shape.max_message,
                                               .numbers = world->shape.numbers,
                                               .lanes = world->lanes},
                                    .lane = lane_of(role)};
    myl_frame_producer *producer;
    myl_producer_options common;
    role_producer_options(role, &common);
    o.config.max_consumers = common.config.max_consumers;
    o.config.spin_only = common.config.spin_only;
    o.ring = common.ring;
    uint64_t since = sim_points();
    role_wants_lock(role);
    int rc = myl_frame_producer_open(&producer, WORLD_NAME, &o);
    role_wanted_lock(role, rc);
    if (rc != MYL_OK)
        return role_producer_refused(role, rc);
    begin(role, producer, since);
    const struct session *s = role->session;
    role_allow_interruptions(role, interrupt, producer);
    int leave = fill(role, producer);
    role_forbid_interruptions(role);
    end(role, producer, leave || (world->never_closed && frames_count(s) >= world->events));
    if (leave && world->lanes > 0 && sim_draw(2) == 0)
        (void)myl_os_sleep((int64_t)sim_draw(3000000)); /* long enough for several queries of the others */
    if (leave || role->rejoins == 0)
        return leave;
    role->rejoins--; /* a lane is reused */
    return 1;
}
