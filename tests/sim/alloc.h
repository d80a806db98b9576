/* SPDX-License-Identifier: MIT
 * Included before every source of the product in the simulation. Its allocations come from an arena that is reset after
 * each run, so that handles of killed processes do not accumulate. An allocation can fail. */
#ifndef MYL_SIM_ALLOC_H
#define MYL_SIM_ALLOC_H

#include <stdlib.h>
#include <string.h>

void *sim_malloc(size_t bytes);
void *sim_calloc(size_t count, size_t bytes);
void sim_free(void *memory);

void *sim_aligned_alloc(size_t alignment, size_t bytes);

#define aligned_alloc(to, bytes) sim_aligned_alloc(to, bytes)
#define malloc(bytes) sim_malloc(bytes)
#define calloc(count, bytes) sim_calloc(count, bytes)
#define free(memory) sim_free(memory)

#endif
