/* SPDX-License-Identifier: MIT
 * The producer's handle, and its look at the gate. */
#ifndef MYL_RING_PRODUCER_H
#define MYL_RING_PRODUCER_H

#include "ring/handle.h"
#include "ring/liveness.h"

struct myl_producer {
    struct myl_i_producer_hot hot; /* first: the inline paths cast to it */
    struct myl_handle handle;
    /* Protocol 2: may write s only while s < limit + capacity. Private; a new producer has none. */
    uint64_t limit;
    int has_limit;
    uint32_t epoch;
    int begins;                /* the lane was free: no stream goes on in it */
    enum myl_alone alone;
    uint64_t buffer;
    enum myl_on_death on_death;
    int64_t liveness_ns;
    struct myl_liveness liveness;
    int registered;            /* a target of the parkers' barrier */
    uint32_t quiet;            /* parking: publish calls since somebody slept */
    myl_au32 stand_in;         /* what hot.park points to when it is not the data word: 0, or 1 to look closer always */
    myl_au64 no_next;          /* what hot.shared_next points to in a fork child */
};

/* First position that is not published. A record of a frame is one claim and one publish, so there it is `next`. */
static inline uint64_t myl_published(const struct myl_producer *producer)
{
    return producer->handle.segment.head.kind == MYL_KIND_FRAMES ? producer->hot.next : producer->hot.published;
}

/* What a producer asks for when it opens. */
struct myl_shape {
    struct myl_header head;    /* of a ring that is to be made; event_bytes 0: only one that exists will do */
    int (*check)(const struct myl_segment *segment, const struct myl_shape *shape); /* is the existing one it? */
    const void *options;       /* as the caller gave them, for `check` */
    const char *lane;          /* id of the lane to take; NULL: any */
};

/* --- shape.c --- */
int myl_shape_events(struct myl_shape *made, const myl_producer_options *o);
/* What does not depend on what the ring carries. */
int myl_shape_common(struct myl_header *head, const myl_producer_options *o);
int myl_shape_check_common(const struct myl_segment *segment, const myl_producer_options *o);
int myl_shape_differs(const struct myl_segment *segment, int code, const char *what, uint64_t is, uint64_t asked);

/* --- producer_open.c --- */
/* Opens into a zeroed handle; on failure nothing is left to close. */
int myl_producer_start(struct myl_producer *producer, const char *name, const myl_producer_options *o,
                       const struct myl_shape *shape);
/* Closes (`end`: and ends the stream) without freeing the handle. */
void myl_producer_stop(struct myl_producer *producer, int end);

/* Waits for room behind hot.next; the wish must be one that can come true. */
int myl_producer_make_room(struct myl_producer *producer, uint64_t events, int64_t timeout_ns);

/* What the producer waits for: that every gating cursor is at `cursor` or beyond. */
struct myl_gate_wish {
    struct myl_producer *producer;
    uint64_t events;           /* claim: so many from hot.next on; 0: only the cursors matter */
    uint64_t cursor;
};

/* Protocol 2, steps 1 to 7. MYL_OK: [next, next + events) may be written. */
int myl_gate_look(struct myl_producer *producer, uint64_t events);
/* The smallest cursor of the entries that gate; *gating counts them. MYL_ECORRUPT names an impossible cursor. */
int myl_gate_minimum(const struct myl_producer *producer, uint64_t *minimum, uint32_t *gating);
/* The smallest cursor that lets `events` more be claimed. */
uint64_t myl_gate_cursor_for(const struct myl_producer *producer, uint64_t events);
/* Waits until `ready`, woken by consumers whose step crosses wish->cursor. */
int myl_gate_wait(struct myl_gate_wish *wish, int (*ready)(void *wish), int64_t timeout_ns);

#endif
