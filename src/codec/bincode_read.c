/* SPDX-License-Identifier: MIT
 * Reads bincode. As Rust does, it accepts a number of variable width in a longer form than it needs, if the form is not
 * wider than the type. Bytes after the value are refused. */
#include "codec/bincode.h"

#include <inttypes.h>

struct reader {
    const uint8_t *bytes;
    size_t length;
    size_t at;
    int varied;
    myl_arena *arena;
    struct myl_where where;
};

static int get(struct reader *r, const struct myl_node *node, char *out);

static int need(struct reader *r, uint64_t n)
{
    if (MYL_LIKELY(n <= r->length - r->at))
        return MYL_OK;
    return myl_fail_bytes(&r->where, r->at, "%" PRIu64 " bytes are needed, %zu are left", n, r->length - r->at);
}

static int get_fixed(struct reader *r, uint32_t size, uint64_t *number)
{
    int rc = need(r, size);
    if (rc != MYL_OK)
        return rc;
    *number = myl_load_le(r->bytes + r->at, size);
    r->at += size;
    return MYL_OK;
}

/* A number of variable width of at most `size` bytes. */
static int get_varied(struct reader *r, uint32_t size, uint64_t *number)
{
    size_t start = r->at;
    uint64_t lead = 0;
    int rc = get_fixed(r, 1, &lead);
    *number = lead;
    if (rc != MYL_OK || lead < BINCODE_U16)
        return rc;
    uint32_t width = lead > BINCODE_U64 ? 16 : UINT32_C(2) << (lead - BINCODE_U16);
    if (width > size)
        return myl_fail_bytes(&r->where, start, "first byte %" PRIu64 " for a number of %" PRIu32 " bytes", lead, size);
    return get_fixed(r, width, number);
}

static int get_length(struct reader *r, uint64_t *length)
{
    return r->varied ? get_varied(r, 8, length) : get_fixed(r, 8, length);
}

static int get_char(struct reader *r, uint64_t *number)
{
    int rc = need(r, 1);
    if (rc != MYL_OK)
        return rc;
    const uint8_t *at = r->bytes + r->at;
    uint8_t text[4] = {(uint8_t)myl_load_native(at, 1)};
    size_t n = text[0] < 0xc0 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    rc = need(r, n);
    if (rc != MYL_OK)
        return rc;
    myl_copy_once(text + 1, at + 1, n - 1);
    uint32_t c = 0;
    if (myl_utf8_decode((const char *)text, n, &c) != n)
        return myl_fail_bytes(&r->where, r->at, "a char that is not UTF-8");
    *number = c;
    r->at += n;
    return MYL_OK;
}

static int get_scalar(struct reader *r, const struct myl_node *node, char *out)
{
    uint64_t number = 0;
    size_t start = r->at;
    int rc;
    if (node->kind == MYL_KIND_CHAR)
        rc = get_char(r, &number);
    else if (!r->varied || node->size == 1 || node->kind == MYL_KIND_FLOAT || node->kind == MYL_KIND_DOUBLE)
        rc = get_fixed(r, node->size, &number);
    else
        rc = get_varied(r, node->size, &number);
    if (rc != MYL_OK)
        return rc;
    rc = myl_check_scalar(&r->where, node, number, start);
    if (rc != MYL_OK)
        return rc;
    if (r->varied && myl_is_signed(node->kind) && node->size > 1)
        number = number >> 1 ^ (0 - (number & 1));
    myl_store_native(out, number, node->size);
    return MYL_OK;
}

static int get_text(struct reader *r, const struct myl_node *node, char *out)
{
    uint64_t length;
    int rc = get_length(r, &length);
    if (rc == MYL_OK)
        rc = need(r, length);
    if (rc == MYL_OK)
        rc = myl_take_text(r->arena, r->bytes + r->at, (size_t)length, out);
    if (rc != MYL_OK)
        return rc;
    if (node->kind == MYL_KIND_STRING) {
        /* What is checked is the copy. */
        const void *copy = ((const myl_string *)(const void *)out)->data;
        size_t fault = myl_utf8_fault(copy, (size_t)length);
        if (fault != length)
            return myl_fail_bytes(&r->where, r->at + fault, "a string that is not UTF-8");
    }
    r->at += (size_t)length;
    return MYL_OK;
}

/* `count` elements, which are known to be no more than the bytes left can hold. */
static int get_items(struct reader *r, const struct myl_node *node, char *out, size_t count)
{
    int rc = MYL_OK;
    if (r->varied ? node->plain_varied : node->plain) {
        uint64_t bytes = (uint64_t)count * node->size;
        rc = need(r, bytes);
        if (rc == MYL_OK && out != NULL)
            memcpy(out, r->bytes + r->at, (size_t)bytes);
        r->at += rc == MYL_OK ? (size_t)bytes : 0;
        return rc;
    }
    for (size_t i = 0; rc == MYL_OK && i < count; i++)
        rc = get(r, node, out + i * node->size);
    return rc;
}

