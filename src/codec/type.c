/* SPDX-License-Identifier: MIT
 * Checks descriptors. Nothing of a descriptor is used before it is checked; no recursion, whatever it contains. */
#include "codec/type.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define SIZE_MAX_OF_TYPE ((size_t)INT32_MAX)

static const char *const words[] = {
#define MYL_X(name, value, word) [value] = word,
    MYL_KIND_LIST(MYL_X)
#undef MYL_X
};

static const myl_type *const builtins[] = {
    &myl_u8_type,   &myl_u16_type,  &myl_u32_type,    &myl_u64_type,   &myl_i8_type,
    &myl_i16_type,  &myl_i32_type,  &myl_i64_type,    &myl_f32_type,   &myl_f64_type,
    &myl_bool_type, &myl_char_type, &myl_string_type, &myl_bytes_type, &myl_unit_type,
};

const char *myl_kind_word(uint32_t kind)
{
    return kind < sizeof words / sizeof words[0] ? words[kind] : NULL;
}

int myl_kind_is_named(uint32_t kind)
{
    return kind == MYL_KIND_STRUCT || kind == MYL_KIND_UNION;
}

static const myl_type *builtin_of(uint32_t kind)
{
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++) {
        if (builtins[i]->kind == kind)
            return builtins[i];
    }
    return NULL;
}

size_t myl_type_place(const struct myl_type_list *list, const myl_type *type)
{
    size_t i = 0;
    while (i < list->count && list->types[i] != type)
        i++;
    return i;
}

/* --- one descriptor by itself ------------------------------------------------------------------------------- */

/* "struct order" or "vector", for sentences. */
#define LABEL_MAX (MYL_TYPE_NAME_MAX + 16)
static const char *label_of(const myl_type *type, char label[LABEL_MAX])
{
    const char *word = myl_kind_word(type->kind);
    if (myl_kind_is_named(type->kind) && type->name != NULL)
        (void)snprintf(label, LABEL_MAX, "%s %.*s", word, MYL_TYPE_NAME_MAX, type->name);
    else
        (void)snprintf(label, LABEL_MAX, "%s", word != NULL ? word : "a type of unknown kind");
    return label;
}

/* A letter or '_', then letters, digits and '_'. */
static int name_is_good(const char *name)
{
    size_t length = strnlen(name, MYL_TYPE_NAME_MAX + 1);
    if (length == 0 || length > MYL_TYPE_NAME_MAX || (name[0] >= '0' && name[0] <= '9'))
        return 0;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
            return 0;
    }
    return 1;
}

static int check_name(const myl_type *type)
{
    if (type->name == NULL || !name_is_good(type->name))
        return myl_fail(
            MYL_ESCHEMA,
            "a %s has the name \"%.*s\": a name is 1 to %d letters, digits and '_', and starts with no digit",
            myl_kind_word(type->kind), MYL_TYPE_NAME_MAX, type->name == NULL ? "" : type->name, MYL_TYPE_NAME_MAX);
    for (uint32_t kind = MYL_KIND_U8; kind <= MYL_KIND_UNION; kind++) {
        if (strcmp(type->name, words[kind]) == 0)
            return myl_fail(MYL_ESCHEMA, "a %s has the name \"%s\", a word of the schema text; choose another name",
                            myl_kind_word(type->kind), type->name);
    }
    return MYL_OK;
}

/* What the descriptor has and its kind does not; NULL: nothing. */
static const char *surplus_of(const myl_type *type)
{
    int is_named = myl_kind_is_named(type->kind);
    if (type->name != NULL && !is_named)
        return "a name";
    if (type->element != NULL && !(type->kind >= MYL_KIND_ARRAY && type->kind <= MYL_KIND_BOX))
        return "an element type";
    if (type->fields != NULL && !is_named)
        return "fields";
    if (type->count != 0 && !is_named && type->kind != MYL_KIND_ARRAY)
        return "a count";
    return type->offset != 0 && type->kind != MYL_KIND_OPTION ? "an offset" : NULL;
}

