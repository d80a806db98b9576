/* SPDX-License-Identifier: MIT
 * FlatBuffers: bytes that the C++ library writes, each fault of a table, vtable, string and union, limits, shared
 * parts, and types with other fields. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <myelon/myelon.h>

#include "codec/golden.h"
#include "codec/types.h"
#include "support/test.h"

#define ROOM 4096

struct reading {
    _Alignas(16) unsigned char bytes[ROOM];
    size_t length;
    const myl_codec *codec;
    myl_schema *schema;
    myl_arena *arena;
};

static void begin(struct reading *r, const myl_type *type, const char *hex)
{
    r->codec = myl_codec_by_name("flatbuffers");
    r->length = golden_bytes(hex, r->bytes, sizeof r->bytes);
    test_ok(myl_schema_open(&r->schema, type));
    test_ok(myl_codec_check(r->codec, r->schema));
    test_ok(myl_arena_open(&r->arena, 0));
}

static void end(struct reading *r)
{
    myl_arena_close(r->arena);
    myl_schema_close(r->schema);
}

/* Decoded and in place, the bytes are the value of this JSON. */
static void expect_json(struct reading *r, const char *json)
{
    char text[ROOM];
    size_t length;
    void *value;
    myl_view view;
    test_ok(myl_decode(r->codec, r->schema, r->bytes, r->length, r->arena, &value));
    view = myl_view_of(r->schema, value);
    test_ok(myl_view_json(&view, text, sizeof text, &length));
    assert_string_equal(text, json);
    test_ok(myl_access(r->codec, r->schema, r->bytes, r->length, &view));
    test_ok(myl_view_json(&view, text, sizeof text, &length));
    assert_string_equal(text, json);
}

static void expect_refused(struct reading *r, const char *sentence)
{
    void *value;
    myl_view view;
    test_code(MYL_EDECODE, myl_decode(r->codec, r->schema, r->bytes, r->length, r->arena, &value));
    expect_detail(sentence);
    test_code(MYL_EDECODE, myl_access(r->codec, r->schema, r->bytes, r->length, &view));
    expect_detail(sentence);
}

/* --- what others write --------------------------------------------------------------------------------------- */

