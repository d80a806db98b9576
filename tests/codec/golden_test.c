/* SPDX-License-Identifier: MIT
 * Golden vectors, encoded and decoded; and damaged vectors: every truncation and every change of one byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <myelon/myelon.h>

#include "codec/golden.h"
#include "support/test.h"

#define ROOM 512

struct one {
    const struct golden *golden;
    const myl_codec *codec;
    myl_schema *schema;
    myl_arena *arena;
    unsigned char bytes[ROOM];
    size_t length;
};

/* The vector and codec that are being tested; NULL: none. */
static const struct one *current;

/* Calls `function` for every vector and codec. */
static void for_each(void (*function)(struct one *one))
{
    for (size_t i = 0; i < golden_count; i++) {
        for (size_t k = 0; k < GOLDEN_CODECS; k++) {
            static struct one one;
            one = (struct one){.golden = &golden[i], .codec = myl_codec_by_name(golden_codecs[k])};
            if (golden[i].hex[k] == NULL)
                continue;
            current = &one;
            one.length = golden_bytes(golden[i].hex[k], one.bytes, sizeof one.bytes);
            test_ok(myl_schema_open(&one.schema, golden[i].type));
            test_ok(myl_codec_check(one.codec, one.schema));
            test_ok(myl_arena_open(&one.arena, 0));
            function(&one);
            myl_arena_close(one.arena);
            myl_schema_close(one.schema);
            current = NULL;
        }
    }
}

/* After a test: if it has failed, prints for which vector and codec. */
static int name_the_vector(void **state)
{
    (void)state;
    if (current != NULL)
        print_error("vector \"%s\", codec %s\n", current->golden->name, current->codec->name);
    current = NULL;
    return 0;
}

static void same_bytes(struct one *one, const unsigned char *bytes, size_t length)
{
    if (length != one->length || memcmp(bytes, one->bytes, length) != 0) {
        for (size_t i = 0; i < length; i++)
            fprintf(stderr, "%02x%s", bytes[i], i % 8 == 7 ? " " : "");
        test_fail("other bytes");
    }
}

static void check_encode_gives_the_vector(struct one *one)
{
    _Alignas(16) unsigned char buffer[ROOM];
    size_t size = 0, length = 0;
    test_ok(myl_encoded_size(one->codec, one->schema, one->golden->value, &size));
    memset(buffer, 0xaa, sizeof buffer);
    test_ok(myl_encode(one->codec, one->schema, one->golden->value, buffer, sizeof buffer, &length));
    same_bytes(one, buffer, length);
    assert_int_equal(size, length);
    assert_int_equal(buffer[length], 0xaa);
}

static void check_every_smaller_buffer_is_refused(struct one *one)
{
    for (size_t room = 0; room < one->length; room++) {
        size_t length = 4711;
        unsigned char *buffer = room > 0 ? malloc(room) : NULL;
        test_code(MYL_EBUFFER, myl_encode(one->codec, one->schema, one->golden->value, buffer, room, &length));
        assert_int_equal(length, 4711);
        free(buffer);
    }
}

static void check_nothing_is_written_beyond_the_buffer(struct one *one)
{
    for (size_t room = 0; room <= one->length; room++) {
        _Alignas(16) unsigned char buffer[ROOM];
        size_t length;
        memset(buffer, 0xaa, sizeof buffer);
        test_code(room < one->length ? MYL_EBUFFER : MYL_OK,
                  myl_encode(one->codec, one->schema, one->golden->value, buffer, room, &length));
        for (size_t i = room; i < sizeof buffer; i++)
            assert_int_equal(buffer[i], 0xaa);
    }
}

static void same_json(struct one *one, const myl_view *view)
{
    char text[ROOM];
    size_t length, again;
    if (one->golden->json == NULL)
        return;
    test_ok(myl_view_json(view, text, sizeof text, &length));
    assert_string_equal(text, one->golden->json);
    test_ok(myl_view_json(view, NULL, 0, &again));
    assert_int_equal(length, again);
    test_code(MYL_EBUFFER, myl_view_json(view, text, length, &again));
}

static void check_decode_gives_the_value(struct one *one)
{
    unsigned char buffer[ROOM];
    void *value;
    size_t length;
    test_ok(myl_decode(one->codec, one->schema, one->bytes, one->length, one->arena, &value));
    test_ok(myl_encode(one->codec, one->schema, value, buffer, sizeof buffer, &length));
    same_bytes(one, buffer, length);
    myl_view view = myl_view_of(one->schema, value);
    same_json(one, &view);
}

