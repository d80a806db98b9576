/* SPDX-License-Identifier: MIT
 * Changes the role of a consumer while the ring is in use. Its producer, or any other process, may call this. */
#include <myelon/liveness.h>

#include "base/error.h"
#include "registry/role.h"
#include "ring/handle.h"
#include "ring/state.h"
#include "segment/lane.h"
#include "segment/log.h"
#include "segment/name.h"
#include "segment/table.h"
#include "segment/wake.h"

#include <string.h>

/* Sets the role in one lane. Returns false if no entry of the lane has this id. */
static bool set_role_here(const struct myl_segment *segment, const char *id, const myl_role_options *options)
{
    uint32_t entries = myl_segment_entries(segment);
    for (uint32_t i = 0; i < entries; i++) {
        struct myl_participant *entry = myl_segment_entry(segment, i);
        uint32_t state = myl_load32_acq(&entry->state); /* A13 */
        char other[MYL_ID_MAX + 1];
        myl_entry_id(entry, other);
        if (state == MYL_PARTICIPANT_FREE || strcmp(id, other) != 0)
            continue;
        myl_role_store(entry, options);
        myl_log_write(segment, &(struct myl_log_note){.kind = MYL_LOG_ROLE,
                                                      .id = id,
                                                      .sequence = myl_load_acq(&entry->cursor), /* A8 */
                                                      .value = (uint64_t)options->role,
                                                      .pid = myl_load32_rlx(&entry->pid)}); /* A48 */
        myl_park_bump(&segment->control->room); /* a blocked producer checks again */
        return true;
    }
    return false;
}

static int set_role(const struct myl_segment *segment, const char *id, const myl_role_options *options)
{
    bool found = false;
    myl_role_options own;
    int rc = myl_check_any_id(id);
    if (rc == MYL_OK)
        rc = myl_role_take(&own, options);
    for (uint32_t lane = 0; rc == MYL_OK && lane < segment->head->lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        found |= set_role_here(&view, id, &own);
    }
    if (rc == MYL_OK && !found)
        rc = myl_fail(MYL_ENOTFOUND, "ring \"%s\" has no consumer \"%s\"; `myelon inspect` lists its consumers",
                      segment->name, id);
    return rc;
}

int myl_producer_set_role(myl_producer *producer, const char *id, const myl_role_options *options)
{
    MYL_I_NOT_NULL(producer);
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    return set_role(&producer->handle.segment, id, options);
}

int myl_set_role(const char *name, enum myl_backend backend, const char *id, const myl_role_options *options)
{
    struct myl_segment segment;
    struct myl_segment_open how = {.backend = backend, .name = name, .any_owner = 1};
    if (backend == MYL_BACKEND_MEMFD)
        return myl_fail(MYL_EINVAL, "a memfd ring has no name to open; pass MYL_BACKEND_SHM or MYL_BACKEND_FILE");
    int rc = myl_segment_find(&segment, &how);
    if (rc != MYL_OK)
        return rc;
    rc = myl_segment_map(&segment, 1, 0);
    if (rc == MYL_OK)
        rc = set_role(&segment, id, options);
    myl_segment_close(&segment);
    return rc;
}
