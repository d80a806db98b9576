/* SPDX-License-Identifier: MIT
 * Compares the messages of a ring with those of a typed participant. */
#include "typed/typed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "codec/difference.h"

#define CODEC_TEXT 32

/* "rkyv", or "codec 256" of a program. */
static const char *codec_text(uint32_t id, const char *name, char text[CODEC_TEXT])
{
    const myl_codec *codec = myl_codec_by_id(id);
    name = codec != NULL ? codec->name : name;
    if (name != NULL)
        (void)snprintf(text, CODEC_TEXT, "%s", name);
    else
        (void)snprintf(text, CODEC_TEXT, "codec %" PRIu32, id);
    return text;
}

/* May values of the ring's text be read by a participant of another type? `reason`: why not. */
static bool is_readable(const struct myl_typed *typed, const char *text, char *reason, size_t room)
{
    myl_schema *written;
    if (!typed->is_reader || typed->codec->reads == NULL || myl_schema_parse(&written, text, strlen(text)) != MYL_OK)
        return false;
    int rc = typed->codec->reads(written, typed->schema);
    if (rc != MYL_OK)
        (void)snprintf(reason, room, "%s", myl_error_detail());
    myl_schema_close(written);
    return rc == MYL_OK;
}

int myl_typed_check(const struct myl_segment *segment, const struct myl_description *description)
{
    const struct myl_header *head = segment->head;
    const char *text = segment->shared->schema_text;
    const struct myl_typed *typed =
        (const struct myl_typed *)(const void *)((const char *)description - offsetof(struct myl_typed, description));
    char codec[2][CODEC_TEXT], root[2][MYL_ROOT_TEXT], difference[MYL_DIFFERENCE_TEXT];
    if (text == NULL) {
        if (head->type_id == description->type_id)
            return MYL_OK;
        return myl_fail(MYL_ETYPE,
                        "ring \"%s\" carries type 0x%016" PRIx64 " without a schema, expected 0x%016" PRIx64
                        " of %s; choose the ring of that type",
                        segment->name, head->type_id, description->type_id, myl_text_root(description->text, root[1]));
    }
    int is_same_codec = head->codec == description->codec;
    if (is_same_codec && strcmp(text, description->text) == 0)
        return MYL_OK;
    difference[0] = '\0';
    if (is_same_codec && is_readable(typed, text, difference, sizeof difference))
        return MYL_OK;
    (void)codec_text(head->codec, NULL, codec[0]);
    (void)codec_text(description->codec, description->codec_name, codec[1]);
    if (is_same_codec && difference[0] == '\0')
        myl_text_difference(text, description->text, difference);
    else if (!is_same_codec)
        (void)snprintf(difference, sizeof difference, "codec: %s there, %s here", codec[0], codec[1]);
    return myl_fail(MYL_ESCHEMA,
                    "ring \"%s\" carries %s by %s (schema %016" PRIx64 "), expected %s by %s (schema %016" PRIx64
                    "); first difference: %s; use the same type and codec, or another ring",
                    segment->name, myl_text_root(text, root[0]), codec[0], head->schema_hash,
                    myl_text_root(description->text, root[1]), codec[1], description->hash, difference);
}
