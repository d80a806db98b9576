/* SPDX-License-Identifier: MIT
 * A fork in the middle: the child's copies of the handles are of no use, its parent's work goes on undisturbed, and a
 * forked child does not keep its dead parent's seat. */
#include "process/party.h"

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
    myl_run run;
    uint64_t lost;
    int fd;
    struct event copy = {{0}};
    test_code(MYL_EFORKED, myl_producer_claim(h->producer, &to, MYL_FOREVER));
    expect_detail("fork");
    test_code(MYL_EFORKED, myl_producer_claim_run(h->producer, 2, &run, MYL_TRY));
    test_code(MYL_EFORKED, myl_producer_put(h->producer, &copy, sizeof copy, MYL_TRY));
    test_code(MYL_EFORKED, myl_producer_wait_consumed(h->producer, 0, MYL_TRY));
    test_code(MYL_EFORKED, myl_producer_wait_consumers(h->producer, NULL, 1, MYL_TRY));
    test_code(MYL_EFORKED, myl_producer_fd(h->producer, &fd));
    myl_producer_publish(h->producer);
    myl_producer_abort(h->producer);
    myl_producer_interrupt(h->producer);
    test_code(MYL_EFORKED, myl_consumer_next(h->consumer, &event, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_consumer_next_run(h->consumer, 2, &run, MYL_TRY));
    test_code(MYL_EFORKED, myl_consumer_get(h->consumer, &copy, sizeof copy, MYL_TRY));
    test_code(MYL_EFORKED, myl_consumer_release(h->consumer));
    test_code(MYL_EFORKED, myl_consumer_fd(h->consumer, &fd));
    assert_int_equal(myl_consumer_end_of_batch(h->consumer), 1);
    assert_int_equal(myl_consumer_available(h->consumer), 0);
    myl_consumer_rewind(h->consumer);
    myl_consumer_interrupt(h->consumer);
    test_code(MYL_EFORKED, myl_observer_get(h->observer, &copy, sizeof copy, &lost, MYL_FOREVER));
    myl_observer_interrupt(h->observer);
    test_tell(parent, 1);
    test_hear_value(parent, 2);
    myl_consumer_close(h->consumer);
    myl_observer_close(h->observer);
    myl_producer_close(h->producer);
    return 0;
}

static void test_copies_are_of_no_use(void **state)
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
    test_ok(myl_producer_claim(h.producer, &to, MYL_TRY)); /* in the middle of a claim and of a lease */
    event_fill(to, 4);
    test_ok(myl_consumer_next(h.consumer, &event, MYL_TRY));
    test_child child;
    test_spawn(&child, use_the_copies, &h);
    test_hear_value(&child.peer, 1);
    expect_event(event, 0);
    myl_producer_publish(h.producer);
    test_ok(myl_consumer_release(h.consumer));
    take_many(h.consumer, 1, 4);
    test_tell(&child.peer, 2);
    test_expect_exit(&child, 0); /* whose closing closed nothing */
    myl_consumer_options same = consumer_options("c");
    expect_no_consumer(MYL_EDUPLICATE, "c", name, &same);
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &o);
    put_many(h.producer, 5, 8);
    test_code(MYL_EAGAIN, myl_producer_claim(h.producer, &to, MYL_TRY));
    take_many(h.consumer, 5, 8);
    for (uint64_t i = 0; i < 5; i++) {
        int rc = myl_observer_get(h.observer, &copy, sizeof copy, &lost, MYL_TRY);
        test_ok(rc);
        expect_event(&copy, (uint64_t)myl_observer_position(h.observer));
    }
    myl_observer_close(h.observer);
    myl_consumer_close(h.consumer);
    myl_producer_close(h.producer);
    assert_false(ring_exists(name));
}

static int linger(test_peer *parent, void *argument)
{
    (void)argument;
    test_tell(parent, 0);
    test_hear_value(parent, 2); /* until the very end */
    return 0;
}

/* Opens both seats, forks, tells the grandchild's pid, and waits to be killed. */
static int own_and_fork(test_peer *parent, void *argument)
{
    struct party *party = argument;
    myl_producer *producer = open_producer(party->name, &party->producer);
    myl_consumer *consumer = open_consumer(party->name, "c");
    put_many(producer, 0, 3);
    take_many(consumer, 0, 1);
    test_child grandchild;
    test_spawn(&grandchild, linger, NULL);
    test_hear_value(&grandchild.peer, 0);
    test_tell(parent, (uint64_t)grandchild.pid);
    (void)test_hear(parent);
    return 0;
}

static int has_ended(void *pid)
{
    return kill(*(pid_t *)pid, 0) != 0;
}

static void test_seat_goes_with_the_parent(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "orphan"), .producer = producer_options(8)};
    test_child owner;
    test_spawn(&owner, own_and_fork, &party);
    pid_t grandchild = (pid_t)test_hear(&owner.peer);
    assert_int_equal(kill(grandchild, SIGSTOP), 0); /* it must live on, whatever it hears */
    test_kill(&owner);
    assert_int_equal(kill(grandchild, 0), 0);
    myl_snapshot *s;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &s));
    assert_int_equal(s->producer_alive, 0);
    assert_int_equal(s->live_consumers, 0);
    myl_snapshot_free(s);
    myl_producer *producer = open_producer(name, NULL);
    assert_int_equal(myl_producer_last(producer), 2);
    myl_consumer *consumer = open_consumer(name, "c");
    take_many(consumer, 1, 2);
    assert_int_equal(kill(grandchild, 0), 0);
    assert_int_equal(kill(grandchild, SIGKILL), 0);
    test_until(has_ended, &grandchild, "the grandchild is gone");
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_are_of_no_use),
        cmocka_unit_test(test_seat_goes_with_the_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
