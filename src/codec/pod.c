/* SPDX-License-Identifier: MIT
 * The codec pod: a C structure without pointers, as it lies in memory. What is not part of the value (padding, the rest
 * of a union, the value of an empty option) is zero. */
#include "codec/bytes.h"

#include <inttypes.h>

static int pod_check(const myl_schema *schema)
{
    const struct myl_node *node = schema->root;
    if (node->flat)
        return MYL_OK;
    /* Where is the first pointer? Down to it, one level at a time. */
    const char *type = NULL, *field = NULL;
    while (node->element != NULL || node->parts != NULL) {
        if (node->kind == MYL_KIND_VECTOR || node->kind == MYL_KIND_BOX)
            break;
        if (node->element != NULL) {
            node = node->element;
            continue;
        }
        uint32_t i = 0;
        while (node->parts[i].node->flat)
            i++;
        type = node->name;
        field = node->parts[i].name;
        node = node->parts[i].node;
    }
    return myl_fail(MYL_ESCHEMA, "pod: %s%s%s is a %s; pod carries no pointers: use an array, or another codec",
                    type != NULL ? type : "the root", type != NULL ? "." : "", field != NULL ? field : "",
                    myl_kind_word(node->kind));
}

/* --- encoding ----------------------------------------------------------------------------------------------- */

static int put(struct myl_where *where, const struct myl_node *node, const char *value, char *out);

static int put_struct(struct myl_where *where, const struct myl_node *node, const char *value, char *out)
{
    struct myl_where outer;
    int rc = myl_enter(where, node, MYL_IN_VALUE, &outer);
    for (uint32_t i = 0; rc == MYL_OK && i < node->count; i++) {
        const struct myl_part *part = &node->parts[i];
        where->field = part->name;
        rc = put(where, part->node, value + part->offset, out + part->offset);
    }
    myl_leave(where, &outer);
    return rc;
}

static int put_union(struct myl_where *where, const struct myl_node *node, const char *value, char *out)
{
    uint32_t tag = 0;
    struct myl_where outer;
    int rc = myl_enter(where, node, MYL_IN_VALUE, &outer);
    if (rc == MYL_OK)
        rc = myl_value_tag(where, node, value, &tag);
    if (rc == MYL_OK) {
        const struct myl_part *part = &node->parts[tag];
        memcpy(out, &tag, sizeof tag);
        where->field = part->name;
        rc = put(where, part->node, value + part->offset, out + part->offset);
    }
    myl_leave(where, &outer);
    return rc;
}

/* `out` holds zeros. */
static int put(struct myl_where *where, const struct myl_node *node, const char *value, char *out)
{
    uint64_t number;
    int some, rc = MYL_OK;
    if (node->plain) {
        memcpy(out, value, node->size);
        return MYL_OK;
    }
    switch (node->kind) {
    case MYL_KIND_UNIT:
        return MYL_OK;
    case MYL_KIND_STRUCT:
        return put_struct(where, node, value, out);
    case MYL_KIND_UNION:
        return put_union(where, node, value, out);
    case MYL_KIND_ARRAY:
        for (size_t i = 0, step = node->element->size; rc == MYL_OK && i < node->count; i++)
            rc = put(where, node->element, value + i * step, out + i * step);
        return rc;
    case MYL_KIND_OPTION:
        rc = myl_value_some(where, value, &some);
        if (rc != MYL_OK || !some)
            return rc;
        out[0] = 1;
        return put(where, node->element, value + node->offset, out + node->offset);
    default:
        number = myl_load_native(value, node->size);
        myl_store_native(out, number, node->size);
        return myl_check_scalar(where, node, number, MYL_IN_VALUE);
    }
}

static int pod_size(const myl_schema *schema, const void *value, size_t *bytes)
{
    (void)value;
    int rc = pod_check(schema);
    if (rc == MYL_OK)
        *bytes = schema->root->size;
    return rc;
}

