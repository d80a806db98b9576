/* SPDX-License-Identifier: MIT
 * Seats are the kernel's: two producers, two consumers of one id, takeover after SIGKILL, a killed consumer that
 * resumes, waiting for a ring to appear. */
#include "os/os.h"
#include "process/party.h"
#include "segment/layout.h"

static void test_two_producers(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "two"), .producer = producer_options(8)};
    test_child first;
    start_producer(&first, &party, 0);
    order(&first, 3, 3);
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &party.producer);
    test_stop(&first); /* stopped is not dead */
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &party.producer);
    test_continue(&first);
    order(&first, 2, 5);
    test_kill(&first);
    myl_producer *producer = open_producer(name, &party.producer);
    assert_int_equal(myl_producer_last(producer), 4);
    myl_producer_close(producer);
    assert_true(ring_exists(name)); /* nobody has read it yet: it waits for its first consumer */
    myl_consumer *consumer;
    const void *event;
    test_ok(myl_consumer_open(&consumer, name, NULL));
    for (int i = 0; i < 5; i++)
        test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
    test_code(MYL_ECLOSED, myl_consumer_next(consumer, &event, MYL_TRY));
    test_ok(myl_consumer_release(consumer));
    myl_consumer_close(consumer);
    assert_false(ring_exists(name));
}

static void test_duplicate_id(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], pid[16];
    struct party party = {.name = test_name(name, "duplicate"), .id = "same"};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child child;
    start_consumer(&child, &party, 0);
    myl_consumer_options same = consumer_options("same");
    snprintf(pid, sizeof pid, "%d", (int)child.pid);
    expect_no_consumer(MYL_EDUPLICATE, pid, name, &same);
    test_stop(&child);
    expect_no_consumer(MYL_EDUPLICATE, "same", name, &same);
    test_code(MYL_EINUSE, myl_evict(name, MYL_BACKEND_SHM, "same"));
    test_continue(&child);
    put_many(producer, 0, 8);
    order(&child, 8, 8);
    test_kill(&child);
    myl_consumer *consumer = open_consumer_with(name, &same);
    assert_int_equal(myl_consumer_position(consumer), 7);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* What was published is there, what was only claimed is not, and the order goes on. */
static void test_takeover(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        struct party party = {.name = test_name(name, "takeover"), .producer = producer_options(cell == 0 ? 16 : 40)};
        party.producer.packed_cell = cell;
        uint64_t n = 0;
        test_child producer;
        start_producer(&producer, &party, 0);
        myl_consumer *consumer = open_consumer(name, "c");
        for (int life = 0; life < 20; life++) {
            order(&producer, 7, n + 7);
            test_tell(&producer.peer, PARTY_LEASE);
            test_hear_value(&producer.peer, n + 7);
            test_kill(&producer);
            n += 7;
            if (life % 2 == 0)
                take_many(consumer, n - 7, 7); /* while there is no producer */
            start_producer(&producer, &party, n);
            if (life % 2 != 0)
                take_many(consumer, n - 7, 7);
        }
        finish(&producer, PARTY_CLOSE);
        expect_nothing(consumer, MYL_ECLOSED);
        myl_consumer_close(consumer);
        assert_false(ring_exists(name));
    }
}

/* No loss; repeated is what was leased and not acknowledged, nothing else. */
static void test_consumer_killed_and_resumed(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        struct party party = {.name = test_name(name, "resumed"), .id = "phoenix"};
        myl_producer_options o = producer_options(cell == 0 ? 16 : 40);
        o.packed_cell = cell;
        myl_producer *producer = open_producer(name, &o);
        test_child consumer;
        start_consumer(&consumer, &party, 0);
        uint64_t n = 0, read = 0;
        for (int life = 0; life < 20; life++) {
            put_many(producer, n, 9);
            n += 9;
            order(&consumer, 4, read + 4);
            read += 4;
            order(&consumer, PARTY_LEASE, n); /* sees the rest, acknowledges nothing of it */
            test_kill(&consumer);
            assert_int_equal(myl_producer_gating(producer), read - 1);
            start_consumer(&consumer, &party, read);
            order(&consumer, n - read, n);
            read = n;
        }
        finish(&consumer, PARTY_CLOSE);
        myl_producer_close(producer);
        assert_false(ring_exists(name));
    }
}

/* A dead consumer gates and is named, until it comes back or is evicted. */
static void test_dead_consumer_is_reported(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *event;
    struct party party = {.name = test_name(name, "dead"), .id = "victim"};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child consumer;
    start_consumer(&consumer, &party, 0);
    put_many(producer, 0, 8);
    test_stop(&consumer); /* stopped is not dead: no report */
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(30)));
    test_kill(&consumer);
    int64_t start = test_now_ns();
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &event, MYL_FOREVER));
    assert_true(test_now_ns() - start < MYL_SEC(2));
    expect_detail("victim");
    expect_detail("8 events");
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "victim"));
    party.id = "other";
    start_consumer(&consumer, &party, 0);
    order(&consumer, 8, 8);
    put_many(producer, 8, 8);
    test_tell(&consumer.peer, 8);
    test_hear_value(&consumer.peer, 16);
    finish(&consumer, PARTY_CLOSE);
    myl_producer_close(producer);
}

