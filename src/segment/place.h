/* SPDX-License-Identifier: MIT
 * Placing memory and pinning threads, as requested in the options. */
#ifndef MYL_SEGMENT_PLACE_H
#define MYL_SEGMENT_PLACE_H

#include "segment/segment.h"

/* MYL_EINVAL if a request is not MYL_REQUEST_OFF, MYL_REQUEST_PREFER or MYL_REQUEST_REQUIRE. */
int myl_memory_check(const myl_memory_options *memory);
/* MYL_EINVAL if `cpu` is no CPU's number, or is given without `pin`. */
int myl_pin_check(int pin, int cpu);
/* Places memory and pins the thread to `cpu` (-1: to none) as requested, and stores the results in `granted`. A
 * required request that is not granted is an error. */
int myl_segment_place(struct myl_segment *segment, const myl_memory_options *memory, int cpu);
void myl_segment_keep_pin(struct myl_segment *segment);

#endif
