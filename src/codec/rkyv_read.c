/* SPDX-License-Identifier: MIT
 * Reads rkyv. One walk verifies, and makes a C value if it is given room for one. It accepts what Rust's checked access
 * accepts: each object lies before the one that points to it, aligned in memory, and after those that earlier fields
 * point to. Only a value deeper than MYL_DEPTH_MAX is refused here and not there. */
#include "codec/rkyv.h"

#include <inttypes.h>

/* Objects may lie in bytes start .. end. */
struct window {
    size_t start, end;
};

struct reader {
    const uint8_t *bytes;
    struct window window;
    myl_arena *arena;        /* NULL: verify only */
    struct myl_where where;
};

static int check(struct reader *r, const struct myl_node *node, size_t at, char *out);

/* Makes the bytes before an object the window of what it points to. `*kept` is the window after it. */
static int enter(struct reader *r, size_t at, int64_t target, uint64_t size, uint32_t align, struct window *kept)
{
    if (target < (int64_t)r->window.start || target > (int64_t)r->window.end || size > r->window.end - (size_t)target)
        return myl_fail_bytes(&r->where, at, "%" PRIu64 " bytes at %" PRId64 ", which must lie within %zu .. %zu", size,
                              target, r->window.start, r->window.end);
    if ((((uintptr_t)r->bytes + (size_t)target) & (align - 1)) != 0)
        return myl_fail_bytes(&r->where, at, "an object at %" PRId64 " that is not aligned to %" PRIu32, target, align);
    *kept = (struct window){(size_t)target + (size_t)size, r->window.end};
    r->window.end = (size_t)target;
    return MYL_OK;
}

/* The position that the offset at `field` leads to, counted from `base`. */
static int64_t target_of(const void *field, size_t base)
{
    return (int64_t)base + myl_signed(myl_load_le(field, 4), 4);
}

/* `data` is what lies at `target`, or a copy of it. */
static int finish_text(struct reader *r, const struct myl_node *node, const void *data, size_t target, size_t length,
                       char *out)
{
    if (out != NULL) {
        int rc = myl_take_text(r->arena, data, length, out);
        if (rc != MYL_OK)
            return rc;
        data = ((const myl_bytes *)(const void *)out)->data; /* what is checked is the copy */
    }
    size_t fault = node->kind == MYL_KIND_STRING ? myl_utf8_fault(data, length) : length;
    if (fault != length)
        return myl_fail_bytes(&r->where, target + fault, "a string that is not UTF-8");
    return MYL_OK;
}

static int check_text(struct reader *r, const struct myl_node *node, size_t at, char *out)
{
    struct window kept = {0, 0};
    uint8_t object[RKYV_INLINE];
    const uint8_t *field = object;
    uint32_t length;
    myl_copy_once(object, r->bytes + at, sizeof object);
    if (node->kind == MYL_KIND_STRING) {
        if (myl_rkyv_is_inline(object[0])) {
            int ascii;
            length = myl_rkyv_inline_length(object, &ascii);
            return ascii && out == NULL ? MYL_OK : finish_text(r, node, object, at, length, out);
        }
        length = myl_rkyv_to_length((uint32_t)myl_load_le(object, 4));
        if (length <= RKYV_INLINE)
            return myl_fail_bytes(&r->where, at, "a string of %" PRIu32 " bytes outside of its object", length);
        field = object + 4;
    } else {
        length = (uint32_t)myl_load_le(object + 4, 4);
    }
    int64_t target = target_of(field, at);
    int rc = enter(r, at, target, length, 1, &kept);
    if (rc == MYL_OK)
        rc = finish_text(r, node, r->bytes + target, (size_t)target, length, out);
    r->window = rc == MYL_OK ? kept : r->window;
    return rc;
}

static int check_items(struct reader *r, const struct myl_node *node, size_t at, char *out, size_t count)
{
    int rc = MYL_OK;
    if (out == NULL && node->any_bytes)
        return MYL_OK;
    if (node->plain) {
        if (out != NULL && count > 0) /* plain implies any_bytes: for the analyzer */
            memcpy(out, r->bytes + at, count * node->size);
        return MYL_OK;
    }
    for (size_t i = 0; rc == MYL_OK && i < count; i++)
        rc = check(r, node, at + i * node->archived_size, out != NULL ? out + i * node->size : NULL);
    return rc;
}

static int check_vector(struct reader *r, const struct myl_node *node, size_t at, char *out)
{
    const struct myl_node *element = node->element;
    struct window kept = {0, 0};
    size_t count = (size_t)myl_load_le(r->bytes + at + 4, 4);
    int64_t target = target_of(r->bytes + at, at);
    int rc = enter(r, at, target, (uint64_t)count * element->archived_size, element->archived_align, &kept);
    if (rc != MYL_OK)
        return rc;
    void *items = NULL;
    if (out != NULL && count > 0) {
        rc = myl_take_objects(r->arena, element, count, &items);
        if (rc != MYL_OK)
            return rc;
    }
    if (out != NULL) {
        myl_bytes vector = {items, count};
        memcpy(out, &vector, sizeof vector);
    }
    rc = check_items(r, element, (size_t)target, items, count);
    r->window = kept;
    return rc;
}

