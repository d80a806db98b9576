/* SPDX-License-Identifier: MIT
 * The error detail of the last failed call. A successful open clears it. Each time-out has its own detail: what the
 * call waited for, how long, and which participant blocks it. */
#include <myelon/fixed_frame.h>

#include "base/error.h"
#include "unit/frames.h"

#define SHORT_NS MYL_MSEC(2)
static const char within[] = "within 2 ms";

/* Sets a detail that no later call may keep. */
static void set_old_detail(void)
{
    myl_consumer *none;
    test_code(MYL_ENOTFOUND, myl_consumer_open(&none, "myl-test-nothing", NULL));
    assert_string_not_equal(myl_error_detail(), "");
}

static void expect_no_detail(void)
{
    assert_string_equal(myl_error_detail(), "");
}

#define expect_late(text, call)                                                                                        \
    do {                                                                                                               \
        set_old_detail();                                                                                              \
        test_code(MYL_ETIMEDOUT, call);                                                                                \
        expect_detail(text);                                                                                           \
        expect_detail(within);                                                                                         \
        if (strstr(myl_error_detail(), "myl-test-nothing") != NULL)                                                    \
            test_fail("an old detail stays: %s", myl_error_detail());                                                \
    } while (0)

static void opens_that_succeed_clear_it(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], frames[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    test_name(name, "clear");
    set_old_detail();
    myl_producer *producer = open_producer(name, &o); /* found no ring, and created one */
    expect_no_detail();
    set_old_detail();
    myl_consumer *consumer = open_consumer(name, "c");
    expect_no_detail();
    set_old_detail();
    myl_observer *observer;
    test_ok(myl_observer_open(&observer, name, NULL));
    expect_no_detail();
    myl_observer_close(observer);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    for (uint32_t lanes = 1; lanes <= 2; lanes++) {
        myl_frame_producer_options f = frame_options(65536, 1000);
        f.config.lanes = lanes;
        test_name(frames, "clear-frames");
        set_old_detail();
        myl_frame_producer *writer = open_frames(frames, &f);
        expect_no_detail();
        set_old_detail();
        myl_frame_consumer *reader = open_frame_consumer(frames, "c");
        expect_no_detail();
        set_old_detail();
        myl_frame_observer *watcher;
        test_ok(myl_frame_observer_open(&watcher, frames, NULL));
        expect_no_detail();
        myl_frame_observer_close(watcher);
        myl_frame_consumer_close(reader);
        myl_frame_producer_close(writer);
    }
}

static void ring_timeouts_name_the_blocker(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], own[32];
    const void *event;
    void *room;
    uint64_t lost;
    struct event copy;
    myl_producer_options o = producer_options(4);
    myl_producer *producer = open_producer(test_name(name, "late"), &o);
    snprintf(own, sizeof own, "process %ld", (long)getpid());
    put_many(producer, 0, 4);
    expect_late("no consumer is registered", myl_producer_claim(producer, &room, SHORT_NS));
    expect_late("0 of 1 consumers with prefix w", myl_producer_wait_consumers(producer, "w", 1, SHORT_NS));
    myl_consumer *quick = open_consumer(name, "quick"), *slow = open_consumer(name, "slow");
    myl_observer *observer;
    test_ok(myl_observer_open(&observer, name, NULL));
    take_many(quick, 0, 3);
    take_many(slow, 0, 1);
    put_many(producer, 4, 1);
    expect_late("no room for 1 event within", myl_producer_claim(producer, &room, SHORT_NS));
    expect_detail("consumer \"slow\"");
    expect_detail(own);
    expect_detail("has not acknowledged 4 events");
    expect_late("consumer \"slow\"", myl_producer_wait_consumed(producer, 4, SHORT_NS));
    expect_detail("not acknowledged");
    take_many(quick, 3, 2);
    expect_late("event 5 was not published", myl_consumer_next(quick, &event, SHORT_NS));
    expect_detail("its producer is process");
    expect_detail(own);
    while (myl_observer_get(observer, &copy, sizeof copy, &lost, MYL_TRY) == MYL_OK)
        ;
    expect_late("event 5 was not published", myl_observer_get(observer, &copy, sizeof copy, &lost, SHORT_NS));
    static const char *const ids[] = {"slow", "absent"};
    myl_liveness_options policy = {.size = sizeof policy,
                                   .required = ids,
                                   .required_count = 2,
                                   .startup_wait_ns = MYL_SEC(100)};
    test_ok(myl_producer_set_liveness(producer, &policy));
    expect_late("required consumer \"absent\" was not registered", myl_producer_claim(producer, &room, SHORT_NS));
    myl_observer_close(observer);
    myl_consumer_close(quick);
    myl_consumer_close(slow);
    myl_producer_close(producer);
}

