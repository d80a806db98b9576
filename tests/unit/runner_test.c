/* SPDX-License-Identifier: MIT
 * The runner: stop under continuous traffic, a failing handler, the end of the stream, join with a time-out. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "ring/consumer.h"
#include "unit/rings.h"

struct handled {
    myl_au64 count;
    uint64_t fail_at;     /* the handler fails for this event */
    uint64_t stop_at;     /* the handler stops its own runner */
    myl_au32 wrong;       /* an event out of order, or a wrong end of batch */
    myl_au32 batch_ends;
    myl_au32 hold;        /* the handler waits while this is 1 */
    myl_runner *runner;
};

static int handle(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    struct handled *handled = user;
    uint64_t n = myl_load_rlx(&handled->count);
    if ((uint64_t)sequence == handled->fail_at)
        return 42;
    if ((uint64_t)sequence != n || !event_is(event, n))
        myl_store32_rel(&handled->wrong, 1);
    if (end_of_batch)
        (void)myl_add32_acq_rel(&handled->batch_ends, 1);
    myl_store_rel(&handled->count, n + 1);
    while (myl_load32_acq(&handled->hold) != 0)
        ;
    if (n == handled->stop_at)
        myl_runner_stop(handled->runner);
    return 0;
}

static struct handled nothing_handled(void)
{
    return (struct handled){.fail_at = UINT64_MAX, .stop_at = UINT64_MAX};
}

struct traffic {
    myl_producer *producer;
    myl_au32 stop;
    uint64_t published;
};

/* A batch ends for certain only where the producer waits for the reader: a faster one always has published more. */
static void let_reader_catch_up(struct traffic *traffic)
{
    while (myl_load32_acq(&traffic->stop) == 0)
        if (myl_producer_wait_consumed(traffic->producer, (myl_sequence)traffic->published - 1, MYL_MSEC(1)) == MYL_OK)
            return;
}

static void *keep_producing(void *argument)
{
    struct traffic *traffic = argument;
    while (myl_load32_acq(&traffic->stop) == 0) {
        void *event;
        if (myl_producer_claim(traffic->producer, &event, MYL_MSEC(1)) != MYL_OK)
            continue;
        event_fill(event, traffic->published++);
        myl_producer_publish(traffic->producer);
        if (traffic->published % 200 == 0)
            let_reader_catch_up(traffic);
    }
    return NULL;
}

static int handled_1000(void *handled)
{
    return myl_load_acq(&((struct handled *)handled)->count) > 1000;
}

static void stop_works_under_traffic(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(64);
    struct traffic traffic = {.producer = open_producer(test_name(name, "traffic"), &o)};
    myl_consumer *consumer = open_consumer(name, "c");
    struct handled handled = nothing_handled();
    myl_runner_result result = {.size = sizeof result};
    pthread_t thread;
    test_ok(myl_runner_start(&handled.runner, consumer, handle, &handled, NULL));
    assert_int_equal(pthread_create(&thread, NULL, keep_producing, &traffic), 0);
    test_until(handled_1000, &handled, "1000 events are handled");
    test_code(MYL_ETIMEDOUT, myl_runner_join(handled.runner, &result, MYL_MSEC(5)));
    myl_runner_stop(handled.runner);
    test_ok(myl_runner_join(handled.runner, &result, TEST_DEADLINE_NS));
    assert_int_equal(result.code, MYL_OK);
    assert_int_equal(result.handled, handled.count.v);
    assert_string_equal(result.detail, "");
    assert_int_equal(handled.wrong.v, 0);
    assert_true(handled.batch_ends.v > 0);
    /* The consumer belongs to the caller again, after the handled events. */
    assert_int_equal(myl_consumer_last_acknowledged(consumer), (myl_sequence)handled.count.v - 1);
    myl_store32_rel(&traffic.stop, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    take_many(consumer, handled.count.v, traffic.published - handled.count.v);
    const void *event;
    /* the stop request does not affect later calls */
    test_code(MYL_ETIMEDOUT, myl_consumer_next(consumer, &event, MYL_MSEC(2)));
    myl_consumer_close(consumer);
    myl_producer_close(traffic.producer);
}

static void stop_works_while_idle(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "idle"), &o);
    for (int round = 0; round < 30; round++) {
        myl_consumer_options c = consumer_options("c");
        c.ring.wait.strategy = round % 2 == 0 ? MYL_WAIT_BLOCK : MYL_WAIT_BUSY_SPIN;
        myl_consumer *consumer = open_consumer_with(name, &c);
        struct handled handled = nothing_handled();
        myl_runner_result result = {.size = sizeof result};
        test_ok(myl_runner_start(&handled.runner, consumer, handle, &handled, NULL));
        myl_runner_stop(handled.runner);
        test_ok(myl_runner_join(handled.runner, &result, MYL_SEC(10)));
        assert_int_equal(result.code, MYL_OK);
        assert_int_equal(result.handled, 0);
        myl_consumer_close(consumer);
    }
    myl_producer_close(producer);
}

