/* SPDX-License-Identifier: MIT
 * Messages longer than max_frame, and longer than the ring: delivered complete or not at all, whichever participant
 * dies, aborts or joins in between. */
#include <pthread.h>

#include "process/frame_participant.h"

#define RING_BYTES 65536
#define MAX_FRAME  5888 /* a fragment takes 93 cells: 11 of them fill the ring exactly */
#define MOST       (600 * 1024)
#define FITS       60000

static struct frame_participant participant_of(const char *name, const char *id)
{
    struct frame_participant participant = {.name = name,
                                            .id = id,
                                            .most = MOST,
                                            .producer = frame_options(RING_BYTES, MAX_FRAME)};
    participant.producer.config.max_message = 1 << 20;
    participant.producer.ring.on_death = MYL_DEATH_WAIT;
    return participant;
}

/* Messages that fit in the ring: published and read in one thread, by calls that never wait. */
static void messages_that_fit_need_no_wait(void **state)
{
    (void)state;
    for (int numbers = MYL_FRAMES_BARE; numbers <= MYL_FRAMES_NUMBERED; numbers++) {
        char name[TEST_NAME_SIZE];
        struct frame_participant participant = participant_of(test_name(name, "within"), "c");
        participant.producer.config.numbers = (enum myl_frame_numbers)numbers;
        myl_frame_producer *producer = open_frames(name, &participant.producer);
        myl_frame_consumer *consumer = open_frame_consumer(name, "c");
        for (uint64_t i = 0; i < 300; i++) {
            static const uint64_t borders[] = {5887, 5888, 5889, 5936, 11776, 11777, 64001, 5952, 5953};
            uint64_t length = i < 9 ? borders[i] : 1 + frame_length(i, 64400);
            myl_message message;
            expect_no_frame(consumer, MYL_EAGAIN);
            send_frame(producer, i, length, MYL_TRY);
            for (int again = 0; again < 2; again++) { /* after a rewind the same message is delivered again */
                test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
                expect_message(&message, i, length);
                assert_int_equal(message.fragments, (length + MAX_FRAME - 1) / MAX_FRAME + (length == 0));
                assert_int_equal(message.number, numbers == MYL_FRAMES_BARE ? 0 : i);
                if (again == 0)
                    myl_frame_consumer_rewind(consumer);
            }
            test_ok(myl_frame_consumer_release(consumer));
        }
        assert_int_equal(myl_frame_consumer_skipped(consumer), 0);
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
    }
}

