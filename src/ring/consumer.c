/* SPDX-License-Identifier: MIT
 * A consumer: lease, release, wait for events. Opening is in consumer_open.c. */
#include "ring/consumer.h"

#include "base/error.h"
#include "base/options.h"
#include "registry/participant.h"
#include "ring/cells.h"
#include "ring/divert.h"
#include "ring/handle.h"
#include "ring/peer.h"
#include "ring/stream.h"
#include "segment/lock.h"
#include "segment/table.h"
#include "segment/ticket.h"

#include <inttypes.h>
#include <string.h>

#define FIRST_CHECKS    64

/* --- waiting for events ------------------------------------------------------------------------------------------- */

/* Does `stamp`, of the cell at hot.next, publish an event? Then updates hot.known. The stamp of a record publishes one
 * record and does not contain its length. */
static bool learn(struct myl_consumer *consumer, uint64_t stamp)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (stamp - h->next - 1 >= consumer->span)
        return false;
    consumer->waited += stamp - h->next;
    h->known = consumer->first_end = stamp;
    return true;
}

/* `next` is beyond hot.next, but no stamp is there: the last record's length is corrupt, or a stamp is damaged. */
static int hole(const struct myl_consumer *consumer, uint64_t next)
{
    return myl_fail(MYL_ECORRUPT,
                    "ring \"%s\": %" PRIu64 " is the next position, but nothing is published at %" PRIu64
                    ", so the segment is damaged; remove the ring",
                    consumer->handle.segment.name, next, consumer->hot.next);
}

/* Called if the stamp at hot.next publishes nothing. Returns MYL_OK if the event has been published since, MYL_EAGAIN
 * if it may still be, else the reason why it never will be. */
static int check_end_of_stream(struct myl_consumer *consumer, uint64_t stamp)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    const struct myl_control *control = segment->control;
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (myl_load32_rlx(h->generation) != h->own_generation) /* A9 */
        return myl_fail(MYL_EEVICTED, "consumer \"%s\" of ring \"%s\" was evicted at event %" PRIu64 "; open it again",
                        consumer->joined.id, segment->name, h->next);
    if (segment->cells->is_impossible(segment, stamp, h->next))
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the cell of event %" PRIu64 " has stamp %" PRIu64
                        ", although this consumer gates, so the segment is damaged; remove the ring",
                        segment->name, h->next, stamp);
    /* A15 superseded [acq], loaded before `closed`. Pairs: A14, whose writer had observed the end of the stream, if
     * there is one. So the events and the end that precede it are reported first. */
    uint32_t superseded = myl_load32_acq(&control->superseded);
    /* A16 closed [acq], protocol 7. Pairs: A44. The stamps are stored before it: a stamp that is missing after this
     * load will never be stored. */
    uint64_t closed = myl_load_acq(&control->closed);
    int ended = closed != 0 && closed - 1 <= h->next;
    if (ended || superseded != 0) {
        stamp = myl_load_acq(myl_i_stamp(&h->lease)); /* A2 */
        if (learn(consumer, stamp))
            return MYL_OK;
    }
    if (ended)
        return myl_fail(MYL_ECLOSED, "ring \"%s\" was closed after event %" PRId64 ", and all events are read",
                        segment->name, (myl_sequence)closed - 2);
    if (superseded != 0)
        return myl_fail(MYL_ESUPERSEDED, "this session of ring \"%s\" was ended by force; open it again",
                        segment->name);
    return MYL_EAGAIN;
}

int myl_consumer_check(struct myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    uint64_t stamp = myl_load_acq(myl_i_stamp(&h->lease)); /* A2 */
    return learn(consumer, stamp) ? MYL_OK : check_end_of_stream(consumer, stamp);
}

static int check(void *context)
{
    return myl_consumer_check(context);
}

static int ask_for_producer(struct myl_consumer *consumer)
{
    uint32_t epoch;
    int rc = myl_ask_for_producer(&consumer->handle.segment, consumer->hot.next, check, consumer, &epoch);
    if (rc == MYL_EPRODUCERLEFT)
        consumer->left_reported = epoch;
    return rc;
}

/* Reports that the producer left without closing: at once. The next wait then waits for a new producer, up to its
 * liveness check, which reports it again. */
