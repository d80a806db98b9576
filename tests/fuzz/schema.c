/* SPDX-License-Identifier: MIT
 * Fuzz target: arbitrary bytes as the text of a type. An accepted text must be the text of the type, and the type one
 * that every codec can check. Bytes after the text are decoded as a value of it, and printed; and read as a binary
 * schema of flatc. The first record of an input has the length of the text. */
#include <stdlib.h>
#include <string.h>

#include "codec/difference.h"
#include "fuzz/kit.h"
#include "fuzz/mutate.h"

static const char *const codecs[] = {"rkyv", "bincode1", "bincode2", "pod", "msgpack", "msgpack_array", "flatbuffers"};

static const char other[] = "schema 1\nroot order\nstruct order\n  id: u64\n  price: f64\n";

static void decode(const myl_codec *codec, const myl_schema *schema, const void *bytes, size_t length)
{
    myl_arena *arena;
    void *value;
    size_t json;
    if (myl_codec_check(codec, schema) != MYL_OK)
        return;
    fuzz_check(myl_arena_open(&arena, (size_t)1 << 20) == MYL_OK, "arena: %s", myl_error_detail());
    int rc = myl_decode(codec, schema, bytes, length, arena, &value);
    fuzz_result("decode", rc, MYL_EDECODE, MYL_ETOOBIG);
    if (rc == MYL_OK) {
        myl_view view = myl_view_of(schema, value);
        fuzz_check(myl_view_json(&view, NULL, 0, &json) == MYL_OK, "json: %s", myl_error_detail());
    }
    myl_arena_close(arena);
}

/* The text is as long as `length`: it has no NUL, since a parser accepts none. */
static void check_schema(const myl_schema *schema, const char *text, size_t length)
{
    enum myl_text_form form = memcmp(text, "layout", 6) == 0 ? MYL_TEXT_LAYOUT : MYL_TEXT_SCHEMA;
    const char *canonical = myl_schema_text(schema, form);
    uint64_t hash;
    fuzz_check(strlen(canonical) == length && memcmp(canonical, text, length) == 0, "another text: %s", canonical);
    fuzz_check(myl_type_check(myl_schema_type(schema)) == MYL_OK, "the type: %s", myl_error_detail());
    fuzz_check(myl_type_hash(myl_schema_type(schema), form, &hash) == MYL_OK && hash == myl_schema_hash(schema, form),
               "another hash");
}

/* As the texts in segments: no control characters but line feeds. */
static void compare(const char *text, size_t length)
{
    char difference[MYL_DIFFERENCE_TEXT], root[MYL_ROOT_TEXT];
    char *printable = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        printable[i] = text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~') ? text[i] : '?';
    printable[length] = '\0';
    fuzz_check(strlen(myl_text_root(printable, root)) < sizeof root, "a root without end");
    const char *pairs[][2] = {{printable, other}, {other, printable}, {printable, printable}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        myl_text_difference(pairs[i][0], pairs[i][1], difference);
        int is_none = strcmp(difference, "none") == 0, same = strcmp(pairs[i][0], pairs[i][1]) == 0;
        fuzz_check(strlen(difference) < sizeof difference && (!same || is_none), "difference \"%s\"", difference);
    }
    free(printable);
}

/* A binary schema of flatc. Its type is one that the codec can carry, and that each of its values can be read by. */
static void import_schema(const char *bytes, size_t length)
{
    myl_schema *schema;
    size_t text;
    int rc = myl_flatbuffers_schema(&schema, bytes, length);
    fuzz_result("binary schema", rc, MYL_EDECODE, MYL_ESCHEMA, MYL_ETOOBIG);
    if (rc != MYL_OK)
        return;
    const myl_codec *codec = myl_codec_by_name("flatbuffers");
    fuzz_check(myl_codec_check(codec, schema) == MYL_OK, "the type cannot be carried: %s", myl_error_detail());
    fuzz_check(myl_flatbuffers_text(schema, NULL, 0, &text) == MYL_OK, "no text: %s", myl_error_detail());
    fuzz_check(codec->reads(schema, schema) == MYL_OK, "the type does not read itself: %s", myl_error_detail());
    myl_schema_close(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fuzz_input setup = fuzz_record(&input);
    size_t length = (size_t)fuzz_take(&setup, 2);
    myl_schema *schema;
    length = length < input.left ? length : input.left;
    /* Blocks of exactly that size, so that a sanitizer detects an access outside. */
    char *text = malloc(length > 0 ? length : 1), *bytes = malloc(input.left - length > 0 ? input.left - length : 1);
    if (length > 0)
        memcpy(text, input.at, length);
    if (input.left > length)
        memcpy(bytes, input.at + length, input.left - length);
    int rc = myl_schema_parse(&schema, text, length);
    fuzz_result("parse", rc, MYL_ESCHEMA);
    if (rc == MYL_OK) {
        check_schema(schema, text, length);
        for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++)
            decode(myl_codec_by_name(codecs[i]), schema, bytes, input.left - length);
    }
    compare(text, length);
    myl_schema_close(schema);
    import_schema(bytes, input.left - length);
    free(text);
    free(bytes);
    return 0;
}
