/* SPDX-License-Identifier: MIT
 * What typed producers and consumers share: the checked options. */
#ifndef MYL_TYPED_TYPED_H
#define MYL_TYPED_TYPED_H

#include <stdbool.h>

#include <myelon/typed.h>

#include "segment/description.h"

struct myl_typed {
    const myl_codec *codec;
    myl_schema *schema;
    bool is_reader;          /* may have another type, if the codec reads it */
    struct myl_description description; /* its text is the schema's */
};

/* Copies the caller's options to `own`, checks them, opens the schema and describes it. `type_id` is the caller's, 0 or
 * that of type and codec. */
int myl_typed_begin(struct myl_typed *typed, myl_typed_options *own, const myl_typed_options *given, uint64_t type_id);
void myl_typed_end(struct myl_typed *typed);

/* Counts a bad message and reports it to the handler, which may be NULL. The sentence of the failure stays. */
void myl_typed_report_bad(const myl_message *message, uint64_t *bad_messages, myl_bad_message_handler on_bad,
                          void *user);

/* Compares the messages of a ring with those described. MYL_ESCHEMA: another codec or schema; the sentence has both and
 * the first difference. MYL_ETYPE: the ring has no schema, and another type_id. */
int myl_typed_check(const struct myl_segment *segment, const struct myl_description *description);

#endif
