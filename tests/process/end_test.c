/* SPDX-License-Identifier: MIT
 * How a ring ends for its waiting participants: close, leave, death, removal by force. What then happens to its name.
 * Stopped participants, which have not ended. */
#include "process/participant.h"

static void check_ending(uint64_t how, int code, enum myl_wait_strategy strategy)
{
    char name[TEST_NAME_SIZE];
    test_name(name, "ending");
    struct participant producer_participant = {.name = name, .producer = producer_options(8)};
    struct participant consumer_participant = {.name = name, .id = "c", .consumer.ring.wait.strategy = strategy};
    test_child producer, consumer;
    start_producer(&producer, &producer_participant, 0);
    start_consumer(&consumer, &consumer_participant, 0);
    order(&producer, 5, 5);
    test_send(&consumer.peer, PARTICIPANT_DRAIN);
    int64_t start = test_now_ns();
    if (how == 0)
        test_kill(&producer);
    else
        finish(&producer, how);
    test_expect_value(&consumer.peer, (uint64_t)-code);
    assert_true(test_now_ns() - start < TEST_DEADLINE_NS);
    test_expect_value(&consumer.peer, 5);
    if (how == PARTICIPANT_CLOSE) {
        finish(&consumer, PARTICIPANT_CLOSE);
    } else { /* the next producer continues, and so does the consumer */
        start_producer(&producer, &producer_participant, 5);
        order(&producer, 3, 8);
        order(&consumer, 3, 8);
        finish(&producer, PARTICIPANT_CLOSE);
        assert_true(ring_exists(name));
        finish(&consumer, PARTICIPANT_CLOSE);
    }
    assert_false(ring_exists(name)); /* the last participant removed it */
}

static void waiting_consumer_gets_each_end(void **state)
{
    (void)state;
    for (int strategy = MYL_WAIT_ADAPTIVE; strategy <= MYL_WAIT_BLOCK; strategy++) {
        check_ending(PARTICIPANT_CLOSE, MYL_ECLOSED, (enum myl_wait_strategy)strategy);
        check_ending(PARTICIPANT_LEAVE, MYL_EPRODUCERLEFT, (enum myl_wait_strategy)strategy);
        check_ending(0, MYL_EPRODUCERDEAD, (enum myl_wait_strategy)strategy);
    }
}

static void on_death_wait_ignores_a_death(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "patient");
    struct participant producer_participant = {.name = name, .producer = producer_options(8)};
    struct participant consumer_participant = {.name = name, .id = "c"};
    consumer_participant.consumer.ring.on_death = MYL_DEATH_WAIT;
    consumer_participant.consumer.ring.liveness_ns = MYL_MSEC(1);
    test_child producer, consumer;
    start_producer(&producer, &producer_participant, 0);
    start_consumer(&consumer, &consumer_participant, 0);
    test_send(&consumer.peer, PARTICIPANT_DRAIN);
    test_kill(&producer);
    assert_int_equal(test_can_receive(&consumer.peer, 50), 0);
    start_producer(&producer, &producer_participant, 0);
    order(&producer, 4, 4);
    finish(&producer, PARTICIPANT_CLOSE);
    test_expect_value(&consumer.peer, (uint64_t)-MYL_ECLOSED);
    test_expect_value(&consumer.peer, 4);
    finish(&consumer, PARTICIPANT_CLOSE);
    assert_false(ring_exists(name));
}

/* A producer that waits for room reports the death of the consumer that gates it. It also notices a leave. */
static void blocked_producer_reports_death_and_leave(void **state)
{
    (void)state;
    for (int leaves = 0; leaves < 2; leaves++) {
        char name[TEST_NAME_SIZE];
        void *event;
        struct participant participant = {.name = test_name(name, "blocked"), .id = "slow"};
        myl_producer_options o = producer_options(8);
        o.ring.wait.strategy = MYL_WAIT_BLOCK;
        myl_producer *producer = open_producer(name, &o);
        myl_consumer *fast = open_consumer(name, "fast");
        test_child consumer;
        start_consumer(&consumer, &participant, 0);
        put_many(producer, 0, 8);
        take_many(fast, 0, 8);
        if (leaves) {
            test_send(&consumer.peer, PARTICIPANT_CLOSE);
            test_ok(myl_producer_claim(producer, &event, MYL_SEC(10)));
            test_expect_exit(&consumer, 0);
        } else {
            test_send(&consumer.peer, 3); /* acknowledges three, then dies while the producer waits for the rest */
            test_expect_value(&consumer.peer, 3);
            put_many(producer, 8, 3);
            kill(consumer.pid, SIGKILL);
            int64_t start = test_now_ns();
            test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &event, MYL_FOREVER));
            assert_true(test_now_ns() - start < TEST_DEADLINE_NS);
            expect_detail("slow");
            test_expect_signal(&consumer, SIGKILL);
            test_ok(myl_evict(name, MYL_BACKEND_SHM, "slow"));
        }
        myl_producer_close(producer);
        myl_consumer_close(fast);
        assert_false(ring_exists(name));
    }
}

