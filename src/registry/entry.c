/* SPDX-License-Identifier: MIT
 * Locking a consumer's entry, and freeing the entry of a dead consumer. */
#include "registry/entry.h"

#include "base/error.h"
#include "registry/participant.h"
#include "segment/lock.h"
#include "segment/log.h"
#include "segment/table.h"

#include <errno.h>
#include <inttypes.h>

uint32_t myl_entry_state(const struct myl_segment *segment, uint32_t index)
{
    return myl_load32_acq(&myl_segment_entry(segment, index)->state); /* A13 */
}

enum myl_entry_lock myl_entry_lock(const struct myl_segment *segment, uint32_t index, int *rc)
{
    int err = myl_lock_acquire(segment, myl_entry_lock_index(index));
    if (err == 0)
        return MYL_ENTRY_LOCKED;
    if (err == EAGAIN)
        return MYL_ENTRY_IN_USE;
    *rc = myl_fail_errno(err, "ring \"%s\": cannot acquire the lock of consumer entry %" PRIu32, segment->name, index);
    return MYL_ENTRY_FAILED;
}

void myl_entry_give_up(const struct myl_segment *segment, uint32_t index, enum myl_log_kind why)
{
    struct myl_participant *entry = myl_segment_entry(segment, index);
    char id[MYL_ID_MAX + 1];
    myl_entry_id(entry, id);
    uint32_t generation = myl_load32_acq(&entry->generation); /* A9 */
    if (myl_entry_state(segment, index) == MYL_PARTICIPANT_ACTIVE)
        myl_log_consumer_death(segment, index, generation);
    uint64_t cursor = myl_load_acq(&entry->cursor); /* A8 */
    uint64_t next = myl_load_acq(&segment->control->next); /* A4 */
    uint32_t pid = myl_load32_rlx(&entry->pid); /* A48 */
    MYL_STEP("X1");
    myl_store32_rel(&entry->generation, generation + 1); /* A49. Pairs: A9 */
    MYL_STEP("X2");
    myl_store32_rel(&entry->state, MYL_PARTICIPANT_FREE); /* A23 */
    myl_au64 *times = why == MYL_LOG_EVICTED ? &segment->control->evictions : &segment->control->reaps;
    myl_tally_rlx(times, 1); /* A95: the registry lock is held */
    MYL_STEP("X3");
    myl_log_write(segment, &(struct myl_log_note){why, id, cursor, next > cursor ? next - cursor : 0, pid});
}
