/* SPDX-License-Identifier: MIT
 * Values and bytes that codecs refuse, and how they report it; arenas, a program's own codec. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <myelon/myelon.h>

#include "codec/golden.h"
#include "codec/random.h"
#include "codec/types.h"
#include "support/test.h"

#define ROOM 4096

static const char *const all[] = {"pod", "bincode1", "bincode2", "rkyv", "msgpack", "msgpack_array"};
#define CODECS (sizeof all / sizeof all[0])

static void codecs_have_ids_and_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODECS; i++) {
        const myl_codec *codec = myl_codec_by_name(all[i]);
        assert_string_equal(codec->name, all[i]);
        assert_int_equal(codec->id, i + 1);
        assert_ptr_equal(myl_codec_by_id(codec->id), codec);
    }
    assert_null(myl_codec_by_name("xml"));
    assert_null(myl_codec_by_id(MYL_CODEC_USER));
}

static void codec_hash_is_that_of_its_form(void **state)
{
    (void)state;
    myl_schema *schema;
    test_ok(myl_schema_open(&schema, &t_a_type));
    assert_true(myl_codec_hash(myl_codec_by_name("pod"), schema) == myl_schema_hash(schema, MYL_TEXT_LAYOUT));
    assert_true(myl_codec_hash(myl_codec_by_name("rkyv"), schema) == myl_schema_hash(schema, MYL_TEXT_SCHEMA));
    myl_schema_close(schema);
}

/* --- values that cannot be encoded -------------------------------------------------------------------------- */

static void refuse_value(const char *name, const myl_type *type, const void *value, int code, const char *fragment)
{
    static unsigned char buffer[ROOM];
    myl_schema *schema;
    size_t length = 4711;
    const myl_codec *codec = myl_codec_by_name(name);
    test_ok(myl_schema_open(&schema, type));
    int carried = random_type_is_carried(name, type);
    test_code(carried ? MYL_OK : MYL_ESCHEMA, myl_codec_check(codec, schema));
    if (carried) {
        test_code(code, myl_encode(codec, schema, value, buffer, sizeof buffer, &length));
        expect_detail(fragment);
        assert_int_equal(length, 4711);
    }
    myl_schema_close(schema);
}

static void wrong_values_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODECS; i++) {
        t_e e = {.tag = 3};
        refuse_value(all[i], &t_e_type, &e, MYL_EINVAL, "tag 3 of a union of 3 variants");
        unsigned char two = 2;
        refuse_value(all[i], &myl_bool_type, &two, MYL_EINVAL, "a bool of value 2");
        t_u8_option option = {0};
        memcpy(&option, &two, 1);
        refuse_value(all[i], &t_u8_option_type, &option, MYL_EINVAL, "`some` is 2");
        unsigned char wrong_before_right[] = {2, 1};
        t_bool_vector bools = {(bool *)(void *)wrong_before_right, 2};
        refuse_value(all[i], &t_bool_vector_type, &bools, MYL_EINVAL, "a bool of value 2");
        uint32_t surrogate = 0xd800, large = 0x110000;
        refuse_value(all[i], &myl_char_type, &surrogate, MYL_EINVAL, "0xd800 is not a Unicode");
        refuse_value(all[i], &myl_char_type, &large, MYL_EINVAL, "0x110000");
        t_u64_box box = NULL;
        refuse_value(all[i], &t_u64_box_type, &box, MYL_EINVAL, "a box that is NULL");
        t_s s = {1, {NULL, 5}};
        refuse_value(all[i], &t_s_type, &s, MYL_EINVAL, "t_s.s: NULL with a length of 5");
        t_v v = {1, {NULL, 3}, {NULL, 0}};
        refuse_value(all[i], &t_v_type, &v, MYL_EINVAL, "t_v.v: NULL with a length of 3");
    }
}