/* What holds for every kind. */
static int check_common(const myl_type *type)
{
    char label[LABEL_MAX];
    const char *word = myl_kind_word(type->kind);
    if (word == NULL)
        return myl_fail(MYL_ESCHEMA, "a type has the kind %" PRIu32 ", which this library does not know", type->kind);
    if (type->flags != 0 && !(type->kind == MYL_KIND_STRUCT && type->flags <= MYL_TYPE_FIXED))
        return myl_fail(MYL_ESCHEMA,
                        "%s has the flags %" PRIu32 "; only a struct may have MYL_TYPE_INLINE or MYL_TYPE_FIXED",
                        label_of(type, label), type->flags);
    if (type->align == 0 || type->align > MYL_ALIGN_MAX || (type->align & (type->align - 1)) != 0 || type->size == 0 ||
        type->size > SIZE_MAX_OF_TYPE || type->size % type->align != 0)
        return myl_fail(MYL_ESCHEMA,
                        "%s has size %zu and alignment %zu; use sizeof and _Alignof its C type (at most %zu and %d)",
                        label_of(type, label), type->size, type->align, SIZE_MAX_OF_TYPE, MYL_ALIGN_MAX);
    const char *surplus = surplus_of(type);
    if (surplus != NULL)
        return myl_fail(MYL_ESCHEMA, "%s has %s, which its kind does not have; use the MYL_ macros",
                        label_of(type, label), surplus);
    return MYL_OK;
}

static int check_builtin(const myl_type *type, const myl_type *builtin)
{
    if (type->size != builtin->size || type->align != builtin->align)
        return myl_fail(MYL_ESCHEMA, "%s has size %zu and alignment %zu, its C type has %zu and %zu", words[type->kind],
                        type->size, type->align, builtin->size, builtin->align);
    return MYL_OK;
}

/* --- what has elements -------------------------------------------------------------------------------------- */

static int check_size(const myl_type *type, size_t size, size_t align)
{
    char label[LABEL_MAX];
    if (type->size != size || type->align != align)
        return myl_fail(MYL_ESCHEMA, "%s has size %zu and alignment %zu, expected %zu and %zu; use the MYL_ macros",
                        label_of(type, label), type->size, type->align, size, align);
    return MYL_OK;
}

/* The value's own descriptor may not be checked yet; an alignment of 0 is reported with it. */
static int check_option(const myl_type *type)
{
    const myl_type *value = type->element;
    if (type->offset < 1 || type->offset > type->size || value->size > type->size - type->offset ||
        (value->align != 0 && type->offset % value->align != 0) || type->align < value->align)
        return myl_fail(MYL_ESCHEMA, "an option of %zu bytes has its value of %zu at offset %zu; use MYL_OPTION",
                        type->size, value->size, type->offset);
    return MYL_OK;
}

static int check_element(const myl_type *type)
{
    char label[LABEL_MAX];
    const myl_type *element = type->element;
    if (element == NULL)
        return myl_fail(MYL_ESCHEMA, "%s has no element type", label_of(type, label));
    if (element->kind == MYL_KIND_UNIT || (element->kind == MYL_KIND_STRUCT && element->flags == MYL_TYPE_INLINE))
        return myl_fail(MYL_ESCHEMA, "%s has elements that only a variant of a union can have; use MYL_STRUCT",
                        label_of(type, label));
    const myl_type *end = element;
    for (unsigned levels = 1; end != NULL && !myl_kind_is_named(end->kind); levels++) {
        if (levels > MYL_ANONYMOUS_MAX)
            return myl_fail(MYL_ESCHEMA, "%s is nested deeper than %d levels without a struct; declare a struct",
                            label_of(type, label), MYL_ANONYMOUS_MAX);
        end = end->element;
    }
    switch (type->kind) {
    case MYL_KIND_ARRAY:
        if (type->count == 0 || type->size / type->count != element->size || type->size % type->count != 0 ||
            type->align != element->align)
            return myl_fail(MYL_ESCHEMA, "an array of %zu elements of %zu bytes has size %zu; use MYL_ARRAY",
                            type->count, element->size, type->size);
        return MYL_OK;
    case MYL_KIND_OPTION:
        return check_option(type);
    case MYL_KIND_VECTOR:
        return check_size(type, sizeof(myl_bytes), _Alignof(myl_bytes));
    default:
        return check_size(type, sizeof(void *), _Alignof(void *));
    }
}

/* --- what has fields ---------------------------------------------------------------------------------------- */

/* A number, bool or char, or a structure of them. */
static bool is_fixed(const myl_type *type)
{
    return (type->kind >= MYL_KIND_U8 && type->kind <= MYL_KIND_CHAR) ||
           (type->kind == MYL_KIND_STRUCT && type->flags == MYL_TYPE_FIXED);
}

