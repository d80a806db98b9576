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
#define CONSUMERS       64U
#define MODE            0600U
#define CELLS_SMALL     UINT64_C(1024)
#define BIG_CELL        4096U
#define BIG_RING_BYTES  ((uint64_t)8 << 20)
#define CELLS_BIG       UINT64_C(16)

/* --- shape ------------------------------------------------------------------------------------------------- */

static int is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) / to * to;
}

/* Half of a core's L2, so that producer and consumer keep out of each other's way and memory out of both of theirs. */
static uint64_t default_cells(uint32_t cell_bytes)
{
    uint64_t least = cell_bytes > BIG_CELL ? CELLS_BIG : CELLS_SMALL;
    uint64_t bytes = cell_bytes > BIG_CELL ? BIG_RING_BYTES : myl_os_cache_bytes() / 2;
    uint64_t cells = least;
    while (cells * 2 * cell_bytes <= bytes)
        cells *= 2;
    return cells;
}

static int shape_packed(struct myl_header *head, const myl_producer_options *o)
{
    uint32_t cell = o->packed_cell;
    if (cell % MYL_CELL_ALIGN != 0 || cell > MYL_PACKED_CELL_MAX || cell % head->event_align != 0)
        return myl_fail(MYL_EALIGN,
                        "packed cells of %" PRIu32 " bytes: use a multiple of 64 and of the event alignment, up to %u",
                        cell, MYL_PACKED_CELL_MAX);
    if (o->event_size % head->event_align != 0)
        return myl_fail(MYL_EALIGN,
                        "packed events of %" PRIu32 " bytes are not a multiple of their alignment %" PRIu32
                        "; set event_align",
                        o->event_size, head->event_align);
    head->events_per_cell = cell > head->event_offset ? (cell - head->event_offset) / o->event_size : 0;
    if (head->events_per_cell < 2)
        return myl_fail(MYL_EEVENTSIZE,
                        "a packed cell of %" PRIu32 " bytes holds %" PRIu32 " events of %" PRIu32 " bytes; take "
                        "larger cells, or packed_cell = 0",
                        cell, head->events_per_cell, o->event_size);
    head->cell_bytes = cell;
    uint64_t cells = (o->capacity + head->events_per_cell - 1) / head->events_per_cell;
    head->cells = o->capacity == 0 ? default_cells(cell) : MYL_CELLS_MIN;
    while (head->cells < cells)
        head->cells *= 2;
    return MYL_OK;
}

static int shape_plain(struct myl_header *head, const myl_producer_options *o)
{
    uint64_t to = head->event_align > MYL_CELL_ALIGN ? head->event_align : MYL_CELL_ALIGN;
    head->events_per_cell = 1;
    head->cell_bytes = (uint32_t)round_up((uint64_t)head->event_offset + o->event_size, to);
    head->cells = o->capacity == 0 ? default_cells(head->cell_bytes) : o->capacity;
    if (!is_power_of_two(head->cells) || head->cells < MYL_CELLS_MIN) {
        uint64_t better = MYL_CELLS_MIN;
        while (better < head->cells)
            better *= 2;
        return myl_fail(MYL_ECAPACITY,
                        "a capacity of %" PRIu64 " events is not a power of two from 2 on; take %" PRIu64, o->capacity,
                        better);
    }
    return MYL_OK;
}

