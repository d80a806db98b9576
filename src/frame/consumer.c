/* SPDX-License-Identifier: MIT
 * The consumer of frames: the longer way of next (waiting, fragments, what was given up), copying out, draining. */
#include "frame/consumer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Which share of the ring a drain keeps leased at most. */
#define DRAIN_SHARE 4

static const struct myl_segment *segment_of(const struct myl_frame_consumer *consumer)
{
    return &consumer->ring.handle.segment;
}

/* The handle of a lane that there is. */
static const struct myl_frame_consumer *first_of(const struct myl_frame_consumer *consumer)
{
    return consumer->lanes != NULL ? myl_lanes_get(consumer, 0) : consumer;
}

static void seek(struct myl_frame_consumer *consumer, uint64_t position)
{
    consumer->ring.hot.next = position;
    consumer->ring.hot.lease = myl_walk_from(segment_of(consumer), position);
}

static void step_over(struct myl_frame_consumer *consumer, uint64_t cells)
{
    struct myl_i_consumer_hot *h = &consumer->ring.hot;
    h->next += cells;
    h->lease.cell = myl_i_frame_wrap(h->lease.cell + cells * MYL_CELL_ALIGN, &h->ring);
}

/* Where the next call has to stand to go on with the message at hand: in front of all of it while it can still be read
 * again, else behind what is acknowledged. */
static uint64_t entrance(const struct myl_partial *part)
{
    return part->held ? part->start : part->position;
}

/* Passes over a record that is nobody's message. Acknowledges it, unless messages in front of it are leased: then it
 * goes with them. */
static int pass_over(struct myl_frame_consumer *consumer, uint64_t cells)
{
    int leased = consumer->ring.hot.next != consumer->ring.hot.acknowledged;
    step_over(consumer, cells);
    return leased ? MYL_OK : myl_consumer_release(&consumer->ring);
}

/* The message at hand will not be whole; hot.next is behind what there is of it. */
static int give_up(struct myl_frame_consumer *consumer)
{
    struct myl_partial *part = &consumer->part;
    int leased = consumer->ring.hot.acknowledged < part->start;
    part->state = MYL_PART_NONE;
    int rc = leased ? MYL_OK : myl_consumer_release(&consumer->ring);
    return rc == MYL_OK ? myl_frame_aborted(segment_of(consumer)->name, part) : rc;
}

/* The message put together last is leased, and its memory is not to be given to the next one: of one that did not fit
 * in the ring the last fragment is all that the ring has; with several lanes nobody sees when the next one begins. */
static int keeps(const struct myl_frame_consumer *consumer)
{
    const struct myl_partial *part = &consumer->part;
    return part->state == MYL_PART_DONE && (consumer->keeps || !part->held) &&
           entrance(part) >= consumer->ring.hot.acknowledged;
}

/* A first fragment. MYL_OK: its message is begun at it. */
static int begin(struct myl_frame_consumer *consumer, const struct myl_frame_head *record)
{
    const struct myl_segment *segment = segment_of(consumer);
    struct myl_partial *part = &consumer->part;
    struct myl_i_consumer_hot *h = &consumer->ring.hot;
    uint64_t total = record->fragment.total, leased = h->next - h->acknowledged;
    if (total > part->room) {
        consumer->skipped_id = record->fragment.id;
        int rc = pass_over(consumer, record->cells);
        if (rc != MYL_OK)
            return rc;
        return myl_fail(MYL_ETOOBIG,
                        "ring \"%s\": a message of %" PRIu64 " bytes is longer than this reader's limit, %" PRIu64
                        "; open it with a larger max_message",
                        segment->name, total, part->room);
    }
    /* All fragments are as long as the first, but the last. */
    uint64_t full = (total - 1) / record->length;
    uint64_t cells = full * record->cells + myl_record_cells(total - full * record->length, 1);
    int held = leased + cells + 1 <= segment->head.capacity;
    if (leased > 0 && (keeps(consumer) || !held))
        return myl_fail(MYL_ELEASED,
                        "ring \"%s\": a message of %" PRIu64 " bytes has no room beside the %" PRIu64
                        " bytes leased; release them first",
                        segment->name, total, leased * MYL_CELL_ALIGN);
    myl_partial_begin(part, record, h->next);
    part->held = held;
    return MYL_OK;
}

