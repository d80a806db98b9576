/* SPDX-License-Identifier: MIT
 * Messages over a ring of fixed-size events: divided into frames, reassembled, aborted, and read from the middle. */
#include <pthread.h>

#include "unit/frames.h"

#define MOST 100000

struct bare {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
    myl_reassembly parts;
    unsigned char bytes[MOST];
};

static struct bare *open_bare(uint64_t capacity, uint32_t frame, uint32_t packed_cell)
{
    struct bare *bare = calloc(1, sizeof *bare);
    assert_non_null(bare);
    myl_producer_options o = producer_options(capacity);
    o.config.event_size = MYL_FIXED_FRAME_SIZE(frame);
    o.config.event_align = 16;
    o.config.packed_cell = packed_cell;
    bare->producer = open_producer(test_name(bare->name, "bare"), &o);
    bare->consumer = open_consumer(bare->name, "c");
    bare->parts.room = MOST;
    bare->parts.data = aligned_alloc(64, MOST + 64 - MOST % 64);
    assert_non_null(bare->parts.data);
    return bare;
}

static void close_bare(struct bare *bare)
{
    myl_consumer_close(bare->consumer);
    if (bare->producer != NULL)
        myl_producer_close(bare->producer);
    free(bare->parts.data);
    free(bare);
}

static int send(struct bare *bare, uint64_t number, uint64_t length, int64_t timeout_ns)
{
    frame_fill(bare->bytes, number, length);
    return myl_publish_fixed_frames(bare->producer, bare->bytes, length, (uint8_t)number, timeout_ns);
}

static void receive(struct bare *bare, uint64_t number, uint64_t length)
{
    myl_message message;
    test_ok(myl_recv_fixed_frames(bare->consumer, &bare->parts, &message, MYL_SEC(10)));
    assert_int_equal(message.length, length);
    assert_int_equal(message.kind, number & 255);
    assert_int_equal((uintptr_t)message.data % 16, 0);
    expect_bytes(message.data, number, length);
}

static void expect_none(struct bare *bare, int code)
{
    myl_message message;
    test_code(code, myl_recv_fixed_frames(bare->consumer, &bare->parts, &message, MYL_TRY));
}

static void flags_mark_first_and_last_frames(void **state)
{
    (void)state;
    assert_true(myl_is_single_frame(myl_frame_flags(1, 1)));
    assert_false(myl_is_single_frame(myl_frame_flags(1, 0)));
    assert_false(myl_is_single_frame(myl_frame_flags(0, 1)));
    assert_true(myl_is_first_frame(myl_frame_flags(1, 0)) && !myl_is_last_frame(myl_frame_flags(1, 0)));
    assert_true(myl_is_last_frame(myl_frame_flags(0, 1)) && !myl_is_first_frame(myl_frame_flags(0, 1)));
    assert_int_equal(myl_frame_flags(0, 0), 0);
    assert_int_equal(sizeof(myl_fixed_frame) % 16, 0);
}

/* All lengths, across the ring's end, with one or several unread messages. */
static void messages_within_the_ring_arrive(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 4096; cell += 4096) {
        struct bare *bare = open_bare(cell == 0 ? 64 : 70, 96, cell);
        for (uint64_t i = 0; i < 1000; i++) {
            uint64_t length = i < 500 ? i : i * 37 % 5500;
            expect_none(bare, MYL_EAGAIN);
            test_ok(send(bare, i, length, MYL_TRY));
            receive(bare, i, length);
            if (i % 2 == 0) { /* after a rewind it is delivered again */
                myl_consumer_rewind(bare->consumer);
                receive(bare, i, length);
            }
            test_ok(myl_consumer_release(bare->consumer));
        }
        for (uint64_t i = 0; i < 10; i++)
            test_ok(send(bare, i, i * 60, MYL_TRY));
        for (uint64_t i = 0; i < 10; i++) {
            receive(bare, i, i * 60);
            test_ok(myl_consumer_release(bare->consumer));
        }
        assert_int_equal(bare->parts.skipped, 0);
        close_bare(bare);
    }
}

static void *send_long(void *argument)
{
    struct bare *bare = argument;
    for (uint64_t i = 0; i < 40; i++)
        test_ok(myl_publish_fixed_frames(bare->producer, bare->bytes, 20000 + i, 0, MYL_SEC(15)));
    return NULL;
}

