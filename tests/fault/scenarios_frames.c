/* SPDX-License-Identifier: MIT
 * The calls under test for rings of messages and for lanes: create, take over, join, resume, inspect. */
#include "fault/scenario.h"

#include "unit/frames.h"

enum { LANES = 3 };

static myl_frame_producer_options options(const char *lane)
{
    myl_frame_producer_options o = frame_options(65536, 0);
    o.config.lanes = lane != NULL ? LANES : 0;
    o.lane = lane;
    return o;
}

static void name_it(struct world *w)
{
    (void)test_name(w->name, "frames");
}

static void expect_no_ring(struct world *w)
{
    assert_false(ring_exists(w->name));
}

static void end(struct world *w)
{
    myl_frame_consumer_close(w->reader);
    myl_frame_producer_close(w->frames);
    if (ring_exists(w->name)) /* the ring stays for a later consumer */
        test_ok(myl_remove(w->name, MYL_BACKEND_SHM, 0));
}

/* --- one producer ------------------------------------------------------------------------------------------------ */

static int act_create(struct world *w)
{
    myl_frame_producer_options o = options(NULL);
    return myl_frame_producer_open((myl_frame_producer **)&w->made, w->name, &o);
}

static void undo_create(struct world *w)
{
    myl_frame_producer_close((myl_frame_producer *)w->made);
}

static void undo_leave(struct world *w)
{
    myl_frame_producer_leave((myl_frame_producer *)w->made);
}

static void set_up_ring(struct world *w)
{
    name_it(w);
    myl_frame_producer_options o = options(NULL);
    w->frames = open_frames(w->name, &o);
    send_frame(w->frames, 0, 1000, MYL_TRY);
}

static void set_up_left(struct world *w)
{
    set_up_ring(w);
    w->reader = open_frame_consumer(w->name, "stays");
    myl_frame_producer_leave(w->frames);
    w->frames = NULL;
}

static int act_join(struct world *w)
{
    myl_frame_consumer_options o = frame_reader("c");
    return myl_frame_consumer_open((myl_frame_consumer **)&w->made, w->name, &o);
}

static void undo_join(struct world *w)
{
    myl_frame_consumer_close((myl_frame_consumer *)w->made);
}

static int act_observe(struct world *w)
{
    myl_frame_consumer_options o = frame_reader(NULL);
    return myl_frame_observer_open((myl_frame_observer **)&w->made, w->name, &o);
}

static void undo_observe(struct world *w)
{
    myl_frame_observer_close((myl_frame_observer *)w->made);
}

/* --- lanes ------------------------------------------------------------------------------------------------------- */

static int act_create_lanes(struct world *w)
{
    myl_frame_producer_options o = options("a");
    return myl_frame_producer_open((myl_frame_producer **)&w->made, w->name, &o);
}

static void set_up_lanes(struct world *w)
{
    name_it(w);
    myl_frame_producer_options o = options("a");
    w->frames = open_frames(w->name, &o);
    send_frame(w->frames, 0, 1000, MYL_TRY);
}

static int act_take_lane(struct world *w)
{
    myl_frame_producer_options o = options("b");
    return myl_frame_producer_open((myl_frame_producer **)&w->made, w->name, &o);
}

/* A consumer that left and joins again, with one more lane. */
static void set_up_reader_left(struct world *w)
{
    set_up_lanes(w);
    myl_frame_consumer_close(open_frame_consumer(w->name, "c"));
    myl_frame_producer_options o = options("b");
    myl_frame_producer *b = open_frames(w->name, &o);
    send_frame(b, 0, 10, MYL_TRY);
    myl_frame_producer_leave(b);
}

/* As in scenarios.c: a failed query whether a lane's producer lives is repeated. */
#define ASKING "myl_os_lock_held fcntl flock fstat open"

const struct scenario frame_scenarios[] = {
    {"create frames", name_it, act_create, undo_create, expect_no_ring, "", 0, 0},
    {"take over frames", set_up_left, act_create, undo_leave, end, "", 0, 0},
    {"join frames", set_up_ring, act_join, undo_join, end, "", 0, 0},
    {"observe frames", set_up_ring, act_observe, undo_observe, end, "", 0, 0},
    {"create lanes", name_it, act_create_lanes, undo_create, expect_no_ring, "", 0, 0},
    {"open a lane", set_up_lanes, act_take_lane, undo_leave, end, "", 0, 0},
    {"join lanes", set_up_lanes, act_join, undo_join, end, ASKING, 0, 0},
    {"join lanes again", set_up_reader_left, act_join, undo_join, end, ASKING, 0, 0},
};
const size_t frame_scenario_count = sizeof frame_scenarios / sizeof frame_scenarios[0];
