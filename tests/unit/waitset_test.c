/* SPDX-License-Identifier: MIT
 * Wait sets: every kind of handle, what counts as ready, and what is refused. */
#include "unit/sets.h"

/* --- what is ready ------------------------------------------------------------------------------------------------ */

static void consumer_is_ready_until_it_is_drained(void **state)
{
    (void)state;
    char name[2][TEST_NAME_SIZE];
    myl_producer *producer[2];
    myl_consumer *consumer[2];
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    for (int i = 0; i < 2; i++) {
        myl_producer_options o = producer_options(8);
        producer[i] = open_producer(test_name(name[i], "ready"), &o);
        consumer[i] = open_consumer(name[i], "c");
        test_ok(myl_waitset_add_consumer(set, consumer[i], &name[i]));
    }
    assert_int_equal(myl_waitset_count(set), 2);
    expect_none(set);
    put(producer[1], 0, MYL_TRY);
    put(producer[1], 1, MYL_TRY);
    for (int k = 0; k < 3; k++)
        expect_one(set, MYL_FOREVER, consumer[1]);
    myl_ready ready;
    uint32_t count;
    test_ok(myl_waitset_wait(set, &ready, 1, &count, MYL_TRY));
    assert_ptr_equal(ready.user, &name[1]);
    const void *event;
    test_ok(myl_consumer_next(consumer[1], &event, MYL_TRY));
    expect_one(set, MYL_TRY, consumer[1]);
    test_ok(myl_consumer_next(consumer[1], &event, MYL_TRY));
    expect_none(set);
    myl_consumer_rewind(consumer[1]); /* the same events again */
    put(producer[0], 0, MYL_TRY);
    expect_ready(set, MYL_FOREVER, 2, (void *const[]){consumer[0], consumer[1]});
    test_ok(myl_waitset_remove(set, consumer[0]));
    expect_one(set, MYL_FOREVER, consumer[1]);
    take_many(consumer[1], 0, 2);
    expect_none(set);
    test_ok(myl_waitset_remove(set, consumer[1]));
    test_code(MYL_ENOTFOUND, myl_waitset_remove(set, consumer[1]));
    expect_ready(set, MYL_MSEC(1), 0, NULL);
    myl_waitset_close(set);
    for (int i = 0; i < 2; i++) {
        myl_consumer_close(consumer[i]);
        myl_producer_close(producer[i]);
    }
}

