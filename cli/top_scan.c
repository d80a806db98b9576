/* SPDX-License-Identifier: MIT
 * myelon top: samples the rings, and keeps the previous sample. */
#include "snapshot.h"
#include "top.h"

#include <stdlib.h>
#include <string.h>

static void forget(struct top_ring *ring)
{
    myl_snapshot_free(ring->now);
    myl_snapshot_free(ring->before);
    myl_diagnosis_free(ring->why);
}

void top_free(struct top *top)
{
    for (size_t i = 0; i < top->count; i++)
        forget(&top->ring[i]);
    free(top->ring);
    top->ring = NULL;
    top->count = 0;
}

struct scan {
    struct top_ring *ring;
    size_t count, room;
    enum myl_backend backend;
};

/* Diagnoses a ring; with several lanes, the first whose producer is stopped or waits for a consumer. */
static myl_diagnosis *judge(const char *name, enum myl_backend backend, uint32_t lanes)
{
    myl_diagnosis *first = NULL, *diagnosis;
    for (uint32_t lane = 0; lane < lanes && myl_diagnose_lane(name, backend, lane, 0, &diagnosis) == MYL_OK; lane++) {
        if (myl_diagnosis_participant_at(diagnosis, 0)->condition == MYL_COND_STOPPED ||
            snapshot_blamed(diagnosis) != NULL) {
            myl_diagnosis_free(first);
            return diagnosis;
        }
        if (first == NULL)
            first = diagnosis;
        else
            myl_diagnosis_free(diagnosis);
    }
    return first;
}

/* Skips a ring that cannot be read, or was removed since its name was listed. Returns an exit code to stop. */
static int scan_ring(const char *name, void *user)
{
    struct scan *scan = user;
    myl_snapshot *snapshot;
    int rc = snapshot_take(name, scan->backend, &snapshot);
    if (rc != MYL_OK)
        return cli_is_shortage(rc) ? cli_ring_error(rc) : 0;
    if (scan->count == scan->room) {
        size_t room = scan->room > 0 ? 2 * scan->room : 16;
        struct top_ring *grown = realloc(scan->ring, room * sizeof *grown);
        if (grown == NULL) {
            myl_snapshot_free(snapshot);
            return cli_fail(CLI_FAILED, "out of memory for the list");
        }
        scan->ring = grown;
        scan->room = room;
    }
    struct top_ring *ring = &scan->ring[scan->count++];
    memset(ring, 0, sizeof *ring);
    snprintf(ring->name, sizeof ring->name, "%s", snapshot->info.name);
    ring->now = snapshot;
    ring->at = cli_now_ns();
    ring->why = judge(name, scan->backend, snapshot->info.lanes);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct top_ring *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static int same_session(const myl_snapshot *a, const myl_snapshot *b)
{
    return a->info.session[0] == b->info.session[0] && a->info.session[1] == b->info.session[1];
}

/* Moves the previous samples over to the rings that still exist. */
static void remember(struct top *top, struct scan *scan)
{
    for (size_t i = 0; i < top->count; i++) {
        struct top_ring *old = &top->ring[i];
        struct top_ring *ring =
            scan->count > 0 ? bsearch(old, scan->ring, scan->count, sizeof *scan->ring, by_name) : NULL;
        if (ring == NULL) {
            memcpy(top->gone, old->name, sizeof top->gone);
            forget(old);
            continue;
        }
        myl_snapshot_free(old->before);
        myl_diagnosis_free(old->why);
        if (same_session(old->now, ring->now)) {
            ring->before = old->now;
            ring->before_at = old->at;
        } else {
            myl_snapshot_free(old->now);
        }
        if (strcmp(top->gone, ring->name) == 0)
            top->gone[0] = '\0';
    }
}

int top_scan(struct top *top)
{
    struct scan scan = {.backend = top->backend};
    int code = top->only_count == 0 ? myl_list(scan_ring, &scan) : CLI_OK;
    if (code < 0)
        code = cli_ring_error(code);
    for (size_t i = 0; code == CLI_OK && i < top->only_count; i++)
        code = scan_ring(top->only[i], &scan);
    if (scan.count > 0)
        qsort(scan.ring, scan.count, sizeof *scan.ring, by_name);
    remember(top, &scan);
    free(top->ring);
    top->ring = scan.ring;
    top->count = scan.count;
    return code;
}
