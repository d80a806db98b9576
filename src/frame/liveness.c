/* SPDX-License-Identifier: MIT
 * The liveness calls of a producer of frames: those of the ring below. */
#include "frame/producer.h"

int myl_frame_producer_manage(myl_frame_producer *producer, const myl_liveness_options *options)
{
    return myl_producer_manage(&producer->ring, options);
}

void myl_frame_producer_clear(myl_frame_producer *producer)
{
    myl_producer_clear(&producer->ring);
}

void myl_frame_producer_busy(myl_frame_producer *producer, const char *doing, int64_t patience_ns)
{
    myl_producer_busy(&producer->ring, doing, patience_ns);
}
