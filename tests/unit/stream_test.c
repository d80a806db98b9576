/* SPDX-License-Identifier: MIT
 * A consumer that reads a stream polls `next` instead of stamps (src/ring/stream.c). When it switches depends on
 * timing. These tests switch it by hand; its results must not change. */
#include "ring/consumer.h"
#include "ring/divert.h"
#include "unit/rings.h"

struct stream {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
};

static myl_au64 *next_of(const struct myl_consumer *consumer)
{
    return &consumer->handle.segment.control->next;
}

static void begin(struct stream *s, const char *name)
{
    myl_producer_options o = producer_options(16);
    s->producer = open_producer(test_name(s->name, name), &o);
    s->consumer = open_consumer(s->name, "c");
}

static void end(struct stream *s)
{
    myl_consumer_close(s->consumer);
    myl_producer_close(s->producer);
}

static void follow(struct myl_consumer *consumer)
{
    myl_consumer_divert(consumer, MYL_DIVERT_STREAM);
    consumer->pace = 16;
    consumer->thin = 0;
}

static int follows(const struct myl_consumer *consumer)
{
    return consumer->hot.front != NULL;
}

static void stream_reads_up_to_next(void **state)
{
    (void)state;
    struct stream s;
    begin(&s, "reads");
    follow(s.consumer);
    put_many(s.producer, 0, 12);
    take_many(s.consumer, 0, 12);
    put_many(s.producer, 12, 9); /* across the ring's end */
    take_many(s.consumer, 12, 9);
    assert_true(follows(s.consumer));
    end(&s);
}

static void stream_spans_end_at_next(void **state)
{
    (void)state;
    struct stream s;
    myl_span span;
    begin(&s, "runs");
    follow(s.consumer);
    put_many(s.producer, 0, 10);
    test_ok(myl_consumer_next_span(s.consumer, 16, &span, MYL_TRY));
    assert_int_equal(span.count, 10);
    for (uint64_t i = 0; i < span.count; i++)
        expect_event((const char *)span.event + i * span.stride, i);
    test_ok(myl_consumer_release(s.consumer));
    end(&s);
}

/* A producer that is killed after it stored its stamp leaves this: the event is published, and `next` is not stored. */
static void put_without_next(struct stream *s, uint64_t number)
{
    put(s->producer, number, MYL_TRY);
    myl_store_rel(next_of(s->consumer), number);
}

static void stamp_without_next_is_found_by_polling(void **state)
{
    (void)state;
    struct stream s;
    const void *event;
    begin(&s, "try");
    follow(s.consumer);
    expect_nothing(s.consumer, MYL_EAGAIN);
    put_without_next(&s, 0);
    test_ok(myl_consumer_next(s.consumer, &event, MYL_TRY));
    expect_event(event, 0);
    assert_false(follows(s.consumer));
    test_ok(myl_consumer_release(s.consumer));
    end(&s);
}

static void stamp_without_next_is_found_by_waiting(void **state)
{
    (void)state;
    struct stream s;
    begin(&s, "wait");
    follow(s.consumer);
    put_without_next(&s, 0);
    take_many(s.consumer, 0, 1);
    assert_false(follows(s.consumer));
    end(&s);
}

static void empty_poll_ends_the_stream(void **state)
{
    (void)state;
    struct stream s;
    const void *event;
    begin(&s, "nothing");
    follow(s.consumer);
    put_many(s.producer, 0, 3);
    take_many(s.consumer, 0, 3);
    assert_true(follows(s.consumer));
    expect_nothing(s.consumer, MYL_EAGAIN);
    assert_false(follows(s.consumer));
    follow(s.consumer);
    test_code(MYL_ETIMEDOUT, myl_consumer_next(s.consumer, &event, MYL_USEC(50)));
    assert_false(follows(s.consumer));
    end(&s);
}

static void stream_reports_the_end_at_once(void **state)
{
    (void)state;
    struct stream s;
    begin(&s, "end");
    follow(s.consumer);
    put_many(s.producer, 0, 3);
    myl_producer_close(s.producer);
    take_many(s.consumer, 0, 3);
    expect_nothing(s.consumer, MYL_ECLOSED);
    myl_consumer_close(s.consumer);
}

