/* SPDX-License-Identifier: MIT
 * How `cp` sends a file through a ring of messages (frame.h) to `cat`.
 *
 * A message is one record. It begins with a head that holds its offset in the file; its length and kind are in the
 * record. In a stream of a regular file every data message but the last is full, and all full ones take the same room.
 * The position in the ring therefore gives the position in the file, and a restarted sender or receiver needs nothing
 * else. A stream from a pipe may have short messages anywhere. One closing message follows the data: CHUNK_END with the
 * SHA-256 of the data, or CHUNK_ABORT with the reason as text. */
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

/* The start of each message, before its bytes. */
struct chunk_head {
    uint64_t stream;      /* equal in all messages of a stream, different for another file */
    uint64_t offset;      /* of the bytes in the file; closing message: the number of bytes before it */
    uint64_t total;       /* bytes of the file; CHUNK_TOTAL_UNKNOWN until the closing message of a pipe */
};

#define CHUNK_HEAD     ((uint32_t)sizeof(struct chunk_head))
#define CHUNK_LEAST    64u /* bytes of the file in a full message, at least: a digest fits */
#define CHUNK_MOST     ((uint32_t)16 << 20)
#define CHUNK_CAPACITY_MOST ((uint64_t)1 << 32) /* full messages in a ring, at most */

/* The ring's label begins with the kind of its stream. */
#define CHUNK_OF_FILE "file "
#define CHUNK_OF_PIPE "pipe "

/* Returns the bytes of a ring with room for `capacity` full messages. The result is at least 64 KiB. */
uint64_t chunk_ring_bytes(uint64_t chunk, uint64_t capacity);

/* Returns the bytes of the file in a full message of this ring. 0: not a ring for files; reported. */
uint32_t chunk_of_ring(const myl_info *info);

/* Computes how much of a regular file of `size` bytes is in the first `cells` cells of its ring. *ended: the file and
 * the closing message are. Returns 0, or -1 if no sender of that file stops there. */
int chunk_place(const myl_info *info, uint64_t cells, uint64_t size, uint64_t *offset, int *ended);

/* The same for a receiver, which does not know the size: a lower bound. */
uint64_t chunk_place_least(const myl_info *info, uint64_t cells);

#endif
