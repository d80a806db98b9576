/* SPDX-License-Identifier: MIT
 * The handle of a worker, as plain data. */
#ifndef MYL_FABRIC_WORKER_H
#define MYL_FABRIC_WORKER_H

#include "fabric/message.h"
#include "fabric/rings.h"

#include <stdbool.h>

enum myl_slot_state {
    MYL_SLOT_FREE,
    MYL_SLOT_QUEUED,           /* read ahead, and not given yet */
    MYL_SLOT_HELD,             /* given, and not released */
};

/* A message that is leased. A change of the scheduler has a slot, too, in its place in the order; without a message. */
struct myl_slot {
    enum myl_slot_state state;
    enum myl_work_kind kind;
    bool cancelled, untold;    /* cancelled; ... and no MYL_WORK_CANCELLED was given */
    struct myl_dispatch_head head;
    myl_message message;
};

struct myl_worker {
    struct myl_session session;
    myl_frame_consumer *dispatch;
    myl_frame_producer *replies;
    char replies_ticket[MYL_RINGS_TICKET_MAX];
    uint32_t rank, incarnation;
    uint32_t generation;       /* of the scheduler whose message was read last; 0: none yet */
    bool welcome;              /* what comes is for this incarnation */
    struct myl_slot slot[MYL_WORK_HELD_MAX];
    uint32_t queue[MYL_WORK_HELD_MAX]; /* slots, in the order of the ring */
    uint32_t queue_first, queued, used; /* used: not free */
    uint32_t untold;           /* slots with that mark */
    unsigned char *claim;      /* the head of the open claim of the lane */
    size_t claimed;
    uint64_t skipped;
};

#endif
