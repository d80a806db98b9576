/* SPDX-License-Identifier: MIT
 * Writes MessagePack, each number and length in its shortest form. The two codecs differ in how they write structs: as
 * maps by field name, or as arrays. */
#include "codec/msgpack.h"

#include <inttypes.h>

struct writer {
    uint8_t *bytes;          /* NULL: the length is counted only */
    size_t room;
    size_t used;
    int arrays;              /* structs are arrays */
    struct myl_where where;
};

static int put(struct writer *w, const struct myl_node *node, const char *value);

/* Room for `n` more bytes. */
static inline int reserve(struct writer *w, uint64_t n)
{
    if (MYL_LIKELY(n <= w->room - w->used))
        return MYL_OK;
    return w->bytes == NULL
               ? myl_fail_value(&w->where, MYL_ETOOBIG, "the encoded value has more than %zu bytes", w->room)
               : myl_fail_value(&w->where, MYL_EBUFFER, "the buffer of %zu bytes is too small", w->room);
}

/* A first byte, and a number of `size` bytes, 0 to 8. */
static inline int put_head(struct writer *w, unsigned lead, uint64_t number, uint32_t size)
{
    int rc = reserve(w, 1 + size);
    if (rc != MYL_OK)
        return rc;
    if (w->bytes != NULL) {
        w->bytes[w->used] = (uint8_t)lead;
        if (size > 0)
            myl_store_native(w->bytes + w->used + 1, msgpack_swapped(number, size), size);
    }
    w->used += 1 + size;
    return MYL_OK;
}

static int put_bytes(struct writer *w, const void *bytes, size_t n)
{
    int rc = reserve(w, n);
    if (rc == MYL_OK && n > 0 && w->bytes != NULL)
        memcpy(w->bytes + w->used, bytes, n);
    w->used += rc == MYL_OK ? n : 0;
    return rc;
}

/* --- numbers and lengths ------------------------------------------------------------------------------------ */

static int put_unsigned(struct writer *w, uint64_t number)
{
    if (number <= MSGPACK_FIXINT_MAX)
        return put_head(w, (unsigned)number, 0, 0);
    if (number <= UINT8_MAX)
        return put_head(w, MSGPACK_UINT8, number, 1);
    if (number <= UINT16_MAX)
        return put_head(w, MSGPACK_UINT8 + 1, number, 2);
    if (number <= UINT32_MAX)
        return put_head(w, MSGPACK_UINT8 + 2, number, 4);
    return put_head(w, MSGPACK_UINT8 + 3, number, 8);
}

static int put_signed(struct writer *w, int64_t number)
{
    uint64_t bits = (uint64_t)number;
    if (number >= 0)
        return put_unsigned(w, bits);
    if (number >= MSGPACK_FIXINT_NEGATIVE - 0x100)
        return put_head(w, (unsigned)(bits & 0xff), 0, 0);
    if (number >= INT8_MIN)
        return put_head(w, MSGPACK_INT8, bits & UINT8_MAX, 1);
    if (number >= INT16_MIN)
        return put_head(w, MSGPACK_INT8 + 1, bits & UINT16_MAX, 2);
    if (number >= INT32_MIN)
        return put_head(w, MSGPACK_INT8 + 2, bits & UINT32_MAX, 4);
    return put_head(w, MSGPACK_INT8 + 3, bits, 8);
}

/* The count of an array or a map: up to 15 in the first byte, else in 16 or 32 bits. */
static int put_count(struct writer *w, unsigned fixed, unsigned lead16, uint64_t count)
{
    if (count <= 15)
        return put_head(w, fixed | (unsigned)count, 0, 0);
    if (count <= UINT16_MAX)
        return put_head(w, lead16, count, 2);
    if (count <= MSGPACK_LENGTH_MAX)
        return put_head(w, lead16 + 1, count, 4);
    return myl_fail_value(&w->where, MYL_ETOOBIG, "%" PRIu64 " elements; MessagePack has arrays of at most %" PRIu32,
                          count, (uint32_t)MSGPACK_LENGTH_MAX);
}

