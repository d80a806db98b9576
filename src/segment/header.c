/* SPDX-License-Identifier: MIT
 * The header: completed when a segment is created, validated when one is opened. */
#include "segment/header.h"

#include "base/align.h"
#include "base/error.h"
#include "base/hash.h"
#include "os/os.h"

#include <inttypes.h>

static uint64_t checksum(const struct myl_header *head)
{
    return myl_fnv1a(head, offsetof(struct myl_header, checksum));
}

void myl_header_seal(struct myl_header *head)
{
    head->checksum = checksum(head);
}

int myl_header_complete(struct myl_header *head, int huge)
{
    uint64_t align = huge ? MYL_HUGE_ALIGN : MYL_SECTION_ALIGN;
    uint64_t data = head->cells * head->cell_bytes; /* at most 2^32 * 2^21 */
    head->magic = MYL_MAGIC;
    head->layout_version = MYL_LAYOUT_VERSION;
    head->byte_order = MYL_BYTE_ORDER;
    head->header_bytes = sizeof *head;
    head->capacity = head->cells * head->events_per_cell;
    head->max_producers = 1;
    head->control_offset =
        myl_align_up(head->schema_bytes == 0 ? sizeof *head : MYL_SCHEMA_OFFSET + head->schema_bytes, align);
    head->control_bytes = myl_control_bytes(head);
    head->lanes = head->lanes == 0 ? 1 : head->lanes;
    head->data_offset = myl_align_up(head->control_offset + myl_log_end(head), align);
    head->data_bytes = myl_align_up(data, align);
    head->segment_bytes = head->data_offset + head->lanes * head->data_bytes; /* at most 2^57 */
    if (head->segment_bytes > MYL_SEGMENT_MAX)
        return myl_fail(MYL_ECAPACITY,
                        "a ring of %" PRIu64 " %s would need %" PRIu64 " bytes, at most %" PRIu64
                        "; lower its capacity",
                        head->capacity, head->kind == MYL_KIND_FRAMES ? "cells" : "events", head->segment_bytes,
                        MYL_SEGMENT_MAX);
    return MYL_OK;
}

static int corrupt(const char *name, const char *field, uint64_t value)
{
    return myl_fail(MYL_ECORRUPT, "ring \"%s\": the header's %s is %" PRIu64 ", which is impossible; remove the ring",
                    name, field, value);
}

static int check_identity(const struct myl_header *head, const char *name)
{
    if (head->magic == __builtin_bswap64(MYL_MAGIC))
        return myl_fail(MYL_EBYTEORDER,
                        "ring \"%s\" has the other byte order; use it on the machine that created it, or remove it",
                        name);
    if (head->magic != MYL_MAGIC)
        return myl_fail(MYL_ENOTRING, "\"%s\" is not a ring: it starts with %016" PRIx64 "; choose another name", name,
                        head->magic);
    if (head->byte_order != MYL_BYTE_ORDER)
        return myl_fail(MYL_EBYTEORDER, "ring \"%s\" has byte-order mark %08" PRIx32 "; this machine's is %08" PRIx32,
                        name, head->byte_order, MYL_BYTE_ORDER);
    if (head->layout_version != MYL_LAYOUT_VERSION)
        return myl_fail(MYL_EVERSION,
                        "ring \"%s\" has layout version %" PRIu32
                        ", this library %s reads version %u; use one version of "
                        "myelon on both sides, or remove the ring",
                        name, head->layout_version, myl_version(), MYL_LAYOUT_VERSION);
    if (head->header_bytes != sizeof *head)
        return corrupt(name, "header size", head->header_bytes);
    if (head->checksum != checksum(head))
        return corrupt(name, "checksum", head->checksum);
    if ((head->features_incompatible & ~MYL_FEATURES_INCOMPATIBLE) != 0)
        return myl_fail(MYL_EVERSION,
                        "ring \"%s\" uses features %016" PRIx64 ", of which this library %s knows %016" PRIx64
                        "; use a newer library, or remove the ring",
                        name, head->features_incompatible, myl_version(), MYL_FEATURES_INCOMPATIBLE);
    return MYL_OK;
}

/* The longest record and the stamp of its successor fit, and the data area can be mapped twice in succession. */
static int check_frames(const struct myl_header *head, const char *name)
{
    if (head->cells * MYL_CELL_ALIGN % myl_os_page_size() != 0)
        return corrupt(name, "number of cells", head->cells);
    if (head->cell_bytes != MYL_CELL_ALIGN || head->events_per_cell != 1 || head->event_align != MYL_CELL_ALIGN)
        return corrupt(name, "cell size", head->cell_bytes);
    if (head->event_offset != MYL_RECORD_BARE && head->event_offset != MYL_RECORD_NUMBERED)
        return corrupt(name, "record header size", head->event_offset);
    if (head->event_bytes < MYL_CELL_ALIGN || myl_record_cells(head->event_bytes, 1) + 1 > head->cells)
        return corrupt(name, "longest frame", head->event_bytes);
    if (head->message_max < head->event_bytes || head->message_max > MYL_SEGMENT_MAX)
        return corrupt(name, "longest message", head->message_max);
    if (head->capacity != head->cells)
        return corrupt(name, "capacity", head->capacity);
    if (head->data_bytes != head->cells * MYL_CELL_ALIGN)
        return corrupt(name, "data size", head->data_bytes);
    return MYL_OK;
}