static int shape(struct myl_header *head, const myl_producer_options *o)
{
    memset(head, 0, sizeof *head);
    uint32_t align = o->event_align == 0 ? 8 : o->event_align;
    if (!is_power_of_two(align) || align > MYL_EVENT_ALIGN_MAX)
        return myl_fail(MYL_EALIGN, "an event alignment of %" PRIu32 " is not a power of two up to %u", align,
                        MYL_EVENT_ALIGN_MAX);
    if (o->event_size > MYL_EVENT_MAX)
        return myl_fail(MYL_EEVENTSIZE, "events of %" PRIu32 " bytes are larger than the most, %" PRIu32, o->event_size,
                        MYL_EVENT_MAX);
    if (o->capacity > MYL_CELLS_MAX)
        return myl_fail(MYL_ECAPACITY, "a capacity of %" PRIu64 " events is more than %" PRIu64, o->capacity,
                        MYL_CELLS_MAX);
    if (o->max_consumers > MYL_CONSUMERS_MAX)
        return myl_fail(MYL_EINVAL, "%" PRIu32 " consumers are more than %d", o->max_consumers, MYL_CONSUMERS_MAX);
    if ((unsigned)o->alone > MYL_ALONE_BUFFER)
        return myl_fail(MYL_EINVAL, "%d is not a coordination mode", (int)o->alone);
    if (o->label != NULL && strnlen(o->label, MYL_LABEL_MAX + 1) > MYL_LABEL_MAX)
        return myl_fail(MYL_EINVAL, "the label \"%.40s\" is longer than %d bytes", o->label, MYL_LABEL_MAX);
    if (o->event_size == 0)
        return MYL_OK; /* only a ring that exists will do */
    head->kind = MYL_KIND_EVENTS;
    head->event_bytes = o->event_size;
    head->event_align = align;
    head->event_offset = align > sizeof(uint64_t) ? align : (uint32_t)sizeof(uint64_t);
    head->max_consumers = o->max_consumers == 0 ? CONSUMERS : o->max_consumers;
    head->type_id = o->type_id;
    head->flags = o->spin_only ? MYL_FLAG_SPIN_ONLY : 0;
    head->alone = (uint32_t)o->alone;
    head->buffer = o->buffer;
    if (o->label != NULL)
        memcpy(head->label, o->label, strlen(o->label));
    int rc = o->packed_cell != 0 ? shape_packed(head, o) : shape_plain(head, o);
    if (rc == MYL_OK && o->alone == MYL_ALONE_BUFFER &&
        (o->buffer == 0 || o->buffer > head->cells * head->events_per_cell))
        rc = myl_fail(MYL_EINVAL, "a buffer of %" PRIu64 " events is not 1 to the capacity, %" PRIu64, o->buffer,
                      head->cells * head->events_per_cell);
    return rc;
}

static int differs(const struct myl_segment *segment, int code, const char *what, uint64_t is, uint64_t asked)
{
    return myl_fail(code,
                    "ring \"%s\" exists with %s %" PRIu64 ", %" PRIu64
                    " was asked for; ask for the same (or 0), or remove it",
                    segment->name, what, is, asked);
}

/* What the caller names must be what is there. */
static int check_shape(const struct myl_segment *segment, const struct myl_header *asked, const myl_producer_options *o)
{
    const struct myl_header *is = &segment->head;
    if (o->event_size != 0 && o->event_size != is->event_bytes)
        return differs(segment, MYL_EEVENTSIZE, "event size", is->event_bytes, o->event_size);
    if (o->event_align != 0 && o->event_align != is->event_align)
        return differs(segment, MYL_EALIGN, "event alignment", is->event_align, o->event_align);
    if (o->type_id != 0 && o->type_id != is->type_id)
        return differs(segment, MYL_ETYPE, "type id", is->type_id, o->type_id);
    if (o->max_consumers != 0 && o->max_consumers != is->max_consumers)
        return differs(segment, MYL_ESHAPE, "consumer entries", is->max_consumers, o->max_consumers);
    if (o->event_size != 0 && asked->cell_bytes != is->cell_bytes)
        return differs(segment, MYL_ESHAPE, "cell size", is->cell_bytes, asked->cell_bytes);
    if (o->capacity != 0 && o->event_size != 0 && asked->cells != is->cells)
        return differs(segment, MYL_ESHAPE, "number of cells", is->cells, asked->cells);
    return MYL_OK;
}

/* --- seat and takeover --------------------------------------------------------------------------------------- */

