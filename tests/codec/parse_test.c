/* SPDX-License-Identifier: MIT
 * Types that are made from their text: the same text again, the layout of a C compiler, values by every codec, and what
 * is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <myelon/myelon.h>

#include "codec/difference.h"
#include "codec/random.h"
#include "codec/types.h"
#include "support/test.h"

static const char *const codecs[] = {"pod", "bincode1", "bincode2", "rkyv", "msgpack", "msgpack_array"};
#define CODECS (sizeof codecs / sizeof codecs[0])

static const myl_type *const types[] = {
    &t_a_type,
    &t_s_type,
    &t_v_type,
    &t_o_type,
    &t_e_type,
    &t_b_type,
    &t_bincode_type,
    &t_every_type,
    &t_node_type,
    &t_shape_type,
    &t_flat_type,
    &myl_u8_type,
    &myl_f64_type,
    &myl_char_type,
    &myl_string_type,
    &myl_bytes_type,
    &t_points_type,
    &t_node_vector_type,
    &t_option_vector_type,
    &t_u32_matrix_type,
    &t_box_option_type,
    &t_tuple_box_type,
};
#define TYPES (sizeof types / sizeof types[0])

static void parse_text(myl_schema **schema, const char *text)
{
    test_ok(myl_schema_parse(schema, text, strlen(text)));
}

/* Both descriptors have the same sizes, alignments and offsets. Types that contain themselves end at `depth`. */
static void expect_layout(const myl_type *a, const myl_type *b, unsigned depth)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->align, b->align);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->offset, b->offset);
    if (depth == 0)
        return;
    if (a->element != NULL)
        expect_layout(a->element, b->element, depth - 1);
    for (size_t i = 0; a->fields != NULL && i < a->count; i++) {
        assert_string_equal(a->fields[i].name, b->fields[i].name);
        assert_int_equal(a->fields[i].offset, b->fields[i].offset);
        expect_layout(a->fields[i].type, b->fields[i].type, depth - 1);
    }
}

/* The text gives a type with this text, hash and layout. */
static void expect_same_type(const myl_type *type)
{
    myl_schema *schema, *parsed;
    test_ok(myl_schema_open(&schema, type));
    for (int form = 0; form < 2; form++) {
        const char *text = myl_schema_text(schema, (enum myl_text_form)form);
        parse_text(&parsed, text);
        for (int other = 0; other < 2; other++) {
            assert_string_equal(myl_schema_text(parsed, (enum myl_text_form)other),
                                myl_schema_text(schema, (enum myl_text_form)other));
            assert_true(myl_schema_hash(parsed, (enum myl_text_form)other) ==
                        myl_schema_hash(schema, (enum myl_text_form)other));
        }
        expect_layout(type, myl_schema_type(parsed), 12);
        myl_schema_close(parsed);
    }
    myl_schema_close(schema);
}

static void text_gives_the_type_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++)
        expect_same_type(types[i]);
}

static void text_of_random_types_gives_them_again(void **state)
{
    (void)state;
    static struct random_types random;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        memset(&random, 0, sizeof random);
        random.dice = seed * UINT64_C(0x9e3779b97f4a7c15);
        expect_same_type(random_type(&random, 1 + (unsigned)(seed % 5), seed % 3 == 0));
    }
}

/* A structure with a member that the table does not list: only the layout text says where the others are. */
static void layout_text_gives_the_offsets(void **state)
{
    (void)state;
    myl_schema *schema;
    char text[512];
    size_t length;
    test_ok(myl_type_text(&t_existing_type, MYL_TEXT_LAYOUT, text, sizeof text, &length));
    test_ok(myl_schema_parse(&schema, text, length));
    expect_layout(&t_existing_type, myl_schema_type(schema), 3);
    myl_schema_close(schema);
}

/* Bytes that the program's type encodes are decoded by the type made from the text, and the reverse. */
static void carry(const myl_codec *codec, const myl_schema *from, const myl_schema *to, const void *value,
                  const myl_type *type)
{
    myl_arena *arena;
    size_t size, length, n[2];
    void *back;
    char *json[2];
    test_ok(myl_arena_open(&arena, 0));
    test_ok(myl_encoded_size(codec, from, value, &size));
    unsigned char *bytes = malloc(size);
    test_ok(myl_encode(codec, from, value, bytes, size, &length));
    test_ok(myl_decode(codec, to, bytes, length, arena, &back));
    assert_true(random_same(type, value, back));
    myl_view views[2] = {myl_view_of(from, value), myl_view_of(to, back)};
    for (int i = 0; i < 2; i++) {
        test_ok(myl_view_json(&views[i], NULL, 0, &n[i]));
        json[i] = malloc(n[i] + 1);
        test_ok(myl_view_json(&views[i], json[i], n[i] + 1, &n[i]));
    }
    assert_string_equal(json[0], json[1]);
    free(json[0]);
    free(json[1]);
    free(bytes);
    myl_arena_close(arena);
}

