/* SPDX-License-Identifier: MIT
 * Parking and waking between processes: no wake is lost, an idle consumer uses little CPU time, and a broadcast to
 * eight consumers is complete with every strategy. */
/* ctest: serial */
#include "process/participant.h"

struct echo {
    char name[TEST_NAME_SIZE];
    enum myl_wait_strategy strategy;
    uint64_t events;
};

static int consume_echo(test_peer *parent, void *argument)
{
    const struct echo *echo = argument;
    myl_consumer_options o = {.size = sizeof o, .ring = {.prefix = "echo", .wait.strategy = echo->strategy}};
    o.ring.liveness_ns =
        MYL_SEC(30); /* longer than the test: a lost wake must show, no liveness check may end the wait */
    myl_consumer *consumer = open_consumer_with(echo->name, &o);
    const void *event;
    uint64_t n = 0;
    int rc;
    test_send(parent, 0);
    while ((rc = myl_consumer_next(consumer, &event, MYL_FOREVER)) == MYL_OK) {
        if (!event_is(event, n))
            test_fail("consumer: not event %llu", (unsigned long long)n);
        n++;
        test_ok(myl_consumer_release(consumer));
    }
    assert_int_equal(rc, MYL_ECLOSED);
    assert_int_equal(n, echo->events);
    myl_consumer_close(consumer);
    return 0;
}

/* Both sides wait for each other at every event, the producer by wait_consumed. */
static void check_rounds(enum myl_wait_strategy strategy, uint64_t rounds)
{
    struct echo echo = {.strategy = strategy, .events = rounds};
    myl_producer_options o = producer_options(4);
    o.ring.wait.strategy = strategy;
    o.ring.liveness_ns = MYL_SEC(30);
    myl_producer *producer = open_producer(test_name(echo.name, "rounds"), &o);
    test_child child;
    test_spawn(&child, consume_echo, &echo);
    test_expect_value(&child.peer, 0);
    for (uint64_t i = 0; i < rounds; i++) {
        put(producer, i, MYL_SEC(15));
        if (i % 50 == 0 && strategy == MYL_WAIT_BLOCK)
            test_until(test_is_asleep, &child.pid, "the consumer sleeps");
        test_ok(myl_producer_wait_consumed(producer, (myl_sequence)i, MYL_SEC(15)));
    }
    myl_producer_close(producer);
    test_expect_exit(&child, 0);
    assert_false(ring_exists(echo.name));
}

static void every_wake_arrives(void **state)
{
    (void)state;
    for (int s = MYL_WAIT_ADAPTIVE; s <= MYL_WAIT_BLOCK; s++)
        check_rounds((enum myl_wait_strategy)s, 1500);
}

static uint64_t parks_of(const char *name)
{
    myl_snapshot *s;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &s));
    uint64_t parks = s->consumers == 1 ? s->entry[0].parks : 0;
    myl_snapshot_free(s);
    return parks;
}

static int has_parked(void *name)
{
    return parks_of(name) > 0;
}

static void idle_consumer_uses_little_cpu(void **state)
{
    (void)state;
    static const enum myl_wait_strategy parking[] = {MYL_WAIT_BLOCK, MYL_WAIT_ADAPTIVE};
    for (size_t i = 0; i < 2; i++) {
        char name[TEST_NAME_SIZE];
        struct participant participant = {.name = test_name(name, "idle"),
                                          .id = "c",
                                          .consumer.ring.wait.strategy = parking[i]};
        myl_producer_options o = producer_options(8);
        myl_producer *producer = open_producer(name, &o);
        test_child consumer;
        start_consumer(&consumer, &participant, 0);
        test_send(&consumer.peer, PARTICIPANT_DRAIN);
        test_until(has_parked, name, "the consumer has parked");
        test_until(test_is_asleep, &consumer.pid, "the consumer sleeps");
        int64_t before = test_cpu_ns(consumer.pid);
        assert_true(before >= 0);
        assert_int_equal(test_can_receive(&consumer.peer, 1000), 0);
        int64_t used = test_cpu_ns(consumer.pid) - before;
        if (used > TEST_IDLE_NS_PER_SECOND)
            test_fail("%lld us of CPU time in an idle second", (long long)used / 1000);
        put_many(producer, 0, 1); /* and the wake still works */
        myl_producer_close(producer);
        test_expect_value(&consumer.peer, (uint64_t)-MYL_ECLOSED);
        test_expect_value(&consumer.peer, 1);
        finish(&consumer, PARTICIPANT_CLOSE);
    }
}

static void check_broadcast(enum myl_wait_strategy strategy, uint32_t cell, uint64_t events)
{
    enum { CONSUMERS = 8 };
    struct echo echo = {.strategy = strategy, .events = events};
    test_child child[CONSUMERS];
    myl_producer_options o = producer_options(cell == 0 ? 256 : 320);
    o.config.packed_cell = cell;
    o.ring.wait.strategy = strategy;
    myl_producer *producer = open_producer(test_name(echo.name, "broadcast"), &o);
    for (int i = 0; i < CONSUMERS; i++)
        test_spawn(&child[i], consume_echo, &echo);
    for (int i = 0; i < CONSUMERS; i++)
        test_expect_value(&child[i].peer, 0);
    for (uint64_t n = 0; n < events;) { /* single events, and batches of many sizes */
        uint64_t batch = n % 5 + 1 < events - n ? n % 5 + 1 : events - n;
        for (uint64_t i = 0; i < batch; i++) {
            void *event;
            test_ok(myl_producer_claim(producer, &event, MYL_SEC(30)));
            event_fill(event, n + i);
        }
        myl_producer_publish(producer);
        n += batch;
    }
    myl_producer_close(producer);
    for (int i = 0; i < CONSUMERS; i++)
        test_expect_exit(&child[i], 0);
    assert_false(ring_exists(echo.name));
}

static void broadcast_to_eight_is_complete(void **state)
{
    (void)state;
    for (int s = MYL_WAIT_ADAPTIVE; s <= MYL_WAIT_BLOCK; s++) {
        /* Nine spinning processes on a few cores: they run only in turns of the scheduler. */
        int spins = s == MYL_WAIT_BUSY_SPIN || s == MYL_WAIT_SPIN_HINT;
        check_broadcast((enum myl_wait_strategy)s, 0, spins ? 3000 : 20000);
        check_broadcast((enum myl_wait_strategy)s, 256, spins ? 3000 : 20000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wake_arrives),
        cmocka_unit_test(idle_consumer_uses_little_cpu),
        cmocka_unit_test(broadcast_to_eight_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