/* A field of a MYL_FIXED structure. */
static int check_fixed(const myl_type *type, const myl_field *field)
{
    char label[LABEL_MAX];
    const myl_type *inner = field->type, *element = inner->kind == MYL_KIND_ARRAY ? inner->element : inner;
    if (element == NULL || !is_fixed(element))
        return myl_fail(MYL_ESCHEMA,
                        "%s: field %s is not of fixed size; a MYL_FIXED structure has numbers, bools, chars, "
                        "MYL_FIXED structures and arrays of them: use MYL_STRUCT",
                        label_of(type, label), field->name);
    if (element != inner && inner->count > MYL_FIXED_ITEMS_MAX)
        return myl_fail(MYL_ESCHEMA,
                        "%s: field %s has %zu elements, an array in a MYL_FIXED structure has at most %d: use "
                        "MYL_STRUCT",
                        label_of(type, label), field->name, inner->count, MYL_FIXED_ITEMS_MAX);
    return MYL_OK;
}

/* Field `i`, whose C object must start at `from` or after it. */
static int check_field(const myl_type *type, size_t i, size_t from)
{
    char label[LABEL_MAX];
    const myl_field *field = &type->fields[i];
    const char *member = type->kind == MYL_KIND_UNION ? "variant" : "field";
    if (field->name == NULL || !name_is_good(field->name))
        return myl_fail(MYL_ESCHEMA, "%s: %s %zu has the name \"%.*s\": a name is 1 to %d letters, digits and '_'",
                        label_of(type, label), member, i, MYL_TYPE_NAME_MAX, field->name == NULL ? "" : field->name,
                        MYL_TYPE_NAME_MAX);
    for (size_t k = 0; k < i; k++) {
        if (strcmp(type->fields[k].name, field->name) == 0)
            return myl_fail(MYL_ESCHEMA, "%s: two of its %ss have the name \"%s\"", label_of(type, label), member,
                            field->name);
    }
    const myl_type *inner = field->type;
    if (inner == NULL)
        return myl_fail(MYL_ESCHEMA, "%s: %s %s has no type", label_of(type, label), member, field->name);
    if (type->kind == MYL_KIND_STRUCT &&
        (inner->kind == MYL_KIND_UNIT || (inner->kind == MYL_KIND_STRUCT && inner->flags == MYL_TYPE_INLINE)))
        return myl_fail(MYL_ESCHEMA, "%s: field %s has a type that only a variant of a union can have; use MYL_STRUCT",
                        label_of(type, label), field->name);
    if (inner->align == 0 || field->offset < from || field->offset > type->size ||
        inner->size > type->size - field->offset || field->offset % inner->align != 0 || type->align < inner->align)
        return myl_fail(
            MYL_ESCHEMA,
            "%s: %s %s of %zu bytes, alignment %zu, is at offset %zu of %zu; list the members in their order, "
            "each with its own type",
            label_of(type, label), member, field->name, inner->size, inner->align, field->offset, type->size);
    return type->flags == MYL_TYPE_FIXED ? check_fixed(type, field) : MYL_OK;
}

static int check_fields(const myl_type *type)
{
    char label[LABEL_MAX];
    int is_union = type->kind == MYL_KIND_UNION;
    size_t most = is_union ? MYL_VARIANTS_MAX : MYL_FIELDS_MAX;
    int rc = check_name(type);
    if (rc != MYL_OK)
        return rc;
    if (type->fields == NULL || type->count == 0 || type->count > most)
        return myl_fail(MYL_ESCHEMA, "%s has %zu %s; 1 to %zu are possible", label_of(type, label), type->count,
                        is_union ? "variants" : "fields", most);
    if (is_union && type->align < _Alignof(uint32_t))
        return myl_fail(MYL_ESCHEMA, "%s has alignment %zu, but starts with a tag of 4 bytes; use MYL_UNION",
                        label_of(type, label), type->align);
    size_t from = is_union ? sizeof(uint32_t) : 0;
    for (size_t i = 0; rc == MYL_OK && i < type->count; i++) {
        rc = check_field(type, i, from);
        if (rc == MYL_OK && !is_union)
            from = type->fields[i].offset + type->fields[i].type->size;
    }
    return rc;
}

static int check_one(const myl_type *type)
{
    int rc = check_common(type);
    if (rc != MYL_OK)
        return rc;
    const myl_type *builtin = builtin_of(type->kind);
    if (builtin != NULL)
        return check_builtin(type, builtin);
    return myl_kind_is_named(type->kind) ? check_fields(type) : check_element(type);
}

