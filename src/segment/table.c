/* SPDX-License-Identifier: MIT
 * The table of participant records, and the ids in it. */
#include "segment/table.h"

#include "base/error.h"
#include "segment/id.h"
#include "segment/lane.h"
#include "segment/lock.h"
#include "segment/name.h"

#include <errno.h>

struct myl_participant *myl_segment_producer(const struct myl_segment *segment)
{
    return (struct myl_participant *)(void *)(segment->control + 1);
}

struct myl_participant *myl_segment_entry(const struct myl_segment *segment, uint32_t entry)
{
    return myl_segment_producer(segment) + segment->head->max_producers + entry;
}

void myl_entry_id(const struct myl_participant *entry, char id[MYL_ID_MAX + 1])
{
    myl_id_words(entry->id, id);
}

void myl_entry_set_id(struct myl_participant *entry, const char id[MYL_ID_MAX + 1])
{
    myl_id_set_words(entry->id, id);
}

uint32_t myl_segment_entries(const struct myl_segment *segment)
{
    /* A30 entries_used [acq]. Pairs: A31, the joiner's store. The state of an entry is stored after it. */
    uint32_t used = myl_load32_acq(&segment->control->entries_used);
    return used < segment->head->max_consumers ? used : segment->head->max_consumers;
}

bool myl_entry_is_given_up(const struct myl_segment *segment, uint32_t entry, uint64_t end)
{
    char id[MYL_ID_MAX + 1];
    uint32_t entries = myl_segment_entries(segment), i = 0;
    myl_entry_id(myl_segment_entry(segment, entry), id);
    if (!myl_id_is_automatic(id))
        return false;
    while (i < entries && myl_load_acq(&myl_segment_entry(segment, i)->cursor) < end) /* A8 */
        i++;
    return i < entries;
}

static int cannot_ask(const struct myl_segment *segment, int held)
{
    if (held == -EBADF && myl_segment_check(segment) != MYL_OK)
        return MYL_ELOCKLOST;
    return myl_fail_errno(-held, "the participant locks of ring \"%s\" cannot be queried", segment->name);
}

/* Counts in one lane, without entry `own` (UINT32_MAX: count all). */
static int live_in(const struct myl_segment *view, uint32_t own, uint32_t *live)
{
    uint32_t entries = myl_segment_entries(view);
    /* Usually no consumer is alive but the caller, so first query the whole table at once. */
    int held = entries == 0 ? 0 : myl_any_lock_held(view, myl_entry_lock_index(0), entries);
    *live = 0;
    if (held <= 0)
        return held;
    for (uint32_t i = 0; i < entries && held >= 0; i++) {
        held = i == own ? 0 : myl_lock_held(view, myl_entry_lock_index(i));
        *live += held > 0;
    }
    return held < 0 ? held : 0;
}

int myl_segment_live_consumers(const struct myl_segment *segment, uint32_t own, uint32_t *live)
{
    *live = 0;
    for (uint32_t lane = 0; lane < segment->head->lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        uint32_t here;
        int err = live_in(&view, lane == segment->lane ? own : UINT32_MAX, &here);
        if (err < 0)
            return cannot_ask(segment, err);
        *live = here > *live ? here : *live; /* a consumer has an entry in every lane, and is counted once */
    }
    return MYL_OK;
}