static void absent_required_consumer_is_named(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *room;
    static const char *const ids[] = {"w"};
    myl_producer_options o = producer_options(4);
    myl_producer *producer = open_producer(test_name(name, "absent"), &o);
    myl_consumer *consumer = open_consumer(name, "w");
    myl_liveness_options policy = {.size = sizeof policy, .required = ids, .required_count = 1};
    test_ok(myl_producer_set_liveness(producer, &policy));
    put_many(producer, 0, 4);
    myl_consumer_close(consumer);
    expect_late("required consumer \"w\" is absent", myl_producer_claim(producer, &room, SHORT_NS));
    myl_producer_close(producer);
}

static void frame_timeouts_name_the_blocker(void **state)
{
    (void)state;
    for (uint32_t lanes = 1; lanes <= 2; lanes++) {
        char name[TEST_NAME_SIZE];
        static const unsigned char bytes[4096];
        myl_message message;
        myl_frame_lost lost;
        unsigned char copy[64];
        void *data;
        myl_frame_producer_options o = frame_options(65536, 4096);
        o.config.lanes = lanes;
        myl_frame_producer *producer = open_frames(test_name(name, "frames"), &o);
        myl_frame_consumer *consumer = open_frame_consumer(name, "slow");
        myl_frame_observer *observer;
        test_ok(myl_frame_observer_open(&observer, name, NULL));
        expect_late(lanes == 1 ? "its producer is process" : "in any of its 2 lanes",
                    myl_frame_consumer_next(consumer, &message, SHORT_NS));
        expect_late("its producer is process",
                    myl_frame_observer_get(observer, copy, sizeof copy, &message, &lost, SHORT_NS));
        while (myl_frame_producer_publish(producer, bytes, sizeof bytes, 0, MYL_TRY) == MYL_OK)
            ;
        expect_late("consumer \"slow\"", myl_frame_producer_claim(producer, 4096, &data, SHORT_NS));
        expect_detail("bytes");
        expect_late("consumer \"slow\"", myl_frame_producer_publish(producer, bytes, sizeof bytes, 0, SHORT_NS));
        expect_late("consumer \"slow\"", myl_frame_producer_wait_consumed(producer, SHORT_NS));
        myl_frame_observer_close(observer);
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
    }
}