/* The record at hot.next goes on with the message at hand. MYL_OK: it is whole; MYL_EAGAIN: not yet. */
static int append(struct myl_frame_consumer *consumer, const struct myl_frame_head *record, myl_message *message)
{
    const struct myl_segment *segment = segment_of(consumer);
    struct myl_partial *part = &consumer->part;
    memcpy(part->buffer + part->got, myl_frame_payload(&segment->head, consumer->ring.hot.lease.cell, record),
           record->length);
    myl_partial_append(part, record);
    step_over(consumer, record->cells);
    if (part->state == MYL_PART_DONE) {
        myl_partial_describe(part, record, message);
        return MYL_OK;
    }
    int rc = part->held ? MYL_OK : myl_consumer_release(&consumer->ring);
    return rc == MYL_OK ? MYL_EAGAIN : rc;
}

/* Something is published at hot.next. `inside`: it stands where the message at hand goes on. MYL_EAGAIN: no message
 * yet, go on with the next record. */
static int take_record(struct myl_frame_consumer *consumer, int inside, myl_message *message)
{
    const struct myl_segment *segment = segment_of(consumer);
    struct myl_i_consumer_hot *h = &consumer->ring.hot;
    struct myl_partial *part = &consumer->part;
    struct myl_frame_head record;
    if (!myl_frame_read_head(&segment->head, h->lease.cell, &record))
        return myl_frame_corrupt(segment->name, h->next, &record);
    if ((record.flags & MYL_RECORD_ABORTED) != 0) {
        if (!inside)
            return pass_over(consumer, record.cells) == MYL_OK ? MYL_EAGAIN : MYL_EEVICTED;
        step_over(consumer, record.cells);
        return give_up(consumer);
    }
    if ((record.flags & MYL_RECORD_FIRST) != 0 && inside)
        return give_up(consumer); /* the new one is the next call's */
    if ((record.flags & MYL_I_FRAME_WHOLE) == MYL_I_FRAME_WHOLE) {
        myl_frame_describe(message, &record, myl_frame_payload(&segment->head, h->lease.cell, &record));
        step_over(consumer, record.cells);
        return MYL_OK;
    }
    if ((record.flags & MYL_RECORD_FIRST) != 0) {
        int rc = begin(consumer, &record);
        return rc == MYL_OK ? append(consumer, &record, message) : rc;
    }
    if (inside)
        return myl_partial_fits(part, &record) ? append(consumer, &record, message)
                                               : myl_frame_corrupt(segment->name, h->next, &record);
    if (record.fragment.id != consumer->skipped_id) {
        consumer->skipped_id = record.fragment.id;
        consumer->skipped++;
    }
    return pass_over(consumer, record.cells) == MYL_OK ? MYL_EAGAIN : MYL_EEVICTED;
}

/* MYL_OK: something is published at hot.next. */
static int wait_for_record(struct myl_frame_consumer *consumer, int inside, int64_t timeout_ns)
{
    const struct myl_segment *segment = segment_of(consumer);
    struct myl_i_consumer_hot *h = &consumer->ring.hot;
    uint64_t leased = h->next - h->acknowledged;
    if (!inside && timeout_ns != MYL_TRY && leased + myl_publish_need(segment) > segment->head.capacity &&
        myl_frame_consumer_end_of_batch(consumer))
        return myl_fail(MYL_ELEASED,
                        "ring \"%s\": %" PRIu64 " bytes are leased, and the producer may never have room for the next "
                        "message; release them before waiting",
                        segment->name, leased * MYL_CELL_ALIGN);
    return myl_consumer_wait(&consumer->ring, timeout_ns);
}

