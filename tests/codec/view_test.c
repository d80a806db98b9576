/* SPDX-License-Identifier: MIT
 * Views: steps by name and number, and JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <myelon/myelon.h>

#include "codec/types.h"
#include "support/test.h"

#define ROOM 4096

static const char *const all[] = {"pod", "bincode1", "bincode2", "rkyv"};
#define CODECS (sizeof all / sizeof all[0])

static void views_step_by_name_and_number(void **state)
{
    (void)state;
    _Alignas(16) unsigned char bytes[ROOM];
    static uint32_t numbers[] = {10, 20};
    t_v v = {9, {numbers, 2}, {NULL, 0}};
    myl_schema *schema;
    myl_view root, view;
    myl_item item;
    size_t length;
    const myl_codec *codec = myl_codec_by_name("rkyv");
    test_ok(myl_schema_open(&schema, &t_v_type));
    test_ok(myl_encode(codec, schema, &v, bytes, sizeof bytes, &length));
    test_ok(myl_access(codec, schema, bytes, length, &root));
    for (int native = 0; native < 2; native++) {
        if (native)
            root = myl_view_of(schema, &v);
        test_ok(myl_view_read(&root, &item));
        assert_int_equal(item.kind, MYL_KIND_STRUCT);
        assert_int_equal(item.count, 3);
        assert_string_equal(item.name, "t_v");
        assert_string_equal(myl_view_name(&root, 1), "v");
        assert_null(myl_view_name(&root, 3));
        test_ok(myl_view_field(&root, "v", &view));
        test_ok(myl_view_read(&view, &item));
        assert_int_equal(item.count, 2);
        test_code(MYL_EINVAL, myl_view_child(&view, 2, &view));
        expect_detail("no child 2 of a vector with 2");
        test_code(MYL_EINVAL, myl_view_field(&view, "v", &view));
        test_ok(myl_view_child(&view, 1, &view));
        test_ok(myl_view_read(&view, &item));
        assert_int_equal(item.number, 20);
        test_code(MYL_EINVAL, myl_view_child(&view, 0, &view));
        test_code(MYL_EINVAL, myl_view_field(&root, "x", &view));
        expect_detail("struct t_v has no field \"x\"");
    }
    myl_schema_close(schema);
}

static void read_scalar(const char *codec_name, const myl_type *type, const void *value, myl_item *item)
{
    _Alignas(16) unsigned char bytes[16];
    myl_schema *schema;
    size_t length;
    test_ok(myl_schema_open(&schema, type));
    myl_view view = myl_view_of(schema, value);
    if (codec_name != NULL) {
        const myl_codec *codec = myl_codec_by_name(codec_name);
        test_ok(myl_encode(codec, schema, value, bytes, sizeof bytes, &length));
        test_ok(myl_access(codec, schema, bytes, length, &view));
    }
    memset(item, 0xff, sizeof *item);
    test_ok(myl_view_read(&view, item));
    myl_schema_close(schema);
}

static void items_have_the_members_of_their_kind_only(void **state)
{
    (void)state;
    static const uint8_t u8 = 200;
    static const uint64_t u64 = UINT64_MAX;
    static const int8_t i8 = -1;
    static const int64_t i64 = INT64_MIN;
    static const float f32 = -1.5f;
    static const double f64 = 2.5;
    static const bool yes = true;
    static const uint32_t letter = 'x';
    static const struct {
        const myl_type *type;
        const void *value;
        uint64_t number;
        int64_t integer;
        double real;
    } cases[] = {
        {&myl_u8_type, &u8, 200, 0, 0},    {&myl_u64_type, &u64, UINT64_MAX, 0, 0},
        {&myl_i8_type, &i8, 0xff, -1, 0},  {&myl_i64_type, &i64, (uint64_t)1 << 63, INT64_MIN, 0},
        {&myl_f32_type, &f32, 0, 0, -1.5}, {&myl_f64_type, &f64, 0, 0, 2.5},
        {&myl_bool_type, &yes, 1, 0, 0},   {&myl_char_type, &letter, 'x', 0, 0},
    };
    static const char *const codecs[] = {NULL, "pod", "rkyv"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t k = 0; k < sizeof codecs / sizeof codecs[0]; k++) {
            myl_item item;
            read_scalar(codecs[k], cases[i].type, cases[i].value, &item);
            assert_int_equal(item.kind, cases[i].type->kind);
            assert_true(item.number == cases[i].number);
            assert_true(item.integer == cases[i].integer);
            assert_true(item.real == cases[i].real);
            assert_int_equal(item.count, 0);
            assert_null(item.data);
            assert_null(item.name);
        }
    }
}

static void json_is(const myl_type *type, const void *value, const char *expected)
{
    myl_schema *schema;
    char text[256];
    size_t length;
    test_ok(myl_schema_open(&schema, type));
    myl_view view = myl_view_of(schema, value);
    test_ok(myl_view_json(&view, text, sizeof text, &length));
    assert_string_equal(text, expected);
    myl_schema_close(schema);
}

static void json_is_valid_whatever_the_value(void **state)
{
    (void)state;
    const myl_string text = {"a\"\\\n\t\x01\x7f\xc3\xa4\0z", 11};
    json_is(&myl_string_type, &text, "\"a\\\"\\\\\\n\\t\\u0001\\u007f\xc3\xa4\\u0000z\"");
    const double doubles[] = {0.1, 1e300, -0.0, NAN, INFINITY, 5e-324, 123456789.0};
    const char *const texts[] = {"0.1", "1e+300", "-0", "null", "null", "4.94065645841247e-324", "123456789"};
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++)
        json_is(&myl_f64_type, &doubles[i], texts[i]);
    const float tenth = 0.1f;
    json_is(&myl_f32_type, &tenth, "0.1");
    /* Of which fewer digits give a smaller number, and of which they give a larger one. */
    const double smaller = 0.1 + 0.2, larger = 0.7999999999999999;
    json_is(&myl_f64_type, &smaller, "0.30000000000000004");
    json_is(&myl_f64_type, &larger, "0.7999999999999999");
    const float smaller_f32 = 1.0f / 3, larger_f32 = 2.0f / 3;
    json_is(&myl_f32_type, &smaller_f32, "0.33333334");
    json_is(&myl_f32_type, &larger_f32, "0.6666667");
    const uint64_t most = UINT64_MAX;
    json_is(&myl_u64_type, &most, "18446744073709551615");
    const int8_t least = INT8_MIN;
    json_is(&myl_i8_type, &least, "-128");
    const uint32_t letter = 0x20ac, quote = '"';
    json_is(&myl_char_type, &letter, "\"\xe2\x82\xac\"");
    json_is(&myl_char_type, &quote, "\"\\\"\"");
    const myl_bytes none = {NULL, 0};
    json_is(&myl_bytes_type, &none, "\"\"");
}

