/* SPDX-License-Identifier: MIT
 * The table of participant records, and the ids in it. */
#ifndef MYL_SEGMENT_TABLE_H
#define MYL_SEGMENT_TABLE_H

#include "segment/segment.h"

#include <stdbool.h>

/* The record of the producer of this lane, and of one of its consumers. */
struct myl_participant *myl_segment_producer(const struct myl_segment *segment);
struct myl_participant *myl_segment_entry(const struct myl_segment *segment, uint32_t entry);
/* Copies the id of an entry and ends it with a NUL. It may be torn while a consumer joins in this entry. */
void myl_entry_id(const struct myl_participant *entry, char id[MYL_ID_MAX + 1]);
/* The caller holds the registry lock and the lock of the entry. */
void myl_entry_set_id(struct myl_participant *entry, const char id[MYL_ID_MAX + 1]);
/* Returns 1 if the unread events of a dead consumer need not be kept. It has an automatic id, so it cannot come back,
 * and another consumer has read up to `end`. */
bool myl_entry_is_given_up(const struct myl_segment *segment, uint32_t entry, uint64_t end);
/* Number of entries ever used, at most the size of the table. */
uint32_t myl_segment_entries(const struct myl_segment *segment);
/* Counts the live consumers of the ring without entry `own` of this lane (UINT32_MAX: count all). */
int myl_segment_live_consumers(const struct myl_segment *segment, uint32_t own, uint32_t *live);

#endif
