/* SPDX-License-Identifier: MIT
 * Waits in several lanes: which lane each result is about, how often it is reported, and joins that fail in a later
 * lane. */
#include "frame/consumer.h"
#include "frame/producer.h"
#include "segment/table.h"
#include "unit/lanes.h"

static myl_frame_consumer *open_waiting(const char *name, int64_t liveness_ns, enum myl_on_death on_death)
{
    myl_frame_consumer_options o = frame_reader("r");
    myl_frame_consumer *consumer = NULL;
    o.ring.liveness_ns = liveness_ns;
    o.ring.on_death = on_death;
    test_ok(myl_frame_consumer_open(&consumer, name, &o));
    return consumer;
}

static void expect_about(myl_frame_consumer *consumer, int code, uint32_t lane, const char *text)
{
    myl_message message = {.lane = 99};
    test_code(code, myl_frame_consumer_next(consumer, &message, MYL_SEC(100)));
    assert_int_equal(message.lane, lane);
    if (strncmp(myl_error_detail(), text, strlen(text)) != 0)
        test_fail("\"%s\" does not begin with \"%s\"", myl_error_detail(), text);
}

/* A time-out is about the ring. Its detail has the number of open lanes. */
static void expect_late(myl_frame_consumer *consumer, const char *open)
{
    myl_message message = {.lane = 99};
    test_code(MYL_ETIMEDOUT, myl_frame_consumer_next(consumer, &message, MYL_MSEC(2)));
    assert_int_equal(message.lane, 99);
    if (strncmp(myl_error_detail(), "ring \"", 6) != 0)
        test_fail("\"%s\" is not about the ring", myl_error_detail());
    expect_detail(open);
}

