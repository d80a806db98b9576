/* SPDX-License-Identifier: MIT
 * A batch has one stamp, in the cell of its first event: whoever begins inside of one, or was thrown back into one,
 * must still find every event, once. */
#include "unit/rings.h"

static void put_batch(myl_producer *producer, uint64_t from, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        void *event;
        test_ok(myl_producer_claim(producer, &event, MYL_TRY));
        event_fill(event, from + i);
    }
    myl_producer_publish(producer);
}

static myl_producer *open_ring(char *name, const char *base, uint32_t cell, enum myl_alone alone, uint64_t *capacity)
{
    myl_producer_options o = producer_options(cell == 0 ? 16 : 20);
    o.packed_cell = cell;
    o.alone = alone;
    myl_producer *producer = open_producer(test_name(name, base), &o);
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(producer, &info));
    *capacity = info.capacity - info.events_per_cell; /* never more than fits behind a half-filled cell */
    return producer;
}

/* A consumer that leaves in the middle of a batch goes on there, whatever was published meanwhile. */
static void test_resume_inside(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        uint64_t capacity, read = 0, published = 0;
        myl_producer *producer = open_ring(name, "inside", cell, MYL_ALONE_BLOCK, &capacity);
        myl_consumer *consumer = open_consumer(name, "c"), *stays = open_consumer(name, "stays");
        for (uint64_t round = 1; round < 200; round++) {
            uint64_t batch = 1 + round % (capacity - (published - read));
            put_batch(producer, published, batch);
            published += batch;
            uint64_t take = (published - read) * (round % 3) / 2; /* none, half, all */
            take_many(consumer, read, take);
            read += take;
            take_many(stays, published - batch, batch);
            myl_consumer_close(consumer);
            consumer = open_consumer(name, "c");
            if (read == published)
                expect_nothing(consumer, MYL_EAGAIN);
            if (published - read == capacity) {
                take_many(consumer, read, capacity);
                read = published;
            }
        }
        myl_consumer_close(stays);
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

/* The next producer begins where the last batch ended, and its consumers are inside of it. */
static void test_next_producer(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        uint64_t capacity, n = 0;
        myl_producer *producer = open_ring(name, "next", cell, MYL_ALONE_BLOCK, &capacity);
        myl_consumer *consumer = open_consumer(name, "c");
        for (uint64_t batch = 2; batch <= capacity; batch++) {
            put_batch(producer, n, batch / 2);
            take_many(consumer, n, batch / 4);
            myl_producer_leave(producer);
            producer = open_producer(name, NULL);
            put_batch(producer, n + batch / 2, batch - batch / 2);
            take_many(consumer, n + batch / 4, batch - batch / 4);
            expect_nothing(consumer, MYL_EAGAIN);
            n += batch;
        }
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

/* An observer that was overtaken stands at the gate, which may lie anywhere in a batch. */
static void test_observer_inside(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        uint64_t capacity, published = 0, expected = 0, lost, total = 0;
        struct event event;
        myl_producer *producer = open_ring(name, "observer", cell, MYL_ALONE_RUN_FREE, &capacity);
        myl_consumer_options o = {.size = sizeof o, .start = MYL_START_OLDEST};
        myl_observer *observer;
        test_ok(myl_observer_open(&observer, name, &o));
        for (uint64_t round = 1; round < 100; round++) {
            for (uint64_t i = 0; i < round % 4; i++) {
                uint64_t batch = 1 + (round * 7 + i * 3) % capacity;
                put_batch(producer, published, batch);
                published += batch;
            }
            for (uint64_t i = 0; i < 1 + round % 9; i++) { /* not always all */
                int rc = myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY);
                if (rc == MYL_EAGAIN)
                    break;
                test_ok(rc);
                expected += lost;
                total += lost;
                expect_event(&event, expected++);
            }
        }
        while (myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY) == MYL_OK)
            expected += lost + 1;
        assert_int_equal(expected, published);
        assert_true(total > 0);
        myl_observer_close(observer);
        myl_producer_close(producer);
    }
}

/* Runs follow one publish after the other, and stop where the publishing does. */
static void test_runs_over_publishes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    uint64_t capacity;
    myl_run run;
    myl_producer *producer = open_ring(name, "runs", 0, MYL_ALONE_BLOCK, &capacity);
    myl_consumer *consumer = open_consumer(name, "c");
    put_batch(producer, 0, 3);
    put_batch(producer, 3, 1);
    put_batch(producer, 4, 5);
    test_ok(myl_consumer_next_run(consumer, 2, &run, MYL_TRY));
    assert_int_equal(run.count, 2);
    test_ok(myl_consumer_next_run(consumer, 100, &run, MYL_TRY));
    assert_int_equal(run.sequence, 2);
    assert_int_equal(run.count, 7);
    for (uint64_t i = 0; i < run.count; i++)
        expect_event((const unsigned char *)run.event + i * run.stride, 2 + i);
    test_code(MYL_EAGAIN, myl_consumer_next_run(consumer, 1, &run, MYL_TRY));
    test_ok(myl_consumer_release(consumer));
    put_batch(producer, 9, 15);
    test_ok(myl_consumer_next_run(consumer, 100, &run, MYL_TRY)); /* up to the end of the memory */
    assert_int_equal(run.count, 7);
    test_ok(myl_consumer_next_run(consumer, 100, &run, MYL_TRY));
    assert_int_equal(run.sequence, 16);
    assert_int_equal(run.count, 8);
    test_ok(myl_consumer_release(consumer));
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume_inside),
        cmocka_unit_test(test_next_producer),
        cmocka_unit_test(test_observer_inside),
        cmocka_unit_test(test_runs_over_publishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
