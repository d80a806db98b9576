/* SPDX-License-Identifier: MIT
 * The operations for cells of records. */
#ifndef MYL_FRAME_CELLS_H
#define MYL_FRAME_CELLS_H

#include "segment/cells.h"

extern const struct myl_cell_ops myl_record_cell_ops;

#endif
