/* SPDX-License-Identifier: MIT
 * The codecs msgpack and msgpack_array: every format of the MessagePack specification, the shortest form on writing,
 * fields that are missing, unknown or in another order, and lengths that lie. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <myelon/codec.h>

#include "codec/golden.h"
#include "codec/types.h"
#include "support/test.h"

#define ROOM 512

MYL_VECTOR(options, t_o);
MYL_VECTOR(numbers, myl_u8);

static const char *const both[] = {"msgpack", "msgpack_array"};

/* --- reading ------------------------------------------------------------------------------------------------ */

/* Decodes a block of exactly these bytes. MYL_OK: `text` is the value as JSON; else a part of the sentence. */
static void expect(const char *codec, const myl_type *type, const char *hex, int code, const char *text)
{
    unsigned char bytes[ROOM];
    char json[ROOM];
    myl_schema *schema;
    myl_arena *arena;
    void *value = &value;
    size_t length = golden_bytes(hex, bytes, sizeof bytes), n;
    unsigned char *block = malloc(length > 0 ? length : 1);
    memcpy(block, bytes, length);
    test_ok(myl_schema_open(&schema, type));
    test_ok(myl_arena_open(&arena, 0));
    int rc = myl_decode(myl_codec_by_name(codec), schema, block, length, arena, &value);
    if (rc != code)
        test_fail("%s of %s: %s: %s", codec, hex, myl_errname(rc), myl_error_detail());
    if (rc == MYL_OK) {
        myl_view view = myl_view_of(schema, value);
        test_ok(myl_view_json(&view, json, sizeof json, &n));
        if (strcmp(json, text) != 0)
            test_fail("%s of %s is %s, expected %s", codec, hex, json, text);
    } else {
        expect_detail(text);
        assert_ptr_equal(value, &value);
    }
    myl_arena_close(arena);
    myl_schema_close(schema);
    free(block);
}

static void accept(const myl_type *type, const char *hex, const char *json)
{
    expect(both[0], type, hex, MYL_OK, json);
    expect(both[1], type, hex, MYL_OK, json);
}

static void refuse(const myl_type *type, const char *hex, const char *fragment)
{
    expect(both[0], type, hex, MYL_EDECODE, fragment);
    expect(both[1], type, hex, MYL_EDECODE, fragment);
}

static void integers_are_read_in_every_form(void **state)
{
    (void)state;
    static const char *const sevens[] = {"07",   "cc07",   "cd0007",     "ce00000007",        "cf0000000000000007",
                                         "d007", "d10007", "d200000007", "d30000000000000007"};
    static const myl_type *const types[] = {&myl_u8_type, &myl_u16_type, &myl_u32_type, &myl_u64_type,
                                            &myl_i8_type, &myl_i16_type, &myl_i32_type, &myl_i64_type};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (size_t k = 0; k < sizeof sevens / sizeof sevens[0]; k++)
            accept(types[i], sevens[k], "7");
        accept(types[i], "7f", "127");
        accept(types[i], "00", "0");
    }
    for (size_t i = 4; i < sizeof types / sizeof types[0]; i++) {
        static const char *const minus[] = {"e0", "d0e0", "d1ffe0", "d2ffffffe0", "d3ffffffffffffffe0"};
        for (size_t k = 0; k < sizeof minus / sizeof minus[0]; k++)
            accept(types[i], minus[k], "-32");
        accept(types[i], "ff", "-1");
        accept(types[i], "d080", "-128");
    }
    accept(&myl_u64_type, "cfffffffffffffffff", "18446744073709551615");
    accept(&myl_i64_type, "cf7fffffffffffffff", "9223372036854775807");
    accept(&myl_i64_type, "d38000000000000000", "-9223372036854775808");
}

