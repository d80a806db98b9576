/* SPDX-License-Identifier: MIT
 * Writes bincode, and the tables of the two codecs. */
#include "codec/bincode.h"

#include <inttypes.h>

struct writer {
    uint8_t *bytes;          /* NULL: the length is counted only */
    size_t room;
    size_t used;
    int varied;
    struct myl_where where;
};

static int put(struct writer *w, const struct myl_node *node, const char *value);

/* Room for `n` more bytes. */
static inline int reserve(struct writer *w, size_t n)
{
    if (MYL_LIKELY(n <= w->room - w->used))
        return MYL_OK;
    return w->bytes == NULL
               ? myl_fail_value(&w->where, MYL_ETOOBIG, "the encoded value has more than %zu bytes", w->room)
               : myl_fail_value(&w->where, MYL_EBUFFER, "the buffer of %zu bytes is too small", w->room);
}

static int put_bytes(struct writer *w, const void *bytes, size_t n)
{
    int rc = reserve(w, n);
    if (rc == MYL_OK && n > 0 && w->bytes != NULL)
        memcpy(w->bytes + w->used, bytes, n);
    w->used += rc == MYL_OK ? n : 0;
    return rc;
}

static int put_fixed(struct writer *w, uint64_t number, uint32_t size)
{
    int rc = reserve(w, size);
    if (rc != MYL_OK)
        return rc;
    if (w->bytes != NULL)
        myl_store_le(w->bytes + w->used, number, size);
    w->used += size;
    return MYL_OK;
}

static inline int put_varied(struct writer *w, uint64_t number)
{
    uint32_t size = number < BINCODE_U16 ? 0 : number <= UINT16_MAX ? 2 : number <= UINT32_MAX ? 4 : 8;
    int rc = reserve(w, 1 + size);
    if (rc != MYL_OK)
        return rc;
    if (w->bytes != NULL && size == 0) {
        w->bytes[w->used] = (uint8_t)number;
    } else if (w->bytes != NULL) {
        w->bytes[w->used] = size == 2 ? BINCODE_U16 : size == 4 ? BINCODE_U32 : BINCODE_U64;
        myl_store_le(w->bytes + w->used + 1, number, size);
    }
    w->used += 1 + size;
    return MYL_OK;
}

static int put_length(struct writer *w, uint64_t length)
{
    return w->varied ? put_varied(w, length) : put_fixed(w, length, 8);
}

static int put_scalar(struct writer *w, const struct myl_node *node, const char *value)
{
    uint64_t number = myl_load_native(value, node->size);
    int rc = myl_check_scalar(&w->where, node, number, MYL_IN_VALUE);
    if (rc != MYL_OK)
        return rc;
    if (node->kind == MYL_KIND_CHAR) {
        char text[4]; /* as UTF-8, without a length */
        return put_bytes(w, text, myl_utf8_encode((uint32_t)number, text));
    }
    if (!w->varied || node->size == 1 || node->kind == MYL_KIND_FLOAT || node->kind == MYL_KIND_DOUBLE)
        return put_fixed(w, number, node->size);
    if (myl_is_signed(node->kind)) {
        int64_t integer = myl_signed(number, node->size);
        number = ((uint64_t)integer << 1) ^ (integer < 0 ? UINT64_MAX : 0);
    }
    return put_varied(w, number);
}

static int put_text(struct writer *w, const struct myl_node *node, const char *value)
{
    const void *data;
    size_t length;
    int rc = myl_value_data(&w->where, value, &data, &length);
    if (rc == MYL_OK && node->kind == MYL_KIND_STRING && w->bytes != NULL)
        rc = myl_value_text(&w->where, data, length);
    if (rc == MYL_OK)
        rc = put_length(w, length);
    return rc == MYL_OK ? put_bytes(w, data, length) : rc;
}

static int put_items(struct writer *w, const struct myl_node *node, const char *items, size_t count)
{
    int rc = MYL_OK;
    if (count > (size_t)PTRDIFF_MAX / node->size)
        return myl_fail_value(&w->where, MYL_ETOOBIG, "%zu elements of %" PRIu32 " bytes", count, node->size);
    if (w->varied ? node->plain_varied : node->plain)
        return put_bytes(w, items, count * node->size);
    if (w->varied && node->kind <= MYL_KIND_U64) {
        for (size_t i = 0; rc == MYL_OK && i < count; i++)
            rc = put_varied(w, myl_load_native(items + i * node->size, node->size));
        return rc;
    }
    for (size_t i = 0; rc == MYL_OK && i < count; i++)
        rc = put(w, node, items + i * node->size);
    return rc;
}

