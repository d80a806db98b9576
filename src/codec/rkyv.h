/* SPDX-License-Identifier: MIT
 * rkyv 0.8 with its default format: little endian, aligned, offsets of 32 bits. An object lies after all that it points
 * to, the root is last, and the bytes end with it. */
#ifndef MYL_CODEC_RKYV_H
#define MYL_CODEC_RKYV_H

#include "codec/bytes.h"

#define RKYV_INLINE  8U                     /* longest string within its object */
#define RKYV_STRING  ((UINT32_C(1) << 30) - 1) /* longest string at all */
#define RKYV_LONGEST ((size_t)INT32_MAX)    /* of an encoded value: offsets reach no farther */

/* The first word of a string outside of its object, and back. */
static inline uint32_t myl_rkyv_from_length(uint32_t length)
{
    return (length & 0x3f) | 0x80 | (length & ~UINT32_C(0x3f)) << 2;
}

static inline uint32_t myl_rkyv_to_length(uint32_t word)
{
    return (word & 0x3f) | (word & ~UINT32_C(0xff)) >> 2;
}

/* The length of a string within its object. `*ascii` is set if all of it is ASCII. */
static inline uint32_t myl_rkyv_inline_length(const uint8_t *object, int *ascii)
{
    uint64_t high = myl_load_le(object, 8) & UINT64_C(0x8080808080808080);
    uint32_t length = high == 0 ? RKYV_INLINE : (uint32_t)__builtin_ctzll(high) / 8;
    *ascii = length == RKYV_INLINE || object[length] == 0xff;
    while (length < RKYV_INLINE && object[length] != 0xff)
        length++;
    return length;
}

static inline int myl_rkyv_is_inline(uint8_t first)
{
    return (first & 0xc0) != 0x80;
}

int myl_rkyv_size(const myl_schema *schema, const void *value, size_t *bytes);
int myl_rkyv_encode(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes);

#endif
