/* SPDX-License-Identifier: MIT
 * A consumer of all lanes of a ring: it is registered in each of them, takes turns, and waits for all of them at once.
 * docs/frames.md, "Lanes". */
#include "frame/consumer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A turn is over when the lane has handed over so many messages, or so many cells have been read of it. */
#define TURN_MESSAGES 16U
#define TURN_CELLS    ((uint64_t)1024)

struct lane {
    struct myl_frame_consumer *consumer;
    uint64_t ended;            /* `closed`, as it was when all of this lane was read; 0: it goes on */
    uint32_t told;             /* the epoch whose producer's end was told; 0: none */
    int inside;                /* during a wait: it is for the rest of a message */
    int expected;              /* nobody has published in it yet, and somebody is about to */
};

struct myl_lanes {
    uint32_t count;
    uint32_t turn;             /* whose turn it is */
    uint64_t messages, cells;  /* of this turn */
    uint32_t last;             /* the lane whose message was handed over last ... */
    uint64_t before;           /* ... and where it stood before that */
    uint32_t about;            /* the lane that a wait ended for ... */
    uint32_t epoch;            /* ... and whose producer's end that is */
    struct lane lane[];
};

static struct myl_consumer *ring_of(const struct lane *lane)
{
    return &lane->consumer->ring;
}

static const struct myl_control *control_of(const struct lane *lane)
{
    return ring_of(lane)->handle.segment.control;
}

struct myl_frame_consumer *myl_lanes_get(const struct myl_frame_consumer *consumer, uint32_t lane)
{
    return lane < consumer->lanes->count ? consumer->lanes->lane[lane].consumer : NULL;
}

/* --- whose turn it is -------------------------------------------------------------------------------------------- */

static void pass_turn(struct myl_lanes *m)
{
    m->turn = m->turn + 1 == m->count ? 0 : m->turn + 1;
    m->messages = m->cells = 0;
}

static void count_turn(struct myl_lanes *m, uint64_t messages, uint64_t cells)
{
    m->messages += messages;
    m->cells += cells;
    if (m->messages >= TURN_MESSAGES || m->cells >= TURN_CELLS)
        pass_turn(m);
}

/* --- how a lane is ----------------------------------------------------------------------------------------------- */

/* The end of a lane is not for good: a new producer may begin it anew, and takes back `closed` before it publishes. So
 * what was seen stands for as long as the word is the same. */
static int has_ended(struct lane *lane)
{
    if (lane->ended != 0 && myl_load_acq(&control_of(lane)->closed) != lane->ended) /* A16. Pairs: A44 */
        lane->ended = 0;
    return lane->ended != 0;
}

/* It was closed, and all of it read; unless another end is there by now, with more in front of it. */
static void note_end(struct lane *lane)
{
    uint64_t closed = myl_load_acq(&control_of(lane)->closed); /* A16 */
    lane->ended = closed != 0 && closed - 1 <= ring_of(lane)->hot.next ? closed : 0;
}

static int was_used(const struct lane *lane)
{
    return myl_load32_acq(&control_of(lane)->epoch) != 0; /* A25 */
}

static int counts(const struct lane *lane)
{
    return lane->expected || was_used(lane);
}

/* Lanes that were used and have not ended. */
static uint32_t count_open(struct myl_lanes *m)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < m->count; i++)
        open += was_used(&m->lane[i]) && !has_ended(&m->lane[i]);
    return open;
}

static int any_used(const struct myl_lanes *m)
{
    int used = 0;
    for (uint32_t i = 0; i < m->count; i++)
        used |= was_used(&m->lane[i]);
    return used;
}

/* A ring has its name, and a lane its owner, a moment before the epoch says so: whoever was that quick must not take a
 * beginning for the end. So an unused lane whose seat is held is waited for; and lane 0, which whoever made the ring
 * has, as long as no other has ended. One that has come into use since the lanes were counted goes on. Seldom called:
 * it asks the system. */
static uint32_t expect_producers(struct myl_lanes *m)
{
    uint32_t expected = 0, ended = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        struct lane *lane = &m->lane[i];
        if (has_ended(lane)) {
            ended++;
            continue;
        }
        /* Asked for again behind the seat: it may have been used, ended and given back in between. */
        lane->expected =
            was_used(lane) || myl_seat_held(&ring_of(lane)->handle.segment, MYL_SEAT_PRODUCER) != 0 || was_used(lane);
        expected += (uint32_t)lane->expected;
    }
    if (expected == 0 && ended == 0)
        expected = (uint32_t)(m->lane[0].expected = 1);
    return expected;
}