static void messages_longer_than_the_ring_arrive(void **state)
{
    (void)state;
    struct bare *bare = open_bare(8, 1000, 0);
    pthread_t thread;
    frame_fill(bare->bytes, 0, 30000);
    test_code(MYL_ETOOBIG, myl_publish_fixed_frames(bare->producer, bare->bytes, 8001, 0, MYL_TRY));
    assert_int_equal(pthread_create(&thread, NULL, send_long, bare), 0);
    for (uint64_t i = 0; i < 40; i++) {
        receive(bare, 0, 20000 + i);
        test_ok(myl_consumer_release(bare->consumer));
    }
    pthread_join(thread, NULL);
    /* No consumer reads: the publish is aborted. The ring is full, so the next message has to report the abort. */
    test_code(MYL_ETIMEDOUT, myl_publish_fixed_frames(bare->producer, bare->bytes, 20000, 0, MYL_MSEC(5)));
    expect_none(bare, MYL_EAGAIN);
    test_ok(send(bare, 7, 3000, MYL_TRY));
    expect_none(bare, MYL_EABORTED);
    receive(bare, 7, 3000);
    test_ok(myl_consumer_release(bare->consumer));
    close_bare(bare);
}

/* Publishes frames as a producer leaves them that dies between two of them. */
static void put_frame(struct bare *bare, myl_fixed_frame frame)
{
    void *event;
    test_ok(myl_producer_claim(bare->producer, &event, MYL_TRY));
    memset(event, 0, MYL_FIXED_FRAME_SIZE(96));
    memcpy(event, &frame, sizeof frame);
    myl_producer_publish(bare->producer);
}

static void aborted_and_skipped_messages_are_reported(void **state)
{
    (void)state;
    struct bare *bare = open_bare(64, 96, 0);
    put_frame(bare, (myl_fixed_frame){.len = 96, .flags = MYL_FRAME_FIRST, .msg_id = 0, .total = 300});
    put_frame(bare, (myl_fixed_frame){.len = 96, .msg_id = 0, .total = 300, .offset = 96});
    expect_none(bare, MYL_EAGAIN);
    test_ok(send(bare, 1, 500, MYL_TRY));
    expect_none(bare, MYL_EABORTED); /* reported by the next message, which is complete */
    assert_int_equal(myl_consumer_last_acknowledged(bare->consumer), 1);
    receive(bare, 1, 500);
    test_ok(myl_consumer_release(bare->consumer));
    put_frame(bare, (myl_fixed_frame){.len = 96, .flags = MYL_FRAME_FIRST, .msg_id = 8, .total = 300});
    expect_none(bare, MYL_EAGAIN);
    put_frame(bare, (myl_fixed_frame){.flags = MYL_FRAME_ABORTED, .msg_id = 8, .total = 300});
    expect_none(bare, MYL_EABORTED); /* reported by an abort frame */
    expect_none(bare, MYL_EAGAIN);
    /* without the first frame */
    put_frame(bare, (myl_fixed_frame){.len = 96, .msg_id = 9, .total = 300, .offset = 96});
    put_frame(bare,
              (myl_fixed_frame){.len = 108 - 96, .msg_id = 9, .total = 300, .offset = 288, .flags = MYL_FRAME_LAST});
    test_ok(send(bare, 3, 10, MYL_TRY));
    receive(bare, 3, 10);
    assert_int_equal(bare->parts.skipped, 1);
    test_ok(myl_consumer_release(bare->consumer));
    bare->parts.room = 299; /* too long for this reader: reported once, and skipped */
    test_ok(send(bare, 4, 300, MYL_TRY));
    test_ok(send(bare, 5, 299, MYL_TRY));
    expect_none(bare, MYL_ETOOBIG);
    receive(bare, 5, 299);
    assert_int_equal(bare->parts.skipped, 1);
    test_ok(send(bare, 6, 10, MYL_TRY));
    test_ok(send(bare, 7, 200, MYL_TRY));
    receive(bare, 6, 10); /* the last one is still leased */
    expect_none(bare, MYL_ELEASED);
    test_ok(myl_consumer_release(bare->consumer));
    receive(bare, 7, 200);
    test_ok(myl_consumer_release(bare->consumer));
    bare->parts.room = MOST;
    put_frame(bare, (myl_fixed_frame){.len = 96, .flags = MYL_FRAME_FIRST, .msg_id = 25, .total = 300});
    uint64_t id = (uint64_t)myl_producer_last_published(bare->producer);
    if (id != 25)
        test_fail("count the frames: %llu", (unsigned long long)id);
    myl_producer_close(bare->producer);
    bare->producer = NULL;
    expect_none(bare, MYL_EABORTED); /* reported by the end of the stream */
    expect_none(bare, MYL_ECLOSED);
    close_bare(bare);
}

