/* SPDX-License-Identifier: MIT
 * A quorum: the consumers that a producer waits for before its first event. */
#ifndef MYL_RING_QUORUM_H
#define MYL_RING_QUORUM_H

#include "ring/room.h"
#include "segment/segment.h"

struct myl_quorum {
    struct myl_room_request request; /* first member; the caller sets `producer` */
    int (*timed_out)(const struct myl_quorum *quorum, int64_t timeout_ns); /* makes the sentence of a timeout */
    const char *const *ids;    /* `count` ids; NULL: any consumers */
    const char *prefix;        /* without ids: counts only ids with this prefix; NULL: all */
    uint32_t count;
    uint32_t found;            /* registered at the last check; after a timeout: registered and alive */
    const char *missing;       /* with ids: the first one that was not; NULL: none */
    char reported[MYL_ID_MAX + 1]; /* the text that tools see of this wait; empty: none */
};

/* Waits until `count` consumers are registered and alive. MYL_EAGAIN: fewer are, and the timeout is MYL_TRY. */
int myl_quorum_wait(struct myl_quorum *quorum, struct myl_timeout *timeout);

/* Publishes the missing consumer to tools: an id, or a text that contains a space. "": none is missing. */
void myl_missing_report(const struct myl_segment *segment, const char *id);

#endif