static void text_must_be_utf8(void **state)
{
    (void)state;
    static const char *const wrong[] = {"ab\x80",           "\xc0\xaf",         "\xe0\x80\x80", "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "abc\xe2\x82",  "\xff",
                                        "\xf0\x8f\xbf\xbf", "\xf0\x80\x80\x80"};
    static const char *const right[] = {"",
                                        "a",
                                        "\xc2\x80",
                                        "\xe0\xa0\x80",
                                        "\xe1\x80\x80",
                                        "\xed\x9f\xbf",
                                        "\xef\xbf\xbf",
                                        "\xf0\x90\x80\x80",
                                        "\xf1\x80\x80\x80",
                                        "\xf3\xbf\xbf\xbf",
                                        "\xf4\x8f\xbf\xbf"};
    char text[64];
    for (size_t i = 1; i < CODECS; i++) {
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            /* Before and after eight bytes that are checked together, inside and outside of rkyv's object. */
            (void)snprintf(text, sizeof text, "%s%s", k % 2 ? "0123456789" : "", wrong[k]);
            t_s s = {1, {text, strlen(text)}};
            refuse_value(all[i], &t_s_type, &s, MYL_EINVAL, "is not UTF-8 at its byte");
        }
    }
    for (size_t k = 0; k < sizeof right / sizeof right[0]; k++) {
        unsigned char buffer[ROOM];
        size_t length;
        myl_schema *schema;
        t_s s = {1, {right[k], strlen(right[k])}};
        test_ok(myl_schema_open(&schema, &t_s_type));
        test_ok(myl_encode(myl_codec_by_name("rkyv"), schema, &s, buffer, sizeof buffer, &length));
        myl_schema_close(schema);
    }
}

static void impossible_lengths_are_refused_unread(void **state)
{
    (void)state;
    char one = 'a';
    t_s s = {1, {&one, SIZE_MAX}};
    t_v v = {1, {(uint32_t *)(void *)&one, SIZE_MAX / 2}, {NULL, 0}};
    myl_schema *schema;
    size_t length;
    for (size_t i = 1; i < CODECS; i++) {
        const myl_codec *codec = myl_codec_by_name(all[i]);
        test_ok(myl_schema_open(&schema, &t_s_type));
        test_code(MYL_ETOOBIG, myl_encoded_size(codec, schema, &s, &length));
        myl_schema_close(schema);
        test_ok(myl_schema_open(&schema, &t_v_type));
        test_code(MYL_ETOOBIG, myl_encoded_size(codec, schema, &v, &length));
        myl_schema_close(schema);
    }
    s.s.length = (size_t)1 << 30;
    test_ok(myl_schema_open(&schema, &t_s_type));
    test_code(MYL_ETOOBIG, myl_encoded_size(myl_codec_by_name("rkyv"), schema, &s, &length));
    expect_detail("at most 1073741823");
    myl_schema_close(schema);
}

/* A list of `count` nodes. */
static t_node *make_list(size_t count)
{
    t_node *nodes = calloc(count, sizeof *nodes);
    for (size_t i = 0; i + 1 < count; i++)
        nodes[i].next = (t_node_option){1, &nodes[i + 1]};
    return nodes;
}

static void depth_is_limited(void **state)
{
    (void)state;
    static unsigned char buffer[ROOM];
    myl_schema *schema;
    myl_arena *arena;
    void *value;
    size_t length;
    t_node *fits = make_list(MYL_DEPTH_MAX), *deeper = make_list(MYL_DEPTH_MAX + 1);
    test_ok(myl_schema_open(&schema, &t_node_type));
    test_ok(myl_arena_open(&arena, 0));
    for (size_t i = 1; i < CODECS; i++) {
        const myl_codec *codec = myl_codec_by_name(all[i]);
        test_ok(myl_encode(codec, schema, fits, buffer, sizeof buffer, &length));
        test_ok(myl_decode(codec, schema, buffer, length, arena, &value));
        test_code(MYL_EINVAL, myl_encode(codec, schema, deeper, buffer, sizeof buffer, &length));
        expect_detail("deeper than 128");
    }
    myl_view view = myl_view_of(schema, deeper);
    test_code(MYL_EINVAL, myl_view_json(&view, NULL, 0, &length));
    /* name "", next Some, ...: one level for two bytes. */
    for (size_t i = 0; i < ROOM; i++)
        buffer[i] = i % 2;
    test_code(MYL_EDECODE, myl_decode(myl_codec_by_name("bincode2"), schema, buffer, sizeof buffer, arena, &value));
    expect_detail("byte 256: t_node.next: deeper than 128");
    myl_arena_close(arena);
    myl_schema_close(schema);
    free(fits);
    free(deeper);
}

/* --- bytes that are not valid ------------------------------------------------------------------------------- */

