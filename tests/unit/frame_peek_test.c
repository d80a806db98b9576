/* SPDX-License-Identifier: MIT
 * peek describes the next message before it is read, and get copies it directly to the caller: messages of one record,
 * of fragments, longer than the ring, and in lanes. A call that ends early does not affect the next one. */
#include <pthread.h>

#include "frame/consumer.h"
#include "ring/divert.h"
#include "unit/lanes.h"

#define RING  65536
#define MOST  500000
#define PIECE 1024

struct peeking {
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
    unsigned char *buffer; /* MOST bytes */
    uint64_t number, length, times;
    int64_t timeout_ns;
    int result;
};

static void open_peeking(struct peeking *p, enum myl_frame_numbers numbers, uint64_t max_message)
{
    myl_frame_producer_options o = frame_options(RING, PIECE);
    myl_frame_consumer_options c = frame_reader("c");
    memset(p, 0, sizeof *p);
    o.config.numbers = numbers;
    c.max_message = max_message;
    p->producer = open_frames(test_name(p->name, "peek"), &o);
    test_ok(myl_frame_consumer_open(&p->consumer, p->name, &c));
    p->buffer = aligned_alloc(64, (MOST + 63) / 64 * 64);
    assert_non_null(p->buffer);
}

static void close_peeking(struct peeking *p)
{
    myl_frame_consumer_close(p->consumer);
    myl_frame_producer_close(p->producer);
    free(p->buffer);
}

static void expect_described(const myl_message *message, uint64_t number, uint64_t length)
{
    assert_null(message->data);
    assert_int_equal(message->length, length);
    assert_int_equal(message->kind, number & 255);
    assert_int_equal(message->fragments, length <= PIECE ? 1 : (length - 1) / PIECE + 1);
}

static void peek(struct peeking *p, uint64_t number, uint64_t length)
{
    myl_message message;
    test_ok(myl_frame_consumer_peek(p->consumer, &message, MYL_SEC(10)));
    expect_described(&message, number, length);
}

static void get(struct peeking *p, uint64_t number, uint64_t length)
{
    myl_message message;
    test_ok(myl_frame_consumer_get(p->consumer, p->buffer, length, &message, MYL_SEC(10)));
    assert_ptr_equal(message.data, p->buffer);
    expect_message(&message, number, length);
}

static void expect_too_small(struct peeking *p, uint64_t number, uint64_t length)
{
    myl_message message;
    test_code(MYL_EBUFFER, myl_frame_consumer_get(p->consumer, p->buffer, length - 1, &message, MYL_SEC(10)));
    expect_detail("call again with a larger one");
    assert_int_equal(message.length, length);
    assert_int_equal(message.kind, number & 255);
    assert_ptr_equal(message.data, p->buffer);
}

static void next_message_is_the_one_described(void **state)
{
    (void)state;
    for (int numbers = MYL_FRAMES_BARE; numbers <= MYL_FRAMES_TIMED; numbers++) {
        struct peeking p;
        open_peeking(&p, (enum myl_frame_numbers)numbers, 0);
        for (uint64_t i = 0; i < 400; i++) {
            uint64_t length = frame_length(i, 9 * PIECE);
            myl_message described, message;
            send_frame(p.producer, i, length, MYL_TRY);
            send_frame(p.producer, i + 1, 1, MYL_TRY);
            for (int twice = 0; twice < 2; twice++)
                test_ok(myl_frame_consumer_peek(p.consumer, &described, MYL_TRY));
            expect_described(&described, i, length);
            if (i % 3 == 0) {
                test_ok(myl_frame_consumer_next(p.consumer, &message, MYL_TRY));
                test_ok(myl_frame_consumer_release(p.consumer));
            } else {
                if (length > 0)
                    expect_too_small(&p, i, length);
                test_ok(myl_frame_consumer_get(p.consumer, p.buffer, length, &message, MYL_TRY));
                expect_message(&message, i, length);
            }
            assert_int_equal(message.number, described.number);
            assert_int_equal(message.fragments, described.fragments);
            assert_int_equal(described.number, numbers == MYL_FRAMES_BARE ? 0 : 2 * i);
            assert_int_equal(described.sent_ns != 0, numbers == MYL_FRAMES_TIMED);
            take_frame(p.consumer, i + 1, 1, MYL_TRY);
        }
        close_peeking(&p);
    }
}

