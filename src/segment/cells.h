/* SPDX-License-Identifier: MIT
 * Operations on the cells of a ring, one set for each kind of content. The layer that knows the kind chooses the set
 * when the ring is opened, so the code of the ring has no branch on the kind. */
#ifndef MYL_SEGMENT_CELLS_H
#define MYL_SEGMENT_CELLS_H

#include <stdbool.h>
#include <stdint.h>

struct myl_segment;

struct myl_cell_ops {
    uint32_t kind;             /* MYL_KIND_EVENTS or MYL_KIND_FRAMES, as in the header */
    const char *position;      /* for error sentences: what a sequence numbers, */
    const char *unit;          /* the unit in which amounts are stated, in the singular, */
    uint32_t unit_bytes;       /* and how many units one sequence has */
    bool publishes_claims;     /* each claim is published separately, so the next claim is also the next publish */
    uint64_t need;             /* a publish needs at least so many free sequences */
    /* Most sequences that one stamp publishes. 1: a stamp marks its cell as published and does not say where the
     * publish ends. */
    uint64_t (*span)(const struct myl_segment *segment);
    /* Finds the end of the publish that begins at `sequence`, from its stamp; *end == sequence: nothing is published
     * there. A producer may have died after storing the stamp and before `next`. `sequence` must be the end of a
     * publish, or `next`. May fail with MYL_ECORRUPT. */
    int (*published_end)(const struct myl_segment *segment, uint64_t sequence, uint64_t *end);
    /* Finds the first position >= `wanted` at which a publish may begin. `from` is such a position, and everything
     * below `wanted` is published. */
    int (*boundary)(const struct myl_segment *segment, uint64_t from, uint64_t wanted, uint64_t *boundary);
    /* Returns true if no producer can have stored `stamp`. It was found in the cell of `sequence`, which is not
     * published yet and cannot have been overwritten. */
    bool (*is_impossible)(const struct myl_segment *segment, uint64_t stamp, uint64_t sequence);
};

#endif
