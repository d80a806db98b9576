/* SPDX-License-Identifier: MIT
 * How a ring ends for those who wait: close, leave, death, removal by force; what becomes of its name; and parties
 * that are stopped, which is not an end. */
#include "process/party.h"

enum { LIMIT_MS = 2000 }; /* generous: the liveness questions come every few milliseconds */

static void check_ending(uint64_t how, int code, enum myl_wait_strategy strategy)
{
    char name[TEST_NAME_SIZE];
    test_name(name, "ending");
    struct party producer_party = {.name = name, .producer = producer_options(8)};
    struct party consumer_party = {.name = name, .id = "c", .consumer.wait.strategy = strategy};
    test_child producer, consumer;
    start_producer(&producer, &producer_party, 0);
    start_consumer(&consumer, &consumer_party, 0);
    order(&producer, 5, 5);
    test_tell(&consumer.peer, PARTY_DRAIN);
    int64_t start = test_now_ns();
    if (how == 0)
        test_kill(&producer);
    else
        finish(&producer, how);
    test_hear_value(&consumer.peer, (uint64_t)-code);
    assert_true(test_now_ns() - start < (int64_t)LIMIT_MS * 1000000);
    test_hear_value(&consumer.peer, 5);
    if (how == PARTY_CLOSE) {
        finish(&consumer, PARTY_CLOSE);
    } else { /* the next producer goes on, and so does the consumer */
        start_producer(&producer, &producer_party, 5);
        order(&producer, 3, 8);
        order(&consumer, 3, 8);
        finish(&producer, PARTY_CLOSE);
        assert_true(ring_exists(name));
        finish(&consumer, PARTY_CLOSE);
    }
    assert_false(ring_exists(name)); /* the last one out */
}

static void test_endings(void **state)
{
    (void)state;
    for (int strategy = MYL_WAIT_ADAPTIVE; strategy <= MYL_WAIT_BLOCK; strategy++) {
        check_ending(PARTY_CLOSE, MYL_ECLOSED, (enum myl_wait_strategy)strategy);
        check_ending(PARTY_LEAVE, MYL_EUNSEATED, (enum myl_wait_strategy)strategy);
        check_ending(0, MYL_EPRODUCERDEAD, (enum myl_wait_strategy)strategy);
    }
}

static void test_waits_on_over_a_death(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "patient");
    struct party producer_party = {.name = name, .producer = producer_options(8)};
    struct party consumer_party = {.name = name, .id = "c"};
    consumer_party.consumer.on_death = MYL_DEATH_WAIT;
    consumer_party.consumer.liveness_ns = MYL_MSEC(1);
    test_child producer, consumer;
    start_producer(&producer, &producer_party, 0);
    start_consumer(&consumer, &consumer_party, 0);
    test_tell(&consumer.peer, PARTY_DRAIN);
    test_kill(&producer);
    assert_int_equal(test_heard(&consumer.peer, 50), 0);
    start_producer(&producer, &producer_party, 0);
    order(&producer, 4, 4);
    finish(&producer, PARTY_CLOSE);
    test_hear_value(&consumer.peer, (uint64_t)-MYL_ECLOSED);
    test_hear_value(&consumer.peer, 4);
    finish(&consumer, PARTY_CLOSE);
    assert_false(ring_exists(name));
}

/* A producer that waits for room hears of the death of who holds it up, and of a leave too. */
static void test_blocked_producer(void **state)
{
    (void)state;
    for (int leaves = 0; leaves < 2; leaves++) {
        char name[TEST_NAME_SIZE];
        void *event;
        struct party party = {.name = test_name(name, "blocked"), .id = "slow"};
        myl_producer_options o = producer_options(8);
        o.wait.strategy = MYL_WAIT_BLOCK;
        myl_producer *producer = open_producer(name, &o);
        myl_consumer *fast = open_consumer(name, "fast");
        test_child consumer;
        start_consumer(&consumer, &party, 0);
        put_many(producer, 0, 8);
        take_many(fast, 0, 8);
        if (leaves) {
            test_tell(&consumer.peer, PARTY_CLOSE);
            test_ok(myl_producer_claim(producer, &event, MYL_SEC(10)));
            test_expect_exit(&consumer, 0);
        } else {
            test_tell(&consumer.peer, 3); /* takes three, then dies while the producer waits for the rest */
            test_hear_value(&consumer.peer, 3);
            put_many(producer, 8, 3);
            kill(consumer.pid, SIGKILL);
            int64_t start = test_now_ns();
            test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &event, MYL_FOREVER));
            assert_true(test_now_ns() - start < (int64_t)LIMIT_MS * 1000000);
            expect_detail("slow");
            test_expect_signal(&consumer, SIGKILL);
            test_ok(myl_evict(name, MYL_BACKEND_SHM, "slow"));
        }
        myl_producer_close(producer);
        myl_consumer_close(fast);
        assert_false(ring_exists(name));
    }
}

