/* SPDX-License-Identifier: MIT
 * Finding the entry of a consumer by its id. */
#ifndef MYL_REGISTRY_FIND_H
#define MYL_REGISTRY_FIND_H

#include "segment/segment.h"

#include <stdbool.h>

/* Is this id registered, with a completed join? Tries entry `*index` first, and stores the index of its entry there. */
bool myl_find_active(const struct myl_segment *segment, const char *id, uint32_t *index);
/* Returns the entry of a consumer with this id that has left, or NULL. */
const struct myl_participant *myl_find_left(const struct myl_segment *segment, const char *id);

/* Returns the index of the entry with this id and one of two states, or -1. */
int myl_find_in(const struct myl_segment *segment, const char *id, uint32_t one, uint32_t other);

#endif
