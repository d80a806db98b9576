/* SPDX-License-Identifier: MIT
 * Writing to the dispatch ring. */
#ifndef MYL_FABRIC_DISPATCH_H
#define MYL_FABRIC_DISPATCH_H

#include "fabric/message.h"
#include "fabric/scheduler.h"

/* Publishes a message: its head, and `count` pieces. Dead workers do not hold it up. */
int myl_dispatch_put(struct myl_scheduler *s, enum myl_dispatch_kind kind, const struct myl_dispatch_head *head,
                     const struct iovec *pieces, size_t count, int64_t timeout_ns);
/* Claims a record of `most` bytes in all, as myl_frame_producer_claim. Dead workers do not hold it up. */
int myl_dispatch_claim(struct myl_scheduler *s, size_t most, void **data, int64_t timeout_ns);
/* Is there work on the dispatch ring that was put off? */
bool myl_dispatch_is_pending(const struct myl_scheduler *s);
/* Does it: evicts dead workers, announces the scheduler, welcomes workers that are back, sends requests again, gives
 * requests to workers. MYL_OK: all of it, as far as workers are here. MYL_EAGAIN, MYL_ETIMEDOUT: no room. */
int myl_dispatch_flush(struct myl_scheduler *s, int64_t timeout_ns);
/* Chooses a worker of the mask: the present one with the fewest requests in flight, else, if `expected`, one that has
 * not come yet. MYL_WORKERS_MAX: there is none. */
uint32_t myl_dispatch_choose(struct myl_scheduler *s, uint64_t mask, bool expected);
/* After MYL_EAGAIN or MYL_ETIMEDOUT: makes sentence and participant those of the slowest worker. Returns `code`. */
int myl_dispatch_name_slowest(struct myl_scheduler *s, int code);

#endif
