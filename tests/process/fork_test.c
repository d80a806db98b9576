/* SPDX-License-Identifier: MIT
 * fork while handles are open. The child's copies of the handles are refused, the parent's work continues undisturbed,
 * and a forked child does not hold its dead parent's participant lock. */
#include "process/participant.h"

struct handles {
    myl_producer *producer;
    myl_consumer *consumer;
    myl_observer *observer;
};

static int use_the_copies(test_peer *parent, void *argument)
{
    struct handles *h = argument;
    const void *event;
    void *to;
    myl_span span;
    uint64_t lost;
    int fd;
    static char ticket[MYL_TICKET_MAX];
    struct event copy = {{0}};
    test_code(MYL_EFORKED, myl_producer_claim(h->producer, &to, MYL_FOREVER));
    expect_detail("fork");
    test_code(MYL_EFORKED, myl_producer_claim_span(h->producer, 2, &span, MYL_TRY));
    test_code(MYL_EFORKED, myl_producer_put(h->producer, &copy, sizeof copy, MYL_TRY));
    test_code(MYL_EFORKED, myl_producer_wait_consumed(h->producer, 0, MYL_TRY));
    test_code(MYL_EFORKED, myl_producer_wait_consumers(h->producer, NULL, 1, MYL_TRY));
    test_code(MYL_EFORKED, myl_producer_fd(h->producer, &fd));
    test_code(MYL_EFORKED, myl_producer_ticket(h->producer, ticket, sizeof ticket));
    myl_producer_publish(h->producer);
    myl_producer_abort(h->producer);
    myl_producer_interrupt(h->producer);
    test_code(MYL_EFORKED, myl_consumer_next(h->consumer, &event, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_consumer_next_span(h->consumer, 2, &span, MYL_TRY));
    test_code(MYL_EFORKED, myl_consumer_get(h->consumer, &copy, sizeof copy, MYL_TRY));
    test_code(MYL_EFORKED, myl_consumer_release(h->consumer));
    test_code(MYL_EFORKED, myl_consumer_release_to(h->consumer, 0));
    test_code(MYL_EFORKED, myl_consumer_fd(h->consumer, &fd));
    test_code(MYL_EFORKED, myl_consumer_ticket(h->consumer, ticket, sizeof ticket));
    assert_int_equal(myl_consumer_end_of_batch(h->consumer), 1);
    assert_int_equal(myl_consumer_available(h->consumer), 0);
    myl_consumer_rewind(h->consumer);
    myl_consumer_interrupt(h->consumer);
    test_code(MYL_EFORKED, myl_observer_get(h->observer, &copy, sizeof copy, &lost, MYL_FOREVER));
    myl_observer_interrupt(h->observer);
    test_send(parent, 1);
    test_expect_value(parent, 2);
    myl_consumer_close(h->consumer);
    myl_observer_close(h->observer);
    myl_producer_close(h->producer);
    return 0;
}

static void handles_fail_in_a_fork_child(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    void *to;
    struct event copy;
    uint64_t lost;
    myl_producer_options o = producer_options(8);
    struct handles h = {.producer = open_producer(test_name(name, "fork"), &o)};
    h.consumer = open_consumer(name, "c");
    test_ok(myl_observer_open(&h.observer, name, NULL));
    put_many(h.producer, 0, 4);
    test_ok(myl_producer_claim(h.producer, &to, MYL_TRY)); /* with an open claim and an open lease */
    event_fill(to, 4);
    test_ok(myl_consumer_next(h.consumer, &event, MYL_TRY));
    test_child child;
    test_spawn(&child, use_the_copies, &h);
    test_expect_value(&child.peer, 1);
    expect_event(event, 0);
    myl_producer_publish(h.producer);
    test_ok(myl_consumer_release(h.consumer));
    take_many(h.consumer, 1, 4);
    test_send(&child.peer, 2);
    test_expect_exit(&child, 0); /* its closes had no effect on the parent's handles */
    myl_consumer_options same = consumer_options("c");
    expect_no_consumer(MYL_EDUPLICATE, "c", name, &same);
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &o);
    put_many(h.producer, 5, 8);
    test_code(MYL_EAGAIN, myl_producer_claim(h.producer, &to, MYL_TRY));
    take_many(h.consumer, 5, 8);
    for (uint64_t i = 0; i < 5; i++) {
        int rc = myl_observer_get(h.observer, &copy, sizeof copy, &lost, MYL_TRY);
        test_ok(rc);
        expect_event(&copy, (uint64_t)myl_observer_last_read(h.observer));
    }
    myl_observer_close(h.observer);
    myl_consumer_close(h.consumer);
    myl_producer_close(h.producer);
    assert_false(ring_exists(name));
}

struct fixed {
    myl_producer *producer;
    myl_consumer *consumer;
    int code;
};

