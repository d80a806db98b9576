/* SPDX-License-Identifier: MIT
 * The room that messages of a file take in their ring, and the file position that follows from it. The rule is in
 * docs/frames.md, "What a message takes". */
#include "chunk.h"

#include "digest.h"

#include <inttypes.h>

#define CELL  64u /* bytes; positions in a ring of messages count cells */
#define SPARE 64u /* bytes of a ring of messages that stay free */
#define RING_LEAST 65536u
#define BARE  16u /* bytes of a record's header in rings that `cp` creates */

/* Returns the cells of a message with `bytes` of the file; `header` is the size of the record's header. */
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
        cli_fail(CLI_FAILED, "ring \"%s\" takes messages of at most %" PRIu32 " bytes, too small for a file",
                 info->name, info->event_size);
    else
        cli_fail(CLI_FAILED, "ring \"%s\" is a ring of events, and a file needs a ring of messages", info->name);
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
    /* The last two messages may be a short one and the closing one. Together they take less than two full ones. */
    return cells >= each ? (cells / each - 1) * chunk : 0;
}