static int ready(void *context)
{
    struct myl_consumer *consumer = context;
    int rc = myl_consumer_check(consumer);
    if (rc != MYL_EAGAIN || consumer->on_death == MYL_DEATH_WAIT ||
        !myl_producer_has_left(&consumer->handle.segment, consumer->left_reported))
        return rc;
    return ask_for_producer(consumer);
}

/* Announces the start of this wait to tools. */
static void announce(struct myl_consumer *consumer)
{
    if (consumer->wait_began != 0)
        return;
    consumer->wait_began = myl_os_now();
    if (consumer->silent_since == 0 || consumer->silent_at != consumer->hot.next) {
        consumer->silent_since = consumer->wait_began;
        consumer->silent_at = consumer->hot.next;
    }
    myl_participant_begin_wait(consumer->member.entry, consumer->silent_since);
}

void myl_consumer_end_wait(struct myl_consumer *consumer, int rc)
{
    if (rc == MYL_OK)
        consumer->silent_since = 0;
    if (rc == MYL_ETIMEDOUT)
        myl_participant_count(consumer->member.entry, MYL_COUNTER_TIMEOUTS, 1);
    if (consumer->wait_began == 0)
        return;
    int64_t began = consumer->wait_began;
    consumer->wait_began = 0;
    myl_participant_end_wait(consumer->member.entry, myl_os_now() - began);
}

/* --- leases and waits --------------------------------------------------------------------------------------------- */

/* Invariant: no two living participants wait for each other for ever.
 *
 * A consumer that has no event to read may wait while it holds leases, unless the producer needs their release. The
 * producer announces the cursor that it needs whenever a call finds no room: a claim, a batch, a fragment,
 * wait_consumed, with any timeout. It announces 0 when a call finds room. So a producer that polls counts as waiting.
 * The announced cursor is at most what is published, so releasing all leases satisfies it. The consumer checks the word
 * before it waits and at each liveness check, so it returns whichever of the two waits first. */
static bool is_waited_for(const struct myl_consumer *consumer)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    const struct myl_i_consumer_hot *h = &consumer->hot;
    if (h->next == h->acknowledged)
        return false;
    uint64_t needed = myl_load_rlx(&myl_segment_producer(segment)->waits_for); /* A66 */
    /* Ignore the announcement of a dead producer: it remains until a successor takes over. */
    return needed > h->acknowledged && myl_lock_held(segment, MYL_LOCK_PRODUCER) != 0;
}

/* Are fewer than `free` sequences of the ring unleased? */
static bool leases_all_but(const struct myl_consumer *consumer, uint64_t free)
{
    const struct myl_header *head = consumer->handle.segment.head;
    const struct myl_i_consumer_hot *h = &consumer->hot;
    return h->next + free > h->acknowledged / head->events_per_cell * head->events_per_cell + head->capacity;
}

static int must_release(const struct myl_consumer *consumer)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    uint64_t leased = consumer->hot.next - consumer->hot.acknowledged;
    char amount[MYL_COUNT_TEXT];
    return myl_fail(MYL_ELEASED,
                    "ring \"%s\": consumer \"%s\" cannot wait: the producer is blocked by its lease of %s; release "
                    "them first",
                    segment->name, consumer->joined.id,
                    myl_count_text(leased * segment->cells->unit_bytes, segment->cells->unit, amount));
}

int myl_consumer_may_wait(const struct myl_consumer *consumer)
{
    /* With fewer than `need` unleased sequences the producer cannot publish anything before a release. */
    return is_waited_for(consumer) || leases_all_but(consumer, consumer->handle.segment.cells->need)
               ? must_release(consumer)
               : MYL_OK;
}

int myl_consumer_overdue(struct myl_consumer *consumer)
{
    announce(consumer);
    myl_participant_count(consumer->member.entry, MYL_COUNTER_LIVENESS_CHECKS, 1);
    uint64_t next = myl_load_acq(&consumer->handle.segment.control->next); /* A4: the stamps are stored before it */
    if (next > consumer->hot.next && myl_consumer_check(consumer) == MYL_EAGAIN)
        return hole(consumer, next);
    return is_waited_for(consumer) ? must_release(consumer) : MYL_EAGAIN;
}

