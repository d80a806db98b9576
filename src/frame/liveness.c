/* SPDX-License-Identifier: MIT
 * The liveness calls of a producer of frames: those of the ring below. */
#include "frame/producer.h"

int myl_frame_producer_set_liveness(myl_frame_producer *producer, const myl_liveness_options *options)
{
    MYL_I_NOT_NULL(producer);
    return myl_producer_set_liveness(&producer->ring, options);
}

void myl_frame_producer_clear_failure(myl_frame_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    myl_producer_clear_failure(&producer->ring);
}

void myl_frame_producer_set_activity(myl_frame_producer *producer, const char *text, int64_t duration_ns)
{
    MYL_I_NOT_NULL(producer);
    myl_producer_set_activity(&producer->ring, text, duration_ns);
}
