/* SPDX-License-Identifier: MIT
 * The schema of a type as flatc reads it (.fbs). The names of holders follow from what they hold. */
#include "codec/flatbuffers.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define NAME_ROOM (MYL_TYPE_NAME_MAX + 32 * (MYL_ANONYMOUS_MAX + 2))

/* Where the text goes: as much as fits is written, all of it is counted. */
struct sink {
    char *text;
    size_t room, length;
};

/* The word of a number in flatc. */
static const char *const words[] = {
    [MYL_KIND_U8] = "ubyte",    [MYL_KIND_U16] = "ushort",    [MYL_KIND_U32] = "uint",  [MYL_KIND_U64] = "ulong",
    [MYL_KIND_I8] = "byte",     [MYL_KIND_I16] = "short",     [MYL_KIND_I32] = "int",   [MYL_KIND_I64] = "long",
    [MYL_KIND_FLOAT] = "float", [MYL_KIND_DOUBLE] = "double", [MYL_KIND_BOOL] = "bool", [MYL_KIND_CHAR] = "uint",
};

static void put(struct sink *sink, const char *format, ...) MYL_PRINTF(2, 3);
static void put(struct sink *sink, const char *format, ...)
{
    va_list args;
    size_t left = sink->length < sink->room ? sink->room - sink->length : 0;
    va_start(args, format);
    int n = vsnprintf(left > 0 ? sink->text + sink->length : NULL, left, format, args);
    va_end(args);
    sink->length += n > 0 ? (size_t)n : 0;
}

/* Appends to a name; names are limited by the limits of a descriptor. */
static void add_word(char *name, const char *word)
{
    size_t length = strlen(name);
    (void)snprintf(name + length, NAME_ROOM - length, "%s", word);
}

/* "held_list_of_u32": the table that holds an `[u32]`. */
static void name_holder(const struct myl_node *node, char name[NAME_ROOM])
{
    char word[32];
    name[0] = '\0';
    add_word(name, "held_");
    for (; node->element != NULL; node = node->element) {
        if (node->kind == MYL_KIND_ARRAY)
            (void)snprintf(word, sizeof word, "array_%" PRIu32 "_of_", node->count);
        if (node->kind != MYL_KIND_BOX)
            add_word(name, node->kind == MYL_KIND_ARRAY    ? word
                           : node->kind == MYL_KIND_VECTOR ? "list_of_"
                                                           : "option_of_");
    }
    add_word(name, node->name != NULL ? node->name : myl_kind_word(node->kind));
}

/* What an element of a vector is, or a field of a fixed struct. */
static void put_element(struct sink *sink, const struct myl_node *element)
{
    char name[NAME_ROOM];
    const struct myl_node *bare = element->bare;
    if (myl_flat_is_held(element)) {
        name_holder(element, name);
        put(sink, "%s", name);
    } else {
        put(sink, "%s", bare->name != NULL ? bare->name : bare->kind == MYL_KIND_STRING ? "string" : words[bare->kind]);
    }
}

static void put_field_type(struct sink *sink, const struct myl_node *node)
{
    const struct myl_node *stored = myl_flat_stored(node);
    bool is_option = node->bare->kind == MYL_KIND_OPTION, must_be = false;
    char name[NAME_ROOM];
    switch (stored->kind) {
    case MYL_KIND_BYTES:
        put(sink, "[ubyte]");
        break;
    case MYL_KIND_VECTOR:
    case MYL_KIND_ARRAY:
        put(sink, "[");
        put_element(sink, stored->element);
        put(sink, "]");
        must_be = stored->kind == MYL_KIND_ARRAY;
        break;
    case MYL_KIND_OPTION:
        name_holder(stored, name);
        put(sink, "%s", name);
        break;
    case MYL_KIND_UNION:
        put(sink, "%s", stored->name);
        must_be = true;
        break;
    default:
        put_element(sink, stored);
        must_be = stored->kind == MYL_KIND_STRUCT;
        if (is_option && stored->kind <= MYL_KIND_CHAR)
            put(sink, " = null");
        break;
    }
    put(sink, "%s", must_be && !is_option ? " (required)" : "");
}

static void put_struct(struct sink *sink, const struct myl_node *node)
{
    put(sink, "%s %s {\n", node->fixed ? "struct" : "table", node->name);
    for (uint32_t i = 0; i < node->count; i++) {
        const struct myl_node *field = node->parts[i].node;
        put(sink, "  %s:", node->parts[i].name);
        if (!node->fixed) {
            put_field_type(sink, field);
        } else if (field->kind == MYL_KIND_ARRAY) {
            put(sink, "[");
            put_element(sink, field->element);
            put(sink, ":%" PRIu32 "]", field->count);
        } else {
            put_element(sink, field);
        }
        put(sink, ";\n");
    }
    put(sink, "}\n");
}