static void rewind_leaves_the_stream(void **state)
{
    (void)state;
    struct stream s;
    const void *event;
    begin(&s, "rewind");
    follow(s.consumer);
    put_many(s.producer, 0, 5);
    for (uint64_t i = 0; i < 5; i++)
        test_ok(myl_consumer_next(s.consumer, &event, MYL_TRY));
    myl_consumer_rewind(s.consumer);
    take_many(s.consumer, 0, 5);
    end(&s);
}

static void expect_message(myl_frame_consumer *consumer, const char *text)
{
    myl_message message;
    test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
    assert_int_equal(message.length, strlen(text));
    assert_memory_equal(message.data, text, strlen(text));
}

static void stream_of_messages_reads_up_to_next(void **state)
{
    (void)state;
    static const char *const text[] = {"short", "one that is longer than what fits after its header", ""};
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = {.size = sizeof o, .config.ring_bytes = 65536};
    myl_frame_producer *producer = NULL;
    myl_frame_consumer *consumer = NULL;
    myl_message message;
    test_ok(myl_frame_producer_open(&producer, test_name(name, "messages"), &o));
    test_ok(myl_frame_consumer_open(&consumer, name, NULL));
    struct myl_consumer *ring = (struct myl_consumer *)(void *)consumer; /* its first member */
    follow(ring);
    for (unsigned i = 0; i < 3; i++)
        test_ok(myl_frame_producer_publish(producer, text[i], strlen(text[i]), 1, MYL_TRY));
    for (unsigned i = 0; i < 3; i++)
        expect_message(consumer, text[i]);
    test_ok(myl_frame_consumer_release(consumer));
    assert_true(follows(ring));
    test_code(MYL_EAGAIN, myl_frame_consumer_next(consumer, &message, MYL_TRY));
    assert_false(follows(ring));
    follow(ring);
    uint64_t before = myl_load_acq(next_of(ring));
    test_ok(myl_frame_producer_publish(producer, text[0], strlen(text[0]), 1, MYL_TRY));
    myl_store_rel(next_of(ring), before); /* killed after the stamp */
    expect_message(consumer, text[0]);
    assert_false(follows(ring));
    test_ok(myl_frame_consumer_release(consumer));
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

/* Successful polls, one event at a time, may start a stream. A poll that is repeated does not. */
static void successful_polls_start_a_stream(void **state)
{
    (void)state;
    struct stream s;
    const void *event;
    begin(&s, "busy");
    expect_nothing(s.consumer, MYL_EAGAIN);
    for (uint64_t n = 0; n < 2; n++) {
        put(s.producer, n, MYL_TRY);
        test_ok(myl_consumer_next(s.consumer, &event, MYL_TRY));
        expect_nothing(s.consumer, MYL_EAGAIN);
        test_ok(myl_consumer_release(s.consumer));
        assert_int_equal(s.consumer->streak, n + 1);
    }
    expect_nothing(s.consumer, MYL_EAGAIN);
    assert_int_equal(s.consumer->streak, 0);
    end(&s);
}

/* A consumer that polls repeatedly for each event does not start a stream. */
static void request_response_is_no_stream(void **state)
{
    (void)state;
    struct stream s;
    const void *event;
    begin(&s, "answers");
    for (uint64_t n = 0; n < 50; n++) {
        expect_nothing(s.consumer, MYL_EAGAIN);
        expect_nothing(s.consumer, MYL_EAGAIN);
        put(s.producer, n, MYL_TRY);
        test_ok(myl_consumer_next(s.consumer, &event, MYL_TRY));
        expect_event(event, n);
        test_ok(myl_consumer_release(s.consumer));
        assert_false(follows(s.consumer));
    }
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_reads_up_to_next),
        cmocka_unit_test(stream_spans_end_at_next),
        cmocka_unit_test(stamp_without_next_is_found_by_polling),
        cmocka_unit_test(stamp_without_next_is_found_by_waiting),
        cmocka_unit_test(empty_poll_ends_the_stream),
        cmocka_unit_test(stream_reports_the_end_at_once),
        cmocka_unit_test(rewind_leaves_the_stream),
        cmocka_unit_test(stream_of_messages_reads_up_to_next),
        cmocka_unit_test(successful_polls_start_a_stream),
        cmocka_unit_test(request_response_is_no_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