static void integers_out_of_range_are_refused(void **state)
{
    (void)state;
    refuse(&myl_u8_type, "cd0100", "byte 0: 256 is no u8");
    refuse(&myl_u8_type, "ff", "-1 is no u8");
    refuse(&myl_u64_type, "d3ffffffffffffffff", "-1 is no u64");
    refuse(&myl_u16_type, "ce00010000", "65536 is no u16");
    refuse(&myl_u32_type, "cf0000000100000000", "4294967296 is no u32");
    refuse(&myl_i8_type, "cc80", "128 is no i8");
    refuse(&myl_i8_type, "d1ff7f", "-129 is no i8");
    refuse(&myl_i16_type, "d2ffff7fff", "-32769 is no i16");
    refuse(&myl_i16_type, "cd8000", "32768 is no i16");
    refuse(&myl_i32_type, "ce80000000", "2147483648 is no i32");
    refuse(&myl_i32_type, "d3ffffffff7fffffff", "-2147483649 is no i32");
    refuse(&myl_i64_type, "cf8000000000000000", "9223372036854775808 is no i64");
    refuse(&myl_u8_type, "ca3f800000", "a float, expected u8");
    refuse(&myl_u8_type, "c3", "a bool, expected u8");
}

static void floats_are_read_from_both_widths_and_from_integers(void **state)
{
    (void)state;
    accept(&myl_f32_type, "ca3fc00000", "1.5");
    accept(&myl_f32_type, "cb3ff8000000000000", "1.5");
    accept(&myl_f64_type, "cb3ff8000000000000", "1.5");
    accept(&myl_f64_type, "ca3fc00000", "1.5");
    accept(&myl_f32_type, "cb3fb999999999999a", "0.1");
    accept(&myl_f64_type, "05", "5");
    accept(&myl_f32_type, "d0fb", "-5");
    accept(&myl_f32_type, "ce01000000", "16777216");
    accept(&myl_f64_type, "cf8000000000000000", "9.223372036854776e+18");
    accept(&myl_f32_type, "d38000000000000000", "-9.223372e+18");
    accept(&myl_f32_type, "cb7ff0000000000000", "null"); /* infinity stays infinity */
    accept(&myl_f32_type, "cb47efffffe0000000", "3.4028235e+38");
    refuse(&myl_f32_type, "ce01000001", "the integer 16777217 is no f32");
    refuse(&myl_f64_type, "d3ffdfffffffffffff", "the integer -9007199254740993 is no f64");
    refuse(&myl_f32_type, "cb47effffff0000000", "3.40282e+38 is no f32");
    refuse(&myl_f32_type, "cbc7f0000000000000", "-3.40282e+38 is no f32");
    refuse(&myl_f32_type, "a131", "a string, expected f32");
}

static void bools_chars_and_texts_are_read(void **state)
{
    (void)state;
    accept(&myl_bool_type, "c2", "false");
    accept(&myl_bool_type, "c3", "true");
    refuse(&myl_bool_type, "01", "an integer, expected bool");
    accept(&myl_char_type, "a178", "\"x\"");
    accept(&myl_char_type, "d904f09f9880", "\"\xf0\x9f\x98\x80\"");
    refuse(&myl_char_type, "a0", "a string of 0 bytes is not one char");
    refuse(&myl_char_type, "a26162", "not one char");
    refuse(&myl_char_type, "a3eda080", "not one char in UTF-8");
    refuse(&myl_char_type, "a56162636465", "a string of 5 bytes is not one char");
    refuse(&myl_char_type, "18", "an integer, expected char");
    accept(&myl_string_type, "a26869", "\"hi\"");
    accept(&myl_string_type, "d9026869", "\"hi\"");
    accept(&myl_string_type, "da00026869", "\"hi\"");
    accept(&myl_string_type, "db000000026869", "\"hi\"");
    refuse(&myl_string_type, "a261ff", "byte 2: a string that is not UTF-8");
    refuse(&myl_string_type, "c4026869", "bin data, expected string");
    accept(&myl_bytes_type, "c402ff00", "\"ff00\"");
    accept(&myl_bytes_type, "c50002ff00", "\"ff00\"");
    accept(&myl_bytes_type, "c600000002ff00", "\"ff00\"");
    refuse(&myl_bytes_type, "a26869", "a string, expected bytes");
}