static void refuse_bytes(const char *name, const myl_type *type, const char *hex, const char *fragment)
{
    _Alignas(16) unsigned char bytes[256];
    myl_schema *schema;
    myl_arena *arena;
    myl_view view;
    void *value = &value;
    const myl_codec *codec = myl_codec_by_name(name);
    size_t length = golden_bytes(hex, bytes, sizeof bytes);
    test_ok(myl_schema_open(&schema, type));
    test_ok(myl_arena_open(&arena, 0));
    int code = fragment != NULL ? MYL_EDECODE : MYL_OK;
    test_code(code, myl_decode(codec, schema, bytes, length, arena, &value));
    if (fragment != NULL) {
        expect_detail(fragment);
        assert_ptr_equal(value, &value);
    }
    if (codec->access != NULL)
        test_code(code, myl_access(codec, schema, bytes, length, &view));
    myl_arena_close(arena);
    myl_schema_close(schema);
}

static void accept_bytes(const char *name, const myl_type *type, const char *hex)
{
    refuse_bytes(name, type, hex, NULL);
}

static void wrong_bincode_is_refused(void **state)
{
    (void)state;
    refuse_bytes("bincode1", &myl_bool_type, "02", "bincode1: byte 0: a bool of value 2");
    refuse_bytes("bincode2", &t_u8_option_type, "02", "an option whose tag is 2");
    refuse_bytes("bincode1", &t_e_type, "03000000", "byte 0: t_e: tag 3 of a union of 3");
    refuse_bytes("bincode2", &t_e_type, "03", "tag 3 of a union of 3");
    refuse_bytes("bincode1", &myl_char_type, "eda080", "a char that is not UTF-8");
    refuse_bytes("bincode2", &myl_char_type, "80", "a char that is not UTF-8");
    refuse_bytes("bincode1", &myl_string_type, "0200000000000000 c0af", "byte 8: a string that is not UTF-8");
    refuse_bytes("bincode1", &t_s_type, "07000000 ffffffffffffffff 6869", "byte 12: t_s.s: 18446744073709551615 bytes");
    refuse_bytes("bincode2", &t_v_type, "09 fcffffff7f",
                 "byte 1: t_v.v: 2147483647 elements of at least 1 bytes, 0 are");
    refuse_bytes("bincode2", &myl_u16_type, "fc01000000", "first byte 252 for a number of 2 bytes");
    refuse_bytes("bincode2", &myl_u64_type, "fe 01000000000000000000000000000000", "first byte 254");
    refuse_bytes("bincode2", &myl_u64_type, "ff", "first byte 255");
    refuse_bytes("bincode2", &myl_u64_type, "fd01", "8 bytes are needed, 1 are left");
    refuse_bytes("bincode2", &myl_u8_type, "0100", "byte 1: 1 bytes after the end");
    refuse_bytes("bincode2", &myl_u8_type, "", "1 bytes are needed, 0 are left");
}

/* A char of three bytes of which `length` are given; the others lie after the end. */
static void chars_are_not_read_beyond_the_end(void **state)
{
    (void)state;
    static const char *const sentences[] = {"byte 0: 1 bytes are needed, 0 are left",
                                            "byte 0: 3 bytes are needed, 1 are left",
                                            "byte 0: 3 bytes are needed, 2 are left"};
    const unsigned char bytes[] = {0xe2, 0x82, 0xac};
    myl_schema *schema;
    myl_arena *arena;
    void *value;
    test_ok(myl_schema_open(&schema, &myl_char_type));
    test_ok(myl_arena_open(&arena, 0));
    for (size_t i = 1; i < 3; i++) {
        const myl_codec *codec = myl_codec_by_name(all[i]);
        for (size_t length = 0; length < sizeof bytes; length++) {
            test_code(MYL_EDECODE, myl_decode(codec, schema, bytes, length, arena, &value));
            expect_detail(sentences[length]);
        }
        test_ok(myl_decode(codec, schema, bytes, sizeof bytes, arena, &value));
        assert_int_equal(*(const uint32_t *)value, 0x20ac);
    }
    myl_arena_close(arena);
    myl_schema_close(schema);
}

