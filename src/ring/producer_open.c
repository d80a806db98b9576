/* SPDX-License-Identifier: MIT
 * A producer's beginning and end: shape, seat, takeover, waiting for consumers, close and leave. Protocol 5, 7 and
 * 9. */
#define _POSIX_C_SOURCE 200809L
#include "ring/producer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVENESS_NS     MYL_MSEC(5)
#define LIVENESS_LEAST  MYL_USEC(100)
#define STARTUP_NS      MYL_SEC(5)
#define MODE            0600U

/* --- seat and takeover --------------------------------------------------------------------------------------- */

/* Protocol 5: everything whose stamp stands was published, whether the dead one got to store `next` or not. */
static int roll_forward(const struct myl_segment *segment, uint64_t *next)
{
    uint64_t n = myl_load_acq(&segment->control->next); /* A4. Pairs: A3 */
    uint64_t from = n;
    if (n > INT64_MAX)
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\" says that %" PRIu64 " events were published, which cannot be; remove the ring",
                        segment->name, n);
    for (;;) {
        uint64_t end;
        int rc = myl_published_end(segment, n, &end);
        if (rc != MYL_OK)
            return rc;
        if (end == n)
            break;
        n = end;
        if (n - from > segment->head.capacity)
            return myl_fail(MYL_ECORRUPT,
                            "ring \"%s\": every cell is stamped ahead of event %" PRIu64 "; remove the ring",
                            segment->name, from);
    }
    *next = n;
    return MYL_OK;
}

/* A predecessor that did not leave in order died; perhaps nobody has noticed. */
static void note_predecessor(const struct myl_segment *segment)
{
    const struct myl_control *control = segment->control;
    if (myl_load32_acq(&control->producer_state) == MYL_PRODUCER_RUNNING)  /* A45 */
        myl_note_producer_death(segment, myl_load32_acq(&control->epoch)); /* A25 */
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
        segment->head.lanes > 1 && (producer->epoch == 1 || myl_load_acq(&control->closed) != 0); /* A16 */
    MYL_STEP("T3");
    myl_store32_rel(&control->epoch, producer->epoch); /* A26 */
    /* A lane that had ended begins anew: before anything is published in it, so nobody reads on and then believes the
     * old end. A44 closed [rel]. Pairs: A16. */
    if (segment->head.lanes > 1)
        myl_store_rel(&control->closed, 0);
    producer->hot.next = producer->hot.published = next;
    return MYL_OK;
}

/* For people. */
static void say_who(struct myl_control *control)
{
    struct myl_os_identity self;
    myl_os_identify(&self);
    myl_store32_rel(&control->producer_pid, self.pid);              /* A42 */
    myl_store_rlx(&control->producer_space, self.space);            /* A42 */
    myl_store_rlx(&control->producer_born, self.born);              /* A42 */
    myl_store_rlx(&control->producer_opened_ns, myl_os_realtime()); /* A42 */
    myl_store_rlx(&control->producer_waiting, 0);                   /* A66 */
    myl_store_rlx(&control->producer_died_ns, 0);                   /* A61 */
    myl_doing_clear(&control->doing);
}

static void start_hot(struct myl_producer *producer)
{
    struct myl_segment *segment = &producer->handle.segment;
    struct myl_control *control = segment->control;
    struct myl_i_producer_hot *h = &producer->hot;
    h->ring = myl_geometry(segment);
    h->claim = myl_walk_from(segment, h->next);
    h->stamp = myl_i_stamp(&h->claim);
    h->end = 0; /* no limit yet: the first claim looks at the gate */
    h->shared_next = &control->next;
    int parkable = (segment->head.flags & MYL_FLAG_SPIN_ONLY) == 0;
    producer->registered = parkable && myl_os_barrier_register() == 0;
    h->park = parkable && producer->registered ? &segment->data_park->word : &producer->stand_in;
    myl_store32_rlx(&producer->stand_in, parkable ? 1 : 0); /* A41, private */
    myl_store32_rel(&control->publisher_fences, parkable && !producer->registered); /* A42, for tools */
    say_who(control);
    myl_liveness_say_missing(segment, "");                                          /* a dead predecessor's word */
    myl_store32_rel(&control->producer_state, MYL_PRODUCER_RUNNING);                /* A43 */
    MYL_STEP("T4");
    myl_segment_wake_all(segment); /* sleepers of a dead predecessor whose wake-up died with it */
}

