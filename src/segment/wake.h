/* SPDX-License-Identifier: MIT
 * Wakes that are unconditional: for join, leave, close, takeover, supersede. */
#ifndef MYL_SEGMENT_WAKE_H
#define MYL_SEGMENT_WAKE_H

#include "segment/segment.h"

/* Wakes all participants that sleep on the park words of this lane, or are about to: after join, leave, close, takeover
 * and supersede. */
void myl_segment_wake_all(const struct myl_segment *segment);
void myl_park_bump(struct myl_park_word *park);

#endif