static void arrays_are_read_in_every_form(void **state)
{
    (void)state;
    accept(&t_u32_vector_type, "90", "[]");
    accept(&t_u32_vector_type, "920102", "[1,2]");
    accept(&t_u32_vector_type, "dc00020102", "[1,2]");
    accept(&t_u32_vector_type, "dd000000020102", "[1,2]");
    accept(&t_u16_pair_type, "920102", "[1,2]");
    refuse(&t_u16_pair_type, "9101", "an array of 1 elements, expected 2");
    refuse(&t_u16_pair_type, "93010203", "an array of 3 elements, expected 2");
    refuse(&t_u32_vector_type, "80", "a map, expected vector");
    refuse(&t_u16_pair_type, "c402ff00", "bin data, expected array");
    accept(&t_u8_option_type, "c0", "null");
    accept(&t_u8_option_type, "05", "5");
    refuse(&myl_u8_type, "c0", "nil, expected u8");
    accept(&t_u64_box_type, "05", "5");
    accept(&t_u32_matrix_type, "92 90 dc000101", "[[],[1]]");
}

static void unions_are_a_name_or_a_map_from_it(void **state)
{
    (void)state;
    accept(&t_e_type, "a4756e6974", "\"unit\"");
    accept(&t_e_type, "81a4756e6974c0", "\"unit\"");
    accept(&t_e_type, "de0001 d90174 82 a26631 06 a26630 05", "{\"t\":{\"f0\":5,\"f1\":6}}");
    accept(&t_e_type, "81a174920506", "{\"t\":{\"f0\":5,\"f1\":6}}");
    accept(&t_shape_type, "81a46279746509", "{\"byte\":9}");
    refuse(&t_e_type, "a174", "t_e.t: the name of a variant alone, expected a map from it to struct");
    refuse(&t_e_type, "a3780a79", "there is no variant \"x?y\"");
    refuse(&t_e_type, "81a4756e697401", "an integer, expected unit");
    refuse(&t_e_type, "80", "a map of 0 pairs; a union has one");
    refuse(&t_e_type, "82a174920506a16e9107", "a map of 2 pairs; a union has one");
    refuse(&t_e_type, "8101c0", "keys are the names of variants");
    refuse(&t_e_type, "01", "an integer, expected union t_e");
    refuse(&t_e_type, "92a174c0", "an array, expected union t_e");
}

static void other_formats_and_extensions_are_refused(void **state)
{
    (void)state;
    static const char *const extensions[] =
        {"d40100", "d5010000", "d60100000000", "d7010000000000000000", "d80100000000000000000000000000000000",
         "c70001", "c8000001", "c90000000001"};
    refuse(&myl_u8_type, "c1", "byte 0: 0xc1, which is no format of MessagePack");
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
        refuse(&myl_u64_type, extensions[i], "extension data, expected u64");
    refuse(&t_a_type, "c0", "nil, expected struct t_a");
    refuse(&myl_u8_type, "0707", "byte 1: 1 bytes after the end of the value");
    refuse(&myl_u8_type, "", "1 bytes are needed, 0 are left");
}

/* --- evolution ---------------------------------------------------------------------------------------------- */

static void fields_may_come_in_any_order(void **state)
{
    (void)state;
    accept(&t_a_type, "83 a16101 a16202 a16303", "{\"a\":1,\"b\":2,\"c\":3}");
    accept(&t_a_type, "83 a16303 a16202 a16101", "{\"a\":1,\"b\":2,\"c\":3}");
    accept(&t_a_type, "de0003 d90162cd0002 a16303 a16101", "{\"a\":1,\"b\":2,\"c\":3}");
    accept(
        &t_bincode_type,
        "8b a27573 07 a161 920102 a163 a141 a166 cb3ff8000000000000 a162 c3 a16e c0 a16f 05 a176 90 a46e616d65 a0 "
        "a36e6567 fe a26964 01",
        "{\"id\":1,\"neg\":-2,\"name\":\"\",\"v\":[],\"o\":5,\"n\":null,\"b\":true,\"f\":1.5,\"c\":\"A\",\"a\":[1,2],"
        "\"us\":7}");
}

