/* SPDX-License-Identifier: MIT
 * A consumer that follows a stream looks at `next` instead of stamps (src/ring/stream.c). When it does is a matter of
 * speed; here it is made to, by hand, and must answer as ever. */
#include "segment/layout.h"
#include "unit/rings.h"

struct stream {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
    struct myl_i_consumer_hot *hot;
    myl_au64 *next; /* in the consumer's mapping */
};

static myl_au64 *next_of(const struct myl_i_consumer_hot *hot)
{
    uintptr_t control = (uintptr_t)hot->room - offsetof(struct myl_control, room);
    return &((struct myl_control *)control)->next;
}

static void begin(struct stream *s, const char *name)
{
    myl_producer_options o = producer_options(16);
    s->producer = open_producer(test_name(s->name, name), &o);
    s->consumer = open_consumer(s->name, "c");
    s->hot = (struct myl_i_consumer_hot *)(void *)s->consumer;
    s->next = next_of(s->hot);
}

static void end(struct stream *s)
{
    myl_consumer_close(s->consumer);
    myl_producer_close(s->producer);
}

static void follow(struct stream *s)
{
    s->hot->front = s->next;
}

static void test_reads_what_next_says(void **state)
{
    (void)state;
    struct stream s;
    begin(&s, "reads");
    follow(&s);
    put_many(s.producer, 0, 12);
    take_many(s.consumer, 0, 12);
    put_many(s.producer, 12, 9); /* over the ring's end */
    take_many(s.consumer, 12, 9);
    assert_non_null(s.hot->front);
    end(&s);
}

static void test_runs(void **state)
{
    (void)state;
    struct stream s;
    myl_run run;
    begin(&s, "runs");
    follow(&s);
    put_many(s.producer, 0, 10);
    test_ok(myl_consumer_next_run(s.consumer, 16, &run, MYL_TRY));
    assert_int_equal(run.count, 10);
    for (uint64_t i = 0; i < run.count; i++)
        expect_event((const char *)run.event + i * run.stride, i);
    test_ok(myl_consumer_release(s.consumer));
    end(&s);
}

/* As a producer leaves it that is killed behind its stamp: the event is published, and `next` does not say so. */
static void put_without_next(struct stream *s, uint64_t number)
{
    put(s->producer, number, MYL_TRY);
    myl_store_rel(s->next, number);
}

static void test_a_stamp_without_next_is_found_by_trying(void **state)
{
    (void)state;
    struct stream s;
    const void *event;
    begin(&s, "try");
    follow(&s);
    expect_nothing(s.consumer, MYL_EAGAIN);
    put_without_next(&s, 0);
    test_ok(myl_consumer_next(s.consumer, &event, MYL_TRY));
    expect_event(event, 0);
    assert_null(s.hot->front);
    test_ok(myl_consumer_release(s.consumer));
    end(&s);
}

static void test_a_stamp_without_next_is_found_by_waiting(void **state)
{
    (void)state;
    struct stream s;
    begin(&s, "wait");
    follow(&s);
    put_without_next(&s, 0);
    take_many(s.consumer, 0, 1);
    assert_null(s.hot->front);
    end(&s);
}

static void test_nothing_ends_it(void **state)
{
    (void)state;
    struct stream s;
    const void *event;
    begin(&s, "nothing");
    follow(&s);
    put_many(s.producer, 0, 3);
    take_many(s.consumer, 0, 3);
    expect_nothing(s.consumer, MYL_EAGAIN);
    assert_non_null(s.hot->front); /* a drain ends like that */
    expect_nothing(s.consumer, MYL_EAGAIN);
    assert_null(s.hot->front);
    follow(&s);
    test_code(MYL_ETIMEDOUT, myl_consumer_next(s.consumer, &event, MYL_USEC(50)));
    assert_null(s.hot->front);
    end(&s);
}

static void test_the_end_is_told_at_once(void **state)
{
    (void)state;
    struct stream s;
    begin(&s, "end");
    follow(&s);
    put_many(s.producer, 0, 3);
    myl_producer_close(s.producer);
    take_many(s.consumer, 0, 3);
    expect_nothing(s.consumer, MYL_ECLOSED);
    myl_consumer_close(s.consumer);
}

static void test_rewind(void **state)
{
    (void)state;
    struct stream s;
    const void *event;
    begin(&s, "rewind");
    follow(&s);
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

static void test_messages(void **state)
{
    (void)state;
    static const char *const text[] = {"short", "one that is longer than what fits behind its header", ""};
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = {.size = sizeof o, .ring_bytes = 65536};
    myl_frame_producer *producer = NULL;
    myl_frame_consumer *consumer = NULL;
    myl_message message;
    test_ok(myl_frame_producer_open(&producer, test_name(name, "messages"), &o));
    test_ok(myl_frame_consumer_open(&consumer, name, NULL));
    struct myl_i_consumer_hot *hot = (struct myl_i_consumer_hot *)(void *)consumer;
    myl_au64 *next = next_of(hot);
    hot->front = next;
    for (unsigned i = 0; i < 3; i++)
        test_ok(myl_frame_producer_publish(producer, text[i], strlen(text[i]), 1, MYL_TRY));
    for (unsigned i = 0; i < 3; i++)
        expect_message(consumer, text[i]);
    test_ok(myl_frame_consumer_release(consumer));
    assert_non_null(hot->front);
    test_code(MYL_EAGAIN, myl_frame_consumer_next(consumer, &message, MYL_TRY));
    uint64_t before = myl_load_acq(next);
    test_ok(myl_frame_producer_publish(producer, text[0], strlen(text[0]), 1, MYL_TRY));
    myl_store_rel(next, before); /* killed behind the stamp */
    expect_message(consumer, text[0]);
    assert_null(hot->front);
    test_ok(myl_frame_consumer_release(consumer));
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_next_says),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_a_stamp_without_next_is_found_by_trying),
        cmocka_unit_test(test_a_stamp_without_next_is_found_by_waiting),
        cmocka_unit_test(test_nothing_ends_it),
        cmocka_unit_test(test_the_end_is_told_at_once),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
