/* SPDX-License-Identifier: MIT
 * Rings of frames for tests. The length and every byte of a message follow from its number. Messages are published in
 * all possible ways. */
#ifndef MYL_TESTS_UNIT_FRAMES_H
#define MYL_TESTS_UNIT_FRAMES_H

#include <stdlib.h>

#include "unit/rings.h"

/* Payload looks like stamps: words that equal the stamp of some nearby position. A reader that takes payload for a
 * header therefore accepts it, and is detected. */
RINGS_UNUSED static unsigned char frame_byte(uint64_t number, uint64_t i)
{
    uint64_t word = number * 2 + i / 64 + 1;
    return (unsigned char)((i % 64 < 8 ? word >> i % 8 * 8 : number * 31 + i * 7 + i / 251) & 255);
}

RINGS_UNUSED static void frame_fill(void *data, uint64_t number, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++)
        ((unsigned char *)data)[i] = frame_byte(number, i);
}

RINGS_UNUSED static void expect_bytes(const void *data, uint64_t number, uint64_t length)
{
    const unsigned char *byte = data;
    for (uint64_t i = 0; i < length; i++) {
        if (byte[i] != frame_byte(number, i))
            test_fail("byte %llu of message %llu (%llu bytes) is %u", (unsigned long long)i, (unsigned long long)number,
                      (unsigned long long)length, byte[i]);
    }
}

/* Lengths around every boundary: of the header's cache line, of cells, of max_frame. */
RINGS_UNUSED static uint64_t frame_length(uint64_t number, uint64_t most)
{
    static const uint64_t borders[] = {0, 1, 15, 16, 31, 32, 33, 47, 48, 49, 63, 64, 65, 127, 128, 129, 500, 1000};
    uint64_t mixed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 33;
    uint64_t length = mixed % 3 == 0 ? mixed % (most + 1) : borders[mixed % (sizeof borders / sizeof borders[0])];
    return mixed % 17 == 0 ? most - mixed % 2 : length <= most ? length : most;
}

RINGS_UNUSED static myl_frame_producer *open_frames(const char *name, const myl_frame_producer_options *options)
{
    myl_frame_producer *producer = NULL;
    test_ok(myl_frame_producer_open(&producer, name, options));
    assert_non_null(producer);
    return producer;
}

RINGS_UNUSED static myl_frame_producer_options frame_options(uint64_t ring_bytes, uint32_t max_frame)
{
    return (myl_frame_producer_options){.size = sizeof(myl_frame_producer_options),
                                        .config = {.ring_bytes = ring_bytes, .max_frame = max_frame}};
}

RINGS_UNUSED static myl_frame_consumer_options frame_reader(const char *id)
{
    return (myl_frame_consumer_options){.size = sizeof(myl_frame_consumer_options), .ring.id = id};
}

RINGS_UNUSED static myl_frame_consumer *open_frame_consumer(const char *name, const char *id)
{
    myl_frame_consumer_options options = frame_reader(id);
    myl_frame_consumer *consumer = NULL;
    test_ok(myl_frame_consumer_open(&consumer, name, &options));
    assert_non_null(consumer);
    return consumer;
}

/* Publishes message `number` in one of four ways. Its kind is the low byte of its number. */
RINGS_UNUSED static void send_frame(myl_frame_producer *producer, uint64_t number, uint64_t length, int64_t timeout_ns)
{
    unsigned char *copy = malloc(length + 1);
    assert_non_null(copy);
    frame_fill(copy, number, length);
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(myl_frame_producer_ring(producer), &info));
    if (length > info.event_size || number % 4 == 0) {
        test_ok(myl_frame_producer_publish(producer, copy, length, (uint8_t)number, timeout_ns));
    } else if (number % 4 == 1) {
        struct iovec pieces[] = {{copy, length / 3}, {NULL, 0}, {copy + length / 3, length - length / 3}};
        test_ok(myl_frame_producer_publishv(producer, pieces, 3, (uint8_t)number, timeout_ns));
    } else {
        void *data;
        size_t most = number % 4 == 2                           ? length
                      : length + number % 200 < info.event_size ? length + number % 200
                                                                : length;
        int rc = myl_frame_producer_claim(producer, most, &data, timeout_ns);
        if (rc == MYL_EAGAIN && most > length) /* room for the message, but not for more */
            rc = myl_frame_producer_claim(producer, most = length, &data, timeout_ns);
        test_ok(rc);
        memset(data, (int)number, most); /* all claimed bytes may be written */
        memcpy(data, copy, length);
        test_ok(myl_frame_producer_commit(producer, length, (uint8_t)number));
    }
    free(copy);
}

RINGS_UNUSED static void expect_message(const myl_message *message, uint64_t number, uint64_t length)
{
    if (message->length != length)
        test_fail("message %llu has %llu bytes, expected %llu", (unsigned long long)number,
                  (unsigned long long)message->length, (unsigned long long)length);
    assert_int_equal(message->kind, number & 255);
    assert_non_null(message->data);
    assert_int_equal((uintptr_t)message->data % 16, 0);
    if (length > 48)
        assert_int_equal((uintptr_t)message->data % 64, 0);
    expect_bytes(message->data, number, length);
}

/* Leases and checks message `number`. */
RINGS_UNUSED static void next_frame(myl_frame_consumer *consumer, uint64_t number, uint64_t length, int64_t timeout_ns)
{
    myl_message message;
    test_ok(myl_frame_consumer_next(consumer, &message, timeout_ns));
    expect_message(&message, number, length);
}

RINGS_UNUSED static void take_frame(myl_frame_consumer *consumer, uint64_t number, uint64_t length, int64_t timeout_ns)
{
    next_frame(consumer, number, length, timeout_ns);
    test_ok(myl_frame_consumer_release(consumer));
}

RINGS_UNUSED static void expect_no_frame(myl_frame_consumer *consumer, int code)
{
    myl_message message;
    test_code(code, myl_frame_consumer_next(consumer, &message, MYL_TRY));
}

#endif
