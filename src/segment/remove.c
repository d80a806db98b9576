/* SPDX-License-Identifier: MIT
 * Removing the name of a ring: on request, or when the last participant of a closed ring leaves. A name is unlinked
 * only with the producer lock and the registry lock of the object that it leads to (protocol 9). */
#include "segment/remove.h"

#include "base/error.h"
#include "segment/choose.h"
#include "segment/copy.h"
#include "segment/kind.h"
#include "segment/lane.h"
#include "segment/lock.h"
#include "segment/log.h"
#include "segment/table.h"
#include "segment/wake.h"

#include <errno.h>
#include <inttypes.h>

/* For callers that cannot report a failure: returns 0 then, and the name stays. */
static bool still_named(const struct myl_segment *segment)
{
    int same;
    return myl_segment_is_named(segment, &same) == MYL_OK && same;
}

/* The caller has stored `superseded`, unless it was set `before`. If the name cannot be removed, clears it again:
 * participants that have not seen it continue, the others can rejoin. */
int myl_segment_unlink(const struct myl_segment *segment, int before)
{
    int err = myl_os_object_unlink(&segment->shared->place);
    if (err == 0)
        return MYL_OK;
    if (!before && segment->control_writable)
        myl_segment_supersede(segment, 0);
    return myl_fail_errno(err, "ring \"%s\" cannot be removed", segment->name);
}

/* Removes a ring with the locks that could be acquired. */
static int remove_held(const struct myl_segment *segment, int producer_alive, int force)
{
    uint32_t live;
    int rc = myl_segment_live_consumers(segment, UINT32_MAX, &live);
    if (rc != MYL_OK)
        return rc;
    if (!force && (producer_alive || live > 0))
        return myl_fail(MYL_EINUSE, "ring \"%s\" is in use by %s%s; stop them first, or force it", segment->name,
                        !producer_alive            ? ""
                        : segment->head->lanes > 1 ? "a producer and "
                                                   : "its producer and ",
                        myl_count_text(live, "living consumer", (char[MYL_COUNT_TEXT]){0}));
    int same = 0;
    rc = myl_segment_is_named(segment, &same);
    if (rc != MYL_OK)
        return rc;
    if (!same)
        return myl_fail(MYL_ENOTFOUND, "ring \"%s\" was removed by another process meanwhile", segment->name);
    MYL_STEP("RM1");
    int before = myl_load32_acq(&segment->control->superseded) != 0; /* A15 */
    if (segment->control_writable) { /* even if no participant is alive: observers hold no lock */
        myl_segment_supersede(segment, 1);
        myl_log_write(segment, &(struct myl_log_note){.kind = MYL_LOG_SUPERSEDED, .pid = myl_os_pid()});
        myl_segment_wake_all(segment);
    }
    MYL_STEP("RM2");
    return myl_segment_unlink(segment, before);
}

static int check_lock(const struct myl_segment *segment, int err, int force)
{
    /* remove_held decides about a live producer. With force, a lock that only a read lock blocks is not needed: no
     * participant can acquire it. */
    if (err == 0 || err == EAGAIN || (err == EBUSY && force))
        return MYL_OK;
    return myl_lock_failed(segment, err, "the producer lock");
}

static int remove_sound(struct myl_segment *segment, int force)
{
    /* Producers of a ring with lanes choose a lane with the registry lock held, and must not find its lock held by
     * us. */
    int several = segment->head->lanes > 1;
    int err = several ? 0 : myl_lock_acquire(segment, MYL_LOCK_PRODUCER);
    int rc = check_lock(segment, err, force);
    if (rc == MYL_OK)
        rc = myl_segment_map_control(segment, 1);
    if (rc == MYL_ENOSPACE) /* the object has holes, so no participant has opened it and none has to be woken */
        rc = myl_segment_copy(segment);
    if (rc == MYL_OK)
        rc = myl_registry_lock(segment);
    if (rc == MYL_EBUSY && force && myl_lock_held(segment, MYL_LOCK_REGISTRY) == 0)
        rc = MYL_OK;
    if (rc == MYL_OK && several)
        rc = check_lock(segment, err = myl_lane_take_all(segment), force);
    if (rc == MYL_OK)
        rc = remove_held(segment, err == EAGAIN, force);
    return rc;
}

/* Removes a ring that cannot be read, or is unfinished. The positions of the locks do not depend on the header, so live
 * participants can be found. They cannot be notified, so the ring is never removed while one is alive. */
