/* SPDX-License-Identifier: MIT
 * Writes rkyv, byte for byte as Rust's serializer does. Two walks for each object: the first writes what lies outside
 * of it, the second the object itself. The second has to know where the first put things. It does not keep a list,
 * which would need memory: it computes the positions again, from the one at which the object's first child starts. The
 * last vectors are remembered, so that this is rarely much work. */
#include "codec/rkyv.h"

#include <inttypes.h>

#define REMEMBERED 32U

/* A vector that is written: its children start at `first`, and its elements end at `end`. */
struct written {
    const char *value;
    size_t first, end;
};

struct writer {
    uint8_t *bytes;          /* NULL: nothing is written */
    size_t room;
    struct myl_where where;
    struct written written[REMEMBERED];
};

static int children(struct writer *w, const struct myl_node *node, const char *value, size_t *pos, int write);
static int object(struct writer *w, const struct myl_node *node, const char *value, size_t at, size_t *pos);

static inline int reserve(struct writer *w, size_t pos, uint64_t n)
{
    if (MYL_LIKELY(pos <= w->room && n <= w->room - pos))
        return MYL_OK;
    if (w->room == RKYV_LONGEST)
        return myl_fail_value(&w->where, MYL_ETOOBIG, "the encoded value has more than %zu bytes", w->room);
    return myl_fail_value(&w->where, MYL_EBUFFER, "the buffer of %zu bytes is too small", w->room);
}

/* Zeros from `*pos` to the next multiple of `align`. */
static int pad(struct writer *w, size_t *pos, uint32_t align, int write)
{
    size_t n = myl_align_up(*pos, align) - *pos;
    int rc = reserve(w, *pos, n);
    if (rc == MYL_OK && write && n > 0)
        memset(w->bytes + *pos, 0, n);
    *pos += rc == MYL_OK ? n : 0;
    return rc;
}

static void put_offset(struct writer *w, size_t at, size_t base, size_t target)
{
    myl_store_le(w->bytes + at, (uint64_t)((int64_t)target - (int64_t)base), 4);
}

/* --- what lies outside of an object: from `*pos` on ----------------------------------------------------------- */

static int text_children(struct writer *w, const struct myl_node *node, const char *value, size_t *pos, int write)
{
    const void *data;
    size_t length;
    int rc = myl_value_data(&w->where, value, &data, &length);
    if (rc != MYL_OK)
        return rc;
    if (node->kind == MYL_KIND_STRING) {
        if (length > RKYV_STRING)
            return myl_fail_value(&w->where, MYL_ETOOBIG, "a string of %zu bytes, at most %" PRIu32 " are possible",
                                  length, RKYV_STRING);
        rc = write ? myl_value_text(&w->where, data, length) : MYL_OK;
        if (rc != MYL_OK || length <= RKYV_INLINE)
            return rc;
    }
    rc = reserve(w, *pos, length);
    if (rc != MYL_OK)
        return rc;
    if (write && length > 0)
        memcpy(w->bytes + *pos, data, length);
    *pos += length;
    return MYL_OK;
}

static int items_children(struct writer *w, const struct myl_node *node, const char *items, size_t count, size_t *pos,
                          int write)
{
    int rc = MYL_OK;
    if (node->no_children && (!write || node->plain))
        return MYL_OK; /* not even one call for each */
    for (size_t i = 0; rc == MYL_OK && i < count; i++)
        rc = children(w, node, items + i * node->size, pos, write);
    return rc;
}

/* `count` objects one after the other at `at`; their children start at `pos`. */
static int put_items(struct writer *w, const struct myl_node *node, const char *items, size_t count, size_t at,
                     size_t pos)
{
    int rc = MYL_OK;
    if (node->plain) {
        if (count > 0)
            memcpy(w->bytes + at, items, count * node->size);
        return MYL_OK;
    }
    for (size_t i = 0; rc == MYL_OK && i < count; i++)
        rc = object(w, node, items + i * node->size, at + i * node->archived_size, &pos);
    return rc;
}

static struct written *remembered(struct writer *w, const char *value)
{
    return &w->written[(uintptr_t)value / sizeof(void *) % REMEMBERED];
}

