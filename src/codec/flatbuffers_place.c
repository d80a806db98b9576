/* SPDX-License-Identifier: MIT
 * Places within FlatBuffers. Each number is loaded once, into a local variable, and its bounds are checked with it. All
 * that is refused here the reference verifiers refuse, too, or read in another way. */
#include "codec/flatbuffers.h"

#include <inttypes.h>

static bool fits(const struct myl_flat *flat, uint64_t at, uint64_t bytes)
{
    return at <= flat->length && bytes <= flat->length - at;
}

static int check_range(const struct myl_flat *flat, const char *what, uint64_t at, uint64_t bytes, uint32_t align)
{
    if (!fits(flat, at, bytes))
        return myl_fail_bytes(&flat->where, at, "a %s of %" PRIu64 " bytes, %" PRIu64 " are left", what, bytes,
                              at <= flat->length ? flat->length - at : 0);
    if ((at & (align - 1)) != 0)
        return myl_fail_bytes(&flat->where, at, "a %s that is not aligned to %" PRIu32, what, align);
    return MYL_OK;
}

/* Follows the offset at `slot`, which lies within the bytes. */
static int follow(const struct myl_flat *flat, size_t slot, size_t *target)
{
    uint64_t offset = myl_load_le(flat->bytes + slot, 4);
    if (offset == 0 || offset >= flat->length - slot)
        return myl_fail_bytes(&flat->where, slot, "an offset of %" PRIu64 ", %zu bytes are left", offset,
                              flat->length - slot);
    *target = slot + (size_t)offset;
    return MYL_OK;
}

int myl_flat_table(const struct myl_flat *flat, size_t at, struct myl_flat_table *table)
{
    *table = (struct myl_flat_table){.at = at};
    int rc = check_range(flat, "table", at, 4, 4);
    if (rc != MYL_OK)
        return rc;
    int64_t vtable = (int64_t)at - myl_signed(myl_load_le(flat->bytes + at, 4), 4);
    if (vtable < 0 || vtable % 2 != 0 || !fits(flat, (uint64_t)vtable, FLAT_FIRST_ENTRY))
        return myl_fail_bytes(&flat->where, at, "a table whose vtable is at %" PRId64, vtable);
    table->vtable = (size_t)vtable;
    table->vtable_size = (uint32_t)myl_load_le(flat->bytes + table->vtable, 2);
    table->size = (uint32_t)myl_load_le(flat->bytes + table->vtable + 2, 2);
    if (table->vtable_size < FLAT_FIRST_ENTRY || table->vtable_size % 2 != 0 ||
        !fits(flat, table->vtable, table->vtable_size))
        return myl_fail_bytes(&flat->where, table->vtable, "a vtable of %" PRIu32 " bytes", table->vtable_size);
    if (table->size < 4 || !fits(flat, at, table->size))
        return myl_fail_bytes(&flat->where, at, "a table of %" PRIu32 " bytes", table->size);
    return MYL_OK;
}

/* What a table stores in the slot that has this entry in the vtable. */
static int find_slot(const struct myl_flat *flat, const struct myl_flat_table *table, uint32_t entry, uint32_t size,
                     uint32_t align, bool *present, size_t *at)
{
    *present = false;
    *at = 0;
    if (entry + 2 > table->vtable_size)
        return MYL_OK;
    uint32_t offset = (uint32_t)myl_load_le(flat->bytes + table->vtable + entry, 2);
    if (offset == 0)
        return MYL_OK;
    size_t found = table->at + offset;
    if (offset < 4 || offset > table->size || size > table->size - offset || (found & (align - 1)) != 0)
        return myl_fail_bytes(&flat->where, table->vtable + entry,
                              "a field of %" PRIu32 " bytes, alignment %" PRIu32 ", at byte %" PRIu32
                              " of a table of %" PRIu32 " at %zu",
                              size, align, offset, table->size, table->at);
    *present = true;
    *at = found;
    return MYL_OK;
}

/* A union is absent if it has neither a tag but 0 nor content. */
static int find_union(const struct myl_flat *flat, const struct myl_flat_table *table, const struct myl_node *node,
                      uint32_t entry, struct myl_flat_place *place)
{
    bool has_tag, has_content = false;
    int rc = find_slot(flat, table, entry, 1, 1, &has_tag, &place->at);
    if (rc == MYL_OK)
        rc = find_slot(flat, table, entry + 2, 4, 4, &has_content, &place->content);
    if (rc != MYL_OK)
        return rc;
    uint64_t tag = has_tag ? myl_load_le(flat->bytes + place->at, 1) : 0;
    if (has_content != (tag != 0))
        return myl_fail_bytes(&flat->where, has_tag ? place->at : table->at,
                              "a union of tag %" PRIu64 " with%s content", tag, has_content ? "" : "out");
    if (tag > node->count)
        return myl_wrong_tag(&flat->where, node, tag - 1, place->at);
    place->present = has_content;
    place->tag = has_content ? (uint32_t)tag - 1 : 0;
    return MYL_OK;
}

