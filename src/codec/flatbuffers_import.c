/* SPDX-License-Identifier: MIT
 * Makes a schema from a binary schema of flatc (.bfbs), which is a FlatBuffer itself: it is decoded by the codec, as a
 * value of the types below. From it the canonical text is written, and the schema made from that. */
#include "codec/flatbuffers.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- reflection.fbs, as far as it is used: the fields that follow are skipped ---------------------------------- */

/* enum BaseType */
enum base_type {
    BASE_NONE = 0,
    BASE_TAG,
    BASE_BOOL,
    BASE_I8,
    BASE_U8,
    BASE_I16,
    BASE_U16,
    BASE_I32,
    BASE_U32,
    BASE_I64,
    BASE_U64,
    BASE_F32,
    BASE_F64,
    BASE_STRING,
    BASE_VECTOR,
    BASE_OBJECT,
    BASE_UNION,
    BASE_ARRAY,
};

static const char *const words[] = {
    [BASE_BOOL] = "bool", [BASE_I8] = "i8",   [BASE_U8] = "u8",   [BASE_I16] = "i16",
    [BASE_U16] = "u16",   [BASE_I32] = "i32", [BASE_U32] = "u32", [BASE_I64] = "i64",
    [BASE_U64] = "u64",   [BASE_F32] = "f32", [BASE_F64] = "f64", [BASE_STRING] = "string",
};
#define WORDS (sizeof words / sizeof words[0])

MYL_OPTION(flat_index, myl_i32);
#define FLAT_TYPE(FIELD, T)                                                                                            \
    FIELD(T, myl_i8, base) FIELD(T, myl_i8, element) FIELD(T, flat_index, index) FIELD(T, myl_u16, fixed_length)
MYL_STRUCT(flat_type, FLAT_TYPE);
MYL_OPTION(flat_type_option, flat_type);

#define FLAT_ATTRIBUTE(FIELD, T) FIELD(T, myl_string, key)
MYL_STRUCT(flat_attribute, FLAT_ATTRIBUTE);
MYL_VECTOR(flat_attributes, flat_attribute);
MYL_VECTOR(flat_lines, myl_string);

#define FLAT_FIELD(FIELD, T)                                                                                           \
    FIELD(T, myl_string, name)                                                                                         \
    FIELD(T, flat_type, type)                                                                                          \
    FIELD(T, myl_u16, id)                                                                                              \
    FIELD(T, myl_u16, offset)                                                                                          \
    FIELD(T, myl_i64, default_integer)                                                                                 \
    FIELD(T, myl_f64, default_real)                                                                                    \
    FIELD(T, myl_bool, deprecated)                                                                                     \
    FIELD(T, myl_bool, required)                                                                                       \
    FIELD(T, myl_bool, key)                                                                                            \
    FIELD(T, flat_attributes, attributes)                                                                              \
    FIELD(T, flat_lines, documentation)                                                                                \
    FIELD(T, myl_bool, optional)                                                                                       \
    FIELD(T, myl_u16, padding)                                                                                         \
    FIELD(T, myl_bool, offset64)
MYL_STRUCT(flat_field, FLAT_FIELD);
MYL_VECTOR(flat_fields, flat_field);

#define FLAT_OBJECT(FIELD, T)                                                                                          \
    FIELD(T, myl_string, name)                                                                                         \
    FIELD(T, flat_fields, fields)                                                                                      \
    FIELD(T, myl_bool, is_struct)                                                                                      \
    FIELD(T, myl_i32, minalign)                                                                                        \
    FIELD(T, myl_i32, bytesize)
MYL_STRUCT(flat_object, FLAT_OBJECT);
MYL_VECTOR(flat_objects, flat_object);
MYL_OPTION(flat_object_option, flat_object);

#define FLAT_VALUE(FIELD, T)                                                                                           \
    FIELD(T, myl_string, name)                                                                                         \
    FIELD(T, myl_i64, value)                                                                                           \
    FIELD(T, flat_object_option, object) /* deprecated */                                                              \
    FIELD(T, flat_type_option, type)
MYL_STRUCT(flat_value, FLAT_VALUE);
MYL_VECTOR(flat_values, flat_value);

#define FLAT_ENUM(FIELD, T) FIELD(T, myl_string, name) FIELD(T, flat_values, values) FIELD(T, myl_bool, is_union)
MYL_STRUCT(flat_enum, FLAT_ENUM);
MYL_VECTOR(flat_enums, flat_enum);

