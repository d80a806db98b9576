/* SPDX-License-Identifier: MIT
 * Progress of a transfer: a bar if stderr is a terminal, else nothing. */
#ifndef MYELON_CLI_PROGRESS_H
#define MYELON_CLI_PROGRESS_H

#include "cli.h"

struct progress {
    int shown;           /* stderr is a terminal, and not --quiet */
    uint64_t total;      /* UINT64_MAX: unknown */
    int64_t drawn_ns;    /* time of the last redraw */
    uint64_t drawn_bytes;
    double rate;         /* bytes a second, smoothed over several redraws */
};

/* Starts at `bytes` of `total`. */
void progress_start(struct progress *progress, uint64_t bytes, uint64_t total, int quiet);

/* Redraws the bar if the last redraw is old enough. Cheap enough to call for each chunk. */
void progress_update(struct progress *progress, uint64_t bytes);

/* Clears the line, so that messages can follow. */
void progress_end(struct progress *progress);

#endif
