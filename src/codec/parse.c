/* SPDX-License-Identifier: MIT
 * Makes a type from its text. The text may be hostile: each count has a limit, and the type is checked as any other
 * descriptor. At the end the text of the type is compared with the given one, so the grammar here may be looser. */
#include "codec/schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/error.h"

#define SIZE_LIMIT ((uint64_t)INT32_MAX) /* bytes of a C object, and elements of an array */
#define SHOWN      40                    /* bytes of a line that a sentence shows */

enum state { STATE_NEW = 0, STATE_STARTED, STATE_DONE };

struct parser {
    const char *at, *end;
    unsigned line;           /* from 1 on */
    int is_layout;
    myl_type *types;         /* without the built-in ones */
    uint8_t *state;          /* of each: enum state of its layout */
    size_t count, room;
    myl_field *fields;       /* of all types, in the order of the text */
    size_t fields_used, fields_room;
    char *names;             /* each once, with a NUL */
};

static const myl_type *const builtins[] = {
    &myl_u8_type,  &myl_u16_type, &myl_u32_type, &myl_u64_type,  &myl_i8_type,   &myl_i16_type,    &myl_i32_type,
    &myl_i64_type, &myl_f32_type, &myl_f64_type, &myl_bool_type, &myl_char_type, &myl_string_type, &myl_bytes_type,
};

static int wrong(const struct parser *p, const char *format, ...) MYL_PRINTF(2, 3);
static int wrong(const struct parser *p, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return myl_fail(MYL_ESCHEMA, "line %u of the schema text: %s; docs/schema.md describes it", p->line, text);
}

/* --- pieces of a line --------------------------------------------------------------------------------------- */

static size_t left_of(const struct parser *p)
{
    return (size_t)(p->end - p->at);
}

static int accept(struct parser *p, const char *text)
{
    size_t length = strlen(text);
    if (left_of(p) < length || memcmp(p->at, text, length) != 0)
        return 0;
    p->at += length;
    return 1;
}

/* What is at this place, for a sentence: without control characters. */
static int expected(const struct parser *p, const char *what)
{
    char shown[SHOWN + 1];
    size_t n = 0;
    while (n < SHOWN && n < left_of(p) && p->at[n] >= ' ' && p->at[n] <= '~') {
        shown[n] = p->at[n];
        n++;
    }
    shown[n] = '\0';
    return wrong(p, "expected %s, found \"%s\"", what, shown);
}

static int expect(struct parser *p, const char *text, const char *what)
{
    return accept(p, text) ? MYL_OK : expected(p, what);
}

static int end_line(struct parser *p)
{
    int rc = expect(p, "\n", "the end of the line");
    p->line += rc == MYL_OK;
    return rc;
}

static int take_number(struct parser *p, uint64_t limit, size_t *number)
{
    const char *from = p->at;
    uint64_t n = 0;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        n = 10 * n + (uint64_t)(*p->at++ - '0');
        if (n > limit)
            return wrong(p, "a number is larger than %" PRIu64, limit);
    }
    *number = (size_t)n;
    return p->at > from ? MYL_OK : expected(p, "a number");
}

static int is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The check of the type refuses a name that starts with a digit. */
static int take_name(struct parser *p, char name[MYL_TYPE_NAME_MAX + 1])
{
    size_t n = 0;
    while (n < left_of(p) && is_name_byte(p->at[n])) {
        if (n == MYL_TYPE_NAME_MAX)
            return wrong(p, "a name is longer than %d bytes", MYL_TYPE_NAME_MAX);
        name[n] = p->at[n];
        n++;
    }
    name[n] = '\0';
    p->at += n;
    return n > 0 ? MYL_OK : expected(p, "a name");
}

/* Keeps a name as long as the schema. All of them fit: each is in the text, with a byte that is not of a name after
 * it. */
static const char *keep_name(struct parser *p, const char *name)
{
    char *kept = p->names;
    size_t bytes = strlen(name) + 1;
    memcpy(kept, name, bytes);
    p->names += bytes;
    return kept;
}

/* --- expressions -------------------------------------------------------------------------------------------- */

/* NULL: there are too many types, which is reported. */
static myl_type *add(struct parser *p)
{
    if (p->count < p->room)
        return &p->types[p->count++];
    (void)wrong(p, "it has more than %zu types", p->room);
    return NULL;
}

