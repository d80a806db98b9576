/* SPDX-License-Identifier: MIT
 * bincode 1 (`serialize`: little endian, numbers of fixed width) and bincode 2 (`config::standard()`: numbers of
 * variable width), which differ in how they store numbers only. */
#ifndef MYL_CODEC_BINCODE_H
#define MYL_CODEC_BINCODE_H

#include "codec/bytes.h"

/* First bytes of a number of variable width: below 251 it is the number itself. */
enum { BINCODE_U16 = 251, BINCODE_U32 = 252, BINCODE_U64 = 253 };

int myl_bincode_size(const myl_schema *schema, const void *value, int varied, size_t *bytes);
int myl_bincode_encode(const myl_schema *schema, const void *value, int varied, void *buffer, size_t room,
                       size_t *bytes);
int myl_bincode_decode(const myl_schema *schema, const void *bytes, size_t length, int varied, myl_arena *arena,
                       void **value);

static inline const char *myl_bincode_name(int varied)
{
    return varied ? "bincode2" : "bincode1";
}

#endif
