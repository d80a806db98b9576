/* SPDX-License-Identifier: MIT
 * Numbers in bytes, and what the codecs share. Bytes in place may change at any time: they are loaded once, into a
 * local variable, and only that is checked and used. */
#ifndef MYL_CODEC_BYTES_H
#define MYL_CODEC_BYTES_H

#include <string.h>

#include <myelon/codec.h>

#include "base/align.h"
#include "base/error.h"
#include "codec/schema.h"

#define MYL_LITTLE_ENDIAN (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

/* A C number of 1, 2, 4 or 8 bytes, without its sign. */
static inline uint64_t myl_load_native(const void *at, uint32_t size)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t number;
    switch (size) {
    case 1:
        memcpy(&u8, at, 1);
        number = u8;
        break;
    case 2:
        memcpy(&u16, at, 2);
        number = u16;
        break;
    case 4:
        memcpy(&u32, at, 4);
        number = u32;
        break;
    default:
        memcpy(&number, at, 8);
        break;
    }
    __asm__("" : "+r"(number)); /* the compiler must not load it again where it is used */
    return number;
}

/* Copies bytes of which more than one part is looked at. */
static inline void myl_copy_once(void *to, const void *from, size_t n)
{
    memcpy(to, from, n);
    __asm__ volatile("" : : "r"(to) : "memory"); /* the compiler must not use `from` instead */
}

static inline void myl_store_native(void *at, uint64_t number, uint32_t size)
{
    uint8_t u8 = (uint8_t)number;
    uint16_t u16 = (uint16_t)number;
    uint32_t u32 = (uint32_t)number;
    switch (size) {
    case 1:
        memcpy(at, &u8, 1);
        break;
    case 2:
        memcpy(at, &u16, 2);
        break;
    case 4:
        memcpy(at, &u32, 4);
        break;
    default:
        memcpy(at, &number, 8);
        break;
    }
}

static inline uint64_t myl_swapped(uint64_t number, uint32_t size)
{
    return MYL_LITTLE_ENDIAN ? number : __builtin_bswap64(number) >> (64 - 8 * size);
}

static inline uint64_t myl_load_le(const void *at, uint32_t size)
{
    return myl_swapped(myl_load_native(at, size), size);
}

static inline void myl_store_le(void *at, uint64_t number, uint32_t size)
{
    myl_store_native(at, myl_swapped(number, size), size);
}

/* `number` of `size` bytes as a signed one. */
static inline int64_t myl_signed(uint64_t number, uint32_t size)
{
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    return (int64_t)((number ^ sign) - sign);
}

static inline int myl_is_signed(uint32_t kind)
{
    return kind >= MYL_KIND_I8 && kind <= MYL_KIND_I64;
}

static inline int myl_is_char(uint64_t number)
{
    return number <= 0x10ffff && !(number >= 0xd800 && number <= 0xdfff);
}

/* The first byte that is not UTF-8; `length`: all is. */
size_t myl_utf8_fault(const void *text, size_t length);

/* Reads the character at the start of a text. Returns its length; 0: the text does not start with one. */
size_t myl_utf8_decode(const char *text, size_t length, uint32_t *c);

/* Writes a character as UTF-8. Returns its length. `c` must be below 0x200000. */
size_t myl_utf8_encode(uint32_t c, char text[4]);

/* --- sentences ---------------------------------------------------------------------------------------------- */

/* Where a codec is in a type, for the sentence of a failure. */
struct myl_where {
    const char *codec;
    const char *type;  /* the innermost struct or union, or NULL */
    const char *field; /* its field or variant */
    unsigned depth;    /* structs and unions around it, itself included */
};

/* MYL_EDECODE: "CODEC: byte OFFSET: TYPE.FIELD: ..." */
int myl_fail_bytes(const struct myl_where *where, uint64_t offset, const char *format, ...) MYL_PRINTF(3, 4);

