/* SPDX-License-Identifier: MIT
 * Waits of wait sets: many words, limits, interruption, fork, and the descriptor. */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "unit/sets.h"

enum { MANY = 300 }; /* more words than one call of the kernel takes */

/* --- parks -------------------------------------------------------------------------------------------------------- */

struct waiting {
    myl_waitset *set;
    myl_ready ready;
    uint32_t count;
    int rc;
};

static void *wait_once(void *argument)
{
    struct waiting *waiting = argument;
    waiting->rc = myl_waitset_wait(waiting->set, &waiting->ready, 1, &waiting->count, MYL_FOREVER);
    return NULL;
}

static uint64_t parks_of(const char *name)
{
    myl_snapshot *s;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &s));
    uint64_t parks = s->consumers == 0 ? 0 : s->entry[0].parks;
    myl_snapshot_free(s);
    return parks;
}

struct parked {
    const char *name;
    uint64_t before;
};

static int has_parked(void *argument)
{
    const struct parked *parked = argument;
    return parks_of(parked->name) > parked->before;
}

static void raise_limit(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 4096)
        test_skip("too few descriptors");
}

/* A parked wait ends promptly for every one of its words, also if they are more than the kernel takes. Liveness checks
 * are so rare that they do not help. */
static void check_every_word_wakes(uint32_t rings, uint32_t step)
{
    char(*name)[TEST_NAME_SIZE] = calloc(rings, sizeof *name);
    myl_producer **producer = calloc(rings, sizeof(myl_producer *));
    myl_consumer **consumer = calloc(rings, sizeof(myl_consumer *));
    myl_waitset *set = open_set(MYL_WAIT_BLOCK);
    for (uint32_t i = 0; i < rings; i++) {
        myl_producer_options o = producer_options(8);
        producer[i] = open_producer(test_name(name[i], "words"), &o);
        myl_consumer_options c = consumer_options("c");
        c.ring.liveness_ns = MYL_SEC(300);
        consumer[i] = open_consumer_with(name[i], &c);
        test_ok(myl_waitset_add_consumer(set, consumer[i], producer[i]));
    }
    for (uint32_t i = 0; i < rings; i += step) {
        struct waiting waiting = {.set = set};
        struct parked parked = {.name = name[0], .before = parks_of(name[0])};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wait_once, &waiting), 0);
        test_until(has_parked, &parked, "the wait set parks");
        put(producer[i], 0, MYL_TRY);
        assert_int_equal(pthread_join(thread, NULL), 0);
        test_ok(waiting.rc);
        assert_ptr_equal(waiting.ready.handle, consumer[i]);
        take_many(consumer[i], 0, 1);
    }
    myl_waitset_close(set);
    for (uint32_t i = 0; i < rings; i++) {
        myl_consumer_close(consumer[i]);
        myl_producer_close(producer[i]);
    }
    free(name);
    free(producer);
    free(consumer);
}

static void every_word_wakes(void **state)
{
    (void)state;
    check_every_word_wakes(9, 1);
}

static void more_words_than_the_kernel_takes_wake(void **state)
{
    (void)state;
    raise_limit();
    check_every_word_wakes(MANY, 37);
}

static void set_has_a_limit(void **state)
{
    (void)state;
    raise_limit();
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
    myl_producer *producer = open_producer(test_name(name, "limit"), &o);
    myl_observer **observer = calloc(MYL_WAITSET_MAX + 1, sizeof(myl_observer *));
    myl_waitset *set = open_set(MYL_WAIT_BLOCK);
    myl_consumer_options by = consumer_options(NULL);
    for (uint32_t i = 0; i <= MYL_WAITSET_MAX; i++) {
        test_ok(myl_observer_open(&observer[i], name, &by));
        test_code(i < MYL_WAITSET_MAX ? MYL_OK : MYL_ELIMIT, myl_waitset_add_observer(set, observer[i], NULL));
    }
    expect_detail("1024");
    assert_int_equal(myl_waitset_count(set), MYL_WAITSET_MAX);
    expect_ready(set, MYL_MSEC(20), 0, NULL);
    myl_ready *ready = calloc(MYL_WAITSET_MAX, sizeof *ready);
    uint32_t count;
    put(producer, 0, MYL_TRY);
    test_ok(myl_waitset_wait(set, ready, MYL_WAITSET_MAX, &count, MYL_FOREVER));
    assert_int_equal(count, MYL_WAITSET_MAX);
    free(ready);
    for (uint32_t i = 0; i < MYL_WAITSET_MAX; i++)
        test_ok(myl_waitset_remove(set, observer[i]));
    assert_int_equal(myl_waitset_count(set), 0);
    test_ok(myl_waitset_add_observer(set, observer[MYL_WAITSET_MAX], NULL));
    expect_one(set, MYL_TRY, observer[MYL_WAITSET_MAX]);
    myl_waitset_close(set);
    for (uint32_t i = 0; i <= MYL_WAITSET_MAX; i++)
        myl_observer_close(observer[i]);
    free(observer);
    myl_producer_close(producer);
}

