/* SPDX-License-Identifier: MIT
 * Leaving a ring. Protocol 3, steps V1 to V4; models/join.pml, models/name.pml. */
#include "registry/leave.h"

#include "registry/participant.h"
#include "segment/lock.h"
#include "segment/log.h"
#include "segment/remove.h"
#include "segment/wake.h"

/* `to`: LEFT, so that this id can resume, or FREE. */
static void leave_with_state(struct myl_segment *segment, const struct myl_membership *member, uint64_t acknowledged,
                             uint32_t to)
{
    struct myl_participant *entry = member->entry;
    /* Leaving needs only the entry's lock. The registry lock is needed to sweep a closed ring, so a stopped holder of
     * it does not prevent the leave. */
    bool registry_locked = myl_registry_lock(segment) == MYL_OK;
    if (myl_load32_acq(&entry->generation) == member->generation) { /* A9 */
        myl_store_rlx(&entry->left_order, myl_load_acq(&segment->control->version)); /* A46, A27 */
        MYL_STEP("V1");
        myl_store32_rel(&entry->state, to); /* A23 */
        MYL_STEP("V2");
        myl_store32_rel(&entry->generation, member->generation + 1); /* A49. Pairs: A9 */
        myl_log_write(segment, &(struct myl_log_note){MYL_LOG_LEFT, member->id, acknowledged, 0, myl_os_pid()});
    }
    MYL_STEP("V3");
    myl_segment_wake_all(segment);
    if (registry_locked && segment->lane == 0) { /* a consumer of several lanes leaves lane 0 last */
        MYL_STEP("V4");
        myl_segment_sweep(segment, member->index);
    }
}

void myl_leave(struct myl_segment *segment, const struct myl_membership *member, uint64_t acknowledged)
{
    leave_with_state(segment, member, acknowledged, MYL_PARTICIPANT_LEFT);
}

void myl_unjoin(struct myl_segment *segment, const struct myl_membership *member)
{
    if (member->unclaimed != 0 && myl_load32_acq(&member->entry->generation) == member->generation) /* A9 */
        myl_participant_reserve(member->entry, member->unclaimed);
    if (member->unclaimed != 0 || member->inherited)
        return; /* the entry gates on without an owner, from the start of this member on */
    leave_with_state(segment, member, member->start, member->resumed ? MYL_PARTICIPANT_LEFT : MYL_PARTICIPANT_FREE);
}
