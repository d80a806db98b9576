/* SPDX-License-Identifier: MIT
 * A consumer's role: what the policy does when it stalls or dies. */
#ifndef MYL_REGISTRY_ROLE_H
#define MYL_REGISTRY_ROLE_H

#include <myelon/liveness.h>

#include "segment/segment.h"

/* Copies and checks the caller's role; NULL: all defaults. MYL_EOPTIONS; MYL_EINVAL: a member is invalid; the sentence
 * names it. */
int myl_role_take(myl_role_options *own, const myl_role_options *given);
void myl_role_store(struct myl_participant *entry, const myl_role_options *role);
/* Loads a checked copy. Times in ns; 0: the producer's value. An invalid role counts as plain. */
void myl_role_load(const struct myl_participant *entry, myl_role_options *role);

#endif
