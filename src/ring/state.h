/* SPDX-License-Identifier: MIT
 * The handles of rings of events, as plain data. Rings of frames embed them. */
#ifndef MYL_RING_STATE_H
#define MYL_RING_STATE_H

#include <myelon/ring.h>

#include "base/error.h"
#include "registry/join.h"
#include "ring/room.h"
#include "segment/segment.h"
#include "wait/wait.h"

/* The part that all handles share. */
struct myl_handle {
    struct myl_segment segment;
    struct myl_waiter waiter;
    struct myl_os_fork_node fork_node;
    int forked;                /* this is a fork child's copy */
};

struct myl_producer {
    struct myl_i_producer_hot hot; /* first: the inline paths cast to it */
    struct myl_handle handle;
    /* Protocol 2: the producer may write s if s < limit + capacity. Private; a new producer has no limit. */
    uint64_t limit;
    const uint64_t *published; /* first unpublished position: points to hot.published, for records to hot.next */
    uint32_t epoch;
    int begins;                /* starts a new stream in its lane; no predecessor's stream continues */
    enum myl_stored_policy no_consumers;
    uint64_t buffer;
    enum myl_on_death on_death;
    int64_t liveness_ns;
    struct myl_room room;
    int64_t check_ns;          /* interval of the policy's checks: liveness_ns, or the policy's own */
    struct myl_liveness *liveness; /* the policy's state */
    int found;                 /* what a check for a wait set found: the next claim returns it; MYL_OK: nothing */
    struct myl_error_saved found_error;
    int registered;            /* the parkers' barrier reaches this process */
    uint32_t quiet;            /* parking: publish calls with FENCE set and no sleeper */
    myl_au32 stand_in;         /* target of hot.park while it is diverted: divert.c */
    myl_au64 no_next;          /* target of hot.shared_next in a fork child */
    enum myl_counters_level counters; /* OFF, LITE or FULL */
    struct myl_i_tally no_tally; /* counts of the hot calls below FULL: no one reads them */
};

/* Returns the first unpublished position. */
static inline uint64_t myl_published(const struct myl_producer *producer)
{
    return *producer->published;
}

/* The room word is checked after a fence at least once per this share of the ring. */
#define MYL_ROOM_SHARE 4

struct myl_consumer {
    struct myl_i_consumer_hot hot; /* first: the inline paths cast to it */
    struct myl_handle handle;
    struct myl_membership member;
    myl_joined joined;         /* the public form of `member` */
    unsigned diverted;         /* set of enum myl_divert: why inline calls take the slow path */
    myl_au64 no_stamp;         /* stand-in stamp, 0: inline calls find nothing published (divert.c) */
    myl_au32 no_generation;    /* stand-in generation: inline calls find the entry lost */
    /* Following a stream (stream.c). */
    uint64_t span;             /* most sequences that one stamp can publish */
    uint64_t first_end;        /* end of the publish that ended the last wait */
    uint64_t empty_at;         /* hot.next at the last check that found nothing */
    uint64_t checked_at;       /* hot.next at the last myl_stream_check */
    uint64_t waited;           /* sequences since then whose publish ended a wait */
    uint32_t streak;           /* consecutive checks that showed a stream */
    uint32_t pace;             /* processor pauses before a check */
    uint32_t thin;             /* consecutive checks that found few events */
    int only_tried;            /* the last check that found nothing did not wait */
    uint64_t room_checked;     /* cursor at the last fenced check of the room word */
    enum myl_on_death on_death;
    int64_t liveness_ns, liveness_most_ns;
    int64_t silent_since;    /* start of the first wait since the last event; 0: an event arrived since */
    uint64_t silent_at;      /* hot.next at silent_since; if it differs, an event was read without a wait */
    int64_t wait_began;      /* start of the announced wait; 0: none */
    uint32_t peer_epoch;     /* epoch at the last myl_consumer_peer */
    uint32_t left_reported;  /* epoch of the last producer whose leaving a wait has returned; 0: none */
    bool checks_liveness;    /* a wait set found something: the next call makes a liveness check, also with MYL_TRY */
    uint64_t found_at;       /* `acknowledged` at that time: a release may have ended what was found */
    uint64_t peer_next;      /* shared `next` at the last myl_consumer_peer */
    struct myl_i_tally no_tally; /* as a producer's */
    int64_t peer_since;      /* first myl_consumer_peer that found this peer_next. A consumer that only polls never
                              * waits, so it has no other measure of the producer's silence. */
};

struct myl_observer {
    struct myl_handle handle;
    uint64_t next;             /* first sequence that is neither read nor lost */
    uint64_t known;            /* events: end of a publish; everything below it is published */
    enum myl_on_death on_death;
    int64_t liveness_ns, liveness_most_ns;
    uint32_t left_reported;    /* as in a consumer */
    bool checks_liveness;
};

#endif