static int get_vector(struct reader *r, const struct myl_node *node, char *out)
{
    size_t start = r->at;
    uint64_t count = 0;
    int rc = get_length(r, &count);
    if (rc != MYL_OK)
        return rc;
    uint32_t least = r->varied ? node->element->least_varied : node->element->least_fixed;
    if (count > (r->length - r->at) / least)
        return myl_fail_bytes(&r->where, start, "%" PRIu64 " elements of at least %" PRIu32 " bytes, %zu are left",
                              count, least, r->length - r->at);
    void *items = NULL;
    if (count > 0)
        rc = myl_take_objects(r->arena, node->element, count, &items);
    if (rc != MYL_OK)
        return rc;
    myl_bytes vector = {items, (size_t)count};
    memcpy(out, &vector, sizeof vector);
    return get_items(r, node->element, items, (size_t)count);
}

static int get_option(struct reader *r, const struct myl_node *node, char *out)
{
    size_t start = r->at;
    uint64_t some = 0;
    int rc = get_fixed(r, 1, &some);
    if (rc == MYL_OK)
        rc = myl_check_some(&r->where, some, start);
    if (rc != MYL_OK || some == 0)
        return rc;
    out[0] = 1;
    return get(r, node->element, out + node->offset);
}

static int get_box(struct reader *r, const struct myl_node *node, char *out)
{
    void *target;
    int rc = myl_take_objects(r->arena, node->element, 1, &target);
    if (rc != MYL_OK)
        return rc;
    memcpy(out, &target, sizeof target);
    return get(r, node->element, target);
}

static int get_run(struct reader *r, char *out, uint32_t bytes)
{
    int rc = need(r, bytes);
    if (rc != MYL_OK)
        return rc;
    memcpy(out, r->bytes + r->at, bytes);
    r->at += bytes;
    return MYL_OK;
}

static int get_struct(struct reader *r, const struct myl_node *node, char *out)
{
    struct myl_where outer;
    int rc = myl_enter(&r->where, node, r->at, &outer);
    for (uint32_t i = 0; rc == MYL_OK && i < node->count; i++) {
        const struct myl_part *part = &node->parts[i];
        r->where.field = part->name;
        if (part->run > 0 && !r->varied) {
            rc = get_run(r, out + part->offset, part->run);
            i += part->run_parts - 1;
        } else {
            rc = get(r, part->node, out + part->offset);
        }
    }
    myl_leave(&r->where, &outer);
    return rc;
}

static int get_union(struct reader *r, const struct myl_node *node, char *out)
{
    size_t start = r->at;
    uint64_t tag = 0;
    struct myl_where outer;
    int rc = myl_enter(&r->where, node, start, &outer);
    if (rc == MYL_OK)
        rc = r->varied ? get_varied(r, 4, &tag) : get_fixed(r, 4, &tag);
    if (rc == MYL_OK)
        rc = myl_check_tag(&r->where, node, tag, start);
    if (rc == MYL_OK) {
        myl_store_native(out, tag, 4);
        r->where.field = node->parts[tag].name;
        rc = get(r, node->parts[tag].node, out + node->parts[tag].offset);
    }
    myl_leave(&r->where, &outer);
    return rc;
}

/* `out` is a C object of zeros. */
static int get(struct reader *r, const struct myl_node *node, char *out)
{
    switch (node->kind) {
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        return get_text(r, node, out);
    case MYL_KIND_UNIT:
        return MYL_OK;
    case MYL_KIND_ARRAY:
        return get_items(r, node->element, out, node->count);
    case MYL_KIND_VECTOR:
        return get_vector(r, node, out);
    case MYL_KIND_OPTION:
        return get_option(r, node, out);
    case MYL_KIND_BOX:
        return get_box(r, node, out);
    case MYL_KIND_STRUCT:
        return get_struct(r, node, out);
    case MYL_KIND_UNION:
        return get_union(r, node, out);
    default:
        return get_scalar(r, node, out);
    }
}

int myl_bincode_decode(const myl_schema *schema, const void *bytes, size_t length, int varied, myl_arena *arena,
                       void **value)
{
    struct reader r = {bytes, length, 0, varied, arena, {myl_bincode_name(varied), NULL, NULL, 0}};
    void *made;
    int rc = myl_take_objects(arena, schema->root, 1, &made);
    if (rc == MYL_OK)
        rc = get(&r, schema->root, made);
    if (rc == MYL_OK && r.at != length)
        rc = myl_fail_bytes(&r.where, r.at, "%zu bytes after the end of the value", length - r.at);
    if (rc == MYL_OK)
        *value = made;
    return rc;
}