static void unknown_fields_are_skipped(void **state)
{
    (void)state;
    static const char *const contents[] = {"c0",
                                           "c2",
                                           "00",
                                           "ff",
                                           "cc01",
                                           "cd0001",
                                           "ce00000001",
                                           "cf0000000000000001",
                                           "d001",
                                           "d10001",
                                           "d200000001",
                                           "d30000000000000001",
                                           "ca00000000",
                                           "cb0000000000000000",
                                           "a0",
                                           "a161",
                                           "a1ff",
                                           "d90161",
                                           "da000161",
                                           "db0000000161",
                                           "c40161",
                                           "c5000161",
                                           "c60000000161",
                                           "90",
                                           "93 01 02 91c0",
                                           "dc000101",
                                           "dd0000000101",
                                           "80",
                                           "82 01 02 a161 91c0",
                                           "de0001 c0 90",
                                           "df00000001 c0 90",
                                           "d40100",
                                           "d5010000",
                                           "d60100000000",
                                           "d7010000000000000000",
                                           "d8010000000000000000 0000000000000000",
                                           "c70101ff",
                                           "c8000101ff",
                                           "c90000000101ff",
                                           "92 92 81a16191c0 01 93 c0c0c0"};
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        char hex[ROOM];
        (void)snprintf(hex, sizeof hex, "84 a16101 a36e6577 %s a16202 a16303", contents[i]);
        accept(&t_a_type, hex, "{\"a\":1,\"b\":2,\"c\":3}");
        (void)snprintf(hex, sizeof hex, "94 01 02 03 %s", contents[i]);
        accept(&t_a_type, hex, "{\"a\":1,\"b\":2,\"c\":3}");
    }
    /* A name of 65 bytes, and one that starts like a field. */
    char hex[ROOM] = "85 a16101 d941";
    for (size_t i = 0; i < 65; i++)
        (void)strcat(hex, "61");
    (void)strcat(hex, "01 a26161 02 a16202 a16303");
    accept(&t_a_type, hex, "{\"a\":1,\"b\":2,\"c\":3}");
    refuse(&t_a_type, "84 a16101 a16202 a16303 a178c1", "byte 12: t_a: 0xc1");
    refuse(&t_a_type, "84 a16101 a16202 a16303 a178 9391c0c0", "byte 14: t_a: 3 items follow, 2 bytes are left");
    refuse(&t_a_type, "84 a16101 a16202 a16303 01c0", "t_a: a key that is not a string");
}

static void only_options_may_be_missing(void **state)
{
    (void)state;
    accept(&t_o_type, "80", "{\"x\":null,\"y\":null,\"z\":null}");
    accept(&t_o_type, "81a17906", "{\"x\":null,\"y\":6,\"z\":null}");
    accept(&t_o_type, "90", "{\"x\":null,\"y\":null,\"z\":null}");
    accept(&t_o_type, "920506", "{\"x\":5,\"y\":6,\"z\":null}");
    refuse(&t_a_type, "82a16101a16303", "byte 0: t_a.b: the field is missing; only an option may be");
    refuse(&t_a_type, "920102", "byte 0: t_a.c: the field is missing; only an option may be");
    refuse(&t_s_type, "81a2696407", "t_s.s: the field is missing");
}

static void a_field_that_is_there_twice_is_refused(void **state)
{
    (void)state;
    refuse(&t_a_type, "84 a16101 a16202 a16303 a16201", "byte 10: t_a.b: the field is there twice");
    refuse(&t_o_type, "82 a178c0 a178c0", "t_o.x: the field is there twice");
}

/* --- lengths that lie --------------------------------------------------------------------------------------- */

static void lengths_are_compared_with_the_bytes_left(void **state)
{
    (void)state;
    refuse(&myl_string_type, "dbffffffff61", "4294967295 bytes are needed, 1 are left");
    refuse(&myl_string_type, "bf61", "31 bytes are needed");
    refuse(&myl_bytes_type, "c6ffffffff", "4294967295 bytes are needed, 0 are left");
    refuse(&myl_u8_type, "c9ffffffff", "4294967296 bytes are needed");
    refuse(&t_u32_vector_type, "ddffffffff01", "4294967295 elements, 1 bytes are left");
    refuse(&t_a_type, "dfffffffff01", "4294967295 pairs, 1 bytes are left");
    refuse(&t_a_type, "8f a161", "15 pairs");
    refuse(&t_string_vector_type, "dc0010 a0", "16 elements");
    refuse(&t_point_vector_type, "9401020304", "4 elements of at least 3 bytes, 4 are left");
    refuse(&t_u32_vector_type, "dc00", "2 bytes are needed, 1 are left");
}

