/* SPDX-License-Identifier: MIT
 * The shape of a ring of events: what is asked for, and whether it is what is there. */
#define _POSIX_C_SOURCE 200809L
#include "ring/producer.h"

#include <inttypes.h>
#include <string.h>

#define CONSUMERS       64U
#define CELLS_SMALL     UINT64_C(1024)
#define BIG_CELL        4096U
#define BIG_RING_BYTES  ((uint64_t)8 << 20)
#define CELLS_BIG       UINT64_C(16)

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

int myl_shape_common(struct myl_header *head, const myl_producer_options *o)
{
    if (o->max_consumers > MYL_CONSUMERS_MAX)
        return myl_fail(MYL_EINVAL, "%" PRIu32 " consumers are more than %d", o->max_consumers, MYL_CONSUMERS_MAX);
    if ((unsigned)o->alone > MYL_ALONE_BUFFER)
        return myl_fail(MYL_EINVAL, "%d is not a coordination mode", (int)o->alone);
    if (o->label != NULL && strnlen(o->label, MYL_LABEL_MAX + 1) > MYL_LABEL_MAX)
        return myl_fail(MYL_EINVAL, "the label \"%.40s\" is longer than %d bytes", o->label, MYL_LABEL_MAX);
    head->max_consumers = o->max_consumers == 0 ? CONSUMERS : o->max_consumers;
    head->type_id = o->type_id;
    head->flags = o->spin_only ? MYL_FLAG_SPIN_ONLY : 0;
    head->alone = (uint32_t)o->alone;
    head->buffer = o->buffer;
    if (o->label != NULL)
        memcpy(head->label, o->label, strlen(o->label));
    return MYL_OK;
}

static int shape(struct myl_header *head, const myl_producer_options *o)
{
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
    int rc = myl_shape_common(head, o);
    if (rc != MYL_OK || o->event_size == 0)
        return rc; /* without a size only a ring that exists will do */
    head->kind = MYL_KIND_EVENTS;
    head->event_bytes = o->event_size;
    head->event_align = align;
    head->event_offset = align > sizeof(uint64_t) ? align : (uint32_t)sizeof(uint64_t);
    rc = o->packed_cell != 0 ? shape_packed(head, o) : shape_plain(head, o);
    if (rc == MYL_OK && o->alone == MYL_ALONE_BUFFER &&
        (o->buffer == 0 || o->buffer > head->cells * head->events_per_cell))
        rc = myl_fail(MYL_EINVAL, "a buffer of %" PRIu64 " events is not 1 to the capacity, %" PRIu64, o->buffer,
                      head->cells * head->events_per_cell);
    return rc;
}

int myl_shape_differs(const struct myl_segment *segment, int code, const char *what, uint64_t is, uint64_t asked)
{
    return myl_fail(code,
                    "ring \"%s\" exists with %s %" PRIu64 ", %" PRIu64
                    " was asked for; ask for the same (or 0), or remove it",
                    segment->name, what, is, asked);
}

int myl_check_kind(const struct myl_segment *segment, uint32_t kind)
{
    if (segment->head.kind == kind)
        return MYL_OK;
    return myl_fail(MYL_ESHAPE, "ring \"%s\" carries %s; open it with myl_%s", segment->name,
                    kind == MYL_KIND_EVENTS ? "messages of any size" : "events of one size",
                    kind == MYL_KIND_EVENTS ? "frame_producer_open, myl_frame_consumer_open or myl_frame_observer_open"
                                            : "producer_open, myl_consumer_open or myl_observer_open");
}

int myl_shape_check_common(const struct myl_segment *segment, const myl_producer_options *o)
{
    const struct myl_header *is = &segment->head;
    if (o->type_id != 0 && o->type_id != is->type_id)
        return myl_shape_differs(segment, MYL_ETYPE, "type id", is->type_id, o->type_id);
    if (o->max_consumers != 0 && o->max_consumers != is->max_consumers)
        return myl_shape_differs(segment, MYL_ESHAPE, "consumer entries", is->max_consumers, o->max_consumers);
    return myl_check_crowd(o->wait_consumers, is->max_consumers);
}

/* What the caller names must be what is there. */
static int check_shape(const struct myl_segment *segment, const struct myl_shape *shape)
{
    const struct myl_header *is = &segment->head, *asked = &shape->head;
    const myl_producer_options *o = shape->options;
    int rc = myl_check_kind(segment, MYL_KIND_EVENTS);
    if (rc != MYL_OK)
        return rc;
    if (o->event_size != 0 && o->event_size != is->event_bytes)
        return myl_shape_differs(segment, MYL_EEVENTSIZE, "event size", is->event_bytes, o->event_size);
    if (o->event_align != 0 && o->event_align != is->event_align)
        return myl_shape_differs(segment, MYL_EALIGN, "event alignment", is->event_align, o->event_align);
    rc = myl_shape_check_common(segment, o);
    if (rc != MYL_OK)
        return rc;
    if (o->event_size != 0 && asked->cell_bytes != is->cell_bytes)
        return myl_shape_differs(segment, MYL_ESHAPE, "cell size", is->cell_bytes, asked->cell_bytes);
    if (o->capacity != 0 && o->event_size != 0 && asked->cells != is->cells)
        return myl_shape_differs(segment, MYL_ESHAPE, "number of cells", is->cells, asked->cells);
    return MYL_OK;
}

int myl_shape_events(struct myl_shape *made, const myl_producer_options *o)
{
    *made = (struct myl_shape){.check = check_shape, .options = o};
    return shape(&made->head, o);
}