/* In the middle of a batch there is no stamp. */
static void rest_of_a_batch_is_ready(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "batch"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    test_ok(myl_waitset_add_consumer(set, consumer, NULL));
    void *event;
    for (uint64_t i = 0; i < 3; i++) {
        test_ok(myl_producer_claim(producer, &event, MYL_TRY));
        event_fill(event, i);
    }
    expect_none(set); /* claimed, not published */
    myl_producer_publish(producer);
    for (uint64_t i = 0; i < 3; i++) {
        expect_one(set, MYL_FOREVER, consumer);
        take_many(consumer, i, 1);
    }
    expect_none(set);
    myl_waitset_close(set);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void messages_and_their_fragments_are_ready(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(65536, 1024);
    o.config.max_message = 100000;
    myl_frame_producer *producer = open_frames(test_name(name, "frames"), &o);
    myl_frame_consumer_options reader = frame_reader("c");
    reader.max_message = 100000;
    myl_frame_consumer *consumer = NULL;
    test_ok(myl_frame_consumer_open(&consumer, name, &reader));
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    test_ok(myl_waitset_add_frame_consumer(set, consumer, NULL));
    expect_none(set);
    send_frame(producer, 0, 10, MYL_TRY);
    send_frame(producer, 1, 5000, MYL_TRY);
    expect_one(set, MYL_TRY, consumer);
    take_frame(consumer, 0, 10, MYL_TRY);
    expect_one(set, MYL_TRY, consumer);
    myl_message message;
    test_ok(myl_frame_consumer_peek(consumer, &message, MYL_TRY));
    expect_one(set, MYL_TRY, consumer);
    take_frame(consumer, 1, 5000, MYL_TRY);
    expect_none(set);
    /* longer than the ring: the fragments that fit in it, and the end that its producer gave it */
    char *text = malloc(100000);
    frame_fill(text, 7, 100000);
    test_code(MYL_ETIMEDOUT, myl_frame_producer_publish(producer, text, 100000, 7, MYL_MSEC(1)));
    free(text);
    expect_one(set, MYL_TRY, consumer);
    test_code(MYL_EABORTED, myl_frame_consumer_next(consumer, &message, MYL_TRY));
    expect_none(set);
    myl_waitset_close(set);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

static void any_lane_makes_a_consumer_ready(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer *first = open_lane(test_name(name, "lanes"), 3, "a");
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    test_ok(myl_waitset_add_frame_consumer(set, consumer, NULL));
    expect_none(set);
    myl_frame_producer *second = open_lane(name, 3, "b");
    send_text(second, "one");
    expect_one(set, MYL_FOREVER, consumer);
    expect_text(consumer, 1, "one");
    expect_none(set);
    send_text(first, "two");
    expect_one(set, MYL_FOREVER, consumer);
    expect_text(consumer, 0, "two");
    test_ok(myl_frame_consumer_release(consumer));
    myl_frame_producer_close(first);
    expect_none(set); /* one lane is still open */
    myl_frame_producer_leave(second);
    myl_message message;
    expect_one(set, MYL_FOREVER, consumer);
    expect_no_frame(consumer, MYL_EPRODUCERLEFT);
    expect_no_frame(consumer, MYL_EAGAIN);
    second = open_lane(name, 3, "b");
    myl_frame_producer_close(second);
    expect_one(set, MYL_FOREVER, consumer);
    test_code(MYL_ECLOSED, myl_frame_consumer_next(consumer, &message, MYL_TRY));
    expect_one(set, MYL_TRY, consumer); /* the end remains */
    myl_waitset_close(set);
    myl_frame_consumer_close(consumer);
}

static void observers_are_ready(void **state)
{
    (void)state;
    char name[2][TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
    myl_producer *producer = open_producer(test_name(name[0], "observed"), &o);
    myl_frame_producer_options f = frame_options(65536, 0);
    myl_frame_producer *frames = open_frames(test_name(name[1], "observed"), &f);
    myl_observer *observer = NULL;
    myl_frame_observer *watcher = NULL;
    myl_consumer_options by = consumer_options(NULL);
    myl_frame_consumer_options frames_by = frame_reader(NULL);
    test_ok(myl_observer_open(&observer, name[0], &by));
    test_ok(myl_frame_observer_open(&watcher, name[1], &frames_by));
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    test_ok(myl_waitset_add_observer(set, observer, NULL));
    test_ok(myl_waitset_add_frame_observer(set, watcher, NULL));
    expect_none(set);
    put_many(producer, 0, 30); /* most of them are overwritten */
    expect_one(set, MYL_FOREVER, observer);
    uint64_t lost, seen = 0;
    struct event event;
    while (myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY) == MYL_OK)
        seen += lost + 1;
    assert_int_equal(seen, 30);
    expect_none(set);
    send_frame(frames, 1, 100, MYL_TRY);
    expect_one(set, MYL_FOREVER, watcher);
    char buffer[200];
    myl_message message;
    myl_frame_lost frames_lost;
    test_ok(myl_frame_observer_get(watcher, buffer, sizeof buffer, &message, &frames_lost, MYL_TRY));
    expect_none(set);
    myl_producer_close(producer);
    myl_frame_producer_leave(frames);
    expect_ready(set, MYL_FOREVER, 2, (void *const[]){observer, watcher});
    test_code(MYL_ECLOSED, myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY));
    test_code(MYL_EPRODUCERLEFT,
              myl_frame_observer_get(watcher, buffer, sizeof buffer, &message, &frames_lost, MYL_TRY));
    expect_one(set, MYL_TRY, observer);
    myl_waitset_close(set);
    myl_observer_close(observer);
    myl_frame_observer_close(watcher);
    test_ok(myl_remove(name[1], MYL_BACKEND_SHM, 0)); /* no consumer came */
}

static void producers_are_ready_when_they_have_room(void **state)
{
    (void)state;
    char name[2][TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name[0], "room"), &o);
    myl_consumer *consumer = open_consumer(name[0], "c");
    myl_frame_producer_options f = frame_options(65536, 16384);
    myl_frame_producer *frames = open_frames(test_name(name[1], "room"), &f);
    myl_frame_consumer *reader = open_frame_consumer(name[1], "c");
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    test_ok(myl_waitset_add_producer(set, producer, 4, NULL));
    test_ok(myl_waitset_add_frame_producer(set, frames, 16000, NULL));
    expect_ready(set, MYL_TRY, 2, (void *const[]){producer, frames});
    put_many(producer, 0, 5); /* room for 3 */
    expect_one(set, MYL_TRY, frames);
    static const char text[16000];
    int rc;
    do
        rc = myl_frame_producer_publish(frames, text, sizeof text, 0, MYL_TRY);
    while (rc == MYL_OK);
    test_code(MYL_EAGAIN, rc);
    expect_none(set);
    take_many(consumer, 0, 1);
    expect_one(set, MYL_FOREVER, producer);
    myl_span span;
    test_ok(myl_producer_claim_span(producer, 4, &span, MYL_TRY));
    myl_producer_abort(producer);
    put_many(producer, 5, 1);
    expect_none(set);
    take_many(consumer, 1, 5);
    myl_message message;
    test_ok(myl_frame_consumer_next(reader, &message, MYL_TRY));
    test_ok(myl_frame_consumer_release(reader));
    expect_ready(set, MYL_FOREVER, 2, (void *const[]){producer, frames});
    myl_waitset_close(set);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    myl_frame_consumer_close(reader);
    myl_frame_producer_close(frames);
}

