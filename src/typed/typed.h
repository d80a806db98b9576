/* SPDX-License-Identifier: MIT
 * What typed producers and consumers share: the checked options. */
#ifndef MYL_TYPED_TYPED_H
#define MYL_TYPED_TYPED_H

#include <myelon/typed.h>

struct myl_typed {
    const myl_codec *codec;
    myl_schema *schema;
};

/* Copies the caller's options to `own`, checks them and opens the schema. `type_id` is that of the ring's options: must
 * be 0. */
int myl_typed_begin(struct myl_typed *typed, myl_typed_options *own, const myl_typed_options *given, uint64_t type_id);
void myl_typed_end(struct myl_typed *typed);

#endif
