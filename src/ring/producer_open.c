/* SPDX-License-Identifier: MIT
 * Opening and closing a producer: shape, producer lock, takeover, start-up wait, close, leave. Protocols 5, 7 and 9. */
#define _POSIX_C_SOURCE 200809L
#include "ring/producer_open.h"

#include "base/error.h"
#include "base/options.h"
#include "registry/counters.h"
#include "registry/join.h"
#include "registry/participant.h"
#include "ring/cells.h"
#include "ring/divert.h"
#include "ring/handle.h"
#include "ring/policy.h"
#include "ring/quorum.h"
#include "segment/create.h"
#include "segment/lock.h"
#include "segment/log.h"
#include "segment/place.h"
#include "segment/remove.h"
#include "segment/table.h"
#include "segment/ticket.h"
#include "segment/wake.h"

#include <inttypes.h>
#include <stdlib.h>

#define LIVENESS_NS     MYL_MSEC(5)
#define LIVENESS_LEAST  MYL_USEC(100)
#define STARTUP_NS      MYL_SEC(5)
#define MODE            0600U

/* --- lock and takeover --------------------------------------------------------------------------------------- */

/* Protocol 5: an event is published if its stamp is stored, even if the producer died before it stored `next`. */
static int roll_forward(const struct myl_segment *segment, uint64_t *next)
{
    uint64_t n = myl_load_acq(&segment->control->next); /* A4. Pairs: A3 */
    uint64_t from = n;
    if (n > INT64_MAX)
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the next event would be %" PRIu64 ", which is impossible; remove the ring",
                        segment->name, n);
    for (;;) {
        uint64_t end;
        int rc = segment->cells->published_end(segment, n, &end);
        if (rc != MYL_OK)
            return rc;
        if (end == n)
            break;
        n = end;
        if (n - from > segment->head->capacity)
            return myl_fail(MYL_ECORRUPT,
                            "ring \"%s\": every cell is stamped ahead of event %" PRIu64 "; remove the ring",
                            segment->name, from);
    }
    *next = n;
    return MYL_OK;
}

/* A predecessor that is still ACTIVE died. Logs its death unless a consumer already did. */
static void note_predecessor(const struct myl_segment *segment)
{
    if (myl_load32_acq(&myl_segment_producer(segment)->state) == MYL_PARTICIPANT_ACTIVE) /* A45 */
        myl_log_producer_death(segment, myl_load32_acq(&segment->control->epoch)); /* A25 */
}

static int take_over(struct myl_producer *producer)
{
    struct myl_segment *segment = &producer->handle.segment;
    struct myl_control *control = segment->control;
    uint64_t next = 0;
    MYL_STEP("T1");
    int rc = roll_forward(segment, &next);
    if (rc != MYL_OK)
        return rc;
    note_predecessor(segment);
    MYL_STEP("T2");
    myl_store_rel(&control->next, next); /* A3 */
    producer->epoch = myl_load32_acq(&control->epoch) + 1; /* A25 */
    producer->begins =
        segment->head->lanes > 1 && (producer->epoch == 1 || myl_load_acq(&control->closed) != 0); /* A16 */
    MYL_STEP("T3");
    myl_store32_rel(&control->epoch, producer->epoch); /* A26 */
    /* Reopens a closed lane before anything is published in it. Otherwise a consumer could read a new event and then
     * take the old end for its end. A44 closed [rel]. Pairs: A16. */
    if (segment->head->lanes > 1)
        myl_store_rel(&control->closed, 0);
    producer->hot.next = producer->hot.published = next;
    return MYL_OK;
}

