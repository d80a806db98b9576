/* SPDX-License-Identifier: MIT
 * Participant locks are held by the kernel: two producers, two consumers with one id, takeover after SIGKILL, resuming
 * of a killed consumer, waiting for a ring to appear. */
#define _GNU_SOURCE /* open-file-description locks */
#include <fcntl.h>

#include "os/os.h"
#include "process/participant.h"
#include "segment/layout.h"

static void second_producer_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "two"), .producer = producer_options(8)};
    test_child first;
    start_producer(&first, &participant, 0);
    order(&first, 3, 3);
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &participant.producer);
    test_stop(&first); /* stopped is not dead */
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &participant.producer);
    test_continue(&first);
    order(&first, 2, 5);
    test_kill(&first);
    myl_producer *producer = open_producer(name, &participant.producer);
    assert_int_equal(myl_producer_last_published(producer), 4);
    myl_producer_close(producer);
    assert_true(ring_exists(name)); /* no consumer has read it yet: the ring stays for its first consumer */
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

static void second_consumer_of_an_id_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], pid[16];
    struct participant participant = {.name = test_name(name, "duplicate"), .id = "same"};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child child;
    start_consumer(&child, &participant, 0);
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
    assert_int_equal(myl_consumer_last_leased(consumer), 7);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* After a takeover the published events are there and the claimed one is not, and the order continues. */
static void takeover_keeps_published_events(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        struct participant participant = {.name = test_name(name, "takeover"),
                                          .producer = producer_options(cell == 0 ? 16 : 40)};
        participant.producer.config.packed_cell = cell;
        uint64_t n = 0;
        test_child producer;
        start_producer(&producer, &participant, 0);
        myl_consumer *consumer = open_consumer(name, "c");
        for (int life = 0; life < 20; life++) {
            order(&producer, 7, n + 7);
            test_send(&producer.peer, PARTICIPANT_LEASE);
            test_expect_value(&producer.peer, n + 7);
            test_kill(&producer);
            n += 7;
            if (life % 2 == 0)
                take_many(consumer, n - 7, 7); /* while the ring has no producer */
            start_producer(&producer, &participant, n);
            if (life % 2 != 0)
                take_many(consumer, n - 7, 7);
        }
        finish(&producer, PARTICIPANT_CLOSE);
        expect_nothing(consumer, MYL_ECLOSED);
        myl_consumer_close(consumer);
        assert_false(ring_exists(name));
    }
}

/* No event is lost. Only events that were leased and not acknowledged are repeated. */
static void resumed_consumer_gets_unacknowledged_events(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        struct participant participant = {.name = test_name(name, "resumed"), .id = "phoenix"};
        myl_producer_options o = producer_options(cell == 0 ? 16 : 40);
        o.config.packed_cell = cell;
        myl_producer *producer = open_producer(name, &o);
        test_child consumer;
        start_consumer(&consumer, &participant, 0);
        uint64_t n = 0, read = 0;
        for (int life = 0; life < 20; life++) {
            put_many(producer, n, 9);
            n += 9;
            order(&consumer, 4, read + 4);
            read += 4;
            order(&consumer, PARTICIPANT_LEASE, n); /* leases the rest and acknowledges nothing of it */
            test_kill(&consumer);
            assert_int_equal(myl_producer_last_consumed(producer), read - 1);
            start_consumer(&consumer, &participant, read);
            order(&consumer, n - read, n);
            read = n;
        }
        finish(&consumer, PARTICIPANT_CLOSE);
        myl_producer_close(producer);
        assert_false(ring_exists(name));
    }
}

/* A dead consumer gates and is reported until it resumes or is evicted. */
static void dead_consumer_is_reported(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *event;
    struct participant participant = {.name = test_name(name, "dead"), .id = "victim"};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child consumer;
    start_consumer(&consumer, &participant, 0);
    put_many(producer, 0, 8);
    test_stop(&consumer); /* stopped is not dead: no report */
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(30)));
    test_kill(&consumer);
    int64_t start = test_now_ns();
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &event, MYL_FOREVER));
    assert_true(test_now_ns() - start < TEST_DEADLINE_NS);
    expect_detail("victim");
    expect_detail("8 events");
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "victim"));
    participant.id = "other";
    start_consumer(&consumer, &participant, 0);
    order(&consumer, 8, 8);
    put_many(producer, 8, 8);
    test_send(&consumer.peer, 8);
    test_expect_value(&consumer.peer, 16);
    finish(&consumer, PARTICIPANT_CLOSE);
    myl_producer_close(producer);
}