static void peek_acknowledges_nothing_and_leaves_leases_alone(void **state)
{
    (void)state;
    struct peeking p;
    open_peeking(&p, MYL_FRAMES_BARE, 0);
    for (uint64_t i = 0; i < 20; i++)
        send_frame(p.producer, i, i * 200, MYL_TRY);
    for (uint64_t i = 0; i < 5; i++)
        next_frame(p.consumer, i, i * 200, MYL_TRY);
    peek(&p, 5, 1000);
    myl_frame_consumer_rewind(p.consumer);
    peek(&p, 0, 0);
    assert_int_equal(myl_consumer_last_acknowledged(myl_frame_consumer_ring(p.consumer)), MYL_SEQUENCE_NONE);
    for (uint64_t i = 0; i < 20; i++) {
        peek(&p, i, i * 200);
        take_frame(p.consumer, i, i * 200, MYL_TRY);
    }
    close_peeking(&p);
}

static void peek_waits_and_ends_as_next_does(void **state)
{
    (void)state;
    struct peeking p;
    myl_message message;
    open_peeking(&p, MYL_FRAMES_BARE, 3000);
    test_code(MYL_EAGAIN, myl_frame_consumer_peek(p.consumer, &message, MYL_TRY));
    test_code(MYL_ETIMEDOUT, myl_frame_consumer_peek(p.consumer, &message, MYL_MSEC(1)));
    myl_frame_consumer_interrupt(p.consumer);
    test_code(MYL_EINTERRUPTED, myl_frame_consumer_peek(p.consumer, &message, MYL_FOREVER));
    send_frame(p.producer, 0, 3001, MYL_TRY);
    send_frame(p.producer, 1, 3000, MYL_TRY);
    test_code(MYL_ETOOBIG, myl_frame_consumer_peek(p.consumer, &message, MYL_TRY)); /* skipped */
    expect_detail("longer than this reader's limit");
    peek(&p, 1, 3000);
    get(&p, 1, 3000);
    myl_frame_producer_close(p.producer);
    p.producer = NULL;
    test_code(MYL_ECLOSED, myl_frame_consumer_peek(p.consumer, &message, MYL_FOREVER));
    close_peeking(&p);
}

/* Each request is answered before the next one, so it must not start a stream, whatever the number of cells and
 * fragments. */
static void expect_no_stream(const uint64_t *lengths, size_t count, int described)
{
    for (size_t k = 0; k < count; k++) {
        struct peeking p;
        open_peeking(&p, MYL_FRAMES_BARE, 0);
        for (uint64_t i = 0; i < 1000; i++) {
            send_frame(p.producer, i, lengths[k], MYL_TRY);
            if (described)
                peek(&p, i, lengths[k]);
            get(&p, i, lengths[k]);
            if ((p.consumer->own.ring.diverted & MYL_DIVERT_STREAM) != 0)
                test_fail("request %d of %d bytes starts a stream", (int)i, (int)lengths[k]);
        }
        close_peeking(&p);
    }
}

static void requests_that_are_described_start_no_stream(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {10, 200, PIECE, 2 * PIECE, 6 * PIECE};
    expect_no_stream(lengths, sizeof lengths / sizeof lengths[0], 1);
}

static void requests_in_fragments_start_no_stream(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {2 * PIECE, 6 * PIECE};
    expect_no_stream(lengths, sizeof lengths / sizeof lengths[0], 0);
}

static void *publish_long(void *argument)
{
    struct peeking *p = argument;
    unsigned char *data = malloc(p->length + p->times);
    for (uint64_t i = 0; i < p->times && data != NULL; i++) {
        frame_fill(data, p->number + i, p->length + i);
        p->result =
            myl_frame_producer_publish(p->producer, data, p->length + i, (uint8_t)(p->number + i), p->timeout_ns);
    }
    free(data);
    return NULL;
}

