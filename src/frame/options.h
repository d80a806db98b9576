/* SPDX-License-Identifier: MIT
 * Options of readers of frames. */
#ifndef MYL_FRAME_OPTIONS_H
#define MYL_FRAME_OPTIONS_H

#include <myelon/frame.h>

/* Copies the caller's options to structures of this library's size; NULL: all defaults. MYL_EOPTIONS. */
int myl_frame_producer_options_copy(myl_frame_producer_options *own, const myl_frame_producer_options *given);
int myl_frame_consumer_options_copy(myl_frame_consumer_options *own, const myl_frame_consumer_options *given);
/* Copies and checks the caller's options; NULL: all defaults. A given role is copied to `role`, and own->ring.role
 * points to it. */
int myl_frame_consumer_options_take(myl_frame_consumer_options *own, myl_role_options *role,
                                    const myl_frame_consumer_options *given);

#endif
