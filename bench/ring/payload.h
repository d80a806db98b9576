/* SPDX-License-Identifier: MIT
 * The payload of the events. Producers write every word and consumers add up every word. An event that is lost,
 * repeated or torn changes the sum, and the compiler cannot remove the accesses. */
#ifndef BENCH_RING_PAYLOAD_H
#define BENCH_RING_PAYLOAD_H

#include <stdint.h>

#define RING_INLINE static inline __attribute__((always_inline))

/* `words` is a constant in all callers, so that the loop is unrolled, as for the members of a structure. */
RING_INLINE void payload_write(void *event, uint64_t sequence, unsigned words)
{
    uint64_t *word = event;
#pragma GCC unroll 8
    for (unsigned i = 0; i < words; i++)
        word[i] = sequence + i;
}

RING_INLINE uint64_t payload_sum(const void *event, unsigned words)
{
    const uint64_t *word = event;
    uint64_t sum = 0;
#pragma GCC unroll 8
    for (unsigned i = 0; i < words; i++)
        sum += word[i];
    return sum;
}

/* Returns the sum over events 0 .. events - 1, modulo 2^64. */
static inline uint64_t payload_expected(uint64_t events, unsigned words)
{
    uint64_t pairs = events % 2 == 0 ? events / 2 * (events - 1) : (events - 1) / 2 * events;
    return words * pairs + events * ((uint64_t)words * (words - 1) / 2);
}

#endif