/* Says in front of the sentence at hand, and in the message, which lane it is about. */
static int about_lane(const struct myl_lanes *m, uint32_t lane, myl_message *message, int rc)
{
    char id[MYL_ID_MAX + 1], text[MYL_DETAIL_MAX];
    (void)snprintf(text, sizeof text, "%s", myl_error_detail());
    myl_id_words(control_of(&m->lane[lane])->lane_id, id);
    myl_text_clean(id);
    message->lane = lane;
    return myl_fail(rc, "lane %" PRIu32 "%s%s%s: %s", lane, id[0] != '\0' ? " (" : "", id, id[0] != '\0' ? ")" : "",
                    text);
}

/* --- taking messages --------------------------------------------------------------------------------------------- */

/* What a round over all lanes found besides messages. */
struct round {
    uint32_t idle;             /* lanes in a row that have nothing */
    int leased, superseded;
    uint32_t leased_lane;
};

/* A record of the lane whose turn it is, if it has one. MYL_EAGAIN: go on. */
static int take_turn(struct myl_lanes *m, struct round *round, myl_message *message)
{
    uint32_t index = m->turn;
    struct lane *lane = &m->lane[index];
    uint64_t cells = 0, before = ring_of(lane)->hot.next;
    int rc = has_ended(lane) ? MYL_EAGAIN : myl_frame_step(lane->consumer, message, &cells);
    if (rc == MYL_OK || (rc == MYL_EAGAIN && cells > 0)) {
        round->idle = 0;
        count_turn(m, rc == MYL_OK, cells);
        if (rc == MYL_OK) {
            m->last = index;
            m->before = before;
            message->lane = index;
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
        return about_lane(m, index, message, rc);
    return MYL_EAGAIN;
}

static int must_release(const struct myl_lanes *m, uint32_t lane, myl_message *message)
{
    const struct myl_i_consumer_hot *h = &ring_of(&m->lane[lane])->hot;
    int rc =
        myl_fail(MYL_ELEASED,
                 "ring \"%s\": %" PRIu64 " bytes are leased, and there is no room for the next message beside them; "
                 "release them first",
                 ring_of(&m->lane[lane])->handle.segment.name, (h->next - h->acknowledged) * MYL_CELL_ALIGN);
    return about_lane(m, lane, message, rc);
}

/* One message, from the lane whose turn it is or one behind it. MYL_EAGAIN: there is none. */
static int take_message(struct myl_lanes *m, myl_message *message)
{
    struct round round = {0};
    while (round.idle < m->count) {
        int rc = take_turn(m, &round, message);
        if (rc != MYL_EAGAIN)
            return rc;
    }
    const char *name = ring_of(&m->lane[0])->handle.segment.name;
    if (round.leased)
        return must_release(m, round.leased_lane, message);
    if (count_open(m) == 0 && expect_producers(m) == 0)
        return myl_fail(MYL_ECLOSED, "every lane of ring \"%s\" that was used has been closed, and all is read", name);
    if (round.superseded)
        return myl_fail(MYL_ESUPERSEDED, "this session of ring \"%s\" was ended by force; open it again", name);
    return MYL_EAGAIN;
}

/* --- waiting for all lanes at once ------------------------------------------------------------------------------- */

/* Something to look at, in any lane? All of them are looked at behind the announcement of a sleep (L5). */
static int ready(void *context)
{
    struct myl_lanes *m = context;
    uint32_t open = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        struct lane *lane = &m->lane[i];
        if (has_ended(lane))
            continue;
        int rc = myl_consumer_look(ring_of(lane));
        if (rc == MYL_ECLOSED && !lane->inside)
            note_end(lane);
        if (rc != MYL_EAGAIN && !(rc == MYL_ECLOSED && lane->ended != 0))
            return MYL_OK;
        open += rc == MYL_EAGAIN && counts(lane);
    }
    return open > 0 ? MYL_EAGAIN : MYL_OK;
}

/* Asks after each lane's producer. A death is told once; again only when no producer lives any more, so that nobody
 * waits for ever. */
static int overdue(void *context)
{
    struct myl_lanes *m = context;
    int alive = 0, gone = MYL_EAGAIN;
    for (uint32_t i = 0; i < m->count; i++) {
        struct lane *lane = &m->lane[i];
        int rc = myl_consumer_overdue(ring_of(lane));
        if (rc != MYL_EAGAIN) {
            m->about = i;
            return rc;
        }
        if (!counts(lane) || has_ended(lane) || ring_of(lane)->on_death == MYL_DEATH_WAIT)
            continue;
        uint32_t epoch = myl_load32_acq(&control_of(lane)->epoch); /* A25 */
        rc = myl_ask_for_producer(&ring_of(lane)->handle.segment, ring_of(lane)->hot.next, ready, m);
        if (rc == MYL_EAGAIN) {
            alive = 1;
            continue;
        }
        if (rc != MYL_EPRODUCERDEAD && rc != MYL_EUNSEATED)
            return rc; /* of `ready`, or it cannot be asked any more */
        if (epoch == 0 && any_used(m)) { /* it died before it published anything: nothing was begun there */
            lane->expected = 0;
            continue;
        }
        gone = rc;
        m->about = i;
        m->epoch = epoch;
        if (lane->told != epoch)
            return rc;
    }
    return alive ? MYL_EAGAIN : gone;
}

static void before_park(void *context)
{
    struct myl_lanes *m = context;
    for (uint32_t i = 0; i < m->count; i++)
        myl_consumer_before_park(ring_of(&m->lane[i]));
}

/* The producer of a lane is gone: what it left half done is told first, then that it is gone. */
static int tell_gone(struct myl_lanes *m, myl_message *message, int rc)
{
    struct lane *lane = &m->lane[m->about];
    if (lane->inside) {
        lane->inside = 0;
        rc = myl_frame_give_up_inside(lane->consumer);
    } else {
        lane->told = m->epoch;
    }
    return about_lane(m, m->about, message, rc);
}

static int wait_for_any(struct myl_lanes *m, myl_message *message, int64_t timeout_ns)
{
    struct myl_consumer *first = ring_of(&m->lane[0]);
    const struct myl_segment *segment = &first->handle.segment;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct myl_i_consumer_hot *h = &ring_of(&m->lane[i])->hot;
        uint64_t leased = h->next - h->acknowledged;
        if (leased > 0 && leased + myl_publish_need(segment) > segment->head.capacity)
            return must_release(m, i, message);
    }
    for (uint32_t i = 0; i < m->count; i++)
        m->lane[i].inside = myl_frame_go_on(m->lane[i].consumer);
    struct myl_wait_site site = {
        .context = m,
        .ready = ready,
        .overdue = overdue,
        .before_park = before_park,
        .liveness_ns = first->liveness_ns,
        .liveness_most_ns = first->liveness_most_ns,
        .park = (segment->head.flags & MYL_FLAG_SPIN_ONLY) == 0 ? segment->data_park : NULL,
        .mode = MYL_PARK_LAZY,
    };
    int rc = myl_wait(&first->handle.waiter, &site, timeout_ns);
    if (rc == MYL_EPRODUCERDEAD || rc == MYL_EUNSEATED)
        rc = tell_gone(m, message, rc);
    else if (rc == MYL_ECORRUPT)
        rc = about_lane(m, m->about, message, rc);
    for (uint32_t i = 0; i < m->count; i++) {
        myl_consumer_end_wait(ring_of(&m->lane[i]), MYL_EAGAIN); /* whose silence is over is seen when it is read */
        if (m->lane[i].inside)
            myl_frame_step_back(m->lane[i].consumer);
    }
    return rc;
}

