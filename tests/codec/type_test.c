/* SPDX-License-Identifier: MIT
 * Type descriptions: the result of the table macros, the canonical text and its hash, and what a check refuses. */
#include <stdio.h>
#include <string.h>

#include <myelon/myelon.h>

#include "support/test.h"
#include "codec/types.h"

#define TEXT_MAX 4096

static const char *text_of(const myl_type *type, enum myl_text_form form, char text[TEXT_MAX])
{
    size_t length = 0;
    test_ok(myl_type_text(type, form, text, TEXT_MAX, &length));
    assert_int_equal(length, strlen(text));
    return text;
}

static void table_gives_structure_and_descriptor(void **state)
{
    (void)state;
    assert_int_equal(t_a_type.kind, MYL_KIND_STRUCT);
    assert_string_equal(t_a_type.name, "t_a");
    assert_int_equal(t_a_type.size, sizeof(t_a));
    assert_int_equal(t_a_type.align, _Alignof(t_a));
    assert_int_equal(t_a_type.count, 3);
    assert_string_equal(t_a_type.fields[1].name, "b");
    assert_int_equal(t_a_type.fields[1].offset, offsetof(t_a, b));
    assert_ptr_equal(t_a_type.fields[1].type, &myl_u64_type);
    assert_int_equal(t_e_is_n, 2);
    assert_int_equal(t_e_type.fields[2].offset, offsetof(t_e, as.n));
    assert_int_equal(t_u32_option_type.offset, offsetof(t_u32_option, value));
    assert_int_equal(t_points_type.count, 3);
    assert_int_equal(sizeof(t_points), 3 * sizeof(t_point));
    assert_int_equal(t_existing_type.fields[1].offset, offsetof(t_existing, second));
}

static void text_is_canonical(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    assert_string_equal(text_of(&t_s_type, MYL_TEXT_SCHEMA, text),
                        "schema 1\nroot t_s\nstruct t_s\n  id: u32\n  s: string\n");
    assert_string_equal(text_of(&t_node_type, MYL_TEXT_SCHEMA, text),
                        "schema 1\nroot t_node\nstruct t_node\n  name: string\n  next: option<box<t_node>>\n"
                        "  children: [t_node]\n");
    assert_string_equal(text_of(&t_e_type, MYL_TEXT_SCHEMA, text),
                        "schema 1\nroot t_e\nunion t_e\n  unit\n  t: t_e_t\n  n: t_e_n\n"
                        "fields t_e_t\n  f0: u32\n  f1: u8\nfields t_e_n\n  k: u64\n");
    assert_string_equal(text_of(&t_points_type, MYL_TEXT_SCHEMA, text),
                        "schema 1\nroot [Point; 3]\nstruct Point\n  x: f64\n  y: f64\n");
    assert_string_equal(text_of(&t_option_vector_type, MYL_TEXT_SCHEMA, text), "schema 1\nroot [option<string>]\n");
    assert_string_equal(text_of(&myl_u8_type, MYL_TEXT_SCHEMA, text), "schema 1\nroot u8\n");
}

static void layout_text_has_sizes_and_offsets(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    assert_string_equal(text_of(&t_existing_type, MYL_TEXT_LAYOUT, text),
                        "layout 1\nroot t_existing size 12 align 4\nstruct t_existing size 12 align 4\n"
                        "  first: u32 at 0\n  second: [u16; 2] at 8\n");
}

static void hash_is_fnv1a_of_the_text(void **state)
{
    (void)state;
    uint64_t hash;
    test_ok(myl_type_hash(&t_s_type, MYL_TEXT_SCHEMA, &hash));
    assert_true(hash == UINT64_C(0xf47911bfa1b7cf25));
    test_ok(myl_type_hash(&t_node_type, MYL_TEXT_SCHEMA, &hash));
    assert_true(hash == UINT64_C(0xfad7edf242eea9c));
    uint64_t layout;
    test_ok(myl_type_hash(&t_node_type, MYL_TEXT_LAYOUT, &layout));
    assert_true(hash != layout);
}

