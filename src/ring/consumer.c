/* SPDX-License-Identifier: MIT
 * The consumer: leasing, releasing, waiting for events, opening and leaving. */
#include "ring/consumer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIVENESS_LEAST MYL_USEC(100)
#define APPEAR_NS      MYL_USEC(500)
/* Which share of the ring may be released without a fenced look at the room word. */
#define ROOM_SHARE     4
#define FIRST_LOOKS    64

/* --- waiting for events ------------------------------------------------------------------------------------- */

/* The stamp where we stand: does it publish anything? That of a record says that, and not how long it is. */
static int learn(struct myl_consumer *consumer, uint64_t stamp)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    uint64_t most = consumer->handle.segment.head.kind == MYL_KIND_FRAMES ? 1 : h->window;
    if (stamp - h->next - 1 >= most)
        return 0;
    consumer->waited += stamp - h->next;
    h->known = consumer->first_end = stamp;
    return 1;
}

/* Published further on, and not here: what was read last told a wrong length, or a stamp was damaged. */
static int hole(const struct myl_consumer *consumer, uint64_t next)
{
    return myl_fail(MYL_ECORRUPT,
                    "ring \"%s\": %" PRIu64 " is published, and nothing at %" PRIu64 "; the segment is damaged",
                    consumer->handle.segment.name, next, consumer->hot.next);
}

/* Nothing at the stamp: why? */
static int nothing_there(struct myl_consumer *consumer, uint64_t stamp)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    const struct myl_control *control = segment->control;
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (myl_load32_rlx(h->generation) != h->own_generation) /* A9 */
        return myl_fail(MYL_EEVICTED, "consumer \"%s\" of ring \"%s\" was evicted at event %" PRIu64 "; open it again",
                        consumer->joined.id, segment->name, h->next);
    if (myl_is_impossible(segment, stamp, h->next))
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the cell of event %" PRIu64 " is stamped %" PRIu64
                        ", though this consumer gates; the "
                        "segment is damaged",
                        segment->name, h->next, stamp);
    /* A15 superseded [acq]. Pairs: A14, stored by somebody who has seen the end of the stream, if it has one: what was
     * published and closed before is told first, so it is looked at before them. */
    uint32_t superseded = myl_load32_acq(&control->superseded);
    /* A16 closed [acq], protocol 7. Pairs: A44. The stamps are stored before it, so a stamp that is still missing
     * behind this load is missing for good. */
    uint64_t closed = myl_load_acq(&control->closed);
    int ended = closed != 0 && closed - 1 <= h->next;
    if (ended || superseded != 0) {
        stamp = myl_load_acq(myl_i_stamp(&h->lease)); /* A2 */
        if (learn(consumer, stamp))
            return MYL_OK;
    }
    if (ended)
        return myl_fail(MYL_ECLOSED, "ring \"%s\" was closed behind event %" PRId64 ", and all is read", segment->name,
                        (myl_sequence)closed - 2);
    if (superseded != 0)
        return myl_fail(MYL_ESUPERSEDED, "this session of ring \"%s\" was ended by force; open it again",
                        segment->name);
    return MYL_EAGAIN;
}

int myl_consumer_look(struct myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    uint64_t stamp = myl_load_acq(myl_i_stamp(&h->lease)); /* A2 */
    return learn(consumer, stamp) ? MYL_OK : nothing_there(consumer, stamp);
}

static int ready(void *context)
{
    return myl_consumer_look(context);
}

/* For tools: from when on this consumer waits. */
static void announce(struct myl_consumer *consumer)
{
    if (consumer->wait_began != 0)
        return;
    consumer->wait_began = myl_os_now();
    if (consumer->silent_since == 0 || consumer->silent_at != consumer->hot.next) {
        consumer->silent_since = consumer->wait_began;
        consumer->silent_at = consumer->hot.next;
    }
    myl_store_rlx(&consumer->entry->waiting, (uint64_t)consumer->silent_since); /* A66 */
}

void myl_consumer_end_wait(struct myl_consumer *consumer, int rc)
{
    struct myl_entry *entry = consumer->entry;
    if (rc == MYL_OK)
        consumer->silent_since = 0;
    if (consumer->wait_began == 0)
        return;
    uint64_t waited = (uint64_t)(myl_os_now() - consumer->wait_began);
    consumer->wait_began = 0;
    myl_store_rlx(&entry->waited, myl_load_rlx(&entry->waited) + waited); /* A40, our own counter */
    myl_store_rlx(&entry->waiting, 0); /* A66 */
}

