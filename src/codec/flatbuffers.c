/* SPDX-License-Identifier: MIT
 * Writes FlatBuffers forward, in one walk: a table, then what it points to. Offsets lead forward only, so each is known
 * when its target is written, and is put into the table then. All fields are written, numbers of value 0 too: the
 * layout of a table depends on nothing but which options are there. Tables of the same layout share their vtable. */
#include "codec/flatbuffers.h"

#include <inttypes.h>

#define REMEMBERED 16U
#define MASK_BITS  64U

/* A vtable that is written: of the node's table, or of its holder, with these fields. */
struct shape {
    const struct myl_node *node;
    bool is_holder;
    uint64_t present;
    size_t at;
};

struct writer {
    uint8_t *bytes;          /* NULL: nothing is written */
    size_t room, pos;
    uint32_t tables, depth;
    uint32_t next_shape;     /* the one that is replaced next */
    struct shape shapes[REMEMBERED];
    struct myl_where where;
};

/* The fields of a table or of a holder. */
struct plan {
    const struct myl_node *node;
    bool is_holder;
    const struct myl_part *parts;
    const struct myl_slot *slots;
    uint32_t count, slots_count, entries;
};

/* A holder's only field. */
struct holder {
    struct myl_part part;
    struct myl_slot slots[2];
};

/* The table that is being written. */
struct table {
    size_t at, vtable;
    uint32_t size, align;
    uint64_t present;        /* of the first MASK_BITS fields */
    bool is_shared;          /* the vtable is one that is written already */
};

static int put_table(struct writer *w, const struct plan *plan, const char *value, size_t *at);
static int put_holder(struct writer *w, const struct myl_node *node, const char *value, size_t *at);
static int put_vector(struct writer *w, const struct myl_node *element, const char *items, uint64_t count, size_t *at);

/* Takes `n` bytes such that those after the first `skip` are aligned. */
static int take(struct writer *w, uint32_t skip, uint32_t align, uint64_t n, size_t *at)
{
    uint64_t start = myl_align_up(w->pos + skip, align) - skip;
    if (MYL_UNLIKELY(start > w->room || n > w->room - start)) {
        if (w->room == FLAT_LONGEST)
            return myl_fail_value(&w->where, MYL_ETOOBIG, "the encoded value has more than %zu bytes", w->room);
        return myl_fail_value(&w->where, MYL_EBUFFER, "the buffer of %zu bytes is too small", w->room);
    }
    if (w->bytes != NULL && start > w->pos)
        memset(w->bytes + w->pos, 0, (size_t)start - w->pos);
    *at = (size_t)start;
    w->pos = (size_t)(start + n);
    return MYL_OK;
}

static void put_offset(struct writer *w, size_t at, size_t target)
{
    if (w->bytes != NULL)
        myl_store_le(w->bytes + at, target - at, 4);
}

/* --- C values ------------------------------------------------------------------------------------------------ */

/* A value without its boxes. */
static int unbox(struct writer *w, const struct myl_node **node, const char **value)
{
    const void *target;
    int rc = MYL_OK;
    while (rc == MYL_OK && (*node)->kind == MYL_KIND_BOX) {
        rc = myl_value_box(&w->where, *value, &target);
        if (rc == MYL_OK) {
            *value = target;
            *node = (*node)->element;
        }
    }
    return rc;
}

/* What a field stores: a value without boxes and its option. *present: there is one. */
static int find_stored(struct writer *w, const struct myl_node **node, const char **value, bool *present)
{
    int some = 1, rc = unbox(w, node, value);
    if (rc == MYL_OK && (*node)->kind == MYL_KIND_OPTION) {
        rc = myl_value_some(&w->where, *value, &some);
        *value += (*node)->offset;
        *node = (*node)->element;
        if (rc == MYL_OK && some)
            rc = unbox(w, node, value);
    }
    *present = some != 0;
    return rc;
}

/* --- what lies within a table or vector ---------------------------------------------------------------------- */

static int put_inline(struct writer *w, const struct myl_node *node, const char *value, size_t at);

static int put_fixed(struct writer *w, const struct myl_node *node, const char *value, size_t at)
{
    struct myl_where outer;
    int rc = myl_enter(&w->where, node, MYL_IN_VALUE, &outer);
    if (w->bytes != NULL)
        memset(w->bytes + at, 0, node->archived_size);
    for (uint32_t i = 0; rc == MYL_OK && i < node->count; i++) {
        const struct myl_part *part = &node->parts[i];
        w->where.field = part->name;
        rc = put_inline(w, part->node, value + part->offset, at + part->archived_offset);
    }
    myl_leave(&w->where, &outer);
    return rc;
}

