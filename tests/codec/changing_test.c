/* SPDX-License-Identifier: MIT
 * Bytes that change while they are read: between two reads, and under a view. The checked value must be the value used.
 * The second read is a copy, and the change happens in it. */
#include <stdio.h>
#include <string.h>

#include <myelon/codec.h>

#include "codec/golden.h"
#include "codec/types.h"
#include "support/test.h"

void *__real_memcpy(void *to, const void *from, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);

/* Changes the bytes before the next copy that begins at this byte or shortly after it. */
static struct {
    unsigned char *at;
    const char *change;
    size_t n;
} watch;

void *__wrap_memcpy(void *to, const void *from, size_t n)
{
    if (watch.at != NULL && (const unsigned char *)from >= watch.at &&
        (const unsigned char *)from < watch.at + watch.n) {
        for (size_t i = 0; i < watch.n; i++)
            watch.at[i] = (unsigned char)watch.change[i];
        watch.at = NULL;
    }
    return __real_memcpy(to, from, n);
}

static void change_before_copy(void *at, const char *change, size_t n)
{
    watch.at = at;
    watch.change = change;
    watch.n = n;
}

struct reading {
    _Alignas(16) unsigned char bytes[64];
    size_t length;
    const myl_codec *codec;
    myl_schema *schema;
    myl_arena *arena;
};

static void begin(struct reading *r, const char *codec, const myl_type *type, const char *hex)
{
    r->codec = myl_codec_by_name(codec);
    r->length = golden_bytes(hex, r->bytes, sizeof r->bytes);
    test_ok(myl_schema_open(&r->schema, type));
    test_ok(myl_arena_open(&r->arena, 0));
}

static void end(struct reading *r)
{
    watch.at = NULL;
    myl_arena_close(r->arena);
    myl_schema_close(r->schema);
}

static void length_and_text_of_a_short_string_are_read_together(void **state)
{
    (void)state;
    struct reading r;
    void *value;
    begin(&r, "rkyv", &myl_string_type, "616263ffffffffff");
    change_before_copy(r.bytes, "x\xff\xff", 3);
    test_ok(myl_decode(r.codec, r.schema, r.bytes, r.length, r.arena, &value));
    const myl_string *text = value;
    if (!(text->length == 3 && memcmp(text->data, "abc", 3) == 0) &&
        !(text->length == 1 && memcmp(text->data, "x", 1) == 0))
        test_fail("neither the text before the change nor the one after it, but %zu bytes", text->length);
    end(&r);
}

static void json_escapes_what_it_prints(void **state)
{
    (void)state;
    struct reading r;
    myl_view view;
    char text[64];
    size_t length;
    begin(&r, "rkyv", &myl_string_type, "616263ffffffffff");
    test_ok(myl_access(r.codec, r.schema, r.bytes, r.length, &view));
    change_before_copy(r.bytes, "a\"c", 3);
    test_ok(myl_view_json(&view, text, sizeof text, &length));
    if (strcmp(text, "\"abc\"") != 0)
        assert_string_equal(text, "\"a\\\"c\"");
    end(&r);
}

/* --- under a view ------------------------------------------------------------------------------------------- */

/* Encodes the value, verifies the bytes, and changes them. */
static void begin_in_place(struct reading *r, const char *codec, const myl_type *type, const void *value,
                           myl_view *view)
{
    begin(r, codec, type, "");
    test_ok(myl_encode(r->codec, r->schema, value, r->bytes, sizeof r->bytes, &r->length));
    test_ok(myl_access(r->codec, r->schema, r->bytes, r->length, view));
}

static void changed_scalar_is_no_value(const char *codec, const myl_type *type, const void *value, const char *change,
                                       const char *text)
{
    struct reading r;
    myl_view view;
    myl_item item;
    size_t length;
    begin_in_place(&r, codec, type, value, &view);
    for (size_t i = 0; i < strlen(change); i++)
        r.bytes[i] = (unsigned char)change[i];
    test_code(MYL_EDECODE, myl_view_read(&view, &item));
    expect_detail(text);
    test_code(MYL_EDECODE, myl_view_json(&view, NULL, 0, &length));
    end(&r);
}

