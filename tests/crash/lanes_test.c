/* SPDX-License-Identifier: MIT
 * A ring of lanes has its name shortly before its first producer has joined. A consumer that attaches in that interval
 * waits for the producer, for as long as it takes. If the producer dies in it, the death is reported. The consumer must
 * not report the end of the stream instead. */
#define _POSIX_C_SOURCE 200809L
#include "crash/kit.h"

#include <signal.h>

#include "unit/frames.h"

enum { LANES = 3, LENGTH = 100 };

static myl_frame_producer *open_lane(const char *name, const char *lane)
{
    myl_frame_producer_options o = frame_options(65536, 5888);
    o.config.lanes = LANES;
    o.lane = lane;
    return open_frames(name, &o);
}

static void publish_and_close(myl_frame_producer *producer, uint64_t number)
{
    send_frame(producer, number, LENGTH, MYL_TRY);
    myl_frame_producer_close(producer);
}

static int found(const struct crash_world *world)
{
    publish_and_close(open_lane(world->name, "a"), 0);
    return 0;
}

/* The ring has its name, and its first producer has not joined yet. */
static void start_founder(struct crash_world *world, test_child *founder)
{
    *world = (struct crash_world){.tool = found, .page = crash_new_page()};
    test_name(world->name, "lanes");
    (void)crash_find_steps();
    world->page->plan[CRASH_TOOL][0] = (struct crash_plan){crash_step("T1"), 1, SIGSTOP};
    crash_start(world, CRASH_TOOL, founder);
    test_until(crash_is_stopped, founder, "the founder is stopped");
}

static myl_frame_consumer *join(const char *name)
{
    myl_frame_consumer_options o = frame_reader("c");
    o.ring.liveness_ns = MYL_MSEC(1);
    myl_frame_consumer *consumer = NULL;
    test_ok(myl_frame_consumer_open(&consumer, name, &o));
    return consumer;
}

static void expect_code(myl_frame_consumer *consumer, int code)
{
    myl_message message;
    int64_t timeout_ns = code == MYL_EAGAIN ? MYL_TRY : code == MYL_ETIMEDOUT ? MYL_MSEC(20) : MYL_SEC(15);
    test_code(code, myl_frame_consumer_next(consumer, &message, timeout_ns));
}

static void expect_one(myl_frame_consumer *consumer, uint64_t number)
{
    myl_message message;
    test_ok(myl_frame_consumer_next(consumer, &message, MYL_SEC(10)));
    expect_message(&message, number, LENGTH);
    test_ok(myl_frame_consumer_release(consumer));
}

static void consumer_waits_for_a_slow_founder(void **state)
{
    (void)state;
    struct crash_world world;
    test_child founder;
    start_founder(&world, &founder);
    myl_frame_consumer *consumer = join(world.name);
    expect_code(consumer, MYL_EAGAIN);
    expect_code(consumer, MYL_ETIMEDOUT);
    publish_and_close(open_lane(world.name, "b"), 1);
    expect_one(consumer, 1);
    expect_code(consumer, MYL_EAGAIN); /* b has ended, a has not begun yet */
    expect_code(consumer, MYL_ETIMEDOUT);
    test_continue(&founder);
    expect_one(consumer, 0);
    expect_code(consumer, MYL_ECLOSED);
    test_expect_exit(&founder, 0);
    myl_frame_consumer_close(consumer);
    assert_false(ring_exists(world.name));
}

static void death_of_the_founder_is_reported(void **state)
{
    (void)state;
    struct crash_world world;
    test_child founder;
    start_founder(&world, &founder);
    myl_frame_consumer *consumer = join(world.name);
    expect_code(consumer, MYL_ETIMEDOUT);
    test_kill(&founder);
    expect_code(consumer, MYL_EAGAIN);
    expect_code(consumer, MYL_EPRODUCERDEAD);
    expect_code(consumer, MYL_EPRODUCERDEAD); /* reported again: no call blocks for ever */
    publish_and_close(open_lane(world.name, "b"), 1);
    expect_one(consumer, 1);
    expect_code(consumer, MYL_ECLOSED); /* a had published nothing */
    myl_frame_consumer_close(consumer);
    assert_false(ring_exists(world.name));
}

/* A consumer that only polls gets the end of the stream, too. */
static void polling_consumer_gets_the_end_after_the_founder_died(void **state)
{
    (void)state;
    struct crash_world world;
    test_child founder;
    start_founder(&world, &founder);
    myl_frame_consumer *consumer = join(world.name);
    expect_code(consumer, MYL_EAGAIN);
    publish_and_close(open_lane(world.name, "b"), 1);
    expect_one(consumer, 1);
    expect_code(consumer, MYL_EAGAIN);
    test_kill(&founder);
    myl_message message;
    test_code(MYL_ECLOSED, myl_frame_consumer_next(consumer, &message, MYL_TRY));
    myl_frame_consumer_close(consumer);
    assert_false(ring_exists(world.name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consumer_waits_for_a_slow_founder),
        cmocka_unit_test(death_of_the_founder_is_reported),
        cmocka_unit_test(polling_consumer_gets_the_end_after_the_founder_died),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
