/* SPDX-License-Identifier: MIT
 * Prepares a type for the codecs: one allocation holds the schema, its nodes, their parts, and the texts. */
#include "codec/bytes.h"
#include "codec/flatbuffers.h"

#include <stdlib.h>
#include <string.h>

/* Sums of sizes that are only used as lower bounds or are limited by the C size: they stop at the top. */
static uint32_t capped(uint64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* --- one node, those within it being complete --------------------------------------------------------------- */

static void complete_scalar(struct myl_node *node)
{
    int is_float = node->kind == MYL_KIND_FLOAT || node->kind == MYL_KIND_DOUBLE;
    node->any_bytes = node->kind != MYL_KIND_BOOL && node->kind != MYL_KIND_CHAR;
    node->plain = node->any_bytes && (MYL_LITTLE_ENDIAN || node->size == 1);
    node->plain_varied = node->plain && (node->size == 1 || is_float);
    node->flat = node->no_children = 1;
    node->archived_size = node->archived_align = node->size;
    node->least_fixed = node->kind == MYL_KIND_CHAR ? 1 : node->size;
    node->least_varied = is_float ? node->size : 1;
    node->least_packed = node->kind == MYL_KIND_CHAR ? 2 : 1;
}

/* `size` bytes in rkyv, of alignment 4, and at least one in bincode. */
static void complete_pointer(struct myl_node *node, uint32_t archived_size, uint32_t least_fixed)
{
    node->archived_size = archived_size;
    node->archived_align = 4;
    node->least_fixed = least_fixed;
    node->least_varied = 1;
    node->least_packed = node->kind == MYL_KIND_BYTES ? 2 : 1;
}

static void complete_array(struct myl_node *node)
{
    const struct myl_node *element = node->element;
    node->plain = element->plain;
    node->plain_varied = element->plain_varied;
    node->any_bytes = element->any_bytes;
    node->flat = element->flat;
    node->no_children = element->no_children;
    node->archived_size = capped((uint64_t)element->archived_size * node->count);
    node->archived_align = element->archived_align;
    node->least_fixed = capped((uint64_t)element->least_fixed * node->count);
    node->least_varied = capped((uint64_t)element->least_varied * node->count);
    node->least_packed = capped(1 + (uint64_t)element->least_packed * node->count);
}

static void complete_option(struct myl_node *node)
{
    const struct myl_node *value = node->element;
    node->flat = value->flat;
    node->no_children = value->no_children;
    node->archived_align = value->archived_align;
    node->archived_offset = value->archived_align;
    node->archived_size =
        capped(myl_align_up((uint64_t)value->archived_align + value->archived_size, value->archived_align));
    node->least_fixed = node->least_varied = node->least_packed = 1;
}

/* The fields of `node` from archived position `at`; returns the end of the last one. */
static uint64_t place_fields(const struct myl_node *node, struct myl_part *parts, uint64_t at, uint32_t *align)
{
    for (uint32_t i = 0; i < node->count; i++) {
        const struct myl_node *field = parts[i].node;
        at = myl_align_up(at, field->archived_align);
        parts[i].archived_offset = capped(at);
        at += field->archived_size;
        if (field->archived_align > *align)
            *align = field->archived_align;
    }
    return at;
}

/* Fields that can be copied together, from each of them on. */
static void find_runs(const struct myl_node *node, struct myl_part *parts)
{
    for (uint32_t i = node->count; i-- > 0;) {
        struct myl_part *part = &parts[i], *next = part + 1;
        if (!part->node->plain)
            continue;
        part->run = part->node->size;
        part->run_parts = 1;
        if (i + 1 < node->count && next->run > 0 && next->offset == part->offset + part->run &&
            next->archived_offset == part->archived_offset + part->run) {
            part->run += next->run;
            part->run_parts += next->run_parts;
        }
    }
}

static void complete_struct(struct myl_node *node, struct myl_part *parts)
{
    uint64_t least_fixed = 0, least_varied = 0, least_packed = 1, size = 0;
    node->plain = node->plain_varied = node->any_bytes = node->flat = node->no_children = 1;
    node->archived_align = 1;
    /* The fields of a variant come after its tag. */
    uint64_t end = place_fields(node, parts, node->inline_fields, &node->archived_align);
    node->archived_size = capped(node->inline_fields ? end : myl_align_up(end, node->archived_align));
    for (uint32_t i = 0; i < node->count; i++) {
        const struct myl_node *field = parts[i].node;
        node->plain &= field->plain && parts[i].offset == parts[i].archived_offset;
        node->plain_varied &= field->plain_varied;
        node->any_bytes &= field->any_bytes;
        node->flat &= field->flat;
        node->no_children &= field->no_children;
        size += field->size;
        least_fixed += field->least_fixed;
        least_varied += field->least_varied;
        least_packed += field->kind != MYL_KIND_OPTION ? field->least_packed : 0;
    }
    node->plain &= size == node->size && node->archived_size == node->size;
    node->plain_varied &= node->plain;
    find_runs(node, parts);
    node->least_fixed = capped(least_fixed);
    node->least_varied = capped(least_varied);
    node->least_packed = capped(least_packed);
}

static void complete_union(struct myl_node *node, struct myl_part *parts)
{
    uint64_t size = 1;
    node->flat = node->no_children = 1;
    node->archived_align = 1;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct myl_node *content = parts[i].node;
        uint64_t offset = content->inline_fields ? 0 : myl_align_up(1, content->archived_align);
        parts[i].archived_offset = capped(offset);
        node->flat &= content->flat;
        node->no_children &= content->no_children;
        if (content->archived_align > node->archived_align)
            node->archived_align = content->archived_align;
        if (offset + content->archived_size > size)
            size = offset + content->archived_size;
    }
    node->archived_size = capped(myl_align_up(size, node->archived_align));
    node->least_fixed = 4;
    node->least_varied = 1;
    node->least_packed = 2;
}

