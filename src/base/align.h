/* SPDX-License-Identifier: MIT
 * Alignment of sizes and offsets. */
#ifndef MYL_BASE_ALIGN_H
#define MYL_BASE_ALIGN_H

#include <stdint.h>

/* Rounds up to a multiple of `align`, a power of two. */
static inline uint64_t myl_align_up(uint64_t n, uint64_t align)
{
    return (n + align - 1) & ~(align - 1);
}

#endif