/* No memory is taken for elements that cannot be there. Otherwise the result would be MYL_ETOOBIG. */
static void memory_is_limited_by_the_arena(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    static unsigned char bytes[5 + MANY];
    myl_schema *schema;
    myl_arena *arena;
    void *value;
    for (size_t i = 0; i < 2; i++) {
        const myl_codec *codec = myl_codec_by_name(both[i]);
        test_ok(myl_schema_open(&schema, &options_type));
        test_ok(myl_arena_open(&arena, 4096));
        memset(bytes, 0x80, sizeof bytes);
        (void)golden_bytes("dd00002711", bytes, 5);
        test_code(MYL_EDECODE, myl_decode(codec, schema, bytes, sizeof bytes, arena, &value));
        (void)golden_bytes("dd00002710", bytes, 5);
        test_code(MYL_ETOOBIG, myl_decode(codec, schema, bytes, sizeof bytes, arena, &value));
        expect_detail("the arena's limit is 4096");
        (void)golden_bytes("9f", bytes, 1);
        memset(bytes + 1, 0x80, 15);
        test_ok(myl_decode(codec, schema, bytes, 16, arena, &value));
        assert_int_equal(((options *)value)->count, 15);
        myl_arena_close(arena);
        myl_schema_close(schema);
    }
}

static void depth_of_bytes_is_limited(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    static unsigned char bytes[3 * DEEP];
    myl_schema *schema;
    myl_arena *arena;
    void *value;
    test_ok(myl_arena_open(&arena, 0));
    test_ok(myl_schema_open(&schema, &t_node_type));
    for (size_t i = 0; i < 2; i++) { /* {"next": {"next": ... */
        const myl_codec *codec = myl_codec_by_name(both[i]);
        for (size_t at = 0; at + 6 <= sizeof bytes; at += 6)
            memcpy(bytes + at, "\x81\xa4next", 6);
        test_code(MYL_EDECODE, myl_decode(codec, schema, bytes, sizeof bytes, arena, &value));
        expect_detail("byte 768: t_node.next: deeper than 128");
    }
    myl_schema_close(schema);
    /* An unknown field has no limit of depth, and takes no stack. */
    test_ok(myl_schema_open(&schema, &t_o_type));
    memset(bytes, 0x91, sizeof bytes);
    memcpy(bytes, "\x81\xa2zz", 4);
    bytes[sizeof bytes - 1] = 0xc0;
    test_ok(myl_decode(myl_codec_by_name(both[0]), schema, bytes, sizeof bytes, arena, &value));
    myl_schema_close(schema);
    myl_arena_close(arena);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static void expect_bytes(const char *name, const myl_type *type, const void *value, const char *hex)
{
    static unsigned char buffer[ROOM], bytes[ROOM];
    const myl_codec *codec = myl_codec_by_name(name);
    myl_schema *schema;
    size_t length, size, expected = golden_bytes(hex, bytes, sizeof bytes);
    test_ok(myl_schema_open(&schema, type));
    test_ok(myl_encoded_size(codec, schema, value, &size));
    test_ok(myl_encode(codec, schema, value, buffer, sizeof buffer, &length));
    assert_int_equal(size, length);
    if (length != expected || memcmp(buffer, bytes, length) != 0)
        test_fail("%s: %zu bytes, starting with %02x, instead of %s", name, length, buffer[0], hex);
    myl_schema_close(schema);
}

static void integers_are_written_in_the_shortest_form(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        const char *hex;
    } positive[] = {{0, "00"},
                    {127, "7f"},
                    {128, "cc80"},
                    {255, "ccff"},
                    {256, "cd0100"},
                    {65535, "cdffff"},
                    {65536, "ce00010000"},
                    {UINT32_MAX, "ceffffffff"},
                    {UINT64_C(1) << 32, "cf0000000100000000"},
                    {INT64_MAX, "cf7fffffffffffffff"}};
    static const struct {
        int64_t number;
        const char *hex;
    } negative[] = {{-1, "ff"},
                    {-32, "e0"},
                    {-33, "d0df"},
                    {-128, "d080"},
                    {-129, "d1ff7f"},
                    {-32768, "d18000"},
                    {-32769, "d2ffff7fff"},
                    {INT32_MIN, "d280000000"},
                    {(int64_t)INT32_MIN - 1, "d3ffffffff7fffffff"},
                    {INT64_MIN, "d38000000000000000"}};
    const uint64_t most = UINT64_MAX;
    const int8_t small = -33;
    for (size_t i = 0; i < sizeof positive / sizeof positive[0]; i++) {
        expect_bytes(both[i % 2], &myl_u64_type, &positive[i].number, positive[i].hex);
        expect_bytes(both[i % 2], &myl_i64_type, &positive[i].number, positive[i].hex);
    }
    for (size_t i = 0; i < sizeof negative / sizeof negative[0]; i++)
        expect_bytes(both[i % 2], &myl_i64_type, &negative[i].number, negative[i].hex);
    expect_bytes("msgpack", &myl_u64_type, &most, "cfffffffffffffffff");
    expect_bytes("msgpack", &myl_i8_type, &small, "d0df");
}

