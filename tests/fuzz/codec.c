/* SPDX-License-Identifier: MIT
 * Fuzz target: arbitrary bytes as a value of a type, through every codec. Accepted bytes must be a value: encoding it
 * again gives the same value, and decode and access agree. A refused input must have an error detail with the offset.
 * The first record of an input chooses type and codec; the bytes follow it. */
#include <stdlib.h>
#include <string.h>

#include "codec/random.h"
#include "codec/types.h"
#include "fuzz/kit.h"
#include "fuzz/mutate.h"

static const char *const codecs[] = {"rkyv", "bincode1", "bincode2", "pod", "msgpack", "msgpack_array", "flatbuffers"};
static const myl_type *const types[] = {
    &t_every_type,
    &t_node_type,
    &t_shape_type,
    &t_a_type,
    &t_s_type,
    &t_v_type,
    &t_o_type,
    &t_e_type,
    &t_b_type,
    &t_flat_type,
    &t_bincode_type,
    &myl_u64_type,
    &myl_string_type,
    &myl_bytes_type,
    &myl_char_type,
    &t_u32_matrix_type,
    &t_option_vector_type,
    &t_mixed_type,
};
#define TYPES (sizeof types / sizeof types[0])

struct world {
    const myl_codec *codec;
    myl_schema *schema;
    myl_arena *arena;
    const unsigned char *bytes;
    size_t length;
};

/* Encoding the value again must give the same value. */
static void check_value(struct world *world, const void *value)
{
    const myl_type *type = myl_schema_type(world->schema);
    size_t size, length, json;
    void *back;
    myl_view view = myl_view_of(world->schema, value);
    fuzz_check(myl_encoded_size(world->codec, world->schema, value, &size) == MYL_OK, "size: %s", myl_error_detail());
    unsigned char *bytes = malloc(size);
    fuzz_check(myl_encode(world->codec, world->schema, value, bytes, size, &length) == MYL_OK && length == size,
               "encode: %s", myl_error_detail());
    fuzz_check(myl_decode(world->codec, world->schema, bytes, length, world->arena, &back) == MYL_OK &&
                   random_same(type, value, back),
               "another value after encoding: %s", myl_error_detail());
    fuzz_check(myl_view_json(&view, NULL, 0, &json) == MYL_OK, "json: %s", myl_error_detail());
    free(bytes);
}

static void try_bytes(struct world *world)
{
    void *value;
    myl_view view;
    size_t json;
    int rc = myl_decode(world->codec, world->schema, world->bytes, world->length, world->arena, &value);
    fuzz_result("decode", rc, MYL_EDECODE, MYL_ETOOBIG);
    fuzz_check(rc != MYL_EDECODE || strstr(myl_error_detail(), ": byte ") != NULL, "no offset in the detail: %s",
               myl_error_detail());
    if (world->codec->access != NULL) {
        int accessed = myl_access(world->codec, world->schema, world->bytes, world->length, &view);
        fuzz_check(rc == MYL_ETOOBIG || accessed == rc, "access returns %d, decode %d", accessed, rc);
        if (accessed == MYL_OK)
            fuzz_check(myl_view_json(&view, NULL, 0, &json) == MYL_OK, "json in place: %s", myl_error_detail());
    }
    if (rc == MYL_OK)
        check_value(world, value);
}

/* A view of bytes that change must return a result at every step. */
static void change_bytes(struct world *world, unsigned char *bytes, uint64_t dice)
{
    myl_view view;
    size_t json;
    if (world->codec->access == NULL || world->length == 0 ||
        myl_access(world->codec, world->schema, bytes, world->length, &view) != MYL_OK)
        return;
    for (unsigned i = 0; i < 8; i++) {
        bytes[fuzz_roll(&dice, world->length)] = (unsigned char)fuzz_roll(&dice, 256);
        int rc = myl_view_json(&view, NULL, 0, &json);
        fuzz_result("json of changed bytes", rc, MYL_EDECODE, MYL_EINVAL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct random_types random;
    struct fuzz_input input = {data, size};
    struct fuzz_input setup = fuzz_record(&input);
    struct world world = {.length = input.left};
    unsigned choice = fuzz_byte(&setup);
    world.codec = myl_codec_by_name(codecs[fuzz_choose(&setup, sizeof codecs / sizeof codecs[0])]);
    uint64_t seed = fuzz_take(&setup, 4);
    const myl_type *type = types[choice % TYPES];
    if (choice >= 8 * TYPES) {
        memset(&random, 0, sizeof random);
        random.dice = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
        type = random_type(&random, 1 + choice % 5, choice % 3 == 0);
    }
    fuzz_check(myl_schema_open(&world.schema, type) == MYL_OK, "schema: %s", myl_error_detail());
    fuzz_check(myl_arena_open(&world.arena, (size_t)1 << 20) == MYL_OK, "arena: %s", myl_error_detail());
    unsigned char *bytes = malloc(world.length > 0 ? world.length : 1);
    if (world.length > 0)
        memcpy(bytes, input.at, world.length);
    world.bytes = bytes;
    int carried = random_type_is_carried(world.codec->name, type);
    int checked = myl_codec_check(world.codec, world.schema);
    fuzz_check(checked == (carried ? MYL_OK : MYL_ESCHEMA), "the check of the codec answers %d", checked);
    if (carried) {
        try_bytes(&world);
        change_bytes(&world, bytes, seed | 1);
    }
    free(bytes);
    myl_arena_close(world.arena);
    myl_schema_close(world.schema);
    return 0;
}