/* flatbuffers 2.0.8, C++: CopyTable of a value, with the schema of myl_flatbuffers_text. */
static void bytes_of_the_cpp_library_are_read(void **state)
{
    (void)state;
    static const struct {
        const myl_type *type;
        const char *hex, *json;
    } vectors[] = {
        {&t_v_type,
         "1000000000000a00 10000f0008000400 0a0000000c000000 2c00000000000009 0200000018000000 040000000a000000 "
         "6162636465666768 696a000002000000 6162000003000000 0100000002000000 03000000",
         "{\"tag\":9,\"v\":[1,2,3],\"w\":[\"ab\",\"abcdefghij\"]}"},
        {&t_o_type, "1400000000000000 00000a0014001000 000004000a000000 0600000000000000 0000000005000000",
         "{\"x\":5,\"y\":null,\"z\":6}"},
        {&t_mixed_type,
         "3400000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000e00 6a00040060003400 "
         "300064000e000000 0100000000000000 0200000000000000 0100030004000500 0600070809000000 410000000000c03f "
         "0000000040000000 0100000000000000 0200000000000000 0100030004000500 0600070809000000 410000000000c03f "
         "0000000018000000 4400000000000600 0800070006000000 0000000701000000 0100000000000000 0200000000000000 "
         "0100030004000500 0600070809000000 410000000000c03f 0000000002000000 0100000002000000",
         "{\"one\":{\"small\":1,\"large\":2,\"flag\":true,\"inner\":[{\"a\":3,\"b\":4},{\"a\":5,\"b\":6}],\"bytes\":[7,"
         "8,9],\"letter\":\"A\",\"ratio\":1.5},\"many\":[{\"small\":1,\"large\":2,\"flag\":true,\"inner\":[{\"a\":3,"
         "\"b\":4},{\"a\":5,\"b\":6}],\"bytes\":[7,8,9],\"letter\":\"A\",\"ratio\":1.5}],\"maybe\":{\"small\":1,"
         "\"large\":2,\"flag\":true,\"inner\":[{\"a\":3,\"b\":4},{\"a\":5,\"b\":6}],\"bytes\":[7,8,9],\"letter\":"
         "\"A\",\"ratio\":1.5},\"nested\":7,\"boxes\":[1,2],\"last\":null}"},
        {&t_shape_type,
         "0c00000008000e00 0700080008000000 0000000510000000 00000a0010000f00 080004000a000000 0c00000002000000 "
         "0000000102000000 68690000",
         "{\"pair\":{\"a\":1,\"b\":2,\"c\":\"hi\"}}"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct reading r;
        begin(&r, vectors[i].type, vectors[i].hex);
        expect_json(&r, vectors[i].json);
        end(&r);
    }
}

/* The table of reference: an identifier after the offset of the root, an empty table, and nothing else. */
static void identifier_and_missing_fields_are_accepted(void **state)
{
    (void)state;
    struct reading r;
    begin(&r, &t_s_type, "0c000000 4d594c54 0400 0400 04000000");
    expect_json(&r, "{\"id\":0,\"s\":\"\"}");
    end(&r);
    begin(&r, &t_v_type, "0c000000 4d594c54 0400 0400 04000000");
    expect_json(&r, "{\"tag\":0,\"v\":[],\"w\":[]}");
    end(&r);
}

/* --- faults --------------------------------------------------------------------------------------------------- */

#define S_HI "0c000000 0800 0c00 0400 0800 08000000 07000000 04000000 02000000 686900"
#define E_T  "0c000000 0800 0900 0800 0400 08000000 10000000 02 00 0800 0900 0400 0800 0000 0a000000 05000000 06"

static void each_fault_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const myl_type *type;
        const char *hex;
        size_t at;
        unsigned char byte;
        const char *sentence;
    } faults[] = {
        {&t_s_type, S_HI, 0, 0x00, "flatbuffers: byte 0: an offset of 0, 31 bytes are left"},
        {&t_s_type, S_HI, 0, 0x1f, "flatbuffers: byte 0: an offset of 31, 31 bytes are left"},
        {&t_s_type, S_HI, 3, 0x80, "flatbuffers: byte 0: an offset of 2147483660, 31 bytes are left"},
        {&t_s_type, S_HI, 0, 0x0e, "byte 14: t_s: a table that is not aligned to 4"},
        {&t_s_type, S_HI, 0, 0x1c, "byte 28: t_s: a table of 4 bytes, 3 are left"},
        {&t_s_type, S_HI, 12, 0x0e, "byte 12: t_s: a table whose vtable is at -2"},
        {&t_s_type, S_HI, 12, 0x07, "byte 12: t_s: a table whose vtable is at 5"},
        {&t_s_type, S_HI, 15, 0x80, "byte 12: t_s: a table whose vtable is at 2147483652"},
        {&t_s_type, S_HI, 4, 0x02, "byte 4: t_s: a vtable of 2 bytes"},
        {&t_s_type, S_HI, 4, 0x09, "byte 4: t_s: a vtable of 9 bytes"},
        {&t_s_type, S_HI, 4, 0xf0, "byte 4: t_s: a vtable of 240 bytes"},
        {&t_s_type, S_HI, 6, 0x03, "byte 12: t_s: a table of 3 bytes"},
        {&t_s_type, S_HI, 6, 0xff, "byte 12: t_s: a table of 255 bytes"},
        {&t_s_type, S_HI, 8, 0x02, "byte 8: t_s.id: a field of 4 bytes, alignment 4, at byte 2 of a table of 12 at 12"},
        {&t_s_type, S_HI, 8, 0x0c, "byte 8: t_s.id: a field of 4 bytes, alignment 4, at byte 12 of a table of 12"},
        {&t_s_type, S_HI, 8, 0x06, "byte 8: t_s.id: a field of 4 bytes, alignment 4, at byte 6 of a table of 12"},
        {&t_s_type, S_HI, 20, 0x00, "byte 20: t_s.s: an offset of 0, 11 bytes are left"},
        {&t_s_type, S_HI, 20, 0x0b, "byte 20: t_s.s: an offset of 11, 11 bytes are left"},
        {&t_s_type, S_HI, 20, 0x06, "byte 26: t_s.s: a length that is not aligned to 4"},
        {&t_s_type, S_HI, 20, 0x08, "byte 28: t_s.s: a length of 4 bytes, 3 are left"},
        {&t_s_type, S_HI, 24, 0x03, "byte 28: t_s.s: a string of 4 bytes, 3 are left"},
        {&t_s_type, S_HI, 27, 0xff, "byte 28: t_s.s: a string of 4278190083 bytes, 3 are left"},
        {&t_s_type, S_HI, 24, 0x01, "byte 29: t_s.s: a string without a NUL after it"},
        {&t_s_type, S_HI, 28, 0xff, "byte 28: t_s.s: a string that is not UTF-8"},
        {&t_e_type, E_T, 20, 0x00, "byte 20: a union of tag 0 with content"},
        {&t_e_type, E_T, 20, 0x04, "byte 20: tag 3 of a union of 3 variants"},
        {&t_e_type, E_T, 10, 0x00, "byte 20: a union of tag 2 without content"},
        {&t_e_type, E_T, 8, 0x00, "byte 12: a union of tag 0 with content"},
        {&t_e_type, E_T, 4, 0x04, "byte 0: the field is missing; a union must be there, unless it is an option"},
        {&t_e_type, E_T, 28, 0x10, "of a table of 9"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct reading r;
        begin(&r, faults[i].type, faults[i].hex);
        size_t kept = r.bytes[faults[i].at];
        r.bytes[faults[i].at] = faults[i].byte;
        if (faults[i].at == 27)
            r.bytes[24] = 2;
        expect_refused(&r, faults[i].sentence);
        assert_true(kept != faults[i].byte);
        end(&r);
    }
}

