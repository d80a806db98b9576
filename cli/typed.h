/* SPDX-License-Identifier: MIT
 * The messages of a ring that describes them, as JSON: what `pub --json` and `sub --json` share. */
#ifndef MYELON_CLI_TYPED_H
#define MYELON_CLI_TYPED_H

#include "cli.h"
#include "json_value.h"

struct typed {
    const myl_codec *codec;
    myl_schema *schema;
    myl_arena *arena;
    void *buffer;            /* the last message, as JSON or encoded */
    size_t room;
};

/* Prepares for messages of the type of a text. `source` names it in sentences: "ring \"x\"". Prints why it fails.
 * Returns 0 or an exit code. typed_close in any case. */
int typed_open(struct typed *typed, const myl_codec *codec, const char *text, size_t length, const char *source);
void typed_close(struct typed *typed);

/* The same with the codec and the text that a ring has; `text` NULL: it has none. */
int typed_open_ring(struct typed *typed, const struct cli_target *target, uint32_t codec, const char *text);

/* The name of a codec: "rkyv", or "codec 256 of a program". */
struct cli_text typed_codec_name(uint32_t codec);

/* Makes a line of JSON, with its line feed, from a message. MYL_OK, or the code of the library. The line is valid until
 * the next call. */
int typed_print(struct typed *typed, const void *bytes, size_t length, const char **line, size_t *count);

/* Makes a message from a line of JSON. Returns 0, or -1: `reason` is the cause. The bytes are valid until the next
 * call. */
int typed_encode(struct typed *typed, const char *line, size_t length, const void **bytes, size_t *count,
                 char reason[JSON_REASON_MAX]);

#endif
