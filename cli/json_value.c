/* SPDX-License-Identifier: MIT
 * Makes C values from JSON: cJSON reads the marked line (json_mark.h), the type gives what each value must be. */
#include "json_value.h"

#include "json.h"

#ifdef MYL_HAVE_CJSON

#include "json_mark.h"

#include "base/text.h"

#include <cjson/cJSON.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_SHOWN 160
#define TOKEN_SHOWN    40

struct reader {
    myl_arena *arena;
    char *reason;            /* JSON_REASON_MAX bytes */
    unsigned depth;          /* structs and unions */
    size_t path_length;
    char path[PATH_MAX_SHOWN + 1]; /* order.legs[2].price, cut if it is long */
};

static int take(struct reader *r, const cJSON *item, const myl_type *type, void *at);

/* --- sentences ------------------------------------------------------------------------------------------------ */

/* Adds a part to the path. Returns the length before it, for `leave`. */
static size_t enter(struct reader *r, const char *format, ...) MYL_PRINTF(2, 3);
static size_t enter(struct reader *r, const char *format, ...)
{
    size_t before = r->path_length;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(r->path + before, sizeof r->path - before, format, arguments);
    va_end(arguments);
    r->path_length = n < 0 || (size_t)n >= sizeof r->path - before ? sizeof r->path - 1 : before + (size_t)n;
    return before;
}

static void leave(struct reader *r, size_t before)
{
    r->path_length = before;
    r->path[before] = '\0';
}

static int wrong(struct reader *r, const char *format, ...) MYL_PRINTF(2, 3);
static int wrong(struct reader *r, const char *format, ...)
{
    int used = snprintf(r->reason, JSON_REASON_MAX, "%s: ", r->path);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(r->reason + used, JSON_REASON_MAX - (size_t)used, format, arguments);
    va_end(arguments);
    return -1;
}

static int is_number(const cJSON *item)
{
    return cJSON_IsString(item) && item->valuestring[0] == JSON_MARK_NUMBER;
}

static int is_string(const cJSON *item)
{
    return cJSON_IsString(item) && item->valuestring[0] == JSON_MARK_STRING;
}

static int expected(struct reader *r, const char *what, const cJSON *item)
{
    if (is_number(item))
        return wrong(r, "expected %s, found the number %.*s", what, TOKEN_SHOWN, item->valuestring + 1);
    if (is_string(item))
        return wrong(r, "expected %s, found the string \"%.*s\"", what, TOKEN_SHOWN, item->valuestring + 1);
    return wrong(r, "expected %s, found %s", what,
                 cJSON_IsNull(item)     ? "null"
                 : cJSON_IsArray(item)  ? "an array"
                 : cJSON_IsObject(item) ? "an object"
                 : cJSON_IsTrue(item)   ? "true"
                                        : "false");
}

/* Returns zeroed memory for `count` values, owned by the arena. NULL: the reason is written. */
static void *get_memory(struct reader *r, size_t count, const myl_type *type)
{
    void *memory = NULL;
    if (type->size > 0 && count > SIZE_MAX / type->size) {
        (void)wrong(r, "%zu values are too many", count);
        return NULL;
    }
    if (myl_arena_take(r->arena, count * type->size, type->align, &memory) != MYL_OK) {
        (void)wrong(r, "%s", myl_error_detail());
        return NULL;
    }
    return memory;
}

/* --- scalars -------------------------------------------------------------------------------------------------- */

static void store(void *at, uint64_t number, size_t size)
{
    uint8_t byte = (uint8_t)number;
    uint16_t half = (uint16_t)number;
    uint32_t word = (uint32_t)number;
    const void *from = size == 1 ? (const void *)&byte : size == 2 ? (const void *)&half : (const void *)&word;
    memcpy(at, size == 8 ? &number : from, size);
}

/* Returns the largest unsigned integer of `size` bytes: 1, 2, 4 or 8. */
static uint64_t largest(size_t size)
{
    return size == 1 ? UINT8_MAX : size == 2 ? UINT16_MAX : size == 4 ? UINT32_MAX : UINT64_MAX;
}

