/* SPDX-License-Identifier: MIT
 * Observers of frames, for the layers above. */
#ifndef MYL_FRAME_OBSERVER_H
#define MYL_FRAME_OBSERVER_H

#include <myelon/frame.h>

#include "wait/wait.h"

/* The observer as one of several that a wait is for. */
void myl_frame_observer_source(struct myl_frame_observer *observer, struct myl_wait_source *source);

#endif
