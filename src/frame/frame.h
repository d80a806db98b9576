/* SPDX-License-Identifier: MIT
 * What the handles of Layer 1 share: the record's header, and putting fragments together. */
#ifndef MYL_FRAME_FRAME_H
#define MYL_FRAME_FRAME_H

#include <myelon/frame.h>

#include "segment/layout.h"

_Static_assert(MYL_I_FRAME_CELL == MYL_CELL_ALIGN && MYL_I_FRAME_BARE == MYL_RECORD_BARE, "one record, two headers");
_Static_assert(MYL_I_FRAME_WHOLE == (MYL_RECORD_FIRST | MYL_RECORD_LAST) && MYL_I_FRAME_FAR == MYL_RECORD_FAR,
               "one record, two headers");
_Static_assert(MYL_I_FRAME_KIND == MYL_ABOUT_KIND_SHIFT && MYL_I_FRAME_FLAGS == MYL_ABOUT_FLAGS_SHIFT,
               "one record, two headers");
_Static_assert(MYL_RECORD_NUMBERED + sizeof(struct myl_fragment) <= MYL_CELL_ALIGN,
               "a fragment's header fits its cell");

/* A record's header, copied out once. */
struct myl_frame_head {
    uint64_t about;
    uint64_t length;
    uint64_t cells;
    unsigned flags;
    uint64_t number;
    int64_t sent_ns;
    struct myl_fragment fragment; /* valid unless the record is a whole message or aborts one */
};

/* A message on its way, or at its last fragment. */
struct myl_partial {
    enum { MYL_PART_NONE, MYL_PART_OPEN, MYL_PART_DONE } state;
    int held;                  /* nothing of it is acknowledged before it is whole */
    uint64_t start;            /* position of its first record */
    uint64_t position;         /* of the record to come; DONE: of the last one */
    uint64_t got;              /* bytes in front of `position` */
    struct myl_fragment about; /* id and total of all its fragments */
    uint32_t fragments;        /* records in front of `position` */
    unsigned char *buffer;     /* room for `room` bytes, at a multiple of 64; kept for the next message */
    uint64_t room;
};

/* Reads the header of the record at `cell` with single loads. 0: a producer cannot have written that. */
int myl_frame_read_head(const struct myl_header *head, const unsigned char *cell, struct myl_frame_head *record);
/* Where a record's payload lies. */
const unsigned char *myl_frame_payload(const struct myl_header *head, const unsigned char *cell,
                                       const struct myl_frame_head *record);
void myl_frame_describe(myl_message *message, const struct myl_frame_head *record, const void *data);

/* Sets room for messages of up to `most` bytes aside. */
int myl_partial_set_up(struct myl_partial *part, const struct myl_header *head, uint64_t most);
/* Is this record the one that goes on here? */
int myl_partial_fits(const struct myl_partial *part, const struct myl_frame_head *record);
/* The first record of a message begins here. */
void myl_partial_begin(struct myl_partial *part, const struct myl_frame_head *record, uint64_t position);
/* The record at part->position was copied in. */
void myl_partial_append(struct myl_partial *part, const struct myl_frame_head *record);
/* What a whole message put together tells. */
void myl_partial_describe(const struct myl_partial *part, const struct myl_frame_head *last, myl_message *message);

int myl_frame_corrupt(const char *name, uint64_t position, const struct myl_frame_head *record);
int myl_frame_aborted(const char *name, const struct myl_partial *part);

/* Options of Layer 0 inside those of Layer 1. */
int myl_frame_consumer_options_check(const myl_frame_consumer_options *o, myl_consumer_options *ring);

#endif
