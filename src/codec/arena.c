/* SPDX-License-Identifier: MIT
 * The memory of decoded values: blocks that are filled one after the other and kept for the next value. */
#include "codec/bytes.h"

#include <stdlib.h>

#define ALIGN_MAX     ((size_t)MYL_ALIGN_MAX)
#define FIRST_BLOCK   ((size_t)4096 - 64)
#define BLOCK_MAX     ((size_t)1 << 20) /* of a block that is made larger than needed */
#define LIMIT_DEFAULT ((size_t)256 << 20)

struct block {
    struct block *next;
    size_t room;
    _Alignas(ALIGN_MAX) unsigned char bytes[];
};

struct myl_arena {
    struct block *first;
    struct block *block;     /* the one that is being filled; NULL: none yet */
    size_t used;             /* of it */
    size_t total;            /* taken since the last reset */
    size_t limit;
};

int myl_arena_open(myl_arena **arena, size_t limit)
{
    MYL_I_NOT_NULL(arena);
    myl_arena *made = calloc(1, sizeof *made);
    *arena = NULL;
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for an arena");
    made->limit = limit != 0 ? limit : LIMIT_DEFAULT;
    *arena = made;
    return MYL_OK;
}

/* Goes on to a block with at least `bytes` free: the next one that is kept, or a new one. NULL: there is no memory.
 * A kept block that is too small is freed, so a new block is made only at the end of the list: what precedes it is in
 * use, each two blocks for more bytes than the first of them has, and all blocks together stay below three times the
 * limit and BLOCK_MAX. */
static struct block *next_block(myl_arena *arena, size_t bytes)
{
    struct block **link = arena->block != NULL ? &arena->block->next : &arena->first;
    struct block *block;
    while ((block = *link) != NULL && block->room < bytes) {
        *link = block->next;
        free(block);
    }
    if (block == NULL) {
        size_t room = arena->block != NULL ? 2 * arena->block->room : FIRST_BLOCK;
        room = room < BLOCK_MAX ? room : BLOCK_MAX;
        if (room < bytes)
            room = bytes;
        if (room > PTRDIFF_MAX / 2)
            return NULL;
        block = aligned_alloc(ALIGN_MAX, myl_align_up(sizeof *block + room, ALIGN_MAX));
        if (block == NULL)
            return NULL;
        block->next = NULL;
        block->room = room;
        *link = block;
    }
    arena->block = block;
    return block;
}

int myl_arena_take(myl_arena *arena, size_t bytes, size_t align, void **memory)
{
    MYL_I_NOT_NULL(arena);
    MYL_I_NOT_NULL(memory);
    if (align == 0 || align > ALIGN_MAX || (align & (align - 1)) != 0)
        return myl_fail(MYL_EINVAL, "alignment %zu: use a power of two of at most %zu", align, ALIGN_MAX);
    if (bytes > arena->limit - arena->total)
        return myl_fail(MYL_ETOOBIG,
                        "a decoded value needs %zu bytes more than the %zu taken; the arena's limit is %zu", bytes,
                        arena->total, arena->limit);
    struct block *block = arena->block;
    size_t from = myl_align_up(arena->used, align);
    if (block == NULL || from > block->room || bytes > block->room - from) {
        block = next_block(arena, bytes);
        if (block == NULL)
            return myl_fail(MYL_ENOMEM, "no memory for %zu bytes of a decoded value", bytes);
        from = 0;
    }
    memset(block->bytes + from, 0, bytes);
    *memory = block->bytes + from;
    arena->used = from + bytes;
    arena->total += bytes;
    return MYL_OK;
}

void myl_arena_reset(myl_arena *arena)
{
    MYL_I_NOT_NULL(arena);
    arena->block = NULL;
    arena->used = arena->total = 0;
}

void myl_arena_close(myl_arena *arena)
{
    if (arena == NULL)
        return;
    for (struct block *block = arena->first, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
}

struct myl_arena_mark myl_arena_mark(const myl_arena *arena)
{
    return (struct myl_arena_mark){arena->block, arena->used, arena->total};
}

void myl_arena_back(myl_arena *arena, struct myl_arena_mark mark)
{
    arena->block = mark.block;
    arena->used = mark.used;
    arena->total = mark.total;
}

int myl_take_objects(myl_arena *arena, const struct myl_node *node, uint64_t count, void **memory)
{
    if (count > SIZE_MAX / node->size)
        return myl_fail(MYL_ETOOBIG, "a decoded vector of %zu elements of %u bytes is beyond the arena's limit",
                        (size_t)count, node->size);
    return myl_arena_take(arena, (size_t)count * node->size, node->align, memory);
}

int myl_take_text(myl_arena *arena, const void *data, size_t length, void *out)
{
    void *copy = NULL;
    if (length == SIZE_MAX)
        return myl_fail(MYL_ETOOBIG, "a decoded text is beyond the arena's limit");
    int rc = myl_arena_take(arena, length + 1, 1, &copy);
    if (copy == NULL)
        return rc;
    if (length > 0)
        memcpy(copy, data, length);
    myl_bytes text = {copy, length};
    memcpy(out, &text, sizeof text);
    return MYL_OK;
}
