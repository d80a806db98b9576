/* SPDX-License-Identifier: MIT
 * Reads MessagePack: each byte is loaded once. It accepts numbers and lengths in every form, structs as maps and as
 * arrays, fields in any order, and fields that the type does not have. */
#include "codec/msgpack.h"

#include <inttypes.h>

struct reader {
    const uint8_t *bytes;
    size_t length;
    size_t at;
    myl_arena *arena;
    struct myl_where where;
};

/* What a format holds. */
enum held {
    HELD_NIL,
    HELD_BOOL,
    HELD_UNSIGNED,
    HELD_NEGATIVE,
    HELD_F32,
    HELD_F64,
    HELD_STR,
    HELD_BIN,
    HELD_ARRAY,
    HELD_MAP,
    HELD_EXT
};

/* The first byte of an item and the number in or after it. */
struct item {
    enum held held;
    size_t at;               /* of the first byte */
    uint64_t number;         /* bool; integer with its sign; bits of a float; bytes of a string, bin data or
                              * extension data; elements of an array; pairs of a map */
};

static int get(struct reader *r, const struct myl_node *node, char *out);
static int get_value(struct reader *r, const struct myl_node *node, const struct item *item, char *out);

static int need(struct reader *r, uint64_t n)
{
    if (MYL_LIKELY(n <= r->length - r->at))
        return MYL_OK;
    return myl_fail_bytes(&r->where, r->at, "%" PRIu64 " bytes are needed, %zu are left", n, r->length - r->at);
}

/* --- one item ----------------------------------------------------------------------------------------------- */

/* A format without a number in its first byte: 0xc0 .. 0xdf. `size`: bytes of the number after it. */
struct format {
    uint8_t held, size;
};
static const struct format formats[32] = {
    {HELD_NIL, 0},      {HELD_NIL, 0},      {HELD_BOOL, 0},     {HELD_BOOL, 0},     {HELD_BIN, 1},
    {HELD_BIN, 2},      {HELD_BIN, 4},      {HELD_EXT, 1},      {HELD_EXT, 2},      {HELD_EXT, 4},
    {HELD_F32, 4},      {HELD_F64, 8},      {HELD_UNSIGNED, 1}, {HELD_UNSIGNED, 2}, {HELD_UNSIGNED, 4},
    {HELD_UNSIGNED, 8}, {HELD_NEGATIVE, 1}, {HELD_NEGATIVE, 2}, {HELD_NEGATIVE, 4}, {HELD_NEGATIVE, 8},
    {HELD_EXT, 0},      {HELD_EXT, 0},      {HELD_EXT, 0},      {HELD_EXT, 0},      {HELD_EXT, 0},
    {HELD_STR, 1},      {HELD_STR, 2},      {HELD_STR, 4},      {HELD_ARRAY, 2},    {HELD_ARRAY, 4},
    {HELD_MAP, 2},      {HELD_MAP, 4},
};

/* A format of a first byte of 0xc0 to 0xdf. */
static int get_format(struct reader *r, unsigned lead, struct item *item)
{
    const struct format *format = &formats[lead - MSGPACK_NIL];
    if (lead == MSGPACK_NEVER)
        return myl_fail_bytes(&r->where, item->at, "0xc1, which is no format of MessagePack");
    item->held = (enum held)format->held;
    item->number = lead == MSGPACK_TRUE;
    if (lead >= MSGPACK_FIXEXT1 && lead < MSGPACK_STR8)
        item->number = UINT64_C(1) << (lead - MSGPACK_FIXEXT1);
    if (format->size == 0)
        return MYL_OK;
    int rc = need(r, format->size);
    if (rc != MYL_OK)
        return rc;
    item->number = msgpack_swapped(myl_load_native(r->bytes + r->at, format->size), format->size);
    r->at += format->size;
    if (item->held == HELD_NEGATIVE) {
        int64_t integer = myl_signed(item->number, format->size);
        item->held = integer < 0 ? HELD_NEGATIVE : HELD_UNSIGNED;
        item->number = (uint64_t)integer;
    }
    return MYL_OK;
}

/* The bytes that an item with this many of them, or elements, has at least. */
static int check_length(struct reader *r, const struct item *item)
{
    uint64_t left = r->length - r->at;
    switch (item->held) {
    case HELD_STR:
    case HELD_BIN:
        return need(r, item->number);
    case HELD_EXT: /* its type, then its bytes */
        return need(r, item->number + 1);
    case HELD_ARRAY:
        return item->number <= left
                   ? MYL_OK
                   : myl_fail_bytes(&r->where, item->at, "%" PRIu64 " elements, %" PRIu64 " bytes are left",
                                    item->number, left);
    case HELD_MAP:
        return item->number <= left / 2
                   ? MYL_OK
                   : myl_fail_bytes(&r->where, item->at, "%" PRIu64 " pairs, %" PRIu64 " bytes are left", item->number,
                                    left);
    default:
        return MYL_OK;
    }
}

