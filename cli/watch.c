/* SPDX-License-Identifier: MIT
 * The sender's view of its consumers. */
#include "watch.h"

#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#define GLANCE_NS MYL_MSEC(100)

int watch_start(struct watch *watch, const struct cli_target *target, const uint64_t session[2])
{
    *watch = (struct watch){.target = target, .session = {session[0], session[1]}};
    watch->seen = calloc(MYL_CONSUMERS_MAX, sizeof *watch->seen);
    return watch->seen != NULL ? 0 : cli_fail(CLI_FAILED, "out of memory");
}

void watch_free(struct watch *watch)
{
    free(watch->seen);
    watch->seen = NULL;
}

/* Finds this consumer; adds a new one. Returns NULL if the table is full: later ids are not reported. */
static struct watch_seen *find(struct watch *watch, const myl_consumer_status *now)
{
    for (uint32_t i = 0; i < watch->count; i++) {
        if (strcmp(watch->seen[i].id, now->id) == 0)
            return &watch->seen[i];
    }
    if (watch->count == MYL_CONSUMERS_MAX)
        return NULL;
    struct watch_seen *seen = &watch->seen[watch->count++];
    *seen = (struct watch_seen){.start_ns = now->start_ns, .state = now->alive ? WATCH_ALIVE : WATCH_LEFT};
    snprintf(seen->id, sizeof seen->id, "%s", now->id);
    return seen;
}

static void report_dead(struct watch *watch, struct watch_seen *seen, const myl_consumer_status *now)
{
    cli_notice("consumer %s died with %s of the ring unread; waiting for it: start it again with --id %s, or remove "
               "its entry with 'myelon evict %s %s'",
               seen->id, cli_bytes(now->lag * watch->cell).s, seen->id, cli_target_text(watch->target), seen->id);
    seen->state = WATCH_DEAD;
    seen->died_ns = cli_now_ns();
}

static void report_alive(struct watch_seen *seen, const myl_consumer_status *now)
{
    if (seen->state == WATCH_DEAD)
        cli_notice("consumer %s is back after %s", seen->id, cli_duration(cli_now_ns() - seen->died_ns).s);
    else if (seen->start_ns != now->start_ns)
        cli_notice("consumer %s was started again", seen->id);
    seen->state = WATCH_ALIVE;
    seen->start_ns = now->start_ns;
}

static void note(struct watch *watch, const myl_consumer_status *now, uint64_t next)
{
    struct watch_seen *seen;
    if (now->reserved) { /* it has not come yet: nothing to report */
        watch->gating++;
        return;
    }
    seen = find(watch, now);
    watch->complete += next > 0 && now->cursor >= next;
    if (snapshot_gates(now)) {
        watch->gating++;
        if (seen != NULL && now->alive)
            report_alive(seen, now);
        else if (seen != NULL && seen->state != WATCH_DEAD)
            report_dead(watch, seen, now);
    } else {
        if (seen != NULL && seen->state != WATCH_LEFT && now->cursor < next)
            cli_notice("consumer %s left early, with %s of the ring unread", seen->id,
                       cli_bytes((next - now->cursor) * watch->cell).s);
        if (seen != NULL)
            seen->state = WATCH_LEFT;
    }
}

int watch_scan(struct watch *watch)
{
    myl_snapshot *snapshot;
    int code = myl_snapshot_take(watch->target->name, watch->target->backend, &snapshot);
    if (code != MYL_OK && code != MYL_ENOTFOUND)
        return cli_ring_error(code);
    if (code == MYL_ENOTFOUND || memcmp(snapshot->info.session, watch->session, sizeof watch->session) != 0) {
        if (code == MYL_OK)
            myl_snapshot_free(snapshot);
        watch->gone = 1;
        return cli_fail(CLI_FAILED, "ring \"%s\" was removed while in use; start the transfer again",
                        watch->target->name);
    }
    watch->gating = watch->complete = 0;
    watch->gate = snapshot->gate;
    watch->cell = snapshot->info.cell_size;
    for (uint32_t i = 0; i < snapshot->consumers; i++)
        note(watch, myl_snapshot_entry(snapshot, i), snapshot->next);
    watch->scanned_ns = cli_now_ns();
    myl_snapshot_free(snapshot);
    return 0;
}

int watch_glance(struct watch *watch)
{
    return cli_now_ns() - watch->scanned_ns < GLANCE_NS ? 0 : watch_scan(watch);
}

int watch_abandoned(const struct watch *watch)
{
    return watch->gating == 0 && (watch->count > 0 || watch->gate > 0);
}