static void impossible_frames_are_refused(void **state)
{
    (void)state;
    static const myl_fixed_frame wrong[] = {
        {.len = 97, .flags = 3, .total = 97},
        {.len = UINT32_MAX, .flags = 3, .total = UINT32_MAX},
        {.len = 10, .flags = 3, .total = 11},
        {.len = 10, .flags = 1, .total = 10},
        {.len = 10, .flags = 4, .total = 10},
        {.len = 10, .flags = 3, .total = 10, .msg_id = 1},
        {.len = 10, .flags = 3, .total = 20, .offset = 10},
        {.len = 10, .flags = 0, .total = 5},
        {.len = 10, .flags = 0, .total = 50, .offset = UINT64_MAX - 5},
        {.len = 0, .flags = 1, .total = 50},
        {.len = 1, .flags = MYL_FRAME_ABORTED, .total = 50},
        {.len = 10, .flags = 3, .total = 10, .reserved = 1},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct bare *bare = open_bare(8, 96, 0);
        put_frame(bare, wrong[i]);
        expect_none(bare, MYL_ECORRUPT);
        close_bare(bare);
    }
    struct bare *bare = open_bare(8, 96, 0);
    put_frame(bare, (myl_fixed_frame){.len = 96, .flags = 1, .total = 300});
    put_frame(bare, (myl_fixed_frame){.len = 96, .total = 300, .offset = 97});
    expect_none(bare, MYL_ECORRUPT);
    close_bare(bare);
    myl_producer_options o = producer_options(8);
    o.config.event_size = 32;
    char name[TEST_NAME_SIZE];
    myl_producer *producer = open_producer(test_name(name, "small"), &o);
    test_code(MYL_EEVENTSIZE, myl_publish_fixed_frames(producer, "x", 1, 0, MYL_TRY));
    myl_producer_close(producer);
}

/* Memory that grows to the length of a message. */
static void memory_may_grow_to_the_reported_length(void **state)
{
    (void)state;
    struct bare *bare = open_bare(64, 100, 0);
    uint64_t length;
    free(bare->parts.data);
    bare->parts.data = NULL;
    bare->parts.room = 0;
    test_code(MYL_EAGAIN, myl_peek_fixed_frames(bare->consumer, &bare->parts, &length, MYL_TRY));
    test_code(MYL_ETIMEDOUT, myl_peek_fixed_frames(bare->consumer, &bare->parts, &length, MYL_USEC(1)));
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t wanted = i * 31;
        test_ok(send(bare, i, wanted, MYL_TRY));
        for (int twice = 0; twice < 2; twice++) {
            test_ok(myl_peek_fixed_frames(bare->consumer, &bare->parts, &length, MYL_TRY));
            assert_int_equal(length, wanted);
        }
        if (length > bare->parts.room) {
            free(bare->parts.data);
            bare->parts.room = length;
            bare->parts.data = aligned_alloc(64, length + 64 - length % 64);
            assert_non_null(bare->parts.data);
        }
        receive(bare, i, wanted);
        test_ok(myl_consumer_release(bare->consumer));
    }
    close_bare(bare);
}

/* A message of which only the last frames are available is skipped, not described. */
static void rest_of_a_message_is_not_described(void **state)
{
    (void)state;
    struct bare *bare = open_bare(8, 100, 0);
    uint64_t length;
    test_code(MYL_ETIMEDOUT, send(bare, 1, 2000, MYL_USEC(1))); /* aborted for lack of room */
    test_ok(myl_peek_fixed_frames(bare->consumer, &bare->parts, &length, MYL_TRY));
    assert_int_equal(length, 2000);
    expect_none(bare, MYL_EAGAIN); /* half of it is received */
    test_ok(myl_peek_fixed_frames(bare->consumer, &bare->parts, &length, MYL_TRY));
    assert_int_equal(length, 2000);
    test_ok(send(bare, 2, 10, MYL_TRY));
    expect_none(bare, MYL_EABORTED);
    test_ok(myl_peek_fixed_frames(bare->consumer, &bare->parts, &length, MYL_TRY));
    assert_int_equal(length, 10);
    receive(bare, 2, 10);
    test_ok(myl_consumer_release(bare->consumer));
    bare->parts.room = 50;
    test_ok(send(bare, 3, 300, MYL_TRY));
    test_ok(send(bare, 4, 40, MYL_TRY));
    expect_none(bare, MYL_ETOOBIG); /* its first frame is skipped, two more are not yet */
    test_ok(myl_peek_fixed_frames(bare->consumer, &bare->parts, &length, MYL_TRY));
    assert_int_equal(length, 40);
    receive(bare, 4, 40);
    close_bare(bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_mark_first_and_last_frames),
        cmocka_unit_test(messages_within_the_ring_arrive),
        cmocka_unit_test(messages_longer_than_the_ring_arrive),
        cmocka_unit_test(aborted_and_skipped_messages_are_reported),
        cmocka_unit_test(impossible_frames_are_refused),
        cmocka_unit_test(memory_may_grow_to_the_reported_length),
        cmocka_unit_test(rest_of_a_message_is_not_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
