/* SPDX-License-Identifier: MIT
 * Counters of producers and consumers: what they count exactly, at which level, and which successors continue them. */
#include "unit/lanes.h"

static myl_snapshot *snapshot_of(const char *name)
{
    myl_snapshot *snapshot = NULL;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_non_null(snapshot);
    return snapshot;
}

static uint64_t of_producer(const char *name, enum myl_counter counter)
{
    myl_snapshot *s = snapshot_of(name);
    uint64_t value = s->producer_counters[counter];
    myl_snapshot_free(s);
    return value;
}

static uint64_t of_consumer(const char *name, const char *id, enum myl_counter counter)
{
    myl_snapshot *s = snapshot_of(name);
    uint64_t value = UINT64_MAX;
    for (uint32_t i = 0; i < s->consumers; i++)
        value = strcmp(s->entry[i].id, id) == 0 ? s->entry[i].counters[counter] : value;
    myl_snapshot_free(s);
    assert_true(value != UINT64_MAX);
    return value;
}

static uint64_t take_frames(myl_frame_consumer *consumer, uint64_t count)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < count; i++) {
        myl_message message;
        test_ok(myl_frame_consumer_next(consumer, &message, MYL_SEC(10)));
        bytes += message.length;
        test_ok(myl_frame_consumer_release(consumer));
    }
    return bytes;
}

static void every_counter_is_described(void **state)
{
    (void)state;
    const myl_counter_info *info;
    for (unsigned i = 0; (info = myl_counter_describe(i)) != NULL; i++) {
        assert_true(info->name[0] != '\0' && info->help[0] != '\0');
        assert_true(info->producer != 0 || info->consumer != 0);
        assert_true(info->level >= MYL_COUNTERS_OFF && info->level <= MYL_COUNTERS_FULL);
        for (unsigned k = 0; k < i; k++) {
            const myl_counter_info *other = myl_counter_describe(k);
            assert_string_not_equal(info->name, other->name);
            assert_true(info->producer == 0 || info->producer != other->producer);
            assert_true(info->consumer == 0 || info->consumer != other->consumer);
        }
    }
    assert_non_null(myl_counter_describe(MYL_COUNTER_LOST));
    assert_null(myl_counter_describe(MYL_COUNTERS_MAX));
    assert_string_equal(myl_counters_level_name(MYL_COUNTERS_LITE), "lite");
    assert_string_equal(myl_counters_level_name(MYL_COUNTERS_DEFAULT), "?");
    assert_string_equal(myl_counters_level_name((enum myl_counters_level)9), "?");
}