/* One descriptor for each type without a name: a text may mention it more often than MYL_TYPES_MAX. */
static int unnamed(struct parser *p, uint32_t kind, const myl_type *element, size_t count, const myl_type **type)
{
    for (size_t i = 0; i < p->count; i++) {
        myl_type *known = &p->types[i];
        if (known->kind == kind && known->element == element && known->count == count) {
            *type = known;
            return MYL_OK;
        }
    }
    myl_type *made = add(p);
    if (made == NULL)
        return MYL_ESCHEMA;
    made->kind = kind;
    made->element = element;
    made->count = count;
    *type = made;
    return MYL_OK;
}

/* The type of that name; new: without a kind until it is defined. */
static int named(struct parser *p, const char *name, myl_type **type)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->types[i].name != NULL && strcmp(p->types[i].name, name) == 0) {
            *type = &p->types[i];
            return MYL_OK;
        }
    }
    myl_type *made = add(p);
    if (made == NULL)
        return MYL_ESCHEMA;
    made->name = keep_name(p, name);
    *type = made;
    return MYL_OK;
}

static int expression(struct parser *p, unsigned depth, const myl_type **type);

/* After "[". */
static int brackets(struct parser *p, unsigned depth, const myl_type **type)
{
    const myl_type *element;
    uint32_t kind = MYL_KIND_VECTOR;
    size_t count = 0;
    int rc = expression(p, depth + 1, &element);
    if (rc == MYL_OK && accept(p, "; ")) {
        kind = MYL_KIND_ARRAY;
        rc = take_number(p, SIZE_LIMIT, &count);
    }
    if (rc == MYL_OK)
        rc = expect(p, "]", "\"]\"");
    return rc == MYL_OK ? unnamed(p, kind, element, count, type) : rc;
}

/* After "option<" or "box<". */
static int angles(struct parser *p, unsigned depth, uint32_t kind, const myl_type **type)
{
    const myl_type *element;
    int rc = expression(p, depth + 1, &element);
    if (rc == MYL_OK)
        rc = expect(p, ">", "\">\"");
    return rc == MYL_OK ? unnamed(p, kind, element, 0, type) : rc;
}

static int expression(struct parser *p, unsigned depth, const myl_type **type)
{
    char name[MYL_TYPE_NAME_MAX + 1];
    myl_type *known;
    if (depth > MYL_ANONYMOUS_MAX)
        return wrong(p, "a type is nested deeper than %d levels", MYL_ANONYMOUS_MAX);
    if (accept(p, "["))
        return brackets(p, depth, type);
    if (accept(p, "option<"))
        return angles(p, depth, MYL_KIND_OPTION, type);
    if (accept(p, "box<"))
        return angles(p, depth, MYL_KIND_BOX, type);
    int rc = take_name(p, name);
    for (size_t i = 0; rc == MYL_OK && i < sizeof builtins / sizeof builtins[0]; i++) {
        if (strcmp(name, myl_kind_word(builtins[i]->kind)) == 0) {
            *type = builtins[i];
            return MYL_OK;
        }
    }
    if (rc == MYL_OK)
        rc = named(p, name, &known);
    if (rc == MYL_OK)
        *type = known;
    return rc;
}

/* --- lines -------------------------------------------------------------------------------------------------- */

/* " size BYTES align BYTES" of a layout text. `type` NULL: they follow from the type. */
static int take_size(struct parser *p, myl_type *type)
{
    size_t size, align;
    if (!p->is_layout)
        return MYL_OK;
    int rc = expect(p, " size ", "\" size \"");
    if (rc == MYL_OK)
        rc = take_number(p, SIZE_LIMIT, &size);
    if (rc == MYL_OK)
        rc = expect(p, " align ", "\" align \"");
    if (rc == MYL_OK)
        rc = take_number(p, MYL_ALIGN_MAX, &align);
    if (rc == MYL_OK && type != NULL) {
        type->size = size;
        type->align = align;
    }
    return rc;
}

static int take_field(struct parser *p, const myl_type *type)
{
    char name[MYL_TYPE_NAME_MAX + 1];
    if (p->fields_used == p->fields_room)
        return wrong(p, "it has more than %zu fields", p->fields_room);
    myl_field *field = &p->fields[p->fields_used++];
    int rc = take_name(p, name);
    if (rc != MYL_OK)
        return rc;
    field->name = keep_name(p, name);
    field->type = &myl_unit_type;
    if (accept(p, ": "))
        rc = expression(p, 1, &field->type);
    else if (type->kind != MYL_KIND_UNION)
        rc = expected(p, "\": \" and a type");
    if (rc == MYL_OK && p->is_layout) {
        rc = expect(p, " at ", "\" at \"");
        if (rc == MYL_OK)
            rc = take_number(p, SIZE_LIMIT, &field->offset);
    }
    return rc == MYL_OK ? end_line(p) : rc;
}