static void ends_are_ready_and_next_has_the_code(void **state)
{
    (void)state;
    char name[3][TEST_NAME_SIZE];
    myl_producer *producer[3];
    myl_consumer *consumer[3];
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    for (int i = 0; i < 3; i++) {
        myl_producer_options o = producer_options(8);
        producer[i] = open_producer(test_name(name[i], "ends"), &o);
        consumer[i] = open_consumer(name[i], "c");
        test_ok(myl_waitset_add_consumer(set, consumer[i], NULL));
    }
    expect_none(set);
    myl_producer_close(producer[0]);
    expect_one(set, MYL_FOREVER, consumer[0]);
    expect_nothing(consumer[0], MYL_ECLOSED);
    expect_one(set, MYL_TRY, consumer[0]);
    test_ok(myl_waitset_remove(set, consumer[0]));
    myl_producer_leave(producer[1]);
    expect_one(set, MYL_FOREVER, consumer[1]);
    expect_one(set, MYL_TRY, consumer[1]); /* until next has returned it */
    expect_nothing(consumer[1], MYL_EPRODUCERLEFT);
    expect_none(set);
    expect_one(set, MYL_FOREVER, consumer[1]); /* again, by a liveness check */
    myl_producer_options o = producer_options(8);
    producer[1] = open_producer(name[1], &o); /* a successor */
    expect_nothing(consumer[1], MYL_EAGAIN);
    expect_none(set);
    test_ok(myl_remove(name[2], MYL_BACKEND_SHM, 1));
    expect_one(set, MYL_FOREVER, consumer[2]);
    expect_nothing(consumer[2], MYL_ESUPERSEDED);
    myl_waitset_close(set);
    for (int i = 0; i < 3; i++)
        myl_consumer_close(consumer[i]);
    myl_producer_close(producer[1]);
    myl_producer_close(producer[2]);
}

