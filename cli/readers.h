/* SPDX-License-Identifier: MIT
 * The readers of `pub`: whether any is registered, and whether one could not write its output. */
#ifndef MYELON_CLI_READERS_H
#define MYELON_CLI_READERS_H

#include "snapshot.h"

struct readers {
    const struct cli_target *target;
    int talks;           /* report waits: on a terminal, and not --quiet */
    int came, left;      /* a reader has registered; all have left */
    int reported;        /* the absence of readers */
    int64_t scanned_ns;
    char failed[MYL_ID_MAX + 1]; /* id of a reader that could not write; "": none */
    int stays;           /* that reader can come back */
    myl_snapshot *before; /* when this publisher began; NULL: not known */
};

void readers_start(struct readers *readers, const struct cli_target *target, int quiet);
void readers_end(struct readers *readers);

/* Checks the ring, unless the last check is recent. */
void readers_glance(struct readers *readers);

/* Checks the ring now. */
void readers_scan(struct readers *readers);

/* Reports once that the ring is full and no reader can make room. */
void readers_report_full(struct readers *readers);

#endif
