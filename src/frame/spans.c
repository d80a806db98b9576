/* SPDX-License-Identifier: MIT
 * A bounded, sorted list of spans. */
#include "frame/spans.h"

#include "base/error.h"

#include <string.h>

/* Returns the index of the first span that ends after `position`. */
static uint32_t find(const struct myl_spans *spans, uint64_t position)
{
    uint32_t i = spans->count; /* from the end: messages are mostly released in order */
    while (i > 0 && spans->span[i - 1].to > position)
        i--;
    return i;
}

static void remove_at(struct myl_spans *spans, uint32_t at, uint32_t count)
{
    memmove(&spans->span[at], &spans->span[at + count], (spans->count - at - count) * sizeof spans->span[0]);
    spans->count -= count;
}

bool myl_spans_has(const struct myl_spans *spans, uint64_t from, uint64_t to)
{
    uint32_t i = find(spans, from);
    return i < spans->count && spans->span[i].from < to;
}

int myl_spans_add(struct myl_spans *spans, uint64_t from, uint64_t to)
{
    if (myl_spans_has(spans, from, to))
        return MYL_ENOTCLAIMED;
    uint32_t i = find(spans, from);
    bool joins_before = i > 0 && spans->span[i - 1].to == from;
    bool joins_after = i < spans->count && spans->span[i].from == to;
    if (joins_before && joins_after) {
        spans->span[i - 1].to = spans->span[i].to;
        remove_at(spans, i, 1);
    } else if (joins_before) {
        spans->span[i - 1].to = to;
    } else if (joins_after) {
        spans->span[i].from = from;
    } else if (spans->count == MYL_HELD_MAX) {
        return MYL_ELIMIT;
    } else {
        memmove(&spans->span[i + 1], &spans->span[i], (spans->count - i) * sizeof spans->span[0]);
        spans->span[i] = (struct myl_cell_span){from, to};
        spans->count++;
    }
    return MYL_OK;
}

uint64_t myl_spans_end(const struct myl_spans *spans, uint64_t from)
{
    uint32_t i = find(spans, from);
    return i < spans->count && spans->span[i].from == from ? spans->span[i].to : from;
}

void myl_spans_forget_below(struct myl_spans *spans, uint64_t position)
{
    uint32_t i = 0;
    while (i < spans->count && spans->span[i].from < position)
        i++;
    remove_at(spans, 0, i);
}

void myl_spans_forget_from(struct myl_spans *spans, uint64_t position)
{
    while (spans->count > 0 && spans->span[spans->count - 1].to > position)
        spans->count--;
}
