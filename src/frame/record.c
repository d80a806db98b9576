/* SPDX-License-Identifier: MIT
 * Records as they are read: headers are copied once and checked before they are used. */
#include "frame/record.h"

#include "base/error.h"
#include "os/os.h"

#include <inttypes.h>
#include <string.h>

/* Valid flags: a message of one record, a fragment, or an abort record. */
static bool flags_are_possible(unsigned flags)
{
    unsigned ends = flags & (MYL_RECORD_FIRST | MYL_RECORD_LAST);
    if ((flags & MYL_RECORD_ABORTED) != 0)
        return flags == MYL_RECORD_ABORTED;
    return ends == MYL_I_FRAME_WHOLE || (flags & MYL_RECORD_FAR) != 0;
}

static bool fragment_is_possible(const struct myl_header *head, const struct myl_frame_head *record)
{
    const struct myl_fragment *part = &record->fragment;
    int first = (record->flags & MYL_RECORD_FIRST) != 0, last = (record->flags & MYL_RECORD_LAST) != 0;
    return record->length > 0 && part->total <= head->message_max && part->offset <= part->total &&
           record->length <= part->total - part->offset && first == (part->offset == 0) &&
           last == (record->length == part->total - part->offset);
}

bool myl_frame_read_head(const struct myl_header *head, const unsigned char *cell, struct myl_frame_head *record)
{
    const myl_au64 *word = (const myl_au64 *)(const void *)cell;
    memset(record, 0, sizeof *record);
    record->length_kind_flags = myl_load_rlx(&word[1]); /* A81. Pairs: A82 */
    record->length = record->length_kind_flags & UINT32_MAX;
    record->flags = (unsigned)(record->length_kind_flags >> MYL_RECORD_FLAGS_SHIFT) & 255U;
    record->cells = myl_record_cells(record->length, (record->flags & MYL_RECORD_FAR) != 0);
    if (!myl_record_is_possible(head, record->length_kind_flags) || !flags_are_possible(record->flags))
        return false;
    if (head->event_offset == MYL_RECORD_NUMBERED) {
        record->number = myl_load_rlx(&word[2]);          /* A84. Pairs: A85 */
        record->sent_ns = (int64_t)myl_load_rlx(&word[3]); /* A84 */
    }
    if ((record->flags & MYL_RECORD_ABORTED) != 0 || (record->flags & MYL_I_FRAME_WHOLE) == MYL_I_FRAME_WHOLE)
        return true;
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
        .kind = (uint32_t)(record->length_kind_flags >> MYL_RECORD_KIND_SHIFT) & 255U,
        .fragments = 1,
    };
}

/* All fragments are as long as the first one, except the last. */
void myl_frame_describe_first(myl_message *message, const struct myl_frame_head *record)
{
    myl_frame_describe(message, record, NULL);
    if ((record->flags & MYL_I_FRAME_WHOLE) == MYL_I_FRAME_WHOLE)
        return;
    message->length = record->fragment.total;
    message->fragments = (uint32_t)((record->fragment.total - 1) / record->length + 1);
}

int64_t myl_message_latency(const myl_message *message)
{
    MYL_I_NOT_NULL(message);
    /* The time sent comes from the segment: it can have any value. */
    return message->sent_ns == 0 ? -1 : (int64_t)((uint64_t)myl_os_now() - (uint64_t)message->sent_ns);
}

int myl_frame_too_small(const char *name, uint64_t length, uint64_t bytes)
{
    return myl_fail(MYL_EBUFFER,
                    "ring \"%s\": the next message has %" PRIu64 " bytes, the buffer %" PRIu64
                    "; call again with a larger one",
                    name, length, bytes);
}

int myl_frame_corrupt(const char *name, uint64_t position, const struct myl_frame_head *record)
{
    return myl_fail(MYL_ECORRUPT,
                    "ring \"%s\": the record at position %" PRIu64 " says %016" PRIx64
                    " of itself (fragment %016" PRIx64 ", byte %" PRIu64 " of %" PRIu64
                    "), which cannot be; remove the ring",
                    name, position, record->length_kind_flags, record->fragment.id, record->fragment.offset,
                    record->fragment.total);
}
