/* SPDX-License-Identifier: MIT
 * Compares the codecs msgpack and msgpack_array with libmsgpack-c. Its packer writes the same bytes for random values
 * of random types, its unpacker reads the value that was encoded, and it accepts all damaged bytes that the codecs
 * accept. */
#include <stdio.h>
#include <stdlib.h>

#include <myelon/codec.h>

#include "codec/random.h"
#include "codec/types.h"
#include "support/test.h"

#ifdef MYL_HAVE_MSGPACK
#include <msgpack.h>

#define TYPES  1500
#define VALUES 6

struct trip {
    uint64_t dice;
    const myl_type *type;
    myl_schema *schema;
    myl_arena *values, *decoded;
    int arrays;
    unsigned accepted, refused; /* damaged bytes */
};

static const void *content_of(const myl_type *type, const void *value, const myl_field **field)
{
    uint32_t tag;
    memcpy(&tag, value, sizeof tag);
    *field = &type->fields[tag];
    return (const char *)value + (*field)->offset;
}

static uint64_t bits_of(const myl_type *type, const void *value)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < type->size; i++) {
        size_t place = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : type->size - 1 - i;
        bits |= (uint64_t)((const unsigned char *)value)[place] << 8 * i;
    }
    return bits;
}

static int64_t signed_of(const myl_type *type, const void *value)
{
    unsigned unused = 64 - 8 * (unsigned)type->size;
    return (int64_t)(bits_of(type, value) << unused) >> unused;
}

static size_t text_of(uint64_t c, char text[4])
{
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1; c >>= 6)
        text[i] = (char)(0x80 | (c & 0x3f));
    text[0] = (char)(lead[length] | c);
    return length;
}

/* --- packing ------------------------------------------------------------------------------------------------ */

static void pack(msgpack_packer *out, const myl_type *type, const void *value, int arrays);

static void pack_text(msgpack_packer *out, const char *text, size_t length)
{
    (void)msgpack_pack_str(out, length);
    (void)msgpack_pack_str_body(out, text, length);
}

static void pack_items(msgpack_packer *out, const myl_type *element, const void *items, size_t count, int arrays)
{
    (void)msgpack_pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        pack(out, element, (const char *)items + i * element->size, arrays);
}

static void pack_struct(msgpack_packer *out, const myl_type *type, const void *value, int arrays)
{
    if (arrays)
        (void)msgpack_pack_array(out, type->count);
    else
        (void)msgpack_pack_map(out, type->count);
    for (size_t i = 0; i < type->count; i++) {
        if (!arrays)
            pack_text(out, type->fields[i].name, strlen(type->fields[i].name));
        pack(out, type->fields[i].type, (const char *)value + type->fields[i].offset, arrays);
    }
}

static void pack_union(msgpack_packer *out, const myl_type *type, const void *value, int arrays)
{
    const myl_field *variant;
    const void *content = content_of(type, value, &variant);
    if (variant->type->kind != MYL_KIND_UNIT)
        (void)msgpack_pack_map(out, 1);
    pack_text(out, variant->name, strlen(variant->name));
    if (variant->type->kind != MYL_KIND_UNIT)
        pack(out, variant->type, content, arrays);
}

static void pack_scalar(msgpack_packer *out, const myl_type *type, const void *value)
{
    char text[4];
    float single;
    double real;
    switch (type->kind) {
    case MYL_KIND_BOOL:
        (void)(bits_of(type, value) != 0 ? msgpack_pack_true(out) : msgpack_pack_false(out));
        break;
    case MYL_KIND_CHAR:
        pack_text(out, text, text_of(bits_of(type, value), text));
        break;
    case MYL_KIND_FLOAT:
        memcpy(&single, value, sizeof single);
        (void)msgpack_pack_float(out, single);
        break;
    case MYL_KIND_DOUBLE:
        memcpy(&real, value, sizeof real);
        (void)msgpack_pack_double(out, real);
        break;
    default:
        if (type->kind >= MYL_KIND_I8)
            (void)msgpack_pack_int64(out, signed_of(type, value));
        else
            (void)msgpack_pack_uint64(out, bits_of(type, value));
        break;
    }
}

