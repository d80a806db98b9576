/* SPDX-License-Identifier: MIT
 * Views of C values, and of the C structures that pod has verified. Those may change after that: what is not a value
 * any more is MYL_EDECODE. */
#include "codec/bytes.h"

static struct myl_where where_of(const myl_view *view)
{
    return (struct myl_where){view->codec != NULL ? view->codec->name : "value", NULL, NULL, 0};
}

/* In the bytes of a pod; a C value has no bytes. */
static uint64_t offset_of(const myl_view *view)
{
    return view->codec != NULL ? (uint64_t)((const char *)view->at - (const char *)view->bytes) : MYL_IN_VALUE;
}

static int read_tag(const myl_view *view, uint64_t *tag)
{
    struct myl_where where = where_of(view);
    *tag = myl_load_native(view->at, sizeof(uint32_t));
    return myl_check_tag(&where, view->node, *tag, offset_of(view));
}

/* The data of a string, bytes or vector. */
static int read_data(const myl_view *view, const void **data, uint64_t *count)
{
    struct myl_where where = where_of(view);
    size_t length = 0;
    int rc = myl_value_data(&where, view->at, data, &length);
    *count = length;
    return rc;
}

static int read_scalar(const myl_view *view, myl_item *item)
{
    const struct myl_node *node = view->node;
    struct myl_where where = where_of(view);
    uint64_t number = myl_load_native(view->at, node->size);
    myl_item_scalar(node, number, item);
    return myl_check_scalar(&where, node, number, offset_of(view));
}

int myl_native_read(const myl_view *view, myl_item *item)
{
    const struct myl_node *node = view->node;
    struct myl_where where = where_of(view);
    myl_item made = {.kind = (enum myl_kind)node->kind, .name = node->name, .count = node->count};
    const void *items;
    int rc = MYL_OK;
    switch (node->kind) {
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        rc = read_data(view, &made.data, &made.count);
        break;
    case MYL_KIND_VECTOR:
        rc = read_data(view, &items, &made.count);
        break;
    case MYL_KIND_OPTION:
        made.count = myl_load_native(view->at, 1);
        rc = myl_check_some(&where, made.count, offset_of(view));
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

int myl_native_child(const myl_view *view, uint64_t index, myl_view *child)
{
    const struct myl_node *node = view->node;
    const struct myl_part *part;
    struct myl_where where = where_of(view);
    const char *at = view->at;
    const void *items;
    uint64_t tag, count;
    int rc = MYL_OK;
    child->node = node->element;
    switch (node->kind) {
    case MYL_KIND_STRUCT:
        part = &node->parts[index];
        child->at = at + part->offset;
        child->node = part->node;
        return MYL_OK;
    case MYL_KIND_UNION:
        rc = read_tag(view, &tag);
        part = &node->parts[rc == MYL_OK ? tag : 0];
        child->at = at + part->offset;
        child->node = part->node;
        return rc;
    case MYL_KIND_ARRAY:
        child->at = at + index * node->element->size;
        return MYL_OK;
    case MYL_KIND_OPTION:
        child->at = at + node->offset;
        return MYL_OK;
    case MYL_KIND_BOX:
        return myl_value_box(&where, at, &child->at);
    default:
        rc = read_data(view, &items, &count);
        if (rc == MYL_OK)
            child->at = (const char *)items + index * node->element->size;
        return rc;
    }
}
