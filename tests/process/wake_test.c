/* SPDX-License-Identifier: MIT
 * Unconditional wakes: leaving, removal by force and eviction wake every parked participant at once. All check
 * intervals are longer than the test, so without the wake a wait would not end. */
#include "process/frame_participant.h"

#define NEVER_NS MYL_SEC(1000)

enum reader { EVENTS, OBSERVER, FRAMES, FRAME_OBSERVER, LANES, READERS };

struct sleeper {
    const char *name;
    enum reader reader;
    int number;
};

static myl_consumer_options parking_options(const struct sleeper *sleeper, char id[16])
{
    myl_consumer_options o = {.size = sizeof o, .ring = {.liveness_ns = NEVER_NS, .wait.strategy = MYL_WAIT_BLOCK}};
    snprintf(id, 16, "s%d", sleeper->number);
    o.ring.id = id;
    return o;
}

/* Reports how each wait ended. Then waits for the parent, because its leave would wake others. */
static int sleep_on_events(test_peer *parent, const struct sleeper *sleeper)
{
    char id[16];
    myl_consumer_options o = parking_options(sleeper, id);
    myl_consumer *consumer = NULL;
    myl_observer *observer = NULL;
    const void *event;
    struct event copy;
    uint64_t lost;
    if (sleeper->reader == EVENTS)
        test_ok(myl_consumer_open(&consumer, sleeper->name, &o));
    else {
        o.ring.id = NULL;
        test_ok(myl_observer_open(&observer, sleeper->name, &o));
    }
    test_send(parent, 1);
    int rc = consumer != NULL ? myl_consumer_next(consumer, &event, MYL_FOREVER)
                              : myl_observer_get(observer, &copy, sizeof copy, &lost, MYL_FOREVER);
    test_send(parent, (uint64_t)-rc);
    test_expect_value(parent, 2);
    myl_consumer_close(consumer);
    myl_observer_close(observer);
    return 0;
}

static int sleep_on_frames(test_peer *parent, const struct sleeper *sleeper)
{
    char id[16];
    myl_frame_consumer_options o = {.size = sizeof o, .ring = parking_options(sleeper, id).ring};
    myl_frame_consumer *consumer = NULL;
    myl_frame_observer *observer = NULL;
    myl_message message;
    myl_frame_lost lost;
    unsigned char copy[64];
    if (sleeper->reader == FRAME_OBSERVER) {
        o.ring.id = NULL;
        test_ok(myl_frame_observer_open(&observer, sleeper->name, &o));
    } else
        test_ok(myl_frame_consumer_open(&consumer, sleeper->name, &o));
    test_send(parent, 1);
    int rc = consumer != NULL ? myl_frame_consumer_next(consumer, &message, MYL_FOREVER)
                              : myl_frame_observer_get(observer, copy, sizeof copy, &message, &lost, MYL_FOREVER);
    test_send(parent, (uint64_t)-rc);
    test_expect_value(parent, 2);
    myl_frame_consumer_close(consumer);
    myl_frame_observer_close(observer);
    return 0;
}

static int sleep_in_child(test_peer *parent, void *argument)
{
    const struct sleeper *sleeper = argument;
    return sleeper->reader < FRAMES ? sleep_on_events(parent, sleeper) : sleep_on_frames(parent, sleeper);
}

static void start_and_wait_asleep(test_child *child, struct sleeper *sleeper)
{
    test_spawn(child, sleep_in_child, sleeper);
    test_expect_value(&child->peer, 1);
    test_until(test_is_asleep, &child->pid, "the reader sleeps");
}

