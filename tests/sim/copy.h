/* SPDX-License-Identifier: MIT
 * Included before the sources of src/frame, and before all sources that inline them. Their copies from and to shared
 * memory become accesses of the simulation. */
#ifndef MYL_SIM_COPY_H
#define MYL_SIM_COPY_H

#include "alloc.h"

void *sim_copy(void *to, const void *from, size_t bytes);
unsigned char sim_load_byte(const unsigned char *at);

#define memcpy(to, from, bytes) sim_copy(to, from, bytes)
#define __builtin_memcpy(to, from, bytes) sim_copy(to, from, bytes)
#define __atomic_load_n(at, order) sim_load_byte(at) /* the last bytes that myl_copy_rlx copies */

#endif