static int check_shape(const struct myl_header *head, const char *name)
{
    if (head->cells < MYL_CELLS_MIN || head->cells > MYL_CELLS_MAX)
        return corrupt(name, "number of cells", head->cells);
    if (head->kind == MYL_KIND_FRAMES)
        return check_frames(head, name);
    if (head->kind != MYL_KIND_EVENTS)
        return corrupt(name, "kind", head->kind);
    if (!myl_is_power_of_two(head->cells))
        return corrupt(name, "number of cells", head->cells);
    if (head->cell_bytes == 0 || head->cell_bytes % MYL_CELL_ALIGN != 0 || head->cell_bytes > MYL_CELL_MAX)
        return corrupt(name, "cell size", head->cell_bytes);
    if (head->event_bytes == 0 || head->event_bytes > MYL_EVENT_MAX)
        return corrupt(name, "event size", head->event_bytes);
    if (!myl_is_power_of_two(head->event_align) || head->event_align > MYL_EVENT_ALIGN_MAX)
        return corrupt(name, "event alignment", head->event_align);
    if (head->event_offset < sizeof(uint64_t) || head->event_offset % head->event_align != 0 ||
        head->event_offset >= head->cell_bytes)
        return corrupt(name, "event offset", head->event_offset);
    /* Check that each event of each cell is aligned. */
    if (head->cell_bytes % head->event_align != 0 ||
        (head->events_per_cell > 1 && head->event_bytes % head->event_align != 0))
        return corrupt(name, "event alignment", head->event_align);
    if (head->events_per_cell == 0 ||
        head->events_per_cell > (head->cell_bytes - head->event_offset) / head->event_bytes)
        return corrupt(name, "number of events per cell", head->events_per_cell);
    if (head->capacity != head->cells * head->events_per_cell)
        return corrupt(name, "capacity", head->capacity);
    if (head->no_consumers == MYL_STORED_BUFFER && (head->buffer == 0 || head->buffer > head->capacity))
        return corrupt(name, "buffer", head->buffer);
    return MYL_OK;
}

/* A ring has a codec, a hash and a text, or none of them. */
static int check_schema(const struct myl_header *head, const char *name)
{
    int is_described = head->schema_bytes > 0;
    if (head->schema_bytes > MYL_SCHEMA_MAX)
        return corrupt(name, "schema size", head->schema_bytes);
    if ((head->codec != 0) != is_described)
        return corrupt(name, "codec", head->codec);
    if ((head->schema_hash != 0) != is_described)
        return corrupt(name, "schema hash", head->schema_hash);
    if (head->schema_checksum != head->schema_hash)
        return corrupt(name, "schema checksum", head->schema_checksum);
    return MYL_OK;
}

static int check_options(const struct myl_header *head, const char *name)
{
    if (head->max_producers != 1)
        return corrupt(name, "number of producer records", head->max_producers);
    if (head->max_consumers == 0 || head->max_consumers > MYL_CONSUMERS_MAX)
        return corrupt(name, "number of consumer entries", head->max_consumers);
    if (head->no_consumers > MYL_STORED_BUFFER)
        return corrupt(name, "coordination mode", head->no_consumers);
    if (head->backend > MYL_BACKEND_MEMFD)
        return corrupt(name, "back end", head->backend);
    if (head->lanes == 0 || head->lanes > MYL_LANES_MAX || (head->lanes > 1 && head->kind != MYL_KIND_FRAMES))
        return corrupt(name, "number of lanes", head->lanes);
    return check_schema(head, name);
}

int myl_header_check(const struct myl_header *head, uint64_t object_bytes, const char *name)
{
    int rc = check_identity(head, name);
    if (rc == MYL_OK)
        rc = check_shape(head, name);
    if (rc == MYL_OK)
        rc = check_options(head, name);
    if (rc != MYL_OK)
        return rc;
    uint64_t page = myl_os_page_size();
    if (head->segment_bytes > MYL_SEGMENT_MAX)
        return corrupt(name, "segment size", head->segment_bytes);
    if (head->control_offset < sizeof *head ||
        (head->schema_bytes > 0 && head->control_offset < MYL_SCHEMA_OFFSET + head->schema_bytes) ||
        head->control_offset % page != 0 || head->control_offset > head->segment_bytes)
        return corrupt(name, "control offset", head->control_offset);
    if (head->control_bytes < myl_control_bytes(head) || head->control_bytes % MYL_CONTROL_ALIGN != 0 ||
        head->control_bytes > (head->segment_bytes - head->control_offset) / head->lanes)
        return corrupt(name, "control size", head->control_bytes);
    if (head->data_offset < head->control_offset + myl_log_end(head) || head->data_offset % page != 0 ||
        head->data_offset > head->segment_bytes)
        return corrupt(name, "data offset", head->data_offset);
    if (head->data_bytes < head->cells * head->cell_bytes || head->data_bytes % page != 0 ||
        head->data_bytes > (head->segment_bytes - head->data_offset) / head->lanes)
        return corrupt(name, "data size", head->data_bytes);
    if (object_bytes < head->segment_bytes)
        return myl_fail(MYL_ETRUNCATED,
                        "ring \"%s\" has %" PRIu64 " bytes, but its header says %" PRIu64
                        ": it was truncated; remove it",
                        name, object_bytes, head->segment_bytes);
    return MYL_OK;
}