static void longer_forms_of_numbers_are_accepted(void **state)
{
    (void)state;
    accept_bytes("bincode2", &myl_u64_type, "fb0500");
    accept_bytes("bincode2", &myl_u64_type, "fd0500000000000000");
    accept_bytes("bincode2", &myl_string_type, "fb0100 61");
    accept_bytes("bincode2", &t_e_type, "fc00000000");
    accept_bytes("bincode2", &myl_u8_type, "ff");
}

static void wrong_rkyv_is_refused(void **state)
{
    (void)state;
    refuse_bytes("rkyv", &myl_bool_type, "02", "rkyv: byte 0: a bool of value 2");
    refuse_bytes("rkyv", &t_u8_option_type, "0200", "an option whose tag is 2");
    refuse_bytes("rkyv", &t_e_type, "0300000000000000 0000000000000000", "t_e: tag 3");
    refuse_bytes("rkyv", &myl_char_type, "00d80000", "0xd800 is not a Unicode scalar value");
    refuse_bytes("rkyv", &myl_u32_type, "000000", "3 bytes, the root alone has 4");
    refuse_bytes("rkyv", &myl_string_type, "c0ffffffffffffff", "byte 0: a string that is not UTF-8");
}

static void rkyv_strings_are_checked(void **state)
{
    (void)state;
    /* A string outside of its object that is short enough for it. */
    refuse_bytes("rkyv", &myl_string_type, "6162636465666768 88000000f8ffffff", "a string of 8 bytes outside");
    accept_bytes("rkyv", &myl_string_type, "616263646566676869000000 89000000f4ffffff");
    refuse_bytes("rkyv", &myl_string_type, "616263646566676869000000 89000000f3ffffff", "9 bytes at -1");
    refuse_bytes("rkyv", &myl_string_type, "616263646566676869000000 89000000f8ffffff", "9 bytes at 4, which must lie");
    refuse_bytes("rkyv", &myl_string_type, "616263646566676880000000 89000000f4ffffff", "byte 8: a string that is not");
    /* Within its object, the bytes after the first 0xff are ignored. */
    accept_bytes("rkyv", &myl_string_type, "61ff808080808080");
}

static void rkyv_objects_do_not_overlap(void **state)
{
    (void)state;
    /* Two vectors of one element: in order, in reverse order, overlapping. */
    const myl_field fields[] = {{"a", &t_u32_vector_type, 0}, {"b", &t_u32_vector_type, sizeof(t_u32_vector)}};
    const myl_type two = {MYL_KIND_STRUCT, 0, "two", 2 * sizeof(t_u32_vector), _Alignof(t_u32_vector), NULL, 2, 0,
                          fields};
    accept_bytes("rkyv", &two, "01000000 02000000 f8ffffff01000000 f4ffffff01000000");
    refuse_bytes("rkyv", &two, "01000000 02000000 fcffffff01000000 f0ffffff01000000",
                 "two.b: 4 bytes at 0, which must lie "
                 "within 8 .. 8");
    refuse_bytes("rkyv", &two, "01000000 02000000 f8ffffff01000000 f0ffffff01000000", "within 4 .. 8");
    refuse_bytes("rkyv", &two, "01000000 02000000 f8ffffff01000000 f5ffffff00000000", "not aligned to 4");
    /* A node that is its own child. */
    refuse_bytes("rkyv", &t_node_type, "ffffffffffffffff 01000000f4ffffff 0000000000000000", "t_node.next");
}

static void rkyv_needs_aligned_bytes(void **state)
{
    (void)state;
    _Alignas(16) unsigned char bytes[32] = {0};
    myl_schema *schema;
    myl_view view;
    const myl_codec *codec = myl_codec_by_name("rkyv");
    test_ok(myl_schema_open(&schema, &myl_u64_type));
    test_ok(myl_access(codec, schema, bytes + 8, 8, &view));
    test_code(MYL_EDECODE, myl_access(codec, schema, bytes + 4, 8, &view));
    expect_detail("not aligned to 8");
    myl_schema_close(schema);
}

/* --- pod ---------------------------------------------------------------------------------------------------- */

#define T_MAYBES(FIELD, T) FIELD(T, t_a_options, list) FIELD(T, t_a_option_pair, pair)
MYL_OPTION(t_a_option, t_a);
MYL_VECTOR(t_a_options, t_a_option);
MYL_ARRAY(t_a_option_pair, t_a_option, 2);
MYL_STRUCT(t_maybes, T_MAYBES);
#define T_PAIR_ONLY(FIELD, T) FIELD(T, t_a_option_pair, pair)
MYL_STRUCT(t_pair_only, T_PAIR_ONLY);