static void complete(struct myl_node *node, struct myl_part *parts)
{
    switch (node->kind) {
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
    case MYL_KIND_VECTOR:
        complete_pointer(node, 8, 8);
        break;
    case MYL_KIND_BOX:
        complete_pointer(node, 4, 1);
        break;
    case MYL_KIND_UNIT:
        node->any_bytes = node->flat = node->no_children = 1;
        node->archived_align = 1;
        break;
    case MYL_KIND_ARRAY:
        complete_array(node);
        break;
    case MYL_KIND_OPTION:
        complete_option(node);
        break;
    case MYL_KIND_STRUCT:
        complete_struct(node, parts);
        break;
    case MYL_KIND_UNION:
        complete_union(node, parts);
        break;
    default:
        complete_scalar(node);
        break;
    }
}

/* --- all of them -------------------------------------------------------------------------------------------- */

static void fill_node(struct myl_node *node, struct myl_part *parts, const myl_type *type,
                      const struct myl_type_list *list, const struct myl_node *nodes)
{
    *node = (struct myl_node){.kind = (uint8_t)type->kind,
                              .inline_fields = type->flags == MYL_TYPE_INLINE,
                              .fixed = type->flags == MYL_TYPE_FIXED,
                              .size = (uint32_t)type->size,
                              .align = (uint32_t)type->align,
                              .offset = (uint32_t)type->offset,
                              .count = (uint32_t)type->count,
                              .name = type->name,
                              .parts = type->fields != NULL ? parts : NULL};
    if (type->element != NULL)
        node->element = &nodes[myl_type_place(list, type->element)];
    for (uint32_t i = 0; type->fields != NULL && i < node->count; i++) {
        parts[i] = (struct myl_part){.node = &nodes[myl_type_place(list, type->fields[i].type)],
                                     .name = type->fields[i].name,
                                     .name_length = (uint8_t)strlen(type->fields[i].name),
                                     .offset = (uint32_t)type->fields[i].offset};
    }
}

/* Fills by_name. */
static void sort_names(const struct myl_node *node, struct myl_part *parts)
{
    for (uint32_t i = 0; i < node->count; i++) {
        uint32_t at = i;
        for (; at > 0 && strcmp(parts[parts[at - 1].by_name].name, parts[i].name) > 0; at--)
            parts[at].by_name = parts[at - 1].by_name;
        parts[at].by_name = (uint16_t)i;
    }
}

static int is_option_of_option(const struct myl_node *node)
{
    const struct myl_node *value = node->element;
    if (node->kind != MYL_KIND_OPTION)
        return 0;
    while (value->kind == MYL_KIND_BOX)
        value = value->element;
    return value->kind == MYL_KIND_OPTION;
}

/* --- tables of FlatBuffers ----------------------------------------------------------------------------------- */

/* What the field `part` stores in its table; a union stores two things. Returns how many. */
static uint32_t field_slots(const struct myl_node *node, uint16_t part, uint16_t entry, struct myl_slot slots[2])
{
    const struct myl_node *stored = myl_flat_stored(node);
    slots[0] = (struct myl_slot){.size = 4, .part = part, .entry = entry, .align = 4};
    if (stored->kind == MYL_KIND_UNION) {
        slots[0].entry = (uint16_t)(entry + 2);
        slots[1] = (struct myl_slot){.size = 1, .part = part, .entry = entry, .align = 1, .is_tag = 1};
        return 2;
    }
    if (myl_flat_is_inline(stored)) {
        slots[0].size = stored->archived_size;
        slots[0].align = (uint8_t)stored->archived_align;
    }
    return 1;
}

uint32_t myl_flat_slots(const struct myl_node *node, struct myl_slot slots[2])
{
    return node->kind != MYL_KIND_UNIT ? field_slots(node, 0, 4, slots) : 0;
}