/* Longer than the test: no liveness check happens, so a report was made at once. */
static void each_producer_that_leaves_is_reported_once_for_its_lane(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static const char *const ids[] = {"a", "b", "c"}, *const text[] = {"lane 0 (a): ", "lane 1 (b): ", "lane 2 (c): "};
    static const uint32_t orders[][3] = {{0, 1, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        myl_frame_producer *p[3];
        test_name(name, "leaves");
        for (uint32_t k = 0; k < 3; k++)
            p[k] = open_lane(name, k == 0 ? 3 : 0, ids[k]);
        myl_frame_consumer *consumer = open_waiting(name, MYL_SEC(1000), MYL_DEATH_REPORT);
        expect_late(consumer, "in any of its 3 lanes within 2 ms; 3 of them are open");
        for (uint32_t k = 0; k < 3; k++) {
            uint32_t lane = orders[i][k];
            myl_frame_producer_leave(p[lane]);
            expect_about(consumer, MYL_EPRODUCERLEFT, lane, text[lane]);
            if (k < 2)
                expect_late(consumer, "3 of them are open");
        }
        for (uint32_t k = 0; k < 3; k++) { /* each successor's leave is reported again */
            uint32_t lane = orders[i][k];
            p[lane] = open_lane(name, 0, ids[lane]);
            expect_late(consumer, "3 of them are open");
            myl_frame_producer_leave(p[lane]);
            expect_about(consumer, MYL_EPRODUCERLEFT, lane, text[lane]);
            p[lane] = open_lane(name, 0, ids[lane]);
        }
        for (uint32_t k = 0; k < 3; k++)
            myl_frame_producer_close(p[k]);
        expect_no_frame(consumer, MYL_ECLOSED);
        myl_frame_consumer_close(consumer);
        assert_false(ring_exists(name));
    }
}

/* The end of a lane is no leave: the other lanes continue. */
static void lanes_that_ended_are_not_reported_as_left(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    for (uint32_t ends = 0; ends < 2; ends++) {
        myl_frame_producer *p[2];
        test_name(name, "ended");
        for (uint32_t k = 0; k < 2; k++)
            p[k] = open_lane(name, k == 0 ? 2 : 0, k == 0 ? "a" : "b");
        myl_frame_consumer *consumer = open_waiting(name, MYL_SEC(1000), MYL_DEATH_REPORT);
        send_text(p[ends], "last");
        myl_frame_producer_close(p[ends]);
        expect_text(consumer, ends, "last");
        test_ok(myl_frame_consumer_release(consumer));
        for (int i = 0; i < 3; i++)
            expect_late(consumer, "1 of them are open");
        myl_frame_producer_leave(p[1 - ends]);
        expect_about(consumer, MYL_EPRODUCERLEFT, 1 - ends, ends == 0 ? "lane 1 (b): " : "lane 0 (a): ");
        p[1 - ends] = open_lane(name, 0, ends == 0 ? "b" : "a");
        myl_frame_producer_close(p[1 - ends]);
        expect_no_frame(consumer, MYL_ECLOSED);
        myl_frame_consumer_close(consumer);
        assert_false(ring_exists(name));
    }
}

static int produce_and_die(test_peer *parent, void *name)
{
    (void)parent;
    send_text(open_lane(name, 0, "b"), "one");
    _exit(0);
}

/* A death is reported once for its lane while another producer lives, or not at all if that is configured. */
static void death_is_reported_for_its_lane_while_another_lives(void **state)
{
    (void)state;
    for (int wait = 0; wait < 2; wait++) {
        char name[TEST_NAME_SIZE];
        test_child child;
        myl_frame_producer *a = open_lane(test_name(name, "dies"), 2, "a");
        myl_frame_consumer *consumer = open_waiting(name, MYL_USEC(200), wait ? MYL_DEATH_WAIT : MYL_DEATH_REPORT);
        test_spawn(&child, produce_and_die, name);
        test_expect_exit(&child, 0);
        expect_text(consumer, 1, "one");
        test_ok(myl_frame_consumer_release(consumer));
        if (!wait) {
            expect_about(consumer, MYL_EPRODUCERDEAD, 1, "lane 1 (b): ");
            myl_failed_participant who = {.size = sizeof who};
            test_ok(myl_error_participant(&who));
            assert_int_equal(who.pid, child.pid);
            assert_int_equal(who.lane, 1);
        }
        expect_late(consumer, "2 of them are open");
        myl_frame_producer *b = open_lane(name, 0, "b");
        send_text(b, "two");
        expect_text(consumer, 1, "two");
        test_ok(myl_frame_consumer_release(consumer));
        myl_frame_producer_close(b);
        myl_frame_producer_close(a);
        expect_no_frame(consumer, MYL_ECLOSED);
        myl_frame_consumer_close(consumer);
        assert_false(ring_exists(name));
    }
}

/* A wait that cannot end because of leases in one lane. */
static void blocking_lease_is_reported_for_its_lane(void **state)
{
    (void)state;
    for (uint32_t lane = 0; lane < 2; lane++) {
        char name[TEST_NAME_SIZE];
        myl_message message;
        myl_frame_producer *p[2];
        test_name(name, "leased");
        for (uint32_t k = 0; k < 2; k++)
            p[k] = open_lane(name, k == 0 ? 2 : 0, k == 0 ? "a" : "b");
        myl_frame_consumer *consumer = open_waiting(name, MYL_USEC(200), MYL_DEATH_REPORT);
        for (int i = 0; i < 1023; i++) {
            send_text(p[lane], "x");
            test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
        }
        expect_about(consumer, MYL_ELEASED, lane, lane == 0 ? "lane 0 (a): " : "lane 1 (b): ");
        expect_detail("blocked by its lease of 65472 bytes");
        test_ok(myl_frame_consumer_release(consumer));
        for (uint32_t k = 0; k < 2; k++)
            myl_frame_producer_close(p[k]);
        myl_frame_consumer_close(consumer);
    }
}

/* The detail of an observer's time-out: an unused lane, or the producer's process. */
static void timeout_of_an_observer_names_the_producer(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], bytes[16], text[64];
    myl_frame_producer *a = open_lane(test_name(name, "observed"), 2, "a");
    for (uint32_t lane = 0; lane < 2; lane++) {
        myl_frame_consumer_options o = {.size = sizeof o, .observe_lane = lane};
        myl_frame_observer *observer;
        myl_message message;
        myl_frame_lost lost;
        test_ok(myl_frame_observer_open(&observer, name, &o));
        test_code(MYL_ETIMEDOUT, myl_frame_observer_get(observer, bytes, sizeof bytes, &message, &lost, MYL_MSEC(1)));
        snprintf(text, sizeof text, "its producer is process %ld", (long)getpid());
        expect_detail(lane == 0 ? text : "no producer has opened it yet");
        myl_frame_observer_close(observer);
    }
    myl_frame_producer_close(a);
}

