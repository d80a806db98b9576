/* SPDX-License-Identifier: MIT
 * Tickets: the text by which another process finds one session of a ring. */
#ifndef MYL_SEGMENT_TICKET_H
#define MYL_SEGMENT_TICKET_H

#include "segment/segment.h"

/* The ticket of an open segment. MYL_EBUFFER: `size` is too small; MYL_ENAME: its path is relative. */
int myl_segment_ticket(const struct myl_segment *segment, char *text, size_t size);
/* Completes `how` from the ticket `text`, which is parsed into *ticket; `how` uses its memory. NULL: no ticket. */
int myl_segment_open_by(struct myl_segment_open *how, const char *text, myl_ticket *ticket);
/* MYL_ESESSION: it is another session than how->session. */
int myl_segment_check_session(const struct myl_segment *segment, const struct myl_segment_open *how);

#endif
