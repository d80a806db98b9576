/* SPDX-License-Identifier: MIT
 * The interface between the ring and the liveness policy. The ring computes how far the producer may write. The policy
 * decides what happens when consumers block the producer. The ring calls it through this table only. */
#ifndef MYL_RING_POLICY_H
#define MYL_RING_POLICY_H

#include <myelon/segment.h>

#include "base/deadline.h"

#include <stdbool.h>

struct myl_producer;
struct myl_room_request;

struct myl_room_policy {
    /* Allocate and free the policy's state, producer->liveness. */
    int (*open)(struct myl_producer *producer);
    void (*close)(struct myl_producer *producer);
    /* Called before a gate check. Waits for the required consumers within the same timeout if they have not been
     * complete yet. Returns MYL_OK, the result of that wait, or the present liveness failure. */
    int (*begin)(struct myl_producer *producer, struct myl_timeout *timeout);
    /* Called within a gate check, after the scan and before the gate is announced. Are all required consumers
     * registered? */
    bool (*complete)(struct myl_producer *producer);
    /* Called at intervals while a call has no room. MYL_EAGAIN: wait on; else the call's result. */
    int (*check)(const struct myl_room_request *request);
    /* Called at the end of a call that found no room. `rc` is its result. */
    void (*end)(struct myl_producer *producer, int rc);
    /* Is a required consumer absent? Lowers *cursor to the smallest cursor of the absent ones; `id` names the first. */
    bool (*absent)(const struct myl_producer *producer, uint64_t *cursor, char id[MYL_ID_MAX + 1]);
};

/* The policy of every producer, defined in src/liveness. The ring depends on nothing else of that folder. */
extern const struct myl_room_policy myl_liveness_policy;

#endif
