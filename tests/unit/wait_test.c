/* SPDX-License-Identifier: MIT
 * Wait strategies: names, environment, options, time-outs and interruption. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "ring/consumer.h"
#include "unit/rings.h"

static const enum myl_wait_strategy strategies[] = {
    MYL_WAIT_ADAPTIVE, MYL_WAIT_BUSY_SPIN, MYL_WAIT_SPIN_HINT, MYL_WAIT_SPIN_YIELD, MYL_WAIT_SLEEP, MYL_WAIT_BLOCK,
};
enum { STRATEGIES = sizeof strategies / sizeof strategies[0] };

static void strategies_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"adaptive", "busy-spin", "spin-hint", "spin-yield", "sleep", "block"};
    for (size_t i = 0; i < STRATEGIES; i++) {
        enum myl_wait_strategy parsed = MYL_WAIT_DEFAULT;
        assert_string_equal(myl_wait_strategy_name(strategies[i]), names[i]);
        test_ok(myl_wait_strategy_parse(names[i], &parsed));
        assert_int_equal(parsed, strategies[i]);
    }
    assert_string_equal(myl_wait_strategy_name((enum myl_wait_strategy)99), "?");
    enum myl_wait_strategy untouched = MYL_WAIT_SLEEP;
    test_code(MYL_EINVAL, myl_wait_strategy_parse("spinning", &untouched));
    expect_detail("spinning");
    test_code(MYL_EINVAL, myl_wait_strategy_parse("", &untouched));
    test_code(MYL_EINVAL, myl_wait_strategy_parse(NULL, &untouched));
    test_code(MYL_EINVAL, myl_wait_strategy_parse("Block", &untouched));
    assert_int_equal(untouched, MYL_WAIT_SLEEP);
}

static void clear_environment(void)
{
    unsetenv("MYELON_WAIT");
    unsetenv("MYELON_SPIN_NS");
    unsetenv("MYELON_YIELDS");
    unsetenv("MYELON_SLEEP_NS");
}

static struct myl_waiter waiter_of(const char *name, const myl_wait_options *wait)
{
    myl_consumer_options options = consumer_options("w");
    options.ring.wait = *wait;
    myl_consumer *consumer = open_consumer_with(name, &options);
    struct myl_waiter waiter = consumer->handle.waiter;
    myl_consumer_close(consumer);
    return waiter;
}

static void environment_sets_the_default(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options make = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "environment"), &make);
    myl_wait_options none = {.strategy = MYL_WAIT_DEFAULT};
    clear_environment();
    struct myl_waiter w = waiter_of(name, &none);
    assert_int_equal(w.strategy, MYL_WAIT_ADAPTIVE);
    assert_int_equal(w.spin_ns, 50000);
    assert_int_equal(w.yields, 2);
    assert_int_equal(w.sleep_ns, 100000);
    setenv("MYELON_WAIT", "block", 1);
    setenv("MYELON_SPIN_NS", "1234", 1);
    setenv("MYELON_YIELDS", "9", 1);
    setenv("MYELON_SLEEP_NS", "5678", 1);
    w = waiter_of(name, &none);
    assert_int_equal(w.strategy, MYL_WAIT_BLOCK);
    assert_int_equal(w.spin_ns, 1234);
    assert_int_equal(w.yields, 9);
    assert_int_equal(w.sleep_ns, 5678);
    myl_wait_options set = {.strategy = MYL_WAIT_SLEEP, .yields = 3, .spin_ns = 4000, .sleep_ns = 50000};
    w = waiter_of(name, &set); /* the option wins */
    assert_int_equal(w.strategy, MYL_WAIT_SLEEP);
    assert_int_equal(w.spin_ns, 4000);
    assert_int_equal(w.yields, 3);
    assert_int_equal(w.sleep_ns, 50000);
    setenv("MYELON_WAIT", "", 1); /* empty counts as unset */
    assert_int_equal(waiter_of(name, &none).strategy, MYL_WAIT_ADAPTIVE);
    clear_environment();
    myl_producer_close(producer);
}

