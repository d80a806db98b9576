/* SPDX-License-Identifier: MIT
 * Positions of cells, and the operations for cells of events. Those for records are in src/frame/cells.c. */
#ifndef MYL_RING_CELLS_H
#define MYL_RING_CELLS_H

#include <myelon/ring.h>

#include "segment/cells.h"
#include "segment/segment.h"

/* Returns the layout of the data area, as the hot paths use it. */
struct myl_i_geometry myl_geometry(const struct myl_segment *segment);
/* Returns a cell iterator at `sequence`. */
struct myl_i_cell_iterator myl_iterator_at(const struct myl_segment *segment, uint64_t sequence);

extern const struct myl_cell_ops myl_event_cell_ops;

/* Returns MYL_ECORRUPT: `stamp` is impossible in the cell of `sequence`. */
int myl_stamped_ahead(const struct myl_segment *segment, uint64_t sequence, uint64_t stamp);

#endif
