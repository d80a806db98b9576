/* SPDX-License-Identifier: MIT
 * Choosing the lane of a new producer. */
#ifndef MYL_SEGMENT_CHOOSE_H
#define MYL_SEGMENT_CHOOSE_H

#include "segment/segment.h"

/* Acquires the producer lock of the lane with this id, or of any lane (NULL), and stores the id in the lane. The caller
 * holds the registry lock. MYL_OUTCOME_RETRY: a producer is about to leave the lane. */
int myl_lane_choose(struct myl_segment *segment, const char *lane);
/* Tries to acquire the producer locks of all lanes, in order. Returns 0, EAGAIN (a lane has a producer), or another
 * errno. */
int myl_lane_take_all(const struct myl_segment *segment);

#endif