/* Producers of a set own what their source points to: it moves with them. */
static void removal_keeps_the_others(void **state)
{
    (void)state;
    enum { RINGS = 5 };
    char name[RINGS][TEST_NAME_SIZE];
    myl_producer *producer[RINGS];
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    for (uint64_t i = 0; i < RINGS; i++) {
        myl_producer_options o = producer_options(8);
        o.ring.no_consumers = MYL_NO_CONSUMERS_BLOCK;
        producer[i] = open_producer(test_name(name[i], "removal"), &o);
        put_many(producer[i], 0, i); /* room for 8 - i */
        test_ok(myl_waitset_add_producer(set, producer[i], 5, NULL));
    }
    expect_ready(set, MYL_TRY, 4, (void *const[]){producer[0], producer[1], producer[2], producer[3]});
    test_ok(myl_waitset_remove(set, producer[1])); /* the last one takes its place */
    expect_ready(set, MYL_TRY, 3, (void *const[]){producer[0], producer[2], producer[3]});
    test_ok(myl_waitset_remove(set, producer[0]));
    test_ok(myl_waitset_remove(set, producer[3]));
    expect_one(set, MYL_TRY, producer[2]);
    put_many(producer[2], 2, 2);
    expect_none(set);
    expect_ready(set, MYL_MSEC(5), 0, NULL);
    myl_waitset_close(set);
    for (int i = 0; i < RINGS; i++)
        myl_producer_close(producer[i]);
    for (int i = 1; i < RINGS; i++)
        test_ok(myl_remove(name[i], MYL_BACKEND_SHM, 0)); /* no consumer came */
}

