/* SPDX-License-Identifier: MIT
 * Operations on the entry of any consumer. */
#ifndef MYL_REGISTRY_ENTRY_H
#define MYL_REGISTRY_ENTRY_H

#include "segment/segment.h"

enum myl_entry_lock {
    MYL_ENTRY_LOCKED,
    MYL_ENTRY_IN_USE, /* a living participant holds the lock */
    MYL_ENTRY_FAILED, /* system error: *rc */
};

/* Tries to acquire the participant lock of an entry. */
enum myl_entry_lock myl_entry_lock(const struct myl_segment *segment, uint32_t index, int *rc);
/* Frees the entry of a dead consumer: it no longer gates. The caller holds the registry lock and the entry's lock.
 * `why`: the kind of the record in the event log. */
void myl_entry_give_up(const struct myl_segment *segment, uint32_t index, enum myl_log_kind why);
uint32_t myl_entry_state(const struct myl_segment *segment, uint32_t index);

#endif