static int vector_children(struct writer *w, const struct myl_node *node, const char *value, size_t *pos, int write)
{
    const struct myl_node *element = node->element;
    size_t first = *pos, count;
    const void *items;
    int rc = myl_value_data(&w->where, value, &items, &count);
    if (rc == MYL_OK && count > RKYV_LONGEST)
        rc = myl_fail_value(&w->where, MYL_ETOOBIG, "a vector of %zu elements", count);
    if (rc == MYL_OK)
        rc = items_children(w, element, items, count, pos, write);
    if (rc == MYL_OK)
        rc = pad(w, pos, element->archived_align, write);
    if (rc == MYL_OK)
        rc = reserve(w, *pos, (uint64_t)count * element->archived_size);
    if (rc == MYL_OK && write)
        rc = put_items(w, element, items, count, *pos, first);
    *pos += rc == MYL_OK ? count * element->archived_size : 0;
    if (rc == MYL_OK && write && !element->no_children)
        *remembered(w, value) = (struct written){value, first, *pos};
    return rc;
}

static int box_children(struct writer *w, const struct myl_node *node, const char *value, size_t *pos, int write)
{
    const struct myl_node *element = node->element;
    size_t first = *pos;
    const void *target;
    int rc = myl_value_box(&w->where, value, &target);
    if (rc == MYL_OK)
        rc = children(w, element, target, pos, write);
    if (rc == MYL_OK)
        rc = pad(w, pos, element->archived_align, write);
    if (rc == MYL_OK)
        rc = reserve(w, *pos, element->archived_size);
    if (rc == MYL_OK && write)
        rc = object(w, element, target, *pos, &first);
    *pos += rc == MYL_OK ? element->archived_size : 0;
    return rc;
}

static int parts_children(struct writer *w, const struct myl_node *node, const char *value, size_t *pos, int write)
{
    uint32_t first = 0, end = node->count;
    struct myl_where outer;
    int rc = myl_enter(&w->where, node, MYL_IN_VALUE, &outer);
    if (rc == MYL_OK && node->kind == MYL_KIND_UNION) {
        rc = myl_value_tag(&w->where, node, value, &first);
        end = first + 1;
    }
    for (uint32_t i = first; rc == MYL_OK && i < end; i++) {
        const struct myl_part *part = &node->parts[i];
        if (part->run > 0)
            continue;
        w->where.field = part->name;
        rc = children(w, part->node, value + part->offset, pos, write);
    }
    myl_leave(&w->where, &outer);
    return rc;
}

/* Also checks the value, so that `object` cannot fail. */
static int children(struct writer *w, const struct myl_node *node, const char *value, size_t *pos, int write)
{
    int some, rc;
    if (node->no_children && !write)
        return MYL_OK;
    switch (node->kind) {
    case MYL_KIND_UNIT:
        return MYL_OK;
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        return text_children(w, node, value, pos, write);
    case MYL_KIND_VECTOR:
        return vector_children(w, node, value, pos, write);
    case MYL_KIND_BOX:
        return box_children(w, node, value, pos, write);
    case MYL_KIND_ARRAY:
        return items_children(w, node->element, value, node->count, pos, write);
    case MYL_KIND_OPTION:
        rc = myl_value_some(&w->where, value, &some);
        return rc == MYL_OK && some ? children(w, node->element, value + node->offset, pos, write) : rc;
    case MYL_KIND_STRUCT:
    case MYL_KIND_UNION:
        return node->plain ? MYL_OK : parts_children(w, node, value, pos, write);
    default:
        return myl_check_scalar(&w->where, node, myl_load_native(value, node->size), MYL_IN_VALUE);
    }
}

/* --- the object itself: at `at`, which holds zeros; its children start at `*pos` ------------------------------ */

static int text_object(struct writer *w, const struct myl_node *node, const char *value, size_t at, size_t *pos)
{
    uint8_t *to = w->bytes + at;
    const void *data;
    size_t length;
    int rc = myl_value_data(&w->where, value, &data, &length);
    if (rc != MYL_OK)
        return rc;
    if (node->kind == MYL_KIND_BYTES) {
        put_offset(w, at, at, *pos);
        myl_store_le(to + 4, length, 4);
    } else if (length <= RKYV_INLINE) {
        memset(to, 0xff, RKYV_INLINE);
        if (length > 0)
            memcpy(to, data, length);
        return MYL_OK;
    } else {
        myl_store_le(to, myl_rkyv_from_length((uint32_t)length), 4);
        put_offset(w, at + 4, at, *pos);
    }
    *pos += length;
    return MYL_OK;
}

