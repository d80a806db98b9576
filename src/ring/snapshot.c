/* SPDX-License-Identifier: MIT
 * A look at a ring from outside: reads only, takes no seat, disturbs nobody. */
#include "ring/handle.h"

#include <stdlib.h>
#include <string.h>

static int64_t since(uint64_t began, int64_t now)
{
    return began == 0 || (int64_t)began > now || (int64_t)began < 0 ? -1 : now - (int64_t)began;
}

/* Time waited: what is over, and what is not. */
static uint64_t waited(uint64_t over, int64_t waiting_ns)
{
    return over + (waiting_ns > 0 ? (uint64_t)waiting_ns : 0);
}

static int64_t say(const struct myl_doing *doing, int64_t now, char text[MYL_DOING_MAX + 1])
{
    struct myl_said said;
    (void)myl_doing_get(doing, &said);
    memcpy(text, said.text, sizeof said.text);
    return said.until == 0 ? 0 : said.until - now == 0 ? -1 : said.until - now;
}

static void read_entry(const struct myl_segment *segment, uint32_t index, uint64_t next, myl_consumer_status *status)
{
    const struct myl_entry *entry = myl_segment_entry(segment, index);
    status->state = (enum myl_party_state)(myl_load32_acq(&entry->state) & 3U); /* A13 */
    myl_entry_id(entry, status->id);
    myl_text_clean(status->id);
    status->alive = myl_seat_held(segment, myl_entry_seat(index)) > 0;
    status->pid = (int32_t)myl_load32_rlx(&entry->pid);           /* A48 */
    status->generation = myl_load32_rlx(&entry->generation);      /* A9 */
    status->start_ns = myl_load_rlx(&entry->joined_ns);           /* A48 */
    status->cursor = myl_load_acq(&entry->cursor);                /* A8 */
    status->lag = next > status->cursor ? next - status->cursor : 0;
    status->parks = myl_load_rlx(&entry->parks);                  /* A40 */
    int64_t now = myl_os_now();
    status->waiting_ns = since(myl_load_rlx(&entry->waiting), now); /* A66 */
    status->waited_ns = waited(myl_load_rlx(&entry->waited), status->waiting_ns); /* A40 */
    status->still_ns = since(myl_load_rlx(&entry->still), now); /* A67 */
    status->died_ns = status->alive ? 0 : myl_load_rlx(&entry->died_ns); /* A61 */
    status->patience_ns = say(&entry->doing, now, status->doing);
    myl_role_options role;
    myl_role_load(entry, &role);
    status->role = role.role;
}

static void read_control(const struct myl_segment *segment, myl_snapshot *snapshot)
{
    const struct myl_control *control = segment->control;
    uint64_t closed = myl_load_acq(&control->closed); /* A16 */
    snapshot->closed = closed != 0;
    snapshot->closed_at = closed != 0 ? closed - 1 : 0;
    snapshot->superseded = myl_load32_acq(&control->superseded) != 0; /* A15 */
    snapshot->gate = myl_load_acq(&control->gate);                    /* A29 */
    snapshot->epoch = myl_load32_acq(&control->epoch);                /* A25 */
    snapshot->producer_alive = myl_seat_held(segment, MYL_SEAT_PRODUCER) > 0;
    snapshot->producer_left = myl_load32_acq(&control->producer_state) == MYL_PRODUCER_LEFT; /* A45 */
    snapshot->producer_pid = (int32_t)myl_load32_rlx(&control->producer_pid);                /* A42 */
    snapshot->producer_parks = myl_load_rlx(&control->producer_parks);                       /* A40 */
    int64_t now = myl_os_now();
    snapshot->producer_waiting_ns = since(myl_load_rlx(&control->producer_waiting), now); /* A66 */
    snapshot->producer_waited_ns =
        waited(myl_load_rlx(&control->producer_waited), snapshot->producer_waiting_ns); /* A40 */
    snapshot->producer_waits_for = myl_load_rlx(&control->producer_waits_for); /* A66 */
    snapshot->producer_died_ns = snapshot->producer_alive ? 0 : myl_load_rlx(&control->producer_died_ns); /* A61 */
    snapshot->producer_patience_ns = say(&control->doing, now, snapshot->producer_doing);
    myl_id_words(control->missing, snapshot->missing); /* A70 */
    myl_text_clean(snapshot->missing);
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
    snapshot->info.size = sizeof snapshot->info;
    myl_segment_info(segment, &snapshot->info);
    read_control(segment, snapshot);
    snapshot->entry = status;
    /* Cursors first, then what was published: no lag comes out negative. */
    for (uint32_t i = 0; i < entries; i++)
        read_entry(segment, i, 0, &status[i]);
    snapshot->next = myl_load_acq(&segment->control->next); /* A4 */
    for (uint32_t lane = 0; lane < segment->head.lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        snapshot->live_producers += myl_seat_held(&view, MYL_SEAT_PRODUCER) > 0;
    }
    for (uint32_t i = 0; i < entries; i++) {
        if (status[i].state == MYL_PARTY_FREE)
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
    struct myl_segment segment;
    *snapshot = NULL;
    int rc = myl_segment_look_at(&segment, name, backend, lane);
    if (rc != MYL_OK)
        return rc;
    rc = read_all(&segment, snapshot);
    myl_segment_close(&segment);
    return rc;
}

int myl_snapshot_take(const char *name, enum myl_backend backend, myl_snapshot **snapshot)
{
    return myl_snapshot_take_lane(name, backend, 0, snapshot);
}

void myl_snapshot_free(myl_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    free(snapshot->entry);
    free(snapshot);
}

struct listing {
    int (*visit)(const char *name, void *user);
    void *user;
    int result;              /* of the last visit */
};

static int visit_name(const char *name, void *context)
{
    struct listing *listing = context;
    struct myl_segment segment;
    struct myl_segment_open how = {.backend = MYL_BACKEND_SHM, .name = name, .any_owner = 1, .may_read_only = 1};
    if (name[0] == '.' || myl_name_is_temporary(name) || myl_segment_find(&segment, &how) != MYL_OK)
        return 0;
    myl_segment_close(&segment);
    listing->result = listing->visit(name, listing->user);
    return listing->result;
}

int myl_list(int (*visit)(const char *name, void *user), void *user)
{
    struct listing listing = {.visit = visit, .user = user};
    int result = myl_os_directory_each(myl_os_shm_directory(), visit_name, &listing);
    if (result < 0 && listing.result == 0)
        return myl_fail_errno(-result, "directory %s cannot be read", myl_os_shm_directory());
    return result;
}
