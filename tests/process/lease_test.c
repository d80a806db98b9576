/* SPDX-License-Identifier: MIT
 * A consumer that holds leases and a producer never wait for each other. The producer may wait in any call for their
 * release, and either may wait first: the consumer's call returns MYL_ELEASED. After the release both continue. */
#include <pthread.h>

#include <myelon/liveness.h>

#include "unit/frames.h"

#define RING_BYTES 65536
#define MAX_FRAME  4096
#define LIMIT      MYL_SEC(60) /* reached only if a wait does not end; the test then fails */

enum participant { PRODUCER, CONSUMER };

struct meeting {
    char name[TEST_NAME_SIZE];
    enum participant first;     /* which of the two waits first */
    uint32_t lane;
    myl_frame_producer *frames; /* one of the two is used */
    myl_producer *events;
    const struct way *way;
    int rc;                     /* result of the producer's call */
};

/* A call in which a producer waits for the release of leases. */
struct way {
    const char *name;
    uint64_t leased, bytes;     /* number of leased messages, and their length; or number of leased events */
    uint64_t more;              /* length of the next message, or events of the next batch; 0: wait_consumed */
    uint32_t packed_cell;       /* for events */
    uint64_t polled;            /* for events: claimed first, by a call that does not wait */
};

static int is_waiting(void *argument)
{
    const struct meeting *m = argument;
    myl_snapshot *s;
    test_ok(myl_snapshot_take_lane(m->name, MYL_BACKEND_SHM, m->lane, &s));
    int waits = m->first == PRODUCER ? s->producer_waiting_ns > 0 : s->entry[0].waiting_ns > 0;
    myl_snapshot_free(s);
    return waits;
}

/* The producer polls several times for a few events and finds no room. Then it waits for many. */
static int claim_after_polls(struct meeting *m, myl_span *span)
{
    int rc;
    struct meeting polls = *m;
    polls.first = PRODUCER;
    do
        rc = myl_producer_claim_span(m->events, m->way->polled, span, MYL_TRY);
    while (rc == MYL_EAGAIN && !is_waiting(&polls));
    test_code(MYL_EAGAIN, rc);
    return myl_producer_claim_span(m->events, m->way->more, span, LIMIT);
}

static void *wait_for_release(void *argument)
{
    static unsigned char bytes[RING_BYTES * 4];
    struct meeting *m = argument;
    const struct way *way = m->way;
    myl_span span;
    if (m->first == CONSUMER)
        test_until(is_waiting, m, "the consumer waits");
    if (m->frames != NULL)
        m->rc = way->more == 0 ? myl_frame_producer_wait_consumed(m->frames, LIMIT)
                               : myl_frame_producer_publish(m->frames, bytes, way->more, 0, LIMIT);
    else if (way->more == 0)
        m->rc = myl_producer_wait_consumed(m->events, myl_producer_last_published(m->events), LIMIT);
    else
        m->rc = way->polled != 0 ? claim_after_polls(m, &span)
                                 : myl_producer_claim_span(m->events, way->more, &span, LIMIT);
    if (m->events != NULL && way->more != 0 && m->rc == MYL_OK)
        myl_producer_publish(m->events);
    return NULL;
}

static void meet_with_messages(const struct way *way, enum participant first, uint32_t lanes)
{
    struct meeting m = {.way = way, .first = first, .lane = lanes - 1};
    myl_frame_producer_options o = frame_options(RING_BYTES, MAX_FRAME);
    myl_frame_producer *other = NULL;
    myl_message message = {0};
    pthread_t thread;
    o.config.max_message = RING_BYTES * 4;
    o.config.lanes = lanes;
    test_name(m.name, "lease");
    if (lanes > 1)
        other = open_frames(m.name, &o); /* lane 0: its producer publishes nothing */
    m.frames = open_frames(m.name, &o);
    myl_frame_consumer *consumer = open_frame_consumer(m.name, "c");
    for (uint64_t i = 0; i < way->leased; i++) {
        send_frame(m.frames, i, way->bytes, MYL_TRY);
        next_frame(consumer, i, way->bytes, MYL_TRY);
    }
    expect_no_frame(consumer, MYL_EAGAIN); /* a call that does not wait may read on, and release later */
    assert_int_equal(pthread_create(&thread, NULL, wait_for_release, &m), 0);
    if (first == PRODUCER)
        test_until(is_waiting, &m, "the producer waits");
    test_code(MYL_ELEASED, myl_frame_consumer_next(consumer, &message, LIMIT));
    if (lanes > 1)
        assert_int_equal(message.lane, 1);
    test_ok(myl_frame_consumer_release(consumer));
    if (way->more != 0) {
        test_ok(myl_frame_consumer_next(consumer, &message, LIMIT));
        assert_int_equal(message.length, way->more);
        test_ok(myl_frame_consumer_release(consumer));
    }
    pthread_join(thread, NULL);
    test_ok(m.rc);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(m.frames);
    myl_frame_producer_close(other);
}

