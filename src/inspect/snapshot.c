/* SPDX-License-Identifier: MIT
 * Snapshots of a ring. Only reads; acquires no lock, so it disturbs no participant. */
#include "base/error.h"
#include "base/text.h"
#include "registry/participant.h"
#include "registry/role.h"
#include "segment/copy.h"
#include "segment/id.h"
#include "segment/lane.h"
#include "segment/lock.h"
#include "segment/name.h"
#include "segment/table.h"

#include <stdlib.h>
#include <string.h>

static int64_t since(uint64_t began, int64_t now)
{
    return began == 0 || (int64_t)began > now || (int64_t)began < 0 ? -1 : now - (int64_t)began;
}

/* Total time waited: completed waits plus the present one. */
static uint64_t waited(uint64_t over, int64_t waiting_ns)
{
    return over + (waiting_ns > 0 ? (uint64_t)waiting_ns : 0);
}

static void read_counters(const struct myl_participant *participant, uint64_t counters[MYL_COUNTERS_MAX],
                          enum myl_counters_level *level)
{
    uint32_t stored = myl_load32_rlx(&participant->counters_level); /* A89 */
    *level =
        stored >= MYL_COUNTERS_LITE && stored <= MYL_COUNTERS_FULL ? (enum myl_counters_level)stored : MYL_COUNTERS_OFF;
    for (unsigned i = 0; i < MYL_COUNTERS_MAX; i++)
        counters[i] = myl_load_rlx(&participant->counters[i]); /* A40 */
}

/* In a ring of messages the hot calls count. In one of events the numbers follow from `events` and their size. */
static void read_messages(const struct myl_header *head, const struct myl_i_tally *tally, uint64_t events,
                          uint64_t counters[MYL_COUNTERS_MAX])
{
    bool counted = head->kind == MYL_KIND_FRAMES;
    counters[MYL_COUNTER_MESSAGES] = counted ? myl_load_rlx(&tally->messages) : events; /* A94. Pairs: A93 */
    counters[MYL_COUNTER_BYTES] = counted ? myl_load_rlx(&tally->bytes) : events * head->event_bytes; /* A94 */
}

/* Reads the length of the present wait, and the total time waited. */
static void read_waits(const struct myl_participant *participant, int64_t now, uint64_t over, int64_t *waiting_ns,
                       uint64_t *waited_ns)
{
    *waiting_ns = since(myl_load_rlx(&participant->waiting), now); /* A66 */
    *waited_ns = waited(over, *waiting_ns);
}

static int64_t copy_activity(const struct myl_activity *activity, int64_t now, char text[MYL_ACTIVITY_MAX + 1])
{
    struct myl_activity_notice notice;
    (void)myl_activity_get(activity, &notice);
    memcpy(text, notice.text, sizeof notice.text);
    return notice.until == 0 ? 0 : notice.until - now == 0 ? -1 : notice.until - now;
}

static int read_entry(const struct myl_segment *segment, uint32_t index, uint64_t next, myl_consumer_status *status)
{
    const struct myl_participant *entry = myl_segment_entry(segment, index);
    int held, rc = myl_segment_ask(segment, myl_entry_lock_index(index), entry, sizeof *entry, &held);
    if (rc != MYL_OK)
        return rc;
    status->state = (enum myl_participant_state)(myl_load32_acq(&entry->state) & 3U); /* A13 */
    myl_entry_id(entry, status->id);
    myl_text_clean(status->id);
    status->alive = held > 0;
    status->reserved = status->state == MYL_PARTICIPANT_ACTIVE && !status->alive && myl_participant_is_reserved(entry);
    status->pid = (int32_t)myl_load32_rlx(&entry->pid);           /* A48 */
    status->generation = myl_load32_rlx(&entry->generation);      /* A9 */
    status->start_ns = myl_load_rlx(&entry->opened_ns); /* A48 */
    status->cursor = myl_load_acq(&entry->cursor);                /* A8 */
    status->lag = next > status->cursor ? next - status->cursor : 0;
    int64_t now = myl_os_now();
    uint64_t *counters = status->counters;
    read_counters(entry, counters, &status->counters_level);
    uint64_t passed = counters[MYL_COUNTER_FIRST] + counters[MYL_COUNTER_LOST];
    read_messages(segment->head, &entry->tally, status->cursor > passed ? status->cursor - passed : 0, counters);
    status->parks = counters[MYL_COUNTER_PARKS];
    read_waits(entry, now, counters[MYL_COUNTER_WAIT_TIME], &status->waiting_ns, &status->waited_ns);
    status->stalled_ns = since(myl_load_rlx(&entry->stalled_since), now); /* A67 */
    status->died_ns = status->alive ? 0 : myl_load_rlx(&entry->died_ns); /* A61 */
    status->activity_left_ns = copy_activity(&entry->activity, now, status->activity);
    myl_role_options role;
    myl_role_load(entry, &role);
    status->role = role.role;
    return MYL_OK;
}

