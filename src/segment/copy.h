/* SPDX-License-Identifier: MIT
 * Reading a segment without mapping it. */
#ifndef MYL_SEGMENT_COPY_H
#define MYL_SEGMENT_COPY_H

#include "segment/segment.h"

/* For tools: opens and validates a segment, and copies control of `lane`, of lane 0 with the event log. A tool that
 * inspects every lane thus reads each part once. */
int myl_segment_inspect(struct myl_segment *segment, const char *name, enum myl_backend backend, uint32_t lane);
/* Copies control of all lanes and the event log of an opened segment. Replaces myl_segment_map_control. */
int myl_segment_copy(struct myl_segment *segment);
/* Copies control of the segment's lane again. Does nothing if control is mapped. */
int myl_segment_refresh(const struct myl_segment *segment);
/* As myl_lock_held. If the lock is free, copies the owner's `record` again and queries the lock once more. So a
 * participant that joined or left after the copy was made is not reported as dead. */
int myl_segment_ask(const struct myl_segment *segment, uint32_t lock_index, const void *record, uint64_t bytes,
                    int *held);

#endif