/* After a nested struct, a failure names the outer struct again. */
static void failures_after_a_nested_struct_name_the_outer_one(void **state)
{
    (void)state;
    static unsigned char two = 2;
    t_a_option options[2] = {{true, {1, 2, 3}}, {false, {0, 0, 0}}};
    memcpy(&options[1], &two, 1);
    const t_maybes maybes = {.list = {options, 2}};
    t_pair_only pair;
    memcpy(&pair, options, sizeof pair);
    for (size_t i = 0; i < CODECS; i++) {
        refuse_value(all[i], &t_maybes_type, &maybes, MYL_EINVAL, "t_maybes.list: an option whose `some`");
        refuse_value(all[i], &t_pair_only_type, &pair, MYL_EINVAL, "t_pair_only.pair: an option whose `some`");
    }
    refuse_bytes("bincode1", &t_maybes_type, "0200000000000000 01 01 0200000000000000 0300 02",
                 "byte 20: t_maybes.list: an option whose tag is 2");
    refuse_bytes("bincode2", &t_maybes_type, "02 01 01 02 03 02", "byte 5: t_maybes.list: an option whose tag is 2");
    refuse_bytes("pod", &t_pair_only_type,
                 "0100000000000000 0100000000000000 0200000000000000 0300000000000000"
                 "0200000000000000 0000000000000000 0000000000000000 0000000000000000",
                 "t_pair_only.pair: an option whose tag is 2");
    refuse_bytes("rkyv", &t_pair_only_type,
                 "0100000000000000 0100000000000000 0200000000000000 0300000000000000"
                 "0200000000000000 0000000000000000 0000000000000000 0000000000000000",
                 "t_pair_only.pair: an option whose tag is 2");
}

MYL_ARRAY(t_bool_pair, myl_bool, 2);
MYL_ARRAY(t_a_pair, t_a, 2);
#define T_LAST(FIELD, T) FIELD(T, t_a_pair, a) FIELD(T, t_bool_pair, flags) FIELD(T, myl_char, c)
MYL_STRUCT(t_last, T_LAST);
MYL_ARRAY(t_last_pair, t_last, 2);

/* Elements that are not checked lie before those that are. */
static void what_may_be_wrong_is_found_anywhere(void **state)
{
    (void)state;
    static const char *const codecs[] = {"pod", "rkyv"};
    t_last_pair value;
    _Alignas(16) unsigned char bytes[sizeof value];
    myl_schema *schema;
    myl_arena *arena;
    myl_view view;
    void *decoded;
    size_t length;
    memset(&value, 0xff, sizeof value);
    for (size_t i = 0; i < 2; i++) {
        value[i].flags[0] = value[i].flags[1] = true;
        value[i].c = 0x10ffff;
    }
    test_ok(myl_schema_open(&schema, &t_last_pair_type));
    test_ok(myl_arena_open(&arena, 0));
    for (size_t k = 0; k < 2; k++) {
        const myl_codec *codec = myl_codec_by_name(codecs[k]);
        test_ok(myl_encode(codec, schema, &value, bytes, sizeof bytes, &length));
        for (size_t i = 0; i < length; i++) {
            unsigned char kept[sizeof(myl_char)];
            size_t place = i % sizeof(t_last);
            int is_char = place == offsetof(t_last, c);
            int is_flag = place - offsetof(t_last, flags) < sizeof(t_bool_pair);
            size_t n = is_char ? sizeof kept : 1;
            memcpy(kept, bytes + i, n);
            memset(bytes + i, 0x37, n); /* neither a bool nor a character */
            int code = is_flag || is_char ? MYL_EDECODE : MYL_OK;
            test_code(code, myl_decode(codec, schema, bytes, length, arena, &decoded));
            test_code(code, myl_access(codec, schema, bytes, length, &view));
            memcpy(bytes + i, kept, n);
            i += n - 1;
        }
    }
    myl_arena_close(arena);
    myl_schema_close(schema);
}