int myl_flat_field(const struct myl_flat *flat, const struct myl_flat_table *table, const struct myl_node *node,
                   uint32_t entry, struct myl_flat_place *place)
{
    const struct myl_node *stored = myl_flat_stored(node);
    *place = (struct myl_flat_place){.present = false};
    if (stored->kind == MYL_KIND_UNION)
        return find_union(flat, table, stored, entry, place);
    if (myl_flat_is_inline(stored))
        return find_slot(flat, table, entry, stored->archived_size, stored->archived_align, &place->present,
                         &place->at);
    int rc = find_slot(flat, table, entry, 4, 4, &place->present, &place->at);
    return rc == MYL_OK && place->present ? follow(flat, place->at, &place->at) : rc;
}

int myl_flat_held(const struct myl_flat *flat, const struct myl_node *node, size_t at, struct myl_flat_place *place)
{
    struct myl_flat_table table;
    int rc = myl_flat_table(flat, at, &table);
    *place = (struct myl_flat_place){.present = true, .at = at};
    return rc == MYL_OK && node->kind != MYL_KIND_UNIT ? myl_flat_field(flat, &table, node, FLAT_FIRST_ENTRY, place)
                                                       : rc;
}

int myl_flat_content(const struct myl_flat *flat, const struct myl_node *node, size_t slot,
                     struct myl_flat_place *place)
{
    size_t at = 0;
    int rc = check_range(flat, "offset", slot, 4, 4);
    if (rc == MYL_OK)
        rc = follow(flat, slot, &at);
    *place = (struct myl_flat_place){.present = true, .at = at};
    return rc == MYL_OK && !myl_flat_is_table(node->bare) ? myl_flat_held(flat, node, at, place) : rc;
}

int myl_flat_items(const struct myl_flat *flat, const struct myl_node *node, size_t at, size_t *first, uint64_t *count)
{
    int rc = check_range(flat, "count", at, 4, 4);
    if (rc != MYL_OK)
        return rc;
    *count = myl_load_le(flat->bytes + at, 4);
    *first = at + 4;
    if (node->kind == MYL_KIND_ARRAY && *count != node->count)
        return myl_fail_bytes(&flat->where, at, "%" PRIu64 " elements of an array of %" PRIu32, *count, node->count);
    /* The reference verifiers do not check the alignment of elements, and the C++ library does not always give it. */
    return check_range(flat, "vector", at, 4 + *count * myl_flat_step(node->element), 4);
}

int myl_flat_element(const struct myl_flat *flat, const struct myl_node *element, size_t first, uint64_t index,
                     struct myl_flat_place *place)
{
    uint32_t step = myl_flat_step(element);
    uint64_t at = first + index * step;
    *place = (struct myl_flat_place){.present = true, .at = (size_t)at};
    int rc = check_range(flat, "element", at, step, 1);
    if (rc != MYL_OK || myl_flat_is_inline(element->bare))
        return rc;
    rc = follow(flat, place->at, &place->at);
    return rc == MYL_OK && myl_flat_is_held(element) ? myl_flat_held(flat, element, place->at, place) : rc;
}

int myl_flat_text(const struct myl_flat *flat, const struct myl_node *node, size_t at, size_t *first, uint64_t *length)
{
    int is_string = node->kind == MYL_KIND_STRING, rc = check_range(flat, "length", at, 4, 4);
    if (rc != MYL_OK)
        return rc;
    *length = myl_load_le(flat->bytes + at, 4);
    *first = at + 4;
    rc = check_range(flat, is_string ? "string" : "vector", *first, *length + (uint64_t)is_string, 1);
    if (rc == MYL_OK && is_string && myl_load_native(flat->bytes + *first + *length, 1) != 0)
        return myl_fail_bytes(&flat->where, *first + (size_t)*length, "a string without a NUL after it");
    return rc;
}

int myl_flat_missing(const struct myl_flat *flat, const struct myl_node *node, size_t at)
{
    return myl_fail_bytes(&flat->where, at, "the field is missing; a %s must be there, unless it is an option",
                          myl_kind_word(node->kind));
}
