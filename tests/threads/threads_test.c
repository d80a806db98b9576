/* SPDX-License-Identifier: MIT
 * Producer, consumers and observer as threads over one mapping, for ThreadSanitizer (shared_mapping.c). Every word of
 * every event is checked. Every wait strategy really parks or spins. */
#include "support/test.h"

#include <myelon/myelon.h>

#include <pthread.h>
#include <string.h>

#define EVENTS    20000U
#define CONSUMERS 3
#define WORDS     5

struct event {
    uint64_t word[WORDS];
};

struct reader {
    pthread_t thread;
    const char *name;
    enum myl_wait_strategy strategy;
    uint64_t seen;
    int code;
};

static void *read_all(void *argument)
{
    struct reader *reader = argument;
    myl_consumer_options o = {.size = sizeof o, .ring = {.prefix = "t", .attach_timeout_ns = MYL_SEC(20)}};
    myl_consumer *consumer;
    const void *event;
    o.ring.wait.strategy = reader->strategy;
    reader->code = myl_consumer_open(&consumer, reader->name, &o);
    while (reader->code == MYL_OK) {
        reader->code = myl_consumer_next(consumer, &event, MYL_SEC(20));
        if (reader->code != MYL_OK)
            break;
        const struct event *e = event;
        for (int i = 0; i < WORDS; i++) {
            if (e->word[i] != reader->seen + (uint64_t)i)
                reader->code = MYL_ECORRUPT;
        }
        reader->seen++;
        int released = myl_consumer_release(consumer);
        if (released != MYL_OK)
            reader->code = released;
    }
    myl_consumer_close(consumer);
    return NULL;
}

static void broadcast(enum myl_wait_strategy strategy, uint64_t capacity, uint32_t packed_cell)
{
    char name[TEST_NAME_SIZE];
    struct reader readers[CONSUMERS];
    memset(readers, 0, sizeof readers);
    test_name(name, "threads");
    for (int i = 0; i < CONSUMERS; i++) {
        readers[i].name = name;
        readers[i].strategy = strategy;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    myl_producer_options o = {.size = sizeof o,
                              .config = {.event_size = sizeof(struct event),
                                         .capacity = capacity,
                                         .packed_cell = packed_cell},
                              .ring = {.wait_consumers = CONSUMERS, .wait_timeout_ns = MYL_SEC(20)}};
    myl_producer *producer;
    o.ring.wait.strategy = strategy;
    test_ok(myl_producer_open(&producer, name, &o));
    for (uint64_t n = 0; n < EVENTS; n++) {
        void *event;
        test_ok(myl_producer_claim(producer, &event, MYL_SEC(20)));
        for (int i = 0; i < WORDS; i++)
            ((struct event *)event)->word[i] = n + (uint64_t)i;
        myl_producer_publish(producer);
    }
    myl_producer_close(producer);
    for (int i = 0; i < CONSUMERS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_string_equal(myl_errname(readers[i].code), "MYL_ECLOSED");
        assert_int_equal(readers[i].seen, EVENTS);
    }
}

static void blocking_consumers_get_all_events(void **state)
{
    (void)state;
    broadcast(MYL_WAIT_BLOCK, 64, 0);
}

static void adaptive_consumers_get_all_events(void **state)
{
    (void)state;
    broadcast(MYL_WAIT_ADAPTIVE, 16, 0);
}

static void packed_events_reach_yielding_consumers(void **state)
{
    (void)state;
    broadcast(MYL_WAIT_SPIN_YIELD, 60, 256);
}

static void sleeping_consumers_get_all_events(void **state)
{
    (void)state;
    broadcast(MYL_WAIT_SLEEP, 1024, 0);
}

static int count_event(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    (void)end_of_batch;
    assert_int_equal(((const struct event *)event)->word[0], sequence);
    ++*(uint64_t *)user;
    return 0;
}

static void runner_gets_all_events(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    uint64_t handled = 0;
    myl_producer_options o = {.size = sizeof o, .config = {.event_size = sizeof(struct event), .capacity = 32}};
    myl_producer *producer;
    myl_consumer *consumer;
    myl_runner *runner;
    myl_runner_result result = {.size = sizeof result};
    test_name(name, "runner");
    test_ok(myl_producer_open(&producer, name, &o));
    test_ok(myl_consumer_open(&consumer, name, NULL));
    test_ok(myl_runner_start(&runner, consumer, count_event, &handled, NULL));
    for (uint64_t n = 0; n < EVENTS; n++) {
        struct event event = {{n, n, n, n, n}};
        test_ok(myl_producer_put(producer, &event, sizeof event, MYL_SEC(20)));
    }
    test_ok(myl_producer_wait_consumed(producer, EVENTS - 1, MYL_SEC(20)));
    myl_runner_stop(runner);
    test_ok(myl_runner_join(runner, &result, MYL_SEC(20)));
    assert_string_equal(myl_errname(result.code), "MYL_OK");
    assert_int_equal(result.handled, EVENTS);
    assert_int_equal(handled, EVENTS);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocking_consumers_get_all_events),
        cmocka_unit_test(adaptive_consumers_get_all_events),
        cmocka_unit_test(packed_events_reach_yielding_consumers),
        cmocka_unit_test(sleeping_consumers_get_all_events),
        cmocka_unit_test(runner_gets_all_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
