/* SPDX-License-Identifier: MIT
 * The handle of a scheduler, as plain data. */
#ifndef MYL_FABRIC_SCHEDULER_H
#define MYL_FABRIC_SCHEDULER_H

#include "fabric/rings.h"
#include "fabric/table.h"

/* What is known of a rank. Messages are sent to workers that are present, and to those that have not come yet: their
 * entry in the dispatch ring is reserved. */
enum myl_rank_state {
    MYL_RANK_ABSENT,           /* none has been here */
    MYL_RANK_PRESENT,
    MYL_RANK_RETURNING,        /* here again; it ignores everything until its WELCOME, which is to be sent */
    MYL_RANK_GONE,             /* died, or left */
};

struct myl_rank {
    enum myl_rank_state state;
    uint32_t incarnation;      /* of the last one that is known */
    uint32_t lane;             /* of the reply ring; MYL_LANES_MAX: not known */
    uint32_t load;             /* requests in flight that wait for it */
    uint32_t kept;             /* of these, when it went: to be sent again */
    int32_t pid;               /* informational */
    bool left;                 /* GONE: in order */
    uint32_t lost_incarnation; /* the one that the event about its going is about */
    int32_t lost_pid;
};

struct myl_scheduler {
    struct myl_session session;
    myl_frame_producer *dispatch;
    myl_frame_consumer *replies;
    uint32_t workers, generation;
    uint64_t all;              /* the bits of all ranks */
    struct myl_rank rank[MYL_WORKERS_MAX];
    uint8_t rank_of_lane[MYL_LANES_MAX]; /* MYL_WORKERS_MAX: not known */
    /* Sets of ranks, by state. */
    uint64_t present, returning, gone;
    /* Events to be given. They are given before the next message is read, so there is at most one of each kind. */
    uint64_t gone_events, joined_events;
    uint32_t failing, expired; /* requests with FAILED events, with an EXPIRED event */
    /* Work on the dispatch ring that waits for room or for a lock. */
    uint64_t to_evict, to_resend;
    bool to_announce;
    uint32_t unplaced;         /* requests that wait for a worker */
    struct myl_table table;
    struct myl_keep keep;
    myl_fabric_event *deferred; /* events set aside, a queue in a ring */
    uint32_t deferred_most, deferred_first, deferred_count;
    bool stuck;                /* `stuck_message` could not be released yet */
    myl_message stuck_message;
    unsigned char *claim;      /* the head of the open claim, NULL: none */
    size_t claimed;            /* bytes of its payload */
    int64_t next_deadline_ns;  /* no deadline is checked before */
    int64_t checked_ns;        /* of the last check for deaths that no wait made */
    uint32_t steps;
    int64_t busy_limit_ns;
    bool orphans;
    uint32_t rotor;            /* the rank to begin with among equally loaded ones */
    myl_scheduler_counts counts;
};

static inline uint64_t myl_rank_bit(uint32_t rank)
{
    return UINT64_C(1) << rank;
}

/* The lowest rank of a set that is not empty. */
static inline uint32_t myl_rank_first(uint64_t set)
{
    return (uint32_t)__builtin_ctzll(set);
}

#endif