/* A message that cannot be published is refused before any part of it is published. */
static void oversized_messages_are_refused_at_once(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_participant participant = participant_of(test_name(name, "limits"), "c");
    myl_frame_producer *producer = open_frames(name, &participant.producer);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    unsigned char *bytes = calloc(1, (1 << 20) + 1);
    void *data;
    assert_non_null(bytes);
    test_code(MYL_ETOOBIG, myl_frame_producer_publish(producer, bytes, (1 << 20) + 1, 0, MYL_FOREVER));
    expect_detail("1048577");
    test_code(MYL_ETOOBIG, myl_frame_producer_publish(producer, bytes, 1 << 20, 0, MYL_TRY));
    expect_detail("time-out");
    for (int i = 0; i < 10; i++)
        test_ok(myl_frame_producer_publish(producer, bytes, MAX_FRAME, 0, MYL_TRY));
    test_code(MYL_EAGAIN, myl_frame_producer_publish(producer, bytes, 10000, 0, MYL_TRY)); /* all or nothing */
    test_code(MYL_ETIMEDOUT, myl_frame_producer_publish(producer, bytes, 20000, 0, MYL_MSEC(2)));
    test_ok(myl_frame_producer_claim(producer, 1, &data, MYL_TRY));
    test_code(MYL_ELEASED, myl_frame_producer_publish(producer, bytes, 10000, 0, MYL_TRY));
    myl_frame_producer_abort(producer);
    for (int i = 0; i < 10; i++) {
        myl_message message;
        test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
        assert_int_equal(message.length, MAX_FRAME);
    }
    expect_no_frame(consumer, MYL_EAGAIN);
    free(bytes);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

/* Messages longer than the ring, to three consumers at once: one holds several leases, one copies, one drains. */
static void messages_longer_than_the_ring_reach_three_readers(void **state)
{
    (void)state;
    for (int backend = MYL_BACKEND_SHM; backend <= MYL_BACKEND_FILE; backend++) {
        char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
        struct frame_participant participant = participant_of(NULL, NULL);
        participant.name = backend == MYL_BACKEND_SHM ? test_name(name, "beyond") : test_path(path, "beyond");
        participant.producer.ring.backend = participant.consumer.ring.backend = (enum myl_backend)backend;
        test_child producer, consumer[2];
        start_frames(&producer, produce_frames, &participant, 0);
        for (int i = 0; i < 2; i++) {
            participant.id = i == 0 ? "a" : "b";
            start_frames(&consumer[i], consume_frames, &participant, 0);
            test_send(&consumer[i].peer, PARTICIPANT_DRAIN);
        }
        order(&producer, 200, 200);
        finish(&producer, PARTICIPANT_CLOSE);
        for (int i = 0; i < 2; i++) {
            test_expect_value(&consumer[i].peer, (uint64_t)-MYL_ECLOSED);
            test_expect_value(&consumer[i].peer, 200);
            finish(&consumer[i], PARTICIPANT_CLOSE);
        }
    }
}

/* A message longer than the ring, partly published: its producer waits for a consumer that does not read. Another
 * consumer has read everything published. */
struct stuck {
    char name[TEST_NAME_SIZE];
    struct frame_participant participant;
    test_child producer;
    myl_frame_consumer *consumer, *brake;
    uint64_t begin;
};

static int has_read(void *argument)
{
    struct stuck *stuck = argument;
    expect_no_frame(stuck->consumer, MYL_EAGAIN);
    return myl_consumer_last_acknowledged(myl_frame_consumer_ring(stuck->consumer)) >=
           (myl_sequence)stuck->begin + 1022;
}

static void block_in_message(struct stuck *stuck)
{
    stuck->participant = participant_of(test_name(stuck->name, "stuck"), NULL);
    stuck->participant.most = FITS;
    start_frames(&stuck->producer, produce_frames, &stuck->participant, 0);
    stuck->consumer = open_frame_consumer(stuck->name, "c");
    order(&stuck->producer, 1, 1);
    take_frame(stuck->consumer, 0, frame_length(0, FITS), MYL_SEC(10));
    myl_frame_consumer_options now = frame_reader("brake");
    now.ring.start = MYL_START_NOW;
    test_ok(myl_frame_consumer_open(&stuck->brake, stuck->name, &now));
    stuck->begin = (uint64_t)myl_consumer_last_acknowledged(myl_frame_consumer_ring(stuck->consumer)) + 1;
    order(&stuck->producer, FRAME_PART, 1);
    test_until(has_read, stuck, "the message fills the ring");
}

/* The producer is killed within a message. Its consumer gets one report, at once, and the next message is complete. */
static void death_within_a_message_is_reported_once(void **state)
{
    (void)state;
    /* reported after the death, by the successor's open, or by its first message */
    for (int when = 0; when < 3; when++) {
        struct stuck stuck;
        myl_message message;
        block_in_message(&stuck);
        test_kill(&stuck.producer);
        if (when == 0) {
            test_code(MYL_EABORTED, myl_frame_consumer_next(stuck.consumer, &message, MYL_SEC(10)));
            expect_detail("1048576");
            test_code(MYL_EPRODUCERDEAD, myl_frame_consumer_next(stuck.consumer, &message, MYL_SEC(10)));
        }
        if (when == 2)
            start_frames(&stuck.producer, produce_frames, &stuck.participant,
                         1); /* the ring is full: the successor cannot publish the abort yet */
        myl_frame_consumer_close(stuck.brake);
        if (when != 2)
            start_frames(&stuck.producer, produce_frames, &stuck.participant, 1);
        if (when == 1)
            test_code(MYL_EABORTED, myl_frame_consumer_next(stuck.consumer, &message, MYL_TRY));
        expect_no_frame(stuck.consumer, MYL_EAGAIN);
        test_send(&stuck.producer.peer, 5);
        if (when == 2)
            test_code(MYL_EABORTED, myl_frame_consumer_next(stuck.consumer, &message, MYL_SEC(10)));
        for (uint64_t i = 1; i < 6; i++)
            take_frame(stuck.consumer, i, frame_length(i, FITS), MYL_SEC(10));
        test_expect_value(&stuck.producer.peer, 6);
        finish(&stuck.producer, PARTICIPANT_CLOSE);
        expect_no_frame(stuck.consumer, MYL_ECLOSED);
        assert_int_equal(myl_frame_consumer_skipped(stuck.consumer), 0);
        myl_frame_consumer_close(stuck.consumer);
    }
}

/* A consumer that joins within a message skips the rest of it, counts it as lost, and gets the next one. */
static void joiner_skips_a_partial_message(void **state)
{
    (void)state;
    struct stuck stuck;
    myl_message message;
    myl_frame_consumer *late = NULL;
    block_in_message(&stuck);
    myl_frame_consumer_options now = frame_reader("late");
    now.ring.start = MYL_START_NOW;
    test_ok(myl_frame_consumer_open(&late, stuck.name, &now));
    assert_int_equal(myl_frame_consumer_skipped(late), 0);
    myl_frame_consumer_close(stuck.brake);
    int rc;
    do { /* both have to read, otherwise the ring stays full */
        test_code(MYL_EAGAIN, myl_frame_consumer_next(late, &message, MYL_TRY));
        rc = myl_frame_consumer_next(stuck.consumer, &message, MYL_MSEC(1));
    } while (rc == MYL_ETIMEDOUT);
    test_ok(rc);
    assert_int_equal(message.length, 1 << 20);
    test_ok(myl_frame_consumer_release(stuck.consumer));
    test_expect_value(&stuck.producer.peer, 2);
    test_code(MYL_EAGAIN, myl_frame_consumer_next(late, &message, MYL_TRY));
    assert_int_equal(myl_frame_consumer_skipped(late), 1);
    order(&stuck.producer, 1, 3);
    take_frame(late, 2, frame_length(2, FITS), MYL_SEC(10));
    take_frame(stuck.consumer, 2, frame_length(2, FITS), MYL_SEC(10));
    assert_int_equal(myl_frame_consumer_skipped(stuck.consumer), 0);
    finish(&stuck.producer, PARTICIPANT_CLOSE);
    myl_frame_consumer_close(late);
    myl_frame_consumer_close(stuck.consumer);
}

struct sending {
    myl_frame_producer *producer;
    int64_t timeout_ns;
    int code;
};

static void *send_a_megabyte(void *argument)
{
    struct sending *sending = argument;
    unsigned char *bytes = calloc(1, 1 << 20);
    sending->code = myl_frame_producer_publish(sending->producer, bytes, 1 << 20, 0, sending->timeout_ns);
    free(bytes);
    return NULL;
}

/* The producer aborts a message that is partly published, with room for the abort record or without. */
static void producer_aborts_within_a_message(void **state)
{
    (void)state;
    for (int close_then = 0; close_then < 2; close_then++) {
        char name[TEST_NAME_SIZE];
        struct frame_participant participant = participant_of(test_name(name, "gives-up"), "c");
        participant.producer.config.numbers = MYL_FRAMES_NUMBERED;
        struct sending sending = {.producer = open_frames(name, &participant.producer), .timeout_ns = MYL_MSEC(300)};
        struct stuck stuck = {.consumer = open_frame_consumer(name, "c")};
        myl_frame_consumer *consumer = stuck.consumer;
        myl_frame_consumer *lazy = open_frame_consumer(name, "lazy");
        pthread_t thread;
        myl_message message;
        assert_int_equal(pthread_create(&thread, NULL, send_a_megabyte, &sending), 0);
        test_until(has_read, &stuck, "the message fills the ring");
        test_code(MYL_ETIMEDOUT, myl_frame_consumer_next(consumer, &message, MYL_USEC(1)));
        pthread_join(thread, NULL);
        test_code(MYL_ETIMEDOUT, sending.code);
        if (close_then) {
            myl_frame_producer_close(sending.producer);
        } else {
            myl_frame_consumer_close(lazy); /* it had kept the ring full */
            lazy = NULL;
            send_frame(sending.producer, 1, 100, MYL_TRY);
        }
        test_code(MYL_EABORTED, myl_frame_consumer_next(consumer, &message, MYL_TRY));
        if (!close_then) {
            test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
            expect_message(&message, 1, 100);
            assert_int_equal(message.number, 1); /* the aborted message had a number, too */
            test_ok(myl_frame_consumer_release(consumer));
            myl_frame_producer_close(sending.producer);
        }
        expect_no_frame(consumer, MYL_ECLOSED);
        myl_frame_consumer_close(consumer);
        myl_frame_consumer_close(lazy);
    }
}

/* A consumer's own limit for messages. */
static void message_over_the_consumers_limit_is_skipped(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_participant participant = participant_of(test_name(name, "reader"), NULL);
    myl_frame_producer *producer = open_frames(name, &participant.producer);
    for (uint64_t most = 100; most < 20000; most += 15000) {
        myl_frame_consumer_options small = frame_reader("small");
        myl_frame_consumer *consumer = NULL;
        myl_message message;
        small.max_message = most;
        test_ok(myl_frame_consumer_open(&consumer, name, &small));
        send_frame(producer, 0, 30000, MYL_TRY);
        send_frame(producer, 1, MAX_FRAME, MYL_TRY);
        test_code(MYL_ETOOBIG, myl_frame_consumer_next(consumer, &message, MYL_TRY));
        expect_detail("30000");
        next_frame(consumer, 1, MAX_FRAME, MYL_TRY);
        if (most > 15000) {
            send_frame(producer, 2, most, MYL_TRY);
            next_frame(consumer, 2, most, MYL_TRY);
        }
        test_ok(myl_frame_consumer_release(consumer));
        assert_int_equal(myl_frame_consumer_skipped(consumer), 0);
        myl_frame_consumer_close(consumer);
    }
    myl_frame_producer_close(producer);
}

static uint64_t cursor_of(const char *name, const char *id)
{
    myl_snapshot *snapshot = NULL;
    uint64_t cursor = UINT64_MAX;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        if (strcmp(snapshot->entry[i].id, id) == 0)
            cursor = snapshot->entry[i].cursor;
    }
    myl_snapshot_free(snapshot);
    return cursor;
}