#define FLAT_SCHEMA(FIELD, T)                                                                                          \
    FIELD(T, flat_objects, objects)                                                                                    \
    FIELD(T, flat_enums, enums)                                                                                        \
    FIELD(T, myl_string, file_identifier)                                                                              \
    FIELD(T, myl_string, file_extension)                                                                               \
    FIELD(T, flat_object_option, root)
MYL_STRUCT(flat_schema, FLAT_SCHEMA);

/* --- the text -------------------------------------------------------------------------------------------------- */

/* A type that the text mentions: an object, or the union of an enum. */
struct mentioned {
    const flat_object *object;
    const flat_enum *choice;
};

struct import {
    const flat_schema *schema;
    char *text;
    size_t length;
    size_t count;
    struct mentioned mentioned[MYL_TYPES_MAX];
};

static int put(struct import *import, const char *format, ...) MYL_PRINTF(2, 3);
static int put(struct import *import, const char *format, ...)
{
    size_t left = MYL_SCHEMA_TEXT_MAX + 1 - import->length;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(import->text + import->length, left, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= left)
        return myl_fail(MYL_ESCHEMA, "the schema text of a binary schema has more than %d bytes; use fewer types",
                        MYL_SCHEMA_TEXT_MAX);
    import->length += (size_t)n;
    return MYL_OK;
}

/* A name without dots; the check of the text refuses other bytes. */
static int put_name(struct import *import, const myl_string *name)
{
    size_t from = import->length;
    if (name->length > MYL_TYPE_NAME_MAX)
        return myl_fail(MYL_ESCHEMA, "a binary schema has a name of %zu bytes, at most %d are possible", name->length,
                        MYL_TYPE_NAME_MAX);
    if (name->length == 0)
        return myl_fail(MYL_ESCHEMA, "a binary schema has a name that is empty");
    int rc = put(import, "%.*s", (int)name->length, name->data);
    for (size_t i = from; i < import->length; i++) {
        if (import->text[i] == '.')
            import->text[i] = '_';
    }
    return rc;
}

/* For "%.*s": no more than a sentence shows; a name that is missing is NULL. */
static int shown(const myl_string *name)
{
    return name->length < MYL_TYPE_NAME_MAX ? (int)name->length : MYL_TYPE_NAME_MAX;
}

static const char *text_of(const myl_string *name)
{
    return name->length > 0 ? name->data : "";
}

static int refuse(const myl_string *owner, const myl_string *field, const char *why)
{
    return myl_fail(MYL_ESCHEMA, "binary schema: %.*s.%.*s %s", shown(owner), text_of(owner), shown(field),
                    text_of(field), why);
}

/* Puts the name of a type, and its definition later. */
static int mention(struct import *import, const flat_object *object, const flat_enum *choice)
{
    size_t i = 0;
    while (i < import->count && (import->mentioned[i].object != object || import->mentioned[i].choice != choice))
        i++;
    if (i == MYL_TYPES_MAX)
        return myl_fail(MYL_ESCHEMA, "a binary schema has more than %d types", MYL_TYPES_MAX);
    if (i == import->count)
        import->mentioned[import->count++] = (struct mentioned){object, choice};
    return put_name(import, object != NULL ? &object->name : &choice->name);
}

static const flat_object *object_of(const struct import *import, const flat_type *type)
{
    const flat_objects *objects = &import->schema->objects;
    return type->index.some && type->index.value >= 0 && (size_t)type->index.value < objects->count
               ? &objects->items[type->index.value]
               : NULL;
}

static const flat_enum *union_of(const struct import *import, const flat_type *type)
{
    const flat_enums *enums = &import->schema->enums;
    return type->index.some && type->index.value >= 0 && (size_t)type->index.value < enums->count &&
                   enums->items[type->index.value].is_union
               ? &enums->items[type->index.value]
               : NULL;
}

/* A number, string, struct or table. Returns false if it is none of them. */
static bool put_single(struct import *import, const flat_type *type, int base, int *rc)
{
    const flat_object *object = object_of(import, type);
    if (base == BASE_OBJECT && object != NULL)
        *rc = mention(import, object, NULL);
    else if (base > BASE_TAG && base < (int)WORDS && words[base] != NULL)
        *rc = put(import, "%s", words[base]);
    else
        return false;
    return true;
}

