/* SPDX-License-Identifier: MIT
 * The shape of a ring of events: computed from options, or compared with an existing ring. */
#define _POSIX_C_SOURCE 200809L
#include "ring/shape.h"

#include "base/align.h"
#include "base/error.h"
#include "base/text.h"
#include "ring/cells.h"
#include "segment/create.h"
#include "segment/name.h"

#include <inttypes.h>
#include <string.h>

#define CONSUMERS       64U
#define CELLS_SMALL     UINT64_C(1024)
#define BIG_CELL        4096U
#define BIG_RING_BYTES  ((uint64_t)8 << 20)
#define CELLS_BIG       UINT64_C(16)

/* Half of a core's L2 cache: small enough to stay in the cache, large enough that producer and consumer rarely touch
 * the same lines. Large cells: BIG_RING_BYTES. */
static uint64_t default_cells(uint32_t cell_bytes)
{
    uint64_t least = cell_bytes > BIG_CELL ? CELLS_BIG : CELLS_SMALL;
    uint64_t bytes = cell_bytes > BIG_CELL ? BIG_RING_BYTES : myl_os_cache_bytes() / 2;
    uint64_t cells = least;
    while (cells * 2 * cell_bytes <= bytes)
        cells *= 2;
    return cells;
}

static int shape_packed(struct myl_header *head, const myl_ring_config *o)
{
    uint32_t cell = o->packed_cell;
    if (cell % MYL_CELL_ALIGN != 0 || cell > MYL_PACKED_CELL_MAX || cell % head->event_align != 0)
        return myl_fail(MYL_EALIGN,
                        "packed_cell is %" PRIu32 "; pass a multiple of 64 and of the event alignment, at most %u",
                        cell, MYL_PACKED_CELL_MAX);
    if (o->event_size % head->event_align != 0)
        return myl_fail(MYL_EALIGN,
                        "event_size is %" PRIu32 ", but packed events need a multiple of their alignment %" PRIu32
                        "; set event_align",
                        o->event_size, head->event_align);
    head->events_per_cell = cell > head->event_offset ? (cell - head->event_offset) / o->event_size : 0;
    if (head->events_per_cell < 2)
        return myl_fail(MYL_EEVENTSIZE,
                        "a packed cell of %" PRIu32 " bytes holds %" PRIu32 " events of %" PRIu32
                        " bytes, fewer than 2; pass a larger packed_cell, or 0",
                        cell, head->events_per_cell, o->event_size);
    head->cell_bytes = cell;
    uint64_t cells = myl_divide_up(o->capacity, head->events_per_cell);
    head->cells = o->capacity == 0 ? default_cells(cell) : MYL_CELLS_MIN;
    while (head->cells < cells)
        head->cells *= 2;
    return MYL_OK;
}

static int shape_plain(struct myl_header *head, const myl_ring_config *o)
{
    uint64_t to = head->event_align > MYL_CELL_ALIGN ? head->event_align : MYL_CELL_ALIGN;
    head->events_per_cell = 1;
    head->cell_bytes = (uint32_t)myl_align_up((uint64_t)head->event_offset + o->event_size, to);
    head->cells = o->capacity == 0 ? default_cells(head->cell_bytes) : o->capacity;
    if (!myl_is_power_of_two(head->cells) || head->cells < MYL_CELLS_MIN) {
        uint64_t better = MYL_CELLS_MIN;
        while (better < head->cells)
            better *= 2;
        return myl_fail(MYL_ECAPACITY,
                        "capacity is %" PRIu64 ", but it must be a power of two of at least 2; pass %" PRIu64,
                        o->capacity, better);
    }
    return MYL_OK;
}

/* What the header stores: the choice without the default. */
static enum myl_stored_policy stored_policy(enum myl_no_consumer_policy policy)
{
    switch (policy) {
    case MYL_NO_CONSUMERS_OVERWRITE:
        return MYL_STORED_OVERWRITE;
    case MYL_NO_CONSUMERS_BUFFER:
        return MYL_STORED_BUFFER;
    case MYL_NO_CONSUMERS_DEFAULT:
    case MYL_NO_CONSUMERS_BLOCK:
        break;
    }
    return MYL_STORED_BLOCK;
}

