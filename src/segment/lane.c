/* SPDX-License-Identifier: MIT
 * Rings for several producers: each has a lane with its own control words, registry, participant locks and data. The
 * registry lock, the event log and the park word of all consumers are in lane 0. docs/frames.md, "Lanes". */
#include "segment/lane.h"

#include "segment/wake.h"

struct myl_segment myl_segment_lane(const struct myl_segment *segment, uint32_t lane)
{
    struct myl_segment view = *segment;
    view.data = NULL;
    view.owner = false;
    myl_segment_select(&view, lane);
    return view;
}

int myl_segment_share(struct myl_segment *segment, const struct myl_segment *of, uint32_t lane, int data_writable)
{
    *segment = myl_segment_lane(of, lane);
    return myl_segment_map_data(segment, data_writable);
}

void myl_segment_supersede(const struct myl_segment *segment, uint32_t value)
{
    for (uint32_t lane = 0; lane < segment->head->lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        /* A14 superseded [rel]. Pairs: A15, waiting consumers, joiners, producers at the gate. */
        myl_store32_rel(&view.control->superseded, value);
        if (value != 0 && lane != segment->lane)
            myl_park_bump(&view.control->room); /* the caller wakes its own lane and all consumers */
    }
}
