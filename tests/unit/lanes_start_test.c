/* SPDX-License-Identifier: MIT
 * Producers of lanes that come and do not stay: starts that fail, and how their readers see those who are there. */
#include <pthread.h>

#include "unit/lanes.h"

static myl_peer peer_of(myl_frame_consumer *c)
{
    myl_peer peer = {0};
    test_ok(myl_frame_consumer_peer(c, &peer));
    return peer;
}

/* Of several producers one that lives is told of, and what is unread is added up. */
static void test_peer_of_several(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer *a = open_lane(test_name(name, "peer"), 3, "a");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    myl_frame_producer *b = open_lane(name, 0, "b");
    send_text(a, "one");
    send_text(b, "two");
    assert_int_equal(peer_of(c).state, MYL_PEER_ALIVE);
    assert_int_equal(peer_of(c).unread, 2);
    myl_frame_producer_leave(a);
    assert_int_equal(peer_of(c).state, MYL_PEER_ALIVE);
    myl_frame_producer_leave(b);
    assert_int_equal(peer_of(c).state, MYL_PEER_LEFT);
    expect_text(c, 0, "one");
    expect_text(c, 1, "two");
    assert_int_equal(peer_of(c).unread, 0);
    myl_frame_producer_close(open_lane(name, 0, "a"));
    myl_frame_producer_close(open_lane(name, 0, "b"));
    test_ok(myl_frame_consumer_release(c));
    myl_frame_consumer_close(c);
    assert_false(ring_exists(name));
}

/* A founder that does not get its consumers, while another one produces: the ring stays, and its lane is over. */
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

static void test_failed_founder(void **state)
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

/* Who takes a lane and then does not get its consumers has published nothing: the lane is as it was. */
static void test_failed_startup(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_message message;
    myl_frame_producer *none = NULL;
    myl_frame_producer *a = open_lane(test_name(name, "startup"), 3, "a");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    myl_frame_producer *b = open_lane(name, 0, "b");
    myl_frame_producer_close(b);
    for (int i = 0; i < 3; i++) { /* a lane that ended, one that nobody used, and one whose producer has left */
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
    test_code(MYL_EUNSEATED, myl_frame_consumer_next(c, &message, MYL_SEC(15)));
    a = open_lane(name, 0, "a");
    send_text(a, "two");
    expect_text(c, 0, "two");
    myl_frame_producer_close(a);
    expect_no_frame(c, MYL_ECLOSED);
    test_ok(myl_frame_consumer_release(c));
    myl_frame_consumer_close(c);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peer_of_several),
        cmocka_unit_test(test_failed_founder),
        cmocka_unit_test(test_failed_startup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
