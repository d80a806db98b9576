/* SPDX-License-Identifier: MIT
 * A record's header, as it is read. */
#ifndef MYL_FRAME_RECORD_H
#define MYL_FRAME_RECORD_H

#include <myelon/frame.h>

#include "segment/layout.h"

#include <stdbool.h>

_Static_assert(MYL_I_FRAME_CELL == MYL_CELL_ALIGN && MYL_I_FRAME_BARE == MYL_RECORD_BARE, "one record, two headers");
_Static_assert(MYL_I_FRAME_WHOLE == (MYL_RECORD_FIRST | MYL_RECORD_LAST) && MYL_I_FRAME_FAR == MYL_RECORD_FAR,
               "one record, two headers");
_Static_assert(MYL_I_FRAME_KIND == MYL_RECORD_KIND_SHIFT && MYL_I_FRAME_FLAGS == MYL_RECORD_FLAGS_SHIFT,
               "one record, two headers");
_Static_assert(MYL_RECORD_NUMBERED + sizeof(struct myl_fragment) <= MYL_CELL_ALIGN,
               "a fragment's header fits its cell");

/* A record's header, copied out once. */
struct myl_frame_head {
    uint64_t length_kind_flags;
    uint64_t length;
    uint64_t cells;
    unsigned flags;
    uint64_t number;
    int64_t sent_ns;
    struct myl_fragment fragment; /* valid unless the record is a whole message or aborts one */
};

/* Copies the header of the record at `cell`, each word by one load. Returns 0 if no producer writes such a header. */
bool myl_frame_read_head(const struct myl_header *head, const unsigned char *cell, struct myl_frame_head *record);
/* Returns the address of a record's payload. */
const unsigned char *myl_frame_payload(const struct myl_header *head, const unsigned char *cell,
                                       const struct myl_frame_head *record);
void myl_frame_describe(myl_message *message, const struct myl_frame_head *record, const void *data);
/* Describes a message by its first record; data is NULL. */
void myl_frame_describe_first(myl_message *message, const struct myl_frame_head *record);

/* MYL_EBUFFER: the next message has `length` bytes, the caller's buffer `bytes`. */
int myl_frame_too_small(const char *name, uint64_t length, uint64_t bytes);
int myl_frame_corrupt(const char *name, uint64_t position, const struct myl_frame_head *record);

#endif
