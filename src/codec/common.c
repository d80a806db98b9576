/* SPDX-License-Identifier: MIT
 * What all codecs share: sentences with the place in bytes and type, and the checks of values. */
#include "codec/bytes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX 320

/* "TYPE.FIELD: " or what there is of it. */
static void write_place(const struct myl_where *where, char *place, size_t room)
{
    place[0] = '\0';
    if (where->type != NULL)
        (void)snprintf(place, room, "%s%s%s: ", where->type, where->field != NULL ? "." : "",
                       where->field != NULL ? where->field : "");
}

int myl_fail_bytes(const struct myl_where *where, uint64_t offset, const char *format, ...)
{
    char text[TEXT_MAX], place[2 * MYL_TYPE_NAME_MAX + 8];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    write_place(where, place, sizeof place);
    return myl_fail(MYL_EDECODE, "%s: byte %" PRIu64 ": %s%s", where->codec, offset, place, text);
}

int myl_fail_value(const struct myl_where *where, int code, const char *format, ...)
{
    char text[TEXT_MAX], place[2 * MYL_TYPE_NAME_MAX + 8];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    write_place(where, place, sizeof place);
    return myl_fail(code, "%s: %s%s", where->codec, place, text);
}

int myl_codec_fail(int code, const myl_codec *codec, int64_t offset, const char *text)
{
    MYL_I_NOT_NULL(codec);
    MYL_I_NOT_NULL(text);
    if (offset < 0)
        return myl_fail(code, "%s: %.400s", codec->name, text);
    return myl_fail(code, "%s: byte %" PRId64 ": %.400s", codec->name, offset, text);
}

int myl_enter(struct myl_where *where, const struct myl_node *node, uint64_t offset, struct myl_where *outer)
{
    *outer = *where;
    if (where->depth == MYL_DEPTH_MAX)
        return offset != MYL_IN_VALUE
                   ? myl_fail_bytes(where, offset, "deeper than %d structs and unions", MYL_DEPTH_MAX)
                   : myl_fail_value(where, MYL_EINVAL, "deeper than %d structs and unions; split the value",
                                    MYL_DEPTH_MAX);
    where->depth++;
    where->type = node->name;
    where->field = NULL;
    return MYL_OK;
}

int myl_wrong_tag(const struct myl_where *where, const struct myl_node *node, uint64_t tag, uint64_t offset)
{
    static const char format[] = "tag %" PRIu64 " of a union of %" PRIu32 " variants";
    return offset != MYL_IN_VALUE ? myl_fail_bytes(where, offset, format, tag, node->count)
                                  : myl_fail_value(where, MYL_EINVAL, format, tag, node->count);
}

int myl_wrong_some(const struct myl_where *where, uint64_t some, uint64_t offset)
{
    return offset != MYL_IN_VALUE
               ? myl_fail_bytes(where, offset, "an option whose tag is %" PRIu64, some)
               : myl_fail_value(where, MYL_EINVAL, "an option whose `some` is %" PRIu64 "; set it to true or false",
                                some);
}

int myl_wrong_scalar(const struct myl_where *where, const struct myl_node *node, uint64_t number, uint64_t offset)
{
    if (node->kind == MYL_KIND_BOOL)
        return offset != MYL_IN_VALUE
                   ? myl_fail_bytes(where, offset, "a bool of value %" PRIu64, number)
                   : myl_fail_value(where, MYL_EINVAL, "a bool of value %" PRIu64 "; set it to true or false", number);
    static const char format[] = "0x%" PRIx64 " is not a Unicode scalar value";
    return offset != MYL_IN_VALUE ? myl_fail_bytes(where, offset, format, number)
                                  : myl_fail_value(where, MYL_EINVAL, format, number);
}

int myl_value_tag(const struct myl_where *where, const struct myl_node *node, const void *value, uint32_t *tag)
{
    *tag = (uint32_t)myl_load_native(value, sizeof *tag);
    return myl_check_tag(where, node, *tag, MYL_IN_VALUE);
}

int myl_value_some(const struct myl_where *where, const void *value, int *some)
{
    *some = (int)myl_load_native(value, 1);
    return myl_check_some(where, (uint64_t)*some, MYL_IN_VALUE);
}

int myl_value_data(const struct myl_where *where, const void *value, const void **data, size_t *count)
{
    myl_bytes bytes; /* strings and vectors are a pointer and a count, too */
    memcpy(&bytes, value, sizeof bytes);
    if (bytes.data == NULL && bytes.length != 0)
        return myl_fail_value(where, MYL_EINVAL, "NULL with a length of %zu", bytes.length);
    *data = bytes.data;
    *count = bytes.length;
    return MYL_OK;
}

int myl_value_text(const struct myl_where *where, const void *data, size_t length)
{
    size_t fault = length == 0 ? 0 : myl_utf8_fault(data, length);
    if (fault != length)
        return myl_fail_value(where, MYL_EINVAL, "a string of %zu bytes is not UTF-8 at its byte %zu; use bytes",
                              length, fault);
    return MYL_OK;
}

int myl_value_box(const struct myl_where *where, const void *value, const void **target)
{
    memcpy(target, value, sizeof *target);
    if (*target == NULL)
        return myl_fail_value(where, MYL_EINVAL, "a box that is NULL; use an option of a box");
    return MYL_OK;
}

void myl_item_scalar(const struct myl_node *node, uint64_t number, myl_item *item)
{
    uint32_t word = (uint32_t)number;
    float f32;
    if (node->kind == MYL_KIND_FLOAT) {
        memcpy(&f32, &word, sizeof f32);
        item->real = (double)f32;
    } else if (node->kind == MYL_KIND_DOUBLE) {
        memcpy(&item->real, &number, sizeof item->real);
    } else {
        item->number = number;
        item->integer = myl_is_signed(node->kind) ? myl_signed(number, node->size) : 0;
    }
}
