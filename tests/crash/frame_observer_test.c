/* SPDX-License-Identifier: MIT
 * While an observer checks whether the producer is alive, the producer commits its last message and dies. The observer
 * gets the message once, and then the death is reported. */
#define _POSIX_C_SOURCE 200809L
#include "crash/kit.h"

#include <signal.h>

#include "unit/frames.h"

enum { LENGTH = 100 };

static int produce(test_peer *parent, void *name)
{
    myl_frame_producer_options o = frame_options(65536, 5888);
    myl_frame_producer *producer = open_frames(name, &o);
    test_send(parent, 1);
    test_expect_value(parent, 1);
    send_frame(producer, 0, LENGTH, MYL_TRY);
    test_send(parent, 2);
    (void)test_receive(parent); /* killed here */
    return 1;
}

static int run_observer(const struct crash_world *world)
{
    unsigned char buffer[2 * LENGTH];
    myl_message message;
    myl_frame_lost lost;
    myl_frame_observer *observer = NULL;
    myl_frame_consumer_options o = frame_reader(NULL);
    o.ring.liveness_ns = MYL_MSEC(1);
    test_ok(myl_frame_observer_open(&observer, world->name, &o));
    test_ok(myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_FOREVER));
    assert_int_equal(message.length, LENGTH);
    expect_bytes(message.data, 0, LENGTH);
    assert_int_equal(lost.bytes, 0);
    test_code(MYL_EPRODUCERDEAD, myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_FOREVER));
    myl_frame_observer_close(observer);
    return 0;
}

static void observer_reads_what_a_killed_producer_published(void **state)
{
    (void)state;
    struct crash_world world = {.tool = run_observer, .page = crash_new_page()};
    test_child producer, observer;
    test_name(world.name, "words");
    (void)crash_find_steps();
    world.page->plan[CRASH_TOOL][0] = (struct crash_plan){crash_step("D1"), 1, SIGSTOP};
    test_spawn(&producer, produce, world.name);
    test_expect_value(&producer.peer, 1);
    crash_start(&world, CRASH_TOOL, &observer);
    test_until(crash_is_stopped, &observer, "the observer is stopped before its check");
    test_send(&producer.peer, 1);
    test_expect_value(&producer.peer, 2);
    test_kill(&producer);
    test_continue(&observer);
    test_expect_exit(&observer, 0);
    test_ok(myl_remove(world.name, MYL_BACKEND_SHM, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(observer_reads_what_a_killed_producer_published)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