static int take_integer(struct reader *r, const cJSON *item, const myl_type *type, void *at)
{
    int is_signed = type->kind >= MYL_KIND_I8;
    uint64_t most = largest(type->size);
    if (!is_number(item))
        return expected(r, "a whole number", item);
    const char *text = item->valuestring + 1, *number = text + (*text == '-');
    if (number[strspn(number, "0123456789")] != '\0')
        return expected(r, "a whole number", item);
    errno = 0;
    unsigned long long value = strtoull(number, NULL, 10);
    int out = errno == ERANGE;
    if (is_signed)
        out = out || value > (most >> 1) + (number > text);
    else
        out = out || value > most || (number > text && value > 0);
    if (out && is_signed)
        return wrong(r, "%.*s is not %" PRId64 " to %" PRId64, TOKEN_SHOWN, text, -(int64_t)(most >> 1) - 1,
                     (int64_t)(most >> 1));
    if (out)
        return wrong(r, "%.*s is not 0 to %" PRIu64, TOKEN_SHOWN, text, most);
    store(at, number > text ? 0 - value : value, type->size);
    return 0;
}

/* The text is a number of JSON. Commands run with the C locale's numbers. */
static int take_real(struct reader *r, const cJSON *item, const myl_type *type, void *at)
{
    if (!is_number(item))
        return expected(r, "a number", item);
    const char *text = item->valuestring + 1;
    float single = strtof(text, NULL);
    double real = strtod(text, NULL);
    int is_single = type->kind == MYL_KIND_FLOAT;
    if (is_single ? !isfinite(single) : !isfinite(real))
        return wrong(r, "%.*s is larger than any %s", TOKEN_SHOWN, text, is_single ? "f32" : "f64");
    memcpy(at, is_single ? (const void *)&single : (const void *)&real, type->size);
    return 0;
}

static int take_bool(struct reader *r, const cJSON *item, void *at)
{
    if (!cJSON_IsBool(item))
        return expected(r, "true or false", item);
    *(unsigned char *)at = cJSON_IsTrue(item) != 0;
    return 0;
}

static int take_char(struct reader *r, const cJSON *item, void *at)
{
    uint32_t point = 0;
    if (!is_string(item))
        return expected(r, "a string of one character", item);
    size_t length = json_unmark(item->valuestring + 1);
    size_t decoded = length == 1 && item->valuestring[1] == '\0' ? 1 : myl_text_decode(item->valuestring + 1, &point);
    if (decoded == 0 || decoded != length)
        return wrong(r, "expected a string of one character, found one of %zu bytes", length);
    memcpy(at, &point, sizeof point);
    return 0;
}

static int take_string(struct reader *r, const cJSON *item, void *at)
{
    if (!is_string(item))
        return expected(r, "a string", item);
    size_t length = json_unmark(item->valuestring + 1);
    char *copy = get_memory(r, length + 1, &myl_u8_type);
    if (copy == NULL)
        return -1;
    memcpy(copy, item->valuestring + 1, length);
    *(myl_string *)at = (myl_string){copy, length};
    return 0;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)((at - digits) % 16) : -1;
}

static int take_bytes(struct reader *r, const cJSON *item, void *at)
{
    if (!is_string(item))
        return expected(r, "a string of hex digits", item);
    const char *text = item->valuestring + 1;
    size_t length = strlen(text);
    unsigned char *copy = get_memory(r, length / 2 + 1, &myl_u8_type);
    if (copy == NULL)
        return -1;
    for (size_t i = 0; i + 1 < length; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return wrong(r, "expected a string of hex digits, found \"%.2s\" at byte %zu of it", text + i, i);
        copy[i / 2] = (unsigned char)(high << 4 | low);
    }
    if (length % 2 != 0)
        return wrong(r, "expected two hex digits for each byte, found %zu", length);
    *(myl_bytes *)at = (myl_bytes){copy, length / 2};
    return 0;
}

/* --- values with values in them ------------------------------------------------------------------------------- */