static int publish_long_ones(test_peer *parent, void *argument)
{
    struct peeking *p = argument;
    myl_frame_producer_options o = frame_options(RING, PIECE);
    p->producer = open_frames(p->name, &o);
    test_send(parent, 1);
    test_expect_value(parent, 2);
    (void)publish_long(p);
    test_ok(p->result);
    myl_frame_producer_close(p->producer);
    return 0;
}

/* The producer is stopped. The published part of the message is at most the ring, so no call can complete it. */
static void expect_incomplete(struct peeking *p, test_child *producer, uint64_t number, uint64_t length)
{
    static const struct {
        int64_t timeout_ns;
        int code;
    } cases[] = {{MYL_TRY, MYL_EAGAIN}, {20000, MYL_ETIMEDOUT}};
    myl_message message;
    test_stop(producer);
    for (size_t i = 0; i < 2; i++) {
        test_code(cases[i].code, myl_frame_consumer_get(p->consumer, p->buffer, length, &message, cases[i].timeout_ns));
        memset(p->buffer, 0x5a, length); /* between the calls the buffer belongs to the caller */
        peek(p, number, length);
    }
    test_continue(producer);
}

/* A message longer than the ring is described by its first fragment, and reassembled in the caller's buffer, also by
 * calls that time out within it. */
static void message_longer_than_the_ring_is_copied_over_several_calls(void **state)
{
    (void)state;
    struct peeking p = {.number = 7, .length = MOST - 100, .times = 20, .timeout_ns = MYL_SEC(30)};
    test_child producer;
    test_name(p.name, "peek");
    test_spawn(&producer, publish_long_ones, &p);
    test_expect_value(&producer.peer, 1);
    p.consumer = open_frame_consumer(p.name, "c");
    p.buffer = aligned_alloc(64, (MOST + 63) / 64 * 64);
    assert_non_null(p.buffer);
    test_send(&producer.peer, 2);
    for (uint64_t i = 0; i < p.times; i++) {
        myl_message message;
        uint64_t number = p.number + i, length = p.length + i;
        peek(&p, number, length);
        if (i % 4 == 0)
            expect_too_small(&p, number, length);
        expect_incomplete(&p, &producer, number, length);
        test_ok(myl_frame_consumer_get(p.consumer, p.buffer, length, &message, MYL_SEC(30)));
        expect_message(&message, number, length);
    }
    test_expect_exit(&producer, 0);
    close_peeking(&p);
}

