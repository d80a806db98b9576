/* SPDX-License-Identifier: MIT
 * Messages that a consumer returns by a rewind or fails to get are delivered again. Messages that it skipped in between
 * are not delivered again, lost or counted. The simulator found a fault for each of these tests. */
#include <pthread.h>
#include <sys/resource.h>

#include "process/frame_participant.h"

#define RING_BYTES 65536
#define CELLS (RING_BYTES / 64)

struct pair {
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
};

static void open_pair(struct pair *pair, uint32_t max_frame, uint64_t readers_most)
{
    myl_frame_producer_options o = frame_options(RING_BYTES, max_frame);
    myl_frame_consumer_options c = frame_reader("c");
    c.max_message = readers_most;
    pair->producer = open_frames(test_name(pair->name, "return"), &o);
    test_ok(myl_frame_consumer_open(&pair->consumer, pair->name, &c));
}

static void close_pair(struct pair *pair)
{
    myl_frame_consumer_close(pair->consumer);
    myl_frame_producer_close(pair->producer);
    assert_int_equal(test_shm_entries(), 0);
}

static myl_sequence acknowledged(const struct pair *pair)
{
    return myl_consumer_last_acknowledged(myl_frame_consumer_ring(pair->consumer));
}

/* Four fragments, the last one shorter. They fit in the ring; four of full length would not. */
static void message_that_just_fits_is_held(void **state)
{
    (void)state;
    struct pair pair;
    uint64_t length = 3 * 16384 + 12800;
    open_pair(&pair, 16384, 0);
    send_frame(pair.producer, 0, length, MYL_TRY);
    for (int again = 0; again < 2; again++) {
        next_frame(pair.consumer, 0, length, MYL_TRY);
        assert_int_equal(acknowledged(&pair), -1);
        myl_frame_consumer_rewind(pair.consumer);
    }
    close_pair(&pair);
}

/* A consumer has the only copy of a message longer than the ring. The buffer is not reused while the message is
 * leased. */
static void *send_three(void *argument)
{
    const struct pair *pair = argument;
    send_frame(pair->producer, 0, 100000, MYL_SEC(20));
    send_frame(pair->producer, 1, 20000, MYL_SEC(20));
    send_frame(pair->producer, 2, 10, MYL_SEC(20));
    return NULL;
}

static void reassembled_message_survives_a_rewind(void **state)
{
    (void)state;
    struct pair pair;
    pthread_t sender;
    myl_message message;
    open_pair(&pair, 16384, 0);
    assert_int_equal(pthread_create(&sender, NULL, send_three, &pair), 0);
    next_frame(pair.consumer, 0, 100000, MYL_SEC(20));
    assert_int_equal(pthread_join(sender, NULL), 0);
    test_code(MYL_ELEASED, myl_frame_consumer_next(pair.consumer, &message, MYL_TRY));
    expect_detail("release them first");
    myl_frame_consumer_rewind(pair.consumer);
    take_frame(pair.consumer, 0, 100000, MYL_TRY);
    take_frame(pair.consumer, 1, 20000, MYL_TRY);
    take_frame(pair.consumer, 2, 10, MYL_TRY);
    assert_int_equal(myl_frame_consumer_skipped(pair.consumer), 0);
    close_pair(&pair);
}

static int refuse(const myl_message *message, void *user)
{
    (void)message, (void)user;
    return 1;
}

/* Before the message that is returned, the consumer skipped and acknowledged the rest of one that was too long. */
static void skipped_message_is_acknowledged(void **state)
{
    (void)state;
    struct pair pair;
    myl_message message;
    char buffer[100];
    uint64_t handled = 7;
    open_pair(&pair, 1000, 2000);
    for (uint64_t i = 0; i < 2; i++) {
        send_frame(pair.producer, 0, 5000, MYL_TRY);
        send_frame(pair.producer, i, 200 + i, MYL_TRY);
        test_code(MYL_ETOOBIG, myl_frame_consumer_next(pair.consumer, &message, MYL_TRY));
        if (i == 0)
            test_code(MYL_EBUFFER, myl_frame_consumer_get(pair.consumer, buffer, sizeof buffer, &message, MYL_TRY));
        else
            test_code(MYL_EHANDLER, myl_frame_consumer_drain(pair.consumer, 0, refuse, NULL, &handled, MYL_TRY));
        assert_int_equal(myl_consumer_last_leased(myl_frame_consumer_ring(pair.consumer)), acknowledged(&pair));
        take_frame(pair.consumer, i, 200 + i, MYL_TRY);
    }
    assert_int_equal(handled, 0);
    close_pair(&pair);
}