static void start_hot(struct myl_producer *producer)
{
    struct myl_segment *segment = &producer->handle.segment;
    struct myl_control *control = segment->control;
    struct myl_i_producer_hot *h = &producer->hot;
    h->ring = myl_geometry(segment);
    h->claim = myl_iterator_at(segment, h->next);
    h->stamp = myl_i_stamp(&h->claim);
    myl_producer_divert(producer, MYL_DIVERT_ROOM); /* no limit yet: the first claim checks the gate */
    h->shared_next = &control->next;
    int parkable = (segment->head->flags & MYL_FLAG_SPIN_ONLY) == 0;
    producer->registered = parkable && myl_os_barrier_register() == 0;
    h->park = parkable ? &segment->data_park->word : &producer->stand_in;
    if (parkable && !producer->registered)
        myl_producer_divert(producer, MYL_DIVERT_FENCE);
    myl_store32_rel(&control->publisher_fences, parkable && !producer->registered); /* A42, for tools */
    myl_participant_open(myl_segment_producer(segment));
    myl_participant_set_level(myl_segment_producer(segment), producer->counters);
    myl_missing_report(segment, ""); /* clears the text of a dead predecessor */
    myl_store32_rel(&myl_segment_producer(segment)->state, MYL_PARTICIPANT_ACTIVE); /* A43 */
    MYL_STEP("T4");
    myl_segment_wake_all(segment); /* sleepers of a dead predecessor that died before it woke them */
}

static void in_child(struct myl_os_fork_node *node)
{
    struct myl_producer *producer =
        (struct myl_producer *)(void *)((char *)node - offsetof(struct myl_producer, handle.fork_node));
    producer->handle.forked = 1;
    myl_producer_divert(producer, MYL_DIVERT_FORKED);
    myl_segment_forked(&producer->handle.segment);
}

/* --- start-up wait -------------------------------------------------------------------------------------------- */

static int quorum_timed_out(const struct myl_quorum *quorum, int64_t timeout_ns)
{
    char time[MYL_TIME_TEXT];
    return myl_fail(MYL_ETIMEDOUT,
                    "ring \"%s\": %" PRIu32 " of %" PRIu32 " consumers%s%s were registered and alive within %s; start "
                    "the rest",
                    quorum->request.producer->handle.segment.name, quorum->found, quorum->count,
                    quorum->prefix != NULL ? " with prefix " : "", quorum->prefix != NULL ? quorum->prefix : "",
                    myl_time_text(timeout_ns, time));
}

int myl_producer_wait_consumers(myl_producer *producer, const char *prefix, uint32_t count, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    int rc = myl_check_quorum(count, producer->handle.segment.head->max_consumers);
    if (rc != MYL_OK)
        return rc;
    struct myl_quorum quorum = {.request = {.producer = producer},
                                .timed_out = quorum_timed_out,
                                .prefix = prefix,
                                .count = count};
    return myl_quorum_wait(&quorum, &(struct myl_timeout){.ns = timeout_ns});
}

static int wait_startup(struct myl_producer *producer, const myl_ring_options *o)
{
    if (o->wait_consumers == 0)
        return MYL_OK;
    struct myl_quorum quorum = {.request = {.producer = producer},
                                .timed_out = quorum_timed_out,
                                .prefix = o->wait_prefix,
                                .ids = o->wait_ids,
                                .count = o->wait_consumers};
    int64_t timeout_ns = o->wait_timeout_ns == 0 ? STARTUP_NS : o->wait_timeout_ns;
    int rc = myl_quorum_wait(&quorum, &(struct myl_timeout){.ns = timeout_ns});
    if (rc == MYL_ETIMEDOUT)
        rc = myl_fail(MYL_ESTARTUP,
                      "ring \"%s\": %" PRIu32 " of %" PRIu32 " consumers%s%s were registered and alive within %s; "
                      "start the rest, or raise wait_timeout_ns",
                      producer->handle.segment.name, quorum.found, quorum.count,
                      o->wait_prefix != NULL ? " with prefix " : "", o->wait_prefix != NULL ? o->wait_prefix : "",
                      myl_time_text(timeout_ns, (char[MYL_TIME_TEXT]){0}));
    return rc;
}

/* --- open and close ---------------------------------------------------------------------------------------- */

static int fits(const struct myl_segment *segment, const void *context)
{
    const struct myl_shape *shape = context;
    return shape->check(segment, shape);
}