/* The length of a string or bytes: of 8, 16 or 32 bits after `lead8` and the two formats that follow it. */
static int put_length(struct writer *w, unsigned lead8, size_t length)
{
    if (lead8 == MSGPACK_STR8 && length <= 31)
        return put_head(w, MSGPACK_FIXSTR | (unsigned)length, 0, 0);
    if (length <= UINT8_MAX)
        return put_head(w, lead8, length, 1);
    if (length <= UINT16_MAX)
        return put_head(w, lead8 + 1, length, 2);
    if (length <= MSGPACK_LENGTH_MAX)
        return put_head(w, lead8 + 2, length, 4);
    return myl_fail_value(&w->where, MYL_ETOOBIG, "%zu bytes; MessagePack has strings and bytes of at most %" PRIu32,
                          length, (uint32_t)MSGPACK_LENGTH_MAX);
}

static int put_name(struct writer *w, const struct myl_part *part)
{
    int rc = put_length(w, MSGPACK_STR8, part->name_length);
    return rc == MYL_OK ? put_bytes(w, part->name, part->name_length) : rc;
}

/* --- values ------------------------------------------------------------------------------------------------- */

static int put_scalar(struct writer *w, const struct myl_node *node, const char *value)
{
    uint64_t number = myl_load_native(value, node->size);
    int rc = myl_check_scalar(&w->where, node, number, MYL_IN_VALUE);
    if (rc != MYL_OK)
        return rc;
    char text[4];
    size_t length;
    switch (node->kind) {
    case MYL_KIND_BOOL:
        return put_head(w, number != 0 ? MSGPACK_TRUE : MSGPACK_FALSE, 0, 0);
    case MYL_KIND_CHAR:
        length = myl_utf8_encode((uint32_t)number, text);
        rc = put_length(w, MSGPACK_STR8, length);
        return rc == MYL_OK ? put_bytes(w, text, length) : rc;
    case MYL_KIND_FLOAT:
        return put_head(w, MSGPACK_FLOAT32, number, 4);
    case MYL_KIND_DOUBLE:
        return put_head(w, MSGPACK_FLOAT64, number, 8);
    default:
        return myl_is_signed(node->kind) ? put_signed(w, myl_signed(number, node->size)) : put_unsigned(w, number);
    }
}

static int put_text(struct writer *w, const struct myl_node *node, const char *value)
{
    const void *data;
    size_t length;
    int rc = myl_value_data(&w->where, value, &data, &length);
    if (rc == MYL_OK && node->kind == MYL_KIND_STRING && w->bytes != NULL)
        rc = myl_value_text(&w->where, data, length);
    if (rc == MYL_OK)
        rc = put_length(w, node->kind == MYL_KIND_STRING ? MSGPACK_STR8 : MSGPACK_BIN8, length);
    return rc == MYL_OK ? put_bytes(w, data, length) : rc;
}

static int put_items(struct writer *w, const struct myl_node *element, const char *items, size_t count)
{
    int rc = put_count(w, MSGPACK_FIXARRAY, MSGPACK_ARRAY16, count);
    for (size_t i = 0; rc == MYL_OK && i < count; i++)
        rc = put(w, element, items + i * element->size);
    return rc;
}

static int put_vector(struct writer *w, const struct myl_node *node, const char *value)
{
    const void *items;
    size_t count;
    int rc = myl_value_data(&w->where, value, &items, &count);
    if (rc == MYL_OK && count > (size_t)PTRDIFF_MAX / node->element->size)
        return myl_fail_value(&w->where, MYL_ETOOBIG, "%zu elements of %" PRIu32 " bytes", count, node->element->size);
    return rc == MYL_OK ? put_items(w, node->element, items, count) : rc;
}

static int put_option(struct writer *w, const struct myl_node *node, const char *value)
{
    int some, rc = myl_value_some(&w->where, value, &some);
    if (rc != MYL_OK)
        return rc;
    return some ? put(w, node->element, value + node->offset) : put_head(w, MSGPACK_NIL, 0, 0);
}

static int put_struct(struct writer *w, const struct myl_node *node, const char *value)
{
    struct myl_where outer;
    int rc = myl_enter(&w->where, node, MYL_IN_VALUE, &outer);
    if (rc == MYL_OK)
        rc = w->arrays ? put_count(w, MSGPACK_FIXARRAY, MSGPACK_ARRAY16, node->count)
                       : put_count(w, MSGPACK_FIXMAP, MSGPACK_MAP16, node->count);
    for (uint32_t i = 0; rc == MYL_OK && i < node->count; i++) {
        const struct myl_part *part = &node->parts[i];
        w->where.field = part->name;
        if (!w->arrays)
            rc = put_name(w, part);
        if (rc == MYL_OK)
            rc = put(w, part->node, value + part->offset);
    }
    myl_leave(&w->where, &outer);
    return rc;
}