/* A message that its producer gives up in the middle: it gets no room for the rest. */
static void begin_and_give_up(struct peeking *p, uint32_t piece)
{
    pthread_t thread;
    myl_message message;
    memset(p, 0, sizeof *p);
    myl_frame_producer_options o = frame_options(RING, piece);
    p->producer = open_frames(test_name(p->name, "up"), &o);
    p->consumer = open_frame_consumer(p->name, "c");
    p->buffer = aligned_alloc(64, (MOST + 63) / 64 * 64);
    assert_non_null(p->buffer);
    p->number = 3;
    p->length = MOST - 1;
    p->times = 1;
    p->timeout_ns = MYL_MSEC(1);
    assert_int_equal(pthread_create(&thread, NULL, publish_long, p), 0);
    for (int twice = 0; twice < 2; twice++) {
        test_ok(myl_frame_consumer_peek(p->consumer, &message, MYL_SEC(10)));
        assert_int_equal(message.length, p->length);
        if (twice == 0)
            assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(p->result, MYL_ETIMEDOUT);
}

static int get_or_next(struct peeking *p, int copies)
{
    myl_message message;
    return copies ? myl_frame_consumer_get(p->consumer, p->buffer, MOST, &message, MYL_MSEC(1))
                  : myl_frame_consumer_next(p->consumer, &message, MYL_MSEC(1));
}

static void aborted_message_is_reported_after_its_description(void **state)
{
    (void)state;
    for (int copies = 0; copies < 2; copies++) {
        struct peeking p;
        begin_and_give_up(&p, PIECE); /* 60 fragments of 17 cells leave 4 cells of 1024 */
        test_code(MYL_EABORTED, get_or_next(&p, copies));
        close_peeking(&p);
    }
}

/* The fragments fill the ring: there is no room for the abort record. The next message reports it. */
static void aborted_message_in_a_full_ring_is_reported_by_the_next(void **state)
{
    (void)state;
    for (int copies = 0; copies < 2; copies++) {
        struct peeking p;
        begin_and_give_up(&p, 640); /* 93 fragments of 11 cells leave one, and a record needs an empty one after it */
        test_code(MYL_ETIMEDOUT, get_or_next(&p, copies));
        send_frame(p.producer, 4, 10, MYL_SEC(1));
        test_code(MYL_EABORTED, get_or_next(&p, copies));
        take_frame(p.consumer, 4, 10, MYL_TRY);
        close_peeking(&p);
    }
}

/* --- lanes -------------------------------------------------------------------------------------------------------- */

#define LANES     3U
#define LANE_RING (1 << 20)

struct peeking_lanes {
    char name[TEST_NAME_SIZE];
    myl_frame_producer *lane[LANES];
    myl_frame_consumer *consumer;
    unsigned char *buffer;
    uint64_t taken[LANES];
};

static void open_lanes(struct peeking_lanes *p, uint64_t ring_bytes)
{
    memset(p, 0, sizeof *p);
    test_name(p->name, "lanes");
    for (unsigned i = 0; i < LANES; i++) {
        char id[] = {(char)('a' + i), 0};
        myl_frame_producer_options o = frame_options(ring_bytes, 4096);
        o.config.lanes = LANES;
        o.lane = id;
        p->lane[i] = open_frames(p->name, &o);
    }
    p->consumer = open_frame_consumer(p->name, "c");
    p->buffer = aligned_alloc(64, LANE_RING);
    assert_non_null(p->buffer);
}

static void close_lanes(struct peeking_lanes *p)
{
    myl_frame_consumer_close(p->consumer);
    for (unsigned i = 0; i < LANES; i++)
        myl_frame_producer_close(p->lane[i]);
    free(p->buffer);
}

/* Message `i` of a lane. */
static uint64_t lane_number(uint32_t lane, uint64_t i)
{
    return lane * 64 + i;
}

static uint64_t lane_length(uint32_t lane, uint64_t i)
{
    return i % 3 == 0 ? i * 10 : 100000 + lane * 1000 + i; /* more cells than a turn allows */
}

/* Turns change between the fragments of a message. A message that was described is delivered next nevertheless. */
static void described_message_comes_next_from_its_lane(void **state)
{
    (void)state;
    struct peeking_lanes p;
    open_lanes(&p, LANE_RING);
    for (uint32_t lane = 0; lane < LANES; lane++) {
        for (uint64_t i = 0; i < 10; i++)
            send_frame(p.lane[lane], lane_number(lane, i), lane_length(lane, i), MYL_TRY);
    }
    for (unsigned i = 0; i < LANES * 10; i++) {
        myl_message described, message;
        test_ok(myl_frame_consumer_peek(p.consumer, &described, MYL_TRY));
        uint32_t lane = described.lane;
        uint64_t number = lane_number(lane, p.taken[lane]), length = lane_length(lane, p.taken[lane]);
        assert_int_equal(described.length, length);
        assert_null(described.data);
        if (i % 2 == 0) {
            test_ok(myl_frame_consumer_next(p.consumer, &message, MYL_TRY));
            expect_message(&message, number, length);
            test_ok(myl_frame_consumer_release(p.consumer));
        } else {
            if (length > 0)
                test_code(MYL_EBUFFER, myl_frame_consumer_get(p.consumer, p.buffer, length - 1, &message, MYL_TRY));
            test_ok(myl_frame_consumer_get(p.consumer, p.buffer, length, &message, MYL_TRY));
            assert_ptr_equal(message.data, p.buffer);
            expect_message(&message, number, length);
        }
        assert_int_equal(message.lane, lane);
        p.taken[lane]++;
    }
    myl_message none;
    test_code(MYL_EAGAIN, myl_frame_consumer_peek(p.consumer, &none, MYL_TRY));
    close_lanes(&p);
}

/* Without a preceding description any lane may be next, and the buffer is often too small. */
static void copies_from_lanes_are_complete_for_any_buffer(void **state)
{
    (void)state;
    struct peeking_lanes p;
    open_lanes(&p, LANE_RING);
    for (uint32_t lane = 0; lane < LANES; lane++) {
        for (uint64_t i = 0; i < 10; i++)
            send_frame(p.lane[lane], lane_number(lane, i), lane_length(lane, i), MYL_TRY);
    }
    for (unsigned i = 0, refused = 0; i < LANES * 10; i++) {
        myl_message small, message;
        int rc = myl_frame_consumer_get(p.consumer, p.buffer, i % 2 == 0 ? 50 : LANE_RING, &message, MYL_TRY);
        if (rc == MYL_EBUFFER) {
            small = message;
            test_ok(myl_frame_consumer_get(p.consumer, p.buffer, small.length, &message, MYL_TRY));
            assert_int_equal(message.lane, small.lane);
            refused++;
        } else {
            test_ok(rc);
        }
        uint32_t lane = message.lane;
        expect_message(&message, lane_number(lane, p.taken[lane]), lane_length(lane, p.taken[lane]));
        p.taken[lane]++;
        assert_true(i + 1 < LANES * 10 || refused > 0);
    }
    close_lanes(&p);
}

static void *publish_in_lane(void *argument)
{
    struct peeking *p = argument;
    return publish_long(p);
}

/* Messages longer than their lanes' rings, reassembled fragment by fragment in all lanes at once. */
static void messages_longer_than_their_lanes_are_described_and_copied(void **state)
{
    (void)state;
    struct peeking_lanes p;
    struct peeking writer[LANES];
    pthread_t thread[LANES];
    open_lanes(&p, RING);
    for (uint32_t i = 0; i < LANES; i++) {
        writer[i] = (struct peeking){.producer = p.lane[i],
                                     .number = i * 64,
                                     .length = 200000 + i * 1000,
                                     .times = 5,
                                     .timeout_ns = MYL_SEC(30)};
        assert_int_equal(pthread_create(&thread[i], NULL, publish_in_lane, &writer[i]), 0);
    }
    for (unsigned i = 0; i < LANES * 5; i++) {
        myl_message described, message;
        test_ok(myl_frame_consumer_peek(p.consumer, &described, MYL_SEC(30)));
        uint32_t lane = described.lane;
        if (i % 2 == 0)
            test_code(MYL_EBUFFER, myl_frame_consumer_get(p.consumer, p.buffer, 1, &message, MYL_SEC(30)));
        test_ok(myl_frame_consumer_get(p.consumer, p.buffer, described.length, &message, MYL_TRY));
        assert_int_equal(message.lane, lane);
        expect_message(&message, lane * 64 + p.taken[lane], writer[lane].length + p.taken[lane]);
        p.taken[lane]++;
    }
    for (uint32_t i = 0; i < LANES; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        test_ok(writer[i].result);
    }
    close_lanes(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_message_is_the_one_described),
        cmocka_unit_test(peek_acknowledges_nothing_and_leaves_leases_alone),
        cmocka_unit_test(peek_waits_and_ends_as_next_does),
        cmocka_unit_test(requests_that_are_described_start_no_stream),
        cmocka_unit_test(requests_in_fragments_start_no_stream),
        cmocka_unit_test(message_longer_than_the_ring_is_copied_over_several_calls),
        cmocka_unit_test(aborted_message_is_reported_after_its_description),
        cmocka_unit_test(aborted_message_in_a_full_ring_is_reported_by_the_next),
        cmocka_unit_test(described_message_comes_next_from_its_lane),
        cmocka_unit_test(copies_from_lanes_are_complete_for_any_buffer),
        cmocka_unit_test(messages_longer_than_their_lanes_are_described_and_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