static int fork_again(test_peer *parent, void *argument)
{
    (void)parent;
    (void)argument;
    return 0;
}

/* The join fails in the second lane: nothing of it stays in the first one. */
static void join_that_fails_in_a_later_lane_leaves_nothing(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer *a = open_lane(test_name(name, "fails"), 3, "a"), *b = open_lane(name, 0, "b");
    struct myl_control *control = b->ring.handle.segment.control;
    for (int round = 0; round < 3; round++) {
        myl_frame_consumer *consumer = (myl_frame_consumer *)(void *)&consumer;
        myl_snapshot *snapshot;
        test_child child;
        control->gate.v = UINT64_C(1) << 40; /* an impossible value */
        test_code(MYL_ECORRUPT, myl_frame_consumer_open(&consumer, name, NULL));
        assert_null(consumer);
        control->gate.v = 0;
        for (uint32_t lane = 0; lane < 3; lane++) {
            test_ok(myl_snapshot_take_lane(name, MYL_BACKEND_SHM, lane, &snapshot));
            assert_int_equal(snapshot->live_consumers, 0);
            for (uint32_t i = 0; i < snapshot->consumers; i++)
                assert_int_not_equal(snapshot->entry[i].state, MYL_PARTICIPANT_ACTIVE);
            myl_snapshot_free(snapshot);
        }
        test_spawn(&child, fork_again, NULL); /* the fork handlers must not know any of its handles */
        test_expect_exit(&child, 0);
    }
    myl_frame_consumer *consumer = open_frame_consumer(name, "r");
    send_text(b, "one");
    expect_text(consumer, 1, "one");
    test_ok(myl_frame_consumer_release(consumer));
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(b);
    myl_frame_producer_close(a);
    assert_false(ring_exists(name));
}

/* Every lane has its own reassembly memory, and the consumer's limit. */
static void later_lanes_have_the_readers_limit(void **state)
{
    (void)state;
    for (uint32_t lane = 0; lane < 3; lane++) {
        char name[TEST_NAME_SIZE];
        myl_message message;
        myl_frame_producer *p[3];
        myl_frame_producer_options o = lane_options(3, NULL);
        o.config.max_frame = 64;
        test_name(name, "limits");
        for (uint32_t k = 0; k < 3; k++)
            p[k] = open_frames(name, &o);
        myl_frame_consumer_options c = frame_reader("r");
        myl_frame_consumer *consumer = NULL;
        c.max_message = 100;
        test_ok(myl_frame_consumer_open(&consumer, name, &c));
        send_frame(p[lane], 4, 101, MYL_TRY);
        send_frame(p[lane], 8, 100, MYL_TRY);
        test_code(MYL_ETOOBIG, myl_frame_consumer_next(consumer, &message, MYL_TRY));
        assert_int_equal(message.lane, lane);
        expect_detail("limit, 100;");
        test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
        assert_int_equal(message.lane, lane);
        expect_message(&message, 8, 100);
        test_ok(myl_frame_consumer_release(consumer));
        assert_int_equal(myl_frame_consumer_skipped(consumer), 0);
        myl_frame_consumer_close(consumer);
        for (uint32_t k = 0; k < 3; k++)
            myl_frame_producer_close(p[k]);
    }
}

/* --- within a message ------------------------------------------------------------------------------------------------
 * */

static struct myl_participant *entry_of(const myl_frame_producer *producer)
{
    return myl_segment_entry(&producer->ring.handle.segment, 0);
}

/* Publishes a first fragment without the rest. */
static void begin_message(myl_frame_producer *producer, myl_frame_consumer *consumer)
{
    send_frame(producer, 4, 300, MYL_TRY); /* cells 0, 2, 4, 6, 8 */
    myl_au64 *stamp = (myl_au64 *)(void *)(producer->ring.handle.segment.data + 2 * 64);
    stamp->v = 0;
    producer->ring.handle.segment.control->next.v = 2;
    expect_no_frame(consumer, MYL_EAGAIN);
}

