/* SPDX-License-Identifier: MIT
 * Wait sets over rings of several processes: deaths, ends, successors, producers that wait for room, and wake-ups
 * through park words and through the descriptor, none of them lost or needless.
 * MYL_TEST_ROUNDS sets the number of rounds through the descriptor. */
/* ctest: serial */
#include <poll.h>
#include <stdlib.h>

#include "process/participant.h"

enum { RINGS = 3, ROUNDS = 4000 };

static myl_waitset *open_set(enum myl_wait_strategy strategy)
{
    myl_waitset_options o = {.size = sizeof o, .wait.strategy = strategy};
    myl_waitset *set = NULL;
    test_ok(myl_waitset_open(&set, &o));
    return set;
}

/* Waits until this handle is ready. Others may be, too. */
static void wait_for(myl_waitset *set, const void *handle)
{
    int64_t until = test_now_ns() + TEST_DEADLINE_NS;
    for (;;) {
        myl_ready ready[2 * RINGS];
        uint32_t count;
        test_ok(myl_waitset_wait(set, ready, 2 * RINGS, &count, TEST_DEADLINE_NS));
        for (uint32_t i = 0; i < count; i++) {
            if (ready[i].handle == handle)
                return;
        }
        if (test_now_ns() > until)
            test_fail("the handle was not ready in time");
    }
}

static void expect_none(myl_waitset *set)
{
    myl_ready ready;
    uint32_t count;
    test_code(MYL_EAGAIN, myl_waitset_wait(set, &ready, 1, &count, MYL_TRY));
}

struct ring {
    char name[TEST_NAME_SIZE];
    struct participant participant;
    test_child child;
    myl_consumer *consumer;
};

/* A ring with a producer in a child and a consumer in this process. */
static void make_ring(struct ring *ring, int64_t liveness_ns)
{
    ring->participant = (struct participant){.name = test_name(ring->name, "set"), .producer = producer_options(8)};
    start_producer(&ring->child, &ring->participant, 0);
    myl_consumer_options o = consumer_options("c");
    o.ring.liveness_ns = liveness_ns;
    ring->consumer = open_consumer_with(ring->name, &o);
}

/* The first ring always has an event that is not read. */
static void death_is_reported_beside_a_busy_ring(void **state)
{
    (void)state;
    struct ring ring[RINGS];
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    for (int i = 0; i < RINGS; i++) {
        make_ring(&ring[i], 0);
        test_ok(myl_waitset_add_consumer(set, ring[i].consumer, NULL));
    }
    order(&ring[0].child, 1, 1);
    wait_for(set, ring[0].consumer);
    test_kill(&ring[1].child);
    wait_for(set, ring[1].consumer);
    expect_nothing(ring[1].consumer, MYL_EPRODUCERDEAD);
    expect_detail("died after 0 events");
    expect_nothing(ring[1].consumer, MYL_EAGAIN); /* once for each check */
    wait_for(set, ring[1].consumer); /* and again, by the next one */
    start_producer(&ring[1].child, &ring[1].participant, 0); /* a successor */
    expect_nothing(ring[1].consumer, MYL_EAGAIN);
    order(&ring[1].child, 2, 2);
    wait_for(set, ring[1].consumer);
    take_many(ring[1].consumer, 0, 2);
    take_many(ring[0].consumer, 0, 1);
    expect_none(set);
    finish(&ring[2].child, PARTICIPANT_CLOSE);
    wait_for(set, ring[2].consumer);
    expect_nothing(ring[2].consumer, MYL_ECLOSED);
    test_ok(myl_waitset_remove(set, ring[2].consumer));
    finish(&ring[0].child, PARTICIPANT_LEAVE);
    wait_for(set, ring[0].consumer);
    expect_nothing(ring[0].consumer, MYL_EPRODUCERLEFT);
    finish(&ring[1].child, PARTICIPANT_CLOSE);
    myl_waitset_close(set);
    for (int i = 0; i < RINGS; i++)
        myl_consumer_close(ring[i].consumer);
    myl_producer_options o = producer_options(8);
    myl_producer_close(open_producer(ring[0].name, &o));
}