static void prefix_resumes_dead_consumers_first(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "prefix")};
    participant.consumer.ring.prefix = "w";
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    test_child child[3];
    for (int i = 0; i < 3; i++)
        start_consumer(&child[i], &participant, 0);
    put_many(producer, 0, 8);
    order(&child[1], 5, 5);
    test_kill(&child[1]);
    start_consumer(&child[1], &participant, 5); /* resumes w_1, and not w_3 */
    for (int i = 0; i < 3; i++)
        finish(&child[i], PARTICIPANT_CLOSE);
    myl_producer_close(producer);
}

/* Starts a consumer, lets it acknowledge `count` events, kills it. */
static void read_and_die(struct participant *participant, const char *id, uint64_t count)
{
    test_child child;
    participant->id = id;
    start_consumer(&child, participant, 0);
    order(&child, count, count);
    test_kill(&child);
    participant->id = NULL;
}

static myl_joined join_and_leave(const char *name, const myl_consumer_options *options)
{
    myl_joined joined = {.size = sizeof joined};
    myl_consumer *consumer = open_consumer_with(name, options);
    test_ok(myl_consumer_joined(consumer, &joined));
    myl_consumer_close(consumer);
    return joined;
}

/* Only PREFIX_NUMBER belongs to a prefix, with a number that a prefix gives out. */
static void prefix_resumes_only_its_numbers(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static const struct {
        const char *id, *prefix;
    } other[] = {{"w_0_helper", "w"}, {"w_0_helper", "w_0"}, {"w_01", "w"}, {"w_", "w"},          {"w_16", "w"},
                 {"w_-1", "w"},       {"w_1x", "w"},         {"w", "w"},    {"ww_3", "w"},        {"w_0_1", "w"},
                 {"w.2", "w"},        {"w_00", "w"},         {"W_5", "w"},  {"w_4294967296", "w"}};
    enum { OTHERS = sizeof other / sizeof other[0] };
    struct participant participant = {.name = test_name(name, "others")};
    myl_producer_options o = producer_options(8);
    o.config.max_consumers = 16;
    for (int i = 0; i < OTHERS; i++) {
        myl_producer *producer = open_producer(name, &o);
        put_many(producer, 0, 8);
        read_and_die(&participant, other[i].id, 3);
        myl_consumer_options by_prefix = {.size = sizeof by_prefix, .ring.prefix = other[i].prefix};
        myl_joined joined = join_and_leave(name, &by_prefix);
        if (strcmp(joined.id, other[i].id) == 0 || joined.resumed)
            test_fail("prefix %s has resumed %s", other[i].prefix, joined.id);
        myl_consumer_options owner = consumer_options(other[i].id);
        assert_int_equal(join_and_leave(name, &owner).start, 3);
        myl_producer_close(producer);
        assert_false(ring_exists(name));
    }
}

/* A prefix resumes its numbers, whether their consumers died or left, including the largest number. */
static void prefix_resumes_its_largest_number(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "largest")};
    myl_producer_options o = producer_options(8);
    o.config.max_consumers = 16;
    myl_producer *producer = open_producer(name, &o);
    put_many(producer, 0, 8);
    read_and_die(&participant, "w_15", 2);
    myl_consumer_options by_prefix = {.size = sizeof by_prefix, .ring.prefix = "w"};
    myl_joined joined = join_and_leave(name, &by_prefix);
    assert_string_equal(joined.id, "w_15");
    assert_int_equal(joined.start, 2);
    joined = join_and_leave(name, &by_prefix); /* it left: the lowest number is free */
    assert_string_equal(joined.id, "w_0");
    joined = join_and_leave(name, &by_prefix);
    assert_string_equal(joined.id, "w_0");
    assert_int_equal(joined.resumed, 1);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