static void array_has_its_number_of_elements(void **state)
{
    (void)state;
    struct reading r;
    /* A holder of an array: vtable, table, vector. */
    begin(&r, &t_u16_pair_type, "0c000000 0600 0800 0400 0000 08000000 04000000 02000000 0100 0200");
    expect_json(&r, "[1,2]");
    r.bytes[20] = 1;
    expect_refused(&r, "byte 20: 1 elements of an array of 2");
    r.bytes[20] = 3;
    expect_refused(&r, "byte 20: 3 elements of an array of 2");
    r.bytes[4] = 4;
    expect_refused(&r, "the field is missing; a array must be there, unless it is an option");
    end(&r);
}

/* --- limits --------------------------------------------------------------------------------------------------- */

#define T_CHAIN(FIELD, T) FIELD(T, t_chain_option, next)
#define T_TREE(FIELD, T) FIELD(T, t_tree_vector, children)
MYL_DECLARE(t_chain);
MYL_BOX(t_chain_box, t_chain);
MYL_OPTION(t_chain_option, t_chain_box);
MYL_STRUCT(t_chain, T_CHAIN);
MYL_DECLARE(t_tree);
MYL_VECTOR(t_tree_vector, t_tree);
MYL_STRUCT(t_tree, T_TREE);
MYL_VECTOR(t_bytes_vector, myl_bytes);

static void put32(unsigned char *bytes, size_t at, uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[at + i] = (unsigned char)(number >> 8 * i);
}