static void failing_handler_ends_the_runner(void **state)
{
    (void)state;
    for (uint64_t batch = 0; batch < 5; batch++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(32);
        myl_producer *producer = open_producer(test_name(name, "fails"), &o);
        myl_consumer *consumer = open_consumer(name, "c");
        put_many(producer, 0, 20);
        struct handled handled = nothing_handled();
        handled.fail_at = 7;
        myl_runner_options run = {.size = sizeof run, .batch = batch, .name = "handler"};
        myl_runner_result result = {.size = sizeof result};
        test_ok(myl_runner_start(&handled.runner, consumer, handle, &handled, &run));
        test_ok(myl_runner_join(handled.runner, &result, MYL_SEC(10)));
        assert_int_equal(result.code, MYL_EHANDLER);
        assert_int_equal(result.handler_code, 42);
        assert_int_equal(result.handled, 7);
        assert_non_null(strstr(result.detail, "42"));
        assert_non_null(strstr(result.detail, "event 7"));
        assert_int_equal(myl_consumer_last_acknowledged(consumer), 6); /* event 7 is not acknowledged */
        assert_int_equal(myl_producer_last_consumed(producer), 6);
        take_many(consumer, 7, 13);
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

static void handler_may_stop_its_runner(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(32);
    myl_producer *producer = open_producer(test_name(name, "itself"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    struct handled handled = nothing_handled();
    handled.stop_at = 4;
    myl_runner_result result = {.size = sizeof result};
    test_ok(myl_runner_start(&handled.runner, consumer, handle, &handled, NULL));
    put_many(producer, 0, 20);
    test_ok(myl_runner_join(handled.runner, &result, MYL_SEC(10)));
    assert_int_equal(result.code, MYL_OK);
    assert_int_equal(result.handled, 5);
    take_many(consumer, 5, 15);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void end_of_stream_ends_the_runner(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(32);
    myl_producer *producer = open_producer(test_name(name, "end"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    struct handled handled = nothing_handled();
    myl_runner_result result = {.size = sizeof result};
    test_ok(myl_runner_start(&handled.runner, consumer, handle, &handled, NULL));
    put_many(producer, 0, 100);
    myl_producer_close(producer);
    test_ok(myl_runner_join(handled.runner, &result, MYL_FOREVER));
    assert_int_equal(result.code, MYL_ECLOSED);
    assert_int_equal(result.handled, 100);
    assert_int_equal(handled.wrong.v, 0);
    assert_non_null(strstr(result.detail, name));
    myl_consumer_close(consumer);
}

static void runner_continues_after_a_leave(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(32);
        myl_producer *producer = open_producer(test_name(name, "leaves"), &o);
        myl_consumer_options c = consumer_options("c");
        c.ring.liveness_ns = MYL_MSEC(1);
        myl_consumer *consumer = open_consumer_with(name, &c);
        struct handled handled = nothing_handled();
        myl_runner_options run = {.size = sizeof run, .keep_on_death = keep};
        myl_runner_result result = {.size = sizeof result};
        test_ok(myl_runner_start(&handled.runner, consumer, handle, &handled, &run));
        put_many(producer, 0, 3);
        myl_producer_leave(producer);
        if (keep) {
            test_code(MYL_ETIMEDOUT, myl_runner_join(handled.runner, &result, MYL_MSEC(20)));
            producer = open_producer(name, &o);
            put_many(producer, 3, 3);
            myl_producer_close(producer);
            test_ok(myl_runner_join(handled.runner, &result, MYL_SEC(10)));
            assert_int_equal(result.code, MYL_ECLOSED);
            assert_int_equal(result.handled, 6);
            myl_consumer_close(consumer);
        } else {
            test_ok(myl_runner_join(handled.runner, &result, MYL_SEC(10)));
            assert_int_equal(result.code, MYL_EPRODUCERLEFT);
            assert_int_equal(result.handled, 3);
            myl_consumer_close(consumer);
            test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
        }
    }
}

static void join_times_out(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(32);
    myl_producer *producer = open_producer(test_name(name, "join"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    struct handled handled = nothing_handled();
    handled.hold.v = 1;
    myl_runner_result result = {.size = sizeof result, .code = 4711};
    test_ok(myl_runner_start(&handled.runner, consumer, handle, &handled, NULL));
    put_many(producer, 0, 5);
    myl_runner_stop(handled.runner);
    int64_t start = test_now_ns();
    test_code(MYL_ETIMEDOUT, myl_runner_join(handled.runner, &result, MYL_MSEC(10)));
    assert_true(test_now_ns() - start >= MYL_MSEC(10));
    assert_int_equal(result.code, 4711);
    myl_store32_rel(&handled.hold, 0);
    test_ok(myl_runner_join(handled.runner, NULL, MYL_SEC(10)));
    assert_true(myl_consumer_last_acknowledged(consumer) <= 0); /* at most the event being handled */
    myl_consumer_close(consumer);
    test_code(MYL_EINVAL, myl_runner_start(&handled.runner, NULL, handle, &handled, NULL));
    assert_null(handled.runner);
    myl_producer_close(producer);
}

/* The events handled before the handler failed are not acknowledged. The result is that failure, not MYL_EHANDLER. */
static void failed_release_is_the_result(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct handled handled = nothing_handled();
    myl_runner_result result = {.size = sizeof result};
    myl_producer_options o = producer_options(64);
    myl_producer *producer = open_producer(test_name(name, "evicted"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    handled.fail_at = 3;
    put_many(producer, 0, 4);
    uint32_t own = consumer->hot.own_generation;
    consumer->hot.own_generation = own + 1; /* as if its entry had another owner; a release detects that */
    test_ok(myl_runner_start(&handled.runner, consumer, handle, &handled, NULL));
    test_ok(myl_runner_join(handled.runner, &result, MYL_SEC(20)));
    test_code(MYL_EEVICTED, result.code);
    assert_non_null(strstr(result.detail, "evicted"));
    assert_int_equal(result.handled, 0);
    consumer->hot.own_generation = own;
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

struct thread_seen {
    sigset_t blocked;
    char name[16];
};

static int check_thread(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    struct thread_seen *seen = user;
    (void)event, (void)sequence, (void)end_of_batch;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &seen->blocked);
#ifdef __linux__
    (void)prctl(PR_GET_NAME, seen->name, 0, 0, 0);
#endif
    return 1;
}

/* The thread has the requested name and blocks signals that are meant for the program. */
static void thread_has_its_name_and_blocks_signals(void **state)
{
    (void)state;
    static const char *const name[] = {NULL, "fifteen bytes ok"};
    static const int program[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGPIPE};
    sigset_t before, after;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
    for (size_t i = 0; i < 2; i++) {
        char ring[TEST_NAME_SIZE], asked[16] = "";
        struct thread_seen seen = {.name = ""};
        myl_producer_options o = producer_options(8);
        myl_producer *producer = open_producer(test_name(ring, "thread"), &o);
        myl_consumer *consumer = open_consumer(ring, "c");
        myl_runner *runner;
        myl_runner_result result = {.size = sizeof result};
        myl_runner_options run = {.size = sizeof run, .name = name[i]};
        put_many(producer, 0, 1);
        if (name[i] != NULL) {
            test_code(MYL_EINVAL, myl_runner_start(&runner, consumer, check_thread, &seen, &run));
            expect_detail(name[i]);
            memcpy(asked, name[i], 15);
            run.name = asked;
        }
        test_ok(myl_runner_start(&runner, consumer, check_thread, &seen, &run));
        test_ok(myl_runner_join(runner, &result, MYL_SEC(20)));
        for (size_t k = 0; k < sizeof program / sizeof program[0]; k++)
            assert_int_equal(sigismember(&seen.blocked, program[k]), 1);
        assert_int_equal(sigismember(&seen.blocked, SIGSEGV), 0);
        assert_int_equal(sigismember(&seen.blocked, SIGBUS), 0);
#ifdef __linux__
        assert_string_equal(seen.name, i == 0 ? "myelon" : asked);
#endif
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

/* At two times that are a second apart: with even and odd seconds of the clock. */
static void runner_join_waits_its_timeout(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "long"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    struct handled handled = nothing_handled();
    test_ok(myl_runner_start(&handled.runner, consumer, handle, &handled, NULL));
    const int64_t time[] = {MYL_MSEC(20), MYL_MSEC(1020), MYL_MSEC(20)};
    for (size_t i = 0; i < sizeof time / sizeof time[0]; i++) {
        int64_t start = test_now_ns();
        test_code(MYL_ETIMEDOUT, myl_runner_join(handled.runner, NULL, time[i]));
        int64_t took = test_now_ns() - start;
        assert_true(took >= time[i]);
    }
    myl_runner_stop(handled.runner);
    test_ok(myl_runner_join(handled.runner, NULL, TEST_DEADLINE_NS));
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_works_under_traffic),
        cmocka_unit_test(stop_works_while_idle),
        cmocka_unit_test(failing_handler_ends_the_runner),
        cmocka_unit_test(handler_may_stop_its_runner),
        cmocka_unit_test(end_of_stream_ends_the_runner),
        cmocka_unit_test(runner_continues_after_a_leave),
        cmocka_unit_test(join_times_out),
        cmocka_unit_test(failed_release_is_the_result),
        cmocka_unit_test(thread_has_its_name_and_blocks_signals),
        cmocka_unit_test(runner_join_waits_its_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
