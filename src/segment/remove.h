/* SPDX-License-Identifier: MIT
 * Removing a ring's name. */
#ifndef MYL_SEGMENT_REMOVE_H
#define MYL_SEGMENT_REMOVE_H

#include "segment/segment.h"

/* Unlinks the name, after `superseded` was stored. The caller holds the producer lock and the registry lock. `before`:
 * the session was superseded before this call. */
int myl_segment_unlink(const struct myl_segment *segment, int before);
/* Withdraws a new ring whose open failed: supersedes the session, wakes all participants, and unlinks the name. The
 * caller holds the producer lock. Has no effect on a closed segment, or on one without a name. */
void myl_segment_withdraw(const struct myl_segment *segment);
/* Unlinks the name if the stream is closed and no other participant is alive. The caller holds the registry lock. */
void myl_segment_sweep(const struct myl_segment *segment, uint32_t own_entry);

#endif
