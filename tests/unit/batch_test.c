/* SPDX-License-Identifier: MIT
 * A batch has one stamp, in the cell of its first event. A reader that starts within a batch, or is set back into one,
 * must get every event once. */
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

static myl_producer *open_ring(char *name, const char *base, uint32_t cell, enum myl_no_consumer_policy alone,
                               uint64_t *capacity)
{
    myl_producer_options o = producer_options(cell == 0 ? 16 : 20);
    o.config.packed_cell = cell;
    o.ring.no_consumers = alone;
    myl_producer *producer = open_producer(test_name(name, base), &o);
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(producer, &info));
    *capacity = info.capacity - info.events_per_cell; /* at most what fits after a half-filled cell */
    return producer;
}

/* A consumer that leaves within a batch resumes there, whatever was published meanwhile. */
static void consumer_resumes_within_a_batch(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        uint64_t capacity, read = 0, published = 0;
        myl_producer *producer = open_ring(name, "inside", cell, MYL_NO_CONSUMERS_BLOCK, &capacity);
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

/* The next producer begins after the last batch, while its consumers are within it. */
static void successor_starts_at_the_end_of_the_last_batch(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        uint64_t capacity, n = 0;
        myl_producer *producer = open_ring(name, "next", cell, MYL_NO_CONSUMERS_BLOCK, &capacity);
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

/* An overrun observer continues at the gate, which may be anywhere in a batch. */
static void overrun_observer_continues_within_a_batch(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        uint64_t capacity, published = 0, expected = 0, lost, total = 0;
        struct event event;
        myl_producer *producer = open_ring(name, "observer", cell, MYL_NO_CONSUMERS_OVERWRITE, &capacity);
        myl_consumer_options o = {.size = sizeof o, .ring.start = MYL_START_OLDEST};
        myl_observer *observer;
        test_ok(myl_observer_open(&observer, name, &o));
        for (uint64_t round = 1; round < 100; round++) {
            for (uint64_t i = 0; i < round % 4; i++) {
                uint64_t batch = 1 + (round * 7 + i * 3) % capacity;
                put_batch(producer, published, batch);
                published += batch;
            }
            for (uint64_t i = 0; i < 1 + round % 9; i++) { /* some rounds read only a part */
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

/* A span may cross publishes, and ends where the published events end. */
static void spans_cross_publishes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    uint64_t capacity;
    myl_span span;
    myl_producer *producer = open_ring(name, "runs", 0, MYL_NO_CONSUMERS_BLOCK, &capacity);
    myl_consumer *consumer = open_consumer(name, "c");
    put_batch(producer, 0, 3);
    put_batch(producer, 3, 1);
    put_batch(producer, 4, 5);
    test_ok(myl_consumer_next_span(consumer, 2, &span, MYL_TRY));
    assert_int_equal(span.count, 2);
    test_ok(myl_consumer_next_span(consumer, 100, &span, MYL_TRY));
    assert_int_equal(span.sequence, 2);
    assert_int_equal(span.count, 7);
    for (uint64_t i = 0; i < span.count; i++)
        expect_event((const unsigned char *)span.event + i * span.stride, 2 + i);
    test_code(MYL_EAGAIN, myl_consumer_next_span(consumer, 1, &span, MYL_TRY));
    test_ok(myl_consumer_release(consumer));
    put_batch(producer, 9, 15);
    test_ok(myl_consumer_next_span(consumer, 100, &span, MYL_TRY)); /* up to the end of the data area */
    assert_int_equal(span.count, 7);
    test_ok(myl_consumer_next_span(consumer, 100, &span, MYL_TRY));
    assert_int_equal(span.sequence, 16);
    assert_int_equal(span.count, 8);
    test_ok(myl_consumer_release(consumer));
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consumer_resumes_within_a_batch),
        cmocka_unit_test(successor_starts_at_the_end_of_the_last_batch),
        cmocka_unit_test(overrun_observer_continues_within_a_batch),
        cmocka_unit_test(spans_cross_publishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