int myl_shape_common(struct myl_header *head, const struct myl_common_config *config, const myl_ring_options *ring)
{
    if (config->max_consumers > MYL_CONSUMERS_MAX)
        return myl_fail(MYL_EINVAL, "%" PRIu32 " consumer entries are requested; request at most %d",
                        config->max_consumers, MYL_CONSUMERS_MAX);
    if ((unsigned)ring->no_consumers > MYL_NO_CONSUMERS_BUFFER)
        return myl_fail(MYL_EINVAL, "no_consumers is %d; pass a value of enum myl_no_consumer_policy",
                        (int)ring->no_consumers);
    if ((unsigned)config->spin_only > MYL_SPIN_ONLY_OFF)
        return myl_fail(MYL_EINVAL, "spin_only is %d; pass a value of enum myl_spin_only", (int)config->spin_only);
    int rc = config->label != NULL ? myl_check_label(config->label) : MYL_OK;
    if (rc != MYL_OK)
        return rc;
    head->max_consumers = config->max_consumers == 0 ? CONSUMERS : config->max_consumers;
    head->type_id = config->type_id;
    head->flags = config->spin_only == MYL_SPIN_ONLY_ON ? MYL_FLAG_SPIN_ONLY : 0;
    head->no_consumers = stored_policy(ring->no_consumers);
    head->buffer = ring->no_consumers == MYL_NO_CONSUMERS_BUFFER ? ring->buffer : 0;
    if (config->label != NULL)
        memcpy(head->label, config->label, strlen(config->label));
    return MYL_OK;
}

static int check_buffer(const struct myl_header *asked, uint64_t capacity)
{
    if (asked->buffer <= capacity)
        return MYL_OK;
    return myl_fail(MYL_EINVAL, "buffer is %" PRIu64 " events; pass 1 to the capacity, %" PRIu64, asked->buffer,
                    capacity);
}

static struct myl_common_config common_of(const myl_ring_config *o)
{
    return (struct myl_common_config){o->max_consumers, o->type_id, o->label, o->spin_only};
}

static int shape(struct myl_header *head, const myl_ring_config *o, const myl_ring_options *ring)
{
    uint32_t align = o->event_align == 0 ? 8 : o->event_align;
    if (!myl_is_power_of_two(align) || align > MYL_EVENT_ALIGN_MAX)
        return myl_fail(MYL_EALIGN, "event_align is %" PRIu32 "; pass a power of two, at most %u", align,
                        MYL_EVENT_ALIGN_MAX);
    if (o->event_size > MYL_EVENT_MAX)
        return myl_fail(MYL_EEVENTSIZE, "event_size is %" PRIu32 "; pass at most %" PRIu32 " bytes", o->event_size,
                        MYL_EVENT_MAX);
    if (o->capacity > MYL_CELLS_MAX)
        return myl_fail(MYL_ECAPACITY, "capacity is %" PRIu64 " events; pass at most %" PRIu64, o->capacity,
                        MYL_CELLS_MAX);
    const struct myl_common_config common = common_of(o);
    int rc = myl_shape_common(head, &common, ring);
    if (rc == MYL_OK && ring->no_consumers == MYL_NO_CONSUMERS_BUFFER && ring->buffer == 0)
        rc = myl_fail(MYL_EINVAL, "buffer is 0, but no_consumers is MYL_NO_CONSUMERS_BUFFER; pass 1 to the capacity");
    if (rc != MYL_OK || o->event_size == 0)
        return rc; /* without a size: only an existing ring can be opened */
    head->kind = MYL_KIND_EVENTS;
    head->event_bytes = o->event_size;
    head->event_align = align;
    head->event_offset = align > sizeof(uint64_t) ? align : (uint32_t)sizeof(uint64_t);
    rc = o->packed_cell > MYL_PACKED_CELL_NONE ? shape_packed(head, o) : shape_plain(head, o);
    return rc == MYL_OK ? check_buffer(head, head->cells * head->events_per_cell) : rc;
}

int myl_check_kind(const struct myl_segment *segment, uint32_t kind)
{
    if (segment->head->kind == kind)
        return MYL_OK;
    return myl_fail(MYL_ESHAPE, "ring \"%s\" carries %s; open it with myl_%s", segment->name,
                    kind == MYL_KIND_EVENTS ? "messages of any size" : "events of one size",
                    kind == MYL_KIND_EVENTS ? "frame_producer_open, myl_frame_consumer_open or myl_frame_observer_open"
                                            : "producer_open, myl_consumer_open or myl_observer_open");
}

