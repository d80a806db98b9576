/* SPDX-License-Identifier: MIT
 * Positions of cells in the data area, and the operations for cells of events. */
#include "ring/cells.h"

#include "base/error.h"

#include <inttypes.h>

struct myl_i_geometry myl_geometry(const struct myl_segment *segment)
{
    const struct myl_header *head = segment->head;
    return (struct myl_i_geometry){
        .cells = segment->data,
        .cells_end = segment->data + head->cells * head->cell_bytes,
        .cell_size = head->cell_bytes,
        .per_cell = head->events_per_cell,
        .event_size = head->event_bytes,
        .event_offset = head->event_offset,
        .mask = head->cells - 1,
    };
}

struct myl_i_cell_iterator myl_iterator_at(const struct myl_segment *segment, uint64_t sequence)
{
    const struct myl_header *head = segment->head;
    uint64_t cell = sequence / head->events_per_cell % head->cells;
    uint32_t index = (uint32_t)(sequence % head->events_per_cell);
    unsigned char *at = segment->data + cell * head->cell_bytes;
    return (struct myl_i_cell_iterator){
        .cell = at,
        .event = at + head->event_offset + (size_t)index * head->event_bytes,
        .left = head->events_per_cell - index,
    };
}

int myl_stamped_ahead(const struct myl_segment *segment, uint64_t sequence, uint64_t stamp)
{
    return myl_fail(MYL_ECORRUPT,
                    "ring \"%s\": the cell of event %" PRIu64 " has stamp %" PRIu64
                    ", which is impossible; remove the ring",
                    segment->name, sequence, stamp);
}

static uint64_t span(const struct myl_segment *segment)
{
    return segment->head->capacity;
}

static bool is_impossible(const struct myl_segment *segment, uint64_t stamp, uint64_t sequence)
{
    return (int64_t)(stamp - sequence) > (int64_t)segment->head->capacity;
}

static int published_end(const struct myl_segment *segment, uint64_t sequence, uint64_t *end)
{
    struct myl_i_cell_iterator iterator = myl_iterator_at(segment, sequence);
    /* A20 stamp [acq]. Pairs: A1, also of a dead producer: its stamped events are complete. */
    uint64_t stamp = myl_load_acq(myl_i_stamp(&iterator));
    bool published = stamp - sequence - 1 < segment->head->capacity;
    if (!published && is_impossible(segment, stamp, sequence))
        return myl_stamped_ahead(segment, sequence, stamp);
    *end = published ? stamp : sequence;
    return MYL_OK;
}

/* Events have a fixed size, so each sequence is a boundary. */
static int boundary(const struct myl_segment *segment, uint64_t from, uint64_t wanted, uint64_t *at)
{
    (void)segment;
    (void)from;
    *at = wanted;
    return MYL_OK;
}

const struct myl_cell_ops myl_event_cell_ops = {
    .kind = MYL_KIND_EVENTS,
    .position = "event",
    .unit = "event",
    .unit_bytes = 1,
    .need = 1,
    .span = span,
    .published_end = published_end,
    .boundary = boundary,
    .is_impossible = is_impossible,
};