static int check_box(struct reader *r, const struct myl_node *node, size_t at, char *out)
{
    const struct myl_node *element = node->element;
    struct window kept = {0, 0};
    void *made = NULL;
    int64_t target = target_of(r->bytes + at, at);
    int rc = enter(r, at, target, element->archived_size, element->archived_align, &kept);
    if (rc == MYL_OK && out != NULL)
        rc = myl_take_objects(r->arena, element, 1, &made);
    if (rc != MYL_OK)
        return rc;
    if (out != NULL)
        memcpy(out, &made, sizeof made);
    rc = check(r, element, (size_t)target, made);
    r->window = kept;
    return rc;
}

static int check_option(struct reader *r, const struct myl_node *node, size_t at, char *out)
{
    uint64_t some = myl_load_native(r->bytes + at, 1);
    int rc = myl_check_some(&r->where, some, at);
    if (rc != MYL_OK || !some)
        return rc;
    if (out != NULL)
        out[0] = 1;
    return check(r, node->element, at + node->archived_offset, out != NULL ? out + node->offset : NULL);
}

static int check_parts(struct reader *r, const struct myl_node *node, size_t at, char *out)
{
    uint32_t first = 0, end = node->count;
    struct myl_where outer;
    int rc = myl_enter(&r->where, node, at, &outer);
    if (rc == MYL_OK && node->kind == MYL_KIND_UNION) {
        first = (uint32_t)myl_load_native(r->bytes + at, 1);
        end = first + 1;
        rc = myl_check_tag(&r->where, node, first, at);
        if (rc == MYL_OK && out != NULL)
            memcpy(out, &first, sizeof first);
    }
    for (uint32_t i = first; rc == MYL_OK && i < end; i++) {
        const struct myl_part *part = &node->parts[i];
        if (part->run > 0) {
            if (out != NULL)
                memcpy(out + part->offset, r->bytes + at + part->archived_offset, part->run);
            i += part->run_parts - 1;
            continue;
        }
        r->where.field = part->name;
        rc = check(r, part->node, at + part->archived_offset, out != NULL ? out + part->offset : NULL);
    }
    myl_leave(&r->where, &outer);
    return rc;
}

static int check_scalar(struct reader *r, const struct myl_node *node, size_t at, char *out)
{
    uint64_t number = myl_load_le(r->bytes + at, node->size);
    if (out != NULL)
        myl_store_native(out, number, node->size);
    return myl_check_scalar(&r->where, node, number, at);
}

/* The object at `at`, all of which is known to lie within the bytes. `out`: a C object of zeros, or NULL. */
static int check(struct reader *r, const struct myl_node *node, size_t at, char *out)
{
    switch (node->kind) {
    case MYL_KIND_UNIT:
        return MYL_OK;
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        return check_text(r, node, at, out);
    case MYL_KIND_VECTOR:
        return check_vector(r, node, at, out);
    case MYL_KIND_BOX:
        return check_box(r, node, at, out);
    case MYL_KIND_ARRAY:
        return check_items(r, node->element, at, out, node->count);
    case MYL_KIND_OPTION:
        return check_option(r, node, at, out);
    case MYL_KIND_STRUCT:
        return node->plain || (out == NULL && node->any_bytes) ? check_items(r, node, at, out, 1)
                                                               : check_parts(r, node, at, out);
    case MYL_KIND_UNION:
        return check_parts(r, node, at, out);
    default:
        return check_scalar(r, node, at, out);
    }
}

static int check_root(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, char *out)
{
    const struct myl_node *root = schema->root;
    struct reader r = {bytes, {0, length}, arena, {"rkyv", NULL, NULL, 0}};
    struct window kept = {0, 0};
    if (length < root->archived_size)
        return myl_fail_bytes(&r.where, 0, "%zu bytes, the root alone has %" PRIu32, length, root->archived_size);
    int64_t at = (int64_t)(length - root->archived_size);
    int rc = enter(&r, (size_t)at, at, root->archived_size, root->archived_align, &kept);
    return rc == MYL_OK ? check(&r, root, (size_t)at, out) : rc;
}

static int rkyv_decode(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value)
{
    void *made;
    int rc = myl_take_objects(arena, schema->root, 1, &made);
    if (rc == MYL_OK)
        rc = check_root(schema, bytes, length, arena, made);
    if (rc == MYL_OK)
        *value = made;
    return rc;
}

/* --- in place ----------------------------------------------------------------------------------------------- */

static int rkyv_access(const myl_schema *schema, myl_view *view)
{
    int rc = check_root(schema, view->bytes, view->length, NULL, NULL);
    if (rc == MYL_OK)
        view->at = (const uint8_t *)view->bytes + (view->length - schema->root->archived_size);
    return rc;
}

