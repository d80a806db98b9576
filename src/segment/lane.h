/* SPDX-License-Identifier: MIT
 * Views of the lanes of a ring for several producers. */
#ifndef MYL_SEGMENT_LANE_H
#define MYL_SEGMENT_LANE_H

#include "segment/segment.h"

/* Returns a view of another lane, for reading its control. It has no data, and is not closed. */
struct myl_segment myl_segment_lane(const struct myl_segment *segment, uint32_t lane);
/* Opens another lane of `of` and maps its data. All lanes hold their locks through the open file description of `of`,
 * so the kernel releases them together. */
int myl_segment_share(struct myl_segment *segment, const struct myl_segment *of, uint32_t lane, int data_writable);
/* Stores `superseded` (A14) in every lane. */
void myl_segment_supersede(const struct myl_segment *segment, uint32_t value);

#endif