static void leased_messages_are_released_for_a_waiting_producer(void **state)
{
    (void)state;
    static const struct way ways[] = {
        {.name = "one piece", .leased = 15, .bytes = 4000, .more = 4000},
        {.name = "fragments", .leased = 10, .bytes = 3000, .more = 40000},
        {.name = "longer than the ring", .leased = 10, .bytes = 3000, .more = 200000},
        {.name = "consumed", .leased = 3, .bytes = 10},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        print_message("%s\n", ways[i].name);
        meet_with_messages(&ways[i], PRODUCER, 1);
        meet_with_messages(&ways[i], CONSUMER, 1);
    }
}

/* In a ring with lanes: the result has the lane of the waiting producer, although another lane's producer may
 * publish. */
static void lane_of_the_waiting_producer_is_reported(void **state)
{
    (void)state;
    static const struct way fragments = {.leased = 10, .bytes = 3000, .more = 40000}, consumed = {.leased = 2};
    meet_with_messages(&fragments, PRODUCER, 2);
    meet_with_messages(&fragments, CONSUMER, 2);
    meet_with_messages(&consumed, CONSUMER, 2);
}

static void meet_with_events(const struct way *way, enum participant first)
{
    struct meeting m = {.way = way, .first = first};
    myl_producer_options o = {.size = sizeof o, .config = {.event_size = 8, .packed_cell = way->packed_cell}};
    myl_consumer_options c = {.size = sizeof c, .ring.id = "c"};
    myl_consumer *consumer;
    const void *event;
    pthread_t thread;
    o.config.capacity = way->packed_cell != 0 ? 112 : 64; /* packed: 16 cells of 7 */
    test_ok(myl_producer_open(&m.events, test_name(m.name, "lease"), &o));
    test_ok(myl_consumer_open(&consumer, m.name, &c));
    for (uint64_t i = 0; i < way->leased; i++) {
        test_ok(myl_producer_put(m.events, &i, sizeof i, MYL_TRY));
        test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
    }
    assert_int_equal(pthread_create(&thread, NULL, wait_for_release, &m), 0);
    if (first == PRODUCER && way->polled == 0)
        test_until(is_waiting, &m, "the producer waits");
    test_code(MYL_ELEASED, myl_consumer_next(consumer, &event, LIMIT));
    test_ok(myl_consumer_release(consumer));
    if (way->more != 0)
        test_ok(myl_consumer_next(consumer, &event, LIMIT));
    pthread_join(thread, NULL);
    test_ok(m.rc);
    myl_consumer_close(consumer);
    myl_producer_close(m.events);
}

static void leased_events_are_released_for_a_waiting_producer(void **state)
{
    (void)state;
    static const struct way ways[] = {
        {.name = "batch", .leased = 40, .more = 40},
        {.name = "largest batch", .leased = 1, .more = 64},
        {.name = "packed batch", .leased = 91, .more = 40, .packed_cell = 64},
        {.name = "consumed", .leased = 5},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        print_message("%s\n", ways[i].name);
        meet_with_events(&ways[i], PRODUCER);
        meet_with_events(&ways[i], CONSUMER);
    }
}

/* Calls that do not wait have stored the room that they need. A call that waits needs more. Consumer "early" blocks the
 * first ones, consumer "c" only the last one. */
static void wait_after_polls_stores_its_own_need(void **state)
{
    (void)state;
    static const struct way way = {.leased = 0, .polled = 30, .more = 60};
    struct meeting m = {.way = &way, .first = PRODUCER};
    myl_producer_options o = {.size = sizeof o, .config = {.event_size = 8, .capacity = 64}};
    myl_consumer_options c = {.size = sizeof c, .ring.id = "c"};
    myl_consumer *consumer, *early;
    const void *event;
    pthread_t thread;
    test_ok(myl_producer_open(&m.events, test_name(m.name, "lease"), &o));
    test_ok(myl_consumer_open(&consumer, m.name, &c));
    c.ring.id = "early";
    test_ok(myl_consumer_open(&early, m.name, &c));
    for (uint64_t i = 0; i < 40; i++) {
        test_ok(myl_producer_put(m.events, &i, sizeof i, MYL_TRY));
        test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
        if (i == 9)
            test_ok(myl_consumer_release(consumer)); /* at 10: enough room for 30 more, not for 60 */
    }
    assert_int_equal(pthread_create(&thread, NULL, wait_for_release, &m), 0);
    test_code(MYL_ELEASED, myl_consumer_next(consumer, &event, LIMIT));
    test_ok(myl_consumer_release(consumer));
    for (uint64_t i = 0; i < 40; i++)
        test_ok(myl_consumer_next(early, &event, MYL_TRY));
    test_ok(myl_consumer_release(early));
    test_ok(myl_consumer_next(consumer, &event, LIMIT));
    pthread_join(thread, NULL);
    test_ok(m.rc);
    myl_consumer_close(early);
    myl_consumer_close(consumer);
    myl_producer_close(m.events);
}

