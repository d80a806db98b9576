/* SPDX-License-Identifier: MIT
 * The product's malloc. Freed memory is overwritten and not reused within a run, so that a use after free shows. Every
 * allocation is counted for its process. */
#include "engine.h"

#include <stdint.h>
#include <string.h>

#define HEAP_BYTES ((size_t)32 << 20)
#define FREED 0xdd
#define IN_USE UINT64_C(0x6d796c656f6e6f6b)

struct block {
    uint64_t mark;
    size_t bytes;
};

static _Alignas(64) unsigned char heap[HEAP_BYTES];
static size_t used;

void *sim_malloc(size_t bytes);
void *sim_calloc(size_t count, size_t bytes);
void *sim_aligned_alloc(size_t alignment, size_t bytes);
void sim_free(void *memory);

void sim_alloc_begin(void)
{
    used = 0;
}

void *sim_malloc(size_t bytes)
{
    size_t whole = (sizeof(struct block) + bytes + 15) & ~(size_t)15;
    if (sim.current == NULL || whole > HEAP_BYTES - used)
        return NULL;
    if (sim.calm_since == 0 && !sim.alone && sim_luck(sim.conditions.fault[SIM_FAULT_MEMORY])) {
        SIM_TRACE("no memory");
        return NULL;
    }
    struct block *block = (struct block *)(void *)(heap + used);
    used += whole;
    block->mark = IN_USE;
    block->bytes = bytes;
    memset(block + 1, FREED, bytes); /* uninitialised memory must not read as zeroes */
    sim.current->process->allocations++;
    return block + 1;
}

/* For alignments up to that of the heap. */
void *sim_aligned_alloc(size_t alignment, size_t bytes)
{
    while ((used + sizeof(struct block)) % alignment != 0 && used < HEAP_BYTES)
        used += sizeof(struct block);
    return sim_malloc(bytes);
}

void *sim_calloc(size_t count, size_t bytes)
{
    void *memory = bytes != 0 && count > SIZE_MAX / bytes ? NULL : sim_malloc(count * bytes);
    if (memory != NULL)
        memset(memory, 0, count * bytes);
    return memory;
}

void sim_free(void *memory)
{
    if (memory == NULL)
        return;
    struct block *block = (struct block *)memory - 1;
    if ((unsigned char *)memory < heap || (unsigned char *)memory >= heap + used || block->mark != IN_USE)
        sim_violation("free", "%s frees memory that is not allocated", sim_self_name());
    block->mark = 0;
    memset(memory, FREED, block->bytes);
    sim.current->process->allocations--;
}