static void in_child(struct myl_os_fork_node *node)
{
    struct myl_producer *producer =
        (struct myl_producer *)(void *)((char *)node - offsetof(struct myl_producer, handle.fork_node));
    producer->handle.forked = 1;
    producer->hot.next = myl_published(producer);
    producer->hot.end = 0;
    producer->hot.shared_next = &producer->no_next; /* and publishing nothing touches no stamp */
    producer->hot.park = &producer->stand_in;
    producer->stand_in.v = 0;
    myl_segment_forked(&producer->handle.segment);
}

/* --- consumers that are waited for ---------------------------------------------------------------------------- */

struct crowd {
    struct myl_gate_wish wish; /* first */
    const char *prefix;
    const char *const *ids;
    uint32_t count;
    uint32_t found;
    uint32_t told;             /* tools were told of so many; UINT32_MAX: of none */
};

static int wanted_id(const struct crowd *crowd, const char *id)
{
    if (crowd->ids == NULL)
        return crowd->prefix == NULL || strncmp(id, crowd->prefix, strlen(crowd->prefix)) == 0;
    for (uint32_t i = 0; i < crowd->count; i++) {
        if (strcmp(crowd->ids[i], id) == 0)
            return 1;
    }
    return 0;
}

/* Is it registered and alive? */
static int has_come(const struct myl_segment *segment, const char *id)
{
    struct myl_required required = {.entry = UINT32_MAX};
    memcpy(required.id, id, strlen(id) + 1);
    return myl_required_is_here(segment, &required) && myl_seat_held(segment, myl_entry_seat(required.entry)) > 0;
}

/* For `myelon why` and `top`: one that is missing, or, where no ids are known, words, which a space tells from an
 * id. */
static void say_found(struct crowd *crowd)
{
    const struct myl_segment *segment = &crowd->wish.producer->handle.segment;
    char text[MYL_ID_MAX + 1];
    crowd->told = crowd->found;
    for (uint32_t i = 0; crowd->ids != NULL && i < crowd->count; i++) {
        if (!has_come(segment, crowd->ids[i])) {
            myl_liveness_say_missing(segment, crowd->ids[i]);
            return;
        }
    }
    (void)snprintf(text, sizeof text, "%.8s%s (%" PRIu32 " of %" PRIu32 " here)",
                   crowd->prefix != NULL ? crowd->prefix : "any", crowd->prefix != NULL ? "*" : "", crowd->found,
                   crowd->count);
    myl_liveness_say_missing(segment, text);
}

static int ready_when_crowded(void *context)
{
    struct crowd *crowd = context;
    const struct myl_segment *segment = &crowd->wish.producer->handle.segment;
    uint32_t entries = myl_segment_entries(segment);
    crowd->found = 0;
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_entry *entry = myl_segment_entry(segment, i);
        char id[MYL_ID_MAX + 1];
        if (myl_load32_acq(&entry->state) != MYL_PARTY_ACTIVE) /* A13 */
            continue;
        myl_entry_id(entry, id);
        crowd->found += wanted_id(crowd, id) && myl_seat_held(segment, myl_entry_seat(i)) > 0;
    }
    if (crowd->found >= crowd->count)
        return MYL_OK;
    if (crowd->told != crowd->found)
        say_found(crowd);
    return MYL_EAGAIN;
}

static int wait_crowd(struct crowd *crowd, int64_t timeout_ns)
{
    crowd->told = UINT32_MAX;
    int rc = myl_segment_check(&crowd->wish.producer->handle.segment);
    if (rc == MYL_OK)
        rc = ready_when_crowded(crowd);
    crowd->wish.cursor = 0; /* nobody's cursor matters; joiners wake without being asked */
    if (rc == MYL_EAGAIN)
        rc = myl_gate_wait(&crowd->wish, ready_when_crowded, timeout_ns);
    if (crowd->told != UINT32_MAX)
        myl_liveness_say_missing(&crowd->wish.producer->handle.segment, "");
    return rc;
}

