/* SPDX-License-Identifier: MIT
 * A wait set: the sources that a wait is for, and the words that it parks on. */
#ifndef MYL_WAITSET_WAITSET_H
#define MYL_WAITSET_WAITSET_H

#include <myelon/waitset.h>

#include "ring/room.h"
#include "wait/wait.h"
#include "waitset/bell.h"

/* A handle of the set. */
struct myl_waitset_member {
    struct myl_wait_source source;
    void *handle, *user;
    struct myl_room_request request; /* of a producer; else request.producer is NULL */
    struct myl_deadline due;         /* the next liveness check */
    int64_t interval;                /* from that check to the one after it */
    bool ready;                      /* at the end of the present wait */
};

/* The own word, on which an interruption wakes the set, is one more than the handles. */
#define MYL_WAITSET_WORDS (MYL_WAITSET_MAX + 1)

struct myl_waitset {
    struct myl_waiter waiter;
    struct myl_park_word own;        /* in private memory */
    uint32_t count;
    uint32_t turn;                   /* the member that the next scan begins with */
    uint32_t unparked;               /* members whose ring has no parking */
    struct myl_deadline due;         /* no member's liveness check comes before it */
    struct myl_bell *bell;           /* the descriptor's; NULL: there is none */
    bool armed;                      /* the bell may be armed: the members' waits have begun and not ended */
    bool unconfirmed;                /* armed with a bounded sleep, since a word has no EFF; nothing was ready since */
    bool forked;
    struct myl_os_fork_node fork_node;
    struct myl_waitset_member member[MYL_WAITSET_MAX];
    struct myl_parker parker[MYL_WAITSET_WORDS];
    struct myl_os_park_word word[MYL_WAITSET_WORDS];
};

#endif
