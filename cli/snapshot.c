/* SPDX-License-Identifier: MIT
 * What several commands tell about a ring's snapshot. */
#include "snapshot.h"

#include <string.h>

static void add_lane(myl_snapshot *all, const myl_snapshot *lane)
{
    if (lane->epoch > 0) {
        all->closed &= lane->closed;
        all->producer_left &= lane->producer_left || lane->closed;
    }
    if (lane->producer_alive && !all->producer_alive) {
        all->producer_alive = 1;
        all->producer_pid = lane->producer_pid;
    }
    all->next += lane->next;
    all->gate += lane->gate;
    all->closed_at += lane->closed_at;
    all->producer_parks += lane->producer_parks;
    for (uint32_t i = 0; i < lane->consumers; i++) {
        const myl_consumer_status *there = &lane->entry[i];
        for (uint32_t k = 0; k < all->consumers; k++) {
            myl_consumer_status *here = &all->entry[k];
            if (strcmp(here->id, there->id) == 0 && there->lag > here->lag)
                here->lag = there->lag;
        }
    }
}

int snapshot_take(const char *name, enum myl_backend backend, myl_snapshot **snapshot)
{
    int rc = myl_snapshot_take(name, backend, snapshot);
    for (uint32_t i = 1; rc == MYL_OK && i < (*snapshot)->info.lanes; i++) {
        myl_snapshot *lane;
        if (myl_snapshot_take_lane(name, backend, i, &lane) != MYL_OK)
            break; /* it has gone: what there was is told */
        add_lane(*snapshot, lane);
        myl_snapshot_free(lane);
    }
    return rc;
}

const char *snapshot_state(const myl_snapshot *snapshot)
{
    if (snapshot->superseded)
        return "superseded";
    if (snapshot->closed)
        return "closed";
    if (snapshot->producer_alive)
        return "alive";
    return snapshot->producer_left ? "left" : "dead";
}

int snapshot_gates(const myl_consumer_status *consumer)
{
    return consumer->state == MYL_PARTY_ACTIVE || consumer->state == MYL_PARTY_JOINING;
}

uint32_t snapshot_gating_count(const myl_snapshot *snapshot)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < snapshot->consumers; i++)
        count += (uint32_t)snapshot_gates(&snapshot->entry[i]);
    return count;
}

uint32_t snapshot_left_count(const myl_snapshot *snapshot)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < snapshot->consumers; i++)
        count += snapshot->entry[i].state == MYL_PARTY_LEFT;
    return count;
}

const myl_consumer_status *snapshot_slowest(const myl_snapshot *snapshot)
{
    const myl_consumer_status *slowest = NULL;
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        const myl_consumer_status *consumer = &snapshot->entry[i];
        if (snapshot_gates(consumer) && (slowest == NULL || consumer->lag > slowest->lag))
            slowest = consumer;
    }
    return slowest;
}

const char *snapshot_consumer_state(const myl_consumer_status *consumer)
{
    switch (consumer->state) {
    case MYL_PARTY_JOINING:
        return consumer->alive ? "joining" : "dead";
    case MYL_PARTY_ACTIVE:
        return consumer->alive ? "active" : "dead";
    case MYL_PARTY_LEFT:
        return "left";
    case MYL_PARTY_FREE:
        break;
    }
    return "free";
}

void snapshot_living(const myl_snapshot *snapshot, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    if (snapshot->producer_alive)
        used = (size_t)snprintf(text, size, "its producer (process %d)", (int)snapshot->producer_pid);
    for (uint32_t i = 0; i < snapshot->consumers && used < size; i++) {
        const myl_consumer_status *consumer = &snapshot->entry[i];
        if (!snapshot_gates(consumer) || !consumer->alive)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%sconsumer %s (process %d)", used > 0 ? ", " : "",
                                 consumer->id, (int)consumer->pid);
    }
}
