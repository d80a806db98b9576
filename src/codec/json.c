/* SPDX-License-Identifier: MIT
 * Any value as JSON, by the steps of its view. */
#include "codec/flatbuffers.h"
#include "codec/rkyv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK 128 /* bytes of a string that are copied at once */

struct json {
    char *text;
    size_t room;
    size_t length;
    uint64_t left;           /* bytes that offsets may still lead to: see pay() */
    uint32_t tables;         /* of FlatBuffers, so far */
    unsigned depth;
};

static int put_view(struct json *json, const myl_view *view);

static void put(struct json *json, const char *text, size_t length)
{
    if (length > 0 && json->room > json->length + 1) {
        size_t left = json->room - json->length - 1;
        size_t n = length < left ? length : left;
        memcpy(json->text + json->length, text, n);
        json->text[json->length + n] = '\0';
    }
    json->length += length;
}

static void put_word(struct json *json, const char *word)
{
    put(json, word, strlen(word));
}

static void put_escape(struct json *json, unsigned char c)
{
    static const char letters[] = "btnvfr"; /* 8 .. 13; there is no \v in JSON */
    char escape[8];
    if (c >= 8 && c <= 13 && c != 11)
        (void)snprintf(escape, sizeof escape, "\\%c", letters[c - 8]);
    else if (c == '"' || c == '\\')
        (void)snprintf(escape, sizeof escape, "\\%c", c);
    else
        (void)snprintf(escape, sizeof escape, "\\u%04x", c);
    put_word(json, escape);
}

/* The text may change: what is looked at and put is a copy. */
static void put_escaped(struct json *json, const char *text, size_t length)
{
    char copy[CHUNK];
    put_word(json, "\"");
    for (size_t n; length > 0; text += n, length -= n) {
        size_t from = 0;
        n = length < CHUNK ? length : CHUNK;
        myl_copy_once(copy, text, n);
        for (size_t i = 0; i < n; i++) {
            unsigned char c = (unsigned char)copy[i];
            if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
                continue;
            put(json, copy + from, i - from);
            put_escape(json, c);
            from = i + 1;
        }
        put(json, copy + from, n - from);
    }
    put_word(json, "\"");
}

/* The shortest text that is read back as the same number, with a point whatever the locale. */
static void put_real(struct json *json, double real, int is_f32)
{
    char text[40];
    if (!isfinite(real)) {
        put_word(json, "null");
        return;
    }
    for (int digits = is_f32 ? 6 : 15; digits <= (is_f32 ? 9 : 17); digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, real);
        if (is_f32 ? strtof(text, NULL) == (float)real : strtod(text, NULL) == real)
            break;
    }
    for (char *c = text; *c != '\0'; c++) {
        if (strchr("0123456789+-e", *c) == NULL)
            *c = '.';
    }
    put_word(json, text);
}

/* What a program's own codec gives may be no character: that is the replacement character. */
static void put_char(struct json *json, uint64_t c)
{
    char text[4];
    put_escaped(json, text, myl_utf8_encode(myl_is_char(c) ? (uint32_t)c : 0xfffd, text));
}

static void put_hex(struct json *json, const unsigned char *bytes, uint64_t count)
{
    char digits[3];
    put_word(json, "\"");
    for (uint64_t i = 0; i < count; i++) {
        (void)snprintf(digits, sizeof digits, "%02x", bytes[i]);
        put(json, digits, 2);
    }
    put_word(json, "\"");
}

static void put_scalar(struct json *json, const myl_item *item)
{
    char text[24];
    if (item->kind == MYL_KIND_BOOL) {
        put_word(json, item->number != 0 ? "true" : "false");
    } else if (item->kind == MYL_KIND_CHAR) {
        put_char(json, item->number);
    } else if (item->kind == MYL_KIND_FLOAT || item->kind == MYL_KIND_DOUBLE) {
        put_real(json, item->real, item->kind == MYL_KIND_FLOAT);
    } else {
        if (myl_is_signed((uint32_t)item->kind))
            (void)snprintf(text, sizeof text, "%" PRId64, item->integer);
        else
            (void)snprintf(text, sizeof text, "%" PRIu64, item->number);
        put_word(json, text);
    }
}

static int put_child(struct json *json, const myl_view *view, uint64_t index)
{
    myl_view child;
    int rc = myl_view_child(view, index, &child);
    return rc == MYL_OK ? put_view(json, &child) : rc;
}

static int put_children(struct json *json, const myl_view *view, const myl_item *item)
{
    int is_struct = item->kind == MYL_KIND_STRUCT, rc = MYL_OK;
    put_word(json, is_struct ? "{" : "[");
    for (uint64_t i = 0; rc == MYL_OK && i < item->count; i++) {
        if (i > 0)
            put_word(json, ",");
        if (is_struct) {
            const char *name = myl_view_name(view, i);
            put_escaped(json, name, strlen(name));
            put_word(json, ":");
        }
        rc = put_child(json, view, i);
    }
    put_word(json, is_struct ? "}" : "]");
    return rc;
}

