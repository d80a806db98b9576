/* SPDX-License-Identifier: MIT
 * MessagePack: the first bytes of its formats. A format whose name ends in 8, 16 or 32 is followed by a number of so
 * many bits, big endian. */
#ifndef MYL_CODEC_MSGPACK_H
#define MYL_CODEC_MSGPACK_H

#include "codec/bytes.h"

enum msgpack_format {
    MSGPACK_FIXINT_MAX = 0x7f, /* 0x00 .. 0x7f: the number itself */
    MSGPACK_FIXMAP = 0x80,     /* 0x80 .. 0x8f: a map of 0 .. 15 pairs */
    MSGPACK_FIXARRAY = 0x90,   /* 0x90 .. 0x9f: an array of 0 .. 15 elements */
    MSGPACK_FIXSTR = 0xa0,     /* 0xa0 .. 0xbf: a string of 0 .. 31 bytes */
    MSGPACK_NIL = 0xc0,
    MSGPACK_NEVER = 0xc1,
    MSGPACK_FALSE = 0xc2,
    MSGPACK_TRUE = 0xc3,
    MSGPACK_BIN8 = 0xc4,
    MSGPACK_EXT8 = 0xc7,
    MSGPACK_FLOAT32 = 0xca,
    MSGPACK_FLOAT64 = 0xcb,
    MSGPACK_UINT8 = 0xcc,
    MSGPACK_INT8 = 0xd0,
    MSGPACK_FIXEXT1 = 0xd4,
    MSGPACK_STR8 = 0xd9,
    MSGPACK_ARRAY16 = 0xdc,
    MSGPACK_MAP16 = 0xde,
    MSGPACK_FIXINT_NEGATIVE = 0xe0, /* 0xe0 .. 0xff: -32 .. -1 */
};

#define MSGPACK_LENGTH_MAX UINT32_MAX /* bytes of a string, elements of an array */

/* Numbers of 1, 2, 4 or 8 bytes, the highest byte first. */
static inline uint64_t msgpack_swapped(uint64_t number, uint32_t size)
{
    return MYL_LITTLE_ENDIAN ? __builtin_bswap64(number) >> (64 - 8 * size) : number;
}

static inline const char *myl_msgpack_name(int arrays)
{
    return arrays ? "msgpack_array" : "msgpack";
}

/* MYL_ESCHEMA if an option contains an option. `name`: of the codec. */
int myl_msgpack_check(const myl_schema *schema, const char *name);

int myl_msgpack_decode(const myl_schema *schema, const void *bytes, size_t length, int arrays, myl_arena *arena,
                       void **value);

#endif
