/* SPDX-License-Identifier: MIT
 * Functions on ring snapshots that several commands use. */
#include "snapshot.h"

#include <inttypes.h>
#include <string.h>

/* Adds the counters of a participant in another lane. */
static void add_counters(uint64_t all[MYL_COUNTERS_MAX], const uint64_t lane[MYL_COUNTERS_MAX])
{
    for (unsigned i = 0; i < MYL_COUNTERS_MAX; i++) {
        if (i != MYL_COUNTER_LAG_MAX)
            all[i] += lane[i];
        else if (lane[i] > all[i])
            all[i] = lane[i];
    }
}

/* A consumer is registered in each lane: its acknowledged events are summed, its lag is the largest. */
static void add_entry(myl_consumer_status *all, const myl_consumer_status *lane)
{
    all->cursor += lane->cursor;
    if (lane->lag > all->lag)
        all->lag = lane->lag;
    if (lane->stalled_ns > all->stalled_ns)
        all->stalled_ns = lane->stalled_ns;
    add_counters(all->counters, lane->counters);
}

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
    add_counters(all->producer_counters, lane->producer_counters);
    if (lane->producer_counters_level > all->producer_counters_level) /* an unused lane has none */
        all->producer_counters_level = lane->producer_counters_level;
    all->evictions += lane->evictions;
    all->reaps += lane->reaps;
    all->producer_waited_ns += lane->producer_waited_ns;
    if (lane->producer_waiting_ns > all->producer_waiting_ns)
        all->producer_waiting_ns = lane->producer_waiting_ns;
    if (all->awaited_consumer[0] == '\0')
        memcpy(all->awaited_consumer, lane->awaited_consumer, sizeof all->awaited_consumer);
    for (uint32_t i = 0; i < lane->consumers; i++) {
        const myl_consumer_status *there = myl_snapshot_entry(lane, i);
        for (uint32_t k = 0; k < all->consumers; k++) {
            if (strcmp(myl_snapshot_entry(all, k)->id, there->id) == 0)
                add_entry(myl_snapshot_entry(all, k), there);
        }
    }
}

int snapshot_take(const char *name, enum myl_backend backend, myl_snapshot **snapshot)
{
    int rc = myl_snapshot_take(name, backend, snapshot);
    if (rc == MYL_OK && (*snapshot)->info.lanes > 1) /* a closed lane has no dead producer */
        (*snapshot)->producer_left |= (*snapshot)->closed;
    for (uint32_t i = 1; rc == MYL_OK && i < (*snapshot)->info.lanes; i++) {
        myl_snapshot *lane;
        if (myl_snapshot_take_lane(name, backend, i, &lane) != MYL_OK)
            break; /* removed meanwhile: keep the lanes read so far */
        add_lane(*snapshot, lane);
        myl_snapshot_free(lane);
    }
    return rc;
}

int snapshot_counts(const myl_info *info, enum myl_counters_level level)
{
    return info->kind == MYL_RING_OF_EVENTS || level == MYL_COUNTERS_FULL;
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
    return consumer->state == MYL_PARTICIPANT_ACTIVE || consumer->state == MYL_PARTICIPANT_JOINING;
}

uint32_t snapshot_gating_count(const myl_snapshot *snapshot)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < snapshot->consumers; i++)
        count += (uint32_t)snapshot_gates(myl_snapshot_entry(snapshot, i));
    return count;
}

const myl_consumer_status *snapshot_slowest(const myl_snapshot *snapshot)
{
    const myl_consumer_status *slowest = NULL;
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        const myl_consumer_status *consumer = myl_snapshot_entry(snapshot, i);
        if (snapshot_gates(consumer) && (slowest == NULL || consumer->lag > slowest->lag))
            slowest = consumer;
    }
    return slowest;
}

const char *snapshot_consumer_state(const myl_consumer_status *consumer)
{
    switch (consumer->state) {
    case MYL_PARTICIPANT_JOINING:
        return consumer->alive ? "joining" : "dead";
    case MYL_PARTICIPANT_ACTIVE:
        return consumer->alive ? "active" : consumer->reserved ? "reserved" : "dead";
    case MYL_PARTICIPANT_LEFT:
        return "left";
    case MYL_PARTICIPANT_FREE:
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
        const myl_consumer_status *consumer = myl_snapshot_entry(snapshot, i);
        if (!snapshot_gates(consumer) || !consumer->alive)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%sconsumer %s (process %d)", used > 0 ? ", " : "",
                                 consumer->id, (int)consumer->pid);
    }
}

const char *snapshot_unit(const myl_info *info)
{
    return info->kind == MYL_RING_OF_FRAMES ? "CELLS" : "EVENTS";
}

uint64_t snapshot_bytes(const myl_info *info, uint64_t count)
{
    return count * (info->kind == MYL_RING_OF_FRAMES ? info->cell_size : info->event_size);
}

struct cli_text snapshot_amount(const myl_info *info, uint64_t count)
{
    return info->kind == MYL_RING_OF_FRAMES ? cli_bytes(snapshot_bytes(info, count)) : cli_count(count, "event");
}

const myl_diagnosis_participant *snapshot_blamed(const myl_diagnosis *diagnosis)
{
    if (diagnosis == NULL || diagnosis->edges == 0 || diagnosis->edge[0].waiter != 0)
        return NULL;
    return myl_diagnosis_participant_at(diagnosis, diagnosis->edge[0].awaited);
}
