/* SPDX-License-Identifier: MIT
 * Attaching to an existing ring, for consumers and observers. */
#ifndef MYL_RING_ATTACH_H
#define MYL_RING_ATTACH_H

#include "ring/state.h"

/* Default interval of the liveness checks of a waiting consumer or observer: first interval, and the longest one. */
#define MYL_CONSUMER_LIVENESS_NS      MYL_MSEC(5)
#define MYL_CONSUMER_LIVENESS_MOST_NS MYL_MSEC(200)

/* Opens and maps the segment, and checks what the options expect of it. Waits until `until` for its name to appear. */
int myl_attach(struct myl_segment *segment, const char *name, const myl_consumer_options *options,
               const struct myl_cell_ops *cells, uint32_t lane, struct myl_deadline until);
/* Returns the deadline for myl_attach: now + options->attach_timeout_ns. */
struct myl_deadline myl_attach_deadline(const myl_consumer_options *options);
/* Copies and checks the caller's options; NULL: all defaults. A given role is copied to `role`, and own->role points to
 * it. */
int myl_consumer_options_take(myl_consumer_options *own, myl_role_options *role, const myl_consumer_options *given);
/* The same, in place, for options that have been copied. */
int myl_consumer_options_check(myl_consumer_options *own, myl_role_options *role);

#endif
