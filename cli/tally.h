/* SPDX-License-Identifier: MIT
 * What `pub` and `sub` tell while they run: messages, bytes, rate and lag, on one line of a terminal. */
#ifndef MYELON_CLI_TALLY_H
#define MYELON_CLI_TALLY_H

#include "cli.h"

struct tally {
    int shown;          /* stderr is a terminal, and nobody asked for quiet */
    uint64_t messages, bytes;
    int64_t start_ns, drawn_ns;
    uint64_t drawn_bytes;
};

void tally_start(struct tally *tally, int quiet);

/* Counts one message more. 1: the line is due. Cheap enough to be called for every message. */
int tally_add(struct tally *tally, uint64_t bytes);

/* Redraws the line. `lag`: bytes that wait in the ring; TALLY_NO_LAG: nobody knows. */
#define TALLY_NO_LAG UINT64_MAX
void tally_draw(struct tally *tally, uint64_t lag);

/* Clears the line, and says the sums on a line that stays, unless quiet or no terminal. */
void tally_end(struct tally *tally, const char *what);

#endif
