/* SPDX-License-Identifier: MIT
 * The description of a ring's messages: codec, schema hash and schema text. docs/schema.md. */
#ifndef MYL_SEGMENT_DESCRIPTION_H
#define MYL_SEGMENT_DESCRIPTION_H

#include "segment/segment.h"

/* The messages of one participant. A ring that it makes gets this description. */
struct myl_description {
    uint32_t codec;
    const char *codec_name;
    const char *text;            /* at most MYL_SCHEMA_MAX bytes */
    uint64_t hash;               /* FNV-1a, 64 bit, of the text */
    uint64_t type_id;            /* myl_typed_id */
    /* Compares the messages of an existing ring with these. MYL_ESCHEMA, MYL_ETYPE: they are others. */
    int (*check)(const struct myl_segment *segment, const struct myl_description *description);
};

/* Sets the fields of a header that is made; `description` NULL: to those of a ring without a schema. */
void myl_description_set(struct myl_header *head, const struct myl_description *description);
/* The same for the segment that is made, and copies the text. MYL_ENOMEM. */
int myl_description_take(struct myl_segment *segment, const struct myl_description *description);
/* Allocates memory for a text of `bytes` and a NUL, zeroed. NULL: there is none, which is reported. */
char *myl_description_allocate(uint32_t bytes);
/* Validates the private copy. MYL_ECORRUPT. */
int myl_description_check(const struct myl_segment *segment);

#endif
