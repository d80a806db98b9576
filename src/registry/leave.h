/* SPDX-License-Identifier: MIT
 * Leaving a ring. */
#ifndef MYL_REGISTRY_LEAVE_H
#define MYL_REGISTRY_LEAVE_H

#include "registry/join.h"

/* Leaves. The entry keeps its id and cursor. `acknowledged` is for the event log. */
void myl_leave(struct myl_segment *segment, const struct myl_membership *member, uint64_t acknowledged);
/* Undoes a join: restores the state of the entry. */
void myl_unjoin(struct myl_segment *segment, const struct myl_membership *member);

#endif
