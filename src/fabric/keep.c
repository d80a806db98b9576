/* SPDX-License-Identifier: MIT
 * Copies of requests that may be sent again. */
#include "fabric/keep.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int myl_keep_open(struct myl_keep *keep, uint64_t bytes)
{
    uint32_t blocks = (uint32_t)((bytes + MYL_KEEP_BLOCK - 1) / MYL_KEEP_BLOCK);
    keep->memory = malloc((size_t)blocks * MYL_KEEP_BLOCK);
    keep->next = malloc(blocks * sizeof *keep->next);
    keep->pieces = malloc(((size_t)blocks + 1) * sizeof *keep->pieces);
    if (keep->memory == NULL || keep->next == NULL || keep->pieces == NULL) {
        myl_keep_close(keep);
        return myl_fail(MYL_ENOMEM, "no memory for %" PRIu64 " bytes of kept requests; ask for less (keep_bytes)",
                        bytes);
    }
    for (uint32_t i = 0; i < blocks; i++)
        keep->next[i] = i + 1 < blocks ? i + 1 : MYL_KEEP_NONE;
    keep->blocks = keep->free_blocks = blocks;
    keep->first_free = 0;
    return MYL_OK;
}

void myl_keep_close(struct myl_keep *keep)
{
    free(keep->memory);
    free(keep->next);
    free(keep->pieces);
    memset(keep, 0, sizeof *keep);
}

static unsigned char *block(const struct myl_keep *keep, uint32_t index)
{
    return keep->memory + (size_t)index * MYL_KEEP_BLOCK;
}

static uint32_t take_block(struct myl_keep *keep)
{
    uint32_t index = keep->first_free;
    keep->first_free = keep->next[index];
    keep->free_blocks--;
    keep->next[index] = MYL_KEEP_NONE;
    return index;
}

/* Appends bytes to the chain that ends with block `*last`, of which `*used` bytes are used. There is room. */
static void append(struct myl_keep *keep, struct myl_kept *kept, uint32_t *last, size_t *used,
                   const struct iovec *piece)
{
    const unsigned char *from = piece->iov_base;
    size_t left = piece->iov_len;
    while (left > 0) {
        if (*used == MYL_KEEP_BLOCK) {
            uint32_t fresh = take_block(keep);
            if (kept->first == MYL_KEEP_NONE)
                kept->first = fresh;
            else
                keep->next[*last] = fresh;
            *last = fresh;
            *used = 0;
        }
        size_t part = MYL_KEEP_BLOCK - *used < left ? MYL_KEEP_BLOCK - *used : left;
        memcpy(block(keep, *last) + *used, from, part);
        from += part;
        left -= part;
        *used += part;
    }
}

int myl_keep_put(struct myl_keep *keep, const struct iovec *pieces, size_t count, struct myl_kept *kept)
{
    uint32_t last = MYL_KEEP_NONE;
    size_t used = MYL_KEEP_BLOCK;
    *kept = (struct myl_kept){MYL_KEEP_NONE, 0};
    for (size_t i = 0; i < count; i++)
        kept->length += pieces[i].iov_len;
    if ((kept->length + MYL_KEEP_BLOCK - 1) / MYL_KEEP_BLOCK > keep->free_blocks) {
        int rc =
            myl_fail(MYL_ELIMIT,
                     "a request of %" PRIu64 " bytes cannot be kept: %" PRIu32 " of %" PRIu32 " blocks of %u bytes "
                     "are free; take replies first, or raise keep_bytes",
                     kept->length, keep->free_blocks, keep->blocks, MYL_KEEP_BLOCK);
        kept->length = 0;
        return rc;
    }
    for (size_t i = 0; i < count; i++)
        append(keep, kept, &last, &used, &pieces[i]);
    return MYL_OK;
}

void myl_keep_free(struct myl_keep *keep, struct myl_kept *kept)
{
    while (kept->first != MYL_KEEP_NONE) {
        uint32_t index = kept->first;
        kept->first = keep->next[index];
        keep->next[index] = keep->first_free;
        keep->first_free = index;
        keep->free_blocks++;
    }
    kept->length = 0;
}

struct iovec *myl_keep_pieces(struct myl_keep *keep, const struct myl_kept *kept, size_t *count)
{
    uint64_t left = kept->length;
    *count = 1;
    for (uint32_t index = kept->first; index != MYL_KEEP_NONE; index = keep->next[index]) {
        size_t part = left < MYL_KEEP_BLOCK ? (size_t)left : MYL_KEEP_BLOCK;
        keep->pieces[(*count)++] = (struct iovec){block(keep, index), part};
        left -= part;
    }
    return keep->pieces;
}
