/* SPDX-License-Identifier: MIT
 * Messages longer than max_frame, and longer than the ring: whole or not at all, whoever dies, gives up or joins in
 * between. */
#include <pthread.h>

#include "process/frame_party.h"

#define RING_BYTES 65536
#define MAX_FRAME  5888 /* a fragment takes 93 cells: 11 of them fill the ring to the last word */
#define MOST       (600 * 1024)
#define FITS       60000

static struct frame_party party_of(const char *name, const char *id)
{
    struct frame_party party = {.name = name, .id = id, .most = MOST, .producer = frame_options(RING_BYTES, MAX_FRAME)};
    party.producer.max_message = 1 << 20;
    party.producer.ring.on_death = MYL_DEATH_WAIT;
    return party;
}

/* Everything that fits in the ring: published and read in one thread, by calls that never wait. */
static void test_within_the_ring(void **state)
{
    (void)state;
    for (int numbers = MYL_FRAMES_BARE; numbers <= MYL_FRAMES_NUMBERED; numbers++) {
        char name[TEST_NAME_SIZE];
        struct frame_party party = party_of(test_name(name, "within"), "c");
        party.producer.numbers = (enum myl_frame_numbers)numbers;
        myl_frame_producer *producer = open_frames(name, &party.producer);
        myl_frame_consumer *consumer = open_frame_consumer(name, "c");
        for (uint64_t i = 0; i < 300; i++) {
            static const uint64_t borders[] = {5887, 5888, 5889, 5936, 11776, 11777, 64001, 5952, 5953};
            uint64_t length = i < 9 ? borders[i] : 1 + frame_length(i, 64400);
            myl_message message;
            expect_no_frame(consumer, MYL_EAGAIN);
            send_frame(producer, i, length, MYL_TRY);
            for (int again = 0; again < 2; again++) { /* given back, it is the same once more */
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

/* What cannot be is said before anything is published. */
static void test_limits(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_party party = party_of(test_name(name, "limits"), "c");
    myl_frame_producer *producer = open_frames(name, &party.producer);
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

/* Longer than the ring, to three readers at once: one leases several, one copies, one drains. */
static void test_beyond_the_ring(void **state)
{
    (void)state;
    for (int backend = MYL_BACKEND_SHM; backend <= MYL_BACKEND_FILE; backend++) {
        char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
        struct frame_party party = party_of(NULL, NULL);
        party.name = backend == MYL_BACKEND_SHM ? test_name(name, "beyond") : test_path(path, "beyond");
        party.producer.ring.backend = party.consumer.ring.backend = (enum myl_backend)backend;
        test_child producer, consumer[2];
        start_frames(&producer, produce_frames, &party, 0);
        for (int i = 0; i < 2; i++) {
            party.id = i == 0 ? "a" : "b";
            start_frames(&consumer[i], consume_frames, &party, 0);
            test_tell(&consumer[i].peer, PARTY_DRAIN);
        }
        order(&producer, 200, 200);
        finish(&producer, PARTY_CLOSE);
        for (int i = 0; i < 2; i++) {
            test_hear_value(&consumer[i].peer, (uint64_t)-MYL_ECLOSED);
            test_hear_value(&consumer[i].peer, 200);
            finish(&consumer[i], PARTY_CLOSE);
        }
    }
}

/* A message longer than the ring, stuck in the middle: its producer waits for a reader that does not read, another has
 * read all there is. */
struct stuck {
    char name[TEST_NAME_SIZE];
    struct frame_party party;
    test_child producer;
    myl_frame_consumer *consumer, *brake;
    uint64_t begin;
};

static int has_read(void *argument)
{
    struct stuck *stuck = argument;
    expect_no_frame(stuck->consumer, MYL_EAGAIN);
    return myl_consumer_acknowledged(myl_frame_consumer_ring(stuck->consumer)) >= (myl_sequence)stuck->begin + 1022;
}

static void get_stuck(struct stuck *stuck)
{
    stuck->party = party_of(test_name(stuck->name, "stuck"), NULL);
    stuck->party.most = FITS;
    start_frames(&stuck->producer, produce_frames, &stuck->party, 0);
    stuck->consumer = open_frame_consumer(stuck->name, "c");
    order(&stuck->producer, 1, 1);
    take_frame(stuck->consumer, 0, frame_length(0, FITS), MYL_SEC(10));
    myl_frame_consumer_options now = frame_reader("brake");
    now.ring.start = MYL_START_NOW;
    test_ok(myl_frame_consumer_open(&stuck->brake, stuck->name, &now));
    stuck->begin = (uint64_t)myl_consumer_acknowledged(myl_frame_consumer_ring(stuck->consumer)) + 1;
    order(&stuck->producer, FRAME_PART, 1);
    test_until(has_read, stuck, "a ring full of the message");
}

/* The producer is killed in the middle of a message. Its reader is told, once, at once; the next message is whole. */
static void test_producer_killed_between_fragments(void **state)
{
    (void)state;
    for (int when = 0; when < 3; when++) { /* told by the death, by the successor, by the successor's first message */
        struct stuck stuck;
        myl_message message;
        get_stuck(&stuck);
        test_kill(&stuck.producer);
        if (when == 0) {
            test_code(MYL_EABORTED, myl_frame_consumer_next(stuck.consumer, &message, MYL_SEC(10)));
            expect_detail("1048576");
            test_code(MYL_EPRODUCERDEAD, myl_frame_consumer_next(stuck.consumer, &message, MYL_SEC(10)));
        }
        if (when == 2)
            start_frames(&stuck.producer, produce_frames, &stuck.party, 1); /* the ring is full: it cannot say so yet */
        myl_frame_consumer_close(stuck.brake);
        if (when != 2)
            start_frames(&stuck.producer, produce_frames, &stuck.party, 1);
        if (when == 1)
            test_code(MYL_EABORTED, myl_frame_consumer_next(stuck.consumer, &message, MYL_TRY));
        expect_no_frame(stuck.consumer, MYL_EAGAIN);
        test_tell(&stuck.producer.peer, 5);
        if (when == 2)
            test_code(MYL_EABORTED, myl_frame_consumer_next(stuck.consumer, &message, MYL_SEC(10)));
        for (uint64_t i = 1; i < 6; i++)
            take_frame(stuck.consumer, i, frame_length(i, FITS), MYL_SEC(10));
        test_hear_value(&stuck.producer.peer, 6);
        finish(&stuck.producer, PARTY_CLOSE);
        expect_no_frame(stuck.consumer, MYL_ECLOSED);
        assert_int_equal(myl_frame_consumer_skipped(stuck.consumer), 0);
        myl_frame_consumer_close(stuck.consumer);
    }
}

/* Who comes in the middle of a message passes it over, counts it, and gets the next one. */
static void test_join_in_the_middle(void **state)
{
    (void)state;
    struct stuck stuck;
    myl_message message;
    myl_frame_consumer *late = NULL;
    get_stuck(&stuck);
    myl_frame_consumer_options now = frame_reader("late");
    now.ring.start = MYL_START_NOW;
    test_ok(myl_frame_consumer_open(&late, stuck.name, &now));
    assert_int_equal(myl_frame_consumer_skipped(late), 0);
    myl_frame_consumer_close(stuck.brake);
    int rc;
    do { /* both have to read, or the ring stands still */
        test_code(MYL_EAGAIN, myl_frame_consumer_next(late, &message, MYL_TRY));
        rc = myl_frame_consumer_next(stuck.consumer, &message, MYL_MSEC(1));
    } while (rc == MYL_ETIMEDOUT);
    test_ok(rc);
    assert_int_equal(message.length, 1 << 20);
    test_ok(myl_frame_consumer_release(stuck.consumer));
    test_hear_value(&stuck.producer.peer, 2);
    test_code(MYL_EAGAIN, myl_frame_consumer_next(late, &message, MYL_TRY));
    assert_int_equal(myl_frame_consumer_skipped(late), 1);
    order(&stuck.producer, 1, 3);
    take_frame(late, 2, frame_length(2, FITS), MYL_SEC(10));
    take_frame(stuck.consumer, 2, frame_length(2, FITS), MYL_SEC(10));
    assert_int_equal(myl_frame_consumer_skipped(stuck.consumer), 0);
    finish(&stuck.producer, PARTY_CLOSE);
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

/* The producer gives up in the middle, and says so; with room for that, or without. */
static void test_producer_gives_up(void **state)
{
    (void)state;
    for (int close_then = 0; close_then < 2; close_then++) {
        char name[TEST_NAME_SIZE];
        struct frame_party party = party_of(test_name(name, "gives-up"), "c");
        party.producer.numbers = MYL_FRAMES_NUMBERED;
        struct sending sending = {.producer = open_frames(name, &party.producer), .timeout_ns = MYL_MSEC(300)};
        struct stuck stuck = {.consumer = open_frame_consumer(name, "c")};
        myl_frame_consumer *consumer = stuck.consumer;
        myl_frame_consumer *lazy = open_frame_consumer(name, "lazy");
        pthread_t thread;
        myl_message message;
        assert_int_equal(pthread_create(&thread, NULL, send_a_megabyte, &sending), 0);
        test_until(has_read, &stuck, "a ring full of the message");
        test_code(MYL_ETIMEDOUT, myl_frame_consumer_next(consumer, &message, MYL_USEC(1)));
        pthread_join(thread, NULL);
        test_code(MYL_ETIMEDOUT, sending.code);
        if (close_then) {
            myl_frame_producer_close(sending.producer);
        } else {
            myl_frame_consumer_close(lazy); /* it holds the ring full */
            lazy = NULL;
            send_frame(sending.producer, 1, 100, MYL_TRY);
        }
        test_code(MYL_EABORTED, myl_frame_consumer_next(consumer, &message, MYL_TRY));
        if (!close_then) {
            test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
            expect_message(&message, 1, 100);
            assert_int_equal(message.number, 1); /* the one given up had a number too */
            test_ok(myl_frame_consumer_release(consumer));
            myl_frame_producer_close(sending.producer);
        }
        expect_no_frame(consumer, MYL_ECLOSED);
        myl_frame_consumer_close(consumer);
        myl_frame_consumer_close(lazy);
    }
}

/* A reader's own limit. */
static void test_too_long_for_the_reader(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_party party = party_of(test_name(name, "reader"), NULL);
    myl_frame_producer *producer = open_frames(name, &party.producer);
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

static int phoenix_has_read(void *argument)
{
    const struct stuck *stuck = argument;
    return cursor_of(stuck->name, "phoenix") >= stuck->begin + 1023;
}

/* A reader that is killed: a message that fits in the ring comes again. */
static void test_consumer_killed_with_a_message(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_party party = party_of(test_name(name, "phoenix"), "phoenix");
    test_child producer, consumer;
    uint64_t n = 0;
    party.most = FITS; /* fragments, and held until they are whole */
    start_frames(&producer, produce_frames, &party, 0);
    start_frames(&consumer, consume_frames, &party, 0);
    for (int life = 0; life < 20; life++) {
        order(&producer, 1, n + 1);
        order(&consumer, PARTY_LEASE, n + 1);
        test_kill(&consumer);
        start_frames(&consumer, consume_frames, &party, n);
        order(&consumer, 1, ++n);
    }
    finish(&consumer, PARTY_CLOSE);
    finish(&producer, PARTY_CLOSE);
}

/* One that does not fit in the ring is lost to the reader that died in it, which then counts it. */
static void test_consumer_killed_in_a_message(void **state)
{
    (void)state;
    struct stuck stuck;
    test_child phoenix;
    myl_message message;
    stuck.party = party_of(test_name(stuck.name, "in"), "phoenix");
    stuck.party.most = FITS;
    start_frames(&stuck.producer, produce_frames, &stuck.party, 0);
    start_frames(&phoenix, consume_frames, &stuck.party, 0);
    stuck.brake = open_frame_consumer(stuck.name, "brake");
    stuck.begin = 0;
    order(&stuck.producer, FRAME_PART, 0);
    test_tell(&phoenix.peer, 1);
    test_until(phoenix_has_read, &stuck, "some of the message");
    test_kill(&phoenix);
    myl_frame_consumer_close(stuck.brake);
    myl_frame_consumer *again = open_frame_consumer(stuck.name, "phoenix");
    while (!test_heard(&stuck.producer.peer, 0)) /* the message does end, for others */
        test_code(MYL_EAGAIN, myl_frame_consumer_next(again, &message, MYL_TRY));
    test_hear_value(&stuck.producer.peer, 1);
    test_code(MYL_EAGAIN, myl_frame_consumer_next(again, &message, MYL_TRY)); /* nothing of it is left in the ring */
    order(&stuck.producer, 1, 2);
    take_frame(again, 1, frame_length(1, FITS), MYL_SEC(10));
    assert_int_equal(myl_frame_consumer_skipped(again), 1);
    finish(&stuck.producer, PARTY_CLOSE);
    expect_no_frame(again, MYL_ECLOSED);
    myl_frame_consumer_close(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_the_ring),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_beyond_the_ring),
        cmocka_unit_test(test_producer_killed_between_fragments),
        cmocka_unit_test(test_producer_gives_up),
        cmocka_unit_test(test_join_in_the_middle),
        cmocka_unit_test(test_too_long_for_the_reader),
        cmocka_unit_test(test_consumer_killed_with_a_message),
        cmocka_unit_test(test_consumer_killed_in_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
