/* SPDX-License-Identifier: MIT
 * myelon top: looking at the rings, and remembering the look before. */
#include "snapshot.h"
#include "top.h"

#include <stdlib.h>
#include <string.h>

static void forget(struct top_ring *ring)
{
    myl_snapshot_free(ring->now);
    myl_snapshot_free(ring->before);
}

void top_free(struct top *top)
{
    for (size_t i = 0; i < top->count; i++)
        forget(&top->ring[i]);
    free(top->ring);
    top->ring = NULL;
    top->count = 0;
}

struct look {
    struct top_ring *ring;
    size_t count, room;
    enum myl_backend backend;
};

/* A ring that cannot be read, or has gone since its name was seen, is not shown. */
static int look_at(const char *name, void *user)
{
    struct look *look = user;
    myl_snapshot *snapshot;
    if (snapshot_take(name, look->backend, &snapshot) != MYL_OK)
        return 0;
    if (look->count == look->room) {
        size_t room = look->room > 0 ? 2 * look->room : 16;
        struct top_ring *grown = realloc(look->ring, room * sizeof *grown);
        if (grown == NULL) {
            myl_snapshot_free(snapshot);
            return -1;
        }
        look->ring = grown;
        look->room = room;
    }
    struct top_ring *ring = &look->ring[look->count++];
    memset(ring, 0, sizeof *ring);
    snprintf(ring->name, sizeof ring->name, "%s", snapshot->info.name);
    ring->now = snapshot;
    ring->at = cli_now_ns();
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

/* Hands on what was known of each ring that is still there. */
static void remember(struct top *top, struct look *look)
{
    for (size_t i = 0; i < top->count; i++) {
        struct top_ring *old = &top->ring[i];
        struct top_ring *ring =
            look->count > 0 ? bsearch(old, look->ring, look->count, sizeof *look->ring, by_name) : NULL;
        if (ring == NULL) {
            memcpy(top->gone, old->name, sizeof top->gone);
            forget(old);
            continue;
        }
        myl_snapshot_free(old->before);
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

int top_look(struct top *top)
{
    struct look look = {.backend = top->backend};
    int bad = 0;
    if (top->only_count == 0)
        bad = myl_list(look_at, &look) < 0;
    for (size_t i = 0; !bad && i < top->only_count; i++)
        bad = look_at(top->only[i], &look);
    if (look.count > 0)
        qsort(look.ring, look.count, sizeof *look.ring, by_name);
    remember(top, &look);
    free(top->ring);
    top->ring = look.ring;
    top->count = look.count;
    return bad ? cli_fail(CLI_FAILED, "the rings cannot be listed: no memory, or no right to read their directory")
               : CLI_OK;
}