static int take_definition(struct parser *p)
{
    char name[MYL_TYPE_NAME_MAX + 1];
    uint32_t kind = MYL_KIND_STRUCT, flags = 0;
    if (accept(p, "union "))
        kind = MYL_KIND_UNION;
    else if (accept(p, "fields "))
        flags = MYL_TYPE_INLINE;
    else if (accept(p, "fixed "))
        flags = MYL_TYPE_FIXED;
    else if (!accept(p, "struct "))
        return expected(p, "\"struct \", \"union \", \"fields \" or \"fixed \"");
    myl_type *type;
    int rc = take_name(p, name);
    if (rc == MYL_OK)
        rc = named(p, name, &type);
    if (rc == MYL_OK && type->kind != 0)
        rc = wrong(p, "the type %s is defined again", name);
    if (rc != MYL_OK)
        return rc;
    type->kind = kind;
    type->flags = flags;
    type->fields = &p->fields[p->fields_used];
    rc = take_size(p, type);
    if (rc == MYL_OK)
        rc = end_line(p);
    while (rc == MYL_OK && accept(p, "  ")) {
        rc = take_field(p, type);
        type->count++;
    }
    return rc == MYL_OK && type->count == 0 ? wrong(p, "expected a field of %s, after two blanks", name) : rc;
}

/* --- layout ------------------------------------------------------------------------------------------------- */

static int too_large(const myl_type *type)
{
    return myl_fail(MYL_ESCHEMA, "the schema text has a %s %s of more than %" PRIu64 " bytes; use a vector",
                    myl_kind_word(type->kind), type->name != NULL ? type->name : "", SIZE_LIMIT);
}

/* As a C compiler lays out a structure, or the tag and the union of the MYL_UNION macro. */
static int place_fields(const struct parser *p, myl_type *type)
{
    myl_field *fields = p->fields + (type->fields - p->fields);
    int is_union = type->kind == MYL_KIND_UNION;
    uint64_t begin = is_union ? sizeof(uint32_t) : 0, end = 0;
    type->align = is_union ? _Alignof(uint32_t) : 1;
    for (size_t i = 0; i < type->count; i++) {
        if (fields[i].type->align > type->align)
            type->align = fields[i].type->align;
    }
    if (is_union)
        begin = myl_align_up(begin, type->align);
    end = begin;
    for (size_t i = 0; i < type->count; i++) {
        uint64_t at = is_union ? begin : myl_align_up(end, fields[i].type->align);
        fields[i].offset = (size_t)at;
        if (at + fields[i].type->size > end)
            end = at + fields[i].type->size;
        if (end > SIZE_LIMIT)
            return too_large(type);
    }
    type->size = (size_t)myl_align_up(end, type->align);
    return MYL_OK;
}

static int place(struct parser *p, const myl_type *described);

static int place_element(struct parser *p, myl_type *type)
{
    const myl_type *element = type->element;
    if (type->kind == MYL_KIND_VECTOR || type->kind == MYL_KIND_BOX) {
        type->size = type->kind == MYL_KIND_VECTOR ? sizeof(myl_bytes) : sizeof(void *);
        type->align = type->kind == MYL_KIND_VECTOR ? _Alignof(myl_bytes) : _Alignof(void *);
        return MYL_OK;
    }
    int rc = place(p, element);
    if (rc != MYL_OK)
        return rc;
    type->align = element->align;
    uint64_t size = (uint64_t)element->size * type->count;
    if (type->kind == MYL_KIND_OPTION) {
        type->offset = element->align > 0 ? element->align : 1;
        size = type->offset + element->size;
        size = element->align > 0 ? myl_align_up(size, element->align) : size;
    }
    type->size = (size_t)size;
    return size <= SIZE_LIMIT ? MYL_OK : too_large(type);
}

