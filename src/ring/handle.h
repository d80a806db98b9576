/* SPDX-License-Identifier: MIT
 * What producer, consumer and observer handles share: waiting, interruption, fork. */
#ifndef MYL_RING_HANDLE_H
#define MYL_RING_HANDLE_H

#include "ring/state.h"

/* Common part of opening: wait options and fork handler. `in_child` diverts the inline calls of a fork child's copy. */
int myl_handle_arm(struct myl_handle *handle, const myl_wait_options *wait,
                   void (*in_child)(struct myl_os_fork_node *node));
/* Releases everything. Safe on a partly opened handle and in a fork child. */
void myl_handle_disarm(struct myl_handle *handle);
int myl_handle_forked(const struct myl_handle *handle);
/* As myl_producer_info and myl_producer_schema_text. */
int myl_handle_info(const struct myl_handle *handle, myl_info *info);
const char *myl_handle_schema_text(const struct myl_handle *handle);
/* Checks that each id is valid and none is listed twice. `how`: "required" or "awaited", for the error sentence. */
int myl_check_ids(const char *const *ids, uint32_t count, const char *how);

/* MYL_EINVAL: not a value of enum myl_on_death. */
int myl_on_death_check(enum myl_on_death on_death);

#endif