static int pod_encode(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes)
{
    const struct myl_node *root = schema->root;
    struct myl_where where = {"pod", NULL, NULL, 0};
    int rc = pod_check(schema);
    if (rc != MYL_OK)
        return rc;
    if (room < root->size)
        return myl_fail(MYL_EBUFFER, "pod: the value needs %" PRIu32 " bytes, the buffer has %zu", root->size, room);
    if (!root->plain)
        memset(buffer, 0, root->size);
    rc = put(&where, root, value, buffer);
    if (rc == MYL_OK)
        *bytes = root->size;
    return rc;
}

/* --- verifying ---------------------------------------------------------------------------------------------- */

struct reader {
    const char *bytes;
    struct myl_where where;
};

static int check(struct reader *r, const struct myl_node *node, size_t at);

static int check_parts(struct reader *r, const struct myl_node *node, size_t at)
{
    uint64_t first = 0, end = node->count;
    struct myl_where outer;
    int rc = myl_enter(&r->where, node, at, &outer);
    if (rc == MYL_OK && node->kind == MYL_KIND_UNION) {
        first = myl_load_native(r->bytes + at, 4);
        end = first + 1;
        rc = myl_check_tag(&r->where, node, first, at);
    }
    for (uint64_t i = first; rc == MYL_OK && i < end; i++) {
        r->where.field = node->parts[i].name;
        rc = check(r, node->parts[i].node, at + node->parts[i].offset);
    }
    myl_leave(&r->where, &outer);
    return rc;
}

static int check(struct reader *r, const struct myl_node *node, size_t at)
{
    uint64_t some;
    int rc = MYL_OK;
    if (node->any_bytes)
        return MYL_OK;
    switch (node->kind) {
    case MYL_KIND_STRUCT:
    case MYL_KIND_UNION:
        return check_parts(r, node, at);
    case MYL_KIND_ARRAY:
        for (size_t i = 0; rc == MYL_OK && i < node->count; i++)
            rc = check(r, node->element, at + i * node->element->size);
        return rc;
    case MYL_KIND_OPTION:
        some = myl_load_native(r->bytes + at, 1);
        rc = myl_check_some(&r->where, some, at);
        return rc == MYL_OK && some ? check(r, node->element, at + node->offset) : rc;
    default:
        return myl_check_scalar(&r->where, node, myl_load_native(r->bytes + at, node->size), at);
    }
}

static int verify(const myl_schema *schema, const void *bytes, size_t length)
{
    struct reader r = {bytes, {"pod", NULL, NULL, 0}};
    int rc = pod_check(schema);
    if (rc != MYL_OK)
        return rc;
    if (length != schema->root->size)
        return myl_fail_bytes(&r.where, length, "%zu bytes, the type has %" PRIu32, length, schema->root->size);
    return check(&r, schema->root, 0);
}

static int pod_decode(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value)
{
    const struct myl_node *root = schema->root;
    void *made;
    int rc = pod_check(schema);
    if (rc == MYL_OK && length != root->size)
        rc = verify(schema, bytes, length);
    if (rc == MYL_OK)
        rc = myl_take_objects(arena, root, 1, &made);
    if (rc != MYL_OK)
        return rc;
    /* What is checked is the copy. */
    memcpy(made, bytes, length);
    rc = verify(schema, made, length);
    if (rc == MYL_OK)
        *value = made;
    return rc;
}

static int pod_access(const myl_schema *schema, myl_view *view)
{
    struct myl_where where = {"pod", NULL, NULL, 0};
    if ((uintptr_t)view->bytes % schema->root->align != 0)
        return myl_fail_bytes(&where, 0, "the bytes are not aligned to %" PRIu32, schema->root->align);
    view->at = view->bytes;
    return verify(schema, view->bytes, view->length);
}

const myl_codec myl_codec_pod = {
    .struct_size = sizeof(myl_codec),
    .id = MYL_CODEC_POD,
    .form = MYL_TEXT_LAYOUT,
    .name = "pod",
    .check = pod_check,
    .size = pod_size,
    .encode = pod_encode,
    .decode = pod_decode,
    .access = pod_access,
    .read = myl_native_read,
    .child = myl_native_child,
};
