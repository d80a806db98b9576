/* SPDX-License-Identifier: MIT
 * The other side, as hostile as can be: the library is built with MYL_SIM, so each of its loads of a shared word comes
 * through here, and before any of them a word of the segment may be changed. The clock is ours too, so that no call
 * takes long, and mappings have nothing beside them, so that a step outside is a crash. */
#ifndef MYL_TESTS_FUZZ_HOSTILE_H
#define MYL_TESTS_FUZZ_HOSTILE_H

#include "fuzz/kit.h"
#include "segment/layout.h"

void hostile_begin(void);
/* Every mapping of the library is gone. */
void hostile_end(void);

/* The segment that is under attack: `base` is a mapping of all of it, `head` its true shape; NULL: none. */
void hostile_aim(unsigned char *base, const struct myl_header *head);

/* Takes a change from the input: made now, or some loads of the library later. */
void hostile_change(struct fuzz_input *input);
void hostile_arm(struct fuzz_input *input);
/* Was anything changed since hostile_begin? */
int hostile_has_changed(void);
/* A value that may be wrong in an interesting way: near to `now`, to a limit, or anything. */
uint64_t hostile_value(struct fuzz_input *input, uint64_t now);

/* A call of the library begins. If it waits for long, by its own clock, `interrupt(handle)` is called. */
void hostile_call(void (*interrupt)(void *handle), void *handle);

/* Do these bytes lie inside one mapping of the library (of cells, not of the control area), writable or not? */
int hostile_holds(const void *at, uint64_t bytes, int writable);
/* From now on the system refuses what it may refuse: locking, binding, huge pages, barriers. */
void hostile_refuse(int refuse);

#endif
