/* SPDX-License-Identifier: MIT
 * The consumer's handle, and its registration. */
#ifndef MYL_RING_CONSUMER_H
#define MYL_RING_CONSUMER_H

#include "ring/handle.h"

struct myl_consumer {
    struct myl_i_consumer_hot hot; /* first: the inline paths cast to it */
    struct myl_handle handle;
    struct myl_entry *entry;
    myl_joined joined;
    /* What the hot paths see in a fork child: nothing published, and another's entry. */
    myl_au64 no_stamp;
    myl_au32 no_generation;
    /* Following a stream (stream.c). */
    myl_au64 nothing;          /* 0: what the hot paths see then */
    uint64_t first_end;        /* where the publish ended that the last wait ended with */
    uint64_t looked_at;        /* `next` at the last look that found nothing */
    uint64_t checked_at;       /* `next` at the last check */
    uint64_t waited;           /* sequences since then that came with the end of a wait */
    uint32_t streak;           /* busy looks in a row */
    uint32_t pace;             /* pauses before a look */
    uint32_t thin;             /* looks in a row that found little */
    int only_tried;            /* the last look that found nothing was one without a wait */
    uint64_t room_told;        /* cursor at the last fenced look at the room word */
    enum myl_on_death on_death;
    int64_t liveness_ns, liveness_most_ns;
    int64_t silent_since;    /* it waited and found nothing, and has found nothing since then; 0: it did */
    uint64_t silent_at;      /* hot.next then; another one: what came was found without waiting */
    int64_t wait_began;      /* of the wait that is announced; 0: none */
    uint32_t peer_epoch;     /* the producer that was asked after last */
    uint64_t peer_next;      /* how far it had published then ... */
    int64_t peer_since;      /* ... and since which of these questions: they are all that who polls ever asks */
    int inherited;           /* a dead one's entry, which has never stopped gating, was resumed */
};

/* How often a waiting consumer or observer asks after the producer's life: the first time, and after a long silence. */
#define MYL_CONSUMER_LIVENESS_NS      MYL_MSEC(5)
#define MYL_CONSUMER_LIVENESS_MOST_NS MYL_MSEC(200)

/* Protocol 3, J1 to J8: fills consumer->entry, ->joined and the hot position. MYL_EAGAIN: the name leads to another
 * segment by now; find it again. */
int myl_join(struct myl_consumer *consumer, const myl_consumer_options *options);
/* Leaves: the entry keeps its id and position. */
void myl_leave(struct myl_consumer *consumer);
/* As if it had never joined: the entry is as it was. */
void myl_unjoin(struct myl_consumer *consumer);
/* Finds, waiting at most options->attach_timeout_ns for the name to appear, and checks expectations. */
int myl_attach(struct myl_segment *segment, const char *name, const myl_consumer_options *options, uint32_t kind,
               uint32_t lane, int64_t until);
int64_t myl_attach_deadline(const myl_consumer_options *options);
int myl_check_consumer_options(const myl_consumer_options *options);
typedef int myl_prepare(struct myl_consumer *consumer, const void *context);
/* Opens into a zeroed handle, with checked options; on failure nothing is left to close. `prepare` (NULL is fine) gets
 * ready what else the ring asks for, and may refuse: it comes before the join, and again if that has to begin anew. */
int myl_consumer_start(struct myl_consumer *consumer, const char *name, const myl_consumer_options *options,
                       uint32_t kind, myl_prepare *prepare, const void *context);
/* Joins another lane of the ring that `first` is in, under its id. Closed in the opposite order, lane 0 last.
 * MYL_EAGAIN: the ring was replaced meanwhile. On failure nothing is left to close. */
int myl_consumer_start_lane(struct myl_consumer *consumer, const struct myl_consumer *first, uint32_t lane,
                            const myl_consumer_options *options, myl_prepare *prepare, const void *context);
/* As if nothing had been opened: leaves, unless it would give up what a dead one, whose entry this is, has unread. */
void myl_consumer_abandon(struct myl_consumer *consumer);
/* Leaves and closes without freeing the handle. */
void myl_consumer_stop(struct myl_consumer *consumer);
/* stream.c. Is there a stream, and has it something? 1: hot.known is beyond hot.next; 0: look at the stamp. */
int myl_stream_look(struct myl_consumer *consumer, int may_wait);
/* Every quarter of the ring: has a stream begun that no look can show, since all of them find something? */
void myl_stream_check(struct myl_consumer *consumer);
void myl_stream_end(struct myl_consumer *consumer);

/* The parts of a wait, for who waits in several lanes at once. A look: MYL_OK, MYL_EAGAIN, or what ends the wait. */
int myl_consumer_look(struct myl_consumer *consumer);
/* At intervals: says from when on it waits, and finds damage. MYL_EAGAIN: wait on. */
int myl_consumer_overdue(struct myl_consumer *consumer);
void myl_consumer_before_park(struct myl_consumer *consumer);
void myl_consumer_end_wait(struct myl_consumer *consumer, int rc);
/* MYL_OK: what lies at hot.next is published. Else as myl_consumer_next. */
int myl_consumer_wait(struct myl_consumer *consumer, int64_t timeout_ns);

#endif