/* A number or a limit that another member must ask for is a mistake without it. */
static int check_partners(const myl_ring_options *o)
{
    if (o->wait_consumers == 0 && (o->wait_ids != NULL || o->wait_prefix != NULL))
        return myl_fail(MYL_EINVAL, "%s is set, but wait_consumers is 0; pass how many consumers to wait for",
                        o->wait_ids != NULL ? "wait_ids" : "wait_prefix");
    if (o->wait_ids != NULL && o->wait_prefix != NULL)
        return myl_fail(MYL_EINVAL, "both wait_ids and wait_prefix \"%.40s\" are set; pass only one", o->wait_prefix);
    if (o->buffer != 0 && o->no_consumers != MYL_NO_CONSUMERS_BUFFER)
        return myl_fail(MYL_EINVAL,
                        "buffer is %" PRIu64 ", but no_consumers is %d; set no_consumers = MYL_NO_CONSUMERS_BUFFER, or "
                        "leave buffer 0",
                        o->buffer, (int)o->no_consumers);
    return MYL_OK;
}

static int check_ids(const myl_ring_options *o)
{
    int rc = check_partners(o);
    if (rc == MYL_OK)
        rc = o->wait_ids != NULL ? myl_check_ids(o->wait_ids, o->wait_consumers, "awaited") : MYL_OK;
    if (rc == MYL_OK && o->reserve_count > MYL_CONSUMERS_MAX)
        return myl_fail(MYL_EINVAL, "reserve_count is %" PRIu32 "; reserve at most %d ids", o->reserve_count,
                        MYL_CONSUMERS_MAX);
    if (rc == MYL_OK && (o->reserve == NULL) != (o->reserve_count == 0))
        return myl_fail(MYL_EINVAL, "reserve_count is %" PRIu32 ", but `reserve` is %s; set both or neither",
                        o->reserve_count, o->reserve == NULL ? "NULL" : "set");
    return rc == MYL_OK ? myl_check_ids(o->reserve, o->reserve_count, "reserved") : rc;
}

/* Refuses values that have no effect without another member. `backend`: of the name, or of the ticket. */
static int check_given(const myl_ring_options *o, enum myl_backend backend)
{
    if (!o->use_fd && o->fd != 0)
        return myl_fail(MYL_EINVAL, "fd is %d, but use_fd is 0; set use_fd = 1 to take over its ring, or leave fd 0",
                        o->fd);
    if (o->use_fd && backend != MYL_BACKEND_MEMFD)
        return myl_fail(MYL_EINVAL,
                        "use_fd is %d, but backend is %d; only a memfd is opened by descriptor: set backend = "
                        "MYL_BACKEND_MEMFD, or leave use_fd 0",
                        o->use_fd, (int)backend);
    if (o->use_fd && o->existing != MYL_EXISTING_RESUME)
        return myl_fail(
            MYL_EINVAL,
            "existing is %d, but use_fd takes over the ring of a descriptor; leave it MYL_EXISTING_RESUME (0)",
            (int)o->existing);
    if (!o->set_group && o->group != 0)
        return myl_fail(MYL_EINVAL, "group is %" PRId64 ", but set_group is 0; set set_group = 1, or leave group 0",
                        o->group);
    if (o->group < 0 || o->group >= UINT32_MAX)
        return myl_fail(MYL_EINVAL, "group is %" PRId64 "; pass a group id, from 0 on", o->group);
    return MYL_OK;
}