static void fixed_frame_timeouts_name_the_blocker(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static unsigned char bytes[256];
    myl_reassembly parts = {.data = bytes, .room = sizeof bytes};
    myl_message message;
    myl_producer_options o = producer_options(4);
    o.config.event_size = MYL_FIXED_FRAME_SIZE(16);
    myl_producer *producer = open_producer(test_name(name, "fixed"), &o);
    myl_consumer *consumer = open_consumer(name, "slow");
    expect_late("event 0 was not published", myl_recv_fixed_frames(consumer, &parts, &message, SHORT_NS));
    test_ok(myl_publish_fixed_frames(producer, bytes, 64, 0, MYL_TRY));
    expect_late("consumer \"slow\"", myl_publish_fixed_frames(producer, bytes, 64, 0, SHORT_NS));
    /* in several steps */
    expect_late("consumer \"slow\"", myl_publish_fixed_frames(producer, bytes, 256, 0, SHORT_NS));
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static int handle(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    (void)event;
    (void)sequence;
    (void)end_of_batch;
    (void)user;
    return 0;
}

static void join_timeout_names_the_running_runner(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_runner *runner;
    myl_producer_options o = producer_options(4);
    myl_producer *producer = open_producer(test_name(name, "runner"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    set_old_detail();
    test_ok(myl_runner_start(&runner, consumer, handle, NULL, NULL));
    expect_no_detail();
    expect_late("the runner of consumer \"c\" has not ended", myl_runner_join(runner, NULL, SHORT_NS));
    myl_runner_stop(runner);
    test_ok(myl_runner_join(runner, NULL, MYL_SEC(20)));
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void attach_timeout_names_the_time_waited(void **state)
{
    (void)state;
    myl_consumer_options o = consumer_options("c");
    o.ring.attach_timeout_ns = MYL_MSEC(3);
    expect_no_consumer(MYL_ENOTFOUND, "waited 3 ms for it", "myl-test-nothing", &o);
    assert_string_equal(myl_error_detail(), "there is no ring \"myl-test-nothing\", waited 3 ms for it; start its "
                                            "producer first, or check the name");
}

/* Checks the facts and the advice of the current error detail. */
static void expect_parts(const char *facts, const char *advice)
{
    size_t length;
    assert_string_not_equal(myl_error_format(&length), "");
    assert_int_equal(length, strlen(facts));
    assert_memory_equal(myl_error_detail(), facts, length);
    assert_string_equal(myl_error_detail() + length, advice);
}

static void advice_begins_where_the_format_has_it(void **state)
{
    (void)state;
    static const char odd[] = "a; \"b; c\"\"";
    static const char format[] = "ring \"%s\": one; two %d; go to \"%s\"";
    size_t length;
    assert_int_equal(myl_fail(MYL_EINVAL, format, odd, 7, odd), MYL_EINVAL);
    assert_ptr_equal(myl_error_format(&length), format);
    expect_parts("ring \"a; \"b; c\"\"\": one; two 7", "; go to \"a; \"b; c\"\"\"");
    assert_int_equal(myl_fail(MYL_EINVAL, "no advice for %s", odd), MYL_EINVAL);
    expect_parts("no advice for a; \"b; c\"\"", "");
}

static void added_facts_stand_before_the_advice(void **state)
{
    (void)state;
    char text[64];
    assert_int_equal(myl_fail_errno(ENOENT, "cannot open \"%s\"; make it", "a; b"), MYL_ENOTFOUND);
    (void)snprintf(text, sizeof text, "cannot open \"a; b\": %s", strerror(ENOENT));
    expect_parts(text, "; make it");
    (void)myl_fail(MYL_EINVAL, "x is %d; lower it", 7);
    myl_error_prefix("lane %d: ", 3);
    myl_error_add(", waited %s", "a while");
    expect_parts("lane 3: x is 7, waited a while", "; lower it");
    struct myl_error_saved saved;
    myl_error_save(&saved);
    (void)myl_fail(MYL_EINVAL, "another");
    myl_error_restore(&saved);
    expect_parts("lane 3: x is 7, waited a while", "; lower it");
}

/* An error detail has at most MYL_DETAIL_MAX bytes. A longer one is truncated. */
static void sentences_that_are_too_long_are_cut(void **state)
{
    (void)state;
    char all[MYL_DETAIL_MAX + 1];
    memset(all, 'a', sizeof all - 1);
    all[sizeof all - 1] = '\0';
    (void)myl_fail(MYL_EINVAL, "%s; advice", all);
    all[MYL_DETAIL_MAX - 1] = '\0';
    expect_parts(all, "");
    myl_error_add("more");
    expect_parts(all, "");
    (void)myl_fail(MYL_EINVAL, "%.500s; advice", all);
    myl_error_prefix("b");
    all[501] = '\0';
    all[0] = 'b';
    expect_parts(all, "; advice");
    myl_error_add("cc");
    (void)snprintf(all + 501, sizeof all - 501, "cc");
    expect_parts(all, "; advice");
}

static void durations_are_readable(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } times[] = {{-1, "0 ms"},
                 {0, "0 ms"},
                 {999, "999 ns"},
                 {1000, "1 us"},
                 {999999, "999 us"},
                 {1000000, "1 ms"},
                 {MYL_MSEC(999), "999 ms"},
                 {MYL_SEC(1), "1.0 s"},
                 {MYL_MSEC(2500), "2.5 s"},
                 {MYL_FOREVER, "9223372036.8 s"}};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char text[MYL_TIME_TEXT];
        assert_string_equal(myl_time_text(times[i].ns, text), times[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_that_succeed_clear_it),
        cmocka_unit_test(ring_timeouts_name_the_blocker),
        cmocka_unit_test(absent_required_consumer_is_named),
        cmocka_unit_test(frame_timeouts_name_the_blocker),
        cmocka_unit_test(fixed_frame_timeouts_name_the_blocker),
        cmocka_unit_test(join_timeout_names_the_running_runner),
        cmocka_unit_test(attach_timeout_names_the_time_waited),
        cmocka_unit_test(advice_begins_where_the_format_has_it),
        cmocka_unit_test(added_facts_stand_before_the_advice),
        cmocka_unit_test(sentences_that_are_too_long_are_cut),
        cmocka_unit_test(durations_are_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
