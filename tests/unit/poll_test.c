/* SPDX-License-Identifier: MIT
 * Polls: what is acknowledged after each action of a handler, for events and for messages. */
#include "unit/frames.h"

enum { MOST = 64 };

/* The handler returns `action` for the event or message number `at`, and MYL_ACTION_CONTINUE for others. */
struct plan {
    enum myl_action action;
    uint64_t at;
    uint64_t seen[MOST];
    unsigned count;
    myl_consumer *events;
    myl_frame_consumer *frames;
    int releases;              /* the handler releases number `at` itself */
};

static enum myl_action follow(struct plan *plan, uint64_t number)
{
    assert_true(plan->count < MOST);
    plan->seen[plan->count++] = number;
    return number == plan->at ? plan->action : MYL_ACTION_CONTINUE;
}

static enum myl_action on_event(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    struct plan *plan = user;
    (void)end_of_batch;
    expect_event(event, (uint64_t)sequence);
    if (plan->releases && (uint64_t)sequence == plan->at)
        test_ok(myl_consumer_release_to(plan->events, sequence));
    return follow(plan, (uint64_t)sequence);
}

static enum myl_action on_message(const myl_message *message, void *user)
{
    struct plan *plan = user;
    expect_message(message, message->number, message->length);
    if (plan->releases && message->number == plan->at)
        test_ok(myl_frame_consumer_release(plan->frames));
    return follow(plan, message->number);
}