/* A number, a fixed struct, or an array within one. */
static int put_inline(struct writer *w, const struct myl_node *node, const char *value, size_t at)
{
    int rc = MYL_OK;
    if (node->plain) {
        if (w->bytes != NULL)
            memcpy(w->bytes + at, value, node->size);
        return MYL_OK;
    }
    if (node->kind == MYL_KIND_STRUCT)
        return put_fixed(w, node, value, at);
    if (node->kind == MYL_KIND_ARRAY) {
        for (size_t i = 0; rc == MYL_OK && i < node->count; i++)
            rc = put_inline(w, node->element, value + i * node->element->size, at + i * node->element->archived_size);
        return rc;
    }
    uint64_t number = myl_load_native(value, node->size);
    if (w->bytes != NULL)
        myl_store_le(w->bytes + at, number, node->size);
    return myl_check_scalar(&w->where, node, number, MYL_IN_VALUE);
}

/* --- what an offset leads to --------------------------------------------------------------------------------- */

static int put_text(struct writer *w, const struct myl_node *node, const char *value, size_t *at)
{
    const void *data;
    size_t length = 0;
    bool is_string = node->kind == MYL_KIND_STRING;
    int rc = myl_value_data(&w->where, value, &data, &length);
    if (rc == MYL_OK && is_string && w->bytes != NULL)
        rc = myl_value_text(&w->where, data, length);
    if (rc == MYL_OK)
        rc = take(w, 0, 4, 4 + (uint64_t)length + is_string, at);
    if (rc != MYL_OK || w->bytes == NULL)
        return rc;
    myl_store_le(w->bytes + *at, length, 4);
    if (length > 0)
        memcpy(w->bytes + *at + 4, data, length);
    if (is_string)
        w->bytes[*at + 4 + length] = 0;
    return MYL_OK;
}

static struct plan plan_of(const struct myl_node *node)
{
    return (struct plan){node, false, node->parts, node->slots, node->count, node->slots_count, node->entries};
}

/* The stored value of a type that an offset leads to. */
static int put_target(struct writer *w, const struct myl_node *node, const char *value, size_t *at)
{
    const void *items;
    size_t count;
    struct plan plan;
    int rc;
    switch (node->kind) {
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        return put_text(w, node, value, at);
    case MYL_KIND_VECTOR:
        rc = myl_value_data(&w->where, value, &items, &count);
        return rc == MYL_OK ? put_vector(w, node->element, items, count, at) : rc;
    case MYL_KIND_ARRAY:
        return put_vector(w, node->element, value, node->count, at);
    case MYL_KIND_STRUCT:
        if (node->fixed)
            break;
        plan = plan_of(node);
        return put_table(w, &plan, value, at);
    default:
        break;
    }
    return put_holder(w, node, value, at);
}

/* The content of a union, or the root: a table, or what is in a holder. */
static int put_content(struct writer *w, const struct myl_node *node, const char *value, size_t *at)
{
    if (!myl_flat_is_table(node->bare))
        return put_holder(w, node, value, at);
    int rc = unbox(w, &node, &value);
    return rc == MYL_OK ? put_target(w, node, value, at) : rc;
}

static int put_union(struct writer *w, const struct myl_node *node, const char *value, size_t slot)
{
    uint32_t tag = 0;
    size_t target = 0;
    struct myl_where outer;
    int rc = myl_enter(&w->where, node, MYL_IN_VALUE, &outer);
    if (rc == MYL_OK)
        rc = myl_value_tag(&w->where, node, value, &tag);
    if (rc == MYL_OK) {
        const struct myl_part *part = &node->parts[tag];
        w->where.field = part->name;
        rc = put_content(w, part->node, value + part->offset, &target);
    }
    if (rc == MYL_OK)
        put_offset(w, slot, target);
    myl_leave(&w->where, &outer);
    return rc;
}

static int put_element(struct writer *w, const struct myl_node *element, const char *value, size_t slot)
{
    const struct myl_node *node = element;
    size_t target = 0;
    int rc = unbox(w, &node, &value);
    if (rc == MYL_OK && myl_flat_is_inline(node))
        return put_inline(w, node, value, slot);
    if (rc == MYL_OK)
        rc = myl_flat_is_held(node) ? put_holder(w, node, value, &target) : put_target(w, node, value, &target);
    if (rc == MYL_OK)
        put_offset(w, slot, target);
    return rc;
}