/* The wait for the rest of a message ended without it. */
static int leave_inside(struct myl_frame_consumer *consumer, int rc)
{
    if (rc == MYL_ECLOSED || rc == MYL_EPRODUCERDEAD || rc == MYL_EUNSEATED || rc == MYL_ESUPERSEDED)
        return give_up(consumer); /* nobody goes on with it; the end itself is told by the next call */
    if (consumer->part.held)
        seek(consumer, consumer->part.start); /* a release shall not acknowledge what was not handed over */
    return rc;
}

int myl_frame_go_on(struct myl_frame_consumer *consumer)
{
    const struct myl_partial *part = &consumer->part;
    int inside = part->state != MYL_PART_NONE && consumer->ring.hot.next == entrance(part);
    if (inside && consumer->ring.hot.next != part->position)
        seek(consumer, part->position);
    return inside;
}

static int next_message(struct myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns)
{
    struct myl_i_consumer_hot *h = &consumer->ring.hot;
    struct myl_partial *part = &consumer->part;
    int64_t until = timeout_ns > 0 ? myl_os_now() : 0;
    until = timeout_ns > INT64_MAX - until ? INT64_MAX : until + timeout_ns;
    int inside = myl_frame_go_on(consumer);
    for (;;) {
        int64_t rest = timeout_ns;
        if (timeout_ns > 0 && myl_frame_consumer_end_of_batch(consumer)) {
            int64_t now = myl_os_now();
            rest = now < until ? until - now : MYL_TRY;
        }
        int rc = wait_for_record(consumer, inside, rest);
        if (rc == MYL_EAGAIN && timeout_ns > 0)
            rc = MYL_ETIMEDOUT;
        if (rc == MYL_OK) {
            rc = take_record(consumer, inside, message);
            if (rc != MYL_EAGAIN)
                return rc;
            inside = part->state == MYL_PART_OPEN && h->next == part->position;
            continue;
        }
        return inside ? leave_inside(consumer, rc) : rc;
    }
}

/* --- steps, for who reads several lanes ----------------------------------------------------------------------- */

void myl_frame_step_back(struct myl_frame_consumer *consumer)
{
    const struct myl_partial *part = &consumer->part;
    if (part->state != MYL_PART_NONE && part->held && consumer->ring.hot.next == part->position)
        seek(consumer, part->start);
}

int myl_frame_give_up_inside(struct myl_frame_consumer *consumer)
{
    return give_up(consumer);
}

int myl_frame_step(struct myl_frame_consumer *consumer, myl_message *message, uint64_t *cells)
{
    struct myl_i_consumer_hot *h = &consumer->ring.hot;
    int inside = myl_frame_go_on(consumer);
    *cells = 0;
    int rc = myl_consumer_wait(&consumer->ring, MYL_TRY);
    if (rc != MYL_OK)
        return inside ? leave_inside(consumer, rc) : rc;
    uint64_t before = h->next;
    consumer->ring.silent_since = 0;
    rc = take_record(consumer, inside, message);
    *cells = h->next - before;
    if (rc == MYL_EAGAIN && consumer->part.state == MYL_PART_OPEN)
        myl_frame_step_back(consumer);
    return rc;
}

int myl_frame_has_more(const struct myl_frame_consumer *consumer)
{
    const struct myl_partial *part = &consumer->part;
    uint64_t next = consumer->ring.hot.next;
    if (part->state != MYL_PART_NONE && next == entrance(part))
        next = part->position;
    if (consumer->ring.handle.forked)
        return 0;
    struct myl_i_walk walk = myl_walk_from(segment_of(consumer), next);
    return myl_load_acq(myl_i_stamp(&walk)) == next + 1; /* A2 */
}

/* --- the calls ------------------------------------------------------------------------------------------------ */

/* A message is half read that is longer than the ring. The next record may be whole, and say by that that this one was
 * given up: so the next call has to take the longer way too. */
static void come_back(struct myl_frame_consumer *consumer)
{
    const struct myl_partial *part = &consumer->part;
    if (part->state == MYL_PART_OPEN && consumer->ring.hot.next == part->position)
        consumer->ring.hot.lease.cell = (unsigned char *)&consumer->ring.no_stamp;
}

