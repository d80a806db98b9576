/* SPDX-License-Identifier: MIT
 * The oracle's part for rings of frames: the messages that were begun, where each lies and how it ended, and which
 * result each reader may get next. Positions count cells of 64 bytes. */
#ifndef MYL_SIM_FRAMES_H
#define MYL_SIM_FRAMES_H

#include "oracle.h"

#include <myelon/frame.h>

#define FRAMES_ITEMS 256
#define FRAMES_REPORTS 64
#define FRAMES_BYTES ((size_t)192 << 10) /* longest message */

enum item_state {
    ITEM_OPEN, /* its publish has been called */
    ITEM_DEAD, /* its producer died in it: nothing of it, a part, or all of it is published */
    ITEM_WHOLE,
    ITEM_PARTIAL /* aborted between fragments */
};

/* A message of which a part is or may be in the ring. */
struct item {
    enum item_state state;
    uint64_t id, start, length;
    uint64_t cells; /* of the whole message */
    uint64_t end; /* end of its published part including the abort record; not valid while in doubt */
    uint64_t chunk, chunk_cells;
    uint32_t fragments, kind;
    int big; /* it does not fit in the ring */
    int read, reported_to; /* in doubt, and a reader has got all of it, or the report of its abort */
    int64_t began_ns;
};

/* Progress of one reader's handle. It gets no more results for messages that begin below `done`. */
struct frame_view {
    struct session *session;
    uint64_t done;
    uint64_t from; /* start of the handle */
    uint64_t room; /* longest message in fragments that it accepts; 0: none */
    /* for observers */
    uint64_t reported_to; /* end of the last delivered message */
    int64_t number; /* number of the last delivered message; -1: none */
    const struct item *report[FRAMES_REPORTS]; /* messages reported since then instead of being delivered */
    unsigned reports;
};

struct frame_shape {
    uint64_t max_frame, max_message;
    unsigned header;
    enum myl_frame_numbers numbers;
};

void frames_begin(const struct frame_shape *shape);

/* --- producers --- */
/* An open has returned and the producer continues at `next`. `messages`: its count. `gave_up`: the cell before `next`
 * may hold an abort record. */
void frames_resumed(struct session *session, uint64_t next, uint64_t messages, int gave_up);
/* A message of `length` bytes is about to be published from `start` on. */
struct item *frames_publishes(struct session *session, uint64_t start, uint64_t length);
void frames_content(const struct item *item, unsigned char *bytes);
/* The call has returned rc, and the producer's next position is `next`. */
void frames_published(struct session *session, int rc, uint64_t next);
void frames_producer_died(struct session *session);
/* The producer may write [next, end). */
void frames_claimed(const struct session *session, uint64_t end);
/* Number of messages begun in this session. */
unsigned frames_count(const struct session *session);
/* Cells that the current message needs at least before its publish can continue; 0: no current message. */
uint64_t frames_need(const struct session *session);

/* --- readers --- */
/* Highest position that this reader may have acknowledged in its current call. */
uint64_t frames_bound(const struct session *session, const struct reader *reader);
void frames_joined(struct frame_view *view, struct session *session, uint64_t position, uint64_t room);
/* A message that ends at `end` was delivered; `bytes` is a copy of it. `keeps`: the reader has moved past it. */
void frames_read(struct frame_view *view, const myl_message *message, const unsigned char *bytes, uint64_t end,
                 int holds);
/* The same message again, which is still leased. */
void frames_check(const struct frame_view *view, const myl_message *message, const unsigned char *bytes, uint64_t end);
void frames_aborted(struct frame_view *view);
void frames_too_big(struct frame_view *view);
/* The next message was described: it has `length` bytes. */
void frames_next_is(const struct frame_view *view, uint64_t length);
/* The reader has reached `end`, and has got a result for each message below it. */
void frames_ended(const struct frame_view *view, uint64_t end);
void frames_rewound(struct frame_view *view, uint64_t acknowledged);
void frames_skipped(const struct frame_view *view, uint64_t skipped, uint64_t position);

/* --- observers --- */
void frames_observed(struct frame_view *view, const myl_message *message, const myl_frame_lost *lost,
                     const unsigned char *bytes, uint64_t end, uint64_t gate);
void frames_observer_reported(struct frame_view *view, int rc, uint64_t position);

#endif