static void pack(msgpack_packer *out, const myl_type *type, const void *value, int arrays)
{
    const myl_bytes *many = value;
    switch (type->kind) {
    case MYL_KIND_STRING:
        pack_text(out, (const char *)many->data, many->length);
        break;
    case MYL_KIND_BYTES:
        (void)msgpack_pack_bin(out, many->length);
        (void)msgpack_pack_bin_body(out, many->data, many->length);
        break;
    case MYL_KIND_ARRAY:
        pack_items(out, type->element, value, type->count, arrays);
        break;
    case MYL_KIND_VECTOR:
        pack_items(out, type->element, many->data, many->length, arrays);
        break;
    case MYL_KIND_OPTION:
        if (*(const bool *)value)
            pack(out, type->element, (const char *)value + type->offset, arrays);
        else
            (void)msgpack_pack_nil(out);
        break;
    case MYL_KIND_BOX:
        pack(out, type->element, *(const void *const *)value, arrays);
        break;
    case MYL_KIND_STRUCT:
        pack_struct(out, type, value, arrays);
        break;
    case MYL_KIND_UNION:
        pack_union(out, type, value, arrays);
        break;
    default:
        pack_scalar(out, type, value);
        break;
    }
}

/* --- unpacking ---------------------------------------------------------------------------------------------- */

static int same(const msgpack_object *object, const myl_type *type, const void *value, int arrays);

static int same_text(const msgpack_object *object, const char *text, size_t length)
{
    return object->type == MSGPACK_OBJECT_STR && object->via.str.size == length &&
           (length == 0 || memcmp(object->via.str.ptr, text, length) == 0);
}

static int same_items(const msgpack_object *object, const myl_type *element, const void *items, size_t count,
                      int arrays)
{
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size != count)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (!same(&object->via.array.ptr[i], element, (const char *)items + i * element->size, arrays))
            return 0;
    }
    return 1;
}

static int same_struct(const msgpack_object *object, const myl_type *type, const void *value, int arrays)
{
    if (object->type != (arrays ? MSGPACK_OBJECT_ARRAY : MSGPACK_OBJECT_MAP) || object->via.array.size != type->count)
        return 0;
    for (size_t i = 0; i < type->count; i++) {
        const myl_field *field = &type->fields[i];
        const msgpack_object *content = arrays ? &object->via.array.ptr[i] : &object->via.map.ptr[i].val;
        if ((!arrays && !same_text(&object->via.map.ptr[i].key, field->name, strlen(field->name))) ||
            !same(content, field->type, (const char *)value + field->offset, arrays))
            return 0;
    }
    return 1;
}

static int same_union(const msgpack_object *object, const myl_type *type, const void *value, int arrays)
{
    const myl_field *variant;
    const void *content = content_of(type, value, &variant);
    if (variant->type->kind == MYL_KIND_UNIT)
        return same_text(object, variant->name, strlen(variant->name));
    return object->type == MSGPACK_OBJECT_MAP && object->via.map.size == 1 &&
           same_text(&object->via.map.ptr[0].key, variant->name, strlen(variant->name)) &&
           same(&object->via.map.ptr[0].val, variant->type, content, arrays);
}

static int same_scalar(const msgpack_object *object, const myl_type *type, const void *value)
{
    char text[4];
    float single;
    double real;
    switch (type->kind) {
    case MYL_KIND_BOOL:
        return object->type == MSGPACK_OBJECT_BOOLEAN && object->via.boolean == *(const bool *)value;
    case MYL_KIND_CHAR:
        return same_text(object, text, text_of(bits_of(type, value), text));
    case MYL_KIND_FLOAT:
        memcpy(&single, value, sizeof single);
        return object->type == MSGPACK_OBJECT_FLOAT32 &&
               (object->via.f64 == (double)single || single != single); /* NaN: no number equals it */
    case MYL_KIND_DOUBLE:
        memcpy(&real, value, sizeof real);
        return object->type == MSGPACK_OBJECT_FLOAT64 && (object->via.f64 == real || real != real);
    default:
        if (type->kind >= MYL_KIND_I8 && signed_of(type, value) < 0)
            return object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER && object->via.i64 == signed_of(type, value);
        return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 == bits_of(type, value);
    }
}

static int same(const msgpack_object *object, const myl_type *type, const void *value, int arrays)
{
    const myl_bytes *many = value;
    switch (type->kind) {
    case MYL_KIND_STRING:
        return same_text(object, (const char *)many->data, many->length);
    case MYL_KIND_BYTES:
        return object->type == MSGPACK_OBJECT_BIN && object->via.bin.size == many->length &&
               (many->length == 0 || memcmp(object->via.bin.ptr, many->data, many->length) == 0);
    case MYL_KIND_ARRAY:
        return same_items(object, type->element, value, type->count, arrays);
    case MYL_KIND_VECTOR:
        return same_items(object, type->element, many->data, many->length, arrays);
    case MYL_KIND_OPTION:
        return *(const bool *)value ? same(object, type->element, (const char *)value + type->offset, arrays)
                                    : object->type == MSGPACK_OBJECT_NIL;
    case MYL_KIND_BOX:
        return same(object, type->element, *(const void *const *)value, arrays);
    case MYL_KIND_STRUCT:
        return same_struct(object, type, value, arrays);
    case MYL_KIND_UNION:
        return same_union(object, type, value, arrays);
    default:
        return same_scalar(object, type, value);
    }
}