static void check_view_gives_the_value(struct one *one)
{
    _Alignas(16) unsigned char buffer[ROOM];
    myl_view view;
    memcpy(buffer, one->bytes, one->length);
    if (one->codec->access == NULL) {
        test_code(MYL_EUNSUPPORTED, myl_access(one->codec, one->schema, buffer, one->length, &view));
        return;
    }
    test_ok(myl_access(one->codec, one->schema, buffer, one->length, &view));
    same_json(one, &view);
}

/* Accepted bytes must be a value: it can be printed and encoded. `bytes` is a block of exactly that length. */
static int try_bytes(struct one *one, const unsigned char *bytes, size_t length)
{
    void *value;
    size_t n;
    myl_view view;
    int rc = myl_decode(one->codec, one->schema, bytes, length, one->arena, &value);
    if (rc == MYL_OK) {
        myl_view decoded = myl_view_of(one->schema, value);
        test_ok(myl_encoded_size(one->codec, one->schema, value, &n));
        test_ok(myl_view_json(&decoded, NULL, 0, &n));
    } else {
        assert_int_equal(rc, MYL_EDECODE);
        expect_detail(": byte ");
    }
    if (one->codec->access != NULL) {
        assert_int_equal(myl_access(one->codec, one->schema, bytes, length, &view), rc);
        if (rc == MYL_OK)
            test_ok(myl_view_json(&view, NULL, 0, &n));
    }
    myl_arena_reset(one->arena);
    return rc;
}

static void check_truncations_are_refused(struct one *one)
{
    for (size_t length = 0; length < one->length; length++) {
        unsigned char *bytes = malloc(length > 0 ? length : 1);
        memcpy(bytes, one->bytes, length);
        int rc = try_bytes(one, bytes, length);
        if (one->codec->access == NULL && rc == MYL_OK)
            test_fail("%zu bytes are accepted", length);
        free(bytes);
    }
}

/* The first bytes of a vector give the same result and sentence before its other bytes and before 0xff. */
static void check_bytes_after_the_end_do_not_count(struct one *one)
{
    for (size_t length = 0; length <= one->length; length++) {
        _Alignas(16) unsigned char bytes[ROOM];
        char sentence[512];
        memset(bytes, 0xff, sizeof bytes);
        memcpy(bytes, one->bytes, one->length);
        int rc = try_bytes(one, bytes, length);
        (void)snprintf(sentence, sizeof sentence, "%s", myl_error_detail());
        memset(bytes + length, 0xff, sizeof bytes - length);
        assert_int_equal(try_bytes(one, bytes, length), rc);
        assert_string_equal(myl_error_detail(), sentence);
    }
}

static void check_changes_of_a_byte_do_no_harm(struct one *one)
{
    unsigned char *bytes = malloc(one->length);
    memcpy(bytes, one->bytes, one->length);
    for (size_t i = 0; i < one->length; i++) {
        for (unsigned change = 1; change < 256; change++) {
            bytes[i] = (unsigned char)(one->bytes[i] ^ change);
            (void)try_bytes(one, bytes, one->length);
        }
        bytes[i] = one->bytes[i];
    }
    free(bytes);
}

static void check_trailing_bytes_are_refused(struct one *one)
{
    unsigned char *bytes = calloc(1, one->length + 1);
    memcpy(bytes, one->bytes, one->length);
    if (one->codec->access == NULL)
        assert_int_equal(try_bytes(one, bytes, one->length + 1), MYL_EDECODE);
    else
        (void)try_bytes(one, bytes, one->length + 1);
    free(bytes);
}

#define FOR_EACH(claim)                                                                                                \
    static void claim(void **state)                                                                                    \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        for_each(check_##claim);                                                                                       \
    }
FOR_EACH(encode_gives_the_vector)
FOR_EACH(every_smaller_buffer_is_refused)
FOR_EACH(nothing_is_written_beyond_the_buffer)
FOR_EACH(decode_gives_the_value)
FOR_EACH(view_gives_the_value)
FOR_EACH(truncations_are_refused)
FOR_EACH(bytes_after_the_end_do_not_count)
FOR_EACH(changes_of_a_byte_do_no_harm)
FOR_EACH(trailing_bytes_are_refused)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(encode_gives_the_vector, name_the_vector),
        cmocka_unit_test_teardown(every_smaller_buffer_is_refused, name_the_vector),
        cmocka_unit_test_teardown(nothing_is_written_beyond_the_buffer, name_the_vector),
        cmocka_unit_test_teardown(decode_gives_the_value, name_the_vector),
        cmocka_unit_test_teardown(view_gives_the_value, name_the_vector),
        cmocka_unit_test_teardown(truncations_are_refused, name_the_vector),
        cmocka_unit_test_teardown(bytes_after_the_end_do_not_count, name_the_vector),
        cmocka_unit_test_teardown(changes_of_a_byte_do_no_harm, name_the_vector),
        cmocka_unit_test_teardown(trailing_bytes_are_refused, name_the_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
