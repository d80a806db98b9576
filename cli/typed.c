/* SPDX-License-Identifier: MIT
 * Decodes and encodes messages by the type that their ring describes. */
#include "typed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CORRECT_IT "compare the text with docs/schema.md ('myelon inspect' prints that of a ring)"

struct cli_text typed_codec_name(uint32_t codec)
{
    struct cli_text text;
    const myl_codec *known = myl_codec_by_id(codec);
    if (known != NULL)
        (void)snprintf(text.s, sizeof text.s, "%s", known->name);
    else
        (void)snprintf(text.s, sizeof text.s, "codec %" PRIu32 " of a program", codec);
    return text;
}

int typed_open(struct typed *typed, const myl_codec *codec, const char *text, size_t length, const char *source)
{
    const char *advice = CORRECT_IT;
    int rc = myl_schema_parse(&typed->schema, text, length);
    typed->codec = codec;
    if (rc == MYL_OK) {
        advice = "choose another codec or type";
        rc = myl_codec_check(codec, typed->schema);
    }
    if (rc == MYL_OK)
        rc = myl_arena_open(&typed->arena, 0);
    if (rc == MYL_OK)
        return 0;
    cli_notice("the schema of %s cannot be used", source);
    return cli_ring_error_advised(rc, rc == MYL_ESCHEMA ? advice : NULL);
}

void typed_close(struct typed *typed)
{
    myl_arena_close(typed->arena);
    myl_schema_close(typed->schema);
    free(typed->buffer);
    *typed = (struct typed){0};
}

int typed_open_ring(struct typed *typed, const struct cli_target *target, uint32_t codec, const char *text)
{
    char source[320];
    const myl_codec *known = myl_codec_by_id(codec);
    if (text == NULL)
        return cli_fail(CLI_FAILED,
                        "ring \"%.200s\" does not describe its messages: only typed producers store a schema; leave "
                        "--json out",
                        target->name);
    if (known == NULL)
        return cli_fail(CLI_FAILED,
                        "ring \"%.200s\" carries messages by %s, which this command cannot read; leave --json out",
                        target->name, typed_codec_name(codec).s);
    (void)snprintf(source, sizeof source, "ring \"%.200s\"", target->name);
    return typed_open(typed, known, text, strlen(text), source);
}

static int make_room(struct typed *typed, size_t bytes)
{
    if (bytes <= typed->room)
        return 0;
    void *larger = realloc(typed->buffer, bytes);
    if (larger == NULL)
        return -1;
    typed->buffer = larger;
    typed->room = bytes;
    return 0;
}

/* Decodes a copy: the bytes in the ring may change, and a view of them could then be no value. */
int typed_print(struct typed *typed, const void *bytes, size_t length, const char **line, size_t *count)
{
    void *value;
    size_t used = 0;
    myl_arena_reset(typed->arena);
    int rc = myl_decode(typed->codec, typed->schema, bytes, length, typed->arena, &value);
    if (rc != MYL_OK)
        return rc;
    myl_view view = myl_view_of(typed->schema, value);
    rc = myl_view_json(&view, typed->buffer, typed->room, &used);
    if (rc == MYL_EBUFFER || (rc == MYL_OK && used + 1 >= typed->room)) {
        if (make_room(typed, 2 * used + 256) != 0)
            return MYL_ENOMEM;
        rc = myl_view_json(&view, typed->buffer, typed->room, &used);
    }
    if (rc != MYL_OK)
        return rc;
    ((char *)typed->buffer)[used] = '\n'; /* instead of the NUL */
    *line = typed->buffer;
    *count = used + 1;
    return MYL_OK;
}

int typed_encode(struct typed *typed, const char *line, size_t length, const void **bytes, size_t *count,
                 char reason[JSON_REASON_MAX])
{
    void *value;
    myl_arena_reset(typed->arena);
    int rc = json_value(line, length, typed->schema, typed->arena, &value, reason);
    if (rc != 0)
        return rc;
    rc = myl_encoded_size(typed->codec, typed->schema, value, count);
    if (rc == MYL_OK && make_room(typed, *count > 0 ? *count : 1) != 0) {
        (void)snprintf(reason, JSON_REASON_MAX, "out of memory for %zu bytes", *count);
        return -1;
    }
    if (rc == MYL_OK)
        rc = myl_encode(typed->codec, typed->schema, value, typed->buffer, typed->room, count);
    if (rc != MYL_OK) {
        (void)snprintf(reason, JSON_REASON_MAX, "%s", myl_error_detail());
        return -1;
    }
    *bytes = typed->buffer;
    return 0;
}