int myl_consumer_overdue(struct myl_consumer *consumer)
{
    announce(consumer);
    uint64_t next = myl_load_acq(&consumer->handle.segment.control->next); /* A4: the stamps are stored before it */
    if (next > consumer->hot.next && myl_consumer_look(consumer) == MYL_EAGAIN)
        return hole(consumer, next);
    return MYL_EAGAIN;
}

static int overdue(void *context)
{
    struct myl_consumer *consumer = context;
    int rc = myl_consumer_overdue(consumer);
    if (rc != MYL_EAGAIN || consumer->on_death == MYL_DEATH_WAIT)
        return rc;
    return myl_ask_for_producer(&consumer->handle.segment, consumer->hot.next, ready, consumer);
}

static void tell_room(struct myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    uint64_t before = consumer->room_told;
    consumer->room_told = h->acknowledged;
    h->room_check = h->acknowledged + consumer->handle.segment.head.capacity / ROOM_SHARE;
    (void)myl_park_room_slow(&consumer->handle.segment.control->room, before, h->acknowledged);
}

void myl_consumer_before_park(struct myl_consumer *consumer)
{
    /* A40, our own counter. */
    myl_store_rlx(&consumer->entry->parks, myl_load_rlx(&consumer->entry->parks) + 1);
    announce(consumer);
}

static void before_park(void *context)
{
    myl_consumer_before_park(context);
}

/* The first microsecond of a wait: nothing but looks, so that little stands between the stamp's arrival and its being
 * seen. What else there is to ask can wait for so long. */
static int arrives_soon(struct myl_consumer *consumer)
{
    for (unsigned i = 0; i < FIRST_LOOKS; i++) {
        if (learn(consumer, myl_load_acq(myl_i_stamp(&consumer->hot.lease)))) /* A2 */
            return 1;
        myl_os_pause();
    }
    return 0;
}

int myl_consumer_wait(struct myl_consumer *consumer, int64_t timeout_ns)
{
    const struct myl_header *head = &consumer->handle.segment.head;
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    int may_wait = timeout_ns != MYL_TRY;
    if (myl_stream_look(consumer, may_wait) || (may_wait && arrives_soon(consumer))) {
        consumer->silent_since = 0;
        return MYL_OK;
    }
    int rc = ready(consumer);
    if (rc != MYL_EAGAIN)
        return rc;
    if (h->next >= h->acknowledged / head->events_per_cell * head->events_per_cell + head->capacity)
        return myl_fail(MYL_ELEASED,
                        "all %" PRIu64 " events of ring \"%s\" are leased; release them, the producer waits for that",
                        h->next - h->acknowledged, consumer->handle.segment.name);
    if (consumer->room_told != h->acknowledged)
        tell_room(consumer); /* A11: always fenced before a wait */
    if (timeout_ns == MYL_TRY)
        return MYL_EAGAIN;
    int parks = (head->flags & MYL_FLAG_SPIN_ONLY) == 0;
    struct myl_wait_site site = {
        .context = consumer,
        .ready = ready,
        .overdue = overdue,
        .before_park = before_park,
        .liveness_ns = consumer->liveness_ns,
        .liveness_most_ns = consumer->liveness_most_ns,
        .park = parks ? consumer->handle.segment.data_park : NULL,
        .mode = MYL_PARK_LAZY,
    };
    rc = myl_wait(&consumer->handle.waiter, &site, timeout_ns);
    myl_consumer_end_wait(consumer, rc);
    return rc;
}

int myl_i_next_slow(myl_consumer *consumer, const void **event, int64_t timeout_ns)
{
    MYL_STEP("N1");
    int rc = myl_consumer_wait(consumer, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    struct myl_i_consumer_hot *h = &consumer->hot;
    *event = h->lease.event;
    h->next++;
    myl_i_walk_step(&h->lease, &h->ring);
    return MYL_OK;
}

/* Follows the publishes from `known` on, for up to `most` events in a row. */
static void look_ahead(struct myl_i_consumer_hot *h, uint64_t most)
{
    size_t step = h->ring.per_cell > 1 ? 0 : h->ring.cell_size;
    if (h->front != NULL)
        return; /* what `next` said is all that is looked at */
    while (h->known - h->next < most) {
        const void *cell = h->lease.cell + (h->known - h->next) * step;
        uint64_t stamp = myl_load_acq((const myl_au64 *)cell); /* A2 */
        if (stamp - h->known - 1 >= h->window)
            return;
        h->known = stamp;
    }
}

int myl_i_next_run_slow(myl_consumer *consumer, uint64_t most, myl_run *run, int64_t timeout_ns)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (most == 0)
        return myl_fail(MYL_EINVAL, "a run of 0 events was asked for; ask for at least 1");
    if (h->next >= h->known) {
        int rc = myl_consumer_wait(consumer, timeout_ns);
        if (rc != MYL_OK)
            return rc;
    }
    uint64_t row = myl_i_row(h);
    most = most < row ? most : row;
    look_ahead(h, most);
    uint64_t known = h->known - h->next;
    myl_i_lease_row(h, known < most ? known : most, run);
    return MYL_OK;
}

