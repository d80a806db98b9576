/* SPDX-License-Identifier: MIT
 * Golden vectors: values and the bytes that other implementations write for them: the Rust crates rkyv 0.8.16, bincode
 * 1.3.3 and 2.0, and msgpack 1.2.4 for Python. Those of flatbuffers are the library's own, which the C++ library and
 * the Rust crate read: FlatBuffers leaves the order of a value's parts open. flatbuffers_test.c has bytes of theirs. */
#ifndef MYL_TESTS_CODEC_GOLDEN_H
#define MYL_TESTS_CODEC_GOLDEN_H

#include <myelon/codec.h>

#include "codec/types.h"

#define GOLDEN_FLATBUFFERS 5
#define GOLDEN_CODECS      6

struct golden {
    const char *name;
    const myl_type *type;
    const void *value;
    const char *hex[GOLDEN_CODECS]; /* by golden_codecs; NULL: none */
    const char *json;
};

extern const char *const golden_codecs[GOLDEN_CODECS];
extern const struct golden golden[];
extern const size_t golden_count;

/* The bytes of a vector; blanks are left out. Returns their number. */
size_t golden_bytes(const char *hex, unsigned char *bytes, size_t room);

#endif