/* Sorts the slots by their alignment: so nothing but the start of the table needs padding. */
static void plan_table(struct myl_node *node, struct myl_part *parts, struct myl_slot *slots)
{
    uint64_t size = 4;
    uint32_t entries = 0, count = 0;
    node->table_align = 4;
    for (uint32_t i = 0; i < node->count; i++) {
        struct myl_slot made[2];
        uint32_t n = field_slots(parts[i].node, (uint16_t)i, (uint16_t)(4 + 2 * entries), made);
        parts[i].entry = (uint16_t)(4 + 2 * entries);
        entries += n;
        node->options = (uint16_t)(node->options + (parts[i].node->bare->kind == MYL_KIND_OPTION));
        for (uint32_t k = 0; k < n; k++) {
            uint32_t at = count++;
            for (; at > 0 && slots[at - 1].align < made[k].align; at--)
                slots[at] = slots[at - 1];
            slots[at] = made[k];
            size += made[k].size;
            if (made[k].align > node->table_align)
                node->table_align = made[k].align;
        }
    }
    node->slots = slots;
    node->slots_count = (uint16_t)count;
    node->entries = (uint16_t)entries;
    node->table_size = capped(size);
}

static void plan_tables(struct myl_node *nodes, size_t count, struct myl_part *parts, struct myl_slot *slots)
{
    for (size_t i = 0; i < count; i++) {
        nodes[i].bare = &nodes[i];
        while (nodes[i].bare->kind == MYL_KIND_BOX)
            nodes[i].bare = nodes[i].bare->element;
    }
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].kind != MYL_KIND_STRUCT)
            continue;
        plan_table(&nodes[i], parts + (nodes[i].parts - parts), slots);
        slots += nodes[i].slots_count;
    }
}

static size_t parts_of(const myl_type *type)
{
    return type->fields != NULL ? type->count : 0;
}

static void build(const struct myl_type_list *list, struct myl_node *nodes, struct myl_part *parts)
{
    for (size_t k = 0; k < list->count; k++) {
        size_t i = list->order[k];
        fill_node(&nodes[i], parts, list->types[i], list, nodes);
        complete(&nodes[i], parts);
        if (nodes[i].parts != NULL)
            sort_names(&nodes[i], parts);
        parts += parts_of(list->types[i]);
    }
}

int myl_schema_open(myl_schema **schema, const myl_type *type)
{
    MYL_I_NOT_NULL(schema);
    MYL_I_NOT_NULL(type);
    return myl_schema_make(schema, type, NULL);
}

int myl_schema_make(myl_schema **schema, const myl_type *type, void *owned)
{
    struct myl_type_list list;
    *schema = NULL;
    int rc = myl_type_collect(type, &list);
    if (rc != MYL_OK)
        return rc;
    size_t parts = 0;
    for (size_t i = 0; i < list.count; i++)
        parts += parts_of(list.types[i]);
    uint64_t hash[2];
    size_t room[2];
    for (int form = 0; form < 2; form++)
        room[form] = myl_type_print(type, (enum myl_text_form)form, NULL, 0, &hash[form]) + 1;
    size_t bytes = sizeof(myl_schema) + list.count * sizeof(struct myl_node) +
                   parts * (sizeof(struct myl_part) + 2 * sizeof(struct myl_slot)) + room[0] + room[1];
    myl_schema *made = calloc(1, bytes);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a schema of %zu bytes", bytes);
    struct myl_node *nodes = (struct myl_node *)(made + 1);
    struct myl_part *first = (struct myl_part *)(nodes + list.count);
    made->type = type;
    made->owned = owned;
    made->root = &nodes[0];
    struct myl_slot *slots = (struct myl_slot *)(first + parts);
    made->text[0] = (char *)(slots + 2 * parts);
    made->text[1] = made->text[0] + room[0];
    for (int form = 0; form < 2; form++)
        (void)myl_type_print(type, (enum myl_text_form)form, made->text[form], room[form], &made->hash[form]);
    build(&list, nodes, first);
    plan_tables(nodes, list.count, first, slots);
    made->nodes = (uint32_t)list.count;
    for (size_t i = 0; i < list.count; i++)
        made->nested_option |= is_option_of_option(&nodes[i]);
    *schema = made;
    return MYL_OK;
}

void myl_schema_close(myl_schema *schema)
{
    if (schema != NULL)
        free(schema->owned);
    free(schema);
}

const myl_type *myl_schema_type(const myl_schema *schema)
{
    MYL_I_NOT_NULL(schema);
    return schema->type;
}

const char *myl_schema_text(const myl_schema *schema, enum myl_text_form form)
{
    MYL_I_NOT_NULL(schema);
    return form == MYL_TEXT_SCHEMA || form == MYL_TEXT_LAYOUT ? schema->text[form] : NULL;
}

uint64_t myl_schema_hash(const myl_schema *schema, enum myl_text_form form)
{
    MYL_I_NOT_NULL(schema);
    return form == MYL_TEXT_SCHEMA || form == MYL_TEXT_LAYOUT ? schema->hash[form] : 0;
}