/* --- all of them -------------------------------------------------------------------------------------------- */

static int add(struct myl_type_list *list, const myl_type *type)
{
    if (myl_type_place(list, type) < list->count)
        return MYL_OK;
    if (list->count == MYL_TYPES_MAX)
        return myl_fail(MYL_ESCHEMA, "a type reaches more than %d types", MYL_TYPES_MAX);
    list->types[list->count++] = type;
    return MYL_OK;
}

/* Types without a name are the same if their words and elements are; others if their names are. */
static int same_expression(const myl_type *a, const myl_type *b)
{
    while (a->kind == b->kind && a->size == b->size && !myl_kind_is_named(a->kind) && a->element != NULL &&
           a->count == b->count) {
        a = a->element;
        b = b->element;
    }
    if (a->kind != b->kind || a->size != b->size || a->count != b->count)
        return 0;
    return !myl_kind_is_named(a->kind) || strcmp(a->name, b->name) == 0;
}

static int same_definition(const myl_type *a, const myl_type *b)
{
    if (a->kind != b->kind || a->flags != b->flags || a->count != b->count || a->size != b->size)
        return 0;
    for (size_t i = 0; i < a->count; i++) {
        const myl_field *one = &a->fields[i], *other = &b->fields[i];
        if (one->offset != other->offset || strcmp(one->name, other->name) != 0 ||
            !same_expression(one->type, other->type))
            return 0;
    }
    return 1;
}

/* Two descriptors of one type are possible, as two source files have; two types of one name are not. */
static int check_definitions(const struct myl_type_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const myl_type *type = list->types[i];
        for (size_t k = 0; myl_kind_is_named(type->kind) && k < i; k++) {
            const myl_type *other = list->types[k];
            if (myl_kind_is_named(other->kind) && strcmp(type->name, other->name) == 0 && !same_definition(type, other))
                return myl_fail(MYL_ESCHEMA, "there are two types of the name \"%s\"; rename one", type->name);
        }
    }
    return MYL_OK;
}

/* Are all types known that lie within `type` itself? */
static int parts_are_known(const struct myl_type_list *list, const myl_type *type, const uint8_t *known)
{
    if (type->kind == MYL_KIND_ARRAY || type->kind == MYL_KIND_OPTION)
        return known[myl_type_place(list, type->element)];
    for (size_t i = 0; type->fields != NULL && i < type->count; i++) {
        if (!known[myl_type_place(list, type->fields[i].type)])
            return 0;
    }
    return 1;
}

/* Orders the types so that each comes after those that lie within it. A type that lies within itself is left over: no C
 * type does. */
static int put_in_order(struct myl_type_list *list)
{
    uint8_t known[MYL_TYPES_MAX] = {0};
    char label[LABEL_MAX];
    size_t done = 0, before;
    do {
        before = done;
        for (size_t i = list->count; i > 0; i--) {
            if (!known[i - 1] && parts_are_known(list, list->types[i - 1], known)) {
                known[i - 1] = 1;
                list->order[done++] = (uint16_t)(i - 1);
            }
        }
    } while (done > before);
    for (size_t i = 0; i < list->count; i++) {
        if (!known[i])
            return myl_fail(MYL_ESCHEMA, "%s contains itself; use a box or a vector", label_of(list->types[i], label));
    }
    return MYL_OK;
}

int myl_type_collect(const myl_type *root, struct myl_type_list *list)
{
    list->count = 0;
    int rc = add(list, root);
    for (size_t i = 0; rc == MYL_OK && i < list->count; i++) {
        const myl_type *type = list->types[i];
        rc = check_one(type);
        if (rc == MYL_OK && type->element != NULL)
            rc = add(list, type->element);
        for (size_t k = 0; rc == MYL_OK && type->fields != NULL && k < type->count; k++)
            rc = add(list, type->fields[k].type);
    }
    if (rc == MYL_OK && (root->kind == MYL_KIND_UNIT || root->flags == MYL_TYPE_INLINE))
        rc = myl_fail(MYL_ESCHEMA, "this type can only be the content of a union's variant");
    if (rc == MYL_OK)
        rc = check_definitions(list);
    return rc == MYL_OK ? put_in_order(list) : rc;
}

int myl_type_check(const myl_type *type)
{
    MYL_I_NOT_NULL(type);
    struct myl_type_list list;
    return myl_type_collect(type, &list);
}