static int put_vector(struct writer *w, const struct myl_node *element, const char *items, uint64_t count, size_t *at)
{
    uint32_t step = myl_flat_step(element), align = myl_flat_align(element);
    if (count > FLAT_LONGEST)
        return myl_fail_value(&w->where, MYL_ETOOBIG, "a vector of %" PRIu64 " elements", count);
    int rc = take(w, 4, align < 4 ? 4 : align, 4 + count * step, at);
    if (rc != MYL_OK)
        return rc;
    size_t first = *at + 4;
    if (w->bytes != NULL)
        myl_store_le(w->bytes + *at, count, 4);
    if (element->plain && myl_flat_is_inline(element)) {
        if (w->bytes != NULL && count > 0)
            memcpy(w->bytes + first, items, (size_t)count * step);
        return MYL_OK;
    }
    for (uint64_t i = 0; rc == MYL_OK && i < count; i++)
        rc = put_element(w, element, items + i * element->size, first + (size_t)i * step);
    return rc;
}

/* --- tables -------------------------------------------------------------------------------------------------- */

/* Which fields are there, and the size of the table. */
static int measure(struct writer *w, const struct plan *plan, const char *value, struct table *table)
{
    if (!plan->is_holder && plan->node->options == 0) {
        *table = (struct table){.size = plan->node->table_size, .align = plan->node->table_align};
        return MYL_OK;
    }
    *table = (struct table){.size = 4, .align = 4};
    for (uint32_t i = 0; i < plan->slots_count; i++) {
        const struct myl_slot *slot = &plan->slots[i];
        const struct myl_part *part = &plan->parts[slot->part];
        const struct myl_node *node = part->node;
        const char *stored = value + part->offset;
        bool present = true;
        w->where.field = part->name;
        int rc = find_stored(w, &node, &stored, &present);
        if (rc != MYL_OK)
            return rc;
        if (!present)
            continue;
        table->size += slot->size;
        table->align = slot->align > table->align ? slot->align : table->align;
        if (slot->part < MASK_BITS)
            table->present |= UINT64_C(1) << slot->part;
    }
    return MYL_OK;
}

/* Finds the vtable of the same fields, or takes room for another one. */
static int take_vtable(struct writer *w, const struct plan *plan, struct table *table)
{
    bool is_constant = !plan->is_holder && plan->node->options == 0;
    bool may_share = is_constant || plan->count <= MASK_BITS;
    for (uint32_t i = 0; may_share && i < REMEMBERED; i++) {
        const struct shape *shape = &w->shapes[i];
        if (shape->node == plan->node && shape->is_holder == plan->is_holder && shape->present == table->present) {
            table->vtable = shape->at;
            table->is_shared = true;
            return MYL_OK;
        }
    }
    int rc = take(w, 0, 2, FLAT_FIRST_ENTRY + 2 * plan->entries, &table->vtable);
    if (rc == MYL_OK && may_share) {
        w->shapes[w->next_shape] = (struct shape){plan->node, plan->is_holder, table->present, table->vtable};
        w->next_shape = (w->next_shape + 1) % REMEMBERED;
    }
    if (rc == MYL_OK && w->bytes != NULL) {
        memset(w->bytes + table->vtable, 0, FLAT_FIRST_ENTRY + 2 * plan->entries);
        myl_store_le(w->bytes + table->vtable, FLAT_FIRST_ENTRY + 2 * plan->entries, 2);
        myl_store_le(w->bytes + table->vtable + 2, table->size, 2);
    }
    return rc;
}

/* The numbers and fixed structs of the table, and its vtable. What `measure` found holds. */
static int put_slots(struct writer *w, const struct plan *plan, const char *value, const struct table *table)
{
    size_t at = table->at + 4;
    int rc = MYL_OK;
    for (uint32_t i = 0; rc == MYL_OK && i < plan->slots_count; i++) {
        const struct myl_slot *slot = &plan->slots[i];
        const struct myl_part *part = &plan->parts[slot->part];
        const struct myl_node *node = part->node;
        const char *stored = value + part->offset;
        bool present;
        w->where.field = part->name;
        rc = find_stored(w, &node, &stored, &present);
        if (rc != MYL_OK || !present)
            continue;
        if (w->bytes != NULL && !table->is_shared)
            myl_store_le(w->bytes + table->vtable + slot->entry, at - table->at, 2);
        if (slot->is_tag) {
            uint32_t tag;
            rc = myl_value_tag(&w->where, node, stored, &tag);
            if (rc == MYL_OK && w->bytes != NULL)
                w->bytes[at] = (uint8_t)(tag + 1);
        } else if (myl_flat_is_inline(node)) {
            rc = put_inline(w, node, stored, at);
        }
        at += slot->size;
    }
    return rc;
}

