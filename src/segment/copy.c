/* SPDX-License-Identifier: MIT
 * Tools read a private copy of the control area, made with pread. A mapping would end the tool by SIGBUS if the owner
 * of the ring truncated the object. docs/memory-model.md, "Copies". */
#include "segment/copy.h"

#include "base/error.h"
#include "segment/lane.h"
#include "segment/lock.h"
#include "segment/table.h"

#include <inttypes.h>
#include <stdlib.h>

/* Several times the size of the largest tables of all lanes. A header that asks for more is refused. */
#define COPY_MOST ((uint64_t)64 << 20)

static int read_part(const struct myl_segment *segment, const void *part, uint64_t bytes)
{
    unsigned char *to =
        (unsigned char *)segment->controls + ((const unsigned char *)part - (unsigned char *)segment->controls);
    return myl_segment_read(segment,
                            segment->head->control_offset + (uint64_t)(to - (unsigned char *)segment->controls), to,
                            bytes);
}

/* Reads control, the entries, and control again: then `next` is not lower than any cursor read before. */
static int read_lane(const struct myl_segment *view)
{
    uint64_t words = sizeof *view->control + view->head->max_producers * sizeof(struct myl_participant);
    int rc = read_part(view, view->control, words);
    uint64_t entries = myl_segment_entries(view);
    if (rc == MYL_OK)
        rc = read_part(view, myl_segment_entry(view, 0), entries * sizeof(struct myl_participant));
    return rc == MYL_OK ? read_part(view, view->control, words) : rc;
}

static int read_log(const struct myl_segment *segment)
{
    uint64_t begin = myl_log_begin(segment->head), end = myl_log_end(segment->head);
    return read_part(segment, (unsigned char *)segment->controls + begin, end - begin);
}

int myl_segment_refresh(const struct myl_segment *segment)
{
    return segment->copied ? read_lane(segment) : MYL_OK;
}

/* Makes an empty copy. */
static int allocate(struct myl_segment *segment)
{
    uint64_t bytes = myl_log_end(segment->head);
    if (bytes > COPY_MOST)
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": its control area has %" PRIu64 " bytes, at most %" PRIu64
                        " can be; remove the ring",
                        segment->name, bytes, COPY_MOST);
    segment->controls = calloc(1, bytes);
    if (segment->controls == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a copy of the control area of ring \"%s\" (%" PRIu64 " bytes)",
                        segment->name, bytes);
    segment->copied = 1;
    segment->control_writable = 0;
    segment->data_park = &segment->controls->data;
    myl_segment_select(segment, segment->lane);
    return MYL_OK;
}

int myl_segment_copy(struct myl_segment *segment)
{
    int rc = allocate(segment);
    for (uint32_t lane = 0; rc == MYL_OK && lane < segment->head->lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        rc = read_lane(&view);
    }
    return rc == MYL_OK ? read_log(segment) : rc;
}

int myl_segment_inspect(struct myl_segment *segment, const char *name, enum myl_backend backend, uint32_t lane)
{
    struct myl_segment_open how = {.backend = backend, .name = name, .any_owner = 1, .may_read_only = 1, .lane = lane};
    if (backend == MYL_BACKEND_MEMFD)
        return myl_fail(MYL_EINVAL, "a memfd has no name to look it up by; ask through a handle of it");
    int rc = myl_segment_find(segment, &how);
    if (rc != MYL_OK)
        return rc;
    rc = allocate(segment);
    if (rc == MYL_OK)
        rc = read_lane(segment);
    if (rc == MYL_OK && lane == 0)
        rc = read_log(segment); /* the number of its records is in lane 0 */
    if (rc != MYL_OK)
        myl_segment_close(segment);
    return rc;
}

int myl_segment_ask(const struct myl_segment *segment, uint32_t lock_index, const void *record, uint64_t bytes,
                    int *held)
{
    *held = myl_lock_held(segment, lock_index);
    if (*held != 0 || !segment->copied)
        return MYL_OK;
    int rc = read_part(segment, record, bytes);
    if (rc == MYL_OK)
        *held = myl_lock_held(segment, lock_index);
    return rc;
}
