/* SPDX-License-Identifier: MIT
 * The progress of a transfer: a bar that redraws itself when stderr is a terminal, nothing otherwise. */
#ifndef MYELON_CLI_PROGRESS_H
#define MYELON_CLI_PROGRESS_H

#include "cli.h"

struct progress {
    int shown;           /* stderr is a terminal, and nobody asked for quiet */
    uint64_t total;      /* UINT64_MAX: not known */
    int64_t drawn_ns;    /* when the bar was drawn last */
    uint64_t drawn_bytes;
    double rate;         /* bytes a second, smoothed over some redraws */
};

/* Starts at `bytes` of `total`. */
void progress_start(struct progress *progress, uint64_t bytes, uint64_t total, int quiet);

/* Draws, if the last time was long enough ago. Cheap enough to call for every chunk. */
void progress_update(struct progress *progress, uint64_t bytes);

/* Clears the line; messages may follow. */
void progress_end(struct progress *progress);

#endif