/* No consumer resumes an automatic id, whether its consumer died or left. No consumer can ask for one. */
static void automatic_id_is_never_resumed(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "automatic")};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    put_many(producer, 0, 8);
    read_and_die(&participant, NULL, 3);
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    char dead[MYL_ID_MAX + 1];
    memcpy(dead, snapshot->entry[0].id, sizeof dead);
    myl_snapshot_free(snapshot);
    myl_consumer_options by_id = consumer_options(dead);
    expect_no_consumer(MYL_EID, dead, name, &by_id);
    char before[MYL_ID_MAX + 1] = "";
    static const char *const prefix[] = {NULL, "auto", NULL, "c"};
    for (int i = 0; i < 4; i++) {
        myl_consumer_options options = {.size = sizeof options, .ring.prefix = prefix[i]};
        myl_joined joined = join_and_leave(name, &options);
        assert_string_not_equal(joined.id, dead);
        assert_string_not_equal(joined.id, before);
        assert_int_equal(joined.resumed, 0);
        assert_int_equal(joined.lost, 0);
        memcpy(before, joined.id, sizeof before);
    }
    test_ok(myl_evict(name, MYL_BACKEND_SHM, dead));
    test_code(MYL_ENOTFOUND, myl_evict(name, MYL_BACKEND_SHM, dead));
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

/* A consumer without an id died and cannot resume. The next consumer reads what it left. After that the ring is
 * removed. */
static void ring_is_removed_once_all_named_consumers_have_read(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "gone")};
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    put_many(producer, 0, 8);
    read_and_die(&participant, NULL, 3);
    myl_producer_close(producer);
    assert_true(ring_exists(name));
    expect_no_producer(MYL_ENOTDRAINED, "auto+0", name, &o);
    myl_consumer *consumer = open_consumer(name, NULL);
    take_many(consumer, 0, 4);
    myl_consumer_close(consumer);
    assert_true(ring_exists(name)); /* four events are left */
    consumer = open_consumer(name, NULL);
    take_many(consumer, 0, 8);
    myl_consumer_close(consumer);
    assert_false(ring_exists(name));
}

/* Many consumers attach before the ring exists, while it is created, and after. All of them get all events. */
static void attach_during_creation_gets_all_events(void **state)
{
    (void)state;
    enum { WAITING = 6, ROUNDS = 10 };
    for (int round = 0; round < ROUNDS; round++) {
        char name[TEST_NAME_SIZE];
        struct participant participant = {.name = test_name(name, "appear")};
        participant.consumer.ring.prefix = "early";
        participant.consumer.ring.attach_timeout_ns = MYL_SEC(15);
        test_child child[WAITING];
        for (int i = 0; i < WAITING; i++)
            test_spawn(&child[i], consume_on_orders, &participant);
        myl_producer_options o = producer_options(64);
        o.ring.wait_consumers = WAITING;
        o.ring.wait_prefix = "early";
        o.ring.wait_timeout_ns = MYL_SEC(15);
        myl_producer *producer = open_producer(name, &o);
        put_many(producer, 0, 64);
        for (int i = 0; i < WAITING; i++) {
            test_expect_value(&child[i].peer, 0);
            order(&child[i], 64, 64);
        }
        test_ok(myl_producer_wait_consumed(producer, 63, MYL_SEC(10)));
        for (int i = 0; i < WAITING; i++)
            finish(&child[i], PARTICIPANT_CLOSE);
        myl_producer_close(producer);
        assert_false(ring_exists(name));
    }
}

static int expect_live_producer(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    myl_producer *producer = NULL;
    test_expect_value(parent, 1);
    int rc = myl_producer_open(&producer, participant->name, &participant->producer);
    if (rc != MYL_OK) {
        test_code(MYL_EPRODUCERALIVE, rc);
        test_send(parent, 0);
    } else {
        test_send(parent, 1);
    }
    test_expect_value(parent, 2);
    myl_producer_close(producer);
    return 0;
}

/* Many processes start at the same time: exactly one acquires the producer's lock. */
static void one_of_many_starters_gets_the_lock(void **state)
{
    (void)state;
    enum { RACERS = 6, ROUNDS = 15 };
    for (int round = 0; round < ROUNDS; round++) {
        char name[TEST_NAME_SIZE];
        struct participant participant = {.name = test_name(name, "race"), .producer = producer_options(8)};
        test_child child[RACERS];
        uint64_t winners = 0;
        for (int i = 0; i < RACERS; i++)
            test_spawn(&child[i], expect_live_producer, &participant);
        for (int i = 0; i < RACERS; i++)
            test_send(&child[i].peer, 1);
        for (int i = 0; i < RACERS; i++)
            winners += test_receive(&child[i].peer);
        assert_int_equal(winners, 1);
        for (int i = 0; i < RACERS; i++)
            test_send(&child[i].peer, 2);
        for (int i = 0; i < RACERS; i++)
            test_expect_exit(&child[i], 0);
        assert_false(ring_exists(name));
    }
}