static int take_items(struct reader *r, const cJSON *array, const myl_type *element, char *at)
{
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        size_t before = enter(r, "[%zu]", i);
        int rc = take(r, item, element, at + i * element->size);
        if (rc != 0)
            return rc;
        leave(r, before);
        i++;
    }
    return 0;
}

static size_t count_items(const cJSON *array)
{
    size_t count = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array) count++;
    return count;
}

static int take_array(struct reader *r, const cJSON *item, const myl_type *type, void *at)
{
    if (!cJSON_IsArray(item))
        return expected(r, "an array", item);
    size_t count = count_items(item);
    if (count != type->count)
        return wrong(r, "expected an array of %zu, found one of %zu", type->count, count);
    return take_items(r, item, type->element, at);
}

static int take_vector(struct reader *r, const cJSON *item, const myl_type *type, void *at)
{
    if (!cJSON_IsArray(item))
        return expected(r, "an array", item);
    size_t count = count_items(item);
    void *items = get_memory(r, count, type->element);
    if (items == NULL)
        return -1;
    *(myl_bytes *)at = (myl_bytes){items, count}; /* as each vector: a pointer and a count */
    return take_items(r, item, type->element, items);
}

static int take_option(struct reader *r, const cJSON *item, const myl_type *type, void *at)
{
    int some = !cJSON_IsNull(item);
    *(unsigned char *)at = (unsigned char)some;
    return some ? take(r, item, type->element, (char *)at + type->offset) : 0;
}

static int take_box(struct reader *r, const cJSON *item, const myl_type *type, void *at)
{
    void *inner = get_memory(r, 1, type->element);
    if (inner == NULL)
        return -1;
    memcpy(at, &inner, sizeof inner);
    return take(r, item, type->element, inner);
}

/* Returns the index of the field or variant of that marked name; type->count: there is none. */
static size_t find(const myl_type *type, const char *marked, size_t guess)
{
    if (guess < type->count && strcmp(type->fields[guess].name, marked + 1) == 0)
        return guess;
    size_t i = 0;
    while (i < type->count && strcmp(type->fields[i].name, marked + 1) != 0)
        i++;
    return i;
}

static int take_fields(struct reader *r, const cJSON *item, const myl_type *type, char *at)
{
    uint64_t seen[MYL_FIELDS_MAX / 64] = {0};
    size_t guess = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, item)
    {
        size_t i = find(type, child->string, guess);
        if (i == type->count)
            return wrong(r, "%s has no field \"%.*s\"", type->name, TOKEN_SHOWN, child->string + 1);
        if ((seen[i / 64] >> i % 64 & 1) != 0)
            return wrong(r, "the field %s is there twice", type->fields[i].name);
        seen[i / 64] |= UINT64_C(1) << i % 64;
        guess = i + 1;
        size_t before = enter(r, ".%s", type->fields[i].name);
        int rc = take(r, child, type->fields[i].type, at + type->fields[i].offset);
        if (rc != 0)
            return rc;
        leave(r, before);
    }
    for (size_t i = 0; i < type->count; i++) {
        if ((seen[i / 64] >> i % 64 & 1) == 0 && type->fields[i].type->kind != MYL_KIND_OPTION)
            return wrong(r, "the field %s is missing", type->fields[i].name);
    }
    return 0;
}

static int take_struct(struct reader *r, const cJSON *item, const myl_type *type, void *at)
{
    if (!cJSON_IsObject(item))
        return expected(r, "an object", item);
    return take_fields(r, item, type, at);
}