/* Another code, about a value: "CODEC: TYPE.FIELD: ..." */
int myl_fail_value(const struct myl_where *where, int code, const char *format, ...) MYL_PRINTF(3, 4);

/* --- what is checked of values and of bytes ------------------------------------------------------------------ */

/* Where it is: a position in bytes, whose failures are MYL_EDECODE, or this for a C value: MYL_EINVAL. */
#define MYL_IN_VALUE UINT64_MAX

int myl_wrong_tag(const struct myl_where *where, const struct myl_node *node, uint64_t tag, uint64_t offset);
int myl_wrong_some(const struct myl_where *where, uint64_t some, uint64_t offset);
int myl_wrong_scalar(const struct myl_where *where, const struct myl_node *node, uint64_t number, uint64_t offset);

/* The tag of a union. */
static inline int myl_check_tag(const struct myl_where *where, const struct myl_node *node, uint64_t tag,
                                uint64_t offset)
{
    return MYL_LIKELY(tag < node->count) ? MYL_OK : myl_wrong_tag(where, node, tag, offset);
}

/* The bool or tag of an option. */
static inline int myl_check_some(const struct myl_where *where, uint64_t some, uint64_t offset)
{
    return MYL_LIKELY(some <= 1) ? MYL_OK : myl_wrong_some(where, some, offset);
}

/* A bool or char that is none. Other kinds: MYL_OK. */
static inline int myl_check_scalar(const struct myl_where *where, const struct myl_node *node, uint64_t number,
                                   uint64_t offset)
{
    int wrong = (node->kind == MYL_KIND_BOOL && number > 1) || (node->kind == MYL_KIND_CHAR && !myl_is_char(number));
    return MYL_LIKELY(!wrong) ? MYL_OK : myl_wrong_scalar(where, node, number, offset);
}

/* The tag of a C union, and `some` of a C option. */
int myl_value_tag(const struct myl_where *where, const struct myl_node *node, const void *value, uint32_t *tag);
int myl_value_some(const struct myl_where *where, const void *value, int *some);

/* The data of a string, bytes or vector: NULL with a count. `text`: must be UTF-8. */
int myl_value_data(const struct myl_where *where, const void *value, const void **data, size_t *count);
int myl_value_text(const struct myl_where *where, const void *data, size_t length);
int myl_value_box(const struct myl_where *where, const void *value, const void **target);

/* Enters a struct or union; `*outer` is set to where it lies. Fails if it is too deep. */
int myl_enter(struct myl_where *where, const struct myl_node *node, uint64_t offset, struct myl_where *outer);

/* Leaves it, also after a failure: later failures name what lies around it again. */
static inline void myl_leave(struct myl_where *where, const struct myl_where *outer)
{
    *where = *outer;
}

/* --- arenas and views --------------------------------------------------------------------------------------- */

struct myl_arena_mark {
    void *block;
    size_t used, total;
};
struct myl_arena_mark myl_arena_mark(const myl_arena *arena);
void myl_arena_back(myl_arena *arena, struct myl_arena_mark mark);

/* Memory for `count` C objects of the node's type. */
int myl_take_objects(myl_arena *arena, const struct myl_node *node, uint64_t count, void **memory);

/* A copy of a string or bytes in the arena, with a NUL after it, as myl_string or myl_bytes. */
int myl_take_text(myl_arena *arena, const void *data, size_t length, void *out);

/* The item of a scalar: what was loaded, without its sign, in the byte order of the machine. */
void myl_item_scalar(const struct myl_node *node, uint64_t number, myl_item *item);

/* Steps within C values, also for pod. */
int myl_native_read(const myl_view *view, myl_item *item);
int myl_native_child(const myl_view *view, uint64_t index, myl_view *child);

extern const myl_codec myl_codec_pod, myl_codec_bincode1, myl_codec_bincode2, myl_codec_rkyv, myl_codec_msgpack,
    myl_codec_msgpack_array, myl_codec_flatbuffers;

#endif