static int resumed_has_read(void *argument)
{
    const struct stuck *stuck = argument;
    return cursor_of(stuck->name, "phoenix") >= stuck->begin + 1023;
}

/* A consumer is killed. A message that fits in the ring is delivered again. */
static void complete_message_is_delivered_again_after_a_death(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_participant participant = participant_of(test_name(name, "phoenix"), "phoenix");
    test_child producer, consumer;
    uint64_t n = 0;
    participant.most = FITS; /* fragments, kept until the message is complete */
    start_frames(&producer, produce_frames, &participant, 0);
    start_frames(&consumer, consume_frames, &participant, 0);
    for (int life = 0; life < 20; life++) {
        order(&producer, 1, n + 1);
        order(&consumer, PARTICIPANT_LEASE, n + 1);
        test_kill(&consumer);
        start_frames(&consumer, consume_frames, &participant, n);
        order(&consumer, 1, ++n);
    }
    finish(&consumer, PARTICIPANT_CLOSE);
    finish(&producer, PARTICIPANT_CLOSE);
}

/* A message that does not fit in the ring is lost for the consumer that died within it. The consumer counts it after
 * its restart. */
static void message_longer_than_the_ring_is_lost_with_its_consumer(void **state)
{
    (void)state;
    struct stuck stuck;
    test_child phoenix;
    myl_message message;
    stuck.participant = participant_of(test_name(stuck.name, "in"), "phoenix");
    stuck.participant.most = FITS;
    start_frames(&stuck.producer, produce_frames, &stuck.participant, 0);
    start_frames(&phoenix, consume_frames, &stuck.participant, 0);
    stuck.brake = open_frame_consumer(stuck.name, "brake");
    stuck.begin = 0;
    order(&stuck.producer, FRAME_PART, 0);
    test_send(&phoenix.peer, 1);
    test_until(resumed_has_read, &stuck, "a part of the message is read");
    test_kill(&phoenix);
    myl_frame_consumer_close(stuck.brake);
    myl_frame_consumer *again = open_frame_consumer(stuck.name, "phoenix");
    while (!test_can_receive(&stuck.producer.peer, 0)) /* the message ends for the other consumers */
        test_code(MYL_EAGAIN, myl_frame_consumer_next(again, &message, MYL_TRY));
    test_expect_value(&stuck.producer.peer, 1);
    test_code(MYL_EAGAIN, myl_frame_consumer_next(again, &message, MYL_TRY)); /* no part of it is left in the ring */
    order(&stuck.producer, 1, 2);
    take_frame(again, 1, frame_length(1, FITS), MYL_SEC(10));
    assert_int_equal(myl_frame_consumer_skipped(again), 1);
    finish(&stuck.producer, PARTICIPANT_CLOSE);
    expect_no_frame(again, MYL_ECLOSED);
    myl_frame_consumer_close(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_that_fit_need_no_wait),
        cmocka_unit_test(oversized_messages_are_refused_at_once),
        cmocka_unit_test(messages_longer_than_the_ring_reach_three_readers),
        cmocka_unit_test(death_within_a_message_is_reported_once),
        cmocka_unit_test(producer_aborts_within_a_message),
        cmocka_unit_test(joiner_skips_a_partial_message),
        cmocka_unit_test(message_over_the_consumers_limit_is_skipped),
        cmocka_unit_test(complete_message_is_delivered_again_after_a_death),
        cmocka_unit_test(message_longer_than_the_ring_is_lost_with_its_consumer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
