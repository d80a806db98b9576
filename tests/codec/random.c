/* SPDX-License-Identifier: MIT
 * Random types and values. */
#include "codec/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t random_roll(uint64_t *dice, uint64_t sides)
{
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    return (*dice >> 11) % sides;
}

/* --- types -------------------------------------------------------------------------------------------------- */

static const myl_type *const scalars[] = {
    &myl_u8_type,  &myl_u16_type, &myl_u32_type, &myl_u64_type, &myl_i8_type,   &myl_i16_type,
    &myl_i32_type, &myl_i64_type, &myl_f32_type, &myl_f64_type, &myl_bool_type, &myl_char_type,
};
#define SCALARS (sizeof scalars / sizeof scalars[0])

static size_t align_up(size_t n, size_t align)
{
    return (n + align - 1) / align * align;
}

static myl_type *add_type(struct random_types *types, uint32_t kind)
{
    if (types->types == sizeof types->type / sizeof types->type[0])
        abort();
    myl_type *type = &types->type[types->types++];
    *type = (myl_type){.kind = kind};
    return type;
}

/* Places the fields one after the other; those of a union all at the same offset after `offset`. */
static void lay_out(myl_type *type, myl_field *fields, size_t offset)
{
    int is_union = type->kind == MYL_KIND_UNION;
    size_t end = offset;
    type->align = is_union ? 4 : 1;
    for (size_t i = 0; i < type->count; i++) {
        if (fields[i].type->align > type->align)
            type->align = fields[i].type->align;
    }
    if (is_union)
        offset = align_up(offset, type->align);
    for (size_t i = 0; i < type->count; i++) {
        size_t at = is_union ? offset : align_up(end, fields[i].type->align);
        fields[i].offset = at;
        if (at + fields[i].type->size > end)
            end = at + fields[i].type->size;
    }
    type->size = align_up(end, type->align);
    type->fields = fields;
}

static const myl_type *make_named(struct random_types *types, unsigned depth, int flat, uint32_t kind, uint32_t flags);

/* A number, a fixed structure, or an array of them. */
static const myl_type *fixed_field(struct random_types *types, unsigned depth)
{
    const myl_type *element = scalars[random_roll(&types->dice, SCALARS)];
    uint64_t roll = random_roll(&types->dice, 4);
    if (roll == 0 && depth > 0 && types->types < 100)
        element = make_named(types, depth - 1, 1, MYL_KIND_STRUCT, MYL_TYPE_FIXED);
    if (roll > 1 || types->types >= 100)
        return element;
    myl_type *type = add_type(types, MYL_KIND_ARRAY);
    type->element = element;
    type->count = 1 + random_roll(&types->dice, 3);
    type->size = type->count * element->size;
    type->align = element->align;
    return type;
}

static const myl_type *make_named(struct random_types *types, unsigned depth, int flat, uint32_t kind, uint32_t flags)
{
    size_t count = 1 + random_roll(&types->dice, 5), first = types->fields;
    if (types->fields + count > sizeof types->field / sizeof types->field[0])
        return &myl_u16_type;
    types->fields += count;
    for (size_t i = 0; i < count; i++) {
        myl_field *field = &types->field[first + i];
        field->name = types->name[first + i];
        (void)snprintf(types->name[first + i], sizeof types->name[0], "f%zu", i);
        uint64_t roll = random_roll(&types->dice, 6);
        if (kind == MYL_KIND_UNION && roll == 0)
            field->type = &myl_unit_type;
        else if (kind == MYL_KIND_UNION && roll < 3 && types->types < 100)
            field->type = make_named(types, depth > 0 ? depth - 1 : 0, flat, MYL_KIND_STRUCT, MYL_TYPE_INLINE);
        else if (flags == MYL_TYPE_FIXED)
            field->type = fixed_field(types, depth);
        else
            field->type = random_type(types, depth > 0 ? depth - 1 : 0, flat);
    }
    myl_type *type = add_type(types, kind);
    size_t at = 512 + types->types - 1;
    type->flags = flags;
    type->count = count;
    type->name = types->name[at];
    (void)snprintf(types->name[at], sizeof types->name[0], "t%zu", types->types);
    lay_out(type, &types->field[first], kind == MYL_KIND_UNION ? 4 : 0);
    return type;
}

static const myl_type *make_element(struct random_types *types, unsigned depth, int flat, uint32_t kind)
{
    const myl_type *element = random_type(types, depth - 1, flat);
    myl_type *type = add_type(types, kind);
    type->element = element;
    if (kind == MYL_KIND_ARRAY) {
        type->count = 1 + random_roll(&types->dice, 4);
        type->size = type->count * element->size;
        type->align = element->align;
    } else if (kind == MYL_KIND_OPTION) {
        type->offset = align_up(1, element->align);
        type->size = align_up(type->offset + element->size, element->align);
        type->align = element->align;
    } else {
        type->size = kind == MYL_KIND_VECTOR ? sizeof(myl_bytes) : sizeof(void *);
        type->align = _Alignof(void *);
    }
    return type;
}