/* --- both --------------------------------------------------------------------------------------------------- */

static const myl_codec *codec_of(const struct trip *trip)
{
    return myl_codec_by_name(trip->arrays ? "msgpack_array" : "msgpack");
}

static void damage(struct trip *trip, const char *bytes, size_t length)
{
    char *copy = malloc(length);
    msgpack_unpacked unpacked;
    void *value;
    memcpy(copy, bytes, length);
    msgpack_unpacked_init(&unpacked);
    for (unsigned i = 0; i < 8; i++) {
        size_t at = random_roll(&trip->dice, length), end = 0;
        copy[at] = (char)random_roll(&trip->dice, 256);
        int rc = myl_decode(codec_of(trip), trip->schema, copy, length, trip->decoded, &value);
        trip->accepted += rc == MYL_OK;
        trip->refused += rc != MYL_OK;
        if (rc == MYL_OK &&
            (msgpack_unpack_next(&unpacked, copy, length, &end) != MSGPACK_UNPACK_SUCCESS || end != length))
            test_fail("%s accepts what libmsgpack-c refuses", codec_of(trip)->name);
        myl_arena_reset(trip->decoded);
        if (i % 4 != 3)
            copy[at] = bytes[at];
    }
    msgpack_unpacked_destroy(&unpacked);
    free(copy);
}

static void round_trip(struct trip *trip, const void *value)
{
    msgpack_sbuffer packed;
    msgpack_packer packer;
    msgpack_unpacked unpacked;
    size_t length, end = 0;
    msgpack_sbuffer_init(&packed);
    msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
    msgpack_unpacked_init(&unpacked);
    pack(&packer, trip->type, value, trip->arrays);
    char *bytes = malloc(packed.size);
    test_ok(myl_encode(codec_of(trip), trip->schema, value, bytes, packed.size, &length));
    if (length != packed.size || memcmp(bytes, packed.data, length) != 0)
        test_fail("%s: other bytes than libmsgpack-c's for\n%s", codec_of(trip)->name,
                  myl_schema_text(trip->schema, MYL_TEXT_SCHEMA));
    assert_int_equal(msgpack_unpack_next(&unpacked, bytes, length, &end), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(end, length);
    if (!same(&unpacked.data, trip->type, value, trip->arrays))
        test_fail("libmsgpack-c reads another value than %s wrote of\n%s", codec_of(trip)->name,
                  myl_schema_text(trip->schema, MYL_TEXT_SCHEMA));
    damage(trip, bytes, length);
    free(bytes);
    msgpack_unpacked_destroy(&unpacked);
    msgpack_sbuffer_destroy(&packed);
}

static void trip_type(struct trip *trip, const myl_type *type, unsigned values)
{
    trip->type = type;
    test_ok(myl_schema_open(&trip->schema, type));
    for (unsigned i = 0; i < values; i++) {
        void *value;
        test_ok(myl_arena_take(trip->values, type->size, type->align, &value));
        random_value(&trip->dice, type, value, trip->values, i % 6);
        trip->arrays = i % 2 != 0;
        round_trip(trip, value);
        myl_arena_reset(trip->values);
    }
    myl_schema_close(trip->schema);
}

static void random_values_are_the_same_in_libmsgpack_c(void **state)
{
    (void)state;
    static struct random_types types;
    struct trip trip = {.dice = 20};
    test_ok(myl_arena_open(&trip.values, 0));
    test_ok(myl_arena_open(&trip.decoded, 0));
    trip_type(&trip, &t_every_type, 500);
    trip_type(&trip, &t_node_type, 500);
    for (unsigned i = 0; i < TYPES; i++) {
        memset(&types, 0, sizeof types);
        types.dice = UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
        const myl_type *type = random_type(&types, 1 + i % 5, i % 4 == 0);
        if (random_type_is_carried("msgpack", type))
            trip_type(&trip, type, VALUES);
    }
    print_message("damaged bytes: %u accepted, %u refused\n", trip.accepted, trip.refused);
    assert_true(trip.accepted > 1000 && trip.refused > 1000);
    myl_arena_close(trip.values);
    myl_arena_close(trip.decoded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_values_are_the_same_in_libmsgpack_c)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    printf("skipped: built without libmsgpack-c; on Debian: apt-get install libmsgpack-dev\n");
    return 77;
}

#endif