/* The variant's name, or a map from it to the content. */
static int put_union(struct writer *w, const struct myl_node *node, const char *value)
{
    uint32_t tag = 0;
    struct myl_where outer;
    int rc = myl_enter(&w->where, node, MYL_IN_VALUE, &outer);
    if (rc == MYL_OK)
        rc = myl_value_tag(&w->where, node, value, &tag);
    if (rc == MYL_OK) {
        const struct myl_part *part = &node->parts[tag];
        int is_unit = part->node->kind == MYL_KIND_UNIT;
        w->where.field = part->name;
        if (!is_unit)
            rc = put_head(w, MSGPACK_FIXMAP | 1, 0, 0);
        if (rc == MYL_OK)
            rc = put_name(w, part);
        if (rc == MYL_OK && !is_unit)
            rc = put(w, part->node, value + part->offset);
    }
    myl_leave(&w->where, &outer);
    return rc;
}

static int put(struct writer *w, const struct myl_node *node, const char *value)
{
    const void *target;
    int rc;
    switch (node->kind) {
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        return put_text(w, node, value);
    case MYL_KIND_ARRAY:
        return put_items(w, node->element, value, node->count);
    case MYL_KIND_VECTOR:
        return put_vector(w, node, value);
    case MYL_KIND_OPTION:
        return put_option(w, node, value);
    case MYL_KIND_BOX:
        rc = myl_value_box(&w->where, value, &target);
        return rc == MYL_OK ? put(w, node->element, target) : rc;
    case MYL_KIND_STRUCT:
        return put_struct(w, node, value);
    case MYL_KIND_UNION:
        return put_union(w, node, value);
    default:
        return put_scalar(w, node, value);
    }
}

static int encode(const myl_schema *schema, const void *value, int arrays, void *buffer, size_t room, size_t *bytes)
{
    struct writer w = {buffer, room, 0, arrays, {myl_msgpack_name(arrays), NULL, NULL, 0}};
    int rc = myl_msgpack_check(schema, w.where.codec);
    if (rc == MYL_OK)
        rc = put(&w, schema->root, value);
    if (rc == MYL_OK)
        *bytes = w.used;
    return rc;
}

/* --- the two codecs ----------------------------------------------------------------------------------------- */

static int check_maps(const myl_schema *schema)
{
    return myl_msgpack_check(schema, myl_msgpack_name(0));
}

static int check_arrays(const myl_schema *schema)
{
    return myl_msgpack_check(schema, myl_msgpack_name(1));
}

static int size_maps(const myl_schema *schema, const void *value, size_t *bytes)
{
    return encode(schema, value, 0, NULL, PTRDIFF_MAX, bytes);
}

static int size_arrays(const myl_schema *schema, const void *value, size_t *bytes)
{
    return encode(schema, value, 1, NULL, PTRDIFF_MAX, bytes);
}

/* NULL is a buffer of no bytes; within this file it stands for counting. */
static uint8_t nothing;

static int encode_maps(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes)
{
    return encode(schema, value, 0, buffer != NULL ? buffer : &nothing, buffer != NULL ? room : 0, bytes);
}

static int encode_arrays(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes)
{
    return encode(schema, value, 1, buffer != NULL ? buffer : &nothing, buffer != NULL ? room : 0, bytes);
}

static int decode_maps(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value)
{
    return myl_msgpack_decode(schema, bytes, length, 0, arena, value);
}

static int decode_arrays(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value)
{
    return myl_msgpack_decode(schema, bytes, length, 1, arena, value);
}

const myl_codec myl_codec_msgpack = {
    .struct_size = sizeof(myl_codec),
    .id = MYL_CODEC_MSGPACK,
    .form = MYL_TEXT_SCHEMA,
    .name = "msgpack",
    .check = check_maps,
    .size = size_maps,
    .encode = encode_maps,
    .decode = decode_maps,
};

const myl_codec myl_codec_msgpack_array = {
    .struct_size = sizeof(myl_codec),
    .id = MYL_CODEC_MSGPACK_ARRAY,
    .form = MYL_TEXT_SCHEMA,
    .name = "msgpack_array",
    .check = check_arrays,
    .size = size_arrays,
    .encode = encode_arrays,
    .decode = decode_arrays,
};