static void test_stopped_is_not_dead(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "stopped");
    struct party producer_party = {.name = name, .producer = producer_options(8)};
    struct party consumer_party = {.name = name, .id = "c"};
    consumer_party.consumer.liveness_ns = MYL_MSEC(1);
    producer_party.producer.liveness_ns = MYL_MSEC(1);
    test_child producer, consumer;
    start_producer(&producer, &producer_party, 0);
    start_consumer(&consumer, &consumer_party, 0);
    for (uint64_t n = 0; n < 80; n += 16) {
        test_tell(&consumer.peer, 8);
        test_stop(&producer);
        assert_int_equal(test_heard(&consumer.peer, 20), 0); /* waits, and reports no death */
        test_continue(&producer);
        order(&producer, 8, n + 8);
        test_hear_value(&consumer.peer, n + 8);
        test_stop(&consumer);
        test_tell(&producer.peer, 8);
        test_hear_value(&producer.peer, n + 16); /* fits */
        test_tell(&producer.peer, 0);
        test_hear_value(&producer.peer, n + 16);
        test_continue(&consumer);
        order(&consumer, 8, n + 16);
    }
    test_tell(&producer.peer, 20); /* more than fits: waits for a consumer that stands still */
    test_stop(&consumer);
    assert_int_equal(test_heard(&producer.peer, 20), 0);
    test_continue(&consumer);
    for (uint64_t n = 85; n <= 100; n += 5)
        order(&consumer, 5, n);
    test_hear_value(&producer.peer, 100);
    finish(&producer, PARTY_CLOSE);
    finish(&consumer, PARTY_CLOSE);
}

static void test_unread(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "unread"), .id = "killed"};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child consumer;
    start_consumer(&consumer, &party, 0);
    put_many(producer, 0, 6);
    order(&consumer, 2, 2);
    test_kill(&consumer);
    myl_producer_close(producer);
    assert_true(ring_exists(name)); /* it can still come back for the rest */
    expect_no_producer(MYL_EUNREAD, "killed", name, &o);
    expect_detail("4 events");
    expect_no_producer(MYL_EUNREAD, "killed", name, NULL);
    start_consumer(&consumer, &party, 2);
    order(&consumer, 4, 6);
    test_tell(&consumer.peer, PARTY_DRAIN);
    test_hear_value(&consumer.peer, (uint64_t)-MYL_ECLOSED);
    test_hear_value(&consumer.peer, 6);
    finish(&consumer, PARTY_CLOSE);
    assert_false(ring_exists(name));
}

/* A closed session whose consumer still reads: the name is free at once, and the reader reads on. */
static void test_name_is_reusable_at_once(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "reuse"), .id = "c"};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child old, young;
    start_consumer(&old, &party, 0);
    put_many(producer, 0, 6);
    order(&old, 2, 2);
    myl_producer_close(producer);
    producer = open_producer(name, &o);
    assert_int_equal(myl_producer_last(producer), MYL_SEQUENCE_NONE);
    put_many(producer, 0, 3);
    start_consumer(&young, &party, 0); /* the same id: another session */
    order(&young, 3, 3);
    order(&old, 4, 6);
    test_tell(&old.peer, PARTY_DRAIN);
    test_hear_value(&old.peer, (uint64_t)-MYL_ECLOSED);
    test_hear_value(&old.peer, 6);
    finish(&old, PARTY_CLOSE);
    assert_true(ring_exists(name)); /* the old one's last party does not take the new one's name */
    myl_producer_close(producer);
    finish(&young, PARTY_CLOSE);
    assert_false(ring_exists(name));
    for (int i = 0; i < 200; i++) {
        producer = open_producer(name, &o);
        assert_int_equal(myl_producer_last(producer), MYL_SEQUENCE_NONE);
        put_many(producer, 0, (uint64_t)i % 2);
        myl_producer_close(producer);
        assert_int_equal(ring_exists(name), i % 2); /* events nobody has come for stay until the next session */
    }
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