static void every_change_of_a_type_changes_its_hash(void **state)
{
    (void)state;
    myl_field fields[2];
    myl_type changed = t_s_type;
    uint64_t before, after;
    changed.fields = fields;
    test_ok(myl_type_hash(&t_s_type, MYL_TEXT_SCHEMA, &before));
    for (int change = 0; change < 4; change++) {
        memcpy(fields, t_s_type.fields, sizeof fields);
        changed.count = 2;
        changed.name = "t_s";
        if (change == 0)
            fields[0].name = "no";
        else if (change == 1)
            fields[0].type = &myl_i32_type;
        else if (change == 2)
            changed.count = 1;
        else
            changed.name = "t_x";
        test_ok(myl_type_hash(&changed, MYL_TEXT_SCHEMA, &after));
        assert_true(before != after);
    }
}

static void text_reports_its_length(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    size_t length = 0, again = 0;
    test_ok(myl_type_text(&t_every_type, MYL_TEXT_SCHEMA, NULL, 0, &length));
    test_ok(myl_type_text(&t_every_type, MYL_TEXT_SCHEMA, text, length + 1, &again));
    assert_int_equal(length, again);
    test_code(MYL_EBUFFER, myl_type_text(&t_every_type, MYL_TEXT_SCHEMA, text, length, &again));
    assert_int_equal(strlen(text), length - 1);
    test_code(MYL_EINVAL, myl_type_text(&t_every_type, (enum myl_text_form)7, text, length, &again));
    uint64_t hash;
    test_code(MYL_EINVAL, myl_type_hash(&t_every_type, (enum myl_text_form)7, &hash));
}

static void schema_has_text_and_hash(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    for (int form = 0; form < 2; form++) {
        myl_schema *schema;
        uint64_t hash;
        test_ok(myl_schema_open(&schema, &t_every_type));
        assert_ptr_equal(myl_schema_type(schema), &t_every_type);
        assert_string_equal(myl_schema_text(schema, (enum myl_text_form)form),
                            text_of(&t_every_type, (enum myl_text_form)form, text));
        test_ok(myl_type_hash(&t_every_type, (enum myl_text_form)form, &hash));
        assert_true(myl_schema_hash(schema, (enum myl_text_form)form) == hash);
        assert_null(myl_schema_text(schema, (enum myl_text_form)2));
        assert_true(myl_schema_hash(schema, (enum myl_text_form)2) == 0);
        myl_schema_close(schema);
    }
    myl_schema_close(NULL);
}

/* --- refused types ------------------------------------------------------------------------------------------ */

static void expect_refused_type(const myl_type *type, const char *fragment)
{
    myl_schema *schema = NULL;
    size_t length;
    uint64_t hash;
    test_code(MYL_ESCHEMA, myl_type_check(type));
    expect_detail(fragment);
    test_code(MYL_ESCHEMA, myl_schema_open(&schema, type));
    assert_null(schema);
    test_code(MYL_ESCHEMA, myl_type_text(type, MYL_TEXT_SCHEMA, NULL, 0, &length));
    test_code(MYL_ESCHEMA, myl_type_hash(type, MYL_TEXT_SCHEMA, &hash));
}