static void values_pass_between_a_type_and_its_text(void **state)
{
    (void)state;
    static struct random_types random;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        memset(&random, 0, sizeof random);
        random.dice = seed * UINT64_C(0x9e3779b97f4a7c15);
        const myl_type *type =
            seed <= TYPES ? types[seed - 1] : random_type(&random, 1 + (unsigned)(seed % 5), seed % 3 == 0);
        myl_schema *schema, *parsed;
        myl_arena *arena;
        void *value;
        test_ok(myl_arena_open(&arena, 0));
        test_ok(myl_schema_open(&schema, type));
        test_ok(myl_arena_take(arena, type->size, type->align, &value));
        random_value(&random.dice, type, value, arena, 4);
        for (size_t i = 0; i < CODECS; i++) {
            const myl_codec *codec = myl_codec_by_name(codecs[i]);
            parse_text(&parsed, myl_schema_text(schema, codec->form));
            if (random_type_is_carried(codecs[i], type)) {
                test_ok(myl_codec_check(codec, parsed));
                carry(codec, schema, parsed, value, type);
                carry(codec, parsed, schema, value, type);
            } else {
                test_code(MYL_ESCHEMA, myl_codec_check(codec, parsed));
            }
            myl_schema_close(parsed);
        }
        myl_schema_close(schema);
        myl_arena_close(arena);
    }
}

/* --- refused texts ------------------------------------------------------------------------------------------ */

static void refuse(const char *text, const char *fragment)
{
    myl_schema *schema = (void *)&schema;
    /* A block of exactly that size, so that a sanitizer detects an access outside. */
    size_t length = strlen(text);
    char *copy = malloc(length > 0 ? length : 1);
    memcpy(copy, text, length);
    test_code(MYL_ESCHEMA, myl_schema_parse(&schema, copy, length));
    expect_detail(fragment);
    assert_null(schema);
    free(copy);
}

static void wrong_texts_are_refused_with_their_line(void **state)
{
    (void)state;
    refuse("", "line 1 of the schema text: expected \"schema 1\" or \"layout 1\", found \"\"");
    refuse("schema 2\nroot u8\n",
           "line 1 of the schema text: expected \"schema 1\" or \"layout 1\", found \"schema 2\"");
    refuse("schema 1\nrote u8\n", "line 2 of the schema text: expected \"root \", found \"rote u8\"");
    refuse("schema 1\nroot \n", "line 2 of the schema text: expected a name");
    refuse("schema 1\nroot u8", "line 2 of the schema text: expected the end of the line");
    refuse("schema 1\nroot u8 \n", "line 2 of the schema text: expected the end of the line");
    refuse("schema 1\nroot [u8\n", "line 2 of the schema text: expected \"]\"");
    refuse("schema 1\nroot [u8; ]\n", "line 2 of the schema text: expected a number");
    refuse("schema 1\nroot [u8; 2147483648]\n", "a number is larger than 2147483647");
    refuse("schema 1\nroot [u8; 99999999999999999999999]\n", "a number is larger than 2147483647");
    refuse("schema 1\nroot [u8; 0]\n", "array");
    refuse("schema 1\nroot [u8; 01]\n", "line 2 of the schema text: the canonical text has \"root [u8; 1]\"");
    refuse("schema 1\nroot option<u8\n", "line 2 of the schema text: expected \">\"");
    refuse("schema 1\nroot unit\n", "mentions the type unit and does not define it");
    refuse("schema 1\nroot t\n", "mentions the type t and does not define it");
    refuse("schema 1\nroot t\nstruct t\n", "line 4 of the schema text: expected a field of t");
    refuse("schema 1\nroot t\nstruct t\n  a\n", "line 4 of the schema text: expected \": \" and a type");
    refuse("schema 1\nroot t\nstruct t\n a: u8\n", "line 4 of the schema text: expected a field of t");
    refuse("schema 1\nroot t\nstruct t\n  a: u8\n b: u8\n", "line 5 of the schema text: expected \"struct \"");
    refuse("schema 1\nroot t\nstruct t\n  a: u8\n  a: u8\n", "two of its fields have the name \"a\"");
    refuse("schema 1\nroot t\nstruct t\n  1a: u8\n", "field 0 has the name \"1a\"");
    refuse("schema 1\nroot t\nstruct t\n  a: u8\nstruct t\n  a: u8\n",
           "line 5 of the schema text: the type t is defined");
    refuse("schema 1\nroot t\nstruct t\n  a: t\n", "struct t that contains itself");
    refuse("schema 1\nroot t\nstruct t\n  a: [option<t>; 2]\n", "contains itself");
    refuse("schema 1\nroot t\nfields t\n  a: u8\n", "can only be the content");
    refuse("schema 1\nroot t\nstruct t\n  a: u\nfields u\n  a: u8\n", "only a variant of a union");
    refuse("schema 1\nroot u8\nstruct t\n  a: u8\n", "line 3 of the schema text: the canonical text has \"\" here");
    refuse("schema 1\nroot t\nstruct u\n  a: u8\nstruct t\n  a: u\n",
           "line 3 of the schema text: the canonical text has \"struct t\" here");
    refuse("schema 1\nroot t\nstruct t\n  a: [[u8; 2147483647]; 2]\n", "array");
    refuse("schema 1\nroot t\nstruct t\n  a: [u8; 2147483647]\n  b: [u8; 2147483647]\n", "more than 2147483647 bytes");
    refuse("schema 1\nroot a234567890123456789012345678901234567890123456789012345678901234x\n",
           "longer than 64 bytes");
    refuse("schema 1\nroot t\x01\n", "expected the end of the line, found \"\"");
    refuse("layout 1\nroot u8\n", "line 2 of the schema text: expected \" size \"");
    refuse("layout 1\nroot u8 size 1\n", "line 2 of the schema text: expected \" align \"");
    refuse("layout 1\nroot u8 size 2 align 1\n", "line 2 of the schema text: the canonical text has");
    refuse("layout 1\nroot t size 4 align 65\nstruct t size 4 align 65\n  a: u8 at 0\n", "larger than 64");
    refuse("layout 1\nroot t size 4 align 0\nstruct t size 4 align 0\n  a: u8 at 0\n", "alignment 0");
    refuse("layout 1\nroot t size 4 align 4\nstruct t size 4 align 4\n  a: option<u> at 0\nunion u size 4 align 0\n"
           "  b at 4\n",
           "align");
    refuse("layout 1\nroot t size 4 align 4\nstruct t size 4 align 4\n  a: u8\n",
           "line 4 of the schema text: expected \" at \"");
    refuse("layout 1\nroot t size 4 align 4\nstruct t size 4 align 4\n  a: u32 at 4\n", "at offset 4 of 4");
    refuse("layout 1\nroot t size 8 align 4\nstruct t size 4 align 4\n  a: u32 at 0\n",
           "the canonical text has \"root t size 4");
}