static int acquire_lock(struct myl_producer *producer, const char *name, const myl_ring_options *o,
                        const struct myl_shape *shape, int *created)
{
    struct myl_segment_make make = {
        .open = {.backend = o->backend, .name = name, .use_fd = o->use_fd, .fd = o->fd, .any_owner = o->any_owner},
        .existing = o->existing,
        .mode = o->mode == 0 ? MODE : o->mode,
        .group = o->set_group ? o->group : -1,
        .huge = o->ticket == NULL && o->backend == MYL_BACKEND_MEMFD && o->memory.huge != MYL_REQUEST_OFF,
        .quorum = o->wait_consumers,
        .reserved = o->reserve_count,
        .head = shape->head,
        .description = shape->description,
        .lane = shape->lane,
        .fits = fits,
        .context = shape,
    };
    if ((unsigned)o->backend > MYL_BACKEND_MEMFD || (unsigned)o->existing > MYL_EXISTING_SUPERSEDE)
        return myl_fail(MYL_EINVAL,
                        "backend is %d and existing is %d; pass values of enum myl_backend and enum myl_existing",
                        (int)o->backend, (int)o->existing);
    if (o->ticket != NULL && o->existing != MYL_EXISTING_RESUME)
        return myl_fail(MYL_EINVAL,
                        "a ticket names a ring to take over, `existing` is %d; leave it MYL_EXISTING_RESUME (0)",
                        (int)o->existing);
    if (o->mode > 0777U)
        return myl_fail(MYL_EINVAL, "mode is 0%" PRIo32 "; pass permission bits only, at most 0777", o->mode);
    if (o->liveness_ns != 0 && o->liveness_ns < LIVENESS_LEAST)
        return myl_fail(MYL_EINVAL, "liveness_ns is %" PRId64 "; pass at least 100000 (100 us), or 0 for the default",
                        o->liveness_ns);
    if (o->backend == MYL_BACKEND_MEMFD && !o->use_fd && shape->head.event_bytes == 0)
        return myl_fail(MYL_EEVENTSIZE, "event_size is 0, but a new memfd ring needs one; pass the size of an event");
    myl_ticket ticket;
    int rc = myl_memory_check(&o->memory);
    if (rc == MYL_OK)
        rc = myl_pin_check(o->pin, o->cpu);
    if (rc == MYL_OK)
        rc = myl_on_death_check(o->on_death);
    producer->counters = o->counters;
    if (rc == MYL_OK)
        rc = myl_counters_choose(&producer->counters);
    if (rc == MYL_OK)
        rc = check_ids(o);
    if (rc == MYL_OK)
        rc = myl_segment_open_by(&make.open, o->ticket, &ticket);
    if (rc == MYL_OK)
        rc = check_given(o, make.open.backend);
    if (rc != MYL_OK)
        return rc;
    struct myl_segment *segment = &producer->handle.segment;
    rc = myl_segment_acquire(segment, &make, created);
    if (rc != MYL_OK && rc != MYL_ENOMEM && make.huge && o->memory.huge == MYL_REQUEST_PREFER) {
        make.huge = 0;
        rc = myl_segment_acquire(segment, &make, created);
    }
    if (rc == MYL_OK && !*created)
        rc = shape->check(segment, shape);
    return rc;
}

static void log_own(const struct myl_producer *producer, enum myl_log_kind kind)
{
    myl_log_write(&producer->handle.segment, &(struct myl_log_note){.kind = kind,
                                                                    .sequence = myl_published(producer),
                                                                    .value = producer->epoch,
                                                                    .pid = myl_os_pid()});
}

static int set_up(struct myl_producer *producer, const char *name, const myl_ring_options *o,
                  const struct myl_shape *shape, int *created, struct myl_reservation *reservation)
{
    int rc = acquire_lock(producer, name, o, shape, created);
    if (rc == MYL_OK) {
        producer->handle.segment.cells = shape->cells; /* the shape was checked */
        producer->published = shape->cells->publishes_claims ? &producer->hot.next : &producer->hot.published;
        myl_lock_own(&producer->handle.segment, MYL_LOCK_PRODUCER);
        rc = myl_segment_place(&producer->handle.segment, &o->memory, o->pin ? o->cpu : -1);
    }
    if (rc == MYL_OK)
        rc = myl_handle_arm(&producer->handle, &o->wait, in_child);
    producer->liveness_ns = o->liveness_ns == 0 ? LIVENESS_NS : o->liveness_ns;
    producer->check_ns = producer->liveness_ns;
    if (rc == MYL_OK)
        rc = myl_liveness_policy.open(producer);
    if (rc == MYL_OK)
        rc = take_over(producer); /* this and myl_reserve are the last that can fail, since they change the ring */
    if (rc != MYL_OK)
        return rc;
    const struct myl_header *head = producer->handle.segment.head;
    producer->no_consumers = (enum myl_stored_policy)(
        o->no_consumers != MYL_NO_CONSUMERS_DEFAULT ? shape->head.no_consumers : head->no_consumers);
    producer->buffer = shape->head.buffer != 0 ? shape->head.buffer : head->buffer;
    producer->on_death = o->on_death;
    log_own(producer, *created ? MYL_LOG_CREATED : MYL_LOG_TAKEN_OVER);
    rc = myl_reserve(&producer->handle.segment, o->reserve, o->reserve_count, reservation);
    if (rc != MYL_OK)
        return rc;
    start_hot(producer);
    return wait_startup(producer, o);
}