static void put_union(struct sink *sink, const struct myl_node *node)
{
    char name[NAME_ROOM];
    put(sink, "union %s {\n", node->name);
    for (uint32_t i = 0; i < node->count; i++) {
        const struct myl_node *content = node->parts[i].node;
        name_holder(content, name);
        put(sink, "  %s:%s,\n", node->parts[i].name, myl_flat_is_table(content->bare) ? content->bare->name : name);
    }
    put(sink, "}\n");
}

/* --- holders: each once -------------------------------------------------------------------------------------- */

/* Is the node in a holder somewhere: as an element, the content of a union, the value of an option, or the root? */
static bool is_holder_of(const struct myl_schema *schema, const struct myl_node *node)
{
    if (node == schema->root && !myl_flat_is_table(node->bare))
        return true;
    for (uint32_t i = 0; i < schema->nodes; i++) {
        const struct myl_node *other = &schema->root[i];
        bool has_elements = other->kind == MYL_KIND_VECTOR || other->kind == MYL_KIND_ARRAY;
        if (has_elements && other->element == node && myl_flat_is_held(node))
            return true;
        if (other->kind == MYL_KIND_OPTION && other->element->bare == node && node->kind == MYL_KIND_OPTION)
            return true;
        for (uint32_t k = 0; other->kind == MYL_KIND_UNION && k < other->count; k++) {
            if (other->parts[k].node == node && !myl_flat_is_table(node->bare))
                return true;
        }
    }
    return false;
}

static void put_holders(struct sink *sink, const struct myl_schema *schema)
{
    char name[NAME_ROOM], other[NAME_ROOM];
    for (uint32_t i = 0; i < schema->nodes; i++) {
        const struct myl_node *node = &schema->root[i];
        bool is_new = is_holder_of(schema, node);
        name_holder(node, name);
        for (uint32_t k = 0; is_new && k < i; k++) {
            if (!is_holder_of(schema, &schema->root[k]))
                continue;
            name_holder(&schema->root[k], other);
            is_new = strcmp(name, other) != 0;
        }
        if (!is_new)
            continue;
        put(sink, "table %s {\n", name);
        if (node->kind != MYL_KIND_UNIT) {
            put(sink, "  value:");
            put_field_type(sink, node);
            put(sink, ";\n");
        }
        put(sink, "}\n");
    }
}

/* --- the whole ----------------------------------------------------------------------------------------------- */

/* Returns 1 for the first type of a name: two descriptors may be of one type. */
static bool is_first(const struct myl_schema *schema, const struct myl_node *node)
{
    for (const struct myl_node *other = schema->root; other < node; other++) {
        if (other->name != NULL && strcmp(other->name, node->name) == 0)
            return false;
    }
    return true;
}

/* flatc wants a struct after those within it, and a union before the tables that have it. */
static void put_definitions(struct sink *sink, const struct myl_schema *schema, const struct myl_type_list *list)
{
    for (unsigned pass = 0; pass < 3; pass++) {
        for (size_t k = 0; k < list->count; k++) {
            const struct myl_node *node = &schema->root[list->order[k]];
            unsigned own_pass = node->fixed ? 0 : node->kind == MYL_KIND_UNION ? 1 : 2;
            if (node->name == NULL || own_pass != pass || !is_first(schema, node))
                continue;
            if (node->kind == MYL_KIND_UNION)
                put_union(sink, node);
            else
                put_struct(sink, node);
        }
    }
}

int myl_flatbuffers_text(const myl_schema *schema, char *text, size_t room, size_t *length)
{
    MYL_I_NOT_NULL(schema);
    MYL_I_NOT_NULL(length);
    struct sink sink = {text, room, 0};
    struct myl_type_list list;
    char name[NAME_ROOM];
    int rc = myl_flat_check(schema);
    if (rc == MYL_OK) /* again, for its order */
        rc = myl_type_collect(schema->type, &list);
    if (rc != MYL_OK)
        return rc;
    put_definitions(&sink, schema, &list);
    put_holders(&sink, schema);
    name_holder(schema->root, name);
    put(&sink, "root_type %s;\n", myl_flat_is_table(schema->root->bare) ? schema->root->bare->name : name);
    *length = sink.length;
    if (room > 0 && sink.length >= room)
        return myl_fail(MYL_EBUFFER, "the FlatBuffers schema has %zu bytes and a NUL, the buffer has %zu", sink.length,
                        room);
    return MYL_OK;
}
