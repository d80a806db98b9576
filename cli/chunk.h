/* SPDX-License-Identifier: MIT
 * How a file travels through a ring of messages (frame.h): what `cp` publishes and `cat` reads.
 *
 * A message is in one piece and begins with a head, which says where its bytes belong in the file; how many there are,
 * and what they are, the ring says itself. In a stream made from a regular file all messages are full but the last one
 * with data, and all full ones take the same room: so the ring's own count is the place in the file, and a restarted
 * sender or receiver needs nothing else. A stream from a pipe may have short messages anywhere. One closing message
 * follows the data: CHUNK_END with the SHA-256 of all of it, or CHUNK_ABORT with the reason as text. */
#ifndef MYELON_CLI_CHUNK_H
#define MYELON_CLI_CHUNK_H

#include "cli.h"

#define CHUNK_TYPE UINT64_C(0x6d796c636f707932) /* the ring's type id: "mylcopy2"; the last digit is the version */
#define CHUNK_TOTAL_UNKNOWN UINT64_MAX

/* A message's kind. */
enum chunk_kind {
    CHUNK_DATA = 1,
    CHUNK_END = 2,
    CHUNK_ABORT = 3,
};

/* In front of each message's bytes. */
struct chunk_head {
    uint64_t stream;      /* the same in every message of a stream, another one for another file */
    uint64_t offset;      /* of the bytes in the file; closing message: how many there were before it */
    uint64_t total;       /* bytes of the file; CHUNK_TOTAL_UNKNOWN until the closing message of a pipe */
};

#define CHUNK_HEAD     ((uint32_t)sizeof(struct chunk_head))
#define CHUNK_LEAST    64u /* bytes of the file in a full message: room for a digest */
#define CHUNK_MOST     ((uint32_t)16 << 20)
#define CHUNK_CAPACITY_MOST ((uint64_t)1 << 32) /* full messages in a ring */

/* The ring's label begins with the kind of stream it carries. */
#define CHUNK_OF_FILE "file "
#define CHUNK_OF_PIPE "pipe "

/* Bytes of a ring with room for `capacity` full messages at a time, or for more: a ring has 64 KiB at least. */
uint64_t chunk_ring_bytes(uint64_t chunk, uint64_t capacity);

/* Bytes of the file in a full message of this ring. 0: it carries something else; said. */
uint32_t chunk_of_ring(const myl_info *info);

/* How much of a regular file of `size` bytes is in the first `cells` cells of its ring; *ended: all of it, and the
 * closing message too. 0, or -1: no sender of that file stops there. */
int chunk_place(const myl_info *info, uint64_t cells, uint64_t size, uint64_t *offset, int *ended);

/* The same for a receiver, who does not know the size: at least so much of it. */
uint64_t chunk_place_least(const myl_info *info, uint64_t cells);

#endif