/* A wait has ended with this message of `cells`, of which its stamp tells one: for ring/stream.c. */
static void waited_for(struct myl_frame_consumer *consumer, uint64_t cells)
{
    struct myl_consumer *ring = &consumer->ring;
    if (ring->hot.known <= ring->hot.next)
        ring->first_end = ring->hot.next;
    ring->waited += cells - 1;
}

int myl_i_frame_next_slow(myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns)
{
    const struct myl_i_consumer_hot *h = &consumer->ring.hot;
    if (consumer->lanes != NULL)
        return myl_lanes_next(consumer, message, timeout_ns);
    if (consumer->ring.handle.forked)
        return myl_handle_forked(&consumer->ring.handle);
    if (h->lease.cell == (unsigned char *)&consumer->ring.no_stamp)
        seek(consumer, h->next);
    uint64_t before = h->next;
    int rc = next_message(consumer, message, timeout_ns);
    if (rc == MYL_OK && h->next > before)
        waited_for(consumer, h->next - before);
    come_back(consumer);
    return rc;
}

int myl_i_frame_release_slow(myl_frame_consumer *consumer)
{
    return consumer->lanes != NULL ? myl_lanes_release(consumer) : myl_i_release_slow(&consumer->ring);
}

int myl_i_frame_end_slow(const myl_frame_consumer *consumer)
{
    return consumer->lanes == NULL || myl_lanes_end_of_batch(consumer);
}

void myl_frame_consumer_rewind(myl_frame_consumer *consumer)
{
    if (consumer->lanes != NULL) {
        myl_lanes_rewind(consumer);
        return;
    }
    myl_consumer_rewind(&consumer->ring);
    if (!consumer->ring.handle.forked)
        come_back(consumer);
}

/* What was passed over on the way to the message may be acknowledged by now, and is not gone back to. */
void myl_frame_put_back(struct myl_frame_consumer *consumer, uint64_t before, const myl_message *message)
{
    uint64_t acknowledged = consumer->ring.hot.acknowledged;
    before = before < acknowledged ? acknowledged : before;
    seek(consumer, message->fragments > 1 ? entrance(&consumer->part) : before);
}

/* Takes back the message that next has just leased. `before` is where it stood before that. */
static void put_back(struct myl_frame_consumer *consumer, uint64_t before, const myl_message *message)
{
    if (consumer->lanes != NULL)
        myl_lanes_put_back(consumer, message);
    else
        myl_frame_put_back(consumer, before, message);
}

/* Cells. */
static uint64_t leased_by(const struct myl_frame_consumer *consumer)
{
    const struct myl_i_consumer_hot *h = &consumer->ring.hot;
    return consumer->lanes != NULL ? myl_lanes_leased(consumer) : h->next - h->acknowledged;
}

