/* SPDX-License-Identifier: MIT
 * Reads FlatBuffers. One walk verifies, and makes a C value if it is given room for one. Parts may be shared, so that a
 * few bytes are a large value: the tables and bytes that the walk reaches are counted, each as often as it reaches
 * them, as the reference verifiers do. */
#include "codec/flatbuffers.h"

#include <inttypes.h>

struct walk {
    struct myl_flat flat;
    myl_arena *arena;        /* NULL: verify only */
    uint32_t tables, depth;
    size_t left;             /* bytes that may still be reached */
};

static int check(struct walk *w, const struct myl_node *node, const struct myl_flat_place *place, char *out);

static int reach(struct walk *w, size_t at, uint64_t bytes)
{
    if (bytes > w->left)
        return myl_fail_bytes(&w->flat.where, at, "a value of more than %zu bytes, shared parts counted again",
                              FLAT_LONGEST);
    w->left -= (size_t)bytes;
    return MYL_OK;
}

/* Counts a table or holder; `leave_table` ends it. */
static int enter_table(struct walk *w, size_t at)
{
    if (w->depth == FLAT_DEPTH)
        return myl_fail_bytes(&w->flat.where, at, "deeper than %u tables", FLAT_DEPTH);
    if (w->tables == FLAT_TABLES)
        return myl_fail_bytes(&w->flat.where, at, "more than %u tables", FLAT_TABLES);
    w->tables++;
    w->depth++;
    return MYL_OK;
}

static void leave_table(struct walk *w)
{
    w->depth--;
}

/* --- what lies within a table or vector ---------------------------------------------------------------------- */

static int check_inline(struct walk *w, const struct myl_node *node, size_t at, char *out);

static int check_fixed(struct walk *w, const struct myl_node *node, size_t at, char *out)
{
    struct myl_where outer;
    int rc = myl_enter(&w->flat.where, node, at, &outer);
    for (uint32_t i = 0; rc == MYL_OK && i < node->count; i++) {
        const struct myl_part *part = &node->parts[i];
        w->flat.where.field = part->name;
        rc = check_inline(w, part->node, at + part->archived_offset, out != NULL ? out + part->offset : NULL);
    }
    myl_leave(&w->flat.where, &outer);
    return rc;
}

/* A number, a fixed struct, or an array within one, whose bounds are checked. */
static int check_inline(struct walk *w, const struct myl_node *node, size_t at, char *out)
{
    int rc = MYL_OK;
    if (out == NULL && node->any_bytes)
        return MYL_OK;
    if (node->plain) {
        if (out != NULL) /* plain implies any_bytes: for the analyzer */
            memcpy(out, w->flat.bytes + at, node->size);
        return MYL_OK;
    }
    if (node->kind == MYL_KIND_STRUCT)
        return check_fixed(w, node, at, out);
    if (node->kind == MYL_KIND_ARRAY) {
        for (size_t i = 0; rc == MYL_OK && i < node->count; i++)
            rc = check_inline(w, node->element, at + i * node->element->archived_size,
                              out != NULL ? out + i * node->element->size : NULL);
        return rc;
    }
    uint64_t number = myl_load_le(w->flat.bytes + at, node->size);
    if (out != NULL)
        myl_store_native(out, number, node->size);
    return myl_check_scalar(&w->flat.where, node, number, at);
}

/* --- what an offset leads to --------------------------------------------------------------------------------- */

static int check_text(struct walk *w, const struct myl_node *node, size_t at, char *out)
{
    size_t first = 0;
    uint64_t length = 0;
    int rc = myl_flat_text(&w->flat, node, at, &first, &length);
    if (rc == MYL_OK)
        rc = reach(w, at, 4 + length);
    const void *data = w->flat.bytes + first;
    if (rc == MYL_OK && out != NULL) {
        rc = myl_take_text(w->arena, data, (size_t)length, out);
        data = ((const myl_bytes *)(const void *)out)->data; /* what is checked is the copy */
    }
    if (rc != MYL_OK || node->kind != MYL_KIND_STRING)
        return rc;
    size_t fault = myl_utf8_fault(data, (size_t)length);
    return fault == length ? MYL_OK : myl_fail_bytes(&w->flat.where, first + fault, "a string that is not UTF-8");
}