static void wrong_descriptors_are_refused(void **state)
{
    (void)state;
    myl_type t = t_s_type;
    t.kind = 99;
    expect_refused_type(&t, "kind 99");
    t = myl_u32_type;
    t.size = 8;
    expect_refused_type(&t, "u32 has size 8 and alignment 4");
    t = myl_u32_type;
    t.align = 3;
    expect_refused_type(&t, "alignment 3");
    t = t_s_type;
    t.align = 3;
    t.size = 24;
    expect_refused_type(&t, "t_s has size 24 and alignment 3; use sizeof and _Alignof");
    t = myl_u32_type;
    t.flags = 1;
    expect_refused_type(&t, "flags 1");
    t = myl_u32_type;
    t.element = &myl_u8_type;
    expect_refused_type(&t, "u32 has an element type");
    t = myl_u32_type;
    t.name = "number";
    expect_refused_type(&t, "u32 has a name");
    t = myl_string_type;
    t.fields = t_s_type.fields;
    expect_refused_type(&t, "string has fields");
    t = t_u32_vector_type;
    t.count = 1;
    expect_refused_type(&t, "vector has a count");
    t = t_u16_pair_type;
    t.offset = 2;
    expect_refused_type(&t, "array has an offset");
    t = t_s_type;
    t.offset = 4;
    expect_refused_type(&t, "struct t_s has an offset");
    t = t_u32_vector_type;
    t.element = NULL;
    expect_refused_type(&t, "vector has no element type");
    t.element = &myl_unit_type;
    expect_refused_type(&t, "only a variant of a union can have");
    t = t_u32_vector_type;
    t.size = 32;
    expect_refused_type(&t, "expected 16 and 8");
    t = t_u16_pair_type;
    t.count = 3;
    expect_refused_type(&t, "an array of 3 elements of 2 bytes has size 4");
    t = t_u32_option_type;
    t.offset = 6;
    expect_refused_type(&t, "its value of 4 at offset 6");
    myl_type inner = myl_u32_type;
    inner.align = 0;
    const myl_type *const around[] = {&t_u32_option_type, &t_u32_vector_type, &t_u16_pair_type, &t_u64_box_type,
                                      &t_s_type};
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        myl_field field = {"f", &inner, 0};
        t = *around[i];
        if (t.element != NULL)
            t.element = &inner;
        if (t.kind == MYL_KIND_ARRAY)
            t.size = t.count * inner.size;
        if (t.fields != NULL) {
            t.fields = &field;
            t.count = 1;
        }
        test_code(MYL_ESCHEMA, myl_type_check(&t));
    }
    t = t_u32_option_type;
    t.element = &inner;
    expect_refused_type(&t, "u32 has size 4 and alignment 0");
    expect_refused_type(&myl_unit_type, "can only be the content");
    expect_refused_type(&t_e_t_type, "can only be the content");
}

static void wrong_names_and_fields_are_refused(void **state)
{
    (void)state;
    static char longest[MYL_TYPE_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest - 1);
    const char *const names[] = {NULL, "", "1st", "a-b", "string", longest};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        myl_type t = t_s_type;
        t.name = names[i];
        expect_refused_type(&t, "has the name");
        t.count = 0; /* the name is reported first */
        expect_refused_type(&t, "has the name");
    }
    myl_field fields[2];
    myl_type t = t_s_type;
    t.fields = fields;
    memcpy(fields, t_s_type.fields, sizeof fields);
    fields[1].name = "id";
    expect_refused_type(&t, "two of its fields have the name \"id\"");
    fields[1].name = "a b";
    expect_refused_type(&t, "field 1 has the name \"a b\"");
    memcpy(fields, t_s_type.fields, sizeof fields);
    fields[1].type = NULL;
    expect_refused_type(&t, "field s has no type");
    fields[1].type = &myl_unit_type;
    expect_refused_type(&t, "field s has a type that only a variant");
    memcpy(fields, t_s_type.fields, sizeof fields);
    fields[1].offset = 0;
    expect_refused_type(&t, "field s of 16 bytes, alignment 8, is at offset 0 of 24");
    fields[1].offset = 16;
    expect_refused_type(&t, "is at offset 16 of 24");
    t.count = 0;
    expect_refused_type(&t, "has 0 fields");
    t.count = MYL_FIELDS_MAX + 1;
    expect_refused_type(&t, "has 1025 fields; 1 to 1024");
    t = t_e_type;
    t.count = MYL_VARIANTS_MAX + 1;
    expect_refused_type(&t, "has 257 variants");
}