static int overdue(void *context)
{
    struct myl_consumer *consumer = context;
    int rc = myl_consumer_overdue(consumer);
    if (rc != MYL_EAGAIN || consumer->on_death == MYL_DEATH_WAIT)
        return rc;
    return ask_for_producer(consumer);
}

static void check_room_word(struct myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    uint64_t before = consumer->room_checked;
    consumer->room_checked = h->acknowledged;
    h->room_check = h->acknowledged + consumer->handle.segment.head->capacity / MYL_ROOM_SHARE;
    if (myl_park_room_slow(&consumer->handle.segment.control->room, before, h->acknowledged))
        myl_participant_count(consumer->member.entry, MYL_COUNTER_WAKES, 1);
}

void myl_consumer_before_park(struct myl_consumer *consumer)
{
    myl_participant_count(consumer->member.entry, MYL_COUNTER_PARKS, 1);
    announce(consumer);
}

static void before_park(void *context)
{
    myl_consumer_before_park(context);
}

static int timed_out(void *context, int64_t timeout_ns)
{
    const struct myl_consumer *consumer = context;
    const struct myl_segment *segment = &consumer->handle.segment;
    char time[MYL_TIME_TEXT], producer[MYL_PRODUCER_TEXT];
    return myl_fail(MYL_ETIMEDOUT, "ring \"%s\": %s %" PRIu64 " was not published within %s; %s", segment->name,
                    segment->cells->position, consumer->hot.next, myl_time_text(timeout_ns, time),
                    myl_producer_text(segment, producer));
}

/* Polls only the stamp, for about a microsecond, for the lowest latency. All other checks follow later. */
static bool arrives_soon(struct myl_consumer *consumer)
{
    for (unsigned i = 0; i < FIRST_CHECKS; i++) {
        if (learn(consumer, myl_load_acq(myl_i_stamp(&consumer->hot.lease)))) /* A2 */
            return true;
        myl_os_pause();
    }
    return false;
}

void myl_consumer_wake_producer(struct myl_consumer *consumer)
{
    if (consumer->room_checked != consumer->hot.acknowledged)
        check_room_word(consumer); /* A11: always with a fence before a wait */
}

int myl_consumer_wait(struct myl_consumer *consumer, struct myl_timeout *timeout)
{
    const struct myl_header *head = consumer->handle.segment.head;
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    int may_wait = timeout->ns != MYL_TRY && !myl_timeout_is_over(timeout);
    bool checks_liveness = consumer->checks_liveness;
    consumer->checks_liveness = false;
    if (myl_stream_poll(consumer, may_wait) || (may_wait && arrives_soon(consumer))) {
        consumer->silent_since = 0;
        return MYL_OK;
    }
    int rc = myl_consumer_check(consumer);
    if (rc != MYL_EAGAIN)
        return rc;
    /* MYL_TRY may be called with leases, so that a caller can read everything and then release. MYL_ELEASED only if the
     * whole ring is leased, since nothing more can arrive then. */
    if (may_wait || checks_liveness)
        rc = myl_consumer_may_wait(consumer);
    else
        rc = leases_all_but(consumer, 1) ? must_release(consumer) : MYL_OK;
    if (rc != MYL_OK)
        return rc;
    myl_consumer_wake_producer(consumer);
    rc = checks_liveness ? overdue(consumer) : MYL_EAGAIN;
    if (rc != MYL_EAGAIN || timeout->ns == MYL_TRY) {
        if (rc == MYL_EAGAIN)
            myl_participant_count(consumer->member.entry, MYL_COUNTER_EMPTY, 1);
        myl_consumer_end_wait(consumer, rc);
        return rc;
    }
    int parks = (head->flags & MYL_FLAG_SPIN_ONLY) == 0;
    struct myl_wait_site site = {
        .context = consumer,
        .ready = ready,
        .overdue = overdue,
        .before_park = before_park,
        .timed_out = timed_out,
        .liveness_ns = consumer->liveness_ns,
        .liveness_most_ns = consumer->liveness_most_ns,
        .park = parks ? consumer->handle.segment.data_park : NULL,
        .mode = MYL_PARK_LAZY,
    };
    rc = myl_wait(&consumer->handle.waiter, &site, timeout);
    myl_consumer_end_wait(consumer, rc);
    return rc;
}

