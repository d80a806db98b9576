/* SPDX-License-Identifier: MIT
 * Steps within FlatBuffers in place. The bytes may have changed since they were verified, so each step checks what it
 * uses. A view's `at` is the place, NULL if the field is missing. `more` is the offset of a union's content; for an
 * array it is not NULL if its elements lie within a fixed struct, and `at` is the first one. */
#include "codec/flatbuffers.h"

#include <inttypes.h>

static struct myl_flat flat_of(const myl_view *view)
{
    return (struct myl_flat){view->bytes, view->length, {"flatbuffers", NULL, NULL, 0}};
}

static size_t offset_of(const myl_view *view, const void *at)
{
    return at != NULL ? (size_t)((const uint8_t *)at - (const uint8_t *)view->bytes) : 0;
}

static int read_text(const struct myl_flat *flat, const myl_view *view, myl_item *item)
{
    size_t first = 0;
    int rc =
        view->at != NULL ? myl_flat_text(flat, view->node, offset_of(view, view->at), &first, &item->count) : MYL_OK;
    item->data = flat->bytes + first;
    return rc;
}

static int read_vector(const struct myl_flat *flat, const myl_view *view, myl_item *item)
{
    size_t first;
    if (view->at == NULL || view->more != NULL)
        return MYL_OK;
    return myl_flat_items(flat, view->node, offset_of(view, view->at), &first, &item->count);
}

static int read_union(const struct myl_flat *flat, const myl_view *view, myl_item *item)
{
    const struct myl_node *node = view->node;
    size_t at = offset_of(view, view->at);
    uint64_t tag = view->at != NULL ? myl_load_le(view->at, 1) : 0;
    if (tag == 0 || tag > node->count)
        return myl_wrong_tag(&flat->where, node, tag - 1, at);
    item->number = tag - 1;
    item->count = node->parts[tag - 1].node->kind != MYL_KIND_UNIT;
    return MYL_OK;
}

static int read_scalar(const struct myl_flat *flat, const myl_view *view, myl_item *item)
{
    const struct myl_node *node = view->node;
    uint64_t number = view->at != NULL ? myl_load_le(view->at, node->size) : 0;
    myl_item_scalar(node, number, item);
    return myl_check_scalar(&flat->where, node, number, offset_of(view, view->at));
}

static int flat_read(const myl_view *view, myl_item *item)
{
    const struct myl_node *node = view->node;
    struct myl_flat flat = flat_of(view);
    myl_item made = {.kind = (enum myl_kind)node->kind, .name = node->name};
    int rc = MYL_OK;
    switch (node->kind) {
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        rc = read_text(&flat, view, &made);
        break;
    case MYL_KIND_ARRAY:
        made.count = node->count;
        rc = read_vector(&flat, view, &made);
        break;
    case MYL_KIND_VECTOR:
        rc = read_vector(&flat, view, &made);
        break;
    case MYL_KIND_OPTION:
        made.count = view->at != NULL;
        break;
    case MYL_KIND_BOX:
        made.count = 1;
        break;
    case MYL_KIND_UNION:
        rc = read_union(&flat, view, &made);
        break;
    case MYL_KIND_STRUCT:
        made.count = node->count;
        break;
    case MYL_KIND_UNIT:
        break;
    default:
        rc = read_scalar(&flat, view, &made);
        break;
    }
    if (rc == MYL_OK)
        *item = made;
    return rc;
}

/* Gives the child its place. A struct, array or union that is missing cannot be verified, only have become so. */
static int set_place(const struct myl_flat *flat, const struct myl_node *node, const struct myl_flat_place *place,
                     myl_view *child)
{
    const struct myl_node *bare = node->bare;
    bool must_be = bare->kind == MYL_KIND_STRUCT || bare->kind == MYL_KIND_ARRAY || bare->kind == MYL_KIND_UNION;
    if (!place->present && must_be)
        return myl_flat_missing(flat, bare, 0);
    child->node = node;
    child->at = place->present ? flat->bytes + place->at : NULL;
    child->more = place->content != 0 ? flat->bytes + place->content : NULL;
    return MYL_OK;
}

static int fixed_child(const myl_view *view, const struct myl_node *node, size_t skip, myl_view *child)
{
    child->node = node;
    child->at = (const uint8_t *)view->at + skip;
    child->more = node->kind == MYL_KIND_ARRAY ? child->at : NULL;
    return MYL_OK;
}

static int struct_child(const struct myl_flat *flat, const myl_view *view, uint64_t index, myl_view *child)
{
    const struct myl_node *node = view->node;
    const struct myl_part *part = &node->parts[index];
    struct myl_flat_table table;
    struct myl_flat_place place;
    if (node->fixed)
        return fixed_child(view, part->node, part->archived_offset, child);
    int rc = myl_flat_table(flat, offset_of(view, view->at), &table);
    if (rc == MYL_OK)
        rc = myl_flat_field(flat, &table, part->node, part->entry, &place);
    return rc == MYL_OK ? set_place(flat, part->node, &place, child) : rc;
}

static int items_child(const struct myl_flat *flat, const myl_view *view, uint64_t index, myl_view *child)
{
    const struct myl_node *node = view->node, *element = node->element;
    struct myl_flat_place place;
    size_t first;
    uint64_t count;
    if (view->more != NULL)
        return fixed_child(view, element, (size_t)index * element->archived_size, child);
    int rc = myl_flat_items(flat, node, offset_of(view, view->at), &first, &count);
    if (rc == MYL_OK)
        rc = myl_flat_element(flat, element, first, index, &place);
    return rc == MYL_OK ? set_place(flat, element, &place, child) : rc;
}

static int union_child(const struct myl_flat *flat, const myl_view *view, myl_view *child)
{
    const struct myl_node *node = view->node;
    struct myl_flat_place place;
    myl_item item = {.count = 0};
    int rc = read_union(flat, view, &item);
    const struct myl_node *content = node->parts[rc == MYL_OK ? item.number : 0].node;
    if (rc == MYL_OK)
        rc = myl_flat_content(flat, content, offset_of(view, view->more), &place);
    return rc == MYL_OK ? set_place(flat, content, &place, child) : rc;
}

static int flat_child(const myl_view *view, uint64_t index, myl_view *child)
{
    const struct myl_node *node = view->node;
    struct myl_flat flat = flat_of(view);
    struct myl_flat_place place;
    int rc;
    switch (node->kind) {
    case MYL_KIND_STRUCT:
        return struct_child(&flat, view, index, child);
    case MYL_KIND_UNION:
        return union_child(&flat, view, child);
    case MYL_KIND_OPTION:
        if (node->element->bare->kind == MYL_KIND_OPTION) {
            rc = myl_flat_held(&flat, node->element, offset_of(view, view->at), &place);
            return rc == MYL_OK ? set_place(&flat, node->element, &place, child) : rc;
        }
        child->node = node->element;
        return MYL_OK;
    case MYL_KIND_BOX:
        child->node = node->element;
        return MYL_OK;
    default:
        return items_child(&flat, view, index, child);
    }
}

const myl_codec myl_codec_flatbuffers = {
    .struct_size = sizeof(myl_codec),
    .id = MYL_CODEC_FLATBUFFERS,
    .form = MYL_TEXT_SCHEMA,
    .name = "flatbuffers",
    .check = myl_flat_check,
    .size = myl_flat_size,
    .encode = myl_flat_encode,
    .decode = myl_flat_decode,
    .access = myl_flat_access,
    .read = flat_read,
    .child = flat_child,
    .reads = myl_flat_reads,
};
