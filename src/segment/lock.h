/* SPDX-License-Identifier: MIT
 * Participant locks and the registry lock. */
#ifndef MYL_SEGMENT_LOCK_H
#define MYL_SEGMENT_LOCK_H

#include "segment/segment.h"

#include <stdbool.h>

/* Returns 1 if other code of the process has closed the descriptor (closefrom, a library that makes a daemon). Its
 * number may refer to another file now, and the kernel would answer for that file, on which no lock is held. */
bool myl_segment_is_lost(const struct myl_segment *segment);
/* As myl_segment_is_lost, as the result of a call: MYL_OK or MYL_ELOCKLOST. */
int myl_segment_check(const struct myl_segment *segment);
/* As myl_os_lock_acquire and so on, for the locks of this lane. The registry lock is one for all lanes. EBADF: the
 * descriptor is lost, so no participant is reported as dead and no lock acquired. */
int myl_lock_acquire(const struct myl_segment *segment, uint32_t lock_index);
void myl_lock_release(const struct myl_segment *segment, uint32_t lock_index);
int myl_lock_held(const struct myl_segment *segment, uint32_t lock_index);
/* As myl_lock_held, for `count` locks from `first` on: 1 if any is held. */
int myl_any_lock_held(const struct myl_segment *segment, uint32_t first, uint32_t count);
/* Marks an acquired lock as owned by this handle until it is closed. */
void myl_lock_own(struct myl_segment *segment, uint32_t lock_index);
/* Releases the owned lock, unless the descriptor no longer refers to the object. */
void myl_lock_disown(struct myl_segment *segment, uint32_t lock_index);
/* Acquires the registry lock. MYL_EBUSY: another process has held it for a second, and no participant joined or left
 * meanwhile. Never called by a producer that publishes. */
int myl_registry_lock(const struct myl_segment *segment);
void myl_registry_unlock(const struct myl_segment *segment);

/* Records why a lock could not be acquired. `what`: "the producer lock". EBUSY: a read lock of a process that is no
 * participant. Returns the code. */
int myl_lock_failed(const struct myl_segment *segment, int err, const char *what);

#endif