int myl_lanes_next(struct myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns)
{
    struct myl_lanes *m = consumer->lanes;
    int64_t now = timeout_ns > 0 ? myl_os_now() : 0;
    int64_t until = timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
    if (ring_of(&m->lane[0])->handle.forked)
        return myl_handle_forked(&ring_of(&m->lane[0])->handle);
    for (int64_t rest = timeout_ns;;) {
        int rc = take_message(m, message);
        if (rc != MYL_EAGAIN || timeout_ns == MYL_TRY)
            return rc;
        if (rest == MYL_TRY)
            return MYL_ETIMEDOUT;
        rc = wait_for_any(m, message, rest);
        if (rc != MYL_OK)
            return rc;
        if (timeout_ns > 0) {
            now = myl_os_now();
            rest = now < until ? until - now : MYL_TRY;
        }
    }
}

/* --- leases ------------------------------------------------------------------------------------------------------ */

int myl_lanes_release(struct myl_frame_consumer *consumer)
{
    struct myl_lanes *m = consumer->lanes;
    int rc = MYL_OK;
    if (ring_of(&m->lane[0])->handle.forked)
        return myl_handle_forked(&ring_of(&m->lane[0])->handle);
    for (uint32_t i = 0; i < m->count; i++) {
        struct myl_consumer *ring = ring_of(&m->lane[i]);
        int released = ring->hot.next != ring->hot.acknowledged ? myl_consumer_release(ring) : MYL_OK;
        rc = rc == MYL_OK ? released : rc;
    }
    return rc;
}

