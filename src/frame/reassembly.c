/* SPDX-License-Identifier: MIT
 * Reassembly of the fragments of a message. */
#include "frame/reassembly.h"

#include "base/align.h"
#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>

int myl_partial_set_up(struct myl_partial *part, const struct myl_header *head, uint64_t most)
{
    uint64_t bytes = most == 0 || most > head->message_max ? head->message_max : most;
    if (head->message_max <= head->event_bytes || bytes <= head->event_bytes)
        return MYL_OK; /* no message comes in fragments, or the reader takes none that does */
    bytes = myl_align_up(bytes, MYL_CELL_ALIGN);
    part->buffer = bytes > SIZE_MAX ? NULL : aligned_alloc(MYL_CELL_ALIGN, (size_t)bytes);
    if (part->buffer == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for messages of %" PRIu64 " bytes; set a smaller max_message", bytes);
    part->room = most == 0 || most > head->message_max ? head->message_max : most;
    return MYL_OK;
}

bool myl_partial_fits(const struct myl_partial *part, const struct myl_frame_head *record)
{
    return record->fragment.id == part->fragment.id && record->fragment.total == part->fragment.total &&
           record->fragment.offset == part->got;
}

void myl_partial_begin(struct myl_partial *part, const struct myl_frame_head *record, uint64_t position)
{
    part->state = MYL_PART_OPEN;
    part->start = part->position = position;
    part->got = 0;
    part->fragments = 0;
    part->fragment = record->fragment;
    part->to = part->buffer;
    myl_frame_describe_first(&part->seen, record);
}

void myl_partial_append(struct myl_partial *part, const struct myl_frame_head *record)
{
    if ((record->flags & MYL_RECORD_LAST) != 0) {
        part->state = MYL_PART_DONE; /* `position` stays: a rewound message is whole again by its last fragment */
        return;
    }
    part->got += record->length;
    part->position += record->cells;
    part->fragments++;
}

void myl_partial_describe(const struct myl_partial *part, const struct myl_frame_head *last, myl_message *message)
{
    myl_frame_describe(message, last, part->to);
    message->length = part->fragment.total;
    message->fragments = part->fragments + 1;
}

int myl_frame_aborted(const char *name, const struct myl_partial *part)
{
    return myl_fail(MYL_EABORTED,
                    "ring \"%s\": a message of %" PRIu64 " bytes was given up, or its producer died, after %" PRIu64
                    " of them; call again for the next message",
                    name, part->fragment.total, part->got);
}
