/* SPDX-License-Identifier: MIT
 * Reassembly of the fragments of a message. */
#ifndef MYL_FRAME_REASSEMBLY_H
#define MYL_FRAME_REASSEMBLY_H

#include "frame/record.h"

#include <stdbool.h>

/* A message that is being reassembled, or complete. */
struct myl_partial {
    enum { MYL_PART_NONE, MYL_PART_OPEN, MYL_PART_DONE } state;
    int held;                  /* nothing of it is acknowledged before it is whole */
    uint64_t start;            /* position of its first record */
    uint64_t position;         /* of the next record; DONE: of the last one */
    uint64_t got;              /* bytes before `position` */
    struct myl_fragment fragment; /* id and total of all its fragments */
    uint32_t fragments;        /* records before `position` */
    unsigned char *buffer;     /* room for `room` bytes, at a multiple of 64; kept for the next message */
    uint64_t room;
    unsigned char *to;         /* where its bytes go: `buffer`, or memory of the caller's */
    myl_message seen;          /* as its first record describes it; data is NULL */
};
/* Allocates a buffer for messages of up to `most` bytes. */
int myl_partial_set_up(struct myl_partial *part, const struct myl_header *head, uint64_t most);
/* Does this record continue the message? */
bool myl_partial_fits(const struct myl_partial *part, const struct myl_frame_head *record);
/* The first record of a message begins here. */
void myl_partial_begin(struct myl_partial *part, const struct myl_frame_head *record, uint64_t position);
/* The record at part->position was copied in. */
void myl_partial_append(struct myl_partial *part, const struct myl_frame_head *record);
/* Describes a whole reassembled message. */
void myl_partial_describe(const struct myl_partial *part, const struct myl_frame_head *last, myl_message *message);
int myl_frame_aborted(const char *name, const struct myl_partial *part);

#endif