int myl_i_release_slow(myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    if (myl_load32_rlx(h->generation) != h->own_generation) /* A9 */
        return myl_fail(MYL_EEVICTED,
                        "consumer \"%s\" of ring \"%s\" was evicted at event %" PRIu64 ", and its %" PRIu64
                        " leased events are not acknowledged; open it again",
                        consumer->joined.id, consumer->handle.segment.name, h->acknowledged, h->next - h->acknowledged);
    h->acknowledged = h->next;
    tell_room(consumer);
    myl_stream_check(consumer);
    return MYL_OK;
}

void myl_consumer_rewind(myl_consumer *consumer)
{
    if (consumer->handle.forked)
        return;
    consumer->hot.next = consumer->hot.acknowledged;
    consumer->hot.lease = myl_walk_from(&consumer->handle.segment, consumer->hot.next);
}

int myl_consumer_get(myl_consumer *consumer, void *event, size_t bytes, int64_t timeout_ns)
{
    const void *from;
    uint32_t size = consumer->handle.segment.head.event_bytes;
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    if (consumer->hot.next != consumer->hot.acknowledged)
        return myl_fail(MYL_ENOTCLAIMED,
                        "ring \"%s\": %" PRIu64 " leased events are not released; release them before copying out",
                        consumer->handle.segment.name, consumer->hot.next - consumer->hot.acknowledged);
    int rc = myl_consumer_next(consumer, &from, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    memcpy(event, from, bytes < size ? bytes : size);
    return myl_consumer_release(consumer);
}

myl_sequence myl_consumer_position(const myl_consumer *consumer)
{
    return (myl_sequence)consumer->hot.next - 1;
}

myl_sequence myl_consumer_acknowledged(const myl_consumer *consumer)
{
    return (myl_sequence)consumer->hot.acknowledged - 1;
}

uint64_t myl_consumer_available(const myl_consumer *consumer)
{
    if (consumer->handle.forked)
        return 0;
    uint64_t next = myl_load_acq(&consumer->handle.segment.control->next); /* A4 */
    return next > consumer->hot.next ? next - consumer->hot.next : 0;
}

int myl_consumer_joined(const myl_consumer *consumer, myl_joined *joined)
{
    *joined = consumer->joined;
    return MYL_OK;
}

void myl_consumer_interrupt(myl_consumer *consumer)
{
    if (!consumer->handle.forked)
        myl_waiter_interrupt(&consumer->handle.waiter, consumer->handle.segment.data_park);
}

int myl_consumer_info(const myl_consumer *consumer, myl_info *info)
{
    int rc = myl_check_options(info, info->size, sizeof *info, "myl_info");
    if (rc == MYL_OK)
        myl_segment_info(&consumer->handle.segment, info);
    return rc;
}

int myl_consumer_fd(const myl_consumer *consumer, int *fd)
{
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    return myl_segment_duplicate(&consumer->handle.segment, fd);
}

/* --- open and close --------------------------------------------------------------------------------------- */

int myl_check_consumer_options(const myl_consumer_options *o)
{
    int rc = myl_check_options(o, o->size, sizeof *o, "myl_consumer_options");
    if (rc == MYL_OK && o->id != NULL && o->prefix != NULL)
        rc = myl_fail(MYL_EID, "both the id \"%s\" and the prefix \"%s\" are given; give one", o->id, o->prefix);
    if (rc == MYL_OK && o->id != NULL)
        rc = myl_check_id(o->id, MYL_ID_MAX);
    if (rc == MYL_OK && o->prefix != NULL)
        rc = myl_check_id(o->prefix, MYL_ID_MAX - 5);
    if (rc == MYL_OK && ((unsigned)o->start > MYL_START_NOW || (unsigned)o->backend > MYL_BACKEND_MEMFD))
        rc = myl_fail(MYL_EINVAL, "start %d or back end %d is none of the known ones", (int)o->start, (int)o->backend);
    if (rc == MYL_OK && o->cpu < 0)
        rc = myl_fail(MYL_EINVAL, "cpu %d is not a CPU's number + 1; 0 pins to none", o->cpu);
    if (rc == MYL_OK)
        rc = myl_memory_check(&o->memory);
    if (rc == MYL_OK && o->liveness_ns != 0 && o->liveness_ns < LIVENESS_LEAST)
        rc = myl_fail(MYL_EINVAL, "liveness_ns %" PRId64 " is below 100 us", o->liveness_ns);
    if (rc == MYL_OK && o->role != NULL)
        rc = myl_role_check(o->role);
    return rc;
}

static int check_expectations(const struct myl_segment *segment, const myl_consumer_options *o, uint32_t kind)
{
    const struct myl_header *head = &segment->head;
    int rc = myl_check_kind(segment, kind);
    if (rc != MYL_OK)
        return rc;
    if (o->event_size != 0 && o->event_size != head->event_bytes)
        return myl_fail(MYL_EEVENTSIZE,
                        "ring \"%s\" has events of %" PRIu32 " bytes, %" PRIu32 " were expected; build both sides from "
                        "the same event structure",
                        segment->name, head->event_bytes, o->event_size);
    if (o->event_align != 0 && o->event_align != head->event_align)
        return myl_fail(MYL_EALIGN, "ring \"%s\" aligns events to %" PRIu32 ", %" PRIu32 " was expected", segment->name,
                        head->event_align, o->event_align);
    if (o->type_id != 0 && o->type_id != head->type_id)
        return myl_fail(MYL_ETYPE, "ring \"%s\" carries type %016" PRIx64 ", %016" PRIx64 " was expected",
                        segment->name, head->type_id, o->type_id);
    return MYL_OK;
}

int64_t myl_attach_deadline(const myl_consumer_options *o)
{
    int64_t now = myl_os_now();
    return myl_deadline(now, o->attach_timeout_ns);
}

int myl_attach(struct myl_segment *segment, const char *name, const myl_consumer_options *o, uint32_t kind,
               uint32_t lane, int64_t until)
{
    struct myl_segment_open how = {.backend = o->backend,
                                   .name = name,
                                   .fd = o->fd,
                                   .any_owner = o->any_owner,
                                   .lane = lane};
    for (;;) {
        int rc = myl_segment_find(segment, &how);
        if (rc == MYL_OK) {
            MYL_STEP("AT1");
            rc = check_expectations(segment, o, kind);
            if (rc == MYL_OK)
                rc = myl_segment_map(segment, 1, 0);
            if (rc == MYL_OK)
                rc = myl_segment_place(segment, &o->memory, o->cpu);
            MYL_STEP("AT2");
            if (rc != MYL_OK)
                myl_segment_close(segment);
            return rc;
        }
        if (rc != MYL_ENOTFOUND || myl_os_now() >= until)
            return rc;
        myl_os_sleep(APPEAR_NS);
    }
}

static void in_child(struct myl_os_fork_node *node)
{
    struct myl_consumer *consumer =
        (struct myl_consumer *)(void *)((char *)node - offsetof(struct myl_consumer, handle.fork_node));
    consumer->handle.forked = 1;
    consumer->hot.known = 0;
    consumer->hot.front = NULL;
    consumer->hot.lease.cell = (unsigned char *)&consumer->no_stamp;
    consumer->hot.generation = &consumer->no_generation;
    consumer->no_generation.v = consumer->hot.own_generation + 1;
    myl_segment_forked(&consumer->handle.segment);
}

/* Up to where it is published, for who begins at `from`: a place where a publish ended. */
static uint64_t published_end(const struct myl_segment *segment, uint64_t from)
{
    uint64_t end = myl_load_acq(&segment->control->next); /* A4. Pairs: A3 */
    uint64_t before;
    do { /* a dead producer may have stored the stamp and not `next` */
        before = end;
    } while (end < from && myl_published_end(segment, before, &end) == MYL_OK && end != before);
    return end - from <= segment->head.capacity ? end : from;
}

static void start_hot(struct myl_consumer *consumer, const myl_consumer_options *o)
{
    struct myl_segment *segment = &consumer->handle.segment;
    struct myl_i_consumer_hot *h = &consumer->hot;
    h->next = h->acknowledged = consumer->room_told = consumer->joined.start;
    h->ring = myl_geometry(segment);
    h->lease = myl_walk_from(segment, h->next);
    h->window = segment->head.capacity;
    h->known = consumer->first_end = published_end(segment, h->next);
    consumer->checked_at = h->next;
    h->room_check = h->next + segment->head.capacity / ROOM_SHARE;
    h->cursor = &consumer->entry->cursor;
    h->generation = &consumer->entry->generation;
    h->room = &segment->control->room.word;
    consumer->on_death = o->on_death;
    consumer->peer_epoch = myl_load32_acq(&segment->control->epoch); /* A25 */
    consumer->peer_next = myl_load_acq(&segment->control->next);     /* A4 */
    consumer->peer_since = myl_os_now();
    consumer->liveness_ns = o->liveness_ns == 0 ? MYL_CONSUMER_LIVENESS_NS : o->liveness_ns;
    consumer->liveness_most_ns = o->liveness_ns == 0 ? MYL_CONSUMER_LIVENESS_MOST_NS : o->liveness_ns;
}

static int set_up(struct myl_consumer *consumer, const char *name, const myl_consumer_options *o, uint32_t kind,
                  myl_prepare *prepare, const void *context)
{
    int64_t until = myl_attach_deadline(o);
    /* Everything that can be refused comes before the join: who fails behind it would have to leave, and give up what
     * its predecessor, which died, had still to read. */
    int rc = myl_handle_arm(&consumer->handle, &o->wait, in_child);
    if (rc != MYL_OK)
        return rc;
    do { /* again only if the name was given to another segment in between */
        rc = myl_attach(&consumer->handle.segment, name, o, kind, 0, until);
        if (rc == MYL_OK && prepare != NULL)
            rc = prepare(consumer, context);
        if (rc != MYL_OK)
            return rc;
        rc = myl_join(consumer, o);
        if (rc == MYL_EAGAIN)
            myl_segment_close(&consumer->handle.segment);
    } while (rc == MYL_EAGAIN);
    if (rc == MYL_OK)
        start_hot(consumer, o);
    return rc;
}

int myl_consumer_start(struct myl_consumer *consumer, const char *name, const myl_consumer_options *o, uint32_t kind,
                       myl_prepare *prepare, const void *context)
{
    consumer->handle.segment.fd = -1;
    int rc = set_up(consumer, name, o, kind, prepare, context);
    if (rc == MYL_OK)
        return MYL_OK;
    if (consumer->entry != NULL && consumer->handle.segment.control != NULL)
        myl_leave(consumer);
    myl_handle_disarm(&consumer->handle);
    return rc;
}

int myl_consumer_start_lane(struct myl_consumer *consumer, const struct myl_consumer *first, uint32_t lane,
                            const myl_consumer_options *options, myl_prepare *prepare, const void *context)
{
    myl_consumer_options o = *options;
    struct myl_segment *segment = &consumer->handle.segment;
    o.id = first->joined.id;
    o.prefix = NULL;
    int rc = myl_handle_arm(&consumer->handle, &o.wait, in_child);
    if (rc == MYL_OK)
        rc = myl_segment_share(segment, &first->handle.segment, lane, 0);
    else
        segment->fd = -1;
    if (rc == MYL_OK)
        rc = myl_segment_place(segment, &o.memory, 0);
    if (rc == MYL_OK && prepare != NULL)
        rc = prepare(consumer, context);
    if (rc == MYL_OK)
        rc = myl_join(consumer, &o);
    if (rc == MYL_OK)
        start_hot(consumer, &o);
    else
        myl_handle_disarm(&consumer->handle);
    return rc;
}

void myl_consumer_abandon(struct myl_consumer *consumer)
{
    if (!consumer->inherited && !consumer->handle.forked)
        myl_unjoin(consumer);
    myl_handle_disarm(&consumer->handle);
}

void myl_consumer_stop(struct myl_consumer *consumer)
{
    if (!consumer->handle.forked)
        myl_leave(consumer);
    myl_handle_disarm(&consumer->handle);
}

int myl_consumer_open(myl_consumer **consumer, const char *name, const myl_consumer_options *options)
{
    static const myl_consumer_options defaults = {.size = sizeof defaults};
    const myl_consumer_options *o = options == NULL ? &defaults : options;
    *consumer = NULL;
    int rc = myl_check_consumer_options(o);
    if (rc != MYL_OK)
        return rc;
    myl_consumer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a consumer's handle");
    rc = myl_consumer_start(made, name, o, MYL_KIND_EVENTS, NULL, NULL);
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    *consumer = made;
    return MYL_OK;
}

void myl_consumer_close(myl_consumer *consumer)
{
    if (consumer != NULL)
        myl_consumer_stop(consumer);
    free(consumer);
}
