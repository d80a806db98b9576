/* SPDX-License-Identifier: MIT
 * Fuzz target: arbitrary bytes as a line of JSON for `pub --json`, as a value of a known or a random type. An accepted
 * line must be a value: it can be encoded, and the line that is printed for it gives the same value again. A refused
 * line must have a reason. The first record of an input chooses the type; the line follows it. */
#include <stdlib.h>
#include <string.h>

#include "codec/random.h"
#include "codec/types.h"
#include "fuzz/kit.h"
#include "fuzz/mutate.h"
#include "json_value.h"

static const myl_type *const types[] = {
    &t_every_type,  &t_node_type,       &t_shape_type,         &t_b_type,     &t_flat_type,     &t_bincode_type,
    &myl_u64_type,  &myl_i64_type,      &myl_f64_type,         &myl_f32_type, &myl_string_type, &myl_bytes_type,
    &myl_char_type, &t_u32_matrix_type, &t_option_vector_type, &t_mixed_type,
};
#define TYPES (sizeof types / sizeof types[0])

static const char *line_of(const myl_schema *schema, const void *value, size_t *length)
{
    myl_view view = myl_view_of(schema, value);
    fuzz_check(myl_view_json(&view, NULL, 0, length) == MYL_OK, "json: %s", myl_error_detail());
    char *line = malloc(*length + 1);
    fuzz_check(myl_view_json(&view, line, *length + 1, length) == MYL_OK, "json: %s", myl_error_detail());
    return line;
}

static void check_value(const myl_schema *schema, myl_arena *arena, const void *value)
{
    char reason[JSON_REASON_MAX] = "";
    size_t length, size;
    void *back;
    fuzz_check(myl_encoded_size(myl_codec_by_name("bincode1"), schema, value, &size) == MYL_OK, "size: %s",
               myl_error_detail());
    const char *line = line_of(schema, value, &length);
    fuzz_check(json_value(line, length, schema, arena, &back, reason) == 0, "\"%s\" is refused: %s", line, reason);
    fuzz_check(random_same(myl_schema_type(schema), value, back), "\"%s\" is another value", line);
    free((char *)(uintptr_t)line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct random_types random;
    struct fuzz_input input = {data, size};
    struct fuzz_input setup = fuzz_record(&input);
    unsigned choice = fuzz_byte(&setup);
    uint64_t seed = fuzz_take(&setup, 4);
    const myl_type *type = types[choice % TYPES];
    char reason[JSON_REASON_MAX] = "";
    myl_schema *schema;
    myl_arena *arena;
    void *value;
    if (choice >= 8 * TYPES) {
        memset(&random, 0, sizeof random);
        random.dice = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
        type = random_type(&random, 1 + choice % 5, choice % 3 == 0);
    }
    fuzz_check(myl_schema_open(&schema, type) == MYL_OK, "schema: %s", myl_error_detail());
    fuzz_check(myl_arena_open(&arena, (size_t)4 << 20) == MYL_OK, "arena: %s", myl_error_detail());
    /* A block of exactly that size, so that a sanitizer detects an access outside. */
    char *line = malloc(input.left > 0 ? input.left : 1);
    if (input.left > 0)
        memcpy(line, input.at, input.left);
    int rc = json_value(line, input.left, schema, arena, &value, reason);
    fuzz_check(rc == 0 || (rc == -1 && reason[0] != '\0'), "result %d, reason \"%s\"", rc, reason);
    if (rc == 0)
        check_value(schema, arena, value);
    free(line);
    myl_arena_close(arena);
    myl_schema_close(schema);
    return 0;
}
