/* SPDX-License-Identifier: MIT
 * Evicting a dead consumer. */
#ifndef MYL_REGISTRY_EVICT_H
#define MYL_REGISTRY_EVICT_H

#include "segment/segment.h"

/* As myl_evict, for a segment that is open and whose control is mapped for writing. Acquires the registry lock. */
int myl_evict_from(struct myl_segment *segment, const char *id);

#endif
