/* SPDX-License-Identifier: MIT
 * Opening a producer of frames whose messages are described. */
#ifndef MYL_FRAME_PRODUCER_OPEN_H
#define MYL_FRAME_PRODUCER_OPEN_H

#include <myelon/frame.h>

#include "segment/description.h"

/* As myl_frame_producer_open. A new ring gets the description of its messages; one that exists must have it:
 * MYL_ESCHEMA, MYL_ETYPE. NULL: none, and any. */
int myl_frame_producer_open_described(struct myl_frame_producer **producer, const char *name,
                                      const myl_frame_producer_options *options,
                                      const struct myl_description *description);

#endif