/* A string, bytes and a vector of `count` zeros start with these bytes, and have that many more. */
static void expect_starts(size_t count, const char *text, const char *blob, const char *list)
{
    const myl_type *const types[] = {&myl_string_type, &myl_bytes_type, &numbers_type};
    const char *const starts[] = {text, blob, list};
    unsigned char *zeros = calloc(1, count + 1), *buffer = malloc(count + 8), start[8];
    const myl_bytes value = {zeros, count};
    for (size_t i = 0; i < 3; i++) {
        myl_schema *schema;
        myl_arena *arena;
        size_t length, n = golden_bytes(starts[i], start, sizeof start);
        void *back;
        test_ok(myl_schema_open(&schema, types[i]));
        test_ok(myl_arena_open(&arena, 0));
        test_ok(myl_encode(myl_codec_by_name("msgpack"), schema, &value, buffer, count + 8, &length));
        assert_int_equal(length, count + n);
        assert_memory_equal(buffer, start, n);
        test_ok(myl_decode(myl_codec_by_name("msgpack"), schema, buffer, length, arena, &back));
        assert_int_equal(((const myl_bytes *)back)->length, count);
        myl_arena_close(arena);
        myl_schema_close(schema);
    }
    free(zeros);
    free(buffer);
}

static void lengths_are_written_in_the_shortest_form(void **state)
{
    (void)state;
    expect_starts(0, "a0", "c400", "90");
    expect_starts(15, "af", "c40f", "9f");
    expect_starts(16, "b0", "c410", "dc0010");
    expect_starts(31, "bf", "c41f", "dc001f");
    expect_starts(32, "d920", "c420", "dc0020");
    expect_starts(255, "d9ff", "c4ff", "dc00ff");
    expect_starts(256, "da0100", "c50100", "dc0100");
    expect_starts(65535, "daffff", "c5ffff", "dcffff");
    expect_starts(65536, "db00010000", "c600010000", "dd00010000");
}

#define FIFTEEN(FIELD, T)                                                                                              \
    FIELD(T, myl_u8, a)                                                                                                \
    FIELD(T, myl_u8, b)                                                                                                \
    FIELD(T, myl_u8, c)                                                                                                \
    FIELD(T, myl_u8, d)                                                                                                \
    FIELD(T, myl_u8, e)                                                                                                \
    FIELD(T, myl_u8, f)                                                                                                \
    FIELD(T, myl_u8, g)                                                                                                \
    FIELD(T, myl_u8, h)                                                                                                \
    FIELD(T, myl_u8, i)                                                                                                \
    FIELD(T, myl_u8, j)                                                                                                \
    FIELD(T, myl_u8, k)                                                                                                \
    FIELD(T, myl_u8, l)                                                                                                \
    FIELD(T, myl_u8, m)                                                                                                \
    FIELD(T, myl_u8, n)                                                                                                \
    FIELD(T, myl_u8, o)
#define SIXTEEN(FIELD, T) FIFTEEN(FIELD, T) FIELD(T, myl_u8, a_name_of_thirty_two_characters_)
MYL_STRUCT(fifteen, FIFTEEN);
MYL_STRUCT(sixteen, SIXTEEN);

