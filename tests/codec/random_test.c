/* SPDX-License-Identifier: MIT
 * Random values of random types through every codec. Decoding and access give the encoded value, the size is known in
 * advance, and damaged bytes do no harm. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <myelon/myelon.h>

#include "codec/random.h"
#include "codec/types.h"
#include "support/test.h"

#define JSON_MAX ((size_t)1 << 20)

static const char *const codecs[] = {"pod", "bincode1", "bincode2", "rkyv", "msgpack", "msgpack_array", "flatbuffers"};
#define CODECS (sizeof codecs / sizeof codecs[0])

struct trip {
    uint64_t dice;
    myl_schema *schema;
    const myl_codec *codec;
    myl_arena *values, *decoded;
    char *json[2];
};

static void damage(struct trip *trip, unsigned char *bytes, size_t length)
{
    size_t n;
    void *value;
    myl_view view;
    for (unsigned i = 0; i < 20; i++) {
        size_t at = random_roll(&trip->dice, length);
        unsigned char kept = bytes[at];
        bytes[at] = (unsigned char)random_roll(&trip->dice, 256);
        int rc = myl_decode(trip->codec, trip->schema, bytes, length, trip->decoded, &value);
        if (rc != MYL_OK && rc != MYL_EDECODE && rc != MYL_ETOOBIG)
            test_fail("decode answered %s: %s", myl_errname(rc), myl_error_detail());
        if (rc == MYL_OK)
            test_ok(myl_encoded_size(trip->codec, trip->schema, value, &n));
        if (trip->codec->access != NULL && myl_access(trip->codec, trip->schema, bytes, length, &view) == MYL_OK)
            test_ok(myl_view_json(&view, NULL, 0, &n));
        myl_arena_reset(trip->decoded);
        if (i % 4 == 3)
            continue; /* damage accumulates */
        bytes[at] = kept;
    }
}

/* A view must not rely on more than was verified: after changes, each step gives a value or an error. */
static void change_under_a_view(struct trip *trip, unsigned char *bytes, size_t length)
{
    myl_view view;
    size_t n;
    if (trip->codec->access == NULL)
        return;
    test_ok(myl_access(trip->codec, trip->schema, bytes, length, &view));
    for (unsigned i = 0; i < 20; i++) {
        bytes[random_roll(&trip->dice, length)] = (unsigned char)random_roll(&trip->dice, 256);
        int rc = myl_view_json(&view, NULL, 0, &n);
        if (rc != MYL_OK && rc != MYL_EDECODE && rc != MYL_EINVAL)
            test_fail("a view answered %s: %s", myl_errname(rc), myl_error_detail());
    }
}

static void round_trip(struct trip *trip, const void *value)
{
    const myl_type *type = myl_schema_type(trip->schema);
    size_t size = 0, length = 0, n;
    void *back;
    myl_view view = myl_view_of(trip->schema, value);
    test_ok(myl_encoded_size(trip->codec, trip->schema, value, &size));
    /* A block of exactly that size, so that a sanitizer detects an access outside. */
    unsigned char *bytes = malloc(size);
    test_ok(myl_encode(trip->codec, trip->schema, value, bytes, size, &length));
    assert_int_equal(length, size);
    test_ok(myl_decode(trip->codec, trip->schema, bytes, length, trip->decoded, &back));
    if (!random_same(type, value, back))
        test_fail("%s gives another value of\n%s", trip->codec->name, myl_schema_text(trip->schema, MYL_TEXT_SCHEMA));
    test_ok(myl_view_json(&view, trip->json[0], JSON_MAX, &n));
    if (trip->codec->access != NULL) {
        test_ok(myl_access(trip->codec, trip->schema, bytes, length, &view));
        test_ok(myl_view_json(&view, trip->json[1], JSON_MAX, &n));
        assert_string_equal(trip->json[0], trip->json[1]);
    }
    myl_arena_reset(trip->decoded);
    unsigned char *copy = malloc(size);
    memcpy(copy, bytes, size);
    change_under_a_view(trip, copy, size);
    free(copy);
    damage(trip, bytes, size);
    free(bytes);
}

static void trip_type(struct trip *trip, const myl_type *type, unsigned values)
{
    test_ok(myl_schema_open(&trip->schema, type));
    for (unsigned i = 0; i < values; i++) {
        void *value;
        test_ok(myl_arena_take(trip->values, type->size, type->align, &value));
        random_value(&trip->dice, type, value, trip->values, i % 6);
        for (size_t k = 0; k < CODECS; k++) {
            trip->codec = myl_codec_by_name(codecs[k]);
            int carried = random_type_is_carried(codecs[k], type);
            test_code(carried ? MYL_OK : MYL_ESCHEMA, myl_codec_check(trip->codec, trip->schema));
            if (carried)
                round_trip(trip, value);
        }
        myl_arena_reset(trip->values);
    }
    myl_schema_close(trip->schema);
}

static void begin(struct trip *trip, uint64_t seed)
{
    trip->dice = seed;
    test_ok(myl_arena_open(&trip->values, 0));
    test_ok(myl_arena_open(&trip->decoded, 0));
    trip->json[0] = malloc(JSON_MAX);
    trip->json[1] = malloc(JSON_MAX);
}

static void end(struct trip *trip)
{
    myl_arena_close(trip->values);
    myl_arena_close(trip->decoded);
    free(trip->json[0]);
    free(trip->json[1]);
}

static void random_types_go_round(void **state)
{
    (void)state;
    struct trip trip;
    static struct random_types types;
    begin(&trip, 1);
    for (unsigned i = 0; i < 1500; i++) {
        memset(&types, 0, sizeof types);
        types.dice = UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
        trip_type(&trip, random_type(&types, 1 + i % 5, i % 4 == 0), 6);
    }
    end(&trip);
}

static void every_kind_goes_round(void **state)
{
    (void)state;
    static const myl_type *const types[] = {&t_every_type,    &t_node_type,  &t_shape_type, &t_flat_type,
                                            &t_existing_type, &t_mixed_type, &t_fixed_type};
    struct trip trip;
    begin(&trip, 2);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        trip_type(&trip, types[i], 200);
    end(&trip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_types_go_round),
        cmocka_unit_test(every_kind_goes_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