static void messages_and_bytes_are_exact(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(64 << 10, 1000);
    myl_frame_producer *producer = open_frames(test_name(name, "exact"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "reader");
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t length = frame_length(i, 1000);
        send_frame(producer, i, length, MYL_SEC(10));
        bytes += length;
        assert_int_equal(of_producer(name, MYL_COUNTER_MESSAGES), i + 1);
        assert_int_equal(of_producer(name, MYL_COUNTER_BYTES), bytes);
        (void)take_frames(consumer, 1);
        assert_int_equal(of_consumer(name, "reader", MYL_COUNTER_MESSAGES), i + 1);
        assert_int_equal(of_consumer(name, "reader", MYL_COUNTER_BYTES), bytes);
    }
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

static void fragments_count_as_one_message(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(64 << 10, 1000);
    o.config.max_message = 20000;
    myl_frame_producer *producer = open_frames(test_name(name, "parts"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "reader");
    send_frame(producer, 1, 2500, MYL_SEC(10));
    send_frame(producer, 2, 1000, MYL_SEC(10));
    send_frame(producer, 3, 20000, MYL_SEC(10));
    assert_int_equal(of_producer(name, MYL_COUNTER_MESSAGES), 3);
    assert_int_equal(of_producer(name, MYL_COUNTER_BYTES), 23500);
    assert_int_equal(of_producer(name, MYL_COUNTER_FRAGMENTS), 23);
    assert_int_equal(take_frames(consumer, 3), 23500);
    assert_int_equal(of_consumer(name, "reader", MYL_COUNTER_MESSAGES), 3);
    assert_int_equal(of_consumer(name, "reader", MYL_COUNTER_BYTES), 23500);
    assert_int_equal(of_consumer(name, "reader", MYL_COUNTER_FRAGMENTS), 23);
    assert_int_equal(of_consumer(name, "reader", MYL_COUNTER_REASSEMBLED), 2);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

static void claims_that_are_aborted_are_not_counted(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(64 << 10, 1000);
    myl_frame_producer *producer = open_frames(test_name(name, "aborted"), &o);
    void *data;
    test_ok(myl_frame_producer_claim(producer, 500, &data, MYL_TRY));
    myl_frame_producer_abort(producer);
    test_ok(myl_frame_producer_claim(producer, 500, &data, MYL_TRY));
    memset(data, 0, 7);
    test_ok(myl_frame_producer_commit(producer, 7, 0));
    assert_int_equal(of_producer(name, MYL_COUNTER_MESSAGES), 1);
    assert_int_equal(of_producer(name, MYL_COUNTER_BYTES), 7);
    myl_frame_producer_close(producer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

static void events_are_counted_by_their_positions(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(16);
    o.ring.counters = MYL_COUNTERS_OFF;
    myl_producer *producer = open_producer(test_name(name, "events"), &o);
    myl_consumer *first = open_consumer(name, "first");
    put_many(producer, 0, 10);
    take_many(first, 0, 10);
    myl_consumer_options late = consumer_options("late");
    late.ring.start = MYL_START_NOW;
    myl_consumer *second = open_consumer_with(name, &late);
    put_many(producer, 10, 5);
    take_many(second, 10, 3);
    assert_int_equal(of_producer(name, MYL_COUNTER_MESSAGES), 15);
    assert_int_equal(of_producer(name, MYL_COUNTER_BYTES), 15 * sizeof(struct event));
    assert_int_equal(of_consumer(name, "first", MYL_COUNTER_MESSAGES), 10);
    assert_int_equal(of_consumer(name, "late", MYL_COUNTER_FIRST), 10);
    assert_int_equal(of_consumer(name, "late", MYL_COUNTER_MESSAGES), 3);
    assert_int_equal(of_consumer(name, "late", MYL_COUNTER_BYTES), 3 * sizeof(struct event));
    myl_consumer_close(second);
    take_many(first, 10, 5);
    put_many(producer, 15, 16);
    take_many(first, 15, 16);
    put_many(producer, 31, 1); /* the entry of "late" no longer gates: events 13 and 14 are overwritten */
    late.ring.start = MYL_START_RESUME;
    second = open_consumer_with(name, &late);
    myl_joined joined = {.size = sizeof joined};
    test_ok(myl_consumer_joined(second, &joined));
    assert_true(joined.lost > 0);
    assert_int_equal(of_consumer(name, "late", MYL_COUNTER_LOST), joined.lost);
    assert_int_equal(of_consumer(name, "late", MYL_COUNTER_MESSAGES), 3);
    myl_consumer_close(second);
    myl_consumer_close(first);
    myl_producer_close(producer);
}

static void counters_follow_the_id(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(64 << 10, 1000);
    o.config.max_consumers = 1;
    myl_frame_producer *producer = open_frames(test_name(name, "ids"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "one");
    for (uint64_t i = 0; i < 6; i++)
        send_frame(producer, i, 100, MYL_SEC(10));
    assert_int_equal(take_frames(consumer, 2), 200);
    myl_frame_consumer_close(consumer);
    consumer = open_frame_consumer(name, "one");
    assert_int_equal(of_consumer(name, "one", MYL_COUNTER_MESSAGES), 2);
    assert_int_equal(take_frames(consumer, 1), 100);
    assert_int_equal(of_consumer(name, "one", MYL_COUNTER_MESSAGES), 3);
    assert_int_equal(of_consumer(name, "one", MYL_COUNTER_BYTES), 300);
    myl_frame_consumer_close(consumer);
    consumer = open_frame_consumer(name, "two"); /* in the same entry */
    assert_int_equal(of_consumer(name, "two", MYL_COUNTER_MESSAGES), 0);
    assert_int_equal(of_consumer(name, "two", MYL_COUNTER_BYTES), 0);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_leave(producer);
    producer = open_frames(name, &o); /* a successor continues the counts of its lane */
    send_frame(producer, 6, 100, MYL_SEC(10));
    assert_int_equal(of_producer(name, MYL_COUNTER_MESSAGES), 7);
    myl_frame_producer_close(producer);
}

static void each_lane_counts_for_itself(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "lanes");
    myl_frame_producer *a = open_lane(name, 2, "a"), *b = open_lane(name, 2, "b");
    myl_frame_consumer *consumer = open_frame_consumer(name, "reader");
    send_frame(a, 1, 10, MYL_SEC(10));
    send_frame(b, 2, 20, MYL_SEC(10));
    send_frame(b, 3, 30, MYL_SEC(10));
    assert_int_equal(take_frames(consumer, 3), 60);
    for (uint32_t lane = 0; lane < 2; lane++) {
        myl_snapshot *s;
        test_ok(myl_snapshot_take_lane(name, MYL_BACKEND_SHM, lane, &s));
        assert_int_equal(s->producer_counters[MYL_COUNTER_MESSAGES], lane + 1);
        assert_int_equal(s->producer_counters[MYL_COUNTER_BYTES], lane == 0 ? 10 : 50);
        assert_int_equal(s->entry[0].counters[MYL_COUNTER_MESSAGES], lane + 1);
        assert_int_equal(s->entry[0].counters[MYL_COUNTER_BYTES], lane == 0 ? 10 : 50);
        myl_snapshot_free(s);
    }
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(a);
    myl_frame_producer_close(b);
}

/* Publishes until the ring is full and fails once more, reads all, and finds nothing more. */
static void fill_and_drain(const char *name, enum myl_counters_level level)
{
    myl_producer_options o = producer_options(4);
    myl_consumer_options c = consumer_options("reader");
    o.ring.counters = c.ring.counters = level;
    myl_producer *producer = open_producer(name, &o);
    myl_consumer *consumer = open_consumer_with(name, &c);
    void *event;
    put_many(producer, 0, 4);
    test_code(MYL_EAGAIN, myl_producer_claim(producer, &event, MYL_TRY));
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(1)));
    take_many(consumer, 0, 4);
    expect_nothing(consumer, MYL_EAGAIN);
    put_many(producer, 4, 1);
    myl_consumer_close(consumer);
    myl_producer_leave(producer);
}

static void levels_choose_what_is_counted(void **state)
{
    (void)state;
    static const struct {
        enum myl_counters_level level;
        uint64_t full, timeouts, empty;
    } expected[] = {{MYL_COUNTERS_OFF, 0, 0, 0}, {MYL_COUNTERS_LITE, 2, 1, 0}, {MYL_COUNTERS_FULL, 2, 1, 1}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char name[TEST_NAME_SIZE];
        fill_and_drain(test_name(name, "levels"), expected[i].level);
        myl_snapshot *s = snapshot_of(name);
        assert_int_equal(s->producer_counters_level, expected[i].level);
        assert_int_equal(s->entry[0].counters_level, expected[i].level);
        assert_int_equal(s->producer_counters[MYL_COUNTER_FULL], expected[i].full);
        assert_int_equal(s->producer_counters[MYL_COUNTER_TIMEOUTS], expected[i].timeouts);
        assert_int_equal(s->producer_counters[MYL_COUNTER_LAG_MAX], i == 0 ? 0 : 4);
        assert_int_equal(s->entry[0].counters[MYL_COUNTER_EMPTY], expected[i].empty);
        assert_int_equal(s->entry[0].counters[MYL_COUNTER_MESSAGES], 4);
        myl_snapshot_free(s);
        test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
    }
}

static void below_full_messages_are_not_counted(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(64 << 10, 1000);
    o.ring.counters = MYL_COUNTERS_LITE;
    myl_frame_producer *producer = open_frames(test_name(name, "lite"), &o);
    myl_frame_consumer_options c = frame_reader("reader");
    c.ring.counters = MYL_COUNTERS_LITE;
    myl_frame_consumer *consumer;
    test_ok(myl_frame_consumer_open(&consumer, name, &c));
    send_frame(producer, 1, 100, MYL_SEC(10));
    assert_int_equal(take_frames(consumer, 1), 100);
    assert_int_equal(of_producer(name, MYL_COUNTER_MESSAGES), 0);
    assert_int_equal(of_consumer(name, "reader", MYL_COUNTER_MESSAGES), 0);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

static void environment_chooses_the_default(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(4);
    setenv("MYELON_COUNTERS", "lite", 1);
    myl_producer *producer = open_producer(test_name(name, "environment"), &o);
    myl_snapshot *s = snapshot_of(name);
    assert_int_equal(s->producer_counters_level, MYL_COUNTERS_LITE);
    myl_snapshot_free(s);
    myl_producer_close(producer);
    setenv("MYELON_COUNTERS", "most", 1);
    expect_no_producer(MYL_EINVAL, "MYELON_COUNTERS is \"most\"; set off, lite or full", name, &o);
    o.ring.counters = MYL_COUNTERS_OFF; /* an option wins, and the variable is not read */
    producer = open_producer(name, &o);
    myl_consumer_options c = consumer_options("reader");
    expect_no_consumer(MYL_EINVAL, "MYELON_COUNTERS", name, &c);
    unsetenv("MYELON_COUNTERS");
    c.ring.counters = (enum myl_counters_level)4;
    expect_no_consumer(MYL_EINVAL, "counters is 4; pass a value of enum myl_counters_level", name, &c);
    myl_producer_close(producer);
    o.ring.counters = (enum myl_counters_level) - 1;
    expect_no_producer(MYL_EINVAL, "counters is -1", name, &o);
}

static void evictions_are_counted(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static const char *const ids[] = {"absent"};
    myl_producer_options o = producer_options(4);
    o.ring.reserve = ids;
    o.ring.reserve_count = 1;
    myl_producer *producer = open_producer(test_name(name, "evicted"), &o);
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "absent"));
    myl_snapshot *s = snapshot_of(name);
    assert_int_equal(s->evictions, 1);
    assert_int_equal(s->reaps, 0);
    myl_snapshot_free(s);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_is_described),
        cmocka_unit_test(messages_and_bytes_are_exact),
        cmocka_unit_test(fragments_count_as_one_message),
        cmocka_unit_test(claims_that_are_aborted_are_not_counted),
        cmocka_unit_test(events_are_counted_by_their_positions),
        cmocka_unit_test(counters_follow_the_id),
        cmocka_unit_test(each_lane_counts_for_itself),
        cmocka_unit_test(levels_choose_what_is_counted),
        cmocka_unit_test(below_full_messages_are_not_counted),
        cmocka_unit_test(environment_chooses_the_default),
        cmocka_unit_test(evictions_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