static int vector_object(struct writer *w, const struct myl_node *node, const char *value, size_t at, size_t *pos)
{
    size_t count;
    const void *items;
    const struct written *written = remembered(w, value);
    int rc = MYL_OK;
    if (written->value == value && written->first == *pos)
        *pos = written->end;
    else
        rc = vector_children(w, node, value, pos, 0);
    if (rc == MYL_OK)
        rc = myl_value_data(&w->where, value, &items, &count);
    if (rc != MYL_OK)
        return rc;
    put_offset(w, at, at, *pos - count * node->element->archived_size);
    myl_store_le(w->bytes + at + 4, count, 4);
    return MYL_OK;
}

static int parts_object(struct writer *w, const struct myl_node *node, const char *value, size_t at, size_t *pos)
{
    uint32_t first = 0, end = node->count;
    int rc = MYL_OK;
    if (!node->inline_fields)
        memset(w->bytes + at, 0, node->archived_size);
    if (node->kind == MYL_KIND_UNION) {
        rc = myl_value_tag(&w->where, node, value, &first);
        end = first + 1;
        w->bytes[at] = (uint8_t)first;
    }
    for (uint32_t i = first; rc == MYL_OK && i < end; i++) {
        const struct myl_part *part = &node->parts[i];
        if (part->run > 0) {
            memcpy(w->bytes + at + part->archived_offset, value + part->offset, part->run);
            i += part->run_parts - 1;
        } else {
            rc = object(w, part->node, value + part->offset, at + part->archived_offset, pos);
        }
    }
    return rc;
}

/* All bytes of the object are set. */
static int object(struct writer *w, const struct myl_node *node, const char *value, size_t at, size_t *pos)
{
    int some, rc;
    switch (node->kind) {
    case MYL_KIND_UNIT:
        return MYL_OK;
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        return text_object(w, node, value, at, pos);
    case MYL_KIND_VECTOR:
        return vector_object(w, node, value, at, pos);
    case MYL_KIND_BOX:
        rc = box_children(w, node, value, pos, 0);
        put_offset(w, at, at, *pos - node->element->archived_size);
        return rc;
    case MYL_KIND_ARRAY:
        for (uint32_t i = 0; i < node->count; i++) {
            rc = object(w, node->element, value + (size_t)i * node->element->size,
                        at + (size_t)i * node->element->archived_size, pos);
            if (rc != MYL_OK)
                return rc;
        }
        return MYL_OK;
    case MYL_KIND_OPTION:
        memset(w->bytes + at, 0, node->archived_size);
        rc = myl_value_some(&w->where, value, &some);
        w->bytes[at] = (uint8_t)some;
        return rc == MYL_OK && some ? object(w, node->element, value + node->offset, at + node->archived_offset, pos)
                                    : rc;
    case MYL_KIND_STRUCT:
    case MYL_KIND_UNION:
        if (!node->plain)
            return parts_object(w, node, value, at, pos);
        memcpy(w->bytes + at, value, node->size);
        return MYL_OK;
    default:
        myl_store_le(w->bytes + at, myl_load_native(value, node->size), node->size);
        return MYL_OK;
    }
}

/* --- the whole ---------------------------------------------------------------------------------------------- */

int myl_rkyv_encode(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes)
{
    const struct myl_node *root = schema->root;
    struct writer w = {.bytes = buffer,
                       .room = room < RKYV_LONGEST ? room : RKYV_LONGEST,
                       .where = {"rkyv", NULL, NULL, 0},
                       .written = {{NULL, 0, 0}}};
    size_t pos = 0, first = 0;
    int write = buffer != NULL;
    int rc = children(&w, root, value, &pos, write);
    if (rc == MYL_OK)
        rc = pad(&w, &pos, root->archived_align, write);
    if (rc == MYL_OK)
        rc = reserve(&w, pos, root->archived_size);
    if (rc == MYL_OK && write)
        rc = object(&w, root, value, pos, &first);
    if (rc == MYL_OK)
        *bytes = pos + root->archived_size;
    return rc;
}

int myl_rkyv_size(const myl_schema *schema, const void *value, size_t *bytes)
{
    return myl_rkyv_encode(schema, value, NULL, RKYV_LONGEST, bytes);
}