static void pod_carries_no_pointers(void **state)
{
    (void)state;
    myl_schema *schema;
    const myl_codec *pod = myl_codec_by_name("pod");
    size_t length;
    test_ok(myl_schema_open(&schema, &t_every_type));
    test_code(MYL_ESCHEMA, myl_codec_check(pod, schema));
    expect_detail("Every.text is a string");
    test_code(MYL_ESCHEMA, myl_encoded_size(pod, schema, "", &length));
    myl_schema_close(schema);
    test_ok(myl_schema_open(&schema, &t_u64_box_type));
    test_code(MYL_ESCHEMA, myl_codec_check(pod, schema));
    expect_detail("the root is a box");
    myl_schema_close(schema);
}

static void pod_writes_no_padding(void **state)
{
    (void)state;
    const myl_codec *pod = myl_codec_by_name("pod");
    myl_schema *schema;
    t_flat one, other, out[2];
    size_t length;
    memset(&one, 0, sizeof one);
    memset(&other, 0xff, sizeof other);
    one.kind = other.kind = 1;
    memset(&one.points, 0x11, sizeof one.points);
    memset(&other.points, 0x11, sizeof other.points);
    one.small.some = other.small.some = 0;
    one.e.tag = other.e.tag = t_e_is_t;
    one.e.as.t = other.e.as.t = (t_e_t){5, 6};
    one.flag = other.flag = 1;
    one.letter = other.letter = 'x';
    test_ok(myl_schema_open(&schema, &t_flat_type));
    memset(&out[0], 0xaa, sizeof out[0]);
    memset(&out[1], 0x55, sizeof out[1]);
    test_ok(myl_encode(pod, schema, &one, &out[0], sizeof out[0], &length));
    test_ok(myl_encode(pod, schema, &other, &out[1], sizeof out[1], &length));
    assert_int_equal(length, sizeof(t_flat));
    assert_memory_equal(&out[0], &out[1], sizeof out[0]);
    myl_schema_close(schema);
}

static void wrong_pod_is_refused(void **state)
{
    (void)state;
    refuse_bytes("pod", &myl_bool_type, "02", "pod: byte 0: a bool of value 2");
    /* Numbers that are the same in both byte orders. */
    refuse_bytes("pod", &myl_char_type, "11000011", "0x11000011");
    refuse_bytes("pod", &t_u8_option_type, "0201", "an option whose tag is 2");
    refuse_bytes("pod", &myl_u32_type, "00000000 00", "5 bytes, the type has 4");
    refuse_bytes("pod", &t_e_type, "03000003 00000000 0000000000000000", "tag 50331651 of a union");
    _Alignas(16) unsigned char bytes[16] = {0};
    myl_schema *schema;
    myl_view view;
    test_ok(myl_schema_open(&schema, &myl_u32_type));
    test_code(MYL_EDECODE, myl_access(myl_codec_by_name("pod"), schema, bytes + 1, 4, &view));
    expect_detail("not aligned to 4");
    myl_schema_close(schema);
}

/* --- arenas ------------------------------------------------------------------------------------------------- */

static void arena_respects_its_limit(void **state)
{
    (void)state;
    myl_arena *arena;
    void *memory, *again;
    test_ok(myl_arena_open(&arena, 10000));
    test_ok(myl_arena_take(arena, 6000, 64, &memory));
    assert_int_equal((uintptr_t)memory % 64, 0);
    memset(memory, 1, 6000);
    test_code(MYL_ETOOBIG, myl_arena_take(arena, 4001, 1, &again));
    expect_detail("the arena's limit is 10000");
    test_ok(myl_arena_take(arena, 4000, 1, &again));
    test_code(MYL_EINVAL, myl_arena_take(arena, 0, 3, &again));
    test_code(MYL_EINVAL, myl_arena_take(arena, 0, 128, &again));
    myl_arena_reset(arena);
    test_ok(myl_arena_take(arena, 6000, 64, &again));
    assert_ptr_equal(memory, again);
    for (size_t i = 0; i < 6000; i++)
        assert_int_equal(((unsigned char *)again)[i], 0);
    myl_arena_close(arena);
    myl_arena_close(NULL);
}

