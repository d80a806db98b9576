/* SPDX-License-Identifier: MIT
 * Producers of lanes that do not stay: starts that fail, and what consumers report about the producers. */
#include <pthread.h>

#include "unit/lanes.h"

static myl_peer peer_of(myl_frame_consumer *c)
{
    myl_peer peer = {.size = sizeof peer};
    test_ok(myl_frame_consumer_peer(c, &peer));
    return peer;
}

/* With several producers a live one is reported, and the unread events of all lanes are added up. */
static void live_producer_of_several_is_reported(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer *a = open_lane(test_name(name, "peer"), 3, "a");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    myl_frame_producer *b = open_lane(name, 0, "b");
    send_text(a, "one");
    send_text(b, "two");
    assert_int_equal(peer_of(c).state, MYL_PEER_ALIVE);
    assert_int_equal(peer_of(c).available, 2);
    myl_frame_producer_leave(a);
    assert_int_equal(peer_of(c).state, MYL_PEER_ALIVE);
    myl_frame_producer_leave(b);
    assert_int_equal(peer_of(c).state, MYL_PEER_LEFT);
    expect_text(c, 0, "one");
    expect_text(c, 1, "two");
    assert_int_equal(peer_of(c).available, 0);
    myl_frame_producer_close(open_lane(name, 0, "a"));
    myl_frame_producer_close(open_lane(name, 0, "b"));
    test_ok(myl_frame_consumer_release(c));
    myl_frame_consumer_close(c);
    assert_false(ring_exists(name));
}

/* With no live producer, one that left a notice is reported: the first of them. */
static void notice_of_an_ended_producer_is_reported(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *reported;
    } cases[] = {{NULL, NULL, ""},
                 {NULL, "disk is full", "disk is full"},
                 {"upgrade", NULL, "upgrade"},
                 {"upgrade", "disk is full", "upgrade"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_frame_producer *a = open_lane(test_name(name, "notice"), 3, "a"), *b = open_lane(name, 0, "b");
        myl_frame_consumer *c = open_frame_consumer(name, "c");
        myl_frame_producer_set_activity(a, cases[i].a, 0);
        myl_frame_producer_set_activity(b, cases[i].b, 0);
        myl_frame_producer_leave(a);
        myl_frame_producer_leave(b);
        assert_int_equal(peer_of(c).state, MYL_PEER_LEFT);
        assert_string_equal(peer_of(c).activity, cases[i].reported);
        myl_frame_consumer_close(c);
        test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
    }
}

/* The first producer times out while waiting for consumers, and another one produces. The ring stays, and the first
 * one's lane ends. */
static void *open_and_fail(void *name)
{
    myl_frame_producer *none = NULL;
    myl_frame_producer_options o = lane_options(3, "founder");
    o.ring.wait_consumers = 5;
    o.ring.wait_timeout_ns = MYL_MSEC(300);
    test_code(MYL_ESTARTUP, myl_frame_producer_open(&none, name, &o));
    return NULL;
}

static int is_there(void *name)
{
    return ring_exists(name);
}

static void failed_first_producer_ends_its_lane(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    pthread_t founder;
    assert_int_equal(pthread_create(&founder, NULL, open_and_fail, (void *)test_name(name, "founder")), 0);
    test_until(is_there, name, "the ring");
    myl_frame_producer *b = open_lane(name, 0, "b");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    pthread_join(founder, NULL);
    send_text(b, "one");
    expect_text(c, 1, "one");
    myl_frame_producer_close(b);
    expect_no_frame(c, MYL_ECLOSED);
    test_ok(myl_frame_consumer_release(c));
    myl_frame_consumer_close(c);
    assert_false(ring_exists(name));
}

/* A producer that joins a lane and times out while waiting for consumers has published nothing: the lane is
 * unchanged. */
static void failed_startup_leaves_the_lane_unchanged(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_message message;
    myl_frame_producer *none = NULL;
    myl_frame_producer *a = open_lane(test_name(name, "startup"), 3, "a");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    myl_frame_producer *b = open_lane(name, 0, "b");
    myl_frame_producer_close(b);
    for (int i = 0; i < 3; i++) { /* an ended lane, an unused one, and one whose producer has left */
        myl_frame_producer_options o = lane_options(0, (const char *const[]){"b", "new", "a"}[i]);
        o.ring.wait_consumers = 5;
        o.ring.wait_timeout_ns = MYL_MSEC(2);
        if (i == 2) {
            send_text(a, "one");
            myl_frame_producer_leave(a);
            expect_text(c, 0, "one");
        }
        test_code(MYL_ESTARTUP, myl_frame_producer_open(&none, name, &o));
        if (i < 2)
            test_code(MYL_ETIMEDOUT, myl_frame_consumer_next(c, &message, MYL_MSEC(30)));
    }
    test_code(MYL_EPRODUCERLEFT, myl_frame_consumer_next(c, &message, MYL_SEC(15)));
    a = open_lane(name, 0, "a");
    send_text(a, "two");
    expect_text(c, 0, "two");
    myl_frame_producer_close(a);
    expect_no_frame(c, MYL_ECLOSED);
    test_ok(myl_frame_consumer_release(c));
    myl_frame_consumer_close(c);
    assert_false(ring_exists(name));
}

/* No producer has died in an unused lane: its observer waits, and the diagnosis reports that. */
static void unused_lane_reports_no_death(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], bytes[16];
    myl_frame_producer *a = open_lane(test_name(name, "unused"), 3, "a");
    myl_frame_consumer_options o = {.size = sizeof o, .observe_lane = 1};
    o.ring.liveness_ns = MYL_MSEC(1);
    myl_frame_observer *observer;
    myl_message message;
    myl_frame_lost lost;
    test_ok(myl_frame_observer_open(&observer, name, &o));
    test_code(MYL_ETIMEDOUT, myl_frame_observer_get(observer, bytes, sizeof bytes, &message, &lost, MYL_MSEC(50)));
    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose_lane(name, MYL_BACKEND_SHM, 1, 0, &diagnosis));
    assert_int_equal(diagnosis->participant[0].condition, MYL_COND_ABSENT);
    assert_non_null(strstr(diagnosis->sentence, "does not exist yet"));
    myl_diagnosis_free(diagnosis);
    myl_frame_producer_leave(open_lane(name, 0, "b"));
    test_code(MYL_EPRODUCERLEFT, myl_frame_observer_get(observer, bytes, sizeof bytes, &message, &lost, MYL_SEC(15)));
    myl_frame_observer_close(observer);
    myl_frame_producer_close(a);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_producer_of_several_is_reported),
        cmocka_unit_test(notice_of_an_ended_producer_is_reported),
        cmocka_unit_test(failed_first_producer_ends_its_lane),
        cmocka_unit_test(failed_startup_leaves_the_lane_unchanged),
        cmocka_unit_test(unused_lane_reports_no_death),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