static int check_element(struct walk *w, const struct myl_node *element, size_t first, uint64_t index, char *out)
{
    struct myl_flat_place place;
    bool is_held = myl_flat_is_held(element);
    int rc = is_held ? enter_table(w, first) : MYL_OK;
    if (rc != MYL_OK)
        return rc;
    rc = myl_flat_element(&w->flat, element, first, index, &place);
    if (rc == MYL_OK)
        rc = check(w, element, &place, out);
    if (is_held)
        leave_table(w);
    return rc;
}

static int check_elements(struct walk *w, const struct myl_node *element, size_t first, uint64_t count, char *out)
{
    int rc = MYL_OK;
    if (out == NULL && element->any_bytes && myl_flat_is_inline(element))
        return MYL_OK;
    if (element->plain && myl_flat_is_inline(element)) {
        if (out != NULL && count > 0)
            memcpy(out, w->flat.bytes + first, (size_t)count * element->size);
        return MYL_OK;
    }
    for (uint64_t i = 0; rc == MYL_OK && i < count; i++)
        rc = check_element(w, element, first, i, out != NULL ? out + i * element->size : NULL);
    return rc;
}

static int check_vector(struct walk *w, const struct myl_node *node, size_t at, char *out)
{
    const struct myl_node *element = node->element;
    size_t first;
    uint64_t count;
    void *items = out;
    int rc = myl_flat_items(&w->flat, node, at, &first, &count);
    if (rc == MYL_OK)
        rc = reach(w, at, 4 + count * myl_flat_step(element));
    if (rc == MYL_OK && out != NULL && node->kind == MYL_KIND_VECTOR) {
        items = NULL;
        rc = count > 0 ? myl_take_objects(w->arena, element, count, &items) : MYL_OK;
        myl_bytes vector = {items, (size_t)count};
        if (rc == MYL_OK)
            memcpy(out, &vector, sizeof vector);
    }
    return rc == MYL_OK ? check_elements(w, element, first, count, items) : rc;
}

static int check_parts(struct walk *w, const struct myl_node *node, size_t at, char *out)
{
    struct myl_flat_table table;
    int rc = myl_flat_table(&w->flat, at, &table);
    if (rc == MYL_OK)
        rc = reach(w, at, (uint64_t)table.size + table.vtable_size);
    for (uint32_t i = 0; rc == MYL_OK && i < node->count; i++) {
        const struct myl_part *part = &node->parts[i];
        struct myl_flat_place place;
        w->flat.where.field = part->name;
        rc = myl_flat_field(&w->flat, &table, part->node, part->entry, &place);
        if (rc == MYL_OK)
            rc = check(w, part->node, &place, out != NULL ? out + part->offset : NULL);
    }
    return rc;
}

static int check_table(struct walk *w, const struct myl_node *node, size_t at, char *out)
{
    struct myl_where outer;
    int rc = enter_table(w, at);
    if (rc != MYL_OK)
        return rc;
    rc = myl_enter(&w->flat.where, node, at, &outer);
    if (rc == MYL_OK)
        rc = check_parts(w, node, at, out);
    myl_leave(&w->flat.where, &outer);
    leave_table(w);
    return rc;
}

/* The root, or the content of a union, to which the offset at `slot` leads. */
static int check_content(struct walk *w, const struct myl_node *node, size_t slot, char *out)
{
    struct myl_flat_place place;
    bool is_held = !myl_flat_is_table(node->bare);
    int rc = is_held ? enter_table(w, slot) : MYL_OK;
    if (rc != MYL_OK)
        return rc;
    rc = myl_flat_content(&w->flat, node, slot, &place);
    if (rc == MYL_OK)
        rc = check(w, node, &place, out);
    if (is_held)
        leave_table(w);
    return rc;
}