static void invalid_environment_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"MYELON_WAIT", "fast"},    {"MYELON_SPIN_NS", "-1"},
        {"MYELON_SPIN_NS", "10us"}, {"MYELON_SPIN_NS", "99999999999999999999999"},
        {"MYELON_YIELDS", "x"},     {"MYELON_SLEEP_NS", "1"},
    };
    char name[TEST_NAME_SIZE];
    myl_producer_options make = producer_options(8);
    test_name(name, "environment");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        clear_environment();
        setenv(bad[i][0], bad[i][1], 1);
        expect_no_producer(MYL_EINVAL, bad[i][1], name, &make);
        assert_false(ring_exists(name));
    }
    clear_environment();
    myl_producer *producer = open_producer(name, &make);
    setenv("MYELON_WAIT", "quickly", 1);
    expect_no_consumer(MYL_EINVAL, "quickly", name, NULL);
    clear_environment();
    myl_consumer_options options = consumer_options("c");
    options.ring.wait.spin_ns = -5;
    expect_no_consumer(MYL_EINVAL, "-5", name, &options);
    options.ring.wait = (myl_wait_options){.sleep_ns = 10};
    expect_no_consumer(MYL_EINVAL, "10", name, &options);
    options.ring.wait = (myl_wait_options){.yields = 2000000};
    expect_no_consumer(MYL_EINVAL, "2000000", name, &options);
    put_many(producer, 0, 8); /* no consumer gates */
    test_code(MYL_EAGAIN, myl_producer_claim(producer, &(void *){NULL}, MYL_TRY));
    myl_consumer *consumer = open_consumer(name, "c");
    take_many(consumer, 0, 8);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void timeouts_end_every_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < STRATEGIES; i++) {
        for (int spin_only = 0; spin_only < 2; spin_only++) {
            char name[TEST_NAME_SIZE];
            myl_producer_options make = producer_options(2);
            make.ring.wait.strategy = strategies[i];
            make.config.spin_only = (enum myl_spin_only)spin_only;
            myl_producer *producer = open_producer(test_name(name, "timeout"), &make);
            myl_consumer_options options = consumer_options("c");
            options.ring.wait.strategy = strategies[i];
            myl_consumer *consumer = open_consumer_with(name, &options);
            const void *event;
            void *room;
            int64_t start = test_now_ns();
            test_code(MYL_ETIMEDOUT, myl_consumer_next(consumer, &event, MYL_MSEC(12)));
            put_many(producer, 0, 2);
            test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &room, MYL_MSEC(12)));
            test_code(MYL_ETIMEDOUT, myl_producer_wait_consumed(producer, 1, MYL_MSEC(12)));
            assert_true(test_now_ns() - start >= MYL_MSEC(36));
            assert_true(test_now_ns() - start < TEST_DEADLINE_NS);
            test_code(MYL_EAGAIN, myl_producer_claim(producer, &room, MYL_TRY));
            test_code(MYL_EAGAIN, myl_producer_wait_consumed(producer, 1, MYL_TRY));
            take_many(consumer, 0, 2); /* the refused call lost and claimed nothing */
            test_ok(myl_producer_wait_consumed(producer, 1, MYL_TRY));
            put_many(producer, 2, 1);
            take_many(consumer, 2, 1);
            myl_consumer_close(consumer);
            myl_producer_close(producer);
        }
    }
}

struct waiting {
    myl_producer *producer;
    myl_consumer *consumer;
    int code;
};

static void *wait_for_event(void *argument)
{
    struct waiting *waiting = argument;
    const void *event;
    waiting->code = myl_consumer_next(waiting->consumer, &event, MYL_SEC(20));
    return NULL;
}

static void *wait_for_room(void *argument)
{
    struct waiting *waiting = argument;
    void *event;
    waiting->code = myl_producer_claim(waiting->producer, &event, MYL_SEC(20));
    return NULL;
}

/* Before, at the start of, or during the wait: the request is never lost. */
static void interrupt_ends_a_wait(void **state)
{
    (void)state;
    for (size_t i = 0; i < STRATEGIES; i++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options make = producer_options(2);
        make.ring.wait.strategy = strategies[i];
        struct waiting waiting = {.producer = open_producer(test_name(name, "interrupt"), &make)};
        myl_consumer_options options = consumer_options("c");
        options.ring.wait.strategy = strategies[i];
        waiting.consumer = open_consumer_with(name, &options);
        for (int round = 0; round < 20; round++) {
            pthread_t thread;
            assert_int_equal(pthread_create(&thread, NULL, wait_for_event, &waiting), 0);
            for (int yields = 0; yields < round; yields++)
                sched_yield();
            myl_consumer_interrupt(waiting.consumer);
            assert_int_equal(pthread_join(thread, NULL), 0);
            assert_int_equal(waiting.code, MYL_EINTERRUPTED);
        }
        put_many(waiting.producer, 0, 2);
        for (int round = 0; round < 20; round++) {
            pthread_t thread;
            assert_int_equal(pthread_create(&thread, NULL, wait_for_room, &waiting), 0);
            for (int yields = 0; yields < round; yields++)
                sched_yield();
            myl_producer_interrupt(waiting.producer);
            assert_int_equal(pthread_join(thread, NULL), 0);
            assert_int_equal(waiting.code, MYL_EINTERRUPTED);
        }
        take_many(waiting.consumer, 0, 2);
        myl_consumer_close(waiting.consumer);
        myl_producer_close(waiting.producer);
    }
}

/* A consumer that keeps waiting after the report that the producer is gone gets the report again, at growing intervals.
 * Waiting for the next producer costs no more than waiting for an event. */
