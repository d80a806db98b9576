/* SPDX-License-Identifier: MIT
 * The payload of the messages; all peers use this code. Producers write every byte, in a pattern that changes with
 * every message. Consumers add up every word. A message that is lost, repeated or torn changes the sum, and the
 * compiler cannot remove the accesses. */
#ifndef BENCH_FRAME_PAYLOAD_H
#define BENCH_FRAME_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_INLINE static inline __attribute__((always_inline))

/* Words that may be unaligned: not every peer aligns its messages. */
typedef uint64_t frame_pair __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t frame_word __attribute__((aligned(1), may_alias));

/* Writes message `number`: its word i is number + i. `bytes` is a multiple of 8. */
FRAME_INLINE void frame_write(void *to, uint64_t number, size_t bytes)
{
    unsigned char *at = to, *end = at + bytes;
    frame_pair a = {number, number + 1}, two = {2, 2}, eight = {8, 8};
    frame_pair b = a + two, c = b + two, d = c + two;
    for (; end - at >= 64; at += 64) {
        frame_pair *pair = (frame_pair *)(void *)at;
        pair[0] = a;
        pair[1] = b;
        pair[2] = c;
        pair[3] = d;
        a += eight;
        b += eight;
        c += eight;
        d += eight;
    }
    for (uint64_t word = a[0]; at < end; at += 8)
        *(frame_word *)(void *)at = word++;
}

FRAME_INLINE uint64_t frame_sum(const void *from, size_t bytes)
{
    const unsigned char *at = from, *end = at + bytes;
    frame_pair a = {0, 0}, b = a, c = a, d = a;
    for (; end - at >= 64; at += 64) {
        const frame_pair *pair = (const frame_pair *)(const void *)at;
        a += pair[0];
        b += pair[1];
        c += pair[2];
        d += pair[3];
    }
    a += b + c + d;
    uint64_t sum = a[0] + a[1];
    for (; at < end; at += 8)
        sum += *(const frame_word *)(const void *)at;
    return sum;
}

/* Returns the sum over messages 0 .. messages - 1, modulo 2^64. */
static inline uint64_t frame_expected(uint64_t messages, size_t bytes)
{
    uint64_t words = bytes / 8;
    uint64_t pairs = messages % 2 == 0 ? messages / 2 * (messages - 1) : (messages - 1) / 2 * messages;
    return words * pairs + messages * (words * (words - 1) / 2);
}

#endif