static int check_union(struct walk *w, const struct myl_node *node, const struct myl_flat_place *place, char *out)
{
    const struct myl_part *part = &node->parts[place->tag];
    struct myl_where outer;
    int rc = myl_enter(&w->flat.where, node, place->at, &outer);
    if (rc == MYL_OK) {
        w->flat.where.field = part->name;
        if (out != NULL)
            memcpy(out, &place->tag, sizeof place->tag);
        rc = check_content(w, part->node, place->content, out != NULL ? out + part->offset : NULL);
    }
    myl_leave(&w->flat.where, &outer);
    return rc;
}

/* --- a place ------------------------------------------------------------------------------------------------- */

static int check_box(struct walk *w, const struct myl_node *node, const struct myl_flat_place *place, char *out)
{
    void *made = NULL;
    int rc = out != NULL ? myl_take_objects(w->arena, node->element, 1, &made) : MYL_OK;
    if (rc == MYL_OK && out != NULL)
        memcpy(out, &made, sizeof made);
    return rc == MYL_OK ? check(w, node->element, place, made) : rc;
}

static int check_option(struct walk *w, const struct myl_node *node, const struct myl_flat_place *place, char *out)
{
    struct myl_flat_place held;
    if (!place->present)
        return MYL_OK;
    if (out != NULL) {
        out[0] = 1;
        out += node->offset;
    }
    if (node->element->bare->kind != MYL_KIND_OPTION)
        return check(w, node->element, place, out);
    int rc = enter_table(w, place->at);
    if (rc != MYL_OK)
        return rc;
    rc = myl_flat_held(&w->flat, node->element, place->at, &held);
    if (rc == MYL_OK)
        rc = check(w, node->element, &held, out);
    leave_table(w);
    return rc;
}

/* `out`: a C object of zeros, which is the value of a number, string or vector that is missing; or NULL. */
static int check(struct walk *w, const struct myl_node *node, const struct myl_flat_place *place, char *out)
{
    if (node->kind == MYL_KIND_BOX)
        return check_box(w, node, place, out);
    if (node->kind == MYL_KIND_OPTION)
        return check_option(w, node, place, out);
    if (!place->present) {
        bool may_miss = node->kind <= MYL_KIND_BYTES || node->kind == MYL_KIND_VECTOR;
        return may_miss ? MYL_OK : myl_flat_missing(&w->flat, node, place->at);
    }
    switch (node->kind) {
    case MYL_KIND_UNIT:
        return MYL_OK;
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        return check_text(w, node, place->at, out);
    case MYL_KIND_VECTOR:
    case MYL_KIND_ARRAY:
        return check_vector(w, node, place->at, out);
    case MYL_KIND_UNION:
        return check_union(w, node, place, out);
    case MYL_KIND_STRUCT:
        if (!node->fixed)
            return check_table(w, node, place->at, out);
        return check_inline(w, node, place->at, out);
    default:
        return check_inline(w, node, place->at, out);
    }
}

static int check_root(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, char *out)
{
    struct walk w = {.flat = {bytes, length, {"flatbuffers", NULL, NULL, 0}}, .arena = arena, .left = FLAT_LONGEST};
    int rc = myl_flat_check(schema);
    if (rc == MYL_OK && length > FLAT_LONGEST)
        rc = myl_fail_bytes(&w.flat.where, 0, "%zu bytes, at most %zu are possible", length, FLAT_LONGEST);
    return rc == MYL_OK ? check_content(&w, schema->root, 0, out) : rc;
}

int myl_flat_decode(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value)
{
    void *made;
    int rc = myl_take_objects(arena, schema->root, 1, &made);
    if (rc == MYL_OK)
        rc = check_root(schema, bytes, length, arena, made);
    if (rc == MYL_OK)
        *value = made;
    return rc;
}

int myl_flat_access(const myl_schema *schema, myl_view *view)
{
    struct myl_flat flat = {view->bytes, view->length, {"flatbuffers", NULL, NULL, 0}};
    struct myl_flat_place place = {.present = false};
    int rc = check_root(schema, view->bytes, view->length, NULL, NULL);
    if (rc == MYL_OK)
        rc = myl_flat_content(&flat, schema->root, 0, &place);
    if (rc != MYL_OK)
        return rc;
    view->at = place.present ? flat.bytes + place.at : NULL;
    view->more = place.content != 0 ? flat.bytes + place.content : NULL;
    return MYL_OK;
}