static void producers_get_room_and_deaths(void **state)
{
    (void)state;
    struct ring ring[RINGS];
    myl_producer *producer[RINGS];
    myl_waitset *set = open_set(MYL_WAIT_BLOCK);
    for (int i = 0; i < RINGS; i++) {
        myl_producer_options o = producer_options(8);
        producer[i] = open_producer(test_name(ring[i].name, "set"), &o);
        ring[i].participant = (struct participant){.name = ring[i].name, .id = "c"};
        start_consumer(&ring[i].child, &ring[i].participant, 0);
        put_many(producer[i], 0, 8);
        test_ok(myl_waitset_add_producer(set, producer[i], 1, NULL));
    }
    expect_none(set);
    order(&ring[1].child, 3, 3);
    wait_for(set, producer[1]);
    put_many(producer[1], 8, 3);
    expect_none(set);
    test_send(&ring[2].child.peer, 1);
    wait_for(set, producer[2]);
    test_expect_value(&ring[2].child.peer, 1);
    put_many(producer[2], 8, 1);
    test_kill(&ring[0].child);
    wait_for(set, producer[0]);
    void *event;
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer[0], &event, MYL_TRY));
    expect_detail("\"c\"");
    test_code(MYL_EAGAIN, myl_producer_claim(producer[0], &event, MYL_TRY)); /* reported once */
    start_consumer(&ring[0].child, &ring[0].participant, 0);
    order(&ring[0].child, 8, 8);
    wait_for(set, producer[0]);
    put_many(producer[0], 8, 1);
    myl_waitset_close(set);
    order(&ring[0].child, 1, 9);
    order(&ring[1].child, 8, 11);
    order(&ring[2].child, 8, 9);
    for (int i = 0; i < RINGS; i++) {
        finish(&ring[i].child, PARTICIPANT_CLOSE);
        myl_producer_close(producer[i]);
    }
    assert_int_equal(test_shm_entries(), 0);
}

/* --- wake-ups ----------------------------------------------------------------------------------------------------- */

/* Which ring gets the next event: any order. */
static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* One producer of all rings, which publishes into the ring that each request names. */
struct echo {
    char request[TEST_NAME_SIZE];
    char name[RINGS][TEST_NAME_SIZE];
};

static int echo_requests(test_peer *parent, void *argument)
{
    const struct echo *echo = argument;
    myl_producer *producer[RINGS];
    uint64_t published[RINGS] = {0};
    for (int i = 0; i < RINGS; i++) {
        myl_producer_options o = producer_options(8);
        producer[i] = open_producer(echo->name[i], &o);
    }
    myl_consumer_options o = consumer_options("echo");
    o.ring.attach_timeout_ns = TEST_DEADLINE_NS;
    test_send(parent, 0);
    test_expect_value(parent, 0);
    myl_consumer *requests = open_consumer_with(echo->request, &o);
    test_send(parent, 0);
    struct event request;
    int rc;
    while ((rc = myl_consumer_get(requests, &request, sizeof request, MYL_FOREVER)) == MYL_OK) {
        uint64_t ring = request.word[0];
        put(producer[ring], published[ring]++, MYL_SEC(60));
    }
    assert_int_equal(rc, MYL_ECLOSED);
    for (int i = 0; i < RINGS; i++)
        myl_producer_close(producer[i]);
    myl_consumer_close(requests);
    return 0;
}

struct echoing {
    struct echo echo;
    test_child child;
    myl_producer *requests;
    myl_consumer *consumer[RINGS];
    uint64_t sent[RINGS], taken[RINGS];
    uint64_t random;
    myl_waitset *set;
};

