/* SPDX-License-Identifier: MIT
 * The protocol between `pub` and `sub`. In a byte stream each message follows its length: 4 bytes, little-endian. */
#ifndef MYELON_CLI_BLOB_H
#define MYELON_CLI_BLOB_H

#include "cli.h"

enum { BLOB_HEAD = 4 };

/* The last activity text of a publisher that stops before the end of its input. */
#define BLOB_GAVE_UP "gave up before the end"

/* The last activity text of a reader that left because it could not write its output. */
#define BLOB_NOT_WRITTEN "could not write its output"

/* Bytes of a cell: positions in a ring of messages count cells. */
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
