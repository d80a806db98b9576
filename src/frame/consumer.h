/* SPDX-License-Identifier: MIT
 * The handle of a consumer of frames: one reader for each lane of the ring. */
#ifndef MYL_FRAME_CONSUMER_H
#define MYL_FRAME_CONSUMER_H

#include "frame/reader.h"

struct myl_frame_consumer {
    /* First: inline calls cast to its first member. The only reader; with several, a stand-in that sends each inline
     * call to its slow path. */
    struct myl_frame_reader own;
    int (*next)(struct myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns);
    int (*peek)(struct myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns);
    struct myl_frame_target target; /* of its readers, during a get */
    bool checks_liveness;      /* several readers: as in struct myl_consumer; found_at is a sum */
    uint64_t found_at;
    bool pinned;               /* the reader whose turn it is has the next message, which was described to the caller */
    bool lasting;              /* with several lanes: the stream does not end with them, since producers may come at any
                                * time. Waits go on while no lane has a producer; each end is reported once */
    uint32_t turn;             /* the reader whose turn it is */
    uint64_t messages, cells;  /* of this turn */
    uint32_t subject;          /* the lane that a wait ended for ... */
    uint32_t epoch;            /* ... and whose producer's end that is */
    uint32_t count;            /* readers: 1 or more. Lane 0's is the first to join and the last to leave */
    struct myl_frame_reader *reader[];
};

/* As myl_frame_consumer_open. `description`: MYL_ESCHEMA, MYL_ETYPE if the ring has other messages; NULL: any. */
int myl_frame_consumer_open_described(struct myl_frame_consumer **consumer, const char *name,
                                      const myl_frame_consumer_options *options,
                                      const struct myl_description *description);

/* The consumer as one of several that a wait is for. */
void myl_frame_consumer_source(struct myl_frame_consumer *consumer, struct myl_wait_source *source);

/* Adds 1 to a counter of this lane's reader. */
void myl_frame_count(struct myl_frame_consumer *consumer, uint32_t lane, enum myl_counter counter);
/* Records the position before the message that the next call leases; the inline call does not. */
void myl_frame_mark(struct myl_frame_consumer *consumer);
/* Takes back the message that was leased last, after myl_frame_mark. Returns false if it is acknowledged already. */
bool myl_frame_give_back(struct myl_frame_consumer *consumer, const myl_message *message);
/* Returns the number of leased cells, of the lane that has most. */
uint64_t myl_frame_leased(const struct myl_frame_consumer *consumer);

#endif
