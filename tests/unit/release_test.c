/* SPDX-License-Identifier: MIT
 * myl_consumer_release_to: a part of what is leased is acknowledged, the rest stays leased. */
#include "unit/rings.h"

struct ring {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
};

static void begin(struct ring *ring, myl_producer_options options)
{
    ring->producer = open_producer(test_name(ring->name, "release"), &options);
    ring->consumer = open_consumer(ring->name, "c");
}

static void end(struct ring *ring)
{
    myl_consumer_close(ring->consumer);
    myl_producer_close(ring->producer);
    int rc = myl_remove(ring->name, MYL_BACKEND_SHM, 1);
    assert_true(rc == MYL_OK || rc == MYL_ENOTFOUND);
}

static void lease(const struct ring *ring, uint64_t from, uint64_t count)
{
    for (uint64_t i = from; i < from + count; i++) {
        const void *event;
        test_ok(myl_consumer_next(ring->consumer, &event, MYL_TRY));
        expect_event(event, i);
    }
}

static void events_up_to_the_sequence_are_acknowledged(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring, producer_options(8));
    put_many(ring.producer, 0, 8);
    lease(&ring, 0, 6);
    for (int64_t last = 0; last < 5; last++) {
        test_ok(myl_consumer_release_to(ring.consumer, last));
        assert_int_equal(myl_consumer_last_acknowledged(ring.consumer), last);
        assert_int_equal(myl_consumer_last_leased(ring.consumer), 5); /* the rest stays leased */
        assert_int_equal(myl_producer_last_consumed(ring.producer), last);
    }
    test_ok(myl_consumer_release_to(ring.consumer, myl_consumer_last_leased(ring.consumer)));
    assert_int_equal(myl_consumer_last_acknowledged(ring.consumer), 5);
    lease(&ring, 6, 2);
    end(&ring);
}

static void what_was_acknowledged_before_changes_nothing(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring, producer_options(8));
    test_ok(myl_consumer_release_to(ring.consumer, MYL_SEQUENCE_NONE));
    put_many(ring.producer, 0, 8);
    lease(&ring, 0, 4);
    test_ok(myl_consumer_release_to(ring.consumer, MYL_SEQUENCE_NONE));
    assert_int_equal(myl_consumer_last_acknowledged(ring.consumer), MYL_SEQUENCE_NONE);
    test_ok(myl_consumer_release_to(ring.consumer, 2));
    test_ok(myl_consumer_release_to(ring.consumer, 2));
    test_ok(myl_consumer_release_to(ring.consumer, 0));
    test_ok(myl_consumer_release_to(ring.consumer, INT64_MIN));
    assert_int_equal(myl_consumer_last_acknowledged(ring.consumer), 2);
    end(&ring);
}

static void what_is_not_leased_is_refused(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring, producer_options(8));
    put_many(ring.producer, 0, 8);
    lease(&ring, 0, 4);
    test_code(MYL_ENOTCLAIMED, myl_consumer_release_to(ring.consumer, 4));
    expect_detail("event 4 ");
    expect_detail("leased is 3");
    test_code(MYL_ENOTCLAIMED, myl_consumer_release_to(ring.consumer, INT64_MAX));
    assert_int_equal(myl_consumer_last_acknowledged(ring.consumer), MYL_SEQUENCE_NONE);
    assert_int_equal(myl_producer_last_consumed(ring.producer), MYL_SEQUENCE_NONE);
    test_ok(myl_consumer_release(ring.consumer));
    test_code(MYL_ENOTCLAIMED, myl_consumer_release_to(ring.consumer, 4));
    end(&ring);
}

static void rewind_gives_back_what_is_still_leased(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring, producer_options(8));
    put_many(ring.producer, 0, 8);
    lease(&ring, 0, 6);
    test_ok(myl_consumer_release_to(ring.consumer, 1));
    myl_consumer_rewind(ring.consumer);
    assert_int_equal(myl_consumer_last_leased(ring.consumer), 1);
    lease(&ring, 2, 6);
    end(&ring);
}

static void the_producer_gets_the_room_of_the_released_part(void **state)
{
    (void)state;
    struct ring ring;
    void *event;
    begin(&ring, producer_options(4));
    put_many(ring.producer, 0, 4);
    lease(&ring, 0, 4);
    test_code(MYL_EAGAIN, myl_producer_claim(ring.producer, &event, MYL_TRY));
    test_ok(myl_consumer_release_to(ring.consumer, 1));
    put_many(ring.producer, 4, 2);
    test_code(MYL_EAGAIN, myl_producer_claim(ring.producer, &event, MYL_TRY));
    lease(&ring, 4, 2);
    test_code(MYL_ELEASED, myl_consumer_next(ring.consumer, (const void **)&event, MYL_TRY)); /* all of the ring */
    end(&ring);
}

/* Within a cell of several events, and within a batch that one stamp publishes. */
static void an_id_comes_back_within_a_batch(void **state)
{
    (void)state;
    for (uint32_t packed_cell = 0; packed_cell <= 256; packed_cell += 256) {
        struct ring ring;
        myl_producer_options options = producer_options(packed_cell == 0 ? 16 : 20);
        options.config.packed_cell = packed_cell;
        begin(&ring, options);
        for (uint64_t from = 0, released = 0; from < 100; from += 9) {
            myl_span span;
            for (uint64_t done = 0; done < 9; done += span.count) {
                test_ok(myl_producer_claim_span(ring.producer, 9 - done, &span, MYL_TRY));
                for (uint64_t i = 0; i < span.count; i++)
                    event_fill((char *)span.event + i * span.stride, from + done + i);
            }
            myl_producer_publish(ring.producer);
            lease(&ring, released, from + 9 - released);
            released = from + 7;
            test_ok(myl_consumer_release_to(ring.consumer, (myl_sequence)released - 1));
            myl_consumer_close(ring.consumer);
            ring.consumer = open_consumer(ring.name, "c");
        }
        end(&ring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_up_to_the_sequence_are_acknowledged),
        cmocka_unit_test(what_was_acknowledged_before_changes_nothing),
        cmocka_unit_test(what_is_not_leased_is_refused),
        cmocka_unit_test(rewind_gives_back_what_is_still_leased),
        cmocka_unit_test(the_producer_gets_the_room_of_the_released_part),
        cmocka_unit_test(an_id_comes_back_within_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
