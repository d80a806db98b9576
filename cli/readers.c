/* SPDX-License-Identifier: MIT
 * The readers of `pub`. */
#include "readers.h"

#include "blob.h"
#include "snapshot.h"

#include <string.h>
#include <unistd.h>

#define GLANCE_NS MYL_MSEC(100)

void readers_start(struct readers *readers, const struct cli_target *target, int quiet)
{
    *readers = (struct readers){.target = target, .talks = !quiet && isatty(STDERR_FILENO) == 1};
    if (myl_snapshot_take(target->name, target->backend, &readers->before) != MYL_OK)
        readers->before = NULL; /* the next call on the ring reports the cause */
}

void readers_end(struct readers *readers)
{
    myl_snapshot_free(readers->before);
    readers->before = NULL;
}

/* Had this reader left or died before this publisher began? The generation of its entry changes when it comes back. */
static int was_gone(const struct readers *readers, const myl_consumer_status *now)
{
    const myl_snapshot *before = readers->before;
    for (uint32_t i = 0; before != NULL && i < before->consumers; i++) {
        const myl_consumer_status *then = myl_snapshot_entry(before, i);
        if (!then->alive && then->generation == now->generation && strcmp(then->id, now->id) == 0)
            return 1;
    }
    return 0;
}

/* A reader that could not write its output has left, or has an id and died. */
static int could_not_write(const myl_consumer_status *consumer)
{
    return (consumer->state == MYL_PARTICIPANT_LEFT ||
            (consumer->state == MYL_PARTICIPANT_ACTIVE && !consumer->alive)) &&
           strcmp(consumer->activity, BLOB_NOT_WRITTEN) == 0;
}

void readers_scan(struct readers *readers)
{
    myl_snapshot *snapshot;
    readers->scanned_ns = cli_now_ns();
    if (myl_snapshot_take(readers->target->name, readers->target->backend, &snapshot) != MYL_OK)
        return; /* the next call on the ring reports the cause */
    uint32_t gating = snapshot_gating_count(snapshot);
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        const myl_consumer_status *consumer = myl_snapshot_entry(snapshot, i);
        if (consumer->reserved || was_gone(readers, consumer))
            continue;
        readers->came = 1;
        if (could_not_write(consumer)) {
            memcpy(readers->failed, consumer->id, sizeof readers->failed);
            readers->stays = consumer->state == MYL_PARTICIPANT_ACTIVE;
        }
    }
    readers->left = readers->came && gating == 0;
    readers->reported &= gating == 0;
    myl_snapshot_free(snapshot);
}

void readers_glance(struct readers *readers)
{
    if (cli_now_ns() - readers->scanned_ns >= GLANCE_NS)
        readers_scan(readers);
}

void readers_report_full(struct readers *readers)
{
    if (!readers->talks || readers->reported || (readers->came && !readers->left))
        return;
    readers->reported = 1;
    const char *ring = cli_target_text(readers->target);
    if (readers->left)
        cli_notice("the last reader has left and the ring is full: waiting for the next 'myelon sub %s' (pass "
                   "--end-with-readers to end instead)",
                   ring);
    else
        cli_notice("the ring is full: waiting for a reader; start 'myelon sub %s'", ring);
}
