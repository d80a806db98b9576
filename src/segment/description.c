/* SPDX-License-Identifier: MIT
 * The schema text in a segment: written when the segment is made, copied and checked when it is opened. */
#include "segment/description.h"

#include "base/error.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void myl_description_set(struct myl_header *head, const struct myl_description *description)
{
    head->codec = description != NULL ? description->codec : 0;
    head->schema_bytes = description != NULL ? (uint32_t)strlen(description->text) : 0;
    head->schema_hash = head->schema_checksum = description != NULL ? description->hash : 0;
}

char *myl_description_allocate(uint32_t bytes)
{
    char *text = calloc(1, (size_t)bytes + 1);
    if (text == NULL)
        (void)myl_fail(MYL_ENOMEM, "no memory for the schema text of a ring, %" PRIu32 " bytes", bytes);
    return text;
}

int myl_description_take(struct myl_segment *segment, const struct myl_description *description)
{
    myl_description_set(&segment->shared->head, description);
    if (description == NULL)
        return MYL_OK;
    uint32_t bytes = segment->shared->head.schema_bytes;
    char *text = myl_description_allocate(bytes);
    if (text == NULL)
        return MYL_ENOMEM;
    memcpy(text, description->text, bytes);
    segment->shared->schema_text = text;
    return MYL_OK;
}

/* Tools print the text: it has no control characters. */
int myl_description_check(const struct myl_segment *segment)
{
    const char *text = segment->shared->schema_text;
    uint32_t bytes = segment->head->schema_bytes;
    uint64_t checksum = myl_fnv1a(text, bytes);
    if (checksum != segment->head->schema_checksum)
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the checksum of its schema text is %016" PRIx64 ", its header says %016" PRIx64
                        "; remove the ring",
                        segment->name, checksum, segment->head->schema_checksum);
    for (uint32_t i = 0; i < bytes; i++) {
        if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
            return myl_fail(MYL_ECORRUPT,
                            "ring \"%s\": byte %" PRIu32 " of its schema text is 0x%02x, not printable ASCII; remove "
                            "the ring",
                            segment->name, i, (unsigned)(unsigned char)text[i]);
    }
    return MYL_OK;
}