/* Ten events or messages are published. What the handler does with number 5. */
static const struct {
    enum myl_action action;
    int releases;
    uint64_t handled;          /* in the first poll */
    uint64_t next;             /* the first number of the second one */
} cases[] = {
    {MYL_ACTION_CONTINUE, 0, 10, 10}, {MYL_ACTION_COMMIT, 0, 10, 10}, {MYL_ACTION_BREAK, 0, 6, 6},
    {MYL_ACTION_ABORT, 0, 5, 5},      {MYL_ACTION_ABORT, 1, 6, 6},    {MYL_ACTION_CONTINUE, 1, 10, 10},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void expect_seen(const struct plan *plan, uint64_t from, uint64_t count)
{
    assert_int_equal(plan->count, count);
    for (unsigned i = 0; i < plan->count; i++)
        assert_int_equal(plan->seen[i], from + i);
}

static void actions_decide_what_is_acknowledged_of_events(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        char name[TEST_NAME_SIZE];
        uint64_t handled = 99, rest = 10 - cases[i].next;
        myl_producer_options o = producer_options(64);
        myl_producer *producer = open_producer(test_name(name, "poll"), &o);
        myl_consumer *consumer = open_consumer(name, "c");
        put_many(producer, 0, 10);
        struct plan plan = {.action = cases[i].action, .at = 5, .events = consumer, .releases = cases[i].releases};
        test_ok(myl_consumer_poll(consumer, 0, on_event, &plan, &handled, MYL_TRY));
        assert_int_equal(handled, cases[i].handled);
        assert_int_equal(myl_consumer_last_acknowledged(consumer), cases[i].next - 1);
        plan = (struct plan){.at = UINT64_MAX};
        test_code(rest > 0 ? MYL_OK : MYL_EAGAIN, myl_consumer_poll(consumer, 0, on_event, &plan, &handled, MYL_TRY));
        assert_int_equal(handled, rest);
        expect_seen(&plan, cases[i].next, rest);
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

static void actions_decide_what_is_acknowledged_of_messages(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * CASES; i++) {
        char name[TEST_NAME_SIZE];
        const unsigned k = i / 2;
        uint64_t handled = 99, rest = 10 - cases[k].next, length = i % 2 == 0 ? 100 : 5000;
        myl_frame_producer_options o = frame_options(1 << 20, 2000); /* 5000 bytes come in fragments */
        o.config.numbers = MYL_FRAMES_NUMBERED;
        myl_frame_producer *producer = open_frames(test_name(name, "poll"), &o);
        myl_frame_consumer *consumer = open_frame_consumer(name, "c");
        for (uint64_t n = 0; n < 10; n++)
            send_frame(producer, n, length, MYL_TRY);
        struct plan plan = {.action = cases[k].action, .at = 5, .frames = consumer, .releases = cases[k].releases};
        test_ok(myl_frame_consumer_poll(consumer, 0, on_message, &plan, &handled, MYL_TRY));
        assert_int_equal(handled, cases[k].handled);
        plan = (struct plan){.at = UINT64_MAX};
        test_code(rest > 0 ? MYL_OK : MYL_EAGAIN,
                  myl_frame_consumer_poll(consumer, 0, on_message, &plan, &handled, MYL_TRY));
        assert_int_equal(handled, rest);
        expect_seen(&plan, cases[k].next, rest);
        test_ok(myl_frame_producer_wait_consumed(producer, MYL_TRY));
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
    }
}

/* Commits every third event. */
static enum myl_action commit_some(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    myl_consumer *consumer = user;
    (void)event;
    assert_int_equal(end_of_batch, sequence == 9);
    assert_int_equal(myl_consumer_last_acknowledged(consumer), sequence / 3 * 3 - 1);
    return sequence % 3 == 2 ? MYL_ACTION_COMMIT : MYL_ACTION_CONTINUE;
}

static void a_commit_counts_before_the_poll_returns(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(64);
    myl_producer *producer = open_producer(test_name(name, "commit"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    put_many(producer, 0, 10);
    test_ok(myl_consumer_poll(consumer, 0, commit_some, consumer, NULL, MYL_TRY));
    assert_int_equal(myl_consumer_last_acknowledged(consumer), 9);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* A poll releases when a quarter of the ring is leased: the producer does not wait for its end. */
static enum myl_action publish_more(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    myl_producer *producer = user;
    (void)event;
    (void)end_of_batch;
    if (sequence < 100)
        put(producer, (uint64_t)sequence + 6, MYL_TRY);
    return MYL_ACTION_CONTINUE;
}

static void a_poll_releases_before_its_end(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "room"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    uint64_t handled;
    put_many(producer, 0, 6);
    test_ok(myl_consumer_poll(consumer, 0, publish_more, producer, &handled, MYL_TRY));
    assert_int_equal(handled, 106);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void a_limit_ends_the_poll(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "limit"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    struct plan plan = {.at = UINT64_MAX};
    uint64_t handled = 99;
    test_code(MYL_EAGAIN, myl_consumer_poll(consumer, 3, on_event, &plan, &handled, MYL_TRY));
    assert_int_equal(handled, 0);
    test_code(MYL_ETIMEDOUT, myl_consumer_poll(consumer, 3, on_event, &plan, NULL, MYL_USEC(1)));
    put_many(producer, 0, 8);
    test_ok(myl_consumer_poll(consumer, 3, on_event, &plan, &handled, MYL_TRY));
    assert_int_equal(handled, 3);
    test_ok(myl_consumer_poll(consumer, 3, on_event, &plan, NULL, MYL_TRY));
    test_ok(myl_consumer_poll(consumer, 3, on_event, &plan, &handled, MYL_TRY));
    assert_int_equal(handled, 2);
    expect_seen(&plan, 0, 8);
    myl_producer_close(producer);
    test_code(MYL_ECLOSED, myl_consumer_poll(consumer, 3, on_event, &plan, &handled, MYL_FOREVER));
    assert_int_equal(handled, 0);
    myl_consumer_close(consumer);
}

/* A value that is no action gives the event back. */
static void other_values_than_actions_are_refused(void **state)
{
    (void)state;
    for (int value = -1; value <= 4; value += 5) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(64);
        myl_producer *producer = open_producer(test_name(name, "values"), &o);
        myl_consumer *consumer = open_consumer(name, "c");
        struct plan plan = {.action = (enum myl_action)value, .at = 2};
        uint64_t handled = 99;
        put_many(producer, 0, 4);
        test_code(MYL_EINVAL, myl_consumer_poll(consumer, 0, on_event, &plan, &handled, MYL_TRY));
        expect_detail(value < 0 ? "-1" : "4");
        assert_int_equal(handled, 2);
        assert_int_equal(myl_consumer_last_acknowledged(consumer), 1);
        assert_int_equal(myl_consumer_last_leased(consumer), 1);
        test_code(MYL_EINVAL, myl_consumer_poll(consumer, 0, NULL, &plan, &handled, MYL_TRY));
        assert_int_equal(handled, 0);
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

/* The records of a message above the reader's limit, between two messages, are passed over again. */
static enum myl_action abort_first(const myl_message *message, void *user)
{
    unsigned *calls = user;
    if (message->number == 0)
        return MYL_ACTION_CONTINUE;
    assert_int_equal(message->number, 2);
    return (*calls)++ == 0 ? MYL_ACTION_ABORT : MYL_ACTION_BREAK;
}

static void a_message_after_records_of_none_is_given_back(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(65536, 1000);
    o.config.numbers = MYL_FRAMES_NUMBERED;
    myl_frame_producer *producer = open_frames(test_name(name, "gap"), &o);
    myl_frame_consumer_options reader = frame_reader("c");
    myl_frame_consumer *consumer;
    unsigned calls = 0;
    uint64_t handled;
    reader.max_message = 2000;
    test_ok(myl_frame_consumer_open(&consumer, name, &reader));
    send_frame(producer, 0, 100, MYL_TRY);
    send_frame(producer, 1, 3000, MYL_TRY);
    send_frame(producer, 2, 100, MYL_TRY);
    test_code(MYL_ETOOBIG, myl_frame_consumer_poll(consumer, 0, abort_first, &calls, &handled, MYL_TRY));
    assert_int_equal(handled, 1);
    test_ok(myl_frame_consumer_poll(consumer, 0, abort_first, &calls, &handled, MYL_TRY));
    assert_int_equal(handled, 0);
    test_ok(myl_frame_consumer_poll(consumer, 0, abort_first, &calls, &handled, MYL_TRY));
    assert_int_equal(handled, 1);
    test_code(MYL_EINVAL, myl_frame_consumer_poll(consumer, 0, NULL, NULL, &handled, MYL_TRY));
    test_ok(myl_frame_producer_wait_consumed(producer, MYL_TRY));
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

static void open_leases_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "open"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    struct plan plan = {.at = UINT64_MAX};
    const void *event;
    uint64_t handled = 99;
    put_many(producer, 0, 2);
    test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
    test_code(MYL_ENOTCLAIMED, myl_consumer_poll(consumer, 0, on_event, &plan, &handled, MYL_TRY));
    assert_int_equal(handled, 0);
    assert_int_equal(myl_consumer_last_acknowledged(consumer), MYL_SEQUENCE_NONE);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    myl_frame_producer *frames = open_frames(test_name(name, "open-frames"), NULL);
    myl_frame_consumer *reader = open_frame_consumer(name, "c");
    myl_message message;
    send_frame(frames, 0, 100, MYL_TRY);
    test_ok(myl_frame_consumer_next(reader, &message, MYL_TRY));
    test_code(MYL_ENOTCLAIMED, myl_frame_consumer_poll(reader, 0, on_message, &plan, &handled, MYL_TRY));
    myl_frame_consumer_close(reader);
    myl_frame_producer_close(frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_decide_what_is_acknowledged_of_events),
        cmocka_unit_test(actions_decide_what_is_acknowledged_of_messages),
        cmocka_unit_test(a_commit_counts_before_the_poll_returns),
        cmocka_unit_test(a_poll_releases_before_its_end),
        cmocka_unit_test(a_limit_ends_the_poll),
        cmocka_unit_test(other_values_than_actions_are_refused),
        cmocka_unit_test(a_message_after_records_of_none_is_given_back),
        cmocka_unit_test(open_leases_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