const myl_type *random_type(struct random_types *types, unsigned depth, int flat)
{
    uint64_t roll = random_roll(&types->dice, 16);
    if (depth == 0 || types->types > 100 || roll < 4) {
        if (!flat && random_roll(&types->dice, 3) == 0)
            return random_roll(&types->dice, 3) > 0 ? &myl_string_type : &myl_bytes_type;
        return scalars[random_roll(&types->dice, SCALARS)];
    }
    if (roll < 8)
        return make_named(types, depth, flat, MYL_KIND_STRUCT, roll == 7 ? MYL_TYPE_FIXED : 0);
    if (roll < 10)
        return make_named(types, depth, flat, MYL_KIND_UNION, 0);
    if (roll < 12)
        return make_element(types, depth, flat, MYL_KIND_OPTION);
    if (roll < 13 || flat)
        return make_element(types, depth, flat, MYL_KIND_ARRAY);
    return make_element(types, depth, flat, roll < 15 ? MYL_KIND_VECTOR : MYL_KIND_BOX);
}

static int is_flat(const myl_type *type)
{
    switch (type->kind) {
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
    case MYL_KIND_VECTOR:
    case MYL_KIND_BOX:
        return 0;
    case MYL_KIND_ARRAY:
    case MYL_KIND_OPTION:
        return is_flat(type->element);
    case MYL_KIND_STRUCT:
    case MYL_KIND_UNION:
        for (size_t i = 0; i < type->count; i++) {
            if (!is_flat(type->fields[i].type))
                return 0;
        }
        return 1;
    default:
        return 1;
    }
}

/* `is_some`: the type is the value of an option, maybe in boxes. Types contain themselves, so the levels have a
 * limit. */
static int has_nested_option(const myl_type *type, int is_some, unsigned levels)
{
    if (levels == 0)
        return 0;
    if (type->kind == MYL_KIND_OPTION && is_some)
        return 1;
    for (size_t i = 0; type->fields != NULL && i < type->count; i++) {
        if (has_nested_option(type->fields[i].type, 0, levels - 1))
            return 1;
    }
    is_some = type->kind == MYL_KIND_OPTION || (type->kind == MYL_KIND_BOX && is_some);
    return type->element != NULL && has_nested_option(type->element, is_some, levels - 1);
}

int random_type_is_carried(const char *codec, const myl_type *type)
{
    if (strcmp(codec, "pod") == 0)
        return is_flat(type);
    return strncmp(codec, "msgpack", 7) != 0 || !has_nested_option(type, 0, 16);
}

/* --- values ------------------------------------------------------------------------------------------------- */

static void *take(myl_arena *arena, size_t bytes, size_t align)
{
    void *memory;
    if (myl_arena_take(arena, bytes, align, &memory) != MYL_OK)
        abort();
    return memory;
}

