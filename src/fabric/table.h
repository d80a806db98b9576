/* SPDX-License-Identifier: MIT
 * The scheduler's requests in flight. */
#ifndef MYL_FABRIC_TABLE_H
#define MYL_FABRIC_TABLE_H

#include "fabric/keep.h"

#include <stdbool.h>

#define MYL_FLIGHT_NONE UINT32_MAX

struct myl_flight {
    uint64_t id;               /* 0: this place is free */
    uint64_t mask;             /* workers that were asked, or one of which is to be asked (`one`) */
    uint64_t waiting;          /* of these: the final answer is missing */
    uint64_t failed;           /* they will not answer, and their FAILED events are to be given */
    uint64_t left;             /* of these: because they left, not because they died */
    uint64_t again;            /* of `waiting`: it is to be sent again once they are welcomed */
    int64_t deadline_ns;       /* CLOCK_MONOTONIC; 0: none */
    int64_t check_ns;          /* the deadline, or when to check it again, since a worker has announced to be busy */
    uint64_t tag;
    uint32_t op;
    uint32_t replies;          /* final ones, given so far */
    bool one;                  /* for one worker of the mask */
    bool unplaced;             /* ... and none is asked at present; `waiting` is 0 then */
    bool kept;                 /* at least once: `copy` is valid */
    bool expired;              /* its EXPIRED event is to be given */
    struct myl_kept copy;
    uint32_t prev, next;       /* places, in the order of sending */
};

struct myl_table {
    struct myl_flight *flight; /* `places` of them, a power of two */
    uint32_t places, most, count;
    uint32_t first, last;      /* MYL_FLIGHT_NONE: the table is empty */
    uint64_t number;           /* of the last request */
    uint32_t deadlines;        /* entries that have one */
};

int myl_table_open(struct myl_table *table, uint32_t most);
void myl_table_close(struct myl_table *table);
/* Adds an entry, all 0 but for its id. NULL: `most` are in flight; the sentence says so. Request `number` lies in place
 * number mod places; numbers whose place is taken are passed over, so that a search takes one step. */
struct myl_flight *myl_table_add(struct myl_table *table, uint32_t generation);
/* A number for a request that is not in the table. */
uint64_t myl_table_number(struct myl_table *table, uint32_t generation);
struct myl_flight *myl_table_find(const struct myl_table *table, uint64_t id);
void myl_table_remove(struct myl_table *table, struct myl_flight *flight);
struct myl_flight *myl_table_first(const struct myl_table *table);
struct myl_flight *myl_table_next(const struct myl_table *table, const struct myl_flight *flight);

#endif