/* Protocol 5: everything whose stamp stands was published, whether the dead one got to store `next` or not. */
static int roll_forward(const struct myl_segment *segment, uint64_t *next)
{
    uint64_t n = myl_load_acq(&segment->control->next); /* A4. Pairs: A3 */
    uint64_t from = n;
    for (;;) {
        struct myl_i_walk walk = myl_walk_from(segment, n);
        /* A20 stamp [acq]. Pairs: A1 of the dead one: its events are whole. */
        uint64_t stamp = myl_load_acq(myl_i_stamp(&walk));
        if (stamp - n - 1 >= walk.left) {
            if ((int64_t)(stamp - n) > (int64_t)walk.left)
                return myl_fail(MYL_ECORRUPT,
                                "ring \"%s\": the cell of event %" PRIu64 " is stamped %" PRIu64 ", which lies ahead; "
                                "remove the ring",
                                segment->name, n, stamp);
            break;
        }
        n = stamp;
        if (n - from > segment->head.capacity)
            return myl_fail(MYL_ECORRUPT,
                            "ring \"%s\": every cell is stamped ahead of event %" PRIu64 "; remove the ring",
                            segment->name, from);
    }
    *next = n;
    return MYL_OK;
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
    MYL_STEP("T2");
    myl_store_rel(&control->next, next); /* A3 */
    producer->epoch = myl_load32_acq(&control->epoch) + 1; /* A25 */
    MYL_STEP("T3");
    myl_store32_rel(&control->epoch, producer->epoch); /* A26 */
    producer->hot.next = producer->hot.published = next;
    return MYL_OK;
}

static void start_hot(struct myl_producer *producer)
{
    struct myl_segment *segment = &producer->handle.segment;
    struct myl_control *control = segment->control;
    struct myl_i_producer_hot *h = &producer->hot;
    h->ring = myl_geometry(segment);
    h->claim = h->publish = myl_walk_from(segment, h->next);
    h->end = 0; /* no limit yet: the first claim looks at the gate */
    h->shared_next = &control->next;
    int parkable = (segment->head.flags & MYL_FLAG_SPIN_ONLY) == 0;
    producer->registered = parkable && myl_os_barrier_register() == 0;
    h->park = parkable && producer->registered ? &control->data.word : &producer->stand_in;
    myl_store32_rlx(&producer->stand_in, parkable ? 1 : 0); /* A41, private */
    myl_store32_rel(&control->publisher_fences, parkable && !producer->registered); /* A42, for tools */
    myl_store32_rel(&control->producer_pid, myl_os_pid());                          /* A42 */
    myl_store32_rel(&control->producer_state, MYL_PRODUCER_RUNNING);                /* A43 */
    MYL_STEP("T4");
    myl_segment_wake_all(segment); /* sleepers of a dead predecessor whose wake-up died with it */
}

static void in_child(struct myl_os_fork_node *node)
{
    struct myl_producer *producer =
        (struct myl_producer *)(void *)((char *)node - offsetof(struct myl_producer, handle.fork_node));
    producer->handle.forked = 1;
    producer->hot.next = producer->hot.published;
    producer->hot.end = 0;
    producer->hot.ring.cells = NULL;
    producer->hot.shared_next = &producer->no_next;
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
        crowd->found += wanted_id(crowd, id) && myl_os_seat_held(segment->fd, myl_entry_seat(i)) > 0;
    }
    return crowd->found >= crowd->count ? MYL_OK : MYL_EAGAIN;
}

static int wait_crowd(struct crowd *crowd, int64_t timeout_ns)
{
    int rc = ready_when_crowded(crowd);
    crowd->wish.cursor = 0; /* nobody's cursor matters; joiners wake without being asked */
    if (rc == MYL_EAGAIN)
        rc = myl_gate_wait(&crowd->wish, ready_when_crowded, timeout_ns);
    return rc;
}

