/* SPDX-License-Identifier: MIT
 * The handle of a consumer of frames: of one lane, or of all lanes of a ring. */
#ifndef MYL_FRAME_CONSUMER_H
#define MYL_FRAME_CONSUMER_H

#include "frame/frame.h"
#include "ring/consumer.h"

struct myl_lanes;

struct myl_frame_consumer {
    struct myl_consumer ring;  /* first: the inline paths cast to its first member. With `lanes` only that member,
                                * which sends every call the longer way */
    struct myl_partial part;
    uint64_t skipped;
    uint64_t skipped_id;       /* of the message skipped last: its fragments count once */
    int keeps;                 /* one lane of several: a leased message in `part` stays until it is released */
    struct myl_lanes *lanes;   /* NULL: this handle reads one lane */
};

/* --- consumer.c: one lane --- */
/* Joins; `of`: another lane of the ring that this one is in already. On failure nothing is left. */
int myl_frame_consumer_join(struct myl_frame_consumer **consumer, const char *name, const myl_frame_consumer_options *o,
                            const myl_consumer_options *ring);
int myl_frame_consumer_join_lane(struct myl_frame_consumer **consumer, const struct myl_frame_consumer *of,
                                 uint32_t lane, const myl_frame_consumer_options *o, const myl_consumer_options *ring);
void myl_frame_consumer_drop(struct myl_frame_consumer *consumer, void (*stop)(struct myl_consumer *ring));
/* Takes the next record, without waiting. MYL_OK: with it a message is whole; MYL_EAGAIN: not, or there is no record:
 * *cells tells how long it was. MYL_ELEASED: not before a release. Else as next. */
int myl_frame_step(struct myl_frame_consumer *consumer, myl_message *message, uint64_t *cells);
/* For a wait: stands where the record to come will be. 1: that is inside a message. */
int myl_frame_go_on(struct myl_frame_consumer *consumer);
/* After a wait that ended inside: back to where a release acknowledges nothing of that message; or it is given up. */
void myl_frame_step_back(struct myl_frame_consumer *consumer);
int myl_frame_give_up_inside(struct myl_frame_consumer *consumer);
/* Is a record published that was not taken? */
int myl_frame_has_more(const struct myl_frame_consumer *consumer);
void myl_frame_put_back(struct myl_frame_consumer *consumer, uint64_t before, const myl_message *message);

/* --- lanes.c: all lanes --- */
/* Takes `first`, which is in lane 0, and joins the others. MYL_EAGAIN: the ring was replaced. On failure nothing is
 * left, `first` neither. */
int myl_lanes_open(struct myl_frame_consumer **consumer, struct myl_frame_consumer *first,
                   const myl_frame_consumer_options *o, const myl_consumer_options *ring);
void myl_lanes_close(struct myl_frame_consumer *consumer);
int myl_lanes_next(struct myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns);
int myl_lanes_release(struct myl_frame_consumer *consumer);
void myl_lanes_rewind(struct myl_frame_consumer *consumer);
/* Takes the message back that was handed over last. */
void myl_lanes_put_back(struct myl_frame_consumer *consumer, const myl_message *message);
int myl_lanes_end_of_batch(const struct myl_frame_consumer *consumer);
/* Cells leased, in the lane where they are most. */
uint64_t myl_lanes_leased(const struct myl_frame_consumer *consumer);
uint64_t myl_lanes_skipped(const struct myl_frame_consumer *consumer);
/* A lane's own consumer; NULL: there are not so many. */
struct myl_frame_consumer *myl_lanes_get(const struct myl_frame_consumer *consumer, uint32_t lane);

#endif