static void leases_that_block_a_producer_are_ready(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "leases"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    test_ok(myl_waitset_add_consumer(set, consumer, NULL));
    put_many(producer, 0, 7);
    const void *event;
    for (int i = 0; i < 7; i++)
        test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
    expect_none(set);
    myl_span span;
    test_code(MYL_EAGAIN, myl_producer_claim_span(producer, 4, &span, MYL_TRY)); /* it needs the leases */
    expect_one(set, MYL_FOREVER, consumer);
    expect_nothing(consumer, MYL_ELEASED);
    expect_one(set, MYL_FOREVER, consumer); /* as long as it is so */
    test_ok(myl_consumer_release(consumer));
    expect_nothing(consumer, MYL_EAGAIN);
    expect_none(set);
    test_ok(myl_producer_claim_span(producer, 4, &span, MYL_TRY));
    myl_producer_abort(producer);
    myl_waitset_close(set);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void busy_ring_does_not_hide_a_quiet_one(void **state)
{
    (void)state;
    enum { RINGS = 4 };
    char name[RINGS][TEST_NAME_SIZE];
    myl_producer *producer[RINGS];
    myl_consumer *consumer[RINGS];
    unsigned seen[RINGS] = {0};
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    for (int i = 0; i < RINGS; i++) {
        myl_producer_options o = producer_options(8);
        producer[i] = open_producer(test_name(name[i], "fair"), &o);
        consumer[i] = open_consumer(name[i], "c");
        put(producer[i], 0, MYL_TRY); /* never read: all are ready all the time */
        test_ok(myl_waitset_add_consumer(set, consumer[i], &seen[i]));
    }
    for (int round = 0; round < 40; round++) {
        myl_ready ready;
        uint32_t count;
        test_ok(myl_waitset_wait(set, &ready, 1, &count, MYL_FOREVER));
        assert_int_equal(count, 1);
        ++*(unsigned *)ready.user;
    }
    for (int i = 0; i < RINGS; i++)
        assert_int_equal(seen[i], 10);
    myl_waitset_close(set);
    for (int i = 0; i < RINGS; i++) {
        myl_consumer_close(consumer[i]);
        myl_producer_close(producer[i]);
    }
}

/* --- limits and errors -------------------------------------------------------------------------------------------- */

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    char name[2][TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name[0], "wrong"), &o);
    myl_consumer *consumer = open_consumer(name[0], "c");
    myl_frame_producer_options f = frame_options(65536, 0);
    myl_frame_producer *frames = open_frames(test_name(name[1], "wrong"), &f);
    myl_waitset_options options = {.size = sizeof options, .wait.spin_ns = -1};
    myl_waitset *set = (myl_waitset *)(void *)&options;
    test_code(MYL_EINVAL, myl_waitset_open(&set, &options));
    assert_null(set);
    options.size = 1;
    test_code(MYL_EOPTIONS, myl_waitset_open(&set, &options));
    assert_null(set);
    test_ok(myl_waitset_open(&set, NULL));
    test_ok(myl_waitset_add_consumer(set, consumer, NULL));
    test_code(MYL_EINVAL, myl_waitset_add_consumer(set, consumer, NULL));
    expect_detail("in the wait set already");
    test_code(MYL_EINVAL, myl_waitset_add_producer(set, producer, 0, NULL));
    test_code(MYL_ETOOBIG, myl_waitset_add_producer(set, producer, 9, NULL));
    test_code(MYL_ETOOBIG, myl_waitset_add_frame_producer(set, frames, 1 << 20, NULL));
    test_code(MYL_ETOOBIG, myl_waitset_add_frame_producer(set, frames, UINT64_MAX, NULL));
    assert_int_equal(myl_waitset_count(set), 1);
    myl_ready ready;
    uint32_t count = 7;
    test_code(MYL_EINVAL, myl_waitset_wait(set, &ready, 0, &count, MYL_TRY));
    assert_int_equal(count, 0);
    test_code(MYL_ETIMEDOUT, myl_waitset_wait(set, &ready, 1, &count, -1));
    expect_detail("none of the 1 handles");
    myl_waitset_close(NULL);
    myl_waitset_close(set);
    myl_frame_producer_close(frames);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consumer_is_ready_until_it_is_drained),
        cmocka_unit_test(rest_of_a_batch_is_ready),
        cmocka_unit_test(messages_and_their_fragments_are_ready),
        cmocka_unit_test(any_lane_makes_a_consumer_ready),
        cmocka_unit_test(observers_are_ready),
        cmocka_unit_test(producers_are_ready_when_they_have_room),
        cmocka_unit_test(ends_are_ready_and_next_has_the_code),
        cmocka_unit_test(leases_that_block_a_producer_are_ready),
        cmocka_unit_test(busy_ring_does_not_hide_a_quiet_one),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
