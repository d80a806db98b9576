/* SPDX-License-Identifier: MIT
 * A reader of one lane: records are checked, and fragments put together. */
#ifndef MYL_FRAME_READER_H
#define MYL_FRAME_READER_H

#include "frame/reassembly.h"
#include "frame/spans.h"
#include "ring/state.h"
#include "segment/description.h"

#include <stdbool.h>

/* Memory of a caller that takes the next message by copy. */
struct myl_frame_target {
    void *data;                /* NULL: the caller takes it in place */
    uint64_t bytes;
};

struct myl_frame_reader {
    struct myl_consumer ring;  /* first: inline calls cast to its first member */
    struct myl_partial part;
    uint64_t skipped;
    uint64_t skipped_id;       /* of the message skipped last: its fragments count once */
    const struct myl_frame_target *target; /* of the handle that this reader is part of */
    uint64_t before;           /* hot.next before the message that was handed over last */
    bool has_gap;              /* records from `gap` to hot.next belong to no message and are not acknowledged: they are
                                * released with the next message. Void if gap < hot.acknowledged */
    uint64_t gap;
    struct myl_spans released; /* messages released out of order. Void below hot.acknowledged */
    /* As one of several: merge.c */
    bool retains;              /* a leased message in `part` stays until it is released */
    bool inside;               /* this wait is for the rest of a message */
    bool expected;             /* no producer has published in the lane yet, and one is about to */
    uint64_t ended;            /* `closed` when all of this lane was read; 0: it has not ended */
    uint32_t reported;         /* the epoch whose producer's end was reported; 0: none */
};

/* What a joining reader asks for. */
struct myl_reader_request {
    const myl_frame_consumer_options *options;
    const struct myl_description *description; /* of the messages that it expects; NULL: any */
};

/* Joins, into a zeroed reader. On failure it is zeroed again. */
int myl_reader_join(struct myl_frame_reader *reader, const char *name, const struct myl_reader_request *asked);
/* Joins another lane of the ring that `of` is in. MYL_OUTCOME_REPLACED. */
int myl_reader_join_lane(struct myl_frame_reader *reader, const struct myl_frame_reader *of, uint32_t lane,
                         const struct myl_reader_request *asked);
void myl_reader_leave(struct myl_frame_reader *reader, void (*stop)(struct myl_consumer *ring));

/* Counts a message that is handed over by a slow path. */
void myl_reader_delivered(struct myl_frame_reader *reader, const myl_message *message);
/* As myl_frame_consumer_next, for this lane only. */
int myl_reader_next(struct myl_frame_reader *reader, myl_message *message, int64_t timeout_ns);
/* As myl_frame_consumer_peek, for this lane only. */
int myl_reader_peek(struct myl_frame_reader *reader, myl_message *message, int64_t timeout_ns);
/* Gives the target back to the caller. The part of a message that was read into it is copied to the buffer. */
void myl_reader_leave_target(struct myl_frame_reader *reader);
/* Takes the next record, without waiting. MYL_OK: with it a message is whole; MYL_EAGAIN: not, or there is no record:
 * *cells is how long it was. MYL_ELEASED: not before a release. Else as next. */
int myl_reader_step(struct myl_frame_reader *reader, myl_message *message, uint64_t *cells);
/* The same without a lease. MYL_OK: the next message is described, and remains the next one. */
int myl_reader_peek_step(struct myl_frame_reader *reader, myl_message *message, uint64_t *cells);
/* Moves to the position of the record to wait for. Returns true within a message. */
bool myl_reader_go_on(struct myl_frame_reader *reader);
/* After a wait that ended within a message: moves back so that a release acknowledges nothing of it, or gives it up. */
void myl_reader_step_back(struct myl_frame_reader *reader);
int myl_reader_give_up_inside(struct myl_frame_reader *reader);
/* Returns true if a record is published that was not taken. */
bool myl_reader_has_more(const struct myl_frame_reader *reader);

/* As one of several that a wait is for: the calls of struct myl_wait_source. */
bool myl_reader_is_ready(struct myl_frame_reader *reader);
bool myl_reader_is_overdue(struct myl_frame_reader *reader);

int myl_reader_release(struct myl_frame_reader *reader);
/* As myl_frame_consumer_release_message, for a message of this lane. */
int myl_reader_release_message(struct myl_frame_reader *reader, const myl_message *message);
void myl_reader_rewind(struct myl_frame_reader *reader);
/* Takes back the message that was handed over last. */
void myl_reader_put_back(struct myl_frame_reader *reader, const myl_message *message);
/* Cells. */
uint64_t myl_reader_leased(const struct myl_frame_reader *reader);

#endif