static int remove_unreadable(const struct myl_segment *segment, int reason)
{
    int same = 0;
    enum myl_object_kind kind = myl_segment_kind(segment, reason);
    if (kind == MYL_OBJECT_OTHER)
        return reason != MYL_OK ? reason : myl_fail(MYL_ENOTRING, "\"%s\" is not a ring any more", segment->name);
    /* Both locks, as always. With them, no process takes the ring over, joins it, or finishes its creation. */
    int err = myl_os_lock_acquire(segment->fd, MYL_LOCK_PRODUCER);
    if (err != 0 && err != EAGAIN)
        return myl_lock_failed(segment, err, "the producer lock");
    int rc = err == EAGAIN ? 1 : myl_registry_lock(segment);
    if (rc == MYL_OK)
        rc = myl_segment_is_used(segment);
    if (rc > 0)
        return myl_fail(MYL_EINUSE, "ring \"%s\" %s and cannot be notified; stop its processes first", segment->name,
                        kind == MYL_OBJECT_UNFINISHED ? "is being created by a live process, which holds its lock"
                                                      : "cannot be read, but a live process holds its lock");
    if (rc == MYL_OK)
        rc = myl_segment_is_named(segment, &same);
    if (rc != MYL_OK)
        return rc;
    if (!same)
        return myl_fail(MYL_ENOTFOUND, "ring \"%s\" was removed by another process meanwhile", segment->name);
    err = myl_os_object_unlink(&segment->shared->place);
    return err == 0 ? MYL_OK : myl_fail_errno(err, "ring \"%s\" cannot be removed", segment->name);
}

int myl_remove(const char *name, enum myl_backend backend, int force)
{
    struct myl_segment segment;
    struct myl_segment_open how = {.backend = backend, .name = name, .any_owner = 1};
    if (backend == MYL_BACKEND_MEMFD)
        return myl_fail(MYL_EINVAL, "a memfd has no name to remove; it goes with its last descriptor");
    int rc = myl_segment_reach(&segment, &how);
    if (rc == MYL_OK) {
        rc = myl_segment_read_header(&segment);
        if (rc == MYL_OK && !myl_name_is_temporary(segment.path))
            rc = remove_sound(&segment, force);
        else
            rc = remove_unreadable(&segment, rc);
    }
    myl_segment_close(&segment);
    return rc;
}

void myl_segment_withdraw(const struct myl_segment *segment)
{
    if (segment->control == NULL || segment->path == NULL)
        return;
    if (myl_registry_lock(segment) != MYL_OK) {
        /* The ring stays without a producer, and no death is reported: A43 state [rel]. Pairs: A45. */
        myl_store32_rel(&myl_segment_producer(segment)->state, MYL_PARTICIPANT_LEFT);
        myl_segment_wake_all(segment);
        return;
    }
    if (segment->head->lanes > 1 && myl_lane_take_all(segment) != 0) {
        /* Other lanes have producers now: only our lane is closed, empty. */
        myl_store_rel(&segment->control->closed, 1);                           /* A44. Pairs: A16 */
        myl_store32_rel(&myl_segment_producer(segment)->state, MYL_PARTICIPANT_LEFT); /* A43. Pairs: A45 */
        myl_registry_unlock(segment);
        myl_segment_wake_all(segment);
        return;
    }
    MYL_STEP("WD1");
    myl_segment_supersede(segment, 1);
    myl_log_write(segment, &(struct myl_log_note){.kind = MYL_LOG_SUPERSEDED, .pid = myl_os_pid()});
    myl_segment_wake_all(segment);
    MYL_STEP("WD2");
    if (still_named(segment)) /* C5: the ring may have been removed by force, and the name belong to another ring */
        (void)myl_os_object_unlink(&segment->shared->place);
    myl_registry_unlock(segment);
}

/* Returns 1 if this lane is closed and no consumer has unread events. `own_entry` is the caller's entry, which does not
 * count, or UINT32_MAX. */
static bool is_over(const struct myl_segment *view, uint32_t own_entry)
{
    uint64_t closed = myl_load_acq(&view->control->closed); /* A16 */
    uint32_t entries = myl_segment_entries(view);
    if (closed == 0)
        return view->head->lanes > 1 &&
               myl_load32_acq(&view->control->epoch) == 0; /* A25: a lane that was never used */
    /* No consumer has joined yet, and the events are kept for the first. */
    if (entries == 0 && closed > 1 && view->head->no_consumers != MYL_STORED_OVERWRITE)
        return false;
    /* A consumer that died with unread events can come back for them. */
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_participant *entry = myl_segment_entry(view, i);
        if (i != own_entry && myl_load32_acq(&entry->state) == MYL_PARTICIPANT_ACTIVE && /* A13 */
            myl_load_acq(&entry->cursor) < closed - 1 &&                            /* A8 */
            !myl_entry_is_given_up(view, i, closed - 1))
            return false;
    }
    return true;
}

static bool all_over(const struct myl_segment *segment, uint32_t own_entry)
{
    int over = 1;
    for (uint32_t lane = 0; over && lane < segment->head->lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        over = is_over(&view, lane == segment->lane ? own_entry : UINT32_MAX);
    }
    return over;
}

void myl_segment_sweep(const struct myl_segment *segment, uint32_t own_entry)
{
    uint32_t live;
    if (segment->path == NULL || !all_over(segment, own_entry))
        return;
    if (myl_segment_live_consumers(segment, own_entry, &live) != MYL_OK || live > 0)
        return;
    int producer = myl_lane_take_all(segment); /* ours already, or free, or held by another producer */
    /* A producer begins its lane without the registry lock, and may have left or died since. So check again, now with
     * all locks. Closing our descriptor releases them soon. */
    if (producer == 0 && all_over(segment, own_entry) && still_named(segment)) {
        MYL_STEP("C7s");
        (void)myl_os_object_unlink(&segment->shared->place);
    }
}
