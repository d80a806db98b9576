/* SPDX-License-Identifier: MIT
 * The figures of `pub` and `sub`: messages, bytes, rate and lag, on one line of a terminal. */
#ifndef MYELON_CLI_TALLY_H
#define MYELON_CLI_TALLY_H

#include "cli.h"

struct tally {
    int shown;          /* stderr is a terminal, and not --quiet */
    uint64_t messages, bytes;
    int64_t start_ns, drawn_ns;
    uint64_t drawn_bytes;
};

void tally_start(struct tally *tally, int quiet);

/* Counts one more message. Returns 1 if the line is due. Cheap enough to call for each message. */
int tally_add(struct tally *tally, uint64_t bytes);

/* Redraws the line. `lag`: unread bytes in the ring; TALLY_NO_LAG: unknown. */
#define TALLY_NO_LAG UINT64_MAX
void tally_draw(struct tally *tally, uint64_t lag);

/* Clears the line, and prints the totals, unless quiet or not on a terminal. */
void tally_end(struct tally *tally, const char *what);

#endif