void myl_lanes_rewind(struct myl_frame_consumer *consumer)
{
    struct myl_lanes *m = consumer->lanes;
    for (uint32_t i = 0; i < m->count; i++) {
        myl_consumer_rewind(ring_of(&m->lane[i]));
        m->lane[i].ended = 0; /* not all of it is read any more */
    }
}

void myl_lanes_put_back(struct myl_frame_consumer *consumer, const myl_message *message)
{
    struct myl_lanes *m = consumer->lanes;
    myl_frame_put_back(m->lane[m->last].consumer, m->before, message);
    m->turn = m->last; /* it stays the next one */
    m->messages = m->cells = 0;
}

int myl_lanes_end_of_batch(const struct myl_frame_consumer *consumer)
{
    const struct myl_lanes *m = consumer->lanes;
    for (uint32_t i = 0; i < m->count; i++) {
        if (myl_frame_has_more(m->lane[i].consumer))
            return 0;
    }
    return 1;
}

uint64_t myl_lanes_leased(const struct myl_frame_consumer *consumer)
{
    const struct myl_lanes *m = consumer->lanes;
    uint64_t most = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct myl_i_consumer_hot *h = &ring_of(&m->lane[i])->hot;
        most = h->next - h->acknowledged > most ? h->next - h->acknowledged : most;
    }
    return most;
}

uint64_t myl_lanes_skipped(const struct myl_frame_consumer *consumer)
{
    uint64_t skipped = 0;
    for (uint32_t i = 0; i < consumer->lanes->count; i++)
        skipped += consumer->lanes->lane[i].consumer->skipped;
    return skipped;
}

/* --- open and close ---------------------------------------------------------------------------------------------- */

/* Lane 0 last: its place is what keeps the id, its descriptor carries all seats, and its leaving looks whether the ring
 * can go. */
static void drop_lanes(struct myl_lanes *m, void (*stop)(struct myl_consumer *ring))
{
    while (m->count > 0)
        myl_frame_consumer_drop(m->lane[--m->count].consumer, stop);
    free(m);
}

/* Every inline call of this handle goes the longer way: nothing is published, and the entry is another's. */
static void send_the_longer_way(struct myl_frame_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->ring.hot;
    h->lease.cell = (unsigned char *)&consumer->ring.no_stamp;
    h->generation = &consumer->ring.no_generation;
    h->own_generation = 1;
}

/* Joins the lanes that are missing. */
static int join_lanes(struct myl_lanes *m, uint32_t lanes, const myl_frame_consumer_options *o,
                      const myl_consumer_options *ring)
{
    int rc = MYL_OK;
    while (rc == MYL_OK && m->count < lanes) {
        rc = myl_frame_consumer_join_lane(&m->lane[m->count].consumer, m->lane[0].consumer, m->count, o, ring);
        m->count += rc == MYL_OK;
    }
    return rc;
}

int myl_lanes_open(struct myl_frame_consumer **consumer, struct myl_frame_consumer *first,
                   const myl_frame_consumer_options *o, const myl_consumer_options *ring)
{
    uint32_t lanes = first->ring.handle.segment.head.lanes;
    struct myl_frame_consumer *made = calloc(1, sizeof *made);
    struct myl_lanes *m = calloc(1, sizeof *m + lanes * sizeof m->lane[0]);
    *consumer = NULL;
    if (made == NULL || m == NULL) {
        myl_frame_consumer_drop(first, myl_consumer_abandon);
        free(m);
        free(made);
        return myl_fail(MYL_ENOMEM, "no memory for a consumer's handle");
    }
    first->keeps = 1;
    m->lane[m->count++].consumer = first;
    int rc = join_lanes(m, lanes, o, ring);
    if (rc != MYL_OK) {
        drop_lanes(m, myl_consumer_abandon);
        free(made);
        return rc;
    }
    made->lanes = m;
    send_the_longer_way(made);
    *consumer = made;
    return MYL_OK;
}

void myl_lanes_close(struct myl_frame_consumer *consumer)
{
    drop_lanes(consumer->lanes, myl_consumer_stop);
    free(consumer);
}
