/* SPDX-License-Identifier: MIT
 * The canonical text of a type, and its hash: docs/schema.md. */
#include "codec/type.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"

/* Words, names and numbers are put one by one: none is longer. */
#define PIECE_MAX (MYL_TYPE_NAME_MAX + 64)

/* Where the text goes: as much as fits is written; all of it is counted and hashed. */
struct sink {
    char *text;
    size_t room;
    size_t length;
    uint64_t hash;           /* FNV-1a, 64 bits */
};

/* The named types in the order in which the text mentions them first. */
struct mentioned {
    size_t count;
    const myl_type *types[MYL_TYPES_MAX];
};

static void put(struct sink *sink, const char *format, ...) MYL_PRINTF(2, 3);
static void put(struct sink *sink, const char *format, ...)
{
    char piece[PIECE_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    sink->hash = myl_fnv1a_add(sink->hash, piece, strlen(piece));
    for (int i = 0; i < n && piece[i] != '\0'; i++) {
        if (sink->length + 1 < sink->room) {
            sink->text[sink->length] = piece[i];
            sink->text[sink->length + 1] = '\0';
        }
        sink->length++;
    }
}

static void mention(struct mentioned *mentioned, const myl_type *type)
{
    for (size_t i = 0; i < mentioned->count; i++) {
        if (strcmp(mentioned->types[i]->name, type->name) == 0)
            return;
    }
    mentioned->types[mentioned->count++] = type;
}

/* Types without a name are checked to be at most MYL_ANONYMOUS_MAX levels deep. */
static void put_expression(struct sink *sink, struct mentioned *mentioned, const myl_type *type)
{
    char closing[MYL_ANONYMOUS_MAX + 2];
    size_t lengths[MYL_ANONYMOUS_MAX + 2];
    size_t levels = 0;
    for (; type->element != NULL; type = type->element) {
        if (type->kind == MYL_KIND_ARRAY || type->kind == MYL_KIND_VECTOR)
            put(sink, "[");
        else
            put(sink, "%s<", myl_kind_word(type->kind));
        lengths[levels] = type->kind == MYL_KIND_ARRAY ? type->count : 0;
        closing[levels++] = type->kind == MYL_KIND_OPTION || type->kind == MYL_KIND_BOX ? '>' : ']';
    }
    if (myl_kind_is_named(type->kind)) {
        mention(mentioned, type);
        put(sink, "%s", type->name);
    } else {
        put(sink, "%s", myl_kind_word(type->kind));
    }
    while (levels-- > 0) {
        if (lengths[levels] > 0)
            put(sink, "; %zu", lengths[levels]);
        put(sink, "%c", closing[levels]);
    }
}

static const char *definition_word(const myl_type *type)
{
    if (type->flags == MYL_TYPE_INLINE)
        return "fields";
    return type->flags == MYL_TYPE_FIXED ? "fixed" : myl_kind_word(type->kind);
}

static void put_definition(struct sink *sink, struct mentioned *mentioned, const myl_type *type, int layout)
{
    put(sink, "%s %s", definition_word(type), type->name);
    if (layout)
        put(sink, " size %zu align %zu", type->size, type->align);
    put(sink, "\n");
    for (size_t i = 0; i < type->count; i++) {
        const myl_field *field = &type->fields[i];
        put(sink, "  %s", field->name);
        if (field->type->kind != MYL_KIND_UNIT) {
            put(sink, ": ");
            put_expression(sink, mentioned, field->type);
        }
        if (layout)
            put(sink, " at %zu", field->offset);
        put(sink, "\n");
    }
}

size_t myl_type_print(const myl_type *root, enum myl_text_form form, char *text, size_t room, uint64_t *hash)
{
    struct sink sink = {text, room, 0, MYL_FNV1A_START};
    struct mentioned mentioned = {0};
    int layout = form == MYL_TEXT_LAYOUT;
    if (room > 0)
        text[0] = '\0';
    put(&sink, "%s 1\nroot ", layout ? "layout" : "schema");
    put_expression(&sink, &mentioned, root);
    if (layout)
        put(&sink, " size %zu align %zu", root->size, root->align);
    put(&sink, "\n");
    for (size_t i = 0; i < mentioned.count; i++)
        put_definition(&sink, &mentioned, mentioned.types[i], layout);
    *hash = sink.hash;
    return sink.length;
}

static int check_form(enum myl_text_form form)
{
    if (form != MYL_TEXT_SCHEMA && form != MYL_TEXT_LAYOUT)
        return myl_fail(MYL_EINVAL, "there is no form %d of a type's text; use MYL_TEXT_SCHEMA or MYL_TEXT_LAYOUT",
                        (int)form);
    return MYL_OK;
}

int myl_type_text(const myl_type *type, enum myl_text_form form, char *text, size_t room, size_t *length)
{
    MYL_I_NOT_NULL(type);
    MYL_I_NOT_NULL(length);
    int rc = check_form(form);
    if (rc == MYL_OK)
        rc = myl_type_check(type);
    if (rc != MYL_OK)
        return rc;
    uint64_t hash;
    *length = myl_type_print(type, form, text, room, &hash);
    if (room > 0 && *length >= room)
        return myl_fail(MYL_EBUFFER, "the text of the type has %zu bytes and a NUL, the buffer has %zu", *length, room);
    return MYL_OK;
}

int myl_type_hash(const myl_type *type, enum myl_text_form form, uint64_t *hash)
{
    MYL_I_NOT_NULL(type);
    MYL_I_NOT_NULL(hash);
    int rc = check_form(form);
    if (rc == MYL_OK)
        rc = myl_type_check(type);
    if (rc == MYL_OK)
        (void)myl_type_print(type, form, NULL, 0, hash);
    return rc;
}