/* Reads the start of the next item. The bytes of a string, bin or ext are there, and come next. */
static int get_item(struct reader *r, struct item *item)
{
    int rc = need(r, 1);
    if (rc != MYL_OK)
        return rc;
    unsigned lead = (unsigned)myl_load_native(r->bytes + r->at, 1);
    item->at = r->at++;
    if (lead <= MSGPACK_FIXINT_MAX) {
        item->held = HELD_UNSIGNED;
        item->number = lead;
        return MYL_OK;
    }
    if (lead >= MSGPACK_FIXINT_NEGATIVE) {
        item->held = HELD_NEGATIVE;
        item->number = (uint64_t)myl_signed(lead, 1);
        return MYL_OK;
    }
    if (lead >= MSGPACK_NIL) {
        rc = get_format(r, lead, item);
        return rc == MYL_OK ? check_length(r, item) : rc;
    }
    if (lead >= MSGPACK_FIXSTR) {
        item->held = HELD_STR;
        item->number = lead - MSGPACK_FIXSTR;
    } else {
        item->held = lead >= MSGPACK_FIXARRAY ? HELD_ARRAY : HELD_MAP;
        item->number = lead & 0x0f;
    }
    return check_length(r, item);
}

/* Passes over an item and all that lies within it. Strings are not checked. */
static int skip(struct reader *r)
{
    for (uint64_t items = 1; items > 0; items--) {
        struct item item = {0};
        if (items > r->length - r->at)
            return myl_fail_bytes(&r->where, r->at, "%" PRIu64 " items follow, %zu bytes are left", items,
                                  r->length - r->at);
        int rc = get_item(r, &item);
        if (rc != MYL_OK)
            return rc;
        if (item.held == HELD_STR || item.held == HELD_BIN || item.held == HELD_EXT)
            r->at += (size_t)item.number + (item.held == HELD_EXT);
        else if (item.held == HELD_ARRAY || item.held == HELD_MAP)
            items += item.held == HELD_MAP ? 2 * item.number : item.number;
    }
    return MYL_OK;
}

static int wrong_kind(const struct reader *r, const struct myl_node *node, const struct item *item)
{
    static const char *const words[] = {"nil",      "a bool",   "an integer", "an integer", "a float",       "a float",
                                        "a string", "bin data", "an array",   "a map",      "extension data"};
    const char *name = node->name != NULL ? node->name : "";
    return myl_fail_bytes(&r->where, item->at, "%s, expected %s%s%s", words[item->held], myl_kind_word(node->kind),
                          node->name != NULL ? " " : "", name);
}

/* --- scalars ------------------------------------------------------------------------------------------------ */

static int get_integer(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    unsigned bits = 8 * node->size - (myl_is_signed(node->kind) ? 1 : 0);
    int fits;
    if (item->held == HELD_UNSIGNED)
        fits = bits == 64 || item->number >> bits == 0;
    else if (item->held == HELD_NEGATIVE)
        fits = myl_is_signed(node->kind) && ~item->number >> bits == 0;
    else
        return wrong_kind(r, node, item);
    if (!fits && item->held == HELD_UNSIGNED)
        return myl_fail_bytes(&r->where, item->at, "%" PRIu64 " is no %s", item->number, myl_kind_word(node->kind));
    if (!fits)
        return myl_fail_bytes(&r->where, item->at, "%" PRId64 " is no %s", (int64_t)item->number,
                              myl_kind_word(node->kind));
    myl_store_native(out, item->number, node->size);
    return MYL_OK;
}

/* An integer that a float of `digits` binary digits holds exactly. */
static int is_exact(const struct item *item, int digits)
{
    uint64_t size = item->held == HELD_NEGATIVE ? 0 - item->number : item->number;
    return size == 0 || 64 - __builtin_clzll(size) - __builtin_ctzll(size) <= digits;
}

