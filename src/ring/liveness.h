/* SPDX-License-Identifier: MIT
 * The producer's liveness policy, as its blocked calls run it. docs/liveness.md has the contract. */
#ifndef MYL_RING_LIVENESS_H
#define MYL_RING_LIVENESS_H

#include <myelon/liveness.h>

#include "segment/segment.h"

struct myl_gate_wish;
struct myl_producer;

/* What the producer has seen of one entry during one spell of being blocked. Times are on the policy's clock. */
struct myl_watch {
    char id[MYL_ID_MAX + 1];
    uint64_t cursor;
    int64_t since;           /* unmoved since; of a dead one: known to be dead since */
    uint32_t spell;
    uint32_t generation;
    enum myl_alert_kind alerted; /* 0: nothing was said */
    int dead;
    int told;                /* its death was a call's result */
};

/* One id of the required set. */
struct myl_required {
    char id[MYL_ID_MAX + 1];
    uint32_t entry;          /* where it was found last */
    int absent;
    int64_t since;           /* absent since, on the policy's clock */
    int alerted;
    int excused;             /* seen with a role that says it need not be there */
};

struct myl_liveness {
    struct myl_watch *watch; /* for every possible entry */
    int blocked;             /* within a spell: some call found no room, and none has found any since */
    uint32_t spell;
    int64_t spell_began;     /* monotonic */
    /* The policy's clock runs while the producer looks; a gap between two looks counts MYL_LIVENESS_GAP_NS at most. So
     * a frozen machine, or a producer that was stopped itself, wakes up without blaming those it waits for. */
    int64_t clock, looked;
    int64_t interval_ns;
    int64_t call_began;      /* monotonic; of the call whose waiting is announced; 0: none */

    int managed;
    int started;             /* the required ones were all there once */
    int64_t startup_began;   /* monotonic; 0: nobody has asked yet */
    struct myl_required *required;
    uint32_t required_count;
    const struct myl_required *lacking; /* whom the start is said to wait for */
    int64_t startup_wait_ns, progress_ns, grace_ns;
    myl_alert_hook alert;
    void *user;
    myl_trouble trouble;
};

#define MYL_LIVENESS_GAP_NS MYL_MSEC(50)

int myl_liveness_set_up(struct myl_producer *producer);
void myl_liveness_free(struct myl_producer *producer);

/* Is it registered, and has been told so? Remembers where, and its role. */
int myl_required_is_here(const struct myl_segment *segment, struct myl_required *required);
/* How far everybody has read: those that gate to `minimum` at least, and required ones that are away. */
uint64_t myl_liveness_read_by_all(const struct myl_producer *producer, uint64_t minimum);
/* Tells tools who is missing; "": nobody. An id, or words with a space in them. */
void myl_liveness_say_missing(const struct myl_segment *segment, const char *id);
int myl_liveness_fail(const struct myl_producer *producer, const myl_trouble *trouble, uint64_t events);

/* Before a claim looks for room: the failure that stays, or the wait for the required set. *timeout_ns is what is left
 * of it. */
int myl_liveness_begin(struct myl_producer *producer, int64_t *timeout_ns);
/* The failure that stays, if there is one. */
int myl_liveness_failed(const struct myl_producer *producer);
/* Within a look at the gate, behind the scan and before anything is announced: are all required ones registered? */
int myl_liveness_complete(struct myl_producer *producer);
/* At intervals, while a call waits. MYL_EAGAIN: wait on. MYL_ESEATLOST: nobody can be asked for. */
int myl_liveness_look(const struct myl_gate_wish *wish);
/* A call that does not wait found no room: looks if it is time to. MYL_EAGAIN, or as a look. */
int myl_liveness_poll(const struct myl_gate_wish *wish);
/* Says from when on, and for what, this call waits. */
void myl_liveness_announce(const struct myl_gate_wish *wish);
/* The call is over; `rc` MYL_OK ends the spell. */
void myl_liveness_end(struct myl_producer *producer, int rc);

#endif
