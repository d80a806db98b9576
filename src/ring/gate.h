/* SPDX-License-Identifier: MIT
 * The gate check: how far a producer may write. Protocol 2. */
#ifndef MYL_RING_GATE_H
#define MYL_RING_GATE_H

#include <stdint.h>

struct myl_producer;

/* Protocol 2, steps 1 to 7. MYL_OK: [next, next + events) may be written. MYL_EAGAIN: no room yet. */
int myl_gate_check(struct myl_producer *producer, uint64_t events);
/* Stores the smallest cursor of all gating entries in *minimum (UINT64_MAX if there is none) and their number in
 * *gating. MYL_ECORRUPT: a cursor is beyond what is published. */
int myl_gate_minimum(const struct myl_producer *producer, uint64_t *minimum, uint32_t *gating);
/* Returns the smallest gate with which `events` more can be claimed. */
uint64_t myl_gate_cursor_for(const struct myl_producer *producer, uint64_t events);

#endif
