/* SPDX-License-Identifier: MIT
 * The liveness policy holds for frames: messages in one piece and in fragments, until cleared. */
#include "unit/frames.h"

static void test_managed_frames(void **state)
{
    (void)state;
    static const char *const required[] = {"c"};
    static char large[200000];
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(65536, 0);
    o.max_message = sizeof large;
    myl_frame_producer *producer = open_frames(test_name(name, "frames"), &o);
    myl_liveness_options l = {
        .size = sizeof l,
        .required = required,
        .required_count = 1,
        .startup_wait_ns = MYL_MSEC(20),
        .progress_timeout_ns = MYL_MSEC(30),
        .check_interval_ns = MYL_MSEC(1),
        .shutdown_grace_ns = MYL_MSEC(30),
    };
    test_ok(myl_frame_producer_manage(producer, &l));
    test_code(MYL_ESTARTUP, myl_frame_producer_publish(producer, "x", 1, 0, MYL_FOREVER));
    myl_frame_consumer_options c = frame_reader("c");
    c.max_message = sizeof large;
    myl_frame_consumer *consumer;
    test_ok(myl_frame_consumer_open(&consumer, name, &c));
    int rc;
    uint64_t sent = 0;
    while ((rc = myl_frame_producer_publish(producer, "message", 7, 0, MYL_FOREVER)) == MYL_OK)
        sent++;
    test_code(MYL_ESTALLED, rc);
    assert_true(sent > 100);
    myl_trouble trouble;
    myl_producer_trouble(myl_frame_producer_ring(producer), &trouble);
    assert_true(trouble.final);
    assert_string_equal(trouble.id, "c");

    /* There is room by now: it stays, for claims and for fragments too. */
    myl_message message;
    for (uint64_t i = 0; i < sent; i++)
        test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
    test_ok(myl_frame_consumer_release(consumer));
    void *data;
    test_code(MYL_ESTALLED, myl_frame_producer_claim(producer, 7, &data, MYL_TRY));
    test_code(MYL_ESTALLED, myl_frame_producer_publish(producer, large, sizeof large, 0, MYL_FOREVER));
    myl_frame_producer_clear(producer);
    test_ok(myl_frame_producer_publish(producer, "message", 7, 0, MYL_TRY));
    test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
    test_ok(myl_frame_consumer_release(consumer));

    /* A message longer than the ring waits for its reader in the middle of it. */
    test_code(MYL_ESTALLED, myl_frame_producer_publish(producer, large, sizeof large, 0, MYL_FOREVER));
    myl_frame_producer_busy(producer, "giving up", 0);
    myl_peer peer;
    test_ok(myl_frame_consumer_peer(consumer, &peer));
    assert_string_equal(peer.doing, "giving up");
    myl_frame_consumer_busy(consumer, NULL, 0);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_managed_frames)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