static void start_echo(struct echoing *e, enum myl_wait_strategy strategy)
{
    memset(e, 0, sizeof *e);
    test_name(e->echo.request, "requests");
    for (int i = 0; i < RINGS; i++)
        test_name(e->echo.name[i], "echo");
    test_spawn(&e->child, echo_requests, &e->echo);
    test_expect_value(&e->child.peer, 0);
    myl_producer_options o = producer_options(8);
    e->requests = open_producer(e->echo.request, &o);
    test_send(&e->child.peer, 0);
    test_expect_value(&e->child.peer, 0);
    e->set = open_set(strategy);
    for (int i = 0; i < RINGS; i++) {
        myl_consumer_options c = consumer_options("c");
        c.ring.liveness_ns = MYL_SEC(600); /* no liveness check makes up for a lost wake-up */
        e->consumer[i] = open_consumer_with(e->echo.name[i], &c);
        test_ok(myl_waitset_add_consumer(e->set, e->consumer[i], &e->taken[i]));
    }
}

static void send_request(struct echoing *e)
{
    void *event;
    uint64_t ring = next_random(&e->random) % RINGS;
    test_ok(myl_producer_claim(e->requests, &event, MYL_SEC(60)));
    ((struct event *)event)->word[0] = ring;
    myl_producer_publish(e->requests);
    e->sent[ring]++;
}

/* Takes what is ready; returns how many events that were. */
static uint64_t take_ready(struct echoing *e, const myl_ready *ready, uint32_t count)
{
    uint64_t took = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *taken = ready[i].user;
        const void *event;
        int rc;
        while ((rc = myl_consumer_next(ready[i].handle, &event, MYL_TRY)) == MYL_OK) {
            expect_event(event, *taken);
            ++*taken;
            took++;
            test_ok(myl_consumer_release(ready[i].handle));
        }
        test_code(MYL_EAGAIN, rc);
    }
    assert_true(count == 0 || took > 0);
    for (int i = 0; i < RINGS; i++)
        assert_true(e->taken[i] <= e->sent[i]);
    return took;
}

static void end_echo(struct echoing *e)
{
    myl_waitset_close(e->set);
    myl_producer_close(e->requests);
    test_expect_exit(&e->child, 0);
    for (int i = 0; i < RINGS; i++) {
        assert_int_equal(e->taken[i], e->sent[i]);
        myl_consumer_close(e->consumer[i]);
    }
}

static void every_wake_arrives(void **state)
{
    (void)state;
    for (int s = MYL_WAIT_ADAPTIVE; s <= MYL_WAIT_BLOCK; s++) {
        struct echoing e;
        int spins = s == MYL_WAIT_BUSY_SPIN || s == MYL_WAIT_SPIN_HINT; /* busy machine: in turns of the scheduler */
        start_echo(&e, (enum myl_wait_strategy)s);
        for (int round = 0; round < (spins ? 200 : 1000); round++) {
            myl_ready ready[RINGS];
            uint32_t count;
            send_request(&e);
            test_ok(myl_waitset_wait(e.set, ready, RINGS, &count, TEST_DEADLINE_NS));
            assert_int_equal(take_ready(&e, ready, count), 1);
        }
        end_echo(&e);
    }
}

static uint64_t rounds_wanted(void)
{
    const char *text = getenv("MYL_TEST_ROUNDS");
    return text == NULL ? ROUNDS : strtoull(text, NULL, 10);
}

static void drain_set(struct echoing *e, uint64_t *took)
{
    for (;;) {
        myl_ready ready[RINGS];
        uint32_t count;
        int rc = myl_waitset_wait(e->set, ready, RINGS, &count, MYL_TRY);
        if (rc == MYL_EAGAIN)
            return;
        test_ok(rc);
        *took += take_ready(e, ready, count);
    }
}