/* --- as one of several -------------------------------------------------------------------------------------------- */

static void keep_found(struct myl_consumer *consumer, bool found)
{
    consumer->checks_liveness = found;
    consumer->found_at = consumer->hot.acknowledged;
}

bool myl_consumer_is_ready(struct myl_consumer *consumer)
{
    const struct myl_i_consumer_hot *h = &consumer->hot;
    bool found = consumer->checks_liveness && consumer->found_at == h->acknowledged;
    if (consumer->handle.forked || found || h->next < h->known)
        return true;
    int rc = ready(consumer);
    /* What the check finds remains in the ring. That the producer left is reported once, so it is found again. */
    keep_found(consumer, rc == MYL_EPRODUCERLEFT || rc == MYL_EPRODUCERDEAD);
    return rc != MYL_EAGAIN || leases_all_but(consumer, 1);
}

bool myl_consumer_is_overdue(struct myl_consumer *consumer)
{
    keep_found(consumer, !consumer->handle.forked && overdue(consumer) != MYL_EAGAIN);
    return consumer->checks_liveness;
}

static bool source_ready(void *context)
{
    return myl_consumer_is_ready(context);
}

static bool source_overdue(void *context)
{
    return myl_consumer_is_overdue(context);
}

void myl_consumer_begin(struct myl_consumer *consumer)
{
    if (consumer->handle.forked)
        return;
    myl_consumer_wake_producer(consumer);
    if (myl_consumer_may_wait(consumer) != MYL_OK)
        keep_found(consumer, true);
}

static void source_begin(void *context)
{
    myl_consumer_begin(context);
}

static void source_end(void *context, bool is_ready)
{
    myl_consumer_end_wait(context, is_ready ? MYL_OK : MYL_EAGAIN);
}

void myl_consumer_source(struct myl_consumer *consumer, struct myl_wait_source *source)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    *source = (struct myl_wait_source){
        .context = consumer,
        .ready = source_ready,
        .overdue = source_overdue,
        .begin = source_begin,
        .before_park = before_park,
        .end = source_end,
        .liveness_ns = &consumer->liveness_ns,
        .liveness_most_ns = &consumer->liveness_most_ns,
        .park = (segment->head->flags & MYL_FLAG_SPIN_ONLY) == 0 ? segment->data_park : NULL,
        .mode = MYL_PARK_LAZY,
    };
}

int myl_i_next_slow(myl_consumer *consumer, const void **event, int64_t timeout_ns)
{
    MYL_STEP("N1");
    struct myl_timeout timeout = {.ns = timeout_ns};
    int rc = myl_consumer_wait(consumer, &timeout);
    if (rc != MYL_OK)
        return rc;
    struct myl_i_consumer_hot *h = &consumer->hot;
    *event = h->lease.event;
    h->next++;
    myl_i_iterator_step(&h->lease, &h->ring);
    return MYL_OK;
}

/* Reads stamps from hot.known on, until `most` contiguous events are known to be published. */
static void scan_ahead(struct myl_consumer *consumer, uint64_t most)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    size_t step = h->ring.per_cell > 1 ? 0 : h->ring.cell_size;
    if ((consumer->diverted & MYL_DIVERT_STREAM) != 0)
        return; /* `next` is the only source in a stream */
    while (h->known - h->next < most) {
        const void *cell = h->lease.cell + (h->known - h->next) * step;
        uint64_t stamp = myl_load_acq((const myl_au64 *)cell); /* A2 */
        if (stamp - h->known - 1 >= h->window)
            return;
        h->known = stamp;
    }
}

int myl_i_next_span_slow(myl_consumer *consumer, uint64_t most, myl_span *span, int64_t timeout_ns)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (most == 0)
        return myl_fail(MYL_EINVAL, "the requested span has 0 events; request at least 1");
    if (h->next >= h->known) {
        struct myl_timeout timeout = {.ns = timeout_ns};
        int rc = myl_consumer_wait(consumer, &timeout);
        if (rc != MYL_OK)
            return rc;
    }
    uint64_t contiguous = myl_i_contiguous(h);
    most = most < contiguous ? most : contiguous;
    scan_ahead(consumer, most);
    uint64_t known = h->known - h->next;
    myl_i_lease_contiguous(h, known < most ? known : most, span);
    return MYL_OK;
}

