/* SPDX-License-Identifier: MIT
 * Alignment and rounding of sizes and offsets. */
#ifndef MYL_BASE_ALIGN_H
#define MYL_BASE_ALIGN_H

#include <stdbool.h>
#include <stdint.h>

static inline bool myl_is_power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* Rounds up to a multiple of `align`, a power of two. */
static inline uint64_t myl_align_up(uint64_t n, uint64_t align)
{
    return (n + align - 1) & ~(align - 1);
}

/* Divides by `unit`, which is not 0, and rounds up. */
static inline uint64_t myl_divide_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit;
}

#endif