/* The producer leaves within a message, which tells an observer that the message is incomplete. The successor publishes
 * the abort record later, because there was no room before. The observer must not count that as another loss. */
static void observer_counts_no_loss_for_an_aborted_message(void **state)
{
    (void)state;
    struct pair pair;
    static _Alignas(64) unsigned char bytes[100000];
    myl_frame_observer *observer;
    myl_message message;
    myl_frame_lost lost;
    open_pair(&pair, 340 * 64, 0); /* three fragments leave no room */
    test_ok(myl_frame_observer_open(&observer, pair.name, NULL));
    test_code(MYL_ETIMEDOUT, myl_frame_producer_publish(pair.producer, bytes, sizeof bytes, 0, MYL_MSEC(2)));
    assert_int_equal(myl_producer_last_published(myl_frame_producer_ring(pair.producer)) + 1, 3 * 341);
    myl_frame_producer_leave(pair.producer);
    test_code(MYL_EABORTED, myl_frame_observer_get(observer, bytes, sizeof bytes, &message, &lost, MYL_FOREVER));
    test_code(MYL_EABORTED, myl_frame_consumer_next(pair.consumer, &message, MYL_FOREVER));
    pair.producer = open_frames(pair.name, NULL);
    assert_int_equal(myl_producer_last_published(myl_frame_producer_ring(pair.producer)) + 1, CELLS);
    send_frame(pair.producer, 1, 10, MYL_TRY);
    test_ok(myl_frame_observer_get(observer, bytes, sizeof bytes, &message, &lost, MYL_FOREVER));
    expect_message(&message, 1, 10);
    assert_int_equal(lost.bytes, 0);
    take_frame(pair.consumer, 1, 10, MYL_FOREVER);
    myl_frame_observer_close(observer);
    close_pair(&pair);
}

/* A consumer resumes for messages that its predecessor had not read, and gets no memory. Nothing changes. */
static void failed_allocation_changes_nothing(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* ends the program for an allocation of that size */
#endif
    char name[TEST_NAME_SIZE];
    struct frame_participant participant = {.name = test_name(name, "memory"), .id = "c", .most = 1000};
    participant.producer = frame_options(RING_BYTES, 1000);
    participant.producer.config.max_message = (uint64_t)1 << 46;
    participant.producer.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
    participant.consumer.max_message = 5000;
    myl_frame_producer *producer = open_frames(name, &participant.producer);
    test_child child;
    start_frames(&child, consume_frames, &participant, 0);
    send_frame(producer, 0, 100, MYL_TRY);
    test_kill(&child);
    myl_frame_consumer_options o = frame_reader("c");
    myl_frame_consumer *consumer = NULL;
    struct rlimit most, less = {.rlim_cur = (rlim_t)1 << 45};
    assert_int_equal(getrlimit(RLIMIT_AS, &most), 0);
    less.rlim_max = most.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_AS, &less), 0);
    test_code(MYL_ENOMEM, myl_frame_consumer_open(&consumer, name, &o));
    assert_int_equal(setrlimit(RLIMIT_AS, &most), 0);
    for (int i = 0; i < 2000; i++) /* the ring fills up and is not overwritten */
        (void)!myl_frame_producer_publish(producer, "", 1, 0, MYL_TRY);
    o.max_message = 5000;
    test_ok(myl_frame_consumer_open(&consumer, name, &o));
    take_frame(consumer, 0, 100, MYL_TRY);
    myl_joined joined = {.size = sizeof joined};
    test_ok(myl_consumer_joined(myl_frame_consumer_ring(consumer), &joined));
    assert_int_equal(joined.lost, 0);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_that_just_fits_is_held),
        cmocka_unit_test(reassembled_message_survives_a_rewind),
        cmocka_unit_test(skipped_message_is_acknowledged),
        cmocka_unit_test(observer_counts_no_loss_for_an_aborted_message),
        cmocka_unit_test(failed_allocation_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
