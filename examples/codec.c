/* SPDX-License-Identifier: MIT
 * A program's own codec: integers in network byte order, one after the other. It supports structures of integers. */
#include <myelon/myelon.h>

#include <inttypes.h>
#include <stdio.h>

/* --- the codec ---------------------------------------------------------------------------------------------- */

static const myl_codec network;

static int check(const myl_schema *schema)
{
    const myl_type *type = myl_schema_type(schema);
    if (type->kind != MYL_KIND_STRUCT)
        return myl_codec_fail(MYL_ESCHEMA, &network, -1, "the root is no struct");
    for (size_t i = 0; i < type->count; i++) {
        if (type->fields[i].type->kind > MYL_KIND_I64) /* u8 .. i64 are the first kinds */
            return myl_codec_fail(MYL_ESCHEMA, &network, -1, "a field is no integer");
    }
    return MYL_OK;
}

/* An integer of this machine to one in network byte order, or back. */
static void convert(char *to, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = from[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? size - 1 - i : i];
}

static int size(const myl_schema *schema, const void *value, size_t *bytes)
{
    const myl_type *type = myl_schema_type(schema);
    (void)value; /* all values of a type have one length */
    *bytes = 0;
    for (size_t i = 0; i < type->count; i++)
        *bytes += type->fields[i].type->size;
    return MYL_OK;
}

static int encode(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes)
{
    const myl_type *type = myl_schema_type(schema);
    const myl_field *field = type->fields;
    char *to = buffer;
    int rc = size(schema, value, bytes);
    if (rc != MYL_OK)
        return rc;
    if (*bytes > room)
        return myl_codec_fail(MYL_EBUFFER, &network, -1, "the buffer is too small");
    for (size_t i = 0; i < type->count; to += field[i].type->size, i++)
        convert(to, (const char *)value + field[i].offset, field[i].type->size);
    return MYL_OK;
}

static int decode(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value)
{
    const myl_type *type = myl_schema_type(schema);
    const myl_field *field = type->fields;
    const char *from = bytes;
    void *made;
    size_t expected;
    int rc = size(schema, NULL, &expected);
    if (rc == MYL_OK && length != expected)
        rc = myl_codec_fail(MYL_EDECODE, &network, 0, "another length than the type's");
    if (rc == MYL_OK)
        rc = myl_arena_take(arena, type->size, type->align, &made);
    if (rc != MYL_OK)
        return rc;
    for (size_t i = 0; i < type->count; from += field[i].type->size, i++)
        convert((char *)made + field[i].offset, from, field[i].type->size);
    *value = made;
    return MYL_OK;
}

static const myl_codec network = {
    .struct_size = sizeof(myl_codec),
    .id = MYL_CODEC_USER,
    .form = MYL_TEXT_SCHEMA,
    .name = "network",
    .check = check,
    .size = size,
    .encode = encode,
    .decode = decode,
};

/* --- a message with it -------------------------------------------------------------------------------------- */

#define TICK(FIELD, T) FIELD(T, myl_u32, number) FIELD(T, myl_i64, price)
MYL_STRUCT(tick, TICK);

static int run(const myl_schema *schema, myl_arena *arena)
{
    const tick sent = {7, -1};
    unsigned char bytes[64];
    char text[64];
    size_t length;
    void *received;
    int rc = myl_codec_check(&network, schema);
    if (rc == MYL_OK)
        rc = myl_encode(&network, schema, &sent, bytes, sizeof bytes, &length);
    if (rc == MYL_OK)
        rc = myl_decode(&network, schema, bytes, length, arena, &received);
    if (rc != MYL_OK)
        return rc;
    myl_view view = myl_view_of(schema, received);
    rc = myl_view_json(&view, text, sizeof text, &length);
    if (rc == MYL_OK)
        printf("schema %016" PRIx64 ": %s\n", myl_schema_hash(schema, MYL_TEXT_SCHEMA), text);
    return rc;
}

int main(void)
{
    myl_schema *schema = NULL;
    myl_arena *arena = NULL;
    int rc = myl_schema_open(&schema, &tick_type);
    if (rc == MYL_OK)
        rc = myl_arena_open(&arena, 0);
    if (rc == MYL_OK)
        rc = run(schema, arena);
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_arena_close(arena);
    myl_schema_close(schema);
    return rc != MYL_OK;
}