static int use_the_copies_for_messages(test_peer *parent, void *argument)
{
    struct fixed *f = argument;
    unsigned char memory[16];
    myl_reassembly parts = {.data = memory, .room = sizeof memory};
    myl_message message;
    uint64_t length;
    (void)parent;
    test_code(f->code, myl_publish_fixed_frames(f->producer, "x", 1, 0, MYL_TRY));
    test_code(f->code, myl_peek_fixed_frames(f->consumer, &parts, &length, MYL_TRY));
    test_code(f->code, myl_recv_fixed_frames(f->consumer, &parts, &message, MYL_TRY));
    parts.total = 100; /* a message is half received */
    test_code(f->code, myl_peek_fixed_frames(f->consumer, &parts, &length, MYL_TRY));
    return 0;
}

/* Messages of fixed frames in a child, one of them unread. Events that are too small for frames are reported in the
 * child as in the parent. */
static void fixed_frames_fail_in_a_fork_child(void **state)
{
    (void)state;
    for (int small = 0; small < 2; small++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(8);
        o.config.event_size = small ? 8 : MYL_FIXED_FRAME_SIZE(64);
        struct fixed f = {.producer = open_producer(test_name(name, "fixed"), &o),
                          .code = small ? MYL_EEVENTSIZE : MYL_EFORKED};
        f.consumer = open_consumer(name, "c");
        if (!small) {
            myl_reassembly parts = {0};
            uint64_t length;
            test_ok(myl_publish_fixed_frames(f.producer, "message", 7, 0, MYL_TRY));
            test_ok(myl_peek_fixed_frames(f.consumer, &parts, &length, MYL_TRY));
            assert_int_equal(length, 7);
        }
        test_child child;
        test_spawn(&child, use_the_copies_for_messages, &f);
        test_expect_exit(&child, 0);
        myl_consumer_close(f.consumer);
        myl_producer_close(f.producer);
    }
}

static int linger(test_peer *parent, void *argument)
{
    (void)argument;
    test_send(parent, 0);
    test_expect_value(parent, 2); /* until the end of the test */
    return 0;
}

/* Acquires both participant locks, forks, sends the grandchild's pid, and waits to be killed. */
static int lock_and_fork(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    myl_producer *producer = open_producer(participant->name, &participant->producer);
    myl_consumer *consumer = open_consumer(participant->name, "c");
    put_many(producer, 0, 3);
    take_many(consumer, 0, 1);
    test_child grandchild;
    test_spawn(&grandchild, linger, NULL);
    test_expect_value(&grandchild.peer, 0);
    test_send(parent, (uint64_t)grandchild.pid);
    (void)test_receive(parent);
    return 0;
}

static int has_ended(void *pid)
{
    return kill(*(pid_t *)pid, 0) != 0;
}

static void lock_ends_with_the_parent_not_the_child(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "orphan"), .producer = producer_options(8)};
    test_child owner;
    test_spawn(&owner, lock_and_fork, &participant);
    pid_t grandchild = (pid_t)test_receive(&owner.peer);
    assert_int_equal(kill(grandchild, SIGSTOP), 0); /* it must live on, whatever signal it gets */
    test_kill(&owner);
    assert_int_equal(kill(grandchild, 0), 0);
    myl_snapshot *s;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &s));
    assert_int_equal(s->producer_alive, 0);
    assert_int_equal(s->live_consumers, 0);
    myl_snapshot_free(s);
    myl_producer *producer = open_producer(name, NULL);
    assert_int_equal(myl_producer_last_published(producer), 2);
    myl_consumer *consumer = open_consumer(name, "c");
    take_many(consumer, 1, 2);
    assert_int_equal(kill(grandchild, 0), 0);
    assert_int_equal(kill(grandchild, SIGKILL), 0);
    test_until(has_ended, &grandchild, "the grandchild has ended");
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static int handle_nothing(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    (void)event, (void)sequence, (void)end_of_batch, (void)user;
    return 0;
}

static int join_the_copy(test_peer *parent, void *argument)
{
    myl_runner_result result = {.size = sizeof result};
    (void)parent;
    myl_runner_stop(argument);
    test_code(MYL_EFORKED, myl_runner_join(argument, &result, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_runner_join(argument, NULL, MYL_TRY));
    expect_detail("fork");
    return 0;
}

/* The runner's thread exists in the parent only. In a child, join fails without waiting, and stop has no effect. */
static void runner_fails_in_a_fork_child(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "runner"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_runner *runner;
    myl_runner_result result = {.size = sizeof result};
    test_child child;
    test_ok(myl_runner_start(&runner, consumer, handle_nothing, NULL, NULL));
    put_many(producer, 0, 3);
    test_spawn(&child, join_the_copy, runner);
    test_expect_exit(&child, 0);
    put_many(producer, 3, 3);
    test_ok(myl_producer_wait_consumed(producer, 5, MYL_SEC(20)));
    myl_runner_stop(runner);
    test_ok(myl_runner_join(runner, &result, MYL_SEC(20)));
    assert_int_equal(result.code, MYL_OK);
    assert_int_equal(result.handled, 6);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_fail_in_a_fork_child),
        cmocka_unit_test(fixed_frames_fail_in_a_fork_child),
        cmocka_unit_test(runner_fails_in_a_fork_child),
        cmocka_unit_test(lock_ends_with_the_parent_not_the_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
