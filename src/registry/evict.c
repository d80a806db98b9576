/* SPDX-License-Identifier: MIT
 * Evicting a dead consumer on request. Protocol 3. */
#include "registry/evict.h"

#include "base/error.h"
#include "registry/entry.h"
#include "registry/find.h"
#include "segment/lane.h"
#include "segment/lock.h"
#include "segment/name.h"
#include "segment/wake.h"

/* Evicts this id in all lanes, or in none if its owner is alive. The caller holds the registry lock. The locks of the
 * entries are released at the end: a caller with a handle must not lock out the consumer's successor. */
static int evict_everywhere(const struct myl_segment *segment, const char *id)
{
    int index[MYL_LANES_MAX], result = MYL_OK;
    uint32_t locked = 0;
    bool found = false;
    for (uint32_t lane = 0; result == MYL_OK && lane < segment->head->lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        locked = lane + 1;
        index[lane] = myl_find_in(&view, id, MYL_PARTICIPANT_ACTIVE, MYL_PARTICIPANT_LEFT);
        if (index[lane] < 0) /* a living joiner holds the registry lock, so this one died half way; it may gate */
            index[lane] = myl_find_in(&view, id, MYL_PARTICIPANT_JOINING, MYL_PARTICIPANT_JOINING);
        if (index[lane] < 0)
            continue;
        enum myl_entry_lock lock = myl_entry_lock(&view, (uint32_t)index[lane], &result);
        if (lock == MYL_ENTRY_IN_USE)
            result = myl_fail(MYL_EINUSE, "consumer \"%s\" of ring \"%s\" is alive; stop it first", id, segment->name);
        if (lock != MYL_ENTRY_LOCKED)
            index[lane] = -1;
        found = true;
    }
    if (!found)
        return myl_fail(MYL_ENOTFOUND, "ring \"%s\" has no consumer \"%s\"; `myelon inspect` lists its consumers",
                        segment->name, id);
    for (uint32_t lane = 0; lane < locked; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        if (index[lane] < 0)
            continue;
        if (result == MYL_OK) {
            myl_entry_give_up(&view, (uint32_t)index[lane], MYL_LOG_EVICTED);
            myl_segment_wake_all(&view);
        }
        myl_lock_release(&view, myl_entry_lock_index((uint32_t)index[lane]));
    }
    return result;
}

int myl_evict_from(struct myl_segment *segment, const char *id)
{
    int rc = myl_registry_lock(segment);
    if (rc != MYL_OK)
        return rc;
    rc = evict_everywhere(segment, id);
    myl_registry_unlock(segment);
    return rc;
}

int myl_evict(const char *name, enum myl_backend backend, const char *id)
{
    struct myl_segment segment;
    struct myl_segment_open how = {.backend = backend, .name = name, .any_owner = 1};
    int rc = myl_check_any_id(id);
    if (rc == MYL_OK)
        rc = myl_segment_find(&segment, &how);
    if (rc != MYL_OK)
        return rc;
    rc = myl_segment_map(&segment, 1, 0);
    if (rc == MYL_OK)
        rc = myl_registry_lock(&segment);
    if (rc == MYL_OK)
        rc = evict_everywhere(&segment, id);
    myl_segment_close(&segment);
    return rc;
}
