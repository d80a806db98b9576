/* SPDX-License-Identifier: MIT
 * The runner of messages: each message in order, with lanes and fragments; a handler that stops, and a stop. */
#include "unit/frames.h"

/* The handler stops at number `stop_at`. Its fields are read after the join. */
struct work {
    uint64_t stop_at, next;
    int mistakes;
};

static int work_on(const myl_message *message, void *user)
{
    struct work *work = user;
    work->mistakes += message->number != work->next;
    if (message->number == work->stop_at)
        return 7;
    work->next++;
    return 0;
}

static void run_messages(uint32_t lanes)
{
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(65536, 2000);
    o.config.numbers = MYL_FRAMES_NUMBERED;
    o.config.lanes = lanes;
    myl_frame_producer *producer = open_frames(test_name(name, "runner"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    struct work work = {.stop_at = 300};
    myl_runner *runner;
    myl_runner_result result = {.size = sizeof result};
    test_ok(myl_frame_runner_start(&runner, consumer, work_on, &work, NULL));
    for (uint64_t n = 0; n < 500; n++) {
        send_frame(producer, n, n % 7 == 3 ? 5000 : 100, TEST_DEADLINE_NS);
        if (n != 300)
            continue;
        test_ok(myl_runner_join(runner, &result, TEST_DEADLINE_NS));
        assert_int_equal(result.code, MYL_EHANDLER);
        assert_int_equal(result.handler_code, 7);
        assert_int_equal(result.handled, 300);
        work.stop_at = UINT64_MAX;
        test_ok(myl_frame_runner_start(&runner, consumer, work_on, &work, NULL)); /* number 300 comes again */
    }
    myl_frame_producer_close(producer);
    test_ok(myl_runner_join(runner, &result, TEST_DEADLINE_NS));
    assert_int_equal(result.code, MYL_ECLOSED);
    assert_int_equal(result.handled, 200);
    assert_int_equal(work.next, 500);
    assert_int_equal(work.mistakes, 0);
    myl_frame_consumer_close(consumer);
}

static void every_message_is_passed_to_the_handler(void **state)
{
    (void)state;
    run_messages(1);
    run_messages(2);
}

static void a_stop_ends_the_runner(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer = open_frames(test_name(name, "stop"), NULL);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    struct work work = {0};
    myl_runner *runner;
    myl_runner_result result = {.size = sizeof result};
    test_code(MYL_EINVAL, myl_frame_runner_start(&runner, NULL, work_on, &work, NULL));
    test_code(MYL_EINVAL, myl_frame_runner_start(&runner, consumer, NULL, &work, NULL));
    test_ok(myl_frame_runner_start(&runner, consumer, work_on, &work, NULL));
    myl_runner_stop(runner);
    test_ok(myl_runner_join(runner, &result, TEST_DEADLINE_NS));
    assert_int_equal(result.code, MYL_OK);
    assert_int_equal(result.handled, 0);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_passed_to_the_handler),
        cmocka_unit_test(a_stop_ends_the_runner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
