/* SPDX-License-Identifier: MIT
 * What must be true of rings of frames, beside what oracle.h knows: the messages that were begun, where each lies and
 * how it ended, and what each reader may be told next. Positions count cells of 64 bytes. */
#ifndef MYL_SIM_FRAMES_H
#define MYL_SIM_FRAMES_H

#include "oracle.h"

#include <myelon/frame.h>

#define FRAMES_ITEMS 256
#define FRAMES_REPORTS 64
#define FRAMES_BYTES ((size_t)192 << 10) /* longest message */

enum item_state {
    ITEM_OPEN, /* its publish has been called */
    ITEM_DEAD, /* its producer died in it: nothing, a part, or all of it is there */
    ITEM_WHOLE,
    ITEM_PARTIAL /* given up between fragments */
};

/* A message of which something is or may be in the ring. */
struct item {
    enum item_state state;
    uint64_t id, start, length;
    uint64_t cells; /* of all of it */
    uint64_t end; /* behind what there is of it, the word that it was given up included; unless in doubt */
    uint64_t chunk, chunk_cells;
    uint32_t fragments, kind;
    int big; /* it does not fit in the ring */
    int read, told; /* in doubt, and a reader has had it whole, or was told that it was given up */
    int64_t began_ns;
};

/* What one handle of a reader has come to. Of messages that begin below `done` it is told nothing more. */
struct frame_view {
    struct session *session;
    uint64_t done;
    uint64_t from; /* where it began */
    uint64_t room; /* longest message in fragments that it takes; 0: none */
    /* observers */
    uint64_t told; /* behind the last message handed over */
    int64_t number; /* of the last message handed over; -1: none */
    const struct item *report[FRAMES_REPORTS]; /* what it was told of since, instead of getting it */
    unsigned reports;
};

struct frame_shape {
    uint64_t max_frame, max_message;
    unsigned header;
    enum myl_frame_numbers numbers;
};

void frames_begin(const struct frame_shape *shape);

/* --- producers --- */
/* An open has returned and goes on at `next`; `messages`: as it says. `gave_up`: the cell in front of `next` may say
 * that a message was given up. */
void frames_resumed(struct session *session, uint64_t next, uint64_t messages, int gave_up);
/* A message of `length` bytes is about to be published from `start` on. */
struct item *frames_publishes(struct session *session, uint64_t start, uint64_t length);
void frames_content(const struct item *item, unsigned char *bytes);
/* The call has returned rc, and the next position is `next`. */
void frames_published(struct session *session, int rc, uint64_t next);
void frames_producer_died(struct session *session);
/* [next, end) may be written. */
void frames_claimed(const struct session *session, uint64_t end);
/* Messages begun in it. */
unsigned frames_count(const struct session *session);
/* The least that the message on its way needs before it can go on; 0: there is none. */
uint64_t frames_need(const struct session *session);

/* --- readers --- */
/* Up to where this reader may have acknowledged, in what it is doing. */
uint64_t frames_bound(const struct session *session, const struct reader *reader);
void frames_joined(struct frame_view *view, struct session *session, uint64_t position, uint64_t room);
/* A message was handed over that ends at `end`; `bytes` is a copy of it. `keeps`: it is not the next one any more. */
void frames_read(struct frame_view *view, const myl_message *message, const unsigned char *bytes, uint64_t end,
                 int keeps);
/* The same message again, which is still leased. */
void frames_look(const struct frame_view *view, const myl_message *message, const unsigned char *bytes, uint64_t end);
void frames_aborted(struct frame_view *view);
void frames_too_big(struct frame_view *view);
/* The next message has `length` bytes. */
void frames_next_is(const struct frame_view *view, uint64_t length);
/* All that there is up to `end`, and was told of. */
void frames_ended(const struct frame_view *view, uint64_t end);
void frames_rewound(struct frame_view *view, uint64_t acknowledged);
void frames_skipped(const struct frame_view *view, uint64_t skipped, uint64_t position);

/* --- observers --- */
void frames_observed(struct frame_view *view, const myl_message *message, const myl_frame_lost *lost,
                     const unsigned char *bytes, uint64_t end, uint64_t gate);
void frames_observer_told(struct frame_view *view, int rc, uint64_t position);

#endif
