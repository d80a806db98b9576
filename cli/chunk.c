/* SPDX-License-Identifier: MIT
 * What messages of a file take in their ring, and the place in the file that follows from it. docs/frames.md, "What a
 * message takes", has the rule. */
#include "chunk.h"

#include "digest.h"

#include <inttypes.h>

#define CELL  64u /* what positions in a ring of messages count, bytes */
#define SPARE 64u /* bytes of such a ring that stay free */
#define RING_LEAST 65536u
#define BARE  16u /* bytes of a record's header as `cp` makes its rings */

/* Cells for a message with so many bytes of the file; `header` is the record's. */
static uint64_t cells_of(uint64_t bytes, uint32_t header)
{
    uint64_t length = CHUNK_HEAD + bytes;
    return length <= CELL - header ? 1 : 1 + (length + CELL - 1) / CELL;
}

uint64_t chunk_ring_bytes(uint64_t chunk, uint64_t capacity)
{
    uint64_t bytes = cells_of(chunk, BARE) * CELL * capacity + SPARE;
    return bytes > RING_LEAST ? bytes : RING_LEAST;
}

uint32_t chunk_of_ring(const myl_info *info)
{
    int frames = info->kind == MYL_RING_OF_FRAMES && info->cell_size == CELL && info->event_offset < CELL;
    if (frames && info->event_size >= CHUNK_HEAD + CHUNK_LEAST)
        return info->event_size - CHUNK_HEAD;
    if (frames)
        cli_fail(CLI_FAILED, "ring \"%s\" has messages of up to %" PRIu32 " bytes, too small for pieces of a file",
                 info->name, info->event_size);
    else
        cli_fail(CLI_FAILED, "ring \"%s\" carries events of one size, not the messages of a file", info->name);
    return 0;
}

int chunk_place(const myl_info *info, uint64_t cells, uint64_t size, uint64_t *offset, int *ended)
{
    uint32_t chunk = info->event_size - CHUNK_HEAD;
    uint64_t each = cells_of(chunk, info->event_offset), full = size / chunk * each;
    uint64_t data = full + (size % chunk != 0 ? cells_of(size % chunk, info->event_offset) : 0);
    *ended = cells == data + cells_of(DIGEST_BYTES, info->event_offset);
    *offset = cells < data ? cells / each * chunk : size;
    return *ended || cells == data || (cells <= full && cells % each == 0) ? 0 : -1;
}

uint64_t chunk_place_least(const myl_info *info, uint64_t cells)
{
    uint32_t chunk = info->event_size - CHUNK_HEAD;
    uint64_t each = cells_of(chunk, info->event_offset);
    /* The last two messages may be a short one and the closing one, which together take less than two full ones. */
    return cells >= each ? (cells / each - 1) * chunk : 0;
}