int myl_frame_consumer_get(myl_frame_consumer *consumer, void *buffer, size_t bytes, myl_message *message,
                           int64_t timeout_ns)
{
    const struct myl_segment *segment = segment_of(first_of(consumer));
    uint64_t leased = leased_by(consumer), before = consumer->ring.hot.next;
    if (first_of(consumer)->ring.handle.forked)
        return myl_handle_forked(&first_of(consumer)->ring.handle);
    if (leased != 0)
        return myl_fail(MYL_ENOTCLAIMED,
                        "ring \"%s\": %" PRIu64 " bytes are leased and not released; release them before copying out",
                        segment->name, leased * MYL_CELL_ALIGN);
    int rc = myl_frame_consumer_next(consumer, message, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    if (message->length > bytes) {
        put_back(consumer, before, message);
        message->data = buffer;
        return myl_fail(MYL_EBUFFER,
                        "ring \"%s\": the next message has %" PRIu64 " bytes, the buffer %zu; call again with a larger "
                        "one",
                        segment->name, message->length, bytes);
    }
    if (message->length > 0)
        memcpy(buffer, message->data, (size_t)message->length);
    message->data = buffer;
    return myl_frame_consumer_release(consumer);
}

/* One message for the handler. */
static int hand_over(struct myl_frame_consumer *consumer, myl_message_handler handler, void *user, int64_t timeout_ns)
{
    myl_message message;
    uint64_t before = consumer->ring.hot.next;
    int rc = myl_frame_consumer_next(consumer, &message, timeout_ns);
    int code = rc == MYL_OK ? handler(&message, user) : 0;
    if (code == 0)
        return rc;
    put_back(consumer, before, &message);
    return myl_fail(MYL_EHANDLER, "the handler returned %d for a message of %" PRIu64 " bytes; it is not acknowledged",
                    code, message.length);
}

int myl_frame_consumer_drain(myl_frame_consumer *consumer, uint64_t most, myl_message_handler handler, void *user,
                             uint64_t *handled, int64_t timeout_ns)
{
    uint64_t share = segment_of(first_of(consumer))->head.capacity / DRAIN_SHARE;
    uint64_t pending = 0, done = 0;
    int rc, released = MYL_OK;
    do {
        rc = hand_over(consumer, handler, user, done + pending == 0 ? timeout_ns : MYL_TRY);
        pending += rc == MYL_OK;
        int full = rc == MYL_ELEASED && pending > 0; /* what is handled makes room for the next one */
        if (pending > 0 && (rc != MYL_OK || leased_by(consumer) >= share || done + pending == most)) {
            released = myl_frame_consumer_release(consumer);
            done += released == MYL_OK ? pending : 0;
            pending = 0;
        }
        rc = full ? MYL_OK : rc;
    } while (rc == MYL_OK && released == MYL_OK && done + pending != most);
    if (handled != NULL)
        *handled = done;
    if (released != MYL_OK)
        return released;
    return rc == MYL_EAGAIN && done > 0 ? MYL_OK : rc;
}

uint64_t myl_frame_consumer_skipped(const myl_frame_consumer *consumer)
{
    return consumer->lanes != NULL ? myl_lanes_skipped(consumer) : consumer->skipped;
}

int myl_frame_consumer_lane(const myl_frame_consumer *consumer, uint32_t lane, char id[MYL_ID_MAX + 1])
{
    const struct myl_segment *segment = segment_of(first_of(consumer));
    if (first_of(consumer)->ring.handle.forked)
        return myl_handle_forked(&first_of(consumer)->ring.handle);
    if (lane >= segment->head.lanes)
        return myl_fail(MYL_EINVAL, "ring \"%s\" has no lane %" PRIu32 "; it has %" PRIu32 ", counted from 0",
                        segment->name, lane, segment->head.lanes);
    struct myl_segment view = myl_segment_lane(segment, lane);
    myl_id_words(view.control->lane_id, id);
    myl_text_clean(id);
    return MYL_OK;
}

void myl_frame_consumer_interrupt(myl_frame_consumer *consumer)
{
    myl_frame_consumer *first = consumer->lanes != NULL ? myl_lanes_get(consumer, 0) : consumer;
    myl_consumer_interrupt(&first->ring); /* whoever waits in several lanes does so with the means of the first */
}

const myl_consumer *myl_frame_consumer_ring(const myl_frame_consumer *consumer)
{
    return &first_of(consumer)->ring;
}

void myl_frame_consumer_busy(myl_frame_consumer *consumer, const char *doing, int64_t patience_ns)
{
    struct myl_frame_consumer *lane;
    if (consumer->lanes == NULL)
        myl_consumer_busy(&consumer->ring, doing, patience_ns);
    for (uint32_t i = 0; consumer->lanes != NULL && (lane = myl_lanes_get(consumer, i)) != NULL; i++)
        myl_consumer_busy(&lane->ring, doing, patience_ns);
}

static int lives(const myl_peer *peer)
{
    return peer->state == MYL_PEER_ALIVE || peer->state == MYL_PEER_BUSY;
}

int myl_frame_consumer_peer(myl_frame_consumer *consumer, myl_peer *peer)
{
    struct myl_frame_consumer *lane;
    if (consumer->lanes == NULL)
        return myl_consumer_peer(&consumer->ring, peer);
    int rc = myl_consumer_peer(&myl_lanes_get(consumer, 0)->ring, peer);
    for (uint32_t i = 1; rc == MYL_OK && (lane = myl_lanes_get(consumer, i)) != NULL; i++) {
        myl_peer other;
        rc = myl_consumer_peer(&lane->ring, &other);
        uint64_t unread = peer->unread + other.unread;
        if (!lives(peer) && (lives(&other) || (peer->doing[0] == '\0' && other.doing[0] != '\0')))
            *peer = other;
        peer->unread = unread;
    }
    return rc;
}

/* --- open and close ------------------------------------------------------------------------------------------- */

static struct myl_frame_consumer *new_handle(void)
{
    struct myl_frame_consumer *made = calloc(1, sizeof *made);
    if (made == NULL)
        (void)myl_fail(MYL_ENOMEM, "no memory for a consumer's handle");
    return made;
}

void myl_frame_consumer_drop(struct myl_frame_consumer *consumer, void (*stop)(struct myl_consumer *ring))
{
    stop(&consumer->ring);
    free(consumer->part.buffer);
    free(consumer);
}

/* `rc`: how joining went. */
static int finish(struct myl_frame_consumer **consumer, struct myl_frame_consumer *made, int rc)
{
    if (rc == MYL_OK) {
        *consumer = made;
        return MYL_OK;
    }
    free(made->part.buffer);
    free(made);
    return rc;
}

/* Memory for fragments: before the join, since who is refused it behind that would have to leave. */
static int prepare(struct myl_consumer *ring, const void *options)
{
    struct myl_frame_consumer *consumer = (struct myl_frame_consumer *)(void *)ring; /* its first member */
    const myl_frame_consumer_options *o = options;
    free(consumer->part.buffer);
    consumer->part = (struct myl_partial){0};
    return myl_partial_set_up(&consumer->part, &segment_of(consumer)->head, o->max_message);
}

int myl_frame_consumer_join(struct myl_frame_consumer **consumer, const char *name, const myl_frame_consumer_options *o,
                            const myl_consumer_options *ring)
{
    struct myl_frame_consumer *made = new_handle();
    if (made == NULL)
        return MYL_ENOMEM;
    return finish(consumer, made, myl_consumer_start(&made->ring, name, ring, MYL_KIND_FRAMES, prepare, o));
}

int myl_frame_consumer_join_lane(struct myl_frame_consumer **consumer, const struct myl_frame_consumer *of,
                                 uint32_t lane, const myl_frame_consumer_options *o, const myl_consumer_options *ring)
{
    struct myl_frame_consumer *made = new_handle();
    if (made == NULL)
        return MYL_ENOMEM;
    made->keeps = 1;
    return finish(consumer, made, myl_consumer_start_lane(&made->ring, &of->ring, lane, ring, prepare, o));
}

int myl_frame_consumer_open(myl_frame_consumer **consumer, const char *name, const myl_frame_consumer_options *options)
{
    static const myl_frame_consumer_options defaults = {.size = sizeof defaults};
    const myl_frame_consumer_options *o = options == NULL ? &defaults : options;
    myl_consumer_options ring;
    struct myl_frame_consumer *made = NULL;
    *consumer = NULL;
    int rc = myl_frame_consumer_options_check(o, &ring);
    if (rc == MYL_OK)
        rc = myl_check_consumer_options(&ring);
    if (rc != MYL_OK)
        return rc;
    do { /* again only if the name was given to another ring between two lanes */
        rc = myl_frame_consumer_join(&made, name, o, &ring);
        if (rc == MYL_OK && segment_of(made)->head.lanes > 1)
            rc = myl_lanes_open(&made, made, o, &ring);
    } while (rc == MYL_EAGAIN);
    if (rc == MYL_OK)
        *consumer = made;
    return rc;
}

void myl_frame_consumer_close(myl_frame_consumer *consumer)
{
    if (consumer == NULL)
        return;
    if (consumer->lanes != NULL)
        myl_lanes_close(consumer);
    else
        myl_frame_consumer_drop(consumer, myl_consumer_stop);
}