int myl_producer_wait_consumers(myl_producer *producer, const char *prefix, uint32_t count, int64_t timeout_ns)
{
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    int rc = myl_check_crowd(count, producer->handle.segment.head.max_consumers);
    if (rc != MYL_OK)
        return rc;
    struct crowd crowd = {.wish = {.producer = producer}, .prefix = prefix, .count = count};
    return wait_crowd(&crowd, timeout_ns);
}

static int wait_startup(struct myl_producer *producer, const myl_producer_options *o)
{
    if (o->wait_consumers == 0)
        return MYL_OK;
    struct crowd crowd = {.wish = {.producer = producer},
                          .prefix = o->wait_prefix,
                          .ids = o->wait_ids,
                          .count = o->wait_consumers};
    int64_t timeout_ns = o->wait_timeout_ns == 0 ? STARTUP_NS : o->wait_timeout_ns;
    int rc = wait_crowd(&crowd, timeout_ns);
    if (rc == MYL_ETIMEDOUT)
        rc = myl_fail(MYL_ESTARTUP,
                      "ring \"%s\": %" PRIu32 " of %" PRIu32 " consumers%s%s came within %" PRId64
                      " ms; start the rest, "
                      "or raise wait_timeout_ns",
                      producer->handle.segment.name, crowd.found, crowd.count,
                      o->wait_prefix != NULL ? " with prefix " : "", o->wait_prefix != NULL ? o->wait_prefix : "",
                      timeout_ns / MYL_MSEC(1));
    return rc;
}

/* --- open and close ---------------------------------------------------------------------------------------- */

static int fits(const struct myl_segment *segment, const void *context)
{
    const struct myl_shape *shape = context;
    return shape->check(segment, shape);
}

static int check_awaited(const myl_producer_options *o)
{
    int rc = MYL_OK;
    for (uint32_t i = 0; o->wait_ids != NULL && i < o->wait_consumers && rc == MYL_OK; i++)
        rc = myl_check_id(o->wait_ids[i], MYL_ID_MAX);
    return rc;
}

