/* SPDX-License-Identifier: MIT
 * How a file travels through a ring: the event that `cp` publishes and `cat` reads.
 *
 * Event number s of a stream made from a regular file holds the bytes from s * (event size - CHUNK_HEADER) on: all
 * chunks are full but the last, so that a restarted sender finds its place in the file by the ring's own count. A
 * stream from a pipe may have short chunks anywhere. One closing event follows the data: CHUNK_END with the SHA-256 of
 * all of it, or CHUNK_ABORT with the reason as text. */
#ifndef MYELON_CLI_CHUNK_H
#define MYELON_CLI_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#define CHUNK_TYPE UINT64_C(0x6d796c636f707931) /* the ring's type id: "mylcopy1"; the last digit is the version */
#define CHUNK_TOTAL_UNKNOWN UINT64_MAX

enum chunk_kind {
    CHUNK_DATA = 1,
    CHUNK_END = 2,
    CHUNK_ABORT = 3,
};

struct chunk {
    uint64_t stream;      /* the same in every event of a stream, another one for another file */
    uint64_t offset;      /* of the data in the file; closing event: the bytes before it */
    uint64_t total;       /* bytes of the file; CHUNK_TOTAL_UNKNOWN until the closing event of a pipe */
    uint32_t length;      /* bytes of data */
    uint32_t kind;        /* enum chunk_kind */
    unsigned char data[]; /* up to the event's size */
};

#define CHUNK_HEADER ((uint32_t)offsetof(struct chunk, data))
#define CHUNK_EVENT_MAX ((uint32_t)1 << 20)
#define CHUNK_MOST (CHUNK_EVENT_MAX - CHUNK_HEADER)
#define CHUNK_LEAST 64u /* room for a digest */

#endif
