/* SPDX-License-Identifier: MIT
 * Records as they are read: headers copied once and checked, fragments put together. Nothing here believes the
 * segment. */
#include "frame/frame.h"

#include "base/error.h"
#include "os/os.h"
#include "ring/handle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Which flags go together: a message of one record, or a part of one, or the word that it was given up. */
static int flags_are_possible(unsigned flags)
{
    unsigned ends = flags & (MYL_RECORD_FIRST | MYL_RECORD_LAST);
    if ((flags & MYL_RECORD_ABORTED) != 0)
        return flags == MYL_RECORD_ABORTED;
    return ends == MYL_I_FRAME_WHOLE || (flags & MYL_RECORD_FAR) != 0;
}

static int fragment_is_possible(const struct myl_header *head, const struct myl_frame_head *record)
{
    const struct myl_fragment *part = &record->fragment;
    int first = (record->flags & MYL_RECORD_FIRST) != 0, last = (record->flags & MYL_RECORD_LAST) != 0;
    return record->length > 0 && part->total <= head->message_max && part->offset <= part->total &&
           record->length <= part->total - part->offset && first == (part->offset == 0) &&
           last == (record->length == part->total - part->offset);
}

int myl_frame_read_head(const struct myl_header *head, const unsigned char *cell, struct myl_frame_head *record)
{
    const myl_au64 *word = (const myl_au64 *)(const void *)cell;
    memset(record, 0, sizeof *record);
    record->about = myl_load_rlx(&word[1]); /* A81. Pairs: A82 */
    record->length = record->about & UINT32_MAX;
    record->flags = (unsigned)(record->about >> MYL_ABOUT_FLAGS_SHIFT) & 255U;
    record->cells = myl_record_cells(record->length, (record->flags & MYL_RECORD_FAR) != 0);
    if (!myl_record_is_possible(head, record->about) || !flags_are_possible(record->flags))
        return 0;
    if (head->event_offset == MYL_RECORD_NUMBERED) {
        record->number = myl_load_rlx(&word[2]);          /* A84. Pairs: A85 */
        record->sent_ns = (int64_t)myl_load_rlx(&word[3]); /* A84 */
    }
    if ((record->flags & MYL_RECORD_ABORTED) != 0 || (record->flags & MYL_I_FRAME_WHOLE) == MYL_I_FRAME_WHOLE)
        return 1;
    myl_copy_rlx(&record->fragment, cell + head->event_offset, sizeof record->fragment); /* A84 */
    return fragment_is_possible(head, record);
}

const unsigned char *myl_frame_payload(const struct myl_header *head, const unsigned char *cell,
                                       const struct myl_frame_head *record)
{
    return cell + ((record->flags & MYL_RECORD_FAR) != 0 ? MYL_CELL_ALIGN : head->event_offset);
}

void myl_frame_describe(myl_message *message, const struct myl_frame_head *record, const void *data)
{
    *message = (myl_message){
        .data = data,
        .length = record->length,
        .number = record->number,
        .sent_ns = record->sent_ns,
        .kind = (uint32_t)(record->about >> MYL_ABOUT_KIND_SHIFT) & 255U,
        .fragments = 1,
    };
}

int64_t myl_message_latency(const myl_message *message)
{
    /* The time sent is the segment's word: it may be anything. */
    return message->sent_ns == 0 ? -1 : (int64_t)((uint64_t)myl_os_now() - (uint64_t)message->sent_ns);
}

/* --- fragments ---------------------------------------------------------------------------------------------- */

int myl_partial_set_up(struct myl_partial *part, const struct myl_header *head, uint64_t most)
{
    uint64_t bytes = most == 0 || most > head->message_max ? head->message_max : most;
    if (head->message_max <= head->event_bytes || bytes <= head->event_bytes)
        return MYL_OK; /* nothing comes in fragments, or nothing that does is wanted */
    bytes = (bytes + MYL_CELL_ALIGN - 1) / MYL_CELL_ALIGN * MYL_CELL_ALIGN;
    part->buffer = bytes > SIZE_MAX ? NULL : aligned_alloc(MYL_CELL_ALIGN, (size_t)bytes);
    if (part->buffer == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for messages of %" PRIu64 " bytes; set a smaller max_message", bytes);
    part->room = most == 0 || most > head->message_max ? head->message_max : most;
    return MYL_OK;
}

int myl_partial_fits(const struct myl_partial *part, const struct myl_frame_head *record)
{
    return record->fragment.id == part->about.id && record->fragment.total == part->about.total &&
           record->fragment.offset == part->got;
}

void myl_partial_begin(struct myl_partial *part, const struct myl_frame_head *record, uint64_t position)
{
    part->state = MYL_PART_OPEN;
    part->start = part->position = position;
    part->got = 0;
    part->fragments = 0;
    part->about = record->fragment;
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
    myl_frame_describe(message, last, part->buffer);
    message->length = part->about.total;
    message->fragments = part->fragments + 1;
}

/* --- answers ------------------------------------------------------------------------------------------------- */

int myl_frame_corrupt(const char *name, uint64_t position, const struct myl_frame_head *record)
{
    return myl_fail(MYL_ECORRUPT,
                    "ring \"%s\": the record at position %" PRIu64 " says %016" PRIx64
                    " of itself (fragment %016" PRIx64 ", byte %" PRIu64 " of %" PRIu64
                    "), which cannot be; remove the ring",
                    name, position, record->about, record->fragment.id, record->fragment.offset,
                    record->fragment.total);
}

int myl_frame_aborted(const char *name, const struct myl_partial *part)
{
    return myl_fail(MYL_EABORTED,
                    "ring \"%s\": a message of %" PRIu64 " bytes was given up, or its producer died, after %" PRIu64
                    " of them; call again for the next message",
                    name, part->about.total, part->got);
}

int myl_frame_consumer_options_check(const myl_frame_consumer_options *o, myl_consumer_options *ring)
{
    int rc = myl_check_options(o, o->size, sizeof *o, "myl_frame_consumer_options");
    if (rc != MYL_OK)
        return rc;
    *ring = o->ring;
    if (ring->size == 0)
        ring->size = sizeof *ring;
    if (ring->event_size != 0 || ring->event_align != 0)
        return myl_fail(MYL_EINVAL,
                        "event_size %" PRIu32 " and event_align %" PRIu32
                        " were given for a ring of frames, which has none; leave them 0",
                        ring->event_size, ring->event_align);
    return MYL_OK;
}