static int take_seat(struct myl_producer *producer, const char *name, const myl_producer_options *o,
                     const struct myl_shape *shape, int *created)
{
    struct myl_segment_make make = {
        .open = {.backend = o->backend, .name = name, .fd = o->fd, .any_owner = o->any_owner},
        .existing = o->existing,
        .mode = o->mode == 0 ? MODE : o->mode,
        .group = o->group,
        .huge = o->backend == MYL_BACKEND_MEMFD && o->memory.huge != MYL_NO,
        .crowd = o->wait_consumers,
        .head = shape->head,
        .lane = shape->lane,
        .fits = fits,
        .context = shape,
    };
    if ((unsigned)o->backend > MYL_BACKEND_MEMFD || (unsigned)o->existing > MYL_EXISTING_SUPERSEDE)
        return myl_fail(MYL_EINVAL, "back end %d or `existing` %d is none of the known ones", (int)o->backend,
                        (int)o->existing);
    if (o->mode > 0777U)
        return myl_fail(MYL_EINVAL, "mode 0%" PRIo32 " has more than the permission bits", o->mode);
    if (o->cpu < 0)
        return myl_fail(MYL_EINVAL, "cpu %d is not a CPU's number + 1; 0 pins to none", o->cpu);
    if (o->liveness_ns != 0 && o->liveness_ns < LIVENESS_LEAST)
        return myl_fail(MYL_EINVAL, "liveness_ns %" PRId64 " is below 100 us", o->liveness_ns);
    if (o->backend == MYL_BACKEND_MEMFD && o->fd == 0 && shape->head.event_bytes == 0)
        return myl_fail(MYL_EEVENTSIZE, "a new memfd ring needs an event_size");
    int rc = myl_memory_check(&o->memory);
    if (rc == MYL_OK)
        rc = check_awaited(o);
    if (rc != MYL_OK)
        return rc;
    struct myl_segment *segment = &producer->handle.segment;
    rc = myl_segment_take_seat(segment, &make, created);
    if (rc != MYL_OK && make.huge && o->memory.huge == MYL_TRY_IT) {
        make.huge = 0;
        rc = myl_segment_take_seat(segment, &make, created);
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

static int set_up(struct myl_producer *producer, const char *name, const myl_producer_options *o,
                  const struct myl_shape *shape, int *created)
{
    int rc = take_seat(producer, name, o, shape, created);
    if (rc == MYL_OK) {
        myl_seat_keep(&producer->handle.segment, MYL_SEAT_PRODUCER);
        rc = myl_segment_place(&producer->handle.segment, &o->memory, o->cpu);
    }
    if (rc == MYL_OK)
        rc = myl_handle_arm(&producer->handle, &o->wait, in_child);
    producer->liveness_ns = o->liveness_ns == 0 ? LIVENESS_NS : o->liveness_ns;
    if (rc == MYL_OK)
        rc = myl_liveness_set_up(producer);
    if (rc == MYL_OK)
        rc = take_over(producer); /* from here on the ring is changed: whatever can fail is done */
    if (rc != MYL_OK)
        return rc;
    const struct myl_header *head = &producer->handle.segment.head;
    producer->alone = *created || o->alone != MYL_ALONE_BLOCK ? o->alone : (enum myl_alone)head->alone;
    producer->buffer = shape->head.buffer != 0 ? shape->head.buffer : head->buffer;
    producer->on_death = o->on_death;
    log_own(producer, *created ? MYL_LOG_CREATED : MYL_LOG_TAKEN_OVER);
    start_hot(producer);
    return wait_startup(producer, o);
}

/* `end`: the stream is over; else somebody may go on with it. */
static void end_session(struct myl_producer *producer, int end)
{
    struct myl_segment *segment = &producer->handle.segment;
    struct myl_control *control = segment->control;
    if (myl_load32_acq(&control->epoch) != producer->epoch) /* A25 */
        return;
    MYL_STEP("E1");
    if (end) /* A44 closed [rel], protocol 7: behind the last stamp. Pairs: A16 */
        myl_store_rel(&control->closed, myl_published(producer) + 1);
    MYL_STEP("E1s");
    myl_store32_rel(&control->producer_state, MYL_PRODUCER_LEFT); /* A43. Pairs: A45 */
    MYL_STEP("E2");
    myl_segment_wake_all(segment);
    log_own(producer, end ? MYL_LOG_CLOSED : MYL_LOG_PRODUCER_LEFT);
    if (end && myl_registrar_take(segment) == MYL_OK) {
        MYL_STEP("E3");
        myl_segment_sweep(segment, UINT32_MAX);
    }
}

int myl_producer_start(struct myl_producer *producer, const char *name, const myl_producer_options *o,
                       const struct myl_shape *shape)
{
    int created = 0;
    producer->handle.segment.fd = -1;
    int rc = set_up(producer, name, o, shape, &created);
    if (rc == MYL_OK)
        return MYL_OK;
    if (created && producer->handle.segment.fd >= 0)
        myl_segment_withdraw(&producer->handle.segment); /* a ring that this failed call made must not stay behind */
    else if (producer->epoch != 0)
        end_session(producer, producer->begins); /* as if it had not come: it has published nothing */
    myl_handle_disarm(&producer->handle);
    myl_liveness_free(producer);
    return rc;
}

void myl_producer_stop(struct myl_producer *producer, int end)
{
    if (!producer->handle.forked)
        end_session(producer, end);
    myl_handle_disarm(&producer->handle); /* drops every seat */
    myl_liveness_free(producer);
}

int myl_producer_open(myl_producer **producer, const char *name, const myl_producer_options *options)
{
    static const myl_producer_options defaults = {.size = sizeof defaults};
    const myl_producer_options *o = options == NULL ? &defaults : options;
    struct myl_shape shape;
    *producer = NULL;
    int rc = myl_check_options(o, o->size, sizeof *o, "myl_producer_options");
    if (rc == MYL_OK)
        rc = myl_shape_events(&shape, o);
    if (rc != MYL_OK)
        return rc;
    myl_producer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a producer's handle");
    rc = myl_producer_start(made, name, o, &shape);
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    *producer = made;
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