/* The float of an item of another form than the type's. */
static int convert_float(struct reader *r, const struct myl_node *node, const struct item *item, double *real)
{
    int is_f32 = node->kind == MYL_KIND_FLOAT;
    if (item->held == HELD_UNSIGNED || item->held == HELD_NEGATIVE) {
        *real = item->held == HELD_UNSIGNED ? (double)item->number : (double)(int64_t)item->number;
        return is_exact(item, is_f32 ? 24 : 53)
                   ? MYL_OK
                   : myl_fail_bytes(&r->where, item->at, "the integer %s%" PRIu64 " is no %s",
                                    item->held == HELD_NEGATIVE ? "-" : "",
                                    item->held == HELD_NEGATIVE ? 0 - item->number : item->number,
                                    myl_kind_word(node->kind));
    }
    if (item->held == HELD_F32) {
        uint32_t bits = (uint32_t)item->number;
        float single;
        memcpy(&single, &bits, sizeof single);
        *real = (double)single;
        return MYL_OK;
    }
    if (item->held != HELD_F64)
        return wrong_kind(r, node, item);
    memcpy(real, &item->number, sizeof *real);
    double size = *real < 0 ? -*real : *real;
    /* From here on a finite number would be rounded to infinity. */
    if (size >= 0x1.ffffffp127 && size <= 0x1.fffffffffffffp1023)
        return myl_fail_bytes(&r->where, item->at, "%g is no f32", *real);
    return MYL_OK;
}

static int get_float(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    if (item->held == (node->kind == MYL_KIND_FLOAT ? HELD_F32 : HELD_F64)) {
        myl_store_native(out, item->number, node->size);
        return MYL_OK;
    }
    double real = 0;
    int rc = convert_float(r, node, item, &real);
    if (rc != MYL_OK)
        return rc;
    float single = node->kind == MYL_KIND_FLOAT ? (float)real : 0;
    memcpy(out, node->kind == MYL_KIND_FLOAT ? (const void *)&single : (const void *)&real, node->size);
    return MYL_OK;
}

static int get_char(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    char text[4];
    uint32_t c;
    if (item->held != HELD_STR)
        return wrong_kind(r, node, item);
    if (item->number == 0 || item->number > sizeof text)
        return myl_fail_bytes(&r->where, item->at, "a string of %" PRIu64 " bytes is not one char", item->number);
    myl_copy_once(text, r->bytes + r->at, (size_t)item->number);
    if (myl_utf8_decode(text, (size_t)item->number, &c) != item->number)
        return myl_fail_bytes(&r->where, r->at, "a string that is not one char in UTF-8");
    r->at += (size_t)item->number;
    myl_store_native(out, c, node->size);
    return MYL_OK;
}

static int get_text(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    if (item->held != (node->kind == MYL_KIND_STRING ? HELD_STR : HELD_BIN))
        return wrong_kind(r, node, item);
    int rc = myl_take_text(r->arena, r->bytes + r->at, (size_t)item->number, out);
    if (rc != MYL_OK)
        return rc;
    if (node->kind == MYL_KIND_STRING) {
        /* What is checked is the copy. */
        const void *copy = ((const myl_string *)(const void *)out)->data;
        size_t fault = myl_utf8_fault(copy, (size_t)item->number);
        if (fault != item->number)
            return myl_fail_bytes(&r->where, r->at + fault, "a string that is not UTF-8");
    }
    r->at += (size_t)item->number;
    return MYL_OK;
}

/* --- arrays, options, boxes --------------------------------------------------------------------------------- */

static int get_items(struct reader *r, const struct myl_node *element, char *out, size_t count)
{
    int rc = MYL_OK;
    for (size_t i = 0; rc == MYL_OK && i < count; i++)
        rc = get(r, element, out + i * element->size);
    return rc;
}

static int get_array(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    if (item->held != HELD_ARRAY)
        return wrong_kind(r, node, item);
    if (item->number != node->count)
        return myl_fail_bytes(&r->where, item->at, "an array of %" PRIu64 " elements, expected %" PRIu32, item->number,
                              node->count);
    return get_items(r, node->element, out, node->count);
}

static int get_vector(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    if (item->held != HELD_ARRAY)
        return wrong_kind(r, node, item);
    uint32_t least = node->element->least_packed;
    if (item->number > (r->length - r->at) / least)
        return myl_fail_bytes(&r->where, item->at, "%" PRIu64 " elements of at least %" PRIu32 " bytes, %zu are left",
                              item->number, least, r->length - r->at);
    void *items = NULL;
    int rc = MYL_OK;
    if (item->number > 0)
        rc = myl_take_objects(r->arena, node->element, item->number, &items);
    if (rc != MYL_OK)
        return rc;
    myl_bytes vector = {items, (size_t)item->number};
    memcpy(out, &vector, sizeof vector);
    return get_items(r, node->element, items, (size_t)item->number);
}

static int get_box(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    void *target;
    int rc = myl_take_objects(r->arena, node->element, 1, &target);
    if (rc != MYL_OK)
        return rc;
    memcpy(out, &target, sizeof target);
    return get_value(r, node->element, item, target);
}