static uint32_t random_char(uint64_t *dice)
{
    static const uint32_t edges[] = {0, 'a', 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
    if (random_roll(dice, 3) > 0)
        return (uint32_t)(0x20 + random_roll(dice, 0x5f));
    return edges[random_roll(dice, sizeof edges / sizeof edges[0])];
}

/* Lengths around the one from which rkyv stores a string outside of its object. */
static size_t random_length(uint64_t *dice)
{
    return (size_t)(random_roll(dice, 4) > 0 ? random_roll(dice, 12) : random_roll(dice, 90));
}

static void random_text(uint64_t *dice, myl_string *text, myl_arena *arena)
{
    size_t most = random_length(dice), n = 0;
    unsigned char *bytes = take(arena, most + 4, 1);
    while (n < most) {
        uint32_t c = random_char(dice);
        size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (size_t i = length; i-- > 1; c >>= 6)
            bytes[n + i] = (unsigned char)(0x80 | (c & 0x3f));
        bytes[n] = (unsigned char)(lead[length] | c);
        n += length;
    }
    *text = (myl_string){n > 0 ? (const char *)bytes : NULL, n};
}

static void random_number(uint64_t *dice, const myl_type *type, void *value)
{
    static const unsigned widths[] = {0, 1, 7, 8, 9, 16, 17, 31, 32, 33, 63, 64};
    unsigned width = widths[random_roll(dice, sizeof widths / sizeof widths[0])];
    uint64_t number = random_roll(dice, UINT64_MAX) << 11 ^ random_roll(dice, UINT64_MAX);
    number = width == 0 ? 0 : number >> (64 - width);
    if (random_roll(dice, 4) == 0)
        number = 0 - number;
    if (type->kind == MYL_KIND_BOOL)
        number &= 1;
    if (type->kind == MYL_KIND_CHAR)
        number = random_char(dice);
    for (size_t i = 0; i < type->size; i++) {
        size_t place = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : type->size - 1 - i;
        ((unsigned char *)value)[place] = (unsigned char)(number >> 8 * i);
    }
}

static void random_items(uint64_t *dice, const myl_type *element, char *items, size_t count, myl_arena *arena,
                         unsigned depth)
{
    for (size_t i = 0; i < count; i++)
        random_value(dice, element, items + i * element->size, arena, depth);
}

static void random_many(uint64_t *dice, const myl_type *type, void *value, myl_arena *arena, unsigned depth)
{
    const myl_type *element = type->kind == MYL_KIND_VECTOR ? type->element : &myl_u8_type;
    size_t count = depth == 0 ? 0 : type->kind == MYL_KIND_VECTOR ? random_roll(dice, 5) : random_length(dice);
    void *items = count > 0 ? take(arena, count * element->size, element->align) : NULL;
    random_items(dice, element, items, count, arena, depth > 0 ? depth - 1 : 0);
    *(myl_bytes *)value = (myl_bytes){items, count};
}

void random_value(uint64_t *dice, const myl_type *type, void *value, myl_arena *arena, unsigned depth)
{
    char *at = value;
    unsigned less = depth > 0 ? depth - 1 : 0;
    uint32_t tag;
    switch (type->kind) {
    case MYL_KIND_UNIT:
        break;
    case MYL_KIND_STRING:
        random_text(dice, value, arena);
        break;
    case MYL_KIND_BYTES:
    case MYL_KIND_VECTOR:
        random_many(dice, type, value, arena, depth);
        break;
    case MYL_KIND_ARRAY:
        random_items(dice, type->element, value, type->count, arena, depth);
        break;
    case MYL_KIND_OPTION:
        at[0] = depth > 0 && random_roll(dice, 3) > 0;
        if (at[0])
            random_value(dice, type->element, at + type->offset, arena, less);
        break;
    case MYL_KIND_BOX:
        *(void **)value = take(arena, type->element->size, type->element->align);
        random_value(dice, type->element, *(void **)value, arena, less);
        break;
    case MYL_KIND_UNION:
        tag = (uint32_t)random_roll(dice, depth > 0 ? type->count : 1);
        memcpy(value, &tag, sizeof tag);
        random_value(dice, type->fields[tag].type, at + type->fields[tag].offset, arena, less);
        break;
    case MYL_KIND_STRUCT:
        for (size_t i = 0; i < type->count; i++)
            random_value(dice, type->fields[i].type, at + type->fields[i].offset, arena, less);
        break;
    default:
        random_number(dice, type, value);
        break;
    }
}

/* --- comparing ---------------------------------------------------------------------------------------------- */

static int same_items(const myl_type *element, const char *one, const char *other, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!random_same(element, one + i * element->size, other + i * element->size))
            return 0;
    }
    return 1;
}

int random_same(const myl_type *type, const void *one, const void *other)
{
    const char *a = one, *b = other;
    const myl_bytes *x = one, *y = other;
    uint32_t tag;
    switch (type->kind) {
    case MYL_KIND_UNIT:
        return 1;
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        return x->length == y->length && (x->length == 0 || memcmp(x->data, y->data, x->length) == 0);
    case MYL_KIND_VECTOR:
        return x->length == y->length &&
               same_items(type->element, (const char *)x->data, (const char *)y->data, x->length);
    case MYL_KIND_ARRAY:
        return same_items(type->element, a, b, type->count);
    case MYL_KIND_OPTION:
        return a[0] == b[0] && (!a[0] || random_same(type->element, a + type->offset, b + type->offset));
    case MYL_KIND_BOX:
        return random_same(type->element, *(const void *const *)one, *(const void *const *)other);
    case MYL_KIND_UNION:
        memcpy(&tag, one, sizeof tag);
        return memcmp(one, other, sizeof tag) == 0 &&
               random_same(type->fields[tag].type, a + type->fields[tag].offset, b + type->fields[tag].offset);
    case MYL_KIND_STRUCT:
        for (size_t i = 0; i < type->count; i++) {
            if (!random_same(type->fields[i].type, a + type->fields[i].offset, b + type->fields[i].offset))
                return 0;
        }
        return 1;
    default:
        return memcmp(one, other, type->size) == 0;
    }
}