/* --- a producer that polls --------------------------------------------------------------------------------------- */

struct pair {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
};

/* 40 of 64 events leased by the only consumer. */
static void open_pair(struct pair *pair)
{
    myl_producer_options o = {.size = sizeof o, .config = {.event_size = 8, .capacity = 64}};
    myl_consumer_options c = {.size = sizeof c, .ring.id = "c"};
    const void *event;
    test_ok(myl_producer_open(&pair->producer, test_name(pair->name, "lease"), &o));
    test_ok(myl_consumer_open(&pair->consumer, pair->name, &c));
    for (uint64_t i = 0; i < 40; i++) {
        test_ok(myl_producer_put(pair->producer, &i, sizeof i, MYL_TRY));
        test_ok(myl_consumer_next(pair->consumer, &event, MYL_TRY));
    }
}

static void close_pair(struct pair *pair)
{
    myl_consumer_close(pair->consumer);
    myl_producer_close(pair->producer);
}

static void expect_next(struct pair *pair, int code)
{
    const void *event;
    test_code(code, myl_consumer_next(pair->consumer, &event, MYL_MSEC(20)));
}

/* A call without a time-out, or with one shorter than a check interval, needs the leases as much as one that waits. But
 * it is not reported as waiting. */
static void failed_claim_stores_its_need(void **state)
{
    (void)state;
    static const int64_t timeouts[] = {MYL_TRY, 1000};
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        struct pair pair;
        struct meeting m = {.first = PRODUCER};
        myl_span span;
        open_pair(&pair);
        expect_next(&pair, MYL_ETIMEDOUT); /* the leases are not needed */
        test_code(timeouts[i] == MYL_TRY ? MYL_EAGAIN : MYL_ETIMEDOUT,
                  myl_producer_claim_span(pair.producer, 40, &span, timeouts[i]));
        memcpy(m.name, pair.name, sizeof m.name);
        assert_false(is_waiting(&m));
        expect_next(&pair, MYL_ELEASED);
        test_ok(myl_consumer_release(pair.consumer));
        test_ok(myl_producer_claim_span(pair.producer, 40, &span, MYL_TRY));
        close_pair(&pair);
    }
}

static void failed_wait_consumed_stores_its_need(void **state)
{
    (void)state;
    struct pair pair;
    const void *event;
    open_pair(&pair);
    test_code(MYL_EAGAIN, myl_producer_wait_consumed(pair.producer, 39, MYL_TRY));
    expect_next(&pair, MYL_ELEASED);
    test_ok(myl_consumer_release(pair.consumer));
    test_ok(myl_producer_wait_consumed(pair.producer, 39, MYL_TRY));
    test_ok(myl_producer_put(pair.producer, "8 bytes", 8, MYL_TRY));
    test_ok(myl_consumer_next(pair.consumer, &event, MYL_TRY));
    expect_next(&pair, MYL_ETIMEDOUT);
    close_pair(&pair);
}

/* A need that is over does not end a later wait: the next call needs less room and gets it. */
static void smaller_claim_clears_the_need(void **state)
{
    (void)state;
    struct pair pair;
    const void *event;
    myl_span span;
    open_pair(&pair);
    test_code(MYL_EAGAIN, myl_producer_claim_span(pair.producer, 40, &span, MYL_TRY));
    test_ok(myl_producer_put(pair.producer, "8 bytes", 8, MYL_TRY));
    test_ok(myl_consumer_next(pair.consumer, &event, MYL_TRY));
    expect_next(&pair, MYL_ETIMEDOUT);
    close_pair(&pair);
}

/* A producer that leaves, and its successor, do not keep the earlier need. */
static void successor_has_no_need_yet(void **state)
{
    (void)state;
    struct pair pair;
    myl_producer_options o = {.size = sizeof o, .config.event_size = 8};
    myl_span span;
    open_pair(&pair);
    test_code(MYL_EAGAIN, myl_producer_claim_span(pair.producer, 40, &span, MYL_TRY));
    myl_producer_leave(pair.producer);
    test_ok(myl_producer_open(&pair.producer, pair.name, &o));
    expect_next(&pair, MYL_ETIMEDOUT);
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leased_messages_are_released_for_a_waiting_producer),
        cmocka_unit_test(lane_of_the_waiting_producer_is_reported),
        cmocka_unit_test(leased_events_are_released_for_a_waiting_producer),
        cmocka_unit_test(wait_after_polls_stores_its_own_need),
        cmocka_unit_test(failed_claim_stores_its_need),
        cmocka_unit_test(failed_wait_consumed_stores_its_need),
        cmocka_unit_test(smaller_claim_clears_the_need),
        cmocka_unit_test(successor_has_no_need_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
