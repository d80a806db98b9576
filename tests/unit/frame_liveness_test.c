/* SPDX-License-Identifier: MIT
 * The liveness policy applies to frames: to messages of one record and of several, until the failure is cleared. A
 * policy set while a claim is open loses no message. */
#include "unit/frames.h"

static void policy_applies_to_frames(void **state)
{
    (void)state;
    static const char *const required[] = {"c"};
    static char large[200000];
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(65536, 0);
    o.config.max_message = sizeof large;
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
    test_ok(myl_frame_producer_set_liveness(producer, &l));
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
    myl_liveness_failure failure = {.size = sizeof failure};
    test_ok(myl_producer_liveness_failure(myl_frame_producer_ring(producer), &failure));
    assert_true(failure.latched);
    assert_string_equal(failure.id, "c");

    /* There is room now. The failure stays, for claims and for fragments. */
    myl_message message;
    for (uint64_t i = 0; i < sent; i++)
        test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
    test_ok(myl_frame_consumer_release(consumer));
    void *data;
    test_code(MYL_ESTALLED, myl_frame_producer_claim(producer, 7, &data, MYL_TRY));
    test_code(MYL_ESTALLED, myl_frame_producer_publish(producer, large, sizeof large, 0, MYL_FOREVER));
    myl_frame_producer_clear_failure(producer);
    test_ok(myl_frame_producer_publish(producer, "message", 7, 0, MYL_TRY));
    test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
    test_ok(myl_frame_consumer_release(consumer));

    /* A message longer than the ring waits for its consumer after some fragments. */
    test_code(MYL_ESTALLED, myl_frame_producer_publish(producer, large, sizeof large, 0, MYL_FOREVER));
    myl_frame_producer_set_activity(producer, "giving up", 0);
    myl_peer peer = {.size = sizeof peer};
    test_ok(myl_frame_consumer_peer(consumer, &peer));
    assert_string_equal(peer.activity, "giving up");
    myl_frame_consumer_set_activity(consumer, NULL, 0);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
    assert_false(ring_exists(name));
}

/* A ring of 1024 cells, full but for one message with an open claim. The claim and the next header are the last cells
 * that may be written. Every other word belongs to a message that the consumer has not read. */
#define FULL 1023U

struct full {
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
    void *claim;
};

static void claim_the_last_cell(struct full *full)
{
    myl_frame_producer_options o = frame_options(65536, 0);
    full->producer = open_frames(test_name(full->name, "frames"), &o);
    full->consumer = open_frame_consumer(full->name, "c");
    for (uint64_t i = 0; i + 1 < FULL; i++)
        test_ok(myl_frame_producer_publish(full->producer, &i, sizeof i, 0, MYL_TRY));
    test_ok(myl_frame_producer_claim(full->producer, sizeof(uint64_t), &full->claim, MYL_TRY));
}

static void commit_and_read_all(struct full *full)
{
    uint64_t last = FULL - 1;
    myl_message message;
    memcpy(full->claim, &last, sizeof last);
    test_ok(myl_frame_producer_commit(full->producer, sizeof last, 0));
    for (uint64_t i = 0; i < FULL; i++) {
        test_ok(myl_frame_consumer_next(full->consumer, &message, MYL_TRY));
        assert_int_equal(message.length, sizeof i);
        assert_memory_equal(message.data, &i, sizeof i);
    }
    expect_no_frame(full->consumer, MYL_EAGAIN);
    myl_frame_consumer_close(full->consumer);
    myl_frame_producer_close(full->producer);
}

static void policy_set_within_a_claim_keeps_unread_messages(void **state)
{
    (void)state;
    const myl_liveness_options policy = {.size = sizeof policy};
    struct full full;
    claim_the_last_cell(&full);
    test_ok(myl_frame_producer_set_liveness(full.producer, &policy));
    commit_and_read_all(&full);

    claim_the_last_cell(&full);
    test_ok(myl_frame_producer_set_liveness(full.producer, &policy));
    test_ok(myl_frame_producer_set_liveness(full.producer, NULL));
    commit_and_read_all(&full);
}

/* A final failure of the policy diverts claims, too. */
static void failure_within_a_claim_keeps_unread_messages(void **state)
{
    (void)state;
    static const char *const required[] = {"c"};
    const myl_liveness_options policy = {
        .size = sizeof policy,
        .required = required,
        .required_count = 1,
        .progress_timeout_ns = MYL_MSEC(5),
        .check_interval_ns = MYL_MSEC(1),
        .shutdown_grace_ns = MYL_AT_ONCE,
    };
    struct full full;
    claim_the_last_cell(&full);
    test_ok(myl_frame_producer_set_liveness(full.producer, &policy));
    test_code(MYL_ESTALLED, myl_frame_producer_wait_consumed(full.producer, MYL_FOREVER));
    commit_and_read_all(&full);
}

/* A claim slightly longer than the header's cache line has room for, with a shorter commit. Its payload is at another
 * place than that of a short claim, and the next header's word may have been written. Short messages before it have
 * cleared words ahead. */
static void short_commit_of_a_long_claim_is_one_message(void **state)
{
    (void)state;
    static const size_t claimed[] = {47, 48, 49, 63, 64, 65, 112, 113}, used[] = {0, 1, 10, 47, 48};
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(65536, 0);
    myl_frame_producer *producer = open_frames(test_name(name, "frames"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    uint64_t number = 0;
    for (unsigned round = 0; round < 400; round++) {
        size_t most = claimed[round % 8], length = used[round % 5];
        length = length < most ? length : most;
        for (unsigned i = 0; i < 3; i++, number++) {
            send_frame(producer, number, 8, MYL_TRY);
            take_frame(consumer, number, 8, MYL_TRY);
        }
        uint64_t next = (uint64_t)(myl_producer_last_published(myl_frame_producer_ring(producer)) + 1);
        void *data;
        test_ok(myl_frame_producer_claim(producer, most, &data, MYL_TRY));
        for (size_t at = 0; at + 8 <= most; at += 8) { /* looks like the stamp of the next record */
            uint64_t stamp = next + 2;
            memcpy((unsigned char *)data + at, &stamp, sizeof stamp);
        }
        frame_fill(data, number, length);
        test_ok(myl_frame_producer_commit(producer, length, (uint8_t)number));
        take_frame(consumer, number, length, MYL_TRY);
        expect_no_frame(consumer, MYL_EAGAIN);
        number++;
    }
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_applies_to_frames),
        cmocka_unit_test(policy_set_within_a_claim_keeps_unread_messages),
        cmocka_unit_test(failure_within_a_claim_keeps_unread_messages),
        cmocka_unit_test(short_commit_of_a_long_claim_is_one_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