static void ring_without_parking_is_waited_for(void **state)
{
    (void)state;
    char name[2][TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.config.spin_only = 1;
    myl_producer *producer = open_producer(test_name(name[0], "spin-only"), &o);
    myl_consumer *consumer = open_consumer(name[0], "c");
    o.config.spin_only = 0;
    myl_producer *other_producer = open_producer(test_name(name[1], "spin-only"), &o);
    myl_consumer *other = open_consumer(name[1], "c");
    myl_waitset *set = open_set(MYL_WAIT_BLOCK);
    test_ok(myl_waitset_add_consumer(set, consumer, NULL));
    test_ok(myl_waitset_add_consumer(set, other, NULL));
    for (int round = 0; round < 2; round++) {
        struct waiting waiting = {.set = set};
        pthread_t thread;
        expect_ready(set, MYL_MSEC(2), 0, NULL);
        assert_int_equal(pthread_create(&thread, NULL, wait_once, &waiting), 0);
        put(round == 0 ? producer : other_producer, 0, MYL_TRY);
        assert_int_equal(pthread_join(thread, NULL), 0);
        test_ok(waiting.rc);
        assert_ptr_equal(waiting.ready.handle, round == 0 ? consumer : other);
        take_many(round == 0 ? consumer : other, 0, 1);
    }
    myl_waitset_close(set);
    myl_consumer_close(consumer);
    myl_consumer_close(other);
    myl_producer_close(producer);
    myl_producer_close(other_producer);
}

/* --- interruption and fork ---------------------------------------------------------------------------------------- */

static void interruption_ends_one_wait(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "interrupt"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    for (int s = MYL_WAIT_ADAPTIVE; s <= MYL_WAIT_BLOCK; s++) {
        myl_waitset *set = open_set((enum myl_wait_strategy)s);
        test_ok(myl_waitset_add_consumer(set, consumer, NULL));
        struct waiting waiting = {.set = set};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wait_once, &waiting), 0);
        myl_waitset_interrupt(set);
        assert_int_equal(pthread_join(thread, NULL), 0);
        test_code(MYL_EINTERRUPTED, waiting.rc);
        expect_none(set);
        myl_waitset_interrupt(set); /* the next one, if there is none now */
        myl_ready ready;
        uint32_t count;
        test_code(MYL_EINTERRUPTED, myl_waitset_wait(set, &ready, 1, &count, MYL_TRY));
        expect_none(set);
        test_ok(myl_waitset_remove(set, consumer));
        myl_waitset_interrupt(set);
        test_code(MYL_EINTERRUPTED, myl_waitset_wait(set, &ready, 1, &count, MYL_FOREVER)); /* of an empty set */
        myl_waitset_close(set);
    }
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void set_does_not_survive_a_fork(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "fork"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    int fd;
    test_ok(myl_waitset_add_consumer(set, consumer, NULL));
    test_ok(myl_waitset_fd(set, &fd));
    expect_none(set);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        myl_ready ready;
        uint32_t count;
        int right = myl_waitset_wait(set, &ready, 1, &count, MYL_FOREVER) == MYL_EFORKED &&
                    myl_waitset_remove(set, consumer) == MYL_EFORKED && myl_waitset_fd(set, &fd) == MYL_EFORKED &&
                    myl_waitset_add_producer(set, producer, 1, NULL) == MYL_EFORKED;
        myl_waitset_interrupt(set);
        myl_waitset_close(set);
        myl_consumer_close(consumer);
        myl_producer_close(producer);
        _exit(right ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    put(producer, 0, MYL_TRY);
    expect_one(set, MYL_FOREVER, consumer);
    myl_waitset_close(set);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* --- the descriptor ----------------------------------------------------------------------------------------------- */

static int readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = poll(&p, 1, timeout_ms);
    assert_true(rc >= 0);
    return rc;
}

static void descriptor_is_readable_until_all_is_drained(void **state)
{
    (void)state;
    char name[2][TEST_NAME_SIZE];
    myl_producer *producer[2];
    myl_consumer *consumer[2];
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    int fd = -1, again = -1;
    for (int i = 0; i < 2; i++) {
        myl_producer_options o = producer_options(8);
        producer[i] = open_producer(test_name(name[i], "fd"), &o);
        myl_consumer_options c = consumer_options("c");
        c.ring.liveness_ns = MYL_SEC(300);
        consumer[i] = open_consumer_with(name[i], &c);
        test_ok(myl_waitset_add_consumer(set, consumer[i], NULL));
    }
    test_ok(myl_waitset_fd(set, &fd));
    test_ok(myl_waitset_fd(set, &again));
    assert_int_equal(fd, again);
    assert_true(fd > 2);
    assert_int_equal(readable(fd, 0), 1); /* before the first drain */
    expect_none(set);
    assert_int_equal(readable(fd, 0), 0);
    for (uint64_t round = 0; round < 20; round++) {
        put(producer[round % 2], round / 2, MYL_TRY);
        assert_int_equal(readable(fd, TEST_DEADLINE_MS), 1);
        expect_one(set, MYL_TRY, consumer[round % 2]);
        assert_int_equal(readable(fd, 0), 1); /* not drained */
        take_many(consumer[round % 2], round / 2, 1);
        expect_none(set);
        assert_int_equal(readable(fd, 0), 0);
    }
    myl_waitset_interrupt(set);
    assert_int_equal(readable(fd, TEST_DEADLINE_MS), 1);
    myl_ready ready;
    uint32_t count;
    test_code(MYL_EINTERRUPTED, myl_waitset_wait(set, &ready, 1, &count, MYL_TRY));
    expect_none(set);
    assert_int_equal(readable(fd, 0), 0);
    test_ok(myl_waitset_remove(set, consumer[0]));
    assert_int_equal(readable(fd, 0), 1); /* a change of the set */
    expect_none(set);
    put(producer[0], 10, MYL_TRY); /* of no interest now */
    assert_int_equal(readable(fd, 20), 0);
    test_ok(myl_waitset_add_consumer(set, consumer[0], NULL));
    assert_int_equal(readable(fd, 0), 1);
    expect_one(set, MYL_TRY, consumer[0]);
    take_many(consumer[0], 10, 1);
    expect_none(set);
    expect_ready(set, MYL_MSEC(1), 0, NULL);
    assert_int_equal(readable(fd, 0), 1); /* a wait that is over */
    expect_none(set);
    assert_int_equal(readable(fd, 0), 0);
    myl_producer_close(producer[1]);
    assert_int_equal(readable(fd, TEST_DEADLINE_MS), 1);
    expect_one(set, MYL_TRY, consumer[1]);
    expect_nothing(consumer[1], MYL_ECLOSED);
    myl_waitset_close(set); /* while it is armed, or not */
    myl_consumer_close(consumer[0]);
    myl_consumer_close(consumer[1]);
    myl_producer_close(producer[0]);
}

static void set_is_closed_while_its_descriptor_is_armed(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "fd"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    for (int i = 0; i < 50; i++) {
        myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
        int fd;
        test_ok(myl_waitset_add_consumer(set, consumer, NULL));
        test_ok(myl_waitset_fd(set, &fd));
        if (i % 3 != 0)
            expect_none(set);
        if (i % 3 == 2)
            put(producer, (uint64_t)i / 3, MYL_TRY);
        myl_waitset_close(set);
        if (i % 3 == 2)
            take_many(consumer, (uint64_t)i / 3, 1);
    }
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_wakes),
        cmocka_unit_test(more_words_than_the_kernel_takes_wake),
        cmocka_unit_test(set_has_a_limit),
        cmocka_unit_test(removal_keeps_the_others),
        cmocka_unit_test(ring_without_parking_is_waited_for),
        cmocka_unit_test(interruption_ends_one_wait),
        cmocka_unit_test(set_does_not_survive_a_fork),
        cmocka_unit_test(descriptor_is_readable_until_all_is_drained),
        cmocka_unit_test(set_is_closed_while_its_descriptor_is_armed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