static void stopped_is_not_dead(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "stopped");
    struct participant producer_participant = {.name = name, .producer = producer_options(8)};
    struct participant consumer_participant = {.name = name, .id = "c"};
    consumer_participant.consumer.ring.liveness_ns = MYL_MSEC(1);
    producer_participant.producer.ring.liveness_ns = MYL_MSEC(1);
    test_child producer, consumer;
    start_producer(&producer, &producer_participant, 0);
    start_consumer(&consumer, &consumer_participant, 0);
    for (uint64_t n = 0; n < 80; n += 16) {
        test_send(&consumer.peer, 8);
        test_stop(&producer);
        assert_int_equal(test_can_receive(&consumer.peer, 20), 0); /* waits and reports no death */
        test_continue(&producer);
        order(&producer, 8, n + 8);
        test_expect_value(&consumer.peer, n + 8);
        test_stop(&consumer);
        test_send(&producer.peer, 8);
        test_expect_value(&producer.peer, n + 16); /* there is room */
        test_send(&producer.peer, 0);
        test_expect_value(&producer.peer, n + 16);
        test_continue(&consumer);
        order(&consumer, 8, n + 16);
    }
    test_send(&producer.peer, 20); /* more than there is room for: waits for a stopped consumer */
    test_stop(&consumer);
    assert_int_equal(test_can_receive(&producer.peer, 20), 0);
    test_continue(&consumer);
    for (uint64_t n = 85; n <= 100; n += 5)
        order(&consumer, 5, n);
    test_expect_value(&producer.peer, 100);
    finish(&producer, PARTICIPANT_CLOSE);
    finish(&consumer, PARTICIPANT_CLOSE);
}

static void ring_that_is_not_drained_is_kept(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "unread"), .id = "killed"};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child consumer;
    start_consumer(&consumer, &participant, 0);
    put_many(producer, 0, 6);
    order(&consumer, 2, 2);
    test_kill(&consumer);
    myl_producer_close(producer);
    assert_true(ring_exists(name)); /* it can still resume and read the rest */
    expect_no_producer(MYL_ENOTDRAINED, "killed", name, &o);
    expect_detail("4 events");
    expect_no_producer(MYL_ENOTDRAINED, "killed", name, NULL);
    start_consumer(&consumer, &participant, 2);
    order(&consumer, 4, 6);
    test_send(&consumer.peer, PARTICIPANT_DRAIN);
    test_expect_value(&consumer.peer, (uint64_t)-MYL_ECLOSED);
    test_expect_value(&consumer.peer, 6);
    finish(&consumer, PARTICIPANT_CLOSE);
    assert_false(ring_exists(name));
}

/* A session is closed while its consumer still reads. The name is free at once, and the consumer reads to the end. */
static void name_is_reusable_at_once(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "reuse"), .id = "c"};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child old, next;
    start_consumer(&old, &participant, 0);
    put_many(producer, 0, 6);
    order(&old, 2, 2);
    myl_producer_close(producer);
    producer = open_producer(name, &o);
    assert_int_equal(myl_producer_last_published(producer), MYL_SEQUENCE_NONE);
    put_many(producer, 0, 3);
    start_consumer(&next, &participant, 0); /* the same id in another session */
    order(&next, 3, 3);
    order(&old, 4, 6);
    test_send(&old.peer, PARTICIPANT_DRAIN);
    test_expect_value(&old.peer, (uint64_t)-MYL_ECLOSED);
    test_expect_value(&old.peer, 6);
    finish(&old, PARTICIPANT_CLOSE);
    assert_true(ring_exists(name)); /* the old session's last participant does not remove the new session's name */
    myl_producer_close(producer);
    finish(&next, PARTICIPANT_CLOSE);
    assert_false(ring_exists(name));
    for (int i = 0; i < 200; i++) {
        producer = open_producer(name, &o);
        assert_int_equal(myl_producer_last_published(producer), MYL_SEQUENCE_NONE);
        put_many(producer, 0, (uint64_t)i % 2);
        myl_producer_close(producer);
        assert_int_equal(ring_exists(name), i % 2); /* events that no consumer has read stay until the next session */
    }
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

