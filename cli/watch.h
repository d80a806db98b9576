/* SPDX-License-Identifier: MIT
 * The sender's view of its consumers: checks the ring from time to time and reports deaths, returns and leaves. */
#ifndef MYELON_CLI_WATCH_H
#define MYELON_CLI_WATCH_H

#include "cli.h"

struct watch_seen {
    char id[MYL_ID_MAX + 1];
    uint64_t start_ns;  /* of its latest join */
    enum { WATCH_ALIVE, WATCH_DEAD, WATCH_LEFT } state;
    int64_t died_ns;    /* when the death was noticed */
};

struct watch {
    const struct cli_target *target;
    uint64_t session[2];
    int64_t scanned_ns;
    struct watch_seen *seen;
    uint32_t count;
    int gone;           /* the ring was removed */
    /* As of the last check. */
    uint64_t gate;      /* cells before this one may be overwritten */
    uint32_t cell;      /* bytes */
    uint32_t gating;    /* gating consumers, dead or alive */
    uint32_t complete;  /* consumers, gating or not, that acknowledged everything */
};

/* Starts to watch the ring of `session`. Returns 0 or an exit code. */
int watch_start(struct watch *watch, const struct cli_target *target, const uint64_t session[2]);
void watch_free(struct watch *watch);

/* Checks now, and reports changes. Returns 0, or an exit code after reporting that the ring was removed. */
int watch_scan(struct watch *watch);

/* The same, unless the last check is recent. */
int watch_glance(struct watch *watch);

/* Returns 1 if, at the last check, no consumer can get the whole file: all have left, or none has joined and a new one
 * would miss the beginning. */
int watch_abandoned(const struct watch *watch);

#endif
