/* SPDX-License-Identifier: MIT
 * The producer's liveness policy. Blocked calls run it. The contract is in docs/liveness.md. */
#ifndef MYL_LIVENESS_LIVENESS_H
#define MYL_LIVENESS_LIVENESS_H

#include <myelon/liveness.h>

#include "base/deadline.h"
#include "segment/segment.h"

#include <stdbool.h>

struct myl_producer;
struct myl_room_request;

/* State of one entry within one blocked spell. A spell lasts from the first call that finds no room to the first that
 * finds some. Times are on the policy's clock. */
struct myl_watch {
    char id[MYL_ID_MAX + 1];
    uint64_t cursor;
    int64_t since;           /* last progress; once dead: when the death was found */
    uint32_t spell;
    uint32_t generation;
    enum myl_alert_kind alerted; /* kind of the last alert; 0: none */
    int dead;
    int reported;            /* a call has returned this death */
};

/* One id of the required set. */
struct myl_required {
    char id[MYL_ID_MAX + 1];
    uint32_t entry;          /* index of its entry at the last lookup */
    int absent;
    int64_t since;           /* absent since, on the policy's clock */
    int alerted;
    uint64_t cursor;         /* last known value, for alerts after its entry is gone */
    uint32_t pid;            /* the same */
    int excused;             /* its last known role does not require it to be registered */
};

struct myl_liveness {
    int blocked;             /* within a spell */
    uint32_t spell;
    /* `clock`: the policy's clock. It advances at each check, by at most MYL_LIVENESS_GAP_NS or ten check intervals. So
     * a machine or a producer that was frozen does not count that time as a consumer's stall. `checked_ns`: time of the
     * last check, monotonic. */
    int64_t clock, checked_ns;

    int managed;
    int started;             /* all required consumers have been registered and alive at once */
    int starting;            /* a call has begun the start-up wait */
    struct myl_deadline start_by; /* end of the start-up wait */
    struct myl_required *required;
    uint32_t required_count;
    const char **required_ids; /* the same ids, as a quorum */
    int64_t startup_wait_ns, progress_ns, grace_ns;
    myl_alert_hook alert;
    void *user;
    myl_liveness_failure failure;
    struct myl_watch watch[]; /* one per entry: max_consumers */
};

#define MYL_LIVENESS_GAP_NS MYL_MSEC(50)

/* Is this consumer registered? Updates `entry` and `excused`. */
bool myl_required_is_here(const struct myl_segment *segment, struct myl_required *required);
/* Records the sentence of a liveness failure and returns its code. `events`: the consumer's lag. */
int myl_liveness_fail(const struct myl_producer *producer, const myl_liveness_failure *failure, uint64_t events);

/* Parts of myl_liveness_policy: see ring/policy.h. */
bool myl_liveness_complete(struct myl_producer *producer);
bool myl_liveness_absent(const struct myl_producer *producer, uint64_t *cursor, char id[MYL_ID_MAX + 1]);
int myl_liveness_check(const struct myl_room_request *request);
void myl_liveness_end(struct myl_producer *producer, int rc);

#endif