static void structs_are_maps_or_arrays(void **state)
{
    (void)state;
    static const fifteen few = {.a = 1};
    static const sixteen many = {.o = 2};
    expect_bytes("msgpack", &fifteen_type, &few,
                 "8f a16101 a16200 a16300 a16400 a16500 a16600 a16700 a16800 a16900 a16a00 a16b00 a16c00 a16d00 a16e00 "
                 "a16f00");
    expect_bytes("msgpack", &sixteen_type, &many,
                 "de0010 a16100 a16200 a16300 a16400 a16500 a16600 a16700 a16800 a16900 a16a00 a16b00 a16c00 a16d00 "
                 "a16e00 a16f02 d920 615f6e616d655f6f665f7468697274795f74776f5f636861726163746572735f 00");
    expect_bytes("msgpack_array", &fifteen_type, &few, "9f 01 0000 00000000 0000000000000000");
    expect_bytes("msgpack_array", &sixteen_type, &many, "dc0010 00000000000000 00000000000000 02 00");
}

/* --- what it cannot carry ----------------------------------------------------------------------------------- */

MYL_OPTION(u8_option_option, t_u8_option);
MYL_BOX(u8_option_box, t_u8_option);
MYL_OPTION(u8_option_box_option, u8_option_box);
MYL_VECTOR(u8_option_box_options, u8_option_box_option);
#define HOLDER(FIELD, T) FIELD(T, myl_u8, a) FIELD(T, u8_option_box_options, deep)
MYL_STRUCT(holder, HOLDER);
#define INNER(FIELD, T) FIELD(T, t_u8_option, value)
MYL_STRUCT(inner, INNER);
MYL_OPTION(inner_option, inner);
MYL_VECTOR(u8_options, t_u8_option);
MYL_OPTION(u8_options_option, u8_options);

static void refuse_type(const myl_type *type, const char *fragment)
{
    static const holder value = {.a = 1};
    unsigned char buffer[16];
    size_t length;
    void *back;
    myl_schema *schema;
    myl_arena *arena;
    test_ok(myl_schema_open(&schema, type));
    test_ok(myl_arena_open(&arena, 0));
    for (size_t i = 0; i < 2; i++) {
        const myl_codec *codec = myl_codec_by_name(both[i]);
        test_code(MYL_ESCHEMA, myl_codec_check(codec, schema));
        expect_detail(fragment);
        test_code(MYL_ESCHEMA, myl_encoded_size(codec, schema, &value, &length));
        test_code(MYL_ESCHEMA, myl_encode(codec, schema, &value, buffer, sizeof buffer, &length));
        test_code(MYL_ESCHEMA, myl_decode(codec, schema, "\xc0", 1, arena, &back));
    }
    myl_arena_close(arena);
    myl_schema_close(schema);
}

static void option_of_an_option_is_refused(void **state)
{
    (void)state;
    refuse_type(&u8_option_option_type, "the root is an option of an option");
    refuse_type(&u8_option_box_option_type, "the root is an option of an option");
    refuse_type(&holder_type, "holder.deep is an option of an option");
    /* With a struct or a vector between them there is no doubt. */
    accept(&inner_option_type, "c0", "null");
    accept(&inner_option_type, "81a576616c7565c0", "{\"value\":null}");
    accept(&u8_options_option_type, "92c001", "[null,1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_in_every_form),
        cmocka_unit_test(integers_out_of_range_are_refused),
        cmocka_unit_test(floats_are_read_from_both_widths_and_from_integers),
        cmocka_unit_test(bools_chars_and_texts_are_read),
        cmocka_unit_test(arrays_are_read_in_every_form),
        cmocka_unit_test(unions_are_a_name_or_a_map_from_it),
        cmocka_unit_test(other_formats_and_extensions_are_refused),
        cmocka_unit_test(fields_may_come_in_any_order),
        cmocka_unit_test(unknown_fields_are_skipped),
        cmocka_unit_test(only_options_may_be_missing),
        cmocka_unit_test(a_field_that_is_there_twice_is_refused),
        cmocka_unit_test(lengths_are_compared_with_the_bytes_left),
        cmocka_unit_test(memory_is_limited_by_the_arena),
        cmocka_unit_test(depth_of_bytes_is_limited),
        cmocka_unit_test(integers_are_written_in_the_shortest_form),
        cmocka_unit_test(lengths_are_written_in_the_shortest_form),
        cmocka_unit_test(structs_are_maps_or_arrays),
        cmocka_unit_test(option_of_an_option_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
