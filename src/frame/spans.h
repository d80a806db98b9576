/* SPDX-License-Identifier: MIT
 * Spans of cells of messages that were released while an older one is held. They are acknowledged with that one. */
#ifndef MYL_FRAME_SPANS_H
#define MYL_FRAME_SPANS_H

#include <myelon/frame.h>

#include <stdbool.h>

struct myl_cell_span {
    uint64_t from, to;
};

/* A bounded list inside the reader: nothing is allocated. In ascending order; no span is empty; no two are adjacent. */
struct myl_spans {
    uint32_t count;
    struct myl_cell_span span[MYL_HELD_MAX];
};

/* Adds from .. to - 1, which is not empty. MYL_ENOTCLAIMED: a part of it is in a span; MYL_ELIMIT: there are
 * MYL_HELD_MAX spans, and it is adjacent to none. Then nothing changes. */
int myl_spans_add(struct myl_spans *spans, uint64_t from, uint64_t to);
/* Returns the end of the span that begins at `from`; `from` if none does. */
uint64_t myl_spans_end(const struct myl_spans *spans, uint64_t from);
/* Returns true if a part of from .. to - 1 is in a span. */
bool myl_spans_has(const struct myl_spans *spans, uint64_t from, uint64_t to);
/* Removes the spans that begin below `position`. */
void myl_spans_forget_below(struct myl_spans *spans, uint64_t position);
/* Removes the spans that end after `position`. */
void myl_spans_forget_from(struct myl_spans *spans, uint64_t position);

#endif