/* Completes a release. The cursor is stored already, unless this consumer was evicted or is a fork child's copy. */
static int end_release(struct myl_consumer *consumer, uint64_t cursor)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    if (myl_load32_rlx(h->generation) != h->own_generation) /* A9 */
        return myl_fail(MYL_EEVICTED,
                        "consumer \"%s\" of ring \"%s\" was evicted at event %" PRIu64 ", so its %" PRIu64
                        " leased events are not acknowledged; open it again",
                        consumer->joined.id, consumer->handle.segment.name, h->acknowledged, h->next - h->acknowledged);
    h->acknowledged = cursor;
    check_room_word(consumer);
    myl_stream_check(consumer);
    return MYL_OK;
}

int myl_i_release_slow(myl_consumer *consumer)
{
    return end_release(consumer, consumer->hot.next);
}

int myl_i_release_to_slow(myl_consumer *consumer, myl_sequence sequence)
{
    const struct myl_i_consumer_hot *h = &consumer->hot;
    if (sequence >= (myl_sequence)h->next && !consumer->handle.forked)
        return myl_fail(MYL_ENOTCLAIMED,
                        "ring \"%s\": event %" PRId64 " is not leased; the last event that consumer \"%s\" has leased "
                        "is %" PRId64,
                        consumer->handle.segment.name, sequence, consumer->joined.id, (myl_sequence)h->next - 1);
    uint64_t cursor = sequence < (myl_sequence)h->acknowledged ? h->acknowledged : (uint64_t)sequence + 1;
    return end_release(consumer, cursor);
}

void myl_consumer_seek(struct myl_consumer *consumer, uint64_t next)
{
    if (consumer->handle.forked)
        return;
    consumer->hot.next = next;
    consumer->hot.lease = myl_iterator_at(&consumer->handle.segment, next);
}

void myl_consumer_rewind(myl_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    myl_consumer_seek(consumer, consumer->hot.acknowledged);
}

int myl_consumer_get(myl_consumer *consumer, void *event, size_t bytes, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    const void *from;
    uint32_t size = consumer->handle.segment.head->event_bytes;
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    if (consumer->hot.next != consumer->hot.acknowledged)
        return myl_fail(MYL_ENOTCLAIMED,
                        "ring \"%s\": %" PRIu64 " events are leased; release them before myl_consumer_get",
                        consumer->handle.segment.name, consumer->hot.next - consumer->hot.acknowledged);
    int rc = myl_consumer_next(consumer, &from, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    memcpy(event, from, bytes < size ? bytes : size);
    return myl_consumer_release(consumer);
}

myl_sequence myl_consumer_last_leased(const myl_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    return (myl_sequence)consumer->hot.next - 1;
}

myl_sequence myl_consumer_last_acknowledged(const myl_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    return (myl_sequence)consumer->hot.acknowledged - 1;
}

int myl_consumer_joined(const myl_consumer *consumer, myl_joined *joined)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(joined);
    return myl_result_give(joined, &consumer->joined, MYL_OPTIONS_TYPE(myl_joined, entry));
}

void myl_consumer_interrupt(myl_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    if (!consumer->handle.forked)
        myl_waiter_interrupt(&consumer->handle.waiter, consumer->handle.segment.data_park);
}

const char *myl_consumer_schema_text(const myl_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    return myl_handle_schema_text(&consumer->handle);
}

int myl_consumer_info(const myl_consumer *consumer, myl_info *info)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(info);
    return myl_handle_info(&consumer->handle, info);
}

int myl_consumer_ticket(const myl_consumer *consumer, char *ticket, size_t size)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(ticket);
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    return myl_segment_ticket(&consumer->handle.segment, ticket, size);
}

int myl_consumer_fd(const myl_consumer *consumer, int *fd)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(fd);
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    return myl_segment_duplicate(&consumer->handle.segment, fd);
}