/* Only the end of the producer aborts a message. A failure of the consumer is reported as such. */
static void failure_within_a_message_is_no_abort(void **state)
{
    (void)state;
    for (uint32_t lanes = 1; lanes <= 2; lanes++) {
        for (int how = 0; how < 3; how++) {
            char name[TEST_NAME_SIZE];
            myl_message message;
            myl_frame_producer_options o = lane_options(lanes, NULL);
            o.config.max_frame = 64;
            myl_frame_producer *producer = open_frames(test_name(name, "within"), &o);
            myl_frame_consumer *consumer = open_frame_consumer(name, "r");
            begin_message(producer, consumer);
            myl_au64 *stamp = (myl_au64 *)(void *)(producer->ring.handle.segment.data + 2 * 64);
            if (how == 0) {
                test_code(MYL_ETIMEDOUT, myl_frame_consumer_next(consumer, &message, MYL_MSEC(1)));
                myl_frame_consumer_interrupt(consumer);
                test_code(MYL_EINTERRUPTED, myl_frame_consumer_next(consumer, &message, MYL_SEC(100)));
            } else if (how == 1) {
                entry_of(producer)->generation.v++; /* as an eviction does */
                test_code(MYL_EEVICTED, myl_frame_consumer_next(consumer, &message, MYL_TRY));
                test_code(MYL_EEVICTED, myl_frame_consumer_next(consumer, &message, MYL_SEC(100)));
                entry_of(producer)->generation.v--;
            } else {
                stamp->v = 77; /* an impossible value */
                test_code(MYL_ECORRUPT, myl_frame_consumer_next(consumer, &message, MYL_TRY));
                test_code(MYL_ECORRUPT, myl_frame_consumer_next(consumer, &message, MYL_SEC(100)));
            }
            stamp->v = 3; /* the rest is published */
            test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
            expect_message(&message, 4, 300);
            producer->ring.handle.segment.control->next.v = 10;
            myl_frame_consumer_close(consumer);
            myl_frame_producer_close(producer);
            (void)!myl_remove(name, MYL_BACKEND_SHM, 1);
        }
    }
}

/* All lanes of the largest ring work, and the next producer is refused. */
static void largest_ring_has_64_lanes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], id[MYL_ID_MAX + 1];
    myl_frame_producer *producer[MYL_LANES_MAX], *more = NULL;
    assert_int_equal(MYL_LANES_MAX, 64);
    test_name(name, "64");
    for (uint32_t i = 0; i < MYL_LANES_MAX; i++) {
        (void)snprintf(id, sizeof id, "p%u", (unsigned)i);
        producer[i] = open_lane(name, i == 0 ? MYL_LANES_MAX : 0, id);
        assert_int_equal(lane_of(producer[i]), i);
    }
    myl_frame_producer_options o = lane_options(0, "p64");
    test_code(MYL_ELANES, myl_frame_producer_open(&more, name, &o));
    o.lane = "p63";
    test_code(MYL_EPRODUCERALIVE, myl_frame_producer_open(&more, name, &o));
    myl_frame_consumer *consumer = open_waiting(name, 0, MYL_DEATH_REPORT);
    for (uint32_t i = MYL_LANES_MAX; i-- > 0;) {
        (void)snprintf(id, sizeof id, "p%u", (unsigned)i);
        send_text(producer[i], id);
        expect_text(consumer, i, id);
        test_ok(myl_frame_consumer_release(consumer));
        myl_frame_producer_close(producer[i]);
    }
    myl_message message = {0};
    test_code(MYL_ECLOSED, myl_frame_consumer_next(consumer, &message, MYL_TRY));
    myl_frame_consumer_close(consumer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_producer_that_leaves_is_reported_once_for_its_lane),
        cmocka_unit_test(lanes_that_ended_are_not_reported_as_left),
        cmocka_unit_test(death_is_reported_for_its_lane_while_another_lives),
        cmocka_unit_test(blocking_lease_is_reported_for_its_lane),
        cmocka_unit_test(timeout_of_an_observer_names_the_producer),
        cmocka_unit_test(join_that_fails_in_a_later_lane_leaves_nothing),
        cmocka_unit_test(later_lanes_have_the_readers_limit),
        cmocka_unit_test(failure_within_a_message_is_no_abort),
        cmocka_unit_test(largest_ring_has_64_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
