/* SPDX-License-Identifier: MIT
 * The shape of a ring: what a producer's options request, and the comparison with an existing ring. */
#ifndef MYL_RING_SHAPE_H
#define MYL_RING_SHAPE_H

#include "ring/state.h"
#include "segment/cells.h"
#include "segment/description.h"

/* A request for a ring. */
struct myl_shape {
    struct myl_header head;    /* for a new ring; event_bytes 0: only an existing ring can be opened */
    int (*check)(const struct myl_segment *segment, const struct myl_shape *shape); /* does the existing ring match? */
    const void *options;       /* the caller's, for `check` */
    const struct myl_description *description; /* of the messages; NULL: the caller has none */
    const char *lane;          /* id of the lane to open; NULL: any */
    const struct myl_cell_ops *cells;
};
int myl_shape_events(struct myl_shape *made, const myl_producer_options *o);
/* The members of myl_ring_config and myl_frame_config that mean the same. */
struct myl_common_config {
    uint32_t max_consumers;
    uint64_t type_id;
    const char *label;
    enum myl_spin_only spin_only;
};
int myl_shape_common(struct myl_header *head, const struct myl_common_config *config, const myl_ring_options *ring);
int myl_shape_check_common(const struct myl_segment *segment, const struct myl_common_config *config,
                           const myl_ring_options *ring);
/* Fails because the existing ring differs. The literal `what` becomes a part of the format, which identifies the
 * sentence. The caller includes base/error.h and inttypes.h. */
#define MYL_SHAPE_DIFFERS(segment, code, what, is, asked)                                                              \
    myl_fail(code,                                                                                                     \
             "ring \"%s\" exists with " what " %" PRIu64 ", expected %" PRIu64                                         \
             "; pass the same value, 0 to accept any, or remove it",                                                   \
             (segment)->name, (uint64_t)(is), (uint64_t)(asked))
/* Sets the cell operations of an open segment. MYL_ESHAPE if the ring carries the other kind; the sentence names the
 * right calls. */
int myl_choose_cells(struct myl_segment *segment, const struct myl_cell_ops *cells);
/* The same check, without setting the operations. */
int myl_check_kind(const struct myl_segment *segment, uint32_t kind);

#endif