/* `levels` tables, each with the next one. */
static void write_chain(struct reading *r, unsigned levels)
{
    r->length = golden_bytes("10000000 0600 0800 0400 0000 0400 0400", r->bytes, ROOM);
    for (unsigned i = 1; i < levels; i++, r->length += 8) {
        put32(r->bytes, r->length, (uint32_t)r->length - 4);
        put32(r->bytes, r->length + 4, 4);
    }
    put32(r->bytes, r->length, (uint32_t)r->length - 12);
    r->length += 4;
}

static void at_most_64_tables_are_nested(void **state)
{
    (void)state;
    struct reading r;
    static t_chain chain[65];
    size_t length;
    void *value;
    begin(&r, &t_chain_type, "");
    write_chain(&r, 64);
    test_ok(myl_decode(r.codec, r.schema, r.bytes, r.length, r.arena, &value));
    write_chain(&r, 65);
    expect_refused(&r, "t_chain.next: deeper than 64 tables");
    for (size_t i = 0; i + 1 < 64; i++)
        chain[i].next = (t_chain_option){true, &chain[i + 1]};
    test_ok(myl_encode(r.codec, r.schema, chain, r.bytes, ROOM, &length));
    chain[63].next = (t_chain_option){true, &chain[64]};
    test_code(MYL_EINVAL, myl_encode(r.codec, r.schema, chain, r.bytes, ROOM, &length));
    expect_detail("flatbuffers: t_chain.next: deeper than 64 tables; split the value");
    end(&r);
}

/* Eight levels of a vector whose 16 elements are the same table. */
static void shared_tables_are_counted_each_time(void **state)
{
    (void)state;
    struct reading r;
    begin(&r, &t_tree_type, "0c000000 0600 0800 0400 0000");
    for (unsigned level = 0; level < 8; level++) {
        size_t table = r.length;
        put32(r.bytes, table, (uint32_t)table - 4);
        put32(r.bytes, table + 4, 4);
        put32(r.bytes, table + 8, level < 7 ? 16 : 0);
        r.length = table + 12;
        for (unsigned i = 0; level < 7 && i < 16; i++, r.length += 4)
            put32(r.bytes, r.length, (uint32_t)(table + 12 + 64 - r.length));
    }
    expect_refused(&r, "t_tree.children: more than 1000000 tables");
    end(&r);
}

/* 1100 elements that are the same megabyte. */
static void shared_bytes_are_counted_each_time(void **state)
{
    (void)state;
    const size_t blob = 1 << 20, count = 1100;
    struct reading r;
    myl_view view;
    begin(&r, &t_bytes_vector_type, "0c000000 0600 0800 0400 0000 08000000 04000000");
    unsigned char *bytes = calloc(1, blob + 8 * count);
    size_t first = r.length + 4, held = first + 4 * count, length = held + 12 + blob;
    memcpy(bytes, r.bytes, r.length);
    put32(bytes, r.length, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        put32(bytes, first + 4 * i, (uint32_t)(held - first - 4 * i));
    put32(bytes, held, (uint32_t)held - 4);
    put32(bytes, held + 4, 4);
    put32(bytes, held + 8, (uint32_t)blob);
    test_code(MYL_EDECODE, myl_access(r.codec, r.schema, bytes, length, &view));
    expect_detail("a value of more than 1073741824 bytes, shared parts counted again");
    put32(bytes, r.length, 1000);
    test_ok(myl_access(r.codec, r.schema, bytes, length, &view));
    free(bytes);
    end(&r);
}

static void types_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static char names[256][8];
    static myl_field variants[256];
    const myl_codec *codec = myl_codec_by_name("flatbuffers");
    myl_type type = {.kind = MYL_KIND_UNION, .name = "wide", .size = 4, .align = 4, .fields = variants};
    myl_schema *schema;
    for (size_t i = 0; i < 256; i++) {
        (void)snprintf(names[i], sizeof names[i], "v%zu", i);
        variants[i] = (myl_field){names[i], &myl_unit_type, 3};
    }
    type.size = 8;
    for (size_t i = 0; i < 256; i++)
        variants[i].offset = 4;
    type.count = 255;
    test_ok(myl_schema_open(&schema, &type));
    test_ok(myl_codec_check(codec, schema));
    myl_schema_close(schema);
    type.count = 256;
    test_ok(myl_schema_open(&schema, &type));
    test_code(MYL_ESCHEMA, myl_codec_check(codec, schema));
    expect_detail("flatbuffers: union wide has 256 variants, at most 255 are possible");
    myl_schema_close(schema);

    myl_type items = {.kind = MYL_KIND_ARRAY, .size = 65532, .align = 1, .element = &myl_u8_type, .count = 65532};
    const myl_field field = {"items", &items, 0};
    myl_type fixed = {.kind = MYL_KIND_STRUCT,
                      .flags = MYL_TYPE_FIXED,
                      .name = "large",
                      .size = 65532,
                      .align = 1,
                      .count = 1,
                      .fields = &field};
    test_ok(myl_schema_open(&schema, &fixed));
    test_code(MYL_ESCHEMA, myl_codec_check(codec, schema));
    expect_detail("flatbuffers: struct large has 65532 bytes in place, at most 65531 are possible; use vectors");
    myl_schema_close(schema);
}

