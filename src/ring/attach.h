/* SPDX-License-Identifier: MIT
 * Attaching to an existing ring, for consumers and observers. */
#ifndef MYL_RING_ATTACH_H
#define MYL_RING_ATTACH_H

#include "ring/state.h"

/* Default interval of the liveness checks of a waiting consumer or observer: first interval, and the longest one. */
#define MYL_CONSUMER_LIVENESS_NS      MYL_MSEC(5)
#define MYL_CONSUMER_LIVENESS_MOST_NS MYL_MSEC(200)

/* What a reader expects of a ring. */
struct myl_expectation {
    const struct myl_cell_ops *cells; /* of the kind of ring */
    uint32_t event_size, event_align; /* 0: any */
    uint64_t type_id;                 /* 0: any */
};

/* Opens and maps the segment, and checks what is expected of it. Waits until `until` for its name to appear. */
int myl_attach(struct myl_segment *segment, const char *name, const myl_reader_options *options,
               const struct myl_expectation *expected, uint32_t lane, struct myl_deadline until);
/* Returns the deadline for myl_attach: now + options->attach_timeout_ns. */
struct myl_deadline myl_attach_deadline(const myl_reader_options *options);
/* Copies and checks the options of a reader of events; NULL: all defaults. *expected is what they expect of the ring. A
 * given role is copied to `role`, and own->ring.role points to it. */
int myl_consumer_options_take(myl_consumer_options *own, struct myl_expectation *expected, myl_role_options *role,
                              const myl_consumer_options *given);
/* Checks options that have been copied. A given role is copied to `role`, and own->role points to it. */
int myl_reader_options_check(myl_reader_options *own, myl_role_options *role);
/* MYL_EINVAL: an option that has no effect on observers is set. */
int myl_observer_options_check(const myl_reader_options *own);

#endif
