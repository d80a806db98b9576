/* SPDX-License-Identifier: MIT
 * Observers of frames, for the layers above. */
#ifndef MYL_FRAME_OBSERVER_H
#define MYL_FRAME_OBSERVER_H

#include <myelon/frame.h>

#include "segment/description.h"
#include "wait/wait.h"

/* As myl_frame_observer_open. `description`: MYL_ESCHEMA, MYL_ETYPE if the ring has other messages; NULL: any. */
int myl_frame_observer_open_described(struct myl_frame_observer **observer, const char *name,
                                      const myl_frame_consumer_options *options,
                                      const struct myl_description *description);

/* The observer as one of several that a wait is for. */
void myl_frame_observer_source(struct myl_frame_observer *observer, struct myl_wait_source *source);

#endif