static void fixed_structures_have_numbers_only(void **state)
{
    (void)state;
    const myl_type inner = {.kind = MYL_KIND_ARRAY, .size = 4, .align = 2, .element = &myl_u16_type, .count = 2};
    const myl_type outer = {.kind = MYL_KIND_ARRAY, .size = 8, .align = 2, .element = &inner, .count = 2};
    const myl_type large = {.kind = MYL_KIND_ARRAY, .size = 65536, .align = 1, .element = &myl_u8_type, .count = 65536};
    const myl_type *const types[] = {&myl_string_type, &t_s_type, &t_u8_option_type, &outer, &large};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const myl_field field = {"f", types[i], 0};
        const myl_type fixed = {.kind = MYL_KIND_STRUCT,
                                .flags = MYL_TYPE_FIXED,
                                .name = "fixed_one",
                                .size = types[i]->size,
                                .align = types[i]->align,
                                .count = 1,
                                .fields = &field};
        test_code(MYL_ESCHEMA, myl_type_check(&fixed));
        expect_detail(types[i] == &large
                          ? "field f has 65536 elements, an array in a MYL_FIXED structure has at most 65535"
                          : "field f is not of fixed size");
    }
}

/* --- types with other fields ----------------------------------------------------------------------------------- */

#define T_OLD(FIELD, T) FIELD(T, myl_u32, id) FIELD(T, myl_string, s)
#define T_NEW(FIELD, T)                                    \
    FIELD(T, myl_u32, id)                                  \
    FIELD(T, myl_string, s)                                \
    FIELD(T, myl_f64, price)                               \
    FIELD(T, t_u32_vector, list)                           \
    FIELD(T, t_u8_option, small)                           \
    FIELD(T, t_fixed_option, fixed)
MYL_STRUCT_NAMED(t_old, "order", T_OLD);
MYL_STRUCT_NAMED(t_new, "order", T_NEW);

static void fields_may_be_added_at_the_end(void **state)
{
    (void)state;
    struct reading r;
    uint32_t numbers[] = {1, 2};
    const t_old before = {7, {"hi", 2}};
    const t_new after = {7, {"hi", 2}, 1.5, {numbers, 2}, {true, 3}, {false, {0}}};
    myl_schema *other;
    test_ok(myl_schema_open(&other, &t_new_type));
    begin(&r, &t_old_type, "");
    test_ok(myl_encode(r.codec, other, &after, r.bytes, ROOM, &r.length));
    expect_json(&r, "{\"id\":7,\"s\":\"hi\"}");
    end(&r);
    myl_schema_close(other);
    test_ok(myl_schema_open(&other, &t_old_type));
    begin(&r, &t_new_type, "");
    test_ok(myl_encode(r.codec, other, &before, r.bytes, ROOM, &r.length));
    expect_json(&r, "{\"id\":7,\"s\":\"hi\",\"price\":0,\"list\":[],\"small\":null,\"fixed\":null}");
    end(&r);
    myl_schema_close(other);
}

