/* SPDX-License-Identifier: MIT
 * A bell: a thread that sleeps on words for another one, and a descriptor that it makes readable when one changes. */
#ifndef MYL_WAITSET_BELL_H
#define MYL_WAITSET_BELL_H

#include "base/deadline.h"
#include "os/os.h"

struct myl_bell;

/* Starts the thread. The descriptor is readable. */
int myl_bell_make(struct myl_bell **bell);
int myl_bell_fd(const struct myl_bell *bell);
/* Of a bell that is not armed: it makes its descriptor unreadable, and readable again when one of the words has another
 * value or the deadline passes. Up to MYL_BELL_WORDS words, which are copied. */
#define MYL_BELL_WORDS 1025
void myl_bell_arm(struct myl_bell *bell, const struct myl_os_park_word *words, uint32_t count,
                  struct myl_deadline until);
/* Afterwards the bell is not armed, its thread reads no word, and the descriptor is readable. */
void myl_bell_disarm(struct myl_bell *bell);
/* In a fork child, which has no copy of the thread. */
void myl_bell_forked(struct myl_bell *bell);
/* Ends and joins the thread, of a bell that is not armed. In a fork child frees only. */
void myl_bell_end(struct myl_bell *bell);

#endif
