/* SPDX-License-Identifier: MIT
 * A hostile process that shares the segment. The library is built with MYL_SIM, so each of its loads of a shared word
 * calls this file, and before any of them a word of the segment may be changed. The clock is replaced, so that no call
 * takes long. Mappings are surrounded by guard pages, so that an access outside crashes. */
#ifndef MYL_TESTS_FUZZ_HOSTILE_H
#define MYL_TESTS_FUZZ_HOSTILE_H

#include "fuzz/kit.h"
#include "segment/layout.h"

void hostile_begin(void);
/* Ends an input: all mappings of the library must be gone. */
void hostile_end(void);

/* The segment to change: `base` is a mapping of all of it, `head` its true header; NULL: none. */
void hostile_aim(unsigned char *base, const struct myl_header *head);

/* Takes a change from the input. It is made now, or after some loads of the library, or before a word is loaded for the
 * second time in one call. */
void hostile_change(struct fuzz_input *input);
void hostile_arm(struct fuzz_input *input);
/* Returns 1 if anything was changed since hostile_begin. */
int hostile_has_changed(void);
/* A value that may be wrong in some way: near `now`, near a limit, or arbitrary. */
uint64_t hostile_value(struct fuzz_input *input, uint64_t now);

/* A call of the library begins. If it waits for long, by the simulated clock, `interrupt(handle)` is called. */
void hostile_call(void (*interrupt)(void *handle), void *handle);

/* Returns 1 if these bytes are inside one mapping of the library (of cells, not of the control area), writable or
 * not. */
int hostile_holds(const void *at, uint64_t bytes, int writable);
/* From now on optional system calls fail: locking, binding, huge pages, barriers. */
void hostile_refuse(int refuse);

#endif
