/* SPDX-License-Identifier: MIT
 * Parking: how a waiting party sleeps in the kernel and is woken without a lost wake-up, though a busy publisher
 * only loads one word. docs/waiting.md has the protocol, models/park.pml the model; step names are the same. */
#ifndef MYL_RING_PARK_H
#define MYL_RING_PARK_H

#include "segment/segment.h"

enum {
    MYL_PARK_FENCE = 1U, /* publishers must fence before they trust the word */
    MYL_PARK_EFF = 2U,   /* every publisher's load sees FENCE: the order is exact */
    MYL_PARK_SLEEP = 4U, /* somebody may sleep */
    MYL_PARK_COUNT = 8U, /* one unit of the counter above */
};

enum myl_park_mode {
    MYL_PARK_LAZY,  /* data side: the publisher fences only while somebody parks */
    MYL_PARK_FENCED /* room side, and publishers that fence at every look */
};

/* Publish calls with FENCE set and nobody asleep until the publisher goes back to not fencing. */
#define MYL_PARK_QUIET_CALLS 256U

/* A parker's state over one wait. */
struct myl_parker {
    struct myl_park_word *park;
    enum myl_park_mode mode;
    int overslept;       /* a bounded sleep of this wait ended unconfirmed */
};

/* L1 to L4 (lazy), or P1 to P5 (fenced): announces the sleep. *value is the word to sleep on, *most_ns how long the
 * sleep may last. The caller re-checks its condition, then sleeps (myl_park_sleep) or walks away, leaving the word
 * alone. */
void myl_park_announce(struct myl_parker *parker, uint32_t *value, int64_t *most_ns);
/* L6, L7. */
void myl_park_sleep(struct myl_parker *parker, uint32_t value, int64_t ns, int64_t most_ns);

/* Who publishes. */
struct myl_publisher {
    int registered;      /* a target of the parkers' barrier; else it fences every time */
    int only;            /* nobody else publishes to those who sleep on this word */
};
/* S5 to S7: the publisher saw a bit. `quiet` is its counter. 1 if it woke somebody. */
int myl_park_publish_slow(struct myl_park_word *park, const struct myl_publisher *who, uint32_t *quiet);
/* Room side: after the cursor was stored, behind a full fence. Wakes if this step crosses what the producer needs. */
int myl_park_room_slow(struct myl_park_word *park, uint64_t before, uint64_t now);

#endif
