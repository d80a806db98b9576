/* SPDX-License-Identifier: MIT
 * What a sender knows about its consumers: looks at the ring from time to time and tells who died, came back, left. */
#ifndef MYELON_CLI_WATCH_H
#define MYELON_CLI_WATCH_H

#include "cli.h"

struct watch_seen {
    char id[MYL_ID_MAX + 1];
    uint64_t start_ns;  /* of its latest join */
    enum { WATCH_ALIVE, WATCH_DEAD, WATCH_LEFT } state;
    int64_t died_ns;    /* when that was noticed */
};

struct watch {
    const struct cli_target *target;
    uint64_t session[2];
    int64_t looked_ns;
    struct watch_seen *seen;
    uint32_t count;
    int gone;           /* the ring was removed under the sender */
    /* As of the last look. */
    uint64_t gate;      /* cells before this one may be overwritten */
    uint32_t cell;      /* bytes */
    uint32_t gating;    /* consumers that hold the sender back, dead or alive */
    uint32_t complete;  /* consumers, gating or not, that acknowledged everything published */
};

/* Begins to watch the ring of `session`. 0, or an exit code. */
int watch_start(struct watch *watch, const struct cli_target *target, const uint64_t session[2]);
void watch_free(struct watch *watch);

/* Looks now, and says what is new. 0, or an exit code after saying that the ring is gone. */
int watch_look(struct watch *watch);

/* The same, unless the last look was a moment ago. */
int watch_glance(struct watch *watch);

/* 1 if, at the last look, nobody was left who can get the whole file: all that ever came have gone, or none is there
 * and a new one would miss the beginning. */
int watch_abandoned(const struct watch *watch);

#endif
