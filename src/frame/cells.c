/* SPDX-License-Identifier: MIT
 * Operations for cells of records. A stamp means that a record is published; its end follows from its length. */
#include "frame/cells.h"

#include "base/error.h"
#include "ring/cells.h"

#include <inttypes.h>

static uint64_t span(const struct myl_segment *segment)
{
    (void)segment;
    return 1;
}

static bool is_impossible(const struct myl_segment *segment, uint64_t stamp, uint64_t sequence)
{
    (void)segment;
    return stamp != 0 && stamp != sequence + 1;
}

/* Position `at` is a record's first cell. */
static int published_end(const struct myl_segment *segment, uint64_t at, uint64_t *end)
{
    struct myl_i_cell_iterator iterator = myl_iterator_at(segment, at);
    const struct myl_record *record = (const struct myl_record *)(const void *)iterator.cell;
    uint64_t stamp = myl_load_acq(&record->stamp); /* A20. Pairs: A1 */
    *end = at;
    if (stamp == 0)
        return MYL_OK;
    if (stamp != at + 1)
        return myl_stamped_ahead(segment, at, stamp);
    uint64_t head_word = myl_load_rlx(&record->length_kind_flags); /* A81, once. Pairs: A82, before the stamp */
    if (!myl_record_is_possible(segment->head, head_word))
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the record at position %" PRIu64 " says %016" PRIx64
                        " of itself, which cannot be; remove the ring",
                        segment->name, at, head_word);
    *end = at + myl_record_cells(head_word & UINT32_MAX, (head_word & MYL_RECORD_FAR_BIT) != 0);
    return MYL_OK;
}

static int boundary(const struct myl_segment *segment, uint64_t from, uint64_t wanted, uint64_t *at)
{
    *at = from;
    while (*at < wanted) {
        uint64_t end;
        int rc = published_end(segment, *at, &end);
        if (rc == MYL_OK && end == *at)
            rc = myl_stamped_ahead(segment, end, 0);
        if (rc != MYL_OK)
            return rc;
        *at = end;
    }
    return MYL_OK;
}

const struct myl_cell_ops myl_record_cell_ops = {
    .kind = MYL_KIND_FRAMES,
    .position = "the message at position",
    .unit = "byte",
    .unit_bytes = MYL_CELL_ALIGN,
    .publishes_claims = true,
    .need = 2, /* a message takes a cell, and that of the next header's word */
    .span = span,
    .published_end = published_end,
    .boundary = boundary,
    .is_impossible = is_impossible,
};