#if defined __linux__ && !defined MYL_OS_POSIX
#define LOCKS_FROM ((off_t)1 << 40) /* src/os/linux/lock.c */
/* Acquires a read lock, as a process with read permission can. */
static int lock_for_reading(const char *name, off_t from)
{
    char path[TEST_PATH_SIZE];
    struct flock all = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = from};
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &all), 0);
    return fd;
}
#endif

/* A read lock of a process that is no participant makes no participant alive. */
static void read_lock_keeps_no_participant_alive(void **state)
{
    (void)state;
#if defined __linux__ && !defined MYL_OS_POSIX
    char name[TEST_NAME_SIZE];
    myl_snapshot *s;
    void *event;
    struct participant participant = {.name = test_name(name, "readers"), .id = "w", .producer = producer_options(8)};
    test_child producer, consumer;
    start_producer(&producer, &participant, 0);
    start_consumer(&consumer, &participant, 0);
    order(&producer, 8, 8);
    test_kill(&consumer);
    test_kill(&producer);
    myl_producer *successor = open_producer(name, &participant.producer);
    int fd = lock_for_reading(name, LOCKS_FROM + MYL_LOCK_ENTRY_0);
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(successor, &event, MYL_SEC(15)));
    myl_producer_leave(successor);
    int all = lock_for_reading(name, 0);
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &s));
    assert_false(s->producer_alive);
    assert_int_equal(s->live_consumers, 0);
    myl_snapshot_free(s);
    expect_no_producer(MYL_EBUSY, "is blocked by a read lock", name, &participant.producer);
    test_code(MYL_EBUSY, myl_remove(name, MYL_BACKEND_SHM, 0));
    expect_detail("is blocked by a read lock");
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
    assert_false(ring_exists(name));
    close(fd);
    close(all);
#else
    test_skip("only Linux's locks are on the object itself");
#endif
}

static int hold_registry_lock(test_peer *parent, void *name)
{
    char path[TEST_PATH_SIZE];
    int fd, read_only;
    snprintf(path, sizeof path, "%s/%s", myl_os_shm_directory(), (const char *)name);
    struct myl_os_place place;
    assert_int_equal(myl_os_place_open(path, &place), 0);
    assert_int_equal(myl_os_object_open(&place, 0, &fd, &read_only), 0);
    myl_os_place_close(&place);
    test_send(parent, (uint64_t)myl_os_lock_acquire(fd, MYL_LOCK_REGISTRY));
    return (int)test_receive(parent);
}

/* The owner of the registry lock is stopped. A call that needs this lock fails after a second. Publishing and reading
 * do not need it. */
static void stopped_registry_owner_delays_joins_only(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_consumer_options c = consumer_options("late");
    test_child holder;
    myl_producer *producer = open_producer(test_name(name, "busy"), &o);
    myl_consumer *consumer = open_consumer(name, "w");
    test_spawn(&holder, hold_registry_lock, name);
    test_expect_value(&holder.peer, 0);
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
        cmocka_unit_test(second_producer_is_refused),
        cmocka_unit_test(second_consumer_of_an_id_is_refused),
        cmocka_unit_test(takeover_keeps_published_events),
        cmocka_unit_test(resumed_consumer_gets_unacknowledged_events),
        cmocka_unit_test(dead_consumer_is_reported),
        cmocka_unit_test(prefix_resumes_dead_consumers_first),
        cmocka_unit_test(prefix_resumes_only_its_numbers),
        cmocka_unit_test(prefix_resumes_its_largest_number),
        cmocka_unit_test(automatic_id_is_never_resumed),
        cmocka_unit_test(ring_is_removed_once_all_named_consumers_have_read),
        cmocka_unit_test(attach_during_creation_gets_all_events),
        cmocka_unit_test(one_of_many_starters_gets_the_lock),
        cmocka_unit_test(read_lock_keeps_no_participant_alive),
        cmocka_unit_test(stopped_registry_owner_delays_joins_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