int myl_choose_cells(struct myl_segment *segment, const struct myl_cell_ops *cells)
{
    segment->cells = cells;
    return myl_check_kind(segment, cells->kind);
}

static int label_differs(const struct myl_segment *segment, const char *asked)
{
    char is[MYL_LABEL_MAX + 1];
    memcpy(is, segment->head->label, sizeof is);
    myl_text_clean(is);
    return myl_fail(MYL_ESHAPE,
                    "ring \"%s\" exists with label \"%s\", expected \"%s\"; pass the same label, NULL to accept any, "
                    "or remove it",
                    segment->name, is, asked);
}

int myl_shape_check_common(const struct myl_segment *segment, const struct myl_common_config *config,
                           const myl_ring_options *ring)
{
    const struct myl_header *is = segment->head;
    if (config->type_id != 0 && config->type_id != is->type_id)
        return myl_fail(MYL_ETYPE,
                        "ring \"%s\" exists with type 0x%016" PRIx64 ", expected 0x%016" PRIx64
                        "; pass the same type_id, 0 to accept any, or remove it",
                        segment->name, is->type_id, config->type_id);
    if (config->max_consumers != 0 && config->max_consumers != is->max_consumers)
        return myl_fail(MYL_ESHAPE,
                        "ring \"%s\" exists with %" PRIu32 " consumer entries, expected %" PRIu32
                        "; pass the same max_consumers, 0 to accept any, or remove it",
                        segment->name, is->max_consumers, config->max_consumers);
    if (config->label != NULL && strncmp(config->label, is->label, sizeof is->label) != 0)
        return label_differs(segment, config->label);
    int parks = (is->flags & MYL_FLAG_SPIN_ONLY) == 0;
    if (config->spin_only != MYL_SPIN_ONLY_DEFAULT && parks != (config->spin_only == MYL_SPIN_ONLY_OFF))
        return myl_fail(
            MYL_ESHAPE,
            "ring \"%s\" exists, and its consumers %s park; leave spin_only 0 to accept that, or remove the "
            "ring",
            segment->name, parks ? "may" : "may not");
    return myl_check_quorum(ring->wait_consumers, is->max_consumers);
}

/* Returns the number of cells that a ring with this packing has for `capacity` events. Without packing an invalid
 * capacity is returned as it is, and so differs from that of any ring. */
static uint64_t cells_for(const struct myl_header *is, uint64_t capacity)
{
    uint64_t cells = MYL_CELLS_MIN;
    if (is->events_per_cell == 1)
        return capacity;
    while (cells * is->events_per_cell < capacity)
        cells *= 2;
    return cells;
}

/* Compares each option that the caller has set with the existing ring. */
static int check_shape(const struct myl_segment *segment, const struct myl_shape *shape)
{
    const struct myl_header *is = segment->head;
    const myl_producer_options *options = shape->options;
    const myl_ring_config *o = &options->config;
    const struct myl_common_config common = common_of(o);
    int rc = myl_check_kind(segment, MYL_KIND_EVENTS);
    if (rc != MYL_OK)
        return rc;
    if (o->event_size != 0 && o->event_size != is->event_bytes)
        return MYL_SHAPE_DIFFERS(segment, MYL_EEVENTSIZE, "event size", is->event_bytes, o->event_size);
    if (o->event_align != 0 && o->event_align != is->event_align)
        return MYL_SHAPE_DIFFERS(segment, MYL_EALIGN, "event alignment", is->event_align, o->event_align);
    rc = myl_shape_check_common(segment, &common, &options->ring);
    if (rc != MYL_OK)
        return rc;
    uint32_t packed_cell = is->events_per_cell == 1 ? MYL_PACKED_CELL_NONE : is->cell_bytes;
    if (o->packed_cell != 0 && o->packed_cell != packed_cell)
        return MYL_SHAPE_DIFFERS(segment, MYL_ESHAPE, "packed_cell", packed_cell, o->packed_cell);
    if (o->capacity != 0 && cells_for(is, o->capacity) != is->cells)
        return MYL_SHAPE_DIFFERS(segment, MYL_ESHAPE, "a capacity of", is->capacity, o->capacity);
    return check_buffer(&shape->head, is->capacity);
}

int myl_shape_events(struct myl_shape *made, const myl_producer_options *o)
{
    *made = (struct myl_shape){.check = check_shape, .options = o, .cells = &myl_event_cell_ops};
    return shape(&made->head, &o->config, &o->ring);
}
