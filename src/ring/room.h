/* SPDX-License-Identifier: MIT
 * A producer's wait for room: announce the needed cursor, sleep, run the policy's check at intervals. */
#ifndef MYL_RING_ROOM_H
#define MYL_RING_ROOM_H

#include "base/deadline.h"

#include <stdbool.h>

struct myl_producer;

/* The condition that a producer's call waits for: every gating cursor is at least `cursor`. */
struct myl_room_request {
    struct myl_producer *producer;
    uint64_t events;           /* number of events to claim from hot.next; 0: only the cursors matter */
    uint64_t cursor;
    bool polls;                /* the call does not wait */
    int (*timed_out)(void *request, int64_t timeout_ns); /* makes the sentence; NULL: names the slowest consumer */
};

/* A producer's announcements. Times are monotonic; 0: none. */
struct myl_room {
    bool needs;                /* a needed cursor is announced */
    int64_t blocked_since;     /* first call that found no room, with no call since that found some */
    int64_t call_began;        /* start of the call whose wait is announced */
};

/* Waits until `ready` returns another result than MYL_EAGAIN. A release that crosses request->cursor wakes it. */
int myl_room_wait(struct myl_room_request *request, int (*ready)(void *request), struct myl_timeout *timeout);
/* For a call that does not wait and found no room: announces the need. Returns MYL_EAGAIN or the policy's result. */
int myl_room_poll(struct myl_room_request *request);
/* Announces the cursor that this call waits for, and the start of the wait. */
void myl_room_announce(const struct myl_room_request *request);
/* Withdraws the announcement: a call found room without waiting. */
void myl_room_found(struct myl_producer *producer);

/* The producer as one of several that a wait is for. What its policy finds meanwhile is kept for its next claim. */
struct myl_wait_source;
void myl_room_source(struct myl_room_request *request, bool (*ready)(void *request), struct myl_wait_source *source);
/* Returns what was kept, with its sentence, and forgets it. MYL_OK: nothing was. */
int myl_room_take_found(struct myl_producer *producer);

#endif