static int take_union(struct reader *r, const cJSON *item, const myl_type *type, void *at)
{
    int is_name = is_string(item);
    const cJSON *content = is_name ? NULL : item->child;
    if (!is_name && (!cJSON_IsObject(item) || content == NULL || content->next != NULL))
        return expected(r, "the name of a variant, or an object with it as its only key", item);
    const char *name = is_name ? item->valuestring : content->string;
    size_t tag = find(type, name, 0);
    if (tag == type->count)
        return wrong(r, "%s has no variant \"%.*s\"", type->name, TOKEN_SHOWN, name + 1);
    const myl_field *variant = &type->fields[tag];
    int is_unit = variant->type->kind == MYL_KIND_UNIT;
    if (is_unit && !is_name)
        return wrong(r, "the variant %s has no content; write \"%s\"", variant->name, variant->name);
    if (!is_unit && is_name)
        return wrong(r, "the variant %s has content; write {\"%s\": ...}", variant->name, variant->name);
    uint32_t number = (uint32_t)tag;
    memcpy(at, &number, sizeof number);
    size_t before = enter(r, ".%s", variant->name);
    int rc = is_unit ? 0 : take(r, content, variant->type, (char *)at + variant->offset);
    if (rc == 0)
        leave(r, before);
    return rc;
}

static int take_named(struct reader *r, const cJSON *item, const myl_type *type, void *at)
{
    if (r->depth == MYL_DEPTH_MAX)
        return wrong(r, "deeper than %d structs and unions", MYL_DEPTH_MAX);
    r->depth++;
    int rc = type->kind == MYL_KIND_STRUCT ? take_struct(r, item, type, at) : take_union(r, item, type, at);
    r->depth--;
    return rc;
}

/* `at` holds zeros. */
static int take(struct reader *r, const cJSON *item, const myl_type *type, void *at)
{
    switch (type->kind) {
    case MYL_KIND_FLOAT:
    case MYL_KIND_DOUBLE:
        return take_real(r, item, type, at);
    case MYL_KIND_BOOL:
        return take_bool(r, item, at);
    case MYL_KIND_CHAR:
        return take_char(r, item, at);
    case MYL_KIND_STRING:
        return take_string(r, item, at);
    case MYL_KIND_BYTES:
        return take_bytes(r, item, at);
    case MYL_KIND_ARRAY:
        return take_array(r, item, type, at);
    case MYL_KIND_VECTOR:
        return take_vector(r, item, type, at);
    case MYL_KIND_OPTION:
        return take_option(r, item, type, at);
    case MYL_KIND_BOX:
        return take_box(r, item, type, at);
    case MYL_KIND_STRUCT:
    case MYL_KIND_UNION:
        return take_named(r, item, type, at);
    default:
        return take_integer(r, item, type, at);
    }
}

/* --- a line ---------------------------------------------------------------------------------------------------- */

static int not_json(char *reason, const char *why, size_t column)
{
    if (column > 0)
        (void)snprintf(reason, JSON_REASON_MAX, "not JSON at byte %zu: %s", column, why);
    else
        (void)snprintf(reason, JSON_REASON_MAX, "%s", why);
    return -1;
}

int json_value(const char *line, size_t length, const myl_schema *schema, myl_arena *arena, void **value,
               char reason[JSON_REASON_MAX])
{
    const myl_type *type = myl_schema_type(schema);
    struct reader r = {.arena = arena, .reason = reason};
    const char *why, *stopped = NULL;
    size_t column;
    char *marked = json_mark(line, length, &why, &column);
    if (marked == NULL)
        return not_json(reason, why, column);
    cJSON *root = cJSON_ParseWithOpts(marked, &stopped, 1);
    if (root == NULL)
        (void)not_json(reason, "expected a value, a comma, a colon, or the end of the line",
                       json_mark_column(line, length, stopped != NULL ? (size_t)(stopped - marked) : 0));
    (void)enter(&r, "%s", type->name != NULL ? type->name : "the value");
    *value = root != NULL ? get_memory(&r, 1, type) : NULL;
    int rc = *value != NULL ? take(&r, root, type, *value) : -1;
    cJSON_Delete(root);
    free(marked);
    return rc;
}

#else

int json_value(const char *line, size_t length, const myl_schema *schema, myl_arena *arena, void **value,
               char reason[JSON_REASON_MAX])
{
    (void)line, (void)length, (void)schema, (void)arena, (void)value;
    (void)snprintf(reason, JSON_REASON_MAX, "this myelon was built without cJSON");
    return -1;
}

#endif