/* The expression of a field of a table. */
static int put_expression(struct import *import, const flat_object *owner, const flat_field *field)
{
    const flat_type *type = &field->type;
    const flat_object *object = object_of(import, type);
    const flat_enum *choice = union_of(import, type);
    bool is_number = type->base > BASE_TAG && type->base < BASE_STRING, is_option = !field->required;
    bool is_table = type->base == BASE_OBJECT && object != NULL && !object->is_struct;
    int rc = MYL_OK;
    if (is_number && (field->default_integer != 0 || (field->default_real < 0 || field->default_real > 0)))
        return refuse(&owner->name, &field->name, "has a default that is not 0, which a type cannot express");
    if (is_number)
        is_option = field->optional;
    if (type->base == BASE_VECTOR || type->base == BASE_STRING)
        is_option = false;
    rc = put(import, "%s%s", is_option ? "option<" : "", is_option && is_table ? "box<" : "");
    if (rc != MYL_OK)
        return rc;
    if (type->base == BASE_UNION && choice != NULL) {
        rc = mention(import, NULL, choice);
    } else if (type->base == BASE_VECTOR && type->element == BASE_U8) {
        rc = put(import, "bytes");
    } else if (type->base == BASE_VECTOR) {
        rc = put(import, "[");
        if (rc == MYL_OK && !put_single(import, type, type->element, &rc))
            return refuse(&owner->name, &field->name, "is a vector of unions or of another unknown type");
        rc = rc == MYL_OK ? put(import, "]") : rc;
    } else if (!put_single(import, type, type->base, &rc)) {
        return refuse(&owner->name, &field->name, "has a type that this library does not know");
    }
    return rc == MYL_OK ? put(import, "%s%s", is_option && is_table ? ">" : "", is_option ? ">" : "") : rc;
}

static int put_fixed_expression(struct import *import, const flat_object *owner, const flat_field *field)
{
    const flat_type *type = &field->type;
    bool is_array = type->base == BASE_ARRAY;
    int rc = put(import, "%s", is_array ? "[" : "");
    if (rc == MYL_OK && !put_single(import, type, is_array ? type->element : type->base, &rc))
        return refuse(&owner->name, &field->name, "has a type that a struct cannot have");
    return rc == MYL_OK && is_array ? put(import, "; %u]", (unsigned)type->fixed_length) : rc;
}

/* The field with an id, after the tag of its union; NULL: there is none. */
static const flat_field *field_of(const flat_object *object, uint32_t id)
{
    for (size_t i = 0; i < object->fields.count; i++) {
        if (object->fields.items[i].id == id)
            return &object->fields.items[i];
    }
    return NULL;
}

static int put_object(struct import *import, const flat_object *object)
{
    int rc = put(import, "%s ", object->is_struct ? "fixed" : "struct");
    if (rc == MYL_OK)
        rc = put_name(import, &object->name);
    if (rc == MYL_OK)
        rc = put(import, "\n");
    if (object->fields.count > 2 * (size_t)MYL_FIELDS_MAX)
        return refuse(&object->name, &object->name, "has too many fields");
    for (uint32_t id = 0; rc == MYL_OK && id < object->fields.count; id++) {
        const flat_field *field = field_of(object, id);
        if (field == NULL)
            return refuse(&object->name, &object->name, "has fields whose ids do not follow each other");
        if (field->type.base == BASE_TAG && field->type.element == BASE_NONE)
            continue; /* of the union that follows */
        if (field->offset64)
            return refuse(&object->name, &field->name, "has an offset of 64 bits");
        rc = put(import, "  ");
        if (rc == MYL_OK)
            rc = put_name(import, &field->name);
        if (rc == MYL_OK)
            rc = put(import, ": ");
        if (rc == MYL_OK)
            rc =
                object->is_struct ? put_fixed_expression(import, object, field) : put_expression(import, object, field);
        if (rc == MYL_OK)
            rc = put(import, "\n");
    }
    return rc;
}

/* The content of a variant is a table, in a box: the table may have the union in it. */
static int put_variant(struct import *import, const flat_enum *choice, const flat_value *value)
{
    const flat_object *object = value->type.some ? object_of(import, &value->type.value) : NULL;
    if (object == NULL || value->type.value.base != BASE_OBJECT || object->is_struct)
        return refuse(&choice->name, &value->name, "is not a table");
    int rc = put(import, "  ");
    if (rc == MYL_OK)
        rc = put_name(import, &value->name);
    if (rc == MYL_OK && object->fields.count > 0) {
        rc = put(import, ": box<");
        rc = rc == MYL_OK ? mention(import, object, NULL) : rc;
        rc = rc == MYL_OK ? put(import, ">") : rc;
    }
    return rc == MYL_OK ? put(import, "\n") : rc;
}