/* One number within 10 structs, each within 20 arrays of one element; and 1000 of those. */
static void json_prints_values_that_are_mostly_nesting(void **state)
{
    (void)state;
    enum { STRUCTS = 10, ARRAYS = 20, ELEMENTS = 1000 };
    static myl_type types[STRUCTS * (ARRAYS + 1) + 1];
    static myl_field fields[STRUCTS];
    static char names[STRUCTS][8];
    _Alignas(16) static unsigned char value[ELEMENTS], bytes[ELEMENTS];
    const myl_type *inner = &myl_u8_type;
    size_t n = 0, length;
    for (size_t i = 0; i < STRUCTS; i++) {
        for (size_t k = 0; k < ARRAYS; k++, inner = &types[n++])
            types[n] = (myl_type){.kind = MYL_KIND_ARRAY, .size = 1, .align = 1, .element = inner, .count = 1};
        (void)snprintf(names[i], sizeof names[i], "s%zu", i);
        fields[i] = (myl_field){"f", inner, 0};
        types[n] = (myl_type){MYL_KIND_STRUCT, 0, names[i], 1, 1, NULL, 1, 0, &fields[i]};
        inner = &types[n++];
    }
    types[n] = (myl_type){.kind = MYL_KIND_ARRAY, .size = ELEMENTS, .align = 1, .element = inner, .count = ELEMENTS};
    for (size_t i = 0; i < CODECS; i++) {
        myl_schema *schema;
        myl_view view;
        const myl_codec *codec = myl_codec_by_name(all[i]);
        test_ok(myl_schema_open(&schema, &types[n]));
        test_ok(myl_encode(codec, schema, value, bytes, sizeof bytes, &length));
        if (codec->access != NULL) {
            test_ok(myl_access(codec, schema, bytes, length, &view));
            test_ok(myl_view_json(&view, NULL, 0, &length));
        }
        myl_schema_close(schema);
    }
}

static void json_prints_long_strings(void **state)
{
    (void)state;
    static char text[1000], expected[3000], json[3000];
    myl_schema *schema;
    size_t length, n = 0;
    expected[n++] = '"';
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = i % 7 == 0 ? '"' : (char)('a' + i % 26);
        if (text[i] == '"')
            expected[n++] = '\\';
        expected[n++] = text[i];
    }
    expected[n++] = '"';
    test_ok(myl_schema_open(&schema, &myl_string_type));
    for (size_t most = 0; most <= sizeof text; most += most < 300 ? 1 : 100) {
        const myl_string string = {text, most};
        myl_view view = myl_view_of(schema, &string);
        test_ok(myl_view_json(&view, json, sizeof json, &length));
        assert_int_equal(length, 2 + most + (most + 6) / 7);
        assert_memory_equal(json, expected, length - 1);
        assert_int_equal(json[length - 1], '"');
    }
    myl_schema_close(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_step_by_name_and_number),
        cmocka_unit_test(items_have_the_members_of_their_kind_only),
        cmocka_unit_test(json_is_valid_whatever_the_value),
        cmocka_unit_test(json_prints_values_that_are_mostly_nesting),
        cmocka_unit_test(json_prints_long_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
