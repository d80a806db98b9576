/* SPDX-License-Identifier: MIT
 * Golden vectors: values and the bytes that the Rust crates write for them (rkyv 0.8.16, bincode 1.3.3 and 2.0). */
#ifndef MYL_TESTS_CODEC_GOLDEN_H
#define MYL_TESTS_CODEC_GOLDEN_H

#include <myelon/codec.h>

#include "codec/types.h"

struct golden {
    const char *name;
    const myl_type *type;
    const void *value;
    const char *hex[3];      /* rkyv, bincode1, bincode2; NULL: none */
    const char *json;
};

#define GOLDEN_CODECS 3
extern const char *const golden_codecs[GOLDEN_CODECS];
extern const struct golden golden[];
extern const size_t golden_count;

/* The bytes of a vector; blanks are left out. Returns their number. */
size_t golden_bytes(const char *hex, unsigned char *bytes, size_t room);

#endif
