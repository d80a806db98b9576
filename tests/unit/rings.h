/* SPDX-License-Identifier: MIT
 * Rings for tests in one and in several processes: short calls to open them, and events in which every tear, loss and
 * repetition shows. */
#ifndef MYL_TESTS_UNIT_RINGS_H
#define MYL_TESTS_UNIT_RINGS_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <myelon/myelon.h>

#include "support/test.h"

#define RINGS_UNUSED __attribute__((unused))

/* The last backend, for tests that try all of them: the portable layer has no memfds. */
#ifdef MYL_OS_POSIX
#define LAST_BACKEND MYL_BACKEND_FILE
#else
#define LAST_BACKEND MYL_BACKEND_MEMFD
#endif

/* An event whose words all follow from its number. */
enum { EVENT_WORDS = 6 };
struct event {
    uint64_t word[EVENT_WORDS];
};

RINGS_UNUSED static void event_fill(void *event, uint64_t number)
{
    uint64_t *word = (uint64_t *)event;
    for (unsigned i = 0; i < EVENT_WORDS; i++)
        word[i] = number * 7 + i * 1000003;
}

RINGS_UNUSED static int event_is(const void *event, uint64_t number)
{
    const uint64_t *word = (const uint64_t *)event;
    for (unsigned i = 0; i < EVENT_WORDS; i++) {
        if (word[i] != number * 7 + i * 1000003)
            return 0;
    }
    return 1;
}

#define expect_event(event, number)                                                                                    \
    do {                                                                                                               \
        if (!event_is((event), (number)))                                                                              \
            test_fail("not event %llu but one of word %llu", (unsigned long long)(number),                             \
                      (unsigned long long)(*(const uint64_t *)(event) / 7));                                           \
    } while (0)

/* An open must fail with this code and a detail with this text, and give no handle. */
#define expect_no_producer(code, text, name, options)                                                                  \
    do {                                                                                                               \
        myl_producer *no_producer = (myl_producer *)(void *)&no_producer;                                              \
        test_code((code), myl_producer_open(&no_producer, (name), (options)));                                         \
        expect_detail(text);                                                                                           \
        assert_null(no_producer);                                                                                      \
    } while (0)
#define expect_no_consumer(code, text, name, options)                                                                  \
    do {                                                                                                               \
        myl_consumer *no_consumer = (myl_consumer *)(void *)&no_consumer;                                              \
        test_code((code), myl_consumer_open(&no_consumer, (name), (options)));                                         \
        expect_detail(text);                                                                                           \
        assert_null(no_consumer);                                                                                      \
    } while (0)

RINGS_UNUSED static myl_producer_options producer_options(uint64_t capacity)
{
    return (myl_producer_options){.size = sizeof(myl_producer_options),
                                  .config = {.event_size = sizeof(struct event), .capacity = capacity}};
}

RINGS_UNUSED static myl_consumer_options consumer_options(const char *id)
{
    return (myl_consumer_options){.size = sizeof(myl_consumer_options), .ring.id = id};
}

RINGS_UNUSED static myl_producer *open_producer(const char *name, const myl_producer_options *options)
{
    myl_producer *producer = NULL;
    test_ok(myl_producer_open(&producer, name, options));
    assert_non_null(producer);
    return producer;
}

RINGS_UNUSED static myl_consumer *open_consumer_with(const char *name, const myl_consumer_options *options)
{
    myl_consumer *consumer = NULL;
    test_ok(myl_consumer_open(&consumer, name, options));
    assert_non_null(consumer);
    return consumer;
}

RINGS_UNUSED static myl_consumer *open_consumer(const char *name, const char *id)
{
    myl_consumer_options options = consumer_options(id);
    return open_consumer_with(name, &options);
}

RINGS_UNUSED static void put(myl_producer *producer, uint64_t number, int64_t timeout_ns)
{
    void *event;
    test_ok(myl_producer_claim(producer, &event, timeout_ns));
    event_fill(event, number);
    myl_producer_publish(producer);
}

RINGS_UNUSED static void put_many(myl_producer *producer, uint64_t from, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        put(producer, from + i, MYL_SEC(10));
}

/* Leases and checks events from `from` on, and releases them together. */
RINGS_UNUSED static void take_many(myl_consumer *consumer, uint64_t from, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        const void *event;
        test_ok(myl_consumer_next(consumer, &event, MYL_SEC(10)));
        expect_event(event, from + i);
        assert_int_equal(myl_consumer_last_leased(consumer), from + i);
    }
    test_ok(myl_consumer_release(consumer));
}

RINGS_UNUSED static void expect_nothing(myl_consumer *consumer, int code)
{
    const void *event;
    test_code(code, myl_consumer_next(consumer, &event, MYL_TRY));
}

RINGS_UNUSED static int ring_exists(const char *name)
{
    char path[TEST_NAME_SIZE + 16];
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    return access(path, F_OK) == 0;
}

#endif