/* --- the schema of flatc --------------------------------------------------------------------------------------- */

/* interop.flatbuffers gives this file to flatc. */
static void schema_of_flatc_is_the_one_in_the_tree(void **state)
{
    (void)state;
    char path[TEST_PATH_SIZE];
    static char text[1 << 14], file_text[1 << 14];
    const char *source = getenv("MYL_TEST_SOURCE_DIR");
    myl_schema *schema;
    size_t length, again;
    (void)snprintf(path, sizeof path, "%s/tests/interop/flatbuffers/every.fbs", source != NULL ? source : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    file_text[fread(file_text, 1, sizeof file_text - 1, file)] = '\0';
    (void)fclose(file);
    test_ok(myl_schema_open(&schema, &t_every_type));
    test_ok(myl_flatbuffers_text(schema, text, sizeof text, &length));
    assert_string_equal(text, file_text);
    assert_int_equal(length, strlen(text));
    test_ok(myl_flatbuffers_text(schema, NULL, 0, &again));
    assert_int_equal(again, length);
    test_code(MYL_EBUFFER, myl_flatbuffers_text(schema, text, length, &again));
    assert_int_equal(strlen(text), length - 1);
    myl_schema_close(schema);
}

/* --- binary schemas ---------------------------------------------------------------------------------------------- */

/* A file of tests/codec/flatbuffers. Returns its length. */
static size_t read_file(const char *name, unsigned char *bytes, size_t room)
{
    char path[TEST_PATH_SIZE];
    const char *source = getenv("MYL_TEST_SOURCE_DIR");
    (void)snprintf(path, sizeof path, "%s/tests/codec/flatbuffers/%s", source != NULL ? source : ".", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(bytes, 1, room, file);
    (void)fclose(file);
    return length;
}

/* flatc -b sample.fbs */
#define MONSTER                                                                                                        \
    "200000001c003c0008000600200024000400280005002c0030003400000038001c000000010107000000803f00000040" \
    "03000000000000000405060000000000a80000009c000000700000005800000034000000200000000400000001000000" \
    "040000000100000061000a0008000000000004000a0000000400000003000000456c6600010000000000803f0000803f" \
    "0100000000000000000000000000000000000000e4ffffff00000500040000000300000041786500010000000c000000" \
    "08000c00080006000800000000000300040000000500000053776f72640000000200000001020000030000004f726300"

static void binary_schema_of_flatc_gives_a_type(void **state)
{
    (void)state;
    struct reading r;
    myl_view view;
    char text[ROOM];
    size_t length = read_file("sample.bfbs", r.bytes, ROOM);
    test_ok(myl_flatbuffers_schema(&r.schema, r.bytes, length));
    assert_string_equal(myl_schema_text(r.schema, MYL_TEXT_SCHEMA), "schema 1\n"
                                                                    "root Game_Monster\n"
                                                                    "struct Game_Monster\n"
                                                                    "  pos: option<Game_Vec>\n"
                                                                    "  mana: option<i16>\n"
                                                                    "  name: string\n"
                                                                    "  inventory: bytes\n"
                                                                    "  color: i8\n"
                                                                    "  weapons: [Game_Weapon]\n"
                                                                    "  equipped: option<Game_Item>\n"
                                                                    "  path: [Game_Vec]\n"
                                                                    "  friend: option<box<Game_Monster>>\n"
                                                                    "  hp: i16\n"
                                                                    "  tags: [string]\n"
                                                                    "fixed Game_Vec\n"
                                                                    "  x: f32\n"
                                                                    "  y: f32\n"
                                                                    "  id: u64\n"
                                                                    "  parts: [u8; 3]\n"
                                                                    "struct Game_Weapon\n"
                                                                    "  name: string\n"
                                                                    "  damage: i16\n"
                                                                    "union Game_Item\n"
                                                                    "  Weapon: box<Game_Weapon>\n"
                                                                    "  none\n");
    r.length = golden_bytes(MONSTER, r.bytes, sizeof r.bytes);
    test_ok(myl_access(myl_codec_by_name("flatbuffers"), r.schema, r.bytes, r.length, &view));
    test_ok(myl_view_json(&view, text, sizeof text, &length));
    assert_string_equal(
        text,
        "{\"pos\":{\"x\":1,\"y\":2,\"id\":3,\"parts\":[4,5,6]},\"mana\":7,\"name\":\"Orc\",\"inventory\":"
        "\"0102\",\"color\":1,\"weapons\":[{\"name\":\"Sword\",\"damage\":3}],\"equipped\":{\"Weapon\":{\"name\":"
        "\"Axe\",\"damage\":5}},\"path\":[{\"x\":1,\"y\":1,\"id\":1,\"parts\":[0,0,0]}],\"friend\":{\"pos\":null,"
        "\"mana\":null,\"name\":\"Elf\",\"inventory\":\"\",\"color\":0,\"weapons\":[],\"equipped\":null,\"path\":[],"
        "\"friend\":null,\"hp\":0,\"tags\":[]},\"hp\":0,\"tags\":[\"a\"]}");
    myl_schema_close(r.schema);
}

static void what_a_type_cannot_express_is_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"default.bfbs", "Game.Monster.hp has a default that is not 0"},
        {"align.bfbs", "struct Game_Vec has 32 bytes and alignment 16, expected 24 and 8; remove its force_align"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char bytes[ROOM];
        myl_schema *schema = (void *)bytes;
        test_code(MYL_ESCHEMA, myl_flatbuffers_schema(&schema, bytes, read_file(cases[i][0], bytes, sizeof bytes)));
        expect_detail(cases[i][1]);
        assert_null(schema);
    }
}