/* A word of the text may be the name of a field, not of a type. */
static void fields_may_have_words_as_names(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    const myl_field fields[2] = {{"struct", &myl_u8_type, 0}, {"u8", &myl_u8_type, 1}};
    const myl_type type = {MYL_KIND_STRUCT, 0, "fields", 2, 1, NULL, 2, 0, fields};
    assert_string_equal(text_of(&type, MYL_TEXT_SCHEMA, text),
                        "schema 1\nroot fields\nstruct fields\n  struct: u8\n  u8: u8\n");
}

static void impossible_nesting_is_refused(void **state)
{
    (void)state;
    myl_type itself = {.kind = MYL_KIND_VECTOR, .size = 16, .align = 8};
    itself.element = &itself;
    expect_refused_type(&itself, "nested deeper than 32 levels");
    myl_type a = t_s_type;
    myl_field field = {"a", &a, 0};
    a.fields = &field;
    a.count = 1;
    expect_refused_type(&a, "contains itself");
    /* A different type of the same name. */
    myl_type other = t_a_type, both = t_s_type;
    other.name = "t_s";
    myl_field fields[1] = {{"x", &other, 0}};
    both.fields = fields;
    both.count = 1;
    expect_refused_type(&both, "two types of the name \"t_s\"");
}

static void copies_of_a_type_are_one_type(void **state)
{
    (void)state;
    myl_type copy = t_point_type;
    myl_field fields[2] = {{"a", &t_point_type, 0}, {"b", &copy, sizeof(t_point)}};
    myl_type both = {MYL_KIND_STRUCT, 0, "both", 2 * sizeof(t_point), _Alignof(t_point), NULL, 2, 0, fields};
    char text[TEXT_MAX];
    assert_string_equal(text_of(&both, MYL_TEXT_SCHEMA, text),
                        "schema 1\nroot both\nstruct both\n  a: Point\n  b: Point\nstruct Point\n  x: f64\n  y: f64\n");
}

static void more_types_than_the_limit_are_refused(void **state)
{
    (void)state;
    static myl_type types[MYL_TYPES_MAX + 1];
    static myl_field fields[MYL_TYPES_MAX + 1];
    static char names[MYL_TYPES_MAX + 1][16];
    static myl_type boxes[MYL_TYPES_MAX + 1];
    size_t most = MYL_TYPES_MAX / 2;
    for (size_t i = 0; i <= most; i++) {
        snprintf(names[i], sizeof names[i], "t%zu", i);
        boxes[i] = t_node_box_type;
        boxes[i].element = &types[i];
        fields[i] = (myl_field){"next", i < most ? &boxes[i + 1] : &boxes[0], 0};
        types[i] = (myl_type){MYL_KIND_STRUCT, 0, names[i], 8, 8, NULL, 1, 0, &fields[i]};
    }
    expect_refused_type(&types[0], "more than 512 types");
    fields[most - 1].type = &boxes[0];
    test_ok(myl_type_check(&types[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_gives_structure_and_descriptor),
        cmocka_unit_test(text_is_canonical),
        cmocka_unit_test(layout_text_has_sizes_and_offsets),
        cmocka_unit_test(hash_is_fnv1a_of_the_text),
        cmocka_unit_test(every_change_of_a_type_changes_its_hash),
        cmocka_unit_test(text_reports_its_length),
        cmocka_unit_test(schema_has_text_and_hash),
        cmocka_unit_test(wrong_descriptors_are_refused),
        cmocka_unit_test(wrong_names_and_fields_are_refused),
        cmocka_unit_test(fields_may_have_words_as_names),
        cmocka_unit_test(impossible_nesting_is_refused),
        cmocka_unit_test(copies_of_a_type_are_one_type),
        cmocka_unit_test(more_types_than_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