static int put_union(struct json *json, const myl_view *view, const myl_item *item)
{
    const char *name = myl_view_name(view, item->number);
    if (name == NULL)
        return myl_fail(MYL_EDECODE, "tag %" PRIu64 " of union %s: the bytes were changed", item->number, item->name);
    if (item->count == 0) {
        put_escaped(json, name, strlen(name));
        return MYL_OK;
    }
    put_word(json, "{");
    put_escaped(json, name, strlen(name));
    put_word(json, ":");
    int rc = put_child(json, view, 0);
    put_word(json, "}");
    return rc;
}

static int put_composite(struct json *json, const myl_view *view, const myl_item *item)
{
    int rc;
    if (json->depth == MYL_DEPTH_MAX)
        return myl_fail(view->codec != NULL ? MYL_EDECODE : MYL_EINVAL, "json: deeper than %d structs and unions",
                        MYL_DEPTH_MAX);
    json->depth++;
    rc = item->kind == MYL_KIND_UNION ? put_union(json, view, item) : put_children(json, view, item);
    json->depth--;
    return rc;
}

/* Bytes outside of its object to which an item of rkyv leads. */
static uint64_t rkyv_bytes(const struct myl_node *node, const myl_item *item)
{
    if (item->kind == MYL_KIND_VECTOR)
        return item->count * node->element->archived_size;
    if (item->kind == MYL_KIND_BOX)
        return node->element->archived_size;
    return item->kind == MYL_KIND_BYTES || (item->kind == MYL_KIND_STRING && item->count > RKYV_INLINE) ? item->count
                                                                                                        : 0;
}

static uint64_t flat_bytes(const struct myl_node *node, const myl_item *item)
{
    if (item->kind == MYL_KIND_VECTOR)
        return item->count * myl_flat_step(node->element);
    return item->kind == MYL_KIND_BYTES || item->kind == MYL_KIND_STRING ? item->count : 0;
}

/* Counts what offsets lead to, so that bytes that changed cannot lead in circles. In a value of rkyv objects do not
 * overlap, so all together they are no more than the value has. In FlatBuffers they may, within limits. */
static int pay(struct json *json, const myl_view *view, const myl_item *item)
{
    const struct myl_node *node = view->node;
    bool is_flat = view->codec == &myl_codec_flatbuffers;
    uint64_t bytes = is_flat ? flat_bytes(node, item) : rkyv_bytes(node, item);
    json->tables += is_flat && item->kind == MYL_KIND_STRUCT && !node->fixed;
    if (bytes > json->left || json->tables > FLAT_TABLES)
        return myl_fail(MYL_EDECODE, "json: more values than the bytes can hold: the bytes were changed");
    json->left -= bytes;
    return MYL_OK;
}

static int put_view(struct json *json, const myl_view *view)
{
    myl_item item;
    int rc = myl_view_read(view, &item);
    if (rc == MYL_OK && (view->codec == &myl_codec_rkyv || view->codec == &myl_codec_flatbuffers))
        rc = pay(json, view, &item);
    if (rc != MYL_OK)
        return rc;
    switch (item.kind) {
    case MYL_KIND_STRING:
        put_escaped(json, item.data, (size_t)item.count);
        return MYL_OK;
    case MYL_KIND_BYTES:
        put_hex(json, item.data, item.count);
        return MYL_OK;
    case MYL_KIND_ARRAY:
    case MYL_KIND_VECTOR:
        return put_children(json, view, &item);
    case MYL_KIND_OPTION:
        if (item.count == 0)
            put_word(json, "null");
        return item.count == 0 ? MYL_OK : put_child(json, view, 0);
    case MYL_KIND_BOX:
        return put_child(json, view, 0);
    case MYL_KIND_STRUCT:
    case MYL_KIND_UNION:
        return put_composite(json, view, &item);
    default:
        put_scalar(json, &item);
        return MYL_OK;
    }
}

int myl_view_json(const myl_view *view, char *text, size_t room, size_t *length)
{
    MYL_I_NOT_NULL(view);
    MYL_I_NOT_NULL(length);
    struct json json = {.text = text, .room = room, .left = view->length};
    if (view->codec == &myl_codec_flatbuffers)
        json.left = FLAT_LONGEST;
    if (room > 0)
        text[0] = '\0';
    int rc = put_view(&json, view);
    if (rc != MYL_OK)
        return rc;
    *length = json.length;
    if (room > 0 && json.length >= room)
        return myl_fail(MYL_EBUFFER, "the JSON text has %zu bytes and a NUL, the buffer has %zu", json.length, room);
    return MYL_OK;
}