static int put_vector(struct writer *w, const struct myl_node *node, const char *value)
{
    const void *items;
    size_t count;
    int rc = myl_value_data(&w->where, value, &items, &count);
    if (rc == MYL_OK)
        rc = put_length(w, count);
    return rc == MYL_OK ? put_items(w, node->element, items, count) : rc;
}

static int put_struct(struct writer *w, const struct myl_node *node, const char *value)
{
    struct myl_where outer;
    int rc = myl_enter(&w->where, node, MYL_IN_VALUE, &outer);
    for (uint32_t i = 0; rc == MYL_OK && i < node->count; i++) {
        const struct myl_part *part = &node->parts[i];
        w->where.field = part->name;
        if (part->run > 0 && !w->varied) {
            rc = put_bytes(w, value + part->offset, part->run);
            i += part->run_parts - 1;
        } else {
            rc = put(w, part->node, value + part->offset);
        }
    }
    myl_leave(&w->where, &outer);
    return rc;
}

static int put_union(struct writer *w, const struct myl_node *node, const char *value)
{
    uint32_t tag = 0;
    struct myl_where outer;
    int rc = myl_enter(&w->where, node, MYL_IN_VALUE, &outer);
    if (rc == MYL_OK)
        rc = myl_value_tag(&w->where, node, value, &tag);
    if (rc == MYL_OK)
        rc = w->varied ? put_varied(w, tag) : put_fixed(w, tag, 4);
    if (rc == MYL_OK) {
        w->where.field = node->parts[tag].name;
        rc = put(w, node->parts[tag].node, value + node->parts[tag].offset);
    }
    myl_leave(&w->where, &outer);
    return rc;
}

static int put(struct writer *w, const struct myl_node *node, const char *value)
{
    const void *target;
    int some, rc;
    switch (node->kind) {
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        return put_text(w, node, value);
    case MYL_KIND_UNIT:
        return MYL_OK;
    case MYL_KIND_ARRAY:
        return put_items(w, node->element, value, node->count);
    case MYL_KIND_VECTOR:
        return put_vector(w, node, value);
    case MYL_KIND_OPTION:
        rc = myl_value_some(&w->where, value, &some);
        if (rc == MYL_OK)
            rc = put_fixed(w, (uint64_t)some, 1);
        return rc == MYL_OK && some ? put(w, node->element, value + node->offset) : rc;
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

int myl_bincode_encode(const myl_schema *schema, const void *value, int varied, void *buffer, size_t room,
                       size_t *bytes)
{
    struct writer w = {buffer, room, 0, varied, {myl_bincode_name(varied), NULL, NULL, 0}};
    int rc = put(&w, schema->root, value);
    if (rc == MYL_OK)
        *bytes = w.used;
    return rc;
}

int myl_bincode_size(const myl_schema *schema, const void *value, int varied, size_t *bytes)
{
    return myl_bincode_encode(schema, value, varied, NULL, PTRDIFF_MAX, bytes);
}

/* --- the two codecs ----------------------------------------------------------------------------------------- */

static int size_fixed(const myl_schema *schema, const void *value, size_t *bytes)
{
    return myl_bincode_size(schema, value, 0, bytes);
}

static int size_varied(const myl_schema *schema, const void *value, size_t *bytes)
{
    return myl_bincode_size(schema, value, 1, bytes);
}

/* NULL is a buffer of no bytes; within this file it stands for counting. */
static uint8_t nothing;

static int encode_fixed(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes)
{
    return myl_bincode_encode(schema, value, 0, buffer != NULL ? buffer : &nothing, buffer != NULL ? room : 0, bytes);
}

static int encode_varied(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes)
{
    return myl_bincode_encode(schema, value, 1, buffer != NULL ? buffer : &nothing, buffer != NULL ? room : 0, bytes);
}

static int decode_fixed(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value)
{
    return myl_bincode_decode(schema, bytes, length, 0, arena, value);
}

static int decode_varied(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value)
{
    return myl_bincode_decode(schema, bytes, length, 1, arena, value);
}

const myl_codec myl_codec_bincode1 = {
    .struct_size = sizeof(myl_codec),
    .id = MYL_CODEC_BINCODE1,
    .form = MYL_TEXT_SCHEMA,
    .name = "bincode1",
    .size = size_fixed,
    .encode = encode_fixed,
    .decode = decode_fixed,
};

const myl_codec myl_codec_bincode2 = {
    .struct_size = sizeof(myl_codec),
    .id = MYL_CODEC_BINCODE2,
    .form = MYL_TEXT_SCHEMA,
    .name = "bincode2",
    .size = size_varied,
    .encode = encode_varied,
    .decode = decode_varied,
};
