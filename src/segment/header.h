/* SPDX-License-Identifier: MIT
 * The header of a segment: completed when it is created, validated when it is read. */
#ifndef MYL_SEGMENT_HEADER_H
#define MYL_SEGMENT_HEADER_H

#include "segment/layout.h"

/* Computes offsets and sizes from the shape. MYL_ECAPACITY: the segment would be too large. */
int myl_header_complete(struct myl_header *head, int huge);
void myl_header_seal(struct myl_header *head);
/* Validates every field against the other fields and the real size of the object. */
int myl_header_check(const struct myl_header *head, uint64_t object_bytes, const char *name);

#endif
