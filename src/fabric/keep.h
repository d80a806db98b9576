/* SPDX-License-Identifier: MIT
 * Copies of requests that may be sent again: chains of blocks in memory that is allocated once. */
#ifndef MYL_FABRIC_KEEP_H
#define MYL_FABRIC_KEEP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define MYL_KEEP_BLOCK 1024U
#define MYL_KEEP_NONE  UINT32_MAX

struct myl_keep {
    unsigned char *memory;
    uint32_t *next;            /* of each block: the next one of its chain */
    struct iovec *pieces;      /* of the copy that is being read; room for one piece before it */
    uint32_t blocks, free_blocks, first_free;
};

/* A copy. */
struct myl_kept {
    uint32_t first;            /* MYL_KEEP_NONE: no bytes */
    uint64_t length;
};

/* MYL_ENOMEM. `bytes` is rounded up to blocks. */
int myl_keep_open(struct myl_keep *keep, uint64_t bytes);
void myl_keep_close(struct myl_keep *keep);
/* Copies. MYL_ELIMIT: there is no room; nothing was copied. */
int myl_keep_put(struct myl_keep *keep, const struct iovec *pieces, size_t count, struct myl_kept *kept);
void myl_keep_free(struct myl_keep *keep, struct myl_kept *kept);
/* Returns the pieces of a copy, valid until the next call. pieces[0] is the caller's; *count includes it. */
struct iovec *myl_keep_pieces(struct myl_keep *keep, const struct myl_kept *kept, size_t *count);

#endif