/* --- names -------------------------------------------------------------------------------------------------- */

struct name {
    size_t at;               /* of its item */
    size_t length;
    char text[MYL_TYPE_NAME_MAX + 1]; /* what fits of it, and a NUL */
};

/* Reads the text of a string as a name. */
static void get_name(struct reader *r, const struct item *item, struct name *name)
{
    size_t kept = item->number < MYL_TYPE_NAME_MAX ? (size_t)item->number : MYL_TYPE_NAME_MAX;
    name->at = item->at;
    name->length = (size_t)item->number;
    if (kept > 0)
        myl_copy_once(name->text, r->bytes + r->at, kept);
    name->text[kept] = '\0';
    r->at += (size_t)item->number;
}

/* For a sentence: other characters than those of names are replaced. */
static const char *printable(struct name *name)
{
    for (char *c = name->text; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    }
    return name->text;
}

static int compare(const struct name *name, const struct myl_part *part)
{
    size_t least = name->length < part->name_length ? name->length : part->name_length;
    int order = memcmp(name->text, part->name, least);
    return order != 0 ? order : (name->length > part->name_length) - (name->length < part->name_length);
}

/* The index of the field or variant of that name; node->count: there is none. `guess` is tried first. */
static uint32_t find_part(const struct myl_node *node, const struct name *name, uint32_t guess)
{
    if (guess < node->count && compare(name, &node->parts[guess]) == 0)
        return guess;
    uint32_t low = 0, high = name->length <= MYL_TYPE_NAME_MAX ? node->count : 0;
    while (low < high) {
        uint32_t middle = (low + high) / 2, part = node->parts[middle].by_name;
        int order = compare(name, &node->parts[part]);
        if (order == 0)
            return part;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return node->count;
}

/* --- structs and unions ------------------------------------------------------------------------------------- */

#define WORD_BITS 64

/* The fields that were read. */
struct seen {
    uint64_t words[(MYL_FIELDS_MAX + WORD_BITS - 1) / WORD_BITS];
};

static int get_pair(struct reader *r, const struct myl_node *node, char *out, struct seen *seen, uint32_t *guess)
{
    struct item key;
    struct name name;
    r->where.field = NULL;
    int rc = get_item(r, &key);
    if (rc != MYL_OK)
        return rc;
    if (key.held != HELD_STR)
        return myl_fail_bytes(&r->where, key.at, "a key that is not a string; keys are the names of fields");
    get_name(r, &key, &name);
    uint32_t i = find_part(node, &name, *guess);
    if (i == node->count)
        return skip(r);
    const struct myl_part *part = &node->parts[i];
    uint64_t bit = UINT64_C(1) << i % WORD_BITS;
    r->where.field = part->name;
    if ((seen->words[i / WORD_BITS] & bit) != 0)
        return myl_fail_bytes(&r->where, key.at, "the field is there twice");
    seen->words[i / WORD_BITS] |= bit;
    *guess = i + 1;
    return get(r, part->node, out + part->offset);
}

/* A field that the bytes lack: only an option has a value then. */
static int miss_field(struct reader *r, const struct myl_part *part, size_t at)
{
    r->where.field = part->name;
    return part->node->kind == MYL_KIND_OPTION
               ? MYL_OK
               : myl_fail_bytes(&r->where, at, "the field is missing; only an option may be");
}

static int get_map(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    struct seen seen = {.words = {0}};
    uint32_t guess = 0;
    int rc = MYL_OK;
    for (uint64_t i = 0; rc == MYL_OK && i < item->number; i++)
        rc = get_pair(r, node, out, &seen, &guess);
    for (uint32_t i = 0; rc == MYL_OK && i < node->count; i++) {
        if ((seen.words[i / WORD_BITS] >> i % WORD_BITS & 1) == 0)
            rc = miss_field(r, &node->parts[i], item->at);
    }
    return rc;
}

static int get_row(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    int rc = MYL_OK;
    for (uint32_t i = 0; rc == MYL_OK && i < node->count; i++) {
        const struct myl_part *part = &node->parts[i];
        r->where.field = part->name;
        rc = i < item->number ? get(r, part->node, out + part->offset) : miss_field(r, part, item->at);
    }
    r->where.field = NULL;
    for (uint64_t i = node->count; rc == MYL_OK && i < item->number; i++)
        rc = skip(r);
    return rc;
}

static int get_struct(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    struct myl_where outer;
    if (item->held != HELD_MAP && item->held != HELD_ARRAY)
        return wrong_kind(r, node, item);
    int rc = myl_enter(&r->where, node, item->at, &outer);
    if (rc == MYL_OK)
        rc = item->held == HELD_MAP ? get_map(r, node, item, out) : get_row(r, node, item, out);
    myl_leave(&r->where, &outer);
    return rc;
}

/* The content of the variant that is named. `is_alone`: the name is not the key of a map. */
static int get_variant(struct reader *r, const struct myl_node *node, struct name *name, int is_alone, char *out)
{
    uint32_t tag = find_part(node, name, 0);
    if (tag == node->count)
        return myl_fail_bytes(&r->where, name->at, "there is no variant \"%s\"", printable(name));
    const struct myl_part *part = &node->parts[tag];
    struct item content;
    r->where.field = part->name;
    myl_store_native(out, tag, sizeof tag);
    if (is_alone)
        return part->node->kind == MYL_KIND_UNIT
                   ? MYL_OK
                   : myl_fail_bytes(&r->where, name->at, "the name of a variant alone, expected a map from it to %s",
                                    myl_kind_word(part->node->kind));
    int rc = get_item(r, &content);
    if (rc != MYL_OK || (part->node->kind == MYL_KIND_UNIT && content.held == HELD_NIL))
        return rc;
    return get_value(r, part->node, &content, out + part->offset);
}

static int get_union(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    struct myl_where outer;
    struct item key = *item;
    struct name name;
    int is_alone = item->held == HELD_STR, rc;
    if (!is_alone && item->held != HELD_MAP)
        return wrong_kind(r, node, item);
    rc = myl_enter(&r->where, node, item->at, &outer);
    if (rc == MYL_OK && !is_alone && item->number != 1)
        rc = myl_fail_bytes(&r->where, item->at, "a map of %" PRIu64 " pairs; a union has one", item->number);
    if (rc == MYL_OK && !is_alone)
        rc = get_item(r, &key);
    if (rc == MYL_OK && key.held != HELD_STR)
        rc = myl_fail_bytes(&r->where, key.at, "a key that is not a string; keys are the names of variants");
    if (rc == MYL_OK) {
        get_name(r, &key, &name);
        rc = get_variant(r, node, &name, is_alone, out);
    }
    myl_leave(&r->where, &outer);
    return rc;
}

/* --- any kind ----------------------------------------------------------------------------------------------- */

/* The value whose first item has been read. `out` is a C object of zeros. */
static int get_value(struct reader *r, const struct myl_node *node, const struct item *item, char *out)
{
    switch (node->kind) {
    case MYL_KIND_BOOL:
        out[0] = item->held == HELD_BOOL && item->number != 0;
        return item->held == HELD_BOOL ? MYL_OK : wrong_kind(r, node, item);
    case MYL_KIND_CHAR:
        return get_char(r, node, item, out);
    case MYL_KIND_FLOAT:
    case MYL_KIND_DOUBLE:
        return get_float(r, node, item, out);
    case MYL_KIND_STRING:
    case MYL_KIND_BYTES:
        return get_text(r, node, item, out);
    case MYL_KIND_UNIT:
        return wrong_kind(r, node, item);
    case MYL_KIND_ARRAY:
        return get_array(r, node, item, out);
    case MYL_KIND_VECTOR:
        return get_vector(r, node, item, out);
    case MYL_KIND_OPTION:
        out[0] = item->held != HELD_NIL;
        return out[0] ? get_value(r, node->element, item, out + node->offset) : MYL_OK;
    case MYL_KIND_BOX:
        return get_box(r, node, item, out);
    case MYL_KIND_STRUCT:
        return get_struct(r, node, item, out);
    case MYL_KIND_UNION:
        return get_union(r, node, item, out);
    default:
        return get_integer(r, node, item, out);
    }
}

static int get(struct reader *r, const struct myl_node *node, char *out)
{
    struct item item;
    int rc = get_item(r, &item);
    return rc == MYL_OK ? get_value(r, node, &item, out) : rc;
}

int myl_msgpack_decode(const myl_schema *schema, const void *bytes, size_t length, int arrays, myl_arena *arena,
                       void **value)
{
    struct reader r = {bytes, length, 0, arena, {myl_msgpack_name(arrays), NULL, NULL, 0}};
    void *made;
    int rc = myl_msgpack_check(schema, r.where.codec);
    if (rc == MYL_OK)
        rc = myl_take_objects(arena, schema->root, 1, &made);
    if (rc == MYL_OK)
        rc = get(&r, schema->root, made);
    if (rc == MYL_OK && r.at != length)
        rc = myl_fail_bytes(&r.where, r.at, "%zu bytes after the end of the value", length - r.at);
    if (rc == MYL_OK)
        *value = made;
    return rc;
}
