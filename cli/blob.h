/* SPDX-License-Identifier: MIT
 * What `pub` and `sub` agree on. Messages in a stream of bytes: each with its length in front, 4 bytes, lowest
 * first. */
#ifndef MYELON_CLI_BLOB_H
#define MYELON_CLI_BLOB_H

#include "cli.h"

enum { BLOB_HEAD = 4 };

/* What a publisher says last whose input did not come to its end. */
#define BLOB_GAVE_UP "gave up before the end"

/* Positions in a ring of messages count cells of so many bytes. */
#define CLI_CELL UINT64_C(64)

static inline uint32_t blob_length(const unsigned char *head)
{
    return (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
}

static inline void blob_set_length(unsigned char *head, uint32_t length)
{
    for (int i = 0; i < BLOB_HEAD; i++)
        head[i] = (unsigned char)(length >> 8 * i);
}

#endif
