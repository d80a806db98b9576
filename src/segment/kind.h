/* SPDX-License-Identifier: MIT
 * Classifies an object: a ring, a damaged or unfinished one, or something else. */
#ifndef MYL_SEGMENT_KIND_H
#define MYL_SEGMENT_KIND_H

#include "segment/segment.h"

#include <stdbool.h>

/* Returns 1 if the name is a temporary one, of an object that src/os has not published yet. */
bool myl_name_is_temporary(const char *path);
/* Returns the kind of the object, given the result `reason` of myl_segment_read_header. */
enum myl_object_kind myl_segment_kind(const struct myl_segment *segment, int reason);
/* Returns 1 if any lock that a ring can have is held through another description, 0 if none is, or an error code. */
int myl_segment_is_used(const struct myl_segment *segment);

#endif
