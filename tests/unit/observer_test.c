/* SPDX-License-Identifier: MIT
 * Observers do not gate, never deliver a torn event, and count exactly the events that they lost. */
#include <pthread.h>
#include <stdlib.h>

#include "unit/rings.h"

static myl_observer *open_observer(const char *name, enum myl_start start)
{
    myl_consumer_options o = {.size = sizeof o, .ring.start = start};
    myl_observer *observer = NULL;
    test_ok(myl_observer_open(&observer, name, &o));
    return observer;
}

static void fast_observer_gets_every_event(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        struct event event;
        uint64_t lost = 99;
        myl_producer_options o = producer_options(20);
        o.config.packed_cell = cell;
        o.config.capacity = cell == 0 ? 16 : 20;
        myl_producer *producer = open_producer(test_name(name, "fast"), &o);
        myl_consumer *consumer = open_consumer(name, "c");
        myl_observer *observer = open_observer(name, MYL_START_RESUME);
        assert_int_equal(myl_observer_last_read(observer), MYL_SEQUENCE_NONE);
        test_code(MYL_EAGAIN, myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY));
        assert_int_equal(lost, 0);
        for (uint64_t i = 0; i < 500; i++) {
            put(producer, i, MYL_TRY);
            test_ok(myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY));
            expect_event(&event, i);
            assert_int_equal(lost, 0);
            assert_int_equal(myl_observer_last_read(observer), i);
            take_many(consumer, i, 1);
        }
        test_code(MYL_ETIMEDOUT, myl_observer_get(observer, &event, sizeof event, &lost, MYL_MSEC(2)));
        put(producer, 500, MYL_TRY);
        myl_producer_close(producer);
        test_ok(myl_observer_get(observer, &event, sizeof event, &lost, MYL_FOREVER));
        test_code(MYL_ECLOSED, myl_observer_get(observer, &event, sizeof event, &lost, MYL_FOREVER));
        myl_observer_close(observer);
        take_many(consumer, 500, 1);
        myl_consumer_close(consumer);
    }
}

static void observer_counts_lost_events(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct event event;
    uint64_t lost, total = 0, expected = 0;
    myl_producer_options o = producer_options(16);
    o.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
    myl_producer *producer = open_producer(test_name(name, "missed"), &o);
    myl_observer *observer = open_observer(name, MYL_START_OLDEST);
    uint64_t published = 0;
    for (uint64_t round = 1; round < 60; round++) { /* more and more, up to more than the ring holds */
        put_many(producer, published, round);
        published += round;
        while (myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY) == MYL_OK) {
            expected += lost;
            expect_event(&event, expected); /* exactly: the number of the event is the number of events before it */
            assert_int_equal(myl_observer_last_read(observer), expected);
            expected++;
            total += lost;
        }
        assert_int_equal(expected, published);
    }
    assert_true(total > 0);
    myl_observer *late = open_observer(name, MYL_START_NOW);
    assert_int_equal(myl_observer_last_read(late), published - 1);
    test_code(MYL_EAGAIN, myl_observer_get(late, &event, sizeof event, &lost, MYL_TRY));
    put(producer, published, MYL_TRY);
    test_ok(myl_observer_get(late, &event, sizeof event, &lost, MYL_TRY));
    expect_event(&event, published);
    assert_int_equal(lost, 0);
    myl_info info = {.size = sizeof info};
    test_ok(myl_observer_info(late, &info));
    assert_int_equal(info.capacity, 16);
    myl_observer_close(late);
    myl_observer_close(observer);
    myl_producer_close(producer);
}

static void observer_never_gates(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(4);
    myl_producer *producer = open_producer(test_name(name, "gates"), &o);
    myl_observer *observer = open_observer(name, MYL_START_OLDEST);
    myl_consumer *consumer = open_consumer(name, "c");
    for (uint64_t i = 0; i < 100; i++) {
        put(producer, i, MYL_TRY);
        take_many(consumer, i, 1);
    }
    struct event event;
    uint64_t lost;
    test_ok(myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY));
    expect_event(&event, lost);
    assert_true(lost >= 96 - 4 && lost <= 99);
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->consumers, 1); /* it is not in the table */
    myl_snapshot_free(snapshot);
    myl_consumer_close(consumer);
    myl_observer_close(observer);
    myl_producer_close(producer);
}

/* Large events, so that they can be overwritten during a copy. */
enum { STREAM = 600000, BIG_WORDS = 512, SMALL_WORDS = 6 };

struct stream {
    myl_producer *producer;
    unsigned words;      /* words of an event, each equal to its number */
};

static void *produce(void *argument)
{
    struct stream *stream = argument;
    for (uint64_t i = 0; i < STREAM; i++) {
        void *event;
        if (myl_producer_claim(stream->producer, &event, MYL_SEC(10)) != MYL_OK)
            break;
        for (unsigned k = 0; k < stream->words; k++)
            ((uint64_t *)event)[k] = i;
        myl_producer_publish(stream->producer);
    }
    myl_producer_close(stream->producer);
    return NULL;
}

/* Overwritten during reads: only whole events, in order, and read + lost is the number of published events. */
static void torn_events_are_not_delivered(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(8);
        o.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
        o.config.packed_cell = cell;
        unsigned words = cell == 0 ? BIG_WORDS : SMALL_WORDS;
        o.config.event_size = words * (unsigned)sizeof(uint64_t);
        struct stream stream = {.producer = open_producer(test_name(name, "torn"), &o), .words = words};
        myl_observer *observer = open_observer(name, MYL_START_OLDEST);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, produce, &stream), 0);
        static uint64_t event[BIG_WORDS];
        uint64_t next = 0, lost, got = 0;
        int rc;
        while ((rc = myl_observer_get(observer, event, sizeof event, &lost, MYL_SEC(20))) == MYL_OK) {
            next += lost;
            for (unsigned k = 0; k < words; k++) {
                if (event[k] != next)
                    test_fail("word %u of event %llu is of event %llu", k, (unsigned long long)next,
                              (unsigned long long)event[k]);
            }
            next++;
            got++;
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(rc, MYL_ECLOSED);
        assert_int_equal(next, STREAM);
        assert_true(got > 0);
        myl_observer_close(observer);
    }
}

/* An observer holds no participant lock. A process that removes the name must notify it, otherwise it would wait for
 * ever. */
static void observer_learns_that_the_name_is_gone(void **state)
{
    (void)state;
    for (int removed = 0; removed < 2; removed++) {
        char name[TEST_NAME_SIZE];
        struct event event;
        uint64_t lost;
        myl_producer_options o = producer_options(8);
        myl_producer *producer = open_producer(test_name(name, "gone"), &o);
        put(producer, 0, MYL_TRY);
        myl_observer *observer = open_observer(name, MYL_START_OLDEST);
        myl_producer_leave(producer);
        if (removed) {
            test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
        } else {
            o.ring.existing = MYL_EXISTING_REPLACE;
            producer = open_producer(name, &o);
        }
        test_ok(myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY));
        expect_event(&event, 0);
        test_code(MYL_ESUPERSEDED, myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY));
        myl_observer_close(observer);
        if (!removed)
            myl_producer_close(producer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_observer_gets_every_event),
        cmocka_unit_test(observer_counts_lost_events),
        cmocka_unit_test(observer_never_gates),
        cmocka_unit_test(torn_events_are_not_delivered),
        cmocka_unit_test(observer_learns_that_the_name_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