static void leaving_is_reported_at_once(void **state)
{
    (void)state;
    for (int r = EVENTS; r < READERS; r++) {
        char name[TEST_NAME_SIZE];
        struct sleeper sleeper = {.name = test_name(name, "leaves"), .reader = (enum reader)r};
        test_child child;
        myl_producer *events = NULL;
        myl_frame_producer *frames = NULL;
        myl_producer_options o = producer_options(8);
        myl_frame_producer_options f = frame_options(65536, 1000);
        f.config.lanes = r == LANES ? 2 : 1;
        if (r < FRAMES)
            events = open_producer(name, &o);
        else
            frames = open_frames(name, &f);
        start_and_wait_asleep(&child, &sleeper);
        myl_producer_leave(events);
        myl_frame_producer_leave(frames);
        test_expect_value(&child.peer, (uint64_t)-MYL_EPRODUCERLEFT);
        test_send(&child.peer, 2);
        test_expect_exit(&child, 0);
        test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
    }
}

enum cause { CLOSED, REMOVED, PUBLISHED, CAUSES };

/* Several participants park on one word. Each gets its report while all the others are still registered. */
static void every_sleeper_is_woken(void **state)
{
    (void)state;
    enum { SLEEPERS = 5 };
    static const int result[CAUSES] = {MYL_ECLOSED, MYL_ESUPERSEDED, MYL_OK};
    for (int cause = CLOSED; cause < CAUSES; cause++) {
        char name[TEST_NAME_SIZE];
        struct sleeper sleeper[SLEEPERS];
        test_child child[SLEEPERS];
        myl_producer_options o = producer_options(8);
        myl_producer *producer = open_producer(test_name(name, "several"), &o);
        for (int i = 0; i < SLEEPERS; i++) {
            sleeper[i] = (struct sleeper){.name = name, .reader = i % 2 == 0 ? EVENTS : OBSERVER, .number = i};
            start_and_wait_asleep(&child[i], &sleeper[i]);
        }
        if (cause == CLOSED)
            myl_producer_close(producer);
        else if (cause == REMOVED)
            test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
        else
            put_many(producer, 0, 1);
        for (int i = 0; i < SLEEPERS; i++)
            test_expect_value(&child[i].peer, (uint64_t)-result[cause]);
        for (int i = 0; i < SLEEPERS; i++)
            test_send(&child[i].peer, 2);
        for (int i = 0; i < SLEEPERS; i++)
            test_expect_exit(&child[i], 0);
        if (cause != CLOSED)
            myl_producer_close(producer);
        assert_false(ring_exists(name));
    }
}

static int claim_asleep(test_peer *parent, void *argument)
{
    const char *name = argument;
    void *event;
    myl_producer_options o = producer_options(4);
    o.ring.liveness_ns = NEVER_NS;
    o.ring.on_death = MYL_DEATH_WAIT;
    o.ring.wait.strategy = MYL_WAIT_BLOCK;
    myl_producer *producer = open_producer(name, &o);
    test_send(parent, 1);
    test_expect_value(parent, 2); /* the consumer has joined */
    put_many(producer, 0, 4);
    test_send(parent, 3);
    test_send(parent, (uint64_t)-myl_producer_claim(producer, &event, MYL_FOREVER));
    test_expect_value(parent, 4);
    myl_producer_close(producer);
    return 0;
}

static void eviction_wakes_the_producer(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_child producer, dead;
    struct participant participant = {.name = test_name(name, "evicted"), .id = "dead"};
    test_spawn(&producer, claim_asleep, name);
    test_expect_value(&producer.peer, 1);
    start_consumer(&dead, &participant, 0);
    myl_consumer *alive = open_consumer(name, "alive");
    test_send(&producer.peer, 2);
    test_expect_value(&producer.peer, 3);
    take_many(alive, 0, 4);
    test_until(test_is_asleep, &producer.pid, "the producer sleeps");
    test_kill(&dead);
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "dead"));
    test_expect_value(&producer.peer, MYL_OK);
    test_send(&producer.peer, 4);
    test_expect_exit(&producer, 0);
    myl_consumer_close(alive);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaving_is_reported_at_once),
        cmocka_unit_test(every_sleeper_is_woken),
        cmocka_unit_test(eviction_wakes_the_producer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