static int read_control(const struct myl_segment *segment, myl_snapshot *snapshot)
{
    const struct myl_control *control = segment->control;
    int held, rc = myl_segment_ask(segment, MYL_LOCK_PRODUCER, control,
                                   sizeof *control + sizeof(struct myl_participant), &held);
    if (rc != MYL_OK)
        return rc;
    uint64_t closed = myl_load_acq(&control->closed); /* A16 */
    snapshot->closed = closed != 0;
    snapshot->closed_at = closed != 0 ? closed - 1 : 0;
    snapshot->superseded = myl_load32_acq(&control->superseded) != 0; /* A15 */
    snapshot->gate = myl_load_acq(&control->gate);                    /* A29 */
    snapshot->epoch = myl_load32_acq(&control->epoch);                /* A25 */
    snapshot->producer_alive = held > 0;
    const struct myl_participant *producer = myl_segment_producer(segment);
    snapshot->producer_left = myl_load32_acq(&producer->state) == MYL_PARTICIPANT_LEFT; /* A45 */
    snapshot->producer_pid = (int32_t)myl_load32_rlx(&producer->pid); /* A48 */
    int64_t now = myl_os_now();
    uint64_t *counters = snapshot->producer_counters;
    read_counters(producer, counters, &snapshot->producer_counters_level);
    snapshot->producer_parks = counters[MYL_COUNTER_PARKS];
    read_waits(producer, now, counters[MYL_COUNTER_WAIT_TIME], &snapshot->producer_waiting_ns,
               &snapshot->producer_waited_ns);
    snapshot->evictions = myl_load_rlx(&control->evictions); /* A95 */
    snapshot->reaps = myl_load_rlx(&control->reaps);         /* A95 */
    snapshot->producer_awaited_sequence = myl_load_rlx(&producer->waits_for); /* A66 */
    snapshot->producer_died_ns = snapshot->producer_alive ? 0 : myl_load_rlx(&producer->died_ns); /* A61 */
    snapshot->producer_activity_left_ns = copy_activity(&producer->activity, now, snapshot->producer_activity);
    myl_id_words(control->missing, snapshot->awaited_consumer); /* A70 */
    myl_text_clean(snapshot->awaited_consumer);
    return MYL_OK;
}

/* Reads cursors before `next`, so that no lag is negative. */
static int read_parts(const struct myl_segment *segment, uint32_t entries, myl_snapshot *snapshot)
{
    int rc = read_control(segment, snapshot);
    for (uint32_t i = 0; rc == MYL_OK && i < entries; i++)
        rc = read_entry(segment, i, 0, &snapshot->entry[i]);
    snapshot->next = myl_load_acq(&segment->control->next); /* A4 */
    read_messages(segment->head, &segment->control->tally, snapshot->next, snapshot->producer_counters);
    return rc;
}

static int read_all(const struct myl_segment *segment, myl_snapshot **made)
{
    uint32_t entries = myl_segment_entries(segment);
    myl_snapshot *snapshot = calloc(1, sizeof *snapshot);
    myl_consumer_status *status = calloc(entries > 0 ? entries : 1, sizeof *status);
    if (snapshot == NULL || status == NULL) {
        free(snapshot);
        free(status);
        return myl_fail(MYL_ENOMEM, "no memory for a snapshot of %u consumers", entries);
    }
    snapshot->size = sizeof *snapshot;
    snapshot->entry_size = sizeof *status;
    snapshot->info.size = sizeof snapshot->info;
    myl_segment_info(segment, &snapshot->info);
    snapshot->entry = status;
    snapshot->schema_text = segment->shared->schema_text;
    segment->shared->schema_text = NULL; /* the snapshot frees it */
    int rc = read_parts(segment, entries, snapshot);
    if (rc != MYL_OK) {
        myl_snapshot_free(snapshot);
        return rc;
    }
    for (uint32_t lane = 0; lane < segment->head->lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        snapshot->live_producers += myl_lock_held(&view, MYL_LOCK_PRODUCER) > 0;
    }
    for (uint32_t i = 0; i < entries; i++) {
        if (status[i].state == MYL_PARTICIPANT_FREE)
            continue;
        status[i].lag = snapshot->next > status[i].cursor ? snapshot->next - status[i].cursor : 0;
        snapshot->live_consumers += status[i].alive != 0;
        status[snapshot->consumers++] = status[i];
    }
    *made = snapshot;
    return MYL_OK;
}

int myl_snapshot_take_lane(const char *name, enum myl_backend backend, uint32_t lane, myl_snapshot **snapshot)
{
    MYL_I_NOT_NULL(snapshot);
    struct myl_segment segment;
    *snapshot = NULL;
    int rc = myl_segment_inspect(&segment, name, backend, lane);
    if (rc != MYL_OK)
        return rc;
    rc = read_all(&segment, snapshot);
    myl_segment_close(&segment);
    return rc;
}

int myl_snapshot_take(const char *name, enum myl_backend backend, myl_snapshot **snapshot)
{
    MYL_I_NOT_NULL(snapshot);
    return myl_snapshot_take_lane(name, backend, 0, snapshot);
}

void myl_snapshot_free(myl_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    free(snapshot->entry);
    free(snapshot->schema_text);
    free(snapshot);
}