static char *repeat(char *at, const char *text, size_t times)
{
    while (times-- > 0)
        at = stpcpy(at, text);
    return at;
}

static void limits_of_a_text_are_exact(void **state)
{
    (void)state;
    static char text[2 * MYL_SCHEMA_TEXT_MAX];
    myl_schema *schema;
    for (size_t depth = 30; depth <= 40; depth++) {
        char *at = stpcpy(text, "schema 1\nroot ");
        at = repeat(at, "[", depth);
        at = repeat(stpcpy(at, "u8"), "]", depth);
        strcpy(at, "\n");
        int rc = myl_schema_parse(&schema, text, strlen(text));
        test_code(depth <= 31 ? MYL_OK : MYL_ESCHEMA, rc);
        myl_schema_close(schema);
    }
    repeat(stpcpy(text, "schema 1\nroot "), "[", MYL_SCHEMA_TEXT_MAX - 100);
    refuse(text, "nested deeper than 32 levels");
    for (size_t count = MYL_FIELDS_MAX; count <= MYL_FIELDS_MAX + 1; count++) {
        char *at = stpcpy(text, "schema 1\nroot t\nstruct t\n");
        for (size_t i = 0; i < count; i++)
            at += sprintf(at, "  f%zu: [[u16]]\n", i);
        test_code(count == MYL_FIELDS_MAX ? MYL_OK : MYL_ESCHEMA, myl_schema_parse(&schema, text, strlen(text)));
        myl_schema_close(schema);
    }
    char *at = stpcpy(text, "schema 1\nroot t0\n");
    for (size_t i = 0; i < MYL_TYPES_MAX + 1; i++)
        at += sprintf(at, "struct t%zu\n  a: t%zu\n", i, i + 1);
    refuse(text, "it has more than 512 types");
    memset(text, 'a', MYL_SCHEMA_TEXT_MAX + 1);
    test_code(MYL_ESCHEMA, myl_schema_parse(&schema, text, MYL_SCHEMA_TEXT_MAX + 1));
    expect_detail("has 65537 bytes, at most 65536");
}