/* Returns 1 if the events must stay for the first consumer although the ring was made to overwrite them. */
static bool keeps_events(const struct myl_producer *producer)
{
    const struct myl_segment *segment = &producer->handle.segment;
    return segment->head->no_consumers == MYL_STORED_OVERWRITE && producer->no_consumers != MYL_STORED_OVERWRITE &&
           myl_segment_entries(segment) == 0 && myl_published(producer) > 0;
}

/* `end`: closes the stream. Otherwise a new producer may continue it. */
static void end_session(struct myl_producer *producer, int end)
{
    struct myl_segment *segment = &producer->handle.segment;
    struct myl_control *control = segment->control;
    if (myl_load32_acq(&control->epoch) != producer->epoch) /* A25 */
        return;
    MYL_STEP("E1");
    if (end) /* A44 closed [rel], protocol 7: stored after the last stamp. Pairs: A16 */
        myl_store_rel(&control->closed, myl_published(producer) + 1);
    MYL_STEP("E1s");
    myl_store32_rel(&myl_segment_producer(segment)->state, MYL_PARTICIPANT_LEFT); /* A43. Pairs: A45 */
    log_own(producer, end ? MYL_LOG_CLOSED : MYL_LOG_PRODUCER_LEFT);
    if (!end) { /* before the wake: a woken consumer reports the leave only if the lock is free */
        myl_lock_disown(segment, MYL_LOCK_PRODUCER);
        MYL_STEP("E1d");
    }
    MYL_STEP("E2");
    myl_segment_wake_all(segment);
    if (end && !keeps_events(producer) && myl_registry_lock(segment) == MYL_OK) {
        MYL_STEP("E3");
        myl_segment_sweep(segment, UINT32_MAX);
    }
}

int myl_producer_start(struct myl_producer *producer, const char *name, const myl_ring_options *o,
                       const struct myl_shape *shape)
{
    int created = 0;
    struct myl_reservation reservation = {.count = 0};
    producer->handle.segment.fd = -1;
    int rc = set_up(producer, name, o, shape, &created, &reservation);
    if (rc == MYL_OK)
        return MYL_OK;
    struct myl_error_saved saved;
    myl_error_save(&saved); /* ending the session may record another error */
    if (created) {
        myl_segment_withdraw(&producer->handle.segment); /* the failed call removes the ring, if it has made it */
    } else if (producer->epoch != 0) { /* undoes the takeover; nothing was published */
        myl_unreserve(&producer->handle.segment, &reservation);
        end_session(producer, producer->begins);
    }
    myl_handle_disarm(&producer->handle);
    myl_liveness_policy.close(producer);
    myl_error_restore(&saved);
    return rc;
}

void myl_producer_stop(struct myl_producer *producer, int end)
{
    if (!producer->handle.forked)
        end_session(producer, end);
    myl_handle_disarm(&producer->handle); /* releases all locks */
    myl_liveness_policy.close(producer);
}

int myl_producer_open(myl_producer **producer, const char *name, const myl_producer_options *options)
{
    MYL_I_NOT_NULL(producer);
    myl_producer_options o;
    struct myl_shape shape;
    *producer = NULL;
    int rc = myl_options_take(&o, options, MYL_OPTIONS_TYPE(myl_producer_options, ring.ticket));
    if (rc == MYL_OK)
        rc = myl_reserved_check(o.config.reserved, sizeof o.config.reserved, "myl_ring_config");
    if (rc == MYL_OK)
        rc = myl_shape_events(&shape, &o);
    if (rc != MYL_OK)
        return rc;
    myl_producer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a producer");
    rc = myl_producer_start(made, name, &o.ring, &shape);
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    myl_segment_keep_pin(&made->handle.segment);
    *producer = made;
    myl_error_clear();
    return MYL_OK;
}

void myl_producer_close(myl_producer *producer)
{
    if (producer != NULL)
        myl_producer_stop(producer, 1);
    free(producer);
}

void myl_producer_leave(myl_producer *producer)
{
    if (producer != NULL)
        myl_producer_stop(producer, 0);
    free(producer);
}