static void damaged_binary_schema_does_no_harm(void **state)
{
    (void)state;
    unsigned char bytes[ROOM];
    unsigned accepted = 0, refused = 0;
    size_t length = read_file("sample.bfbs", bytes, sizeof bytes);
    static const unsigned char changes[] = {0x01, 0x10, 0x80, 0xff};
    for (size_t at = 0; at < length; at++) {
        for (size_t k = 0; k < sizeof changes; k++) {
            myl_schema *schema;
            bytes[at] ^= changes[k];
            int rc = myl_flatbuffers_schema(&schema, bytes, length);
            if (rc != MYL_OK && rc != MYL_EDECODE && rc != MYL_ESCHEMA)
                test_fail("byte %zu: %s: %s", at, myl_errname(rc), myl_error_detail());
            accepted += rc == MYL_OK;
            refused += rc != MYL_OK;
            if (rc == MYL_OK)
                myl_schema_close(schema);
            bytes[at] ^= changes[k];
        }
    }
    assert_true(accepted > 0 && refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_the_cpp_library_are_read),
        cmocka_unit_test(identifier_and_missing_fields_are_accepted),
        cmocka_unit_test(each_fault_is_refused_with_its_place),
        cmocka_unit_test(array_has_its_number_of_elements),
        cmocka_unit_test(at_most_64_tables_are_nested),
        cmocka_unit_test(shared_tables_are_counted_each_time),
        cmocka_unit_test(shared_bytes_are_counted_each_time),
        cmocka_unit_test(types_that_do_not_fit_are_refused),
        cmocka_unit_test(fixed_structures_have_numbers_only),
        cmocka_unit_test(fields_may_be_added_at_the_end),
        cmocka_unit_test(schema_of_flatc_is_the_one_in_the_tree),
        cmocka_unit_test(binary_schema_of_flatc_gives_a_type),
        cmocka_unit_test(what_a_type_cannot_express_is_refused),
        cmocka_unit_test(damaged_binary_schema_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
