/* SPDX-License-Identifier: MIT
 * Which workers are here, and what their coming and going means for the requests in flight. */
#ifndef MYL_FABRIC_ROSTER_H
#define MYL_FABRIC_ROSTER_H

#include "fabric/scheduler.h"

/* Reads the lanes of the reply ring when a scheduler opens. Returns the set of ranks that no worker has had yet. */
uint64_t myl_roster_read(struct myl_scheduler *s);
/* The rank of the worker whose lane this is; MYL_WORKERS_MAX: no worker's. */
uint32_t myl_roster_rank_of(struct myl_scheduler *s, uint32_t lane);
/* The segment of a lane, and how many workers have had it, as it is now. */
uint32_t myl_roster_incarnation(const struct myl_scheduler *s, uint32_t rank);
/* A worker has said that it is here. Returns false if it cannot be: it is dropped. */
bool myl_roster_hello(struct myl_scheduler *s, uint32_t rank, uint64_t incarnation, int32_t pid);
/* The worker in this lane has died, or left. */
void myl_roster_gone(struct myl_scheduler *s, uint32_t lane, bool left, int32_t pid);
/* Until when the worker says to be busy, CLOCK_MONOTONIC; 0: it does not. */
int64_t myl_roster_busy_until(const struct myl_scheduler *s, uint32_t rank);
/* Changes a request: `ranks` of those it waits for are done. */
void myl_roster_answered(struct myl_scheduler *s, struct myl_flight *flight, uint64_t ranks);
/* Waits for these ranks, too. */
void myl_roster_asked(struct myl_scheduler *s, struct myl_flight *flight, uint64_t ranks);
/* The request is over. */
void myl_roster_forget(struct myl_scheduler *s, struct myl_flight *flight);

#endif