static void failed_decode_leaves_the_arena_as_it_was(void **state)
{
    (void)state;
    unsigned char bytes[64];
    myl_arena *arena;
    myl_schema *schema;
    void *value;
    /* The vectors take 600 bytes before the input ends. */
    size_t length = golden_bytes("09 03 010203 02 0361", bytes, sizeof bytes);
    test_ok(myl_schema_open(&schema, &t_v_type));
    test_ok(myl_arena_open(&arena, 400));
    for (int i = 0; i < 100; i++)
        test_code(MYL_EDECODE, myl_decode(myl_codec_by_name("bincode2"), schema, bytes, length, arena, &value));
    length = golden_bytes("09 fa", bytes, sizeof bytes);
    memset(bytes + length, 1, sizeof bytes - length);
    test_code(MYL_EDECODE, myl_decode(myl_codec_by_name("bincode2"), schema, bytes, sizeof bytes, arena, &value));
    myl_arena_close(arena);
    myl_schema_close(schema);
}

/* --- a program's own codec ---------------------------------------------------------------------------------- */

static int own_size(const myl_schema *schema, const void *value, size_t *bytes)
{
    (void)schema, (void)value, (void)bytes;
    static const myl_codec named = {.name = "own"};
    return myl_codec_fail(MYL_EINVAL, &named, 7, "nothing to measure");
}

static void missing_functions_are_unsupported(void **state)
{
    (void)state;
    myl_codec own = {.struct_size = sizeof own, .id = MYL_CODEC_USER, .name = "own"};
    myl_schema *schema;
    myl_arena *arena;
    myl_view view;
    void *value;
    size_t bytes;
    test_ok(myl_schema_open(&schema, &t_a_type));
    test_ok(myl_arena_open(&arena, 0));
    test_ok(myl_codec_check(&own, schema));
    test_code(MYL_EUNSUPPORTED, myl_encoded_size(&own, schema, "", &bytes));
    test_code(MYL_EUNSUPPORTED, myl_encode(&own, schema, "", NULL, 0, &bytes));
    test_code(MYL_EUNSUPPORTED, myl_decode(&own, schema, "", 0, arena, &value));
    test_code(MYL_EUNSUPPORTED, myl_access(&own, schema, "", 0, &view));
    own.size = own_size;
    test_code(MYL_EINVAL, myl_encoded_size(&own, schema, "", &bytes));
    assert_string_equal(myl_error_detail(), "own: byte 7: nothing to measure");
    myl_codec wrong = own;
    wrong.struct_size = 1;
    test_code(MYL_EINVAL, myl_codec_check(&wrong, schema));
    expect_detail("a codec has struct_size 1, expected");
    wrong = own;
    wrong.name = NULL;
    test_code(MYL_EINVAL, myl_codec_check(&wrong, schema));
    expect_detail("a codec of id 256 has no name");
    wrong = own;
    wrong.form = (enum myl_text_form)2;
    test_code(MYL_EINVAL, myl_codec_check(&wrong, schema));
    expect_detail("codec own has form 2");
    for (uint32_t id = 0; id < MYL_CODEC_USER; id++) {
        wrong = own;
        wrong.id = id;
        test_code(MYL_EINVAL, myl_codec_check(&wrong, schema));
        expect_detail("which is the library's; use 256 or more");
    }
    own.id = UINT32_MAX;
    test_ok(myl_codec_check(&own, schema));
    myl_arena_close(arena);
    myl_schema_close(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs_have_ids_and_names),
        cmocka_unit_test(codec_hash_is_that_of_its_form),
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(text_must_be_utf8),
        cmocka_unit_test(impossible_lengths_are_refused_unread),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(wrong_bincode_is_refused),
        cmocka_unit_test(chars_are_not_read_beyond_the_end),
        cmocka_unit_test(longer_forms_of_numbers_are_accepted),
        cmocka_unit_test(wrong_rkyv_is_refused),
        cmocka_unit_test(rkyv_strings_are_checked),
        cmocka_unit_test(rkyv_objects_do_not_overlap),
        cmocka_unit_test(rkyv_needs_aligned_bytes),
        cmocka_unit_test(failures_after_a_nested_struct_name_the_outer_one),
        cmocka_unit_test(what_may_be_wrong_is_found_anywhere),
        cmocka_unit_test(pod_carries_no_pointers),
        cmocka_unit_test(pod_writes_no_padding),
        cmocka_unit_test(wrong_pod_is_refused),
        cmocka_unit_test(arena_respects_its_limit),
        cmocka_unit_test(failed_decode_leaves_the_arena_as_it_was),
        cmocka_unit_test(missing_functions_are_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
