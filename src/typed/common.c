/* SPDX-License-Identifier: MIT
 * What typed producers and consumers share. */
#include "typed/typed.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/options.h"

/* Writes the bytes of a number, the lowest first on every machine. */
static void put_bytes(unsigned char *bytes, uint64_t number, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
}

uint64_t myl_typed_id(const myl_codec *codec, const myl_schema *schema)
{
    MYL_I_NOT_NULL(codec);
    MYL_I_NOT_NULL(schema);
    unsigned char bytes[sizeof(uint64_t) + sizeof codec->id];
    put_bytes(bytes, myl_codec_hash(codec, schema), sizeof(uint64_t));
    put_bytes(bytes + sizeof(uint64_t), codec->id, sizeof codec->id);
    uint64_t hash = myl_fnv1a(bytes, sizeof bytes);
    return hash != 0 ? hash : 1;
}

/* Describes the messages as a ring does. */
static int describe(struct myl_typed *typed)
{
    const myl_codec *codec = typed->codec;
    const char *text = myl_schema_text(typed->schema, codec->form);
    size_t bytes = strlen(text);
    if (bytes > MYL_SCHEMA_TEXT_MAX)
        return myl_fail(
            MYL_ESCHEMA,
            "the text of the type has %zu bytes, a ring stores at most %d; use shorter names or fewer types", bytes,
            MYL_SCHEMA_TEXT_MAX);
    typed->description = (struct myl_description){.codec = codec->id,
                                                  .codec_name = codec->name,
                                                  .text = text,
                                                  .hash = myl_codec_hash(codec, typed->schema),
                                                  .type_id = myl_typed_id(codec, typed->schema),
                                                  .check = myl_typed_check};
    return MYL_OK;
}

/* A given type id must be that of the type and the codec. */
static int check_type_id(const struct myl_typed *typed, uint64_t given)
{
    if (given == 0 || given == typed->description.type_id)
        return MYL_OK;
    return myl_fail(MYL_ETYPE,
                    "type_id is 0x%016" PRIx64 ", but that of this type and codec is 0x%016" PRIx64
                    "; pass 0, or the value of myl_typed_id",
                    given, typed->description.type_id);
}

/* Checks the copied options and opens the schema. `type_id`: as in myl_typed_begin. */
static int begin(struct myl_typed *typed, const myl_typed_options *options, uint64_t type_id)
{
    if (options->type == NULL || options->codec == NULL || options->kind > 255)
        return myl_fail(MYL_EINVAL, "typed options without a type or a codec, or with kind %" PRIu32 " above 255",
                        options->kind);
    if (options->bad != MYL_BAD_STOP && options->bad != MYL_BAD_SKIP)
        return myl_fail(MYL_EINVAL, "typed options with bad = %d; use MYL_BAD_STOP or MYL_BAD_SKIP", (int)options->bad);
    int rc = myl_schema_open(&typed->schema, options->type);
    if (rc != MYL_OK)
        return rc;
    typed->codec = options->codec;
    rc = myl_codec_check(typed->codec, typed->schema);
    if (rc == MYL_OK)
        rc = describe(typed);
    if (rc == MYL_OK)
        rc = check_type_id(typed, type_id);
    if (rc != MYL_OK)
        myl_typed_end(typed);
    return rc;
}

int myl_typed_begin(struct myl_typed *typed, myl_typed_options *own, const myl_typed_options *given, uint64_t type_id)
{
    int rc = myl_options_take(own, given, MYL_OPTIONS_TYPE(myl_typed_options, arena_limit));
    return rc == MYL_OK ? begin(typed, own, type_id) : rc;
}

void myl_typed_end(struct myl_typed *typed)
{
    myl_schema_close(typed->schema);
    typed->schema = NULL;
}

void myl_typed_report_bad(const myl_message *message, uint64_t *bad_messages, myl_bad_message_handler on_bad,
                          void *user)
{
    ++*bad_messages;
    if (on_bad != NULL) {
        struct myl_error_saved saved;
        myl_error_save(&saved);
        on_bad(message, saved.text, user);
        myl_error_restore(&saved);
    }
}
