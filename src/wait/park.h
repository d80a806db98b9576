/* SPDX-License-Identifier: MIT
 * Parking: a waiting participant sleeps in the kernel. No wake-up is lost, and a publisher without sleepers only loads
 * one word. The steps are in docs/protocols.md, Protocol 6; models/park.pml uses the same names. */
#ifndef MYL_WAIT_PARK_H
#define MYL_WAIT_PARK_H

#include "segment/segment.h"

enum {
    MYL_PARK_FENCE = 1U, /* publishers run a fence before they rely on the word */
    MYL_PARK_EFF = 2U,   /* all publishers are known to see FENCE */
    MYL_PARK_SLEEP = 4U, /* a parker may be asleep */
    MYL_PARK_COUNT = 8U, /* one unit of the counter in the upper bits */
};

enum myl_park_mode {
    MYL_PARK_LAZY,  /* data side: publishers run a fence only while a consumer parks */
    MYL_PARK_FENCED /* room side: consumers run a fence before each check of the word */
};

/* A publisher clears FENCE after this many publish calls with FENCE set and no sleeper. */
#define MYL_PARK_QUIET_CALLS 256U

/* One of the words that a participant parks on, during one wait. */
struct myl_parker {
    struct myl_park_word *park;
    enum myl_park_mode mode;
    bool overslept;      /* a bounded sleep of this wait timed out, with EFF not set */
};

/* A participant that parks on several words: `count`, 1 or more, in both lists. */
struct myl_parkers {
    struct myl_parker *parker;
    struct myl_os_park_word *word; /* what myl_park_announce has announced */
    uint32_t count;
};

/* L1 to L4 (lazy), or P1 to P5 (fenced), for each word: announces the sleep. *most_ns: the longest sleep allowed. The
 * caller then checks its condition again, and sleeps (myl_park_sleep) or ends its wait. In the second case it leaves
 * the words as they are. */
void myl_park_announce(const struct myl_parkers *parkers, int64_t *most_ns);
/* Is EFF set in each lazy word, as announced? Else a publisher may not see the announcement yet. */
bool myl_park_is_confirmed(const struct myl_parkers *parkers);
/* The longest first sleep if not: longer than any store stays in a store buffer. */
#define MYL_PARK_UNCONFIRMED_NS ((int64_t)1000000)
/* L6, L7. Sleeps while all words are as announced. Returns what myl_os_park returned. */
int myl_park_sleep(const struct myl_parkers *parkers, int64_t ns, int64_t most_ns);

/* The calling publisher. */
struct myl_publisher {
    int registered;      /* the parkers' barrier reaches it; else it runs a fence at each publish */
    int only;            /* it is the only publisher for this word */
};
/* S5 to S7: the publisher found a bit set. `quiet` is its counter of calls without sleepers. Returns 1 if it woke a
 * sleeper. */
int myl_park_publish_slow(struct myl_park_word *park, const struct myl_publisher *who, uint32_t *quiet);
/* Room side, called after the cursor store. Runs a fence, then wakes the producer if the step from `before` to `now`
 * crosses the cursor that it needs. Returns 1 if it woke the producer. */
int myl_park_room_slow(struct myl_park_word *park, uint64_t before, uint64_t now);

#endif