/* Computes size and alignment, those within it first. */
static int place(struct parser *p, const myl_type *described)
{
    if (described < p->types || described >= p->types + p->count)
        return MYL_OK; /* built in */
    size_t index = (size_t)(described - p->types);
    myl_type *type = &p->types[index];
    if (p->state[index] == STATE_DONE)
        return MYL_OK;
    if (p->state[index] == STATE_STARTED)
        return myl_fail(MYL_ESCHEMA, "the schema text has a %s %s that contains itself; use a box or a vector",
                        myl_kind_word(type->kind), type->name != NULL ? type->name : "");
    p->state[index] = STATE_STARTED;
    int rc = MYL_OK;
    if (!myl_kind_is_named(type->kind)) {
        rc = place_element(p, type);
    } else {
        for (size_t i = 0; rc == MYL_OK && i < type->count; i++)
            rc = place(p, type->fields[i].type);
        if (rc == MYL_OK && !p->is_layout)
            rc = place_fields(p, type);
    }
    p->state[index] = STATE_DONE;
    return rc;
}

static int place_all(struct parser *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->types[i].kind == 0)
            return myl_fail(MYL_ESCHEMA, "the schema text mentions the type %s and does not define it; define it",
                            p->types[i].name);
    }
    int rc = MYL_OK;
    for (size_t i = 0; rc == MYL_OK && i < p->count; i++)
        rc = place(p, &p->types[i]);
    return rc;
}

/* --- the whole text ----------------------------------------------------------------------------------------- */

static int take_all(struct parser *p, const myl_type **root)
{
    p->is_layout = accept(p, "layout 1");
    int rc = p->is_layout ? MYL_OK : expect(p, "schema 1", "\"schema 1\" or \"layout 1\"");
    if (rc == MYL_OK)
        rc = end_line(p);
    if (rc == MYL_OK)
        rc = expect(p, "root ", "\"root \"");
    if (rc == MYL_OK)
        rc = expression(p, 1, root);
    if (rc == MYL_OK)
        rc = take_size(p, NULL);
    if (rc == MYL_OK)
        rc = end_line(p);
    while (rc == MYL_OK && p->at < p->end)
        rc = take_definition(p);
    return rc == MYL_OK ? place_all(p) : rc;
}

/* The given text must be the one that the type has: only then its hash means the same type. */
static int check_canonical(const struct parser *p, const char *text, size_t length, const char *canonical)
{
    struct parser place = {.at = text, .end = text + length, .line = 1};
    size_t i = 0, line = 0;
    while (i < length && text[i] == canonical[i]) {
        if (text[i++] == '\n') {
            line = i;
            place.line++;
        }
    }
    if (i == length && canonical[i] == '\0')
        return MYL_OK;
    return wrong(&place, "the canonical text has \"%.*s\" here%s", (int)strcspn(canonical + line, "\n"),
                 canonical + line, p->is_layout ? ", if this machine lays out the type" : "");
}

/* Allocates what the text can need at most. */
static void *allocate(struct parser *p, size_t length)
{
    size_t lines = 0, brackets = 0;
    for (const char *at = p->at; at < p->end; at++) {
        lines += *at == '\n';
        brackets += *at == '[' || *at == '<';
    }
    p->fields_room = lines;
    p->room = 1 + lines + brackets;
    p->room = p->room < MYL_TYPES_MAX ? p->room : MYL_TYPES_MAX;
    char *memory = calloc(1, p->room * (sizeof *p->types + 1) + lines * sizeof *p->fields + length + 1);
    if (memory == NULL)
        return NULL;
    p->types = (myl_type *)(void *)memory;
    p->fields = (myl_field *)(void *)(p->types + p->room);
    p->state = (uint8_t *)(p->fields + lines);
    p->names = (char *)(p->state + p->room);
    return memory;
}

int myl_schema_parse(myl_schema **schema, const char *text, size_t length)
{
    MYL_I_NOT_NULL(schema);
    MYL_I_NOT_NULL(text);
    struct parser p = {.at = text, .end = text + length, .line = 1};
    const myl_type *root = NULL;
    *schema = NULL;
    if (length > MYL_SCHEMA_TEXT_MAX)
        return myl_fail(MYL_ESCHEMA, "a schema text has %zu bytes, at most %d are possible; use fewer types", length,
                        MYL_SCHEMA_TEXT_MAX);
    void *memory = allocate(&p, length);
    if (memory == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a type of %zu bytes of text", length);
    int rc = take_all(&p, &root);
    if (rc == MYL_OK)
        rc = myl_schema_make(schema, root, memory);
    if (rc != MYL_OK) {
        free(memory);
        return rc;
    }
    rc = check_canonical(&p, text, length, (*schema)->text[p.is_layout ? MYL_TEXT_LAYOUT : MYL_TEXT_SCHEMA]);
    if (rc != MYL_OK) {
        myl_schema_close(*schema);
        *schema = NULL;
    }
    return rc;
}