static void test_remove(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *event;
    test_name(name, "remove");
    struct party party = {.name = name, .id = "c"};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child consumer;
    start_consumer(&consumer, &party, 0);
    put_many(producer, 0, 4);
    test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 0));
    expect_detail("its producer and 1 living consumer");
    assert_true(ring_exists(name));
    test_tell(&consumer.peer, PARTY_DRAIN);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
    assert_false(ring_exists(name));
    test_hear_value(&consumer.peer, (uint64_t)-MYL_ESUPERSEDED);
    test_hear_value(&consumer.peer, 4); /* after all there was */
    test_kill(&consumer);
    int rc = MYL_OK;
    for (int i = 0; i < 20 && rc == MYL_OK; i++) {
        rc = myl_producer_claim(producer, &event, MYL_MSEC(100));
        myl_producer_publish(producer);
    }
    assert_int_equal(rc, MYL_ESUPERSEDED);
    myl_producer_close(producer);
    /* Nobody alive: no force needed. */
    producer = open_producer(name, &o);
    start_consumer(&consumer, &party, 0);
    myl_producer_leave(producer);
    test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 0));
    test_stop(&consumer);
    test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 0));
    test_kill(&consumer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
    assert_false(ring_exists(name));
}

static void test_existing(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "existing");
    struct party party = {.name = name, .id = "c"};
    myl_producer_options o = producer_options(8), fail = o, replace = o, supersede = o;
    fail.existing = MYL_EXISTING_FAIL;
    replace.existing = MYL_EXISTING_REPLACE;
    supersede.existing = MYL_EXISTING_SUPERSEDE;
    myl_producer *producer = open_producer(name, &fail); /* there is none: made */
    expect_no_producer(MYL_EEXISTS, name, name, &fail);
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &replace);
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &supersede);
    put_many(producer, 0, 4);
    test_child consumer;
    start_consumer(&consumer, &party, 0);
    myl_producer_leave(producer);
    expect_no_producer(MYL_EEXISTS, name, name, &fail);
    expect_no_producer(MYL_EINUSE, "1 living", name, &replace);
    replace.event_size = supersede.event_size = 0; /* no shape for a new ring: the old one must not go for nothing */
    myl_producer *none = NULL;
    test_code(MYL_EEVENTSIZE, myl_producer_open(&none, name, &supersede));
    expect_detail(name);
    assert_null(none);
    assert_true(ring_exists(name));
    replace.event_size = supersede.event_size = o.event_size;
    order(&consumer, 1, 1);
    producer = open_producer(name, &o); /* resume */
    assert_int_equal(myl_producer_last(producer), 3);
    myl_producer_leave(producer);
    test_tell(&consumer.peer, PARTY_DRAIN);
    test_hear_value(&consumer.peer, (uint64_t)-MYL_EUNSEATED);
    test_hear_value(&consumer.peer, 4);
    producer = open_producer(name, &supersede);
    assert_int_equal(myl_producer_last(producer), MYL_SEQUENCE_NONE);
    test_tell(&consumer.peer, PARTY_DRAIN);
    test_hear_value(&consumer.peer, (uint64_t)-MYL_ESUPERSEDED);
    test_hear_value(&consumer.peer, 4);
    finish(&consumer, PARTY_CLOSE);
    assert_true(ring_exists(name));
    put_many(producer, 0, 2);
    start_consumer(&consumer, &party, 0);
    test_kill(&consumer); /* dead with unread events */
    myl_producer_leave(producer);
    producer = open_producer(name, &replace);
    assert_int_equal(myl_producer_last(producer), MYL_SEQUENCE_NONE);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endings),          cmocka_unit_test(test_waits_on_over_a_death),
        cmocka_unit_test(test_blocked_producer), cmocka_unit_test(test_stopped_is_not_dead),
        cmocka_unit_test(test_unread),           cmocka_unit_test(test_name_is_reusable_at_once),
        cmocka_unit_test(test_remove),           cmocka_unit_test(test_existing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