static void test_prefix_resumes_the_dead_first(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "prefix")};
    party.consumer.prefix = "w";
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child child[3];
    for (int i = 0; i < 3; i++)
        start_consumer(&child[i], &party, 0);
    put_many(producer, 0, 8);
    order(&child[1], 5, 5);
    test_kill(&child[1]);
    start_consumer(&child[1], &party, 5); /* w_1, where it stopped, and not w_3 */
    for (int i = 0; i < 3; i++)
        finish(&child[i], PARTY_CLOSE);
    myl_producer_close(producer);
}

/* Many arrive before the ring does, while it is being made, and after: all of them see all of it. */
static void test_attach_during_creation(void **state)
{
    (void)state;
    enum { WAITING = 6, ROUNDS = 10 };
    for (int round = 0; round < ROUNDS; round++) {
        char name[TEST_NAME_SIZE];
        struct party party = {.name = test_name(name, "appear")};
        party.consumer.prefix = "early";
        party.consumer.attach_timeout_ns = MYL_SEC(15);
        test_child child[WAITING];
        for (int i = 0; i < WAITING; i++)
            test_spawn(&child[i], consume_on_orders, &party);
        myl_producer_options o = producer_options(64);
        o.wait_consumers = WAITING;
        o.wait_prefix = "early";
        o.wait_timeout_ns = MYL_SEC(15);
        myl_producer *producer = open_producer(name, &o);
        put_many(producer, 0, 64);
        for (int i = 0; i < WAITING; i++) {
            test_hear_value(&child[i].peer, 0);
            order(&child[i], 64, 64);
        }
        test_ok(myl_producer_wait_consumed(producer, 63, MYL_SEC(10)));
        for (int i = 0; i < WAITING; i++)
            finish(&child[i], PARTY_CLOSE);
        myl_producer_close(producer);
        assert_false(ring_exists(name));
    }
}

static int try_to_produce(test_peer *parent, void *argument)
{
    struct party *party = argument;
    myl_producer *producer = NULL;
    test_hear_value(parent, 1);
    int rc = myl_producer_open(&producer, party->name, &party->producer);
    if (rc != MYL_OK) {
        test_code(MYL_EPRODUCERALIVE, rc);
        test_tell(parent, 0);
    } else {
        test_tell(parent, 1);
    }
    test_hear_value(parent, 2);
    myl_producer_close(producer);
    return 0;
}

/* However many start at once, one gets the seat. */
static void test_race_for_the_seat(void **state)
{
    (void)state;
    enum { RACERS = 6, ROUNDS = 15 };
    for (int round = 0; round < ROUNDS; round++) {
        char name[TEST_NAME_SIZE];
        struct party party = {.name = test_name(name, "race"), .producer = producer_options(8)};
        test_child child[RACERS];
        uint64_t winners = 0;
        for (int i = 0; i < RACERS; i++)
            test_spawn(&child[i], try_to_produce, &party);
        for (int i = 0; i < RACERS; i++)
            test_tell(&child[i].peer, 1);
        for (int i = 0; i < RACERS; i++)
            winners += test_hear(&child[i].peer);
        assert_int_equal(winners, 1);
        for (int i = 0; i < RACERS; i++)
            test_tell(&child[i].peer, 2);
        for (int i = 0; i < RACERS; i++)
            test_expect_exit(&child[i], 0);
        assert_false(ring_exists(name));
    }
}

static int hold_registrar(test_peer *parent, void *name)
{
    char path[TEST_PATH_SIZE];
    int fd, read_only;
    snprintf(path, sizeof path, "%s/%s", myl_os_shm_directory(), (const char *)name);
    assert_int_equal(myl_os_object_open(path, 0, &fd, &read_only), 0);
    test_tell(parent, (uint64_t)myl_os_seat_take(fd, MYL_SEAT_REGISTRAR));
    return (int)test_hear(parent);
}

/* Whoever needs the registrar's seat of somebody who is stopped waits for a second and is told; who publishes and reads
 * does not need it. */
static void test_registrar_is_stopped(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_consumer_options c = consumer_options("late");
    test_child holder;
    myl_producer *producer = open_producer(test_name(name, "busy"), &o);
    myl_consumer *consumer = open_consumer(name, "w");
    test_spawn(&holder, hold_registrar, name);
    test_hear_value(&holder.peer, 0);
    test_stop(&holder);
    int64_t start = test_now_ns();
    expect_no_consumer(MYL_EBUSY, "joining or leaving", name, &c);
    assert_true(test_now_ns() - start >= MYL_SEC(1));
    test_code(MYL_EBUSY, myl_evict(name, MYL_BACKEND_SHM, "w"));
    test_code(MYL_EBUSY, myl_remove(name, MYL_BACKEND_SHM, 1));
    put_many(producer, 0, 8);
    take_many(consumer, 0, 8);
    myl_producer_leave(producer);
    expect_no_producer(MYL_EBUSY, name, name, &o);
    test_continue(&holder);
    test_kill(&holder);
    producer = open_producer(name, &o);
    put_many(producer, 8, 1);
    take_many(consumer, 8, 1);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_producers),
        cmocka_unit_test(test_duplicate_id),
        cmocka_unit_test(test_takeover),
        cmocka_unit_test(test_consumer_killed_and_resumed),
        cmocka_unit_test(test_dead_consumer_is_reported),
        cmocka_unit_test(test_prefix_resumes_the_dead_first),
        cmocka_unit_test(test_attach_during_creation),
        cmocka_unit_test(test_race_for_the_seat),
        cmocka_unit_test(test_registrar_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
