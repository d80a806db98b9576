/* SPDX-License-Identifier: MIT
 * The loop of a poll: passes events, or messages of frames, to a handler and acknowledges them in batches. */
#ifndef MYL_RING_POLL_H
#define MYL_RING_POLL_H

#include <myelon/ring.h>

#include <stdbool.h>

/* A poll acknowledges when it leases a MYL_POLL_SHARE-th of the ring: the producer must not block for a whole poll. */
#define MYL_POLL_SHARE 4U

struct myl_poll {
    uint64_t limit;            /* events or messages; 0: no limit */
    uint64_t share;            /* events or cells: with so many leased it acknowledges */
    int64_t timeout_ns;        /* for the first one */
    uint64_t acknowledged;     /* events or messages, so far */
};

/* The operations on the consumer that is polled. `poll` is the first member of a structure of theirs. */
struct myl_poll_calls {
    int (*next)(struct myl_poll *poll, int64_t timeout_ns); /* leases one */
    enum myl_action (*handle)(struct myl_poll *poll);       /* passes the one leased last to the handler */
    bool (*give_back)(struct myl_poll *poll);               /* false: the handler has acknowledged it already */
    int (*release)(struct myl_poll *poll);
    uint64_t (*leased)(const struct myl_poll *poll);
};

/* Returns the handler's action, or MYL_ACTION_ABORT for a value that is none; *rc is MYL_EINVAL then. */
enum myl_action myl_poll_action(enum myl_action action, int *rc);

/* MYL_OK: the handler was called, and it or the limit ended the poll, or nothing more is published. `calls` is a
 * constant, so that the compiler can inline the calls. */
static inline int myl_poll_run(struct myl_poll *poll, const struct myl_poll_calls *calls)
{
    uint64_t pending = 0; /* handled, and not acknowledged */
    bool goes_on;
    int rc, released = MYL_OK;
    do {
        enum myl_action action = MYL_ACTION_CONTINUE;
        rc = calls->next(poll, poll->acknowledged + pending == 0 ? poll->timeout_ns : MYL_TRY);
        /* What is handled makes room for the next one. */
        goes_on = rc == MYL_OK || (rc == MYL_ELEASED && pending > 0);
        if (rc == MYL_OK) {
            action = myl_poll_action(calls->handle(poll), &rc);
            goes_on = action <= MYL_ACTION_COMMIT;
            pending += action != MYL_ACTION_ABORT || !calls->give_back(poll);
        }
        if (pending > 0 && (rc != MYL_OK || action != MYL_ACTION_CONTINUE || calls->leased(poll) >= poll->share ||
                            poll->acknowledged + pending == poll->limit)) {
            released = calls->release(poll);
            poll->acknowledged += released == MYL_OK ? pending : 0;
            pending = 0;
        }
    } while (goes_on && released == MYL_OK && poll->acknowledged + pending != poll->limit);
    if (released != MYL_OK)
        return released;
    return goes_on || (rc == MYL_EAGAIN && poll->acknowledged > 0) ? MYL_OK : rc;
}

/* As myl_consumer_poll. Leases that are open are acknowledged with the first event. */
int myl_poll_events(myl_consumer *consumer, uint64_t limit, myl_poll_handler handler, void *user, uint64_t *handled,
                    int64_t timeout_ns);

#endif
