/* SPDX-License-Identifier: MIT
 * Ids in shared memory: words of bytes, filled up with NUL. */
#ifndef MYL_SEGMENT_ID_H
#define MYL_SEGMENT_ID_H

#include "segment/layout.h"

/* Copies an id out and ends it by a NUL. May be torn while it is being written. */
void myl_id_words(const myl_au64 words[(MYL_ID_MAX + 1) / 8], char id[MYL_ID_MAX + 1]);
void myl_id_set_words(myl_au64 words[(MYL_ID_MAX + 1) / 8], const char id[MYL_ID_MAX + 1]);

#endif