/* One request at a time: each event makes the descriptor readable exactly once, and nothing else does. */
static void descriptor_wakes_once_for_each_event(void **state)
{
    (void)state;
    struct echoing e;
    int fd;
    start_echo(&e, MYL_WAIT_DEFAULT);
    test_ok(myl_waitset_fd(e.set, &fd));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t rounds = rounds_wanted(), took = 0, wakes = 0;
    drain_set(&e, &took);
    for (uint64_t round = 0; round < rounds; round++) {
        send_request(&e);
        while (took == round) {
            if (poll(&p, 1, TEST_DEADLINE_MS) != 1)
                test_fail("round %llu: the wake-up was lost", (unsigned long long)round);
            wakes++;
            drain_set(&e, &took);
        }
    }
    print_message("%llu rounds, %llu wake-ups\n", (unsigned long long)rounds, (unsigned long long)wakes);
    assert_int_equal(took, rounds);
    assert_int_equal(wakes, rounds);
    assert_int_equal(poll(&p, 1, 0), 0);
    end_echo(&e);
}

/* Several requests at a time: events come while the set is drained and armed. There are at most as many wake-ups as
 * events. */
static void descriptor_loses_no_wake_in_bursts(void **state)
{
    (void)state;
    struct echoing e;
    int fd;
    start_echo(&e, MYL_WAIT_DEFAULT);
    test_ok(myl_waitset_fd(e.set, &fd));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t rounds = rounds_wanted(), sent = 0, took = 0, wakes = 0;
    drain_set(&e, &took);
    while (took < rounds) {
        for (; sent < rounds && sent < took + 5; sent++)
            send_request(&e);
        if (poll(&p, 1, TEST_DEADLINE_MS) != 1)
            test_fail("after %llu events a wake-up was lost", (unsigned long long)took);
        wakes++;
        drain_set(&e, &took);
    }
    print_message("%llu events, %llu wake-ups\n", (unsigned long long)rounds, (unsigned long long)wakes);
    assert_true(wakes <= rounds);
    end_echo(&e);
}

static void idle_set_uses_little_cpu(void **state)
{
    (void)state;
    struct ring ring[RINGS];
    myl_waitset *set = open_set(MYL_WAIT_DEFAULT);
    for (int i = 0; i < RINGS; i++) {
        make_ring(&ring[i], 0);
        test_ok(myl_waitset_add_consumer(set, ring[i].consumer, NULL));
    }
    myl_ready ready;
    uint32_t count;
    int64_t before = test_cpu_ns(getpid());
    test_code(MYL_ETIMEDOUT, myl_waitset_wait(set, &ready, 1, &count, MYL_SEC(1)));
    int64_t used = test_cpu_ns(getpid()) - before;
    if (used > TEST_IDLE_NS_PER_SECOND)
        test_fail("%lld us of CPU time in an idle second", (long long)used / 1000);
    int fd, wakes = 0;
    test_ok(myl_waitset_fd(set, &fd));
    before = test_cpu_ns(getpid());
    for (int64_t until = test_now_ns() + MYL_SEC(1); test_now_ns() < until; wakes++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        (void)poll(&p, 1, (int)((until - test_now_ns()) / 1000000 + 1));
        expect_none(set);
    }
    used = test_cpu_ns(getpid()) - before;
    print_message("an idle second: %lld us of CPU time, %d wake-ups\n", (long long)used / 1000, wakes);
    if (used > TEST_IDLE_NS_PER_SECOND)
        test_fail("%lld us of CPU time in an idle second", (long long)used / 1000);
    myl_waitset_close(set);
    for (int i = 0; i < RINGS; i++) {
        finish(&ring[i].child, PARTICIPANT_CLOSE);
        myl_consumer_close(ring[i].consumer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(death_is_reported_beside_a_busy_ring),
        cmocka_unit_test(producers_get_room_and_deaths),
        cmocka_unit_test(every_wake_arrives),
        cmocka_unit_test(descriptor_wakes_once_for_each_event),
        cmocka_unit_test(descriptor_loses_no_wake_in_bursts),
        cmocka_unit_test(idle_set_uses_little_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
