/* SPDX-License-Identifier: MIT
 * Copying a message into the ring. */
#ifndef MYL_FRAME_COPY_H
#define MYL_FRAME_COPY_H

#include <stddef.h>
#include <stdint.h>

/* A producer's measurements of the two ways to copy; zeroed at first. */
struct myl_copier {
    uint32_t turn;             /* copies of at least LEAST bytes in this round */
    uint32_t round;            /* copies from trial to trial */
    int streams;               /* the way in use: past the caches */
    int64_t cost[2];           /* [streams]: the cheapest copy tried in this round, ns for 4 MiB; 0: none yet */
};

/* As memcpy. What it writes is ordered before any store with release that follows. */
void myl_copy_in(struct myl_copier *copier, void *to, const void *from, size_t bytes);

/* The copy past the caches by itself, for its test; memcpy where there is none. */
void myl_copy_streaming(void *to, const void *from, size_t bytes);

#endif