static void remove_needs_force_while_participants_live(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *event;
    test_name(name, "remove");
    struct participant participant = {.name = name, .id = "c"};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child consumer;
    start_consumer(&consumer, &participant, 0);
    put_many(producer, 0, 4);
    test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 0));
    expect_detail("its producer and 1 living consumer");
    assert_true(ring_exists(name));
    test_send(&consumer.peer, PARTICIPANT_DRAIN);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
    assert_false(ring_exists(name));
    test_expect_value(&consumer.peer, (uint64_t)-MYL_ESUPERSEDED);
    test_expect_value(&consumer.peer, 4); /* all events of the ring */
    test_kill(&consumer);
    int rc = MYL_OK;
    for (int i = 0; i < 20 && rc == MYL_OK; i++) {
        rc = myl_producer_claim(producer, &event, MYL_MSEC(100));
        myl_producer_publish(producer);
    }
    assert_int_equal(rc, MYL_ESUPERSEDED);
    myl_producer_close(producer);
    /* No participant is alive: no force is needed. */
    producer = open_producer(name, &o);
    start_consumer(&consumer, &participant, 0);
    myl_producer_leave(producer);
    test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 0));
    test_stop(&consumer);
    test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 0));
    test_kill(&consumer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
    assert_false(ring_exists(name));
}

static void each_existing_mode_works_as_documented(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "existing");
    struct participant participant = {.name = name, .id = "c"};
    myl_producer_options o = producer_options(8), fail = o, replace = o, supersede = o;
    fail.ring.existing = MYL_EXISTING_FAIL;
    replace.ring.existing = MYL_EXISTING_REPLACE;
    supersede.ring.existing = MYL_EXISTING_SUPERSEDE;
    myl_producer *producer = open_producer(name, &fail); /* no ring exists: it is created */
    expect_no_producer(MYL_EEXISTS, name, name, &fail);
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &replace);
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &supersede);
    put_many(producer, 0, 4);
    test_child consumer;
    start_consumer(&consumer, &participant, 0);
    myl_producer_leave(producer);
    expect_no_producer(MYL_EEXISTS, name, name, &fail);
    expect_no_producer(MYL_EINUSE, "1 living", name, &replace);
    /* an event size of 0 gives no shape for a new ring: the old ring must stay */
    replace.config.event_size = supersede.config.event_size = 0;
    myl_producer *none = NULL;
    test_code(MYL_EEVENTSIZE, myl_producer_open(&none, name, &supersede));
    expect_detail(name);
    assert_null(none);
    assert_true(ring_exists(name));
    replace.config.event_size = supersede.config.event_size = o.config.event_size;
    order(&consumer, 1, 1);
    producer = open_producer(name, &o); /* resume */
    assert_int_equal(myl_producer_last_published(producer), 3);
    myl_producer_leave(producer);
    test_send(&consumer.peer, PARTICIPANT_DRAIN);
    test_expect_value(&consumer.peer, (uint64_t)-MYL_EPRODUCERLEFT);
    test_expect_value(&consumer.peer, 4);
    producer = open_producer(name, &supersede);
    assert_int_equal(myl_producer_last_published(producer), MYL_SEQUENCE_NONE);
    test_send(&consumer.peer, PARTICIPANT_DRAIN);
    test_expect_value(&consumer.peer, (uint64_t)-MYL_ESUPERSEDED);
    test_expect_value(&consumer.peer, 4);
    finish(&consumer, PARTICIPANT_CLOSE);
    assert_true(ring_exists(name));
    put_many(producer, 0, 2);
    start_consumer(&consumer, &participant, 0);
    test_kill(&consumer); /* died with unread events */
    myl_producer_leave(producer);
    producer = open_producer(name, &replace);
    assert_int_equal(myl_producer_last_published(producer), MYL_SEQUENCE_NONE);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_consumer_gets_each_end),
        cmocka_unit_test(on_death_wait_ignores_a_death),
        cmocka_unit_test(blocked_producer_reports_death_and_leave),
        cmocka_unit_test(stopped_is_not_dead),
        cmocka_unit_test(ring_that_is_not_drained_is_kept),
        cmocka_unit_test(name_is_reusable_at_once),
        cmocka_unit_test(remove_needs_force_while_participants_live),
        cmocka_unit_test(each_existing_mode_works_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