static const struct myl_where in_place = {"rkyv", NULL, NULL, 0};

static size_t offset_of(const myl_view *view)
{
    return (size_t)((const uint8_t *)view->at - (const uint8_t *)view->bytes);
}

/* The place `skip` bytes after what the offset at `field` leads to, if `size` bytes lie there: they may have changed
 * since they were verified. */
static int place(const myl_view *view, const void *field, uint64_t skip, uint64_t size, const void **at)
{
    int64_t target = target_of(field, offset_of(view));
    if (target < 0 || (uint64_t)target > view->length || skip > view->length - (uint64_t)target ||
        size > view->length - (uint64_t)target - skip)
        return myl_fail_bytes(&in_place, offset_of(view),
                              "%" PRIu64 " bytes, %" PRIu64 " after %" PRId64 " of %zu: the bytes were changed", size,
                              skip, target, view->length);
    *at = (const uint8_t *)view->bytes + target + skip;
    return MYL_OK;
}

static int read_text(const myl_view *view, const struct myl_node *node, myl_item *item)
{
    uint8_t object[RKYV_INLINE];
    myl_copy_once(object, view->at, sizeof object);
    if (node->kind == MYL_KIND_BYTES) {
        item->count = myl_load_le(object + 4, 4);
        return place(view, object, 0, item->count, &item->data);
    }
    if (myl_rkyv_is_inline(object[0])) {
        int ascii;
        item->count = myl_rkyv_inline_length(object, &ascii);
        item->data = view->at;
        return MYL_OK;
    }
    item->count = myl_rkyv_to_length((uint32_t)myl_load_le(object, 4));
    return place(view, object + 4, 0, item->count, &item->data);
}

static int read_tag(const myl_view *view, uint64_t *tag)
{
    *tag = myl_load_native(view->at, 1);
    return myl_check_tag(&in_place, view->node, *tag, offset_of(view));
}

static int read_scalar(const myl_view *view, myl_item *item)
{
    const struct myl_node *node = view->node;
    uint64_t number = myl_load_le(view->at, node->size);
    myl_item_scalar(node, number, item);
    return myl_check_scalar(&in_place, node, number, offset_of(view));
}

static int rkyv_read(const myl_view *view, myl_item *item)
{
    const struct myl_node *node = view->node;
    myl_item made = {.kind = (enum myl_kind)node->kind, .name = node->name, .count = node->count};
    int rc = MYL_OK;
    switch (node->kind) {
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        rc = read_text(view, node, &made);
        break;
    case MYL_KIND_VECTOR:
        made.count = myl_load_le((const uint8_t *)view->at + 4, 4);
        break;
    case MYL_KIND_OPTION:
        made.count = myl_load_native(view->at, 1);
        rc = myl_check_some(&in_place, made.count, offset_of(view));
        break;
    case MYL_KIND_BOX:
        made.count = 1;
        break;
    case MYL_KIND_UNION:
        rc = read_tag(view, &made.number);
        made.count = rc == MYL_OK && node->parts[made.number].node->kind != MYL_KIND_UNIT;
        break;
    case MYL_KIND_UNIT:
    case MYL_KIND_ARRAY:
    case MYL_KIND_STRUCT:
        break;
    default:
        rc = read_scalar(view, &made);
        break;
    }
    if (rc == MYL_OK)
        *item = made;
    return rc;
}

static int rkyv_child(const myl_view *view, uint64_t index, myl_view *child)
{
    const struct myl_node *node = view->node;
    const uint8_t *at = view->at;
    const struct myl_part *part;
    uint64_t tag = index;
    int rc = MYL_OK;
    child->node = node->element;
    switch (node->kind) {
    case MYL_KIND_STRUCT:
    case MYL_KIND_UNION:
        if (node->kind == MYL_KIND_UNION)
            rc = read_tag(view, &tag);
        part = &node->parts[rc == MYL_OK ? tag : 0];
        child->at = at + part->archived_offset;
        child->node = part->node;
        return rc;
    case MYL_KIND_ARRAY:
        child->at = at + index * node->element->archived_size;
        return MYL_OK;
    case MYL_KIND_OPTION:
        child->at = at + node->archived_offset;
        return MYL_OK;
    case MYL_KIND_BOX:
        return place(view, at, 0, node->element->archived_size, &child->at);
    default:
        return place(view, at, index * node->element->archived_size, node->element->archived_size, &child->at);
    }
}

const myl_codec myl_codec_rkyv = {
    .struct_size = sizeof(myl_codec),
    .id = MYL_CODEC_RKYV,
    .form = MYL_TEXT_SCHEMA,
    .name = "rkyv",
    .size = myl_rkyv_size,
    .encode = myl_rkyv_encode,
    .decode = rkyv_decode,
    .access = rkyv_access,
    .read = rkyv_read,
    .child = rkyv_child,
};
