/* SPDX-License-Identifier: MIT
 * Finding the entry of a consumer by its id, without any lock. */
#include "registry/find.h"

#include "segment/table.h"

#include <string.h>

static bool has_id(const struct myl_participant *entry, const char *id)
{
    char other[MYL_ID_MAX + 1];
    myl_entry_id(entry, other);
    return strcmp(id, other) == 0;
}

int myl_find_in(const struct myl_segment *segment, const char *id, uint32_t one, uint32_t other)
{
    uint32_t entries = myl_segment_entries(segment);
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_participant *entry = myl_segment_entry(segment, i);
        uint32_t state = myl_load32_acq(&entry->state); /* A13 */
        if ((state == one || state == other) && has_id(entry, id))
            return (int)i;
    }
    return -1;
}

static bool is_active(const struct myl_segment *segment, uint32_t index, const char *id)
{
    const struct myl_participant *entry = myl_segment_entry(segment, index);
    /* A13. JOINING is not enough: see myl_liveness_complete. */
    return myl_load32_acq(&entry->state) == MYL_PARTICIPANT_ACTIVE && has_id(entry, id);
}

bool myl_find_active(const struct myl_segment *segment, const char *id, uint32_t *index)
{
    if (*index < myl_segment_entries(segment) && is_active(segment, *index, id))
        return true;
    int found = myl_find_in(segment, id, MYL_PARTICIPANT_ACTIVE, MYL_PARTICIPANT_ACTIVE);
    if (found < 0)
        return false;
    *index = (uint32_t)found;
    return true;
}

const struct myl_participant *myl_find_left(const struct myl_segment *segment, const char *id)
{
    int found = myl_find_in(segment, id, MYL_PARTICIPANT_LEFT, MYL_PARTICIPANT_LEFT);
    return found < 0 ? NULL : myl_segment_entry(segment, (uint32_t)found);
}