static void changed_fields_are_no_values(void **state)
{
    (void)state;
    static const char *const codecs[] = {"pod", "rkyv"};
    const bool flag = true;
    const uint32_t letter = 'x';
    const t_u8_option some = {true, 7};
    const t_e variant = {.tag = t_e_is_t, .as.t = {5, 6}};
    for (size_t i = 0; i < 2; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s: byte 0: a bool of value 2", codecs[i]);
        changed_scalar_is_no_value(codecs[i], &myl_bool_type, &flag, "\2", text);
        changed_scalar_is_no_value(codecs[i], &myl_char_type, &letter, "\xff\xff\xff", "is not a Unicode scalar value");
        changed_scalar_is_no_value(codecs[i], &t_u8_option_type, &some, "\2", "an option whose tag is 2");
        changed_scalar_is_no_value(codecs[i], &t_e_type, &variant, "\3", "of a union of 3 variants");
    }
}

/* The offset of a failure counts from the start of the bytes. */
static void failure_of_a_view_has_the_offset(void **state)
{
    (void)state;
    struct reading r;
    myl_view view, field;
    myl_item item;
    const t_o value = {.x = {true, 1}};
    begin_in_place(&r, "rkyv", &t_o_type, &value, &view);
    test_ok(myl_view_field(&view, "y", &field));
    size_t at = (size_t)((const unsigned char *)field.at - r.bytes);
    r.bytes[at] = 9;
    test_code(MYL_EDECODE, myl_view_read(&field, &item));
    char text[64];
    (void)snprintf(text, sizeof text, "rkyv: byte %zu: an option whose tag is 9", at);
    expect_detail(text);
    end(&r);
}

/* An invalid C value is an error of the program. */
static void wrong_c_values_are_invalid(void **state)
{
    (void)state;
    const unsigned char two = 2;
    const uint32_t surrogate = 0xd800;
    myl_schema *schema;
    myl_item item;
    test_ok(myl_schema_open(&schema, &myl_bool_type));
    myl_view view = myl_view_of(schema, &two);
    test_code(MYL_EINVAL, myl_view_read(&view, &item));
    myl_schema_close(schema);
    test_ok(myl_schema_open(&schema, &myl_char_type));
    view = myl_view_of(schema, &surrogate);
    test_code(MYL_EINVAL, myl_view_read(&view, &item));
    myl_schema_close(schema);
}

/* A list of nodes whose first node becomes its own child. */
static void bytes_that_lead_in_circles_are_refused(void **state)
{
    (void)state;
    struct reading r;
    myl_view view, children;
    size_t length;
    const t_node node = {.name = {"n", 1}};
    for (unsigned char count = 1; count < 3; count++) {
        begin_in_place(&r, "rkyv", &t_node_type, &node, &view);
        test_ok(myl_view_field(&view, "children", &children));
        unsigned char *field = r.bytes + ((const unsigned char *)children.at - r.bytes);
        int32_t back = -(int32_t)((const unsigned char *)children.at - (const unsigned char *)view.at);
        for (unsigned i = 0; i < 4; i++)
            field[i] = (unsigned char)((uint32_t)back >> 8 * i);
        field[4] = count;
        test_code(MYL_EDECODE, myl_view_json(&view, NULL, 0, &length));
        expect_detail("more values than the bytes can hold");
        end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_and_text_of_a_short_string_are_read_together),
        cmocka_unit_test(json_escapes_what_it_prints),
        cmocka_unit_test(changed_fields_are_no_values),
        cmocka_unit_test(failure_of_a_view_has_the_offset),
        cmocka_unit_test(wrong_c_values_are_invalid),
        cmocka_unit_test(bytes_that_lead_in_circles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
