/* SPDX-License-Identifier: MIT
 * Rings with lanes for tests. */
#ifndef MYL_TESTS_UNIT_LANES_H
#define MYL_TESTS_UNIT_LANES_H

#include "unit/frames.h"

RINGS_UNUSED static myl_frame_producer_options lane_options(uint32_t lanes, const char *lane)
{
    myl_frame_producer_options o = frame_options(65536, 0);
    o.config.lanes = lanes;
    o.lane = lane;
    return o;
}

RINGS_UNUSED static myl_frame_producer *open_lane(const char *name, uint32_t lanes, const char *lane)
{
    myl_frame_producer_options o = lane_options(lanes, lane);
    return open_frames(name, &o);
}

RINGS_UNUSED static uint32_t lane_of(const myl_frame_producer *producer)
{
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(myl_frame_producer_ring(producer), &info));
    return info.lane;
}

RINGS_UNUSED static void send_text(myl_frame_producer *producer, const char *text)
{
    test_ok(myl_frame_producer_publish(producer, text, strlen(text), 0, MYL_TRY));
}

RINGS_UNUSED static void expect_text(myl_frame_consumer *consumer, uint32_t lane, const char *text)
{
    myl_message message = {0};
    test_ok(myl_frame_consumer_next(consumer, &message, MYL_SEC(10)));
    assert_int_equal(message.lane, lane);
    assert_int_equal(message.length, strlen(text));
    assert_memory_equal(message.data, text, message.length);
}

#endif