static int put_union(struct import *import, const flat_enum *choice)
{
    int rc = put(import, "union ");
    if (rc == MYL_OK)
        rc = put_name(import, &choice->name);
    if (rc == MYL_OK)
        rc = put(import, "\n");
    for (size_t i = 0; rc == MYL_OK && i < choice->values.count; i++) {
        const flat_value *value = &choice->values.items[i];
        if (value->value != (int64_t)i)
            return refuse(&choice->name, &value->name, "has a tag that does not follow the one before");
        rc = i > 0 ? put_variant(import, choice, value) : MYL_OK; /* the first one is NONE */
    }
    return rc;
}

static int put_text(struct import *import)
{
    const flat_objects *objects = &import->schema->objects;
    const myl_string *name = &import->schema->root.value.name;
    const flat_object *root = NULL;
    for (size_t i = 0; import->schema->root.some && i < objects->count; i++) {
        const myl_string *other = &objects->items[i].name;
        if (name->length > 0 && other->length == name->length && memcmp(other->data, name->data, name->length) == 0)
            root = &objects->items[i];
    }
    if (root == NULL)
        return myl_fail(MYL_ESCHEMA, "a binary schema has no root table; add a root_type and run flatc again");
    int rc = put(import, "schema 1\nroot ");
    if (rc == MYL_OK)
        rc = mention(import, root, NULL);
    if (rc == MYL_OK)
        rc = put(import, "\n");
    for (size_t i = 0; rc == MYL_OK && i < import->count; i++) {
        const struct mentioned *type = &import->mentioned[i];
        rc = type->object != NULL ? put_object(import, type->object) : put_union(import, type->choice);
    }
    return rc;
}

/* --- the schema ------------------------------------------------------------------------------------------------ */

/* flatc aligns a struct with `force_align` in another way. */
static int check_structs(const struct import *import, const myl_schema *schema)
{
    for (size_t i = 0; i < import->count; i++) {
        const flat_object *object = import->mentioned[i].object;
        for (uint32_t k = 0; object != NULL && object->is_struct && k < schema->nodes; k++) {
            const struct myl_node *node = &schema->root[k];
            if (!node->fixed || strlen(node->name) != object->name.length)
                continue;
            bool is_this = true;
            for (size_t c = 0; c < object->name.length; c++)
                is_this = is_this && (node->name[c] == object->name.data[c] || object->name.data[c] == '.');
            if (is_this &&
                ((int64_t)node->archived_size != object->bytesize || (int64_t)node->archived_align != object->minalign))
                return myl_fail(MYL_ESCHEMA,
                                "binary schema: struct %s has %" PRId32 " bytes and alignment %" PRId32
                                ", expected %" PRIu32 " and %" PRIu32 "; remove its force_align",
                                node->name, object->bytesize, object->minalign, node->archived_size,
                                node->archived_align);
        }
    }
    return MYL_OK;
}

static int decode(const void *bytes, size_t length, myl_arena *arena, void **value)
{
    myl_schema *schema;
    int rc = myl_schema_open(&schema, &flat_schema_type);
    if (rc == MYL_OK) {
        rc = myl_decode(&myl_codec_flatbuffers, schema, bytes, length, arena, value);
        myl_schema_close(schema);
    }
    return rc;
}

static int convert(myl_schema **schema, const flat_schema *binary)
{
    struct import *import = calloc(1, sizeof *import + MYL_SCHEMA_TEXT_MAX + 1);
    if (import == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for the text of a binary schema");
    import->schema = binary;
    import->text = (char *)(import + 1);
    int rc = put_text(import);
    if (rc == MYL_OK)
        rc = myl_schema_parse(schema, import->text, import->length);
    if (rc == MYL_OK) {
        rc = check_structs(import, *schema);
        if (rc == MYL_OK)
            rc = myl_flat_check(*schema);
        if (rc != MYL_OK) {
            myl_schema_close(*schema);
            *schema = NULL;
        }
    }
    free(import);
    return rc;
}

int myl_flatbuffers_schema(myl_schema **schema, const void *bytes, size_t length)
{
    MYL_I_NOT_NULL(schema);
    MYL_I_NOT_NULL(bytes);
    myl_arena *arena;
    void *binary;
    *schema = NULL;
    int rc = myl_arena_open(&arena, (size_t)64 << 20);
    if (rc != MYL_OK)
        return rc;
    rc = decode(bytes, length, arena, &binary);
    if (rc == MYL_OK)
        rc = convert(schema, binary);
    myl_arena_close(arena);
    return rc;
}