int myl_producer_wait_consumers(myl_producer *producer, const char *prefix, uint32_t count, int64_t timeout_ns)
{
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
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

static int take_seat(struct myl_producer *producer, const char *name, const myl_producer_options *o, int *created)
{
    struct myl_segment_make make = {
        .open = {.backend = o->backend, .name = name, .fd = o->fd, .any_owner = o->any_owner},
        .existing = o->existing,
        .mode = o->mode == 0 ? MODE : o->mode,
        .group = o->group,
        .huge = o->backend == MYL_BACKEND_MEMFD && o->memory.huge != MYL_NO,
    };
    if ((unsigned)o->backend > MYL_BACKEND_MEMFD || (unsigned)o->existing > MYL_EXISTING_SUPERSEDE)
        return myl_fail(MYL_EINVAL, "back end %d or `existing` %d is none of the known ones", (int)o->backend,
                        (int)o->existing);
    if (o->mode > 0777U)
        return myl_fail(MYL_EINVAL, "mode 0%" PRIo32 " has more than the permission bits", o->mode);
    if (o->liveness_ns != 0 && o->liveness_ns < LIVENESS_LEAST)
        return myl_fail(MYL_EINVAL, "liveness_ns %" PRId64 " is below 100 us", o->liveness_ns);
    int rc = shape(&make.head, o);
    if (rc != MYL_OK)
        return rc;
    if (o->backend == MYL_BACKEND_MEMFD && o->fd == 0 && o->event_size == 0)
        return myl_fail(MYL_EEVENTSIZE, "a new memfd ring needs an event_size");
    struct myl_segment *segment = &producer->handle.segment;
    rc = myl_segment_take_seat(segment, &make, created);
    if (rc != MYL_OK && make.huge && o->memory.huge == MYL_TRY_IT) {
        make.huge = 0;
        rc = myl_segment_take_seat(segment, &make, created);
    }
    if (rc == MYL_OK && !*created)
        rc = check_shape(segment, &make.head, o);
    return rc;
}

static int set_up(struct myl_producer *producer, const char *name, const myl_producer_options *o, int *created)
{
    int rc = take_seat(producer, name, o, created);
    if (rc == MYL_OK)
        rc = myl_segment_place(&producer->handle.segment, &o->memory, o->cpu);
    if (rc == MYL_OK)
        rc = myl_handle_arm(&producer->handle, &o->wait, in_child);
    if (rc == MYL_OK)
        rc = take_over(producer);
    if (rc != MYL_OK)
        return rc;
    const struct myl_header *head = &producer->handle.segment.head;
    producer->alone = *created || o->alone != MYL_ALONE_BLOCK ? o->alone : (enum myl_alone)head->alone;
    producer->buffer = o->buffer != 0 ? o->buffer : head->buffer;
    producer->on_death = o->on_death;
    producer->liveness_ns = o->liveness_ns == 0 ? LIVENESS_NS : o->liveness_ns;
    start_hot(producer);
    return wait_startup(producer, o);
}

static void undo(struct myl_producer *producer, int created)
{
    if (created && producer->handle.segment.fd >= 0)
        myl_segment_withdraw(&producer->handle.segment); /* a ring that this failed call made must not stay behind */
    myl_handle_disarm(&producer->handle);
    free(producer);
}

int myl_producer_open(myl_producer **producer, const char *name, const myl_producer_options *options)
{
    static const myl_producer_options defaults = {.size = sizeof defaults};
    const myl_producer_options *o = options == NULL ? &defaults : options;
    int created = 0;
    *producer = NULL;
    int rc = myl_check_options(o, o->size, sizeof *o, "myl_producer_options");
    if (rc != MYL_OK)
        return rc;
    myl_producer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a producer's handle");
    made->handle.segment.fd = -1;
    rc = set_up(made, name, o, &created);
    if (rc != MYL_OK) {
        undo(made, created);
        return rc;
    }
    *producer = made;
    return MYL_OK;
}

static void finish(myl_producer *producer, int end)
{
    if (producer == NULL)
        return;
    struct myl_segment *segment = &producer->handle.segment;
    if (!producer->handle.forked && myl_load32_acq(&segment->control->epoch) == producer->epoch) { /* A25 */
        struct myl_control *control = segment->control;
        MYL_STEP("E1");
        if (end) /* A44 closed [rel], protocol 7: behind the last stamp. Pairs: A16 */
            myl_store_rel(&control->closed, producer->hot.published + 1);
        myl_store32_rel(&control->producer_state, MYL_PRODUCER_LEFT); /* A43. Pairs: A45 */
        MYL_STEP("E2");
        myl_segment_wake_all(segment);
        if (end && myl_registrar_take(segment) == MYL_OK) {
            MYL_STEP("E3");
            myl_segment_sweep(segment, UINT32_MAX);
        }
    }
    myl_handle_disarm(&producer->handle); /* drops every seat */
    free(producer);
}

void myl_producer_close(myl_producer *producer)
{
    finish(producer, 1);
}

void myl_producer_leave(myl_producer *producer)
{
    finish(producer, 0);
}