/* Each cut of a text, and each change of one byte, is refused or is another canonical text. */
static void damaged_texts_are_refused_or_canonical(void **state)
{
    (void)state;
    static const char changes[] = "0aZ_ :;[]<>\n\x01";
    for (int form = 0; form < 2; form++) {
        char text[4096];
        size_t length;
        myl_schema *schema;
        test_ok(myl_type_text(&t_every_type, (enum myl_text_form)form, text, sizeof text, &length));
        for (size_t i = 0; i < length; i++) {
            int cut = myl_schema_parse(&schema, text, i);
            if (cut == MYL_OK) /* between two lines: a type with fewer fields */
                assert_memory_equal(myl_schema_text(schema, (enum myl_text_form)form), text, i);
            else
                test_code(MYL_ESCHEMA, cut);
            myl_schema_close(schema);
            char kept = text[i];
            for (size_t k = 0; k < 3; k++) {
                text[i] = changes[(3 * i + k) % sizeof changes];
                int rc = myl_schema_parse(&schema, text, length);
                if (rc == MYL_OK)
                    assert_string_equal(myl_schema_text(schema, (enum myl_text_form)form), text);
                else
                    test_code(MYL_ESCHEMA, rc);
                myl_schema_close(schema);
            }
            text[i] = kept;
        }
    }
}

/* --- differences -------------------------------------------------------------------------------------------- */

static void expect_difference(const char *there, const char *here, const char *expected)
{
    char text[MYL_DIFFERENCE_TEXT];
    myl_text_difference(there, here, text);
    assert_string_equal(text, expected);
}

#define ORDER "schema 1\nroot order\nstruct order\n  id: u64\n  price: f64\n"
static void first_difference_is_named(void **state)
{
    (void)state;
    expect_difference(ORDER, ORDER, "none");
    expect_difference(ORDER, "schema 1\nroot order\nstruct order\n  id: u64\n  price: f32\n",
                      "field order.price: f64 there, f32 here");
    expect_difference(ORDER, "schema 1\nroot order\nstruct order\n  id: u64\n  cost: f32\n",
                      "field 2 of order: \"price\" (f64) there, \"cost\" (f32) here");
    expect_difference(ORDER, "schema 1\nroot order\nstruct order\n  id: u64\n",
                      "field order.price: f64 there, missing here");
    expect_difference("schema 1\nroot order\nstruct order\n  id: u64\n", ORDER,
                      "field order.price: missing there, f64 here");
    expect_difference(ORDER, "schema 1\nroot trade\nstruct trade\n  id: u64\n", "root: order there, trade here");
    expect_difference(ORDER, "schema 1\nroot order\nunion order\n  id: u64\n",
                      "definition: struct order there, union order here");
    expect_difference(ORDER, "schema 1\nroot order\nunion order\n  id\n",
                      "definition: struct order there, union order here");
    expect_difference("schema 1\nroot u\nunion u\n  id\n", "schema 1\nroot u\nunion u\n  id: u8\n",
                      "field u.id: no content there, u8 here");
    expect_difference("", ORDER, "definition: nothing there, schema 1 here");
    expect_difference("layout 1\nroot t size 8 align 4\nstruct t size 8 align 4\n  a: u32 at 0\n  b: u32 at 4\n",
                      "layout 1\nroot t size 4 align 4\nstruct t size 4 align 4\n  a: u32 at 0\n",
                      "field t.b: u32 there, missing here");
    expect_difference("layout 1\nroot t size 8 align 4\nstruct t size 8 align 4\n  a: u32 at 0\n",
                      "layout 1\nroot t size 8 align 4\nstruct t size 8 align 4\n  a: u32 at 4\n",
                      "field t.a: u32 at 0 there, u32 at 4 here");
}

/* Texts come from other processes: any line may be anything, and of any length. */
static void differences_of_any_texts_are_described(void **state)
{
    (void)state;
    static char line[2000], text[8000], difference[MYL_DIFFERENCE_TEXT];
    static const char *const odd[] = {"",        "\n",     "  ",      "  \n", "root ",
                                      "root \n", " size ", "  : at ", "x",    "struct \n  a: "};
    memset(line, 'x', sizeof line - 1);
    snprintf(text, sizeof text, "schema 1\nroot %s\nstruct %s\n  %s: %s\n", line, "t", line, line);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        char root[MYL_ROOT_TEXT];
        for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++)
            myl_text_difference(odd[i], odd[k], difference);
        myl_text_difference(odd[i], text, difference);
        myl_text_difference(text, odd[i], difference);
        assert_string_equal(myl_text_root(odd[i], root), "an unknown type");
    }
    char root[MYL_ROOT_TEXT];
    assert_int_equal(strlen(myl_text_root(text, root)), MYL_ROOT_TEXT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_gives_the_type_again),
        cmocka_unit_test(text_of_random_types_gives_them_again),
        cmocka_unit_test(layout_text_gives_the_offsets),
        cmocka_unit_test(values_pass_between_a_type_and_its_text),
        cmocka_unit_test(wrong_texts_are_refused_with_their_line),
        cmocka_unit_test(limits_of_a_text_are_exact),
        cmocka_unit_test(damaged_texts_are_refused_or_canonical),
        cmocka_unit_test(first_difference_is_named),
        cmocka_unit_test(differences_of_any_texts_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