/* What the table points to, in the order of its slots. */
static int put_targets(struct writer *w, const struct plan *plan, const char *value, const struct table *table)
{
    size_t at = table->at + 4, target = 0;
    int rc = MYL_OK;
    for (uint32_t i = 0; rc == MYL_OK && i < plan->slots_count; i++) {
        const struct myl_slot *slot = &plan->slots[i];
        const struct myl_part *part = &plan->parts[slot->part];
        const struct myl_node *node = part->node;
        const char *stored = value + part->offset;
        bool present;
        w->where.field = part->name;
        rc = find_stored(w, &node, &stored, &present);
        if (rc != MYL_OK || !present)
            continue;
        if (node->kind == MYL_KIND_UNION && !slot->is_tag) {
            rc = put_union(w, node, stored, at);
        } else if (!slot->is_tag && !myl_flat_is_inline(node)) {
            rc = put_target(w, node, stored, &target);
            if (rc == MYL_OK)
                put_offset(w, at, target);
        }
        at += slot->size;
    }
    return rc;
}

static int put_fields(struct writer *w, const struct plan *plan, const char *value, size_t *at)
{
    struct table table;
    int rc = measure(w, plan, value, &table);
    if (rc == MYL_OK)
        rc = take_vtable(w, plan, &table);
    if (rc == MYL_OK)
        rc = take(w, 4, table.align, table.size, &table.at);
    if (rc == MYL_OK && w->bytes != NULL)
        myl_store_le(w->bytes + table.at, table.at - table.vtable, 4);
    if (rc == MYL_OK)
        rc = put_slots(w, plan, value, &table);
    if (rc == MYL_OK)
        rc = put_targets(w, plan, value, &table);
    *at = table.at;
    return rc;
}

static int put_table(struct writer *w, const struct plan *plan, const char *value, size_t *at)
{
    struct myl_where outer = w->where;
    if (w->depth == FLAT_DEPTH)
        return myl_fail_value(&w->where, MYL_EINVAL, "deeper than %u tables; split the value", FLAT_DEPTH);
    if (w->tables == FLAT_TABLES)
        return myl_fail_value(&w->where, MYL_ETOOBIG, "more than %u tables; split the value", FLAT_TABLES);
    w->depth++;
    w->tables++;
    int rc = plan->is_holder ? MYL_OK : myl_enter(&w->where, plan->node, MYL_IN_VALUE, &outer);
    if (rc == MYL_OK)
        rc = put_fields(w, plan, value, at);
    myl_leave(&w->where, &outer);
    w->depth--;
    return rc;
}

static int put_holder(struct writer *w, const struct myl_node *node, const char *value, size_t *at)
{
    struct holder holder = {.part = {.node = node, .name = w->where.field}};
    struct plan plan = {.node = node, .is_holder = true, .parts = &holder.part, .slots = holder.slots};
    plan.slots_count = myl_flat_slots(node, holder.slots);
    plan.count = plan.slots_count > 0;
    plan.entries = plan.slots_count;
    return put_table(w, &plan, value, at);
}

/* --- the whole ----------------------------------------------------------------------------------------------- */

int myl_flat_encode(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes)
{
    struct writer w = {.bytes = buffer,
                       .room = room < FLAT_LONGEST ? room : FLAT_LONGEST,
                       .where = {"flatbuffers", NULL, NULL, 0}};
    size_t slot = 0, root = 0;
    int rc = myl_flat_check(schema);
    if (rc == MYL_OK)
        rc = take(&w, 0, 4, 4, &slot);
    if (rc == MYL_OK)
        rc = put_content(&w, schema->root, value, &root);
    if (rc != MYL_OK)
        return rc;
    put_offset(&w, slot, root);
    *bytes = w.pos;
    return MYL_OK;
}

int myl_flat_size(const myl_schema *schema, const void *value, size_t *bytes)
{
    return myl_flat_encode(schema, value, NULL, FLAT_LONGEST, bytes);
}

int myl_flat_check(const myl_schema *schema)
{
    for (uint32_t i = 0; i < schema->nodes; i++) {
        const struct myl_node *node = &schema->root[i];
        uint32_t bytes = node->fixed ? node->archived_size : node->table_size, most = FLAT_TABLE - 4 * node->fixed;
        if (node->kind == MYL_KIND_UNION && node->count > FLAT_VARIANTS)
            return myl_fail(MYL_ESCHEMA, "flatbuffers: union %s has %" PRIu32 " variants, at most %u are possible",
                            node->name, node->count, FLAT_VARIANTS);
        if (node->kind == MYL_KIND_STRUCT && bytes > most)
            return myl_fail(MYL_ESCHEMA,
                            "flatbuffers: struct %s has %" PRIu32 " bytes in place, at most %" PRIu32
                            " are possible; use vectors",
                            node->name, bytes, most);
    }
    return MYL_OK;
}
