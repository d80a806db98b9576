/* SPDX-License-Identifier: MIT
 * Participant locks: held for the life of a participant, released by the kernel when it ends. Protocol 1. The registry
 * lock serialises what changes the table or the name. */
#include "segment/lock.h"

#include "base/deadline.h"
#include "base/error.h"
#include "segment/log.h"

#include <errno.h>

/* How long others may hold the registry lock while the event log does not advance, and in total. */
#define REGISTRY_STALL_NS      ((int64_t)1000000000)
#define REGISTRY_MOST_NS       ((int64_t)60000000000)
/* Pause between two attempts: a share of the time waited so far, so that hundreds of waiting joiners do not slow down
 * the one that joins. */
#define REGISTRY_PAUSE_NS      ((int64_t)50000)
#define REGISTRY_PAUSE_MOST_NS ((int64_t)10000000)
#define REGISTRY_PAUSE_SHARE   16

static uint32_t lock_of(const struct myl_segment *segment, uint32_t lock_index)
{
    return lock_index == MYL_LOCK_REGISTRY
               ? lock_index
               : segment->lane * (MYL_LOCK_ENTRY_0 + segment->head->max_consumers) + lock_index;
}

static uint32_t owned_lock_of(const struct myl_segment *segment)
{
    return segment->shared->owned_lock == 0 ? MYL_OS_NO_LOCK : segment->shared->owned_lock - 1;
}

static int check(const struct myl_segment *segment, uint32_t owned_lock)
{
    return myl_os_object_check(segment->fd, &segment->shared->object, owned_lock);
}

bool myl_segment_is_lost(const struct myl_segment *segment)
{
    return check(segment, owned_lock_of(segment)) == EBADF;
}

int myl_segment_check(const struct myl_segment *segment)
{
    if (!myl_segment_is_lost(segment))
        return MYL_OK;
    return myl_fail(MYL_ELOCKLOST,
                    "descriptor %d of ring \"%s\" was closed by other code of this process, perhaps to make a daemon: "
                    "without it the library cannot find out which participants are alive; close the handle, and open "
                    "it again after descriptors are closed",
                    segment->fd, segment->name);
}

int myl_lock_acquire(const struct myl_segment *segment, uint32_t lock_index)
{
    int err = check(segment, owned_lock_of(segment));
    return err != 0 ? err : myl_os_lock_acquire(segment->fd, lock_of(segment, lock_index));
}

void myl_lock_release(const struct myl_segment *segment, uint32_t lock_index)
{
    myl_os_lock_release(segment->fd, lock_of(segment, lock_index));
}

/* Checks the descriptor after the query: if it refers to the object now, it did then. Checks the owned lock too, if the
 * participant is about to be reported as dead. */
static int answer(const struct myl_segment *segment, int held)
{
    int err = check(segment, held == 0 ? owned_lock_of(segment) : MYL_OS_NO_LOCK);
    return err != 0 ? -err : held;
}

int myl_lock_held(const struct myl_segment *segment, uint32_t lock_index)
{
    return answer(segment, myl_os_lock_held(segment->fd, lock_of(segment, lock_index)));
}

int myl_any_lock_held(const struct myl_segment *segment, uint32_t first, uint32_t count)
{
    return answer(segment, myl_os_any_lock_held(segment->fd, lock_of(segment, first), count));
}

void myl_lock_own(struct myl_segment *segment, uint32_t lock_index)
{
    segment->shared->owned_lock = lock_of(segment, lock_index) + 1;
}

void myl_lock_disown(struct myl_segment *segment, uint32_t lock_index)
{
    if (check(segment, owned_lock_of(segment)) != 0)
        return;
    segment->shared->owned_lock = 0; /* another process may acquire the lock at once */
    myl_lock_release(segment, lock_index);
}

/* --- the registry lock ------------------------------------------------------------------------------------------- */

int myl_lock_failed(const struct myl_segment *segment, int err, const char *what)
{
    if (err == EBUSY)
        return myl_fail_errno(
            err,
            "ring \"%s\" is blocked by a read lock of a process that is no participant (lslocks names "
            "it); end that process, and create the ring with a mode that lets fewer users read",
            segment->name);
    return myl_fail_errno(err, "%s of ring \"%s\" cannot be acquired", what, segment->name);
}

static int registry_is_busy(const struct myl_segment *segment, int err)
{
    if (err == EBUSY)
        return myl_lock_failed(segment, err, "the registry lock");
    return myl_fail(MYL_EBUSY,
                    "ring \"%s\": another process has been joining or leaving for a second; it may be stopped: "
                    "find it with `myelon inspect`, and try again",
                    segment->name);
}

static int64_t registry_pause(int64_t waited)
{
    int64_t pause = waited / REGISTRY_PAUSE_SHARE;
    pause = pause > REGISTRY_PAUSE_NS ? pause : REGISTRY_PAUSE_NS;
    return pause < REGISTRY_PAUSE_MOST_NS ? pause : REGISTRY_PAUSE_MOST_NS;
}

int myl_registry_lock(const struct myl_segment *segment)
{
    int64_t began = myl_os_now();
    struct myl_deadline last = myl_deadline_after(began, REGISTRY_MOST_NS);
    struct myl_deadline stall = myl_deadline_after(began, REGISTRY_STALL_NS);
    uint64_t written = myl_log_written(segment);
    for (;;) {
        int err = myl_lock_acquire(segment, MYL_LOCK_REGISTRY);
        if (err == 0)
            return MYL_OK;
        if (err == EBADF && myl_segment_check(segment) != MYL_OK)
            return MYL_ELOCKLOST;
        if (err != EAGAIN && err != EBUSY)
            return myl_lock_failed(segment, err, "the registry lock");
        /* Each join, leave and eviction writes a record: while there are new ones, no holder of the lock is stopped. */
        int64_t now = myl_os_now();
        uint64_t before = written;
        written = myl_log_written(segment);
        if (written != before)
            stall = myl_deadline_after(now, REGISTRY_STALL_NS);
        if (myl_deadline_has_passed(stall, now) || myl_deadline_has_passed(last, now))
            return registry_is_busy(segment, err);
        (void)myl_os_sleep(registry_pause(now - began));
    }
}

void myl_registry_unlock(const struct myl_segment *segment)
{
    myl_lock_release(segment, MYL_LOCK_REGISTRY);
}