static void repeated_reports_of_a_gone_producer_back_off(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options make = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "again"), &make);
    myl_consumer_options options = consumer_options("c");
    myl_consumer *consumer = open_consumer_with(name, &options);
    const void *event;
    put_many(producer, 0, 1);
    myl_producer_leave(producer);
    take_many(consumer, 0, 1);
    int64_t before = myl_os_now();
    for (int times = 0; times < 6; times++)
        test_code(MYL_EPRODUCERLEFT, myl_consumer_next(consumer, &event, MYL_FOREVER));
    /* The first report comes at once. */
    int64_t took = myl_os_now() - before, least = MYL_MSEC(5 + 10 + 20 + 40 + 80);
    if (took < least)
        test_fail("six reports within %lld ns; the minimum is %lld", (long long)took, (long long)least);
    producer = open_producer(name, &make);
    put_many(producer, 1, 1);
    take_many(consumer, 1, 1);
    myl_producer_close(producer);
    test_code(MYL_ECLOSED, myl_consumer_next(consumer, &event, MYL_FOREVER));
    myl_consumer_close(consumer);
}

struct soon {
    int64_t from;
    unsigned checks;
};

static int ready_soon(void *context)
{
    struct soon *soon = context;
    soon->checks++;
    return myl_os_now() >= soon->from ? MYL_OK : MYL_EAGAIN;
}

static int not_yet(void *context)
{
    (void)context;
    return MYL_EAGAIN;
}

static int too_late(void *context, int64_t timeout_ns)
{
    (void)context;
    (void)timeout_ns;
    return MYL_ETIMEDOUT;
}

/* A yield shows whether another thread wants this CPU. Without yields the adaptive spin learns from the duration of the
 * wait. */
static void spin_without_yields_sees_no_contention(void **state)
{
    (void)state;
    struct myl_waiter waiter = {.strategy = MYL_WAIT_ADAPTIVE,
                                .yields = 0,
                                .spin_ns = MYL_SEC(100),
                                .budget_ns = MYL_USEC(8),
                                .sleep_ns = MYL_USEC(1)};
    struct soon soon = {.from = myl_os_now() + MYL_MSEC(2)};
    struct myl_wait_site site = {.context = &soon,
                                 .ready = ready_soon,
                                 .overdue = not_yet,
                                 .timed_out = too_late,
                                 .liveness_ns = MYL_SEC(100),
                                 .liveness_most_ns = MYL_SEC(100)};
    test_ok(myl_wait(&waiter, &site, &(struct myl_timeout){.ns = MYL_SEC(20)}));
    if (waiter.budget_ns < MYL_MSEC(1)) /* twice the length of the wait; half of it if the CPU looked contended */
        test_fail("a wait of 2 ms leaves a spin of %lld ns", (long long)waiter.budget_ns);
}

/* An expired time-out, as `deadline - now` may be: every call checks once and does not wait. No negative number means
 * "for ever". */
static void expired_timeouts_check_once(void **state)
{
    (void)state;
    static const int64_t over[] = {-1, -2, -7, -MYL_SEC(1000), INT64_MIN};
    char name[TEST_NAME_SIZE];
    const void *event;
    void *room;
    uint64_t lost;
    struct event copy;
    myl_producer_options o = producer_options(4);
    myl_producer *producer = open_producer(test_name(name, "over"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_observer *observer = NULL;
    test_ok(myl_observer_open(&observer, name, NULL));
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++) {
        test_code(MYL_ETIMEDOUT, myl_consumer_next(consumer, &event, over[i]));
        test_code(MYL_ETIMEDOUT, myl_observer_get(observer, &copy, sizeof copy, &lost, over[i]));
        test_code(MYL_ETIMEDOUT, myl_producer_wait_consumers(producer, NULL, 2, over[i]));
        for (uint64_t n = 0; n < 4; n++)
            put(producer, 4 * i + n, over[i]); /* there is room: no wait is needed */
        test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &room, over[i]));
        test_code(MYL_ETIMEDOUT, myl_producer_wait_consumed(producer, (myl_sequence)(4 * i), over[i]));
        for (int n = 0; n < 4; n++) {
            test_ok(myl_consumer_next(consumer, &event, over[i]));
            test_ok(myl_observer_get(observer, &copy, sizeof copy, &lost, over[i]));
        }
        test_ok(myl_consumer_release(consumer));
        myl_consumer_options late = consumer_options("late");
        late.ring.attach_timeout_ns = over[i];
        expect_no_consumer(MYL_ENOTFOUND, "nothing", "myl-test-nothing", &late);
    }
    myl_observer_close(observer);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

int main(void)
{
    clear_environment();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expired_timeouts_check_once),
        cmocka_unit_test(strategies_have_names),
        cmocka_unit_test(environment_sets_the_default),
        cmocka_unit_test(invalid_environment_is_refused),
        cmocka_unit_test(timeouts_end_every_call),
        cmocka_unit_test(interrupt_ends_a_wait),
        cmocka_unit_test(repeated_reports_of_a_gone_producer_back_off),
        cmocka_unit_test(spin_without_yields_sees_no_contention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
