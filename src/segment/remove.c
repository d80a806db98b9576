/* SPDX-License-Identifier: MIT
 * Removing a ring's name: on request, or when the last party of an ended stream goes. Nobody unlinks a name without the
 * producer's and the registrar's seat of the very object it leads to (protocol 9). */
#include "base/error.h"
#include "segment/segment.h"

#include <errno.h>
#include <inttypes.h>

/* For who cannot report a failure: then the name stays. */
static int still_named(const struct myl_segment *segment)
{
    int same;
    return myl_segment_is_named(segment, &same) == MYL_OK && same;
}

/* The parties were told that it is over, unless it was `before`. If the name stays, it is not: whoever has not looked
 * yet goes on, and whoever has can come back. */
int myl_segment_unlink(const struct myl_segment *segment, int before)
{
    int err = myl_os_object_unlink(segment->path);
    if (err == 0)
        return MYL_OK;
    if (!before && segment->control_writable)
        myl_segment_supersede(segment, 0);
    return myl_fail_errno(err, "ring \"%s\" cannot be removed", segment->name);
}

/* With what can be had of the seats. */
static int remove_held(const struct myl_segment *segment, int producer_alive, int force)
{
    uint32_t live;
    int rc = myl_segment_live_consumers(segment, UINT32_MAX, &live);
    if (rc != MYL_OK)
        return rc;
    if (!force && (producer_alive || live > 0))
        return myl_fail(MYL_EINUSE,
                        "ring \"%s\" is in use by %s%" PRIu32 " living consumer%s; stop them first, or force it",
                        segment->name,
                        !producer_alive           ? ""
                        : segment->head.lanes > 1 ? "a producer and "
                                                  : "its producer and ",
                        live, live == 1 ? "" : "s");
    int same = 0;
    rc = myl_segment_is_named(segment, &same);
    if (rc != MYL_OK)
        return rc;
    if (!same)
        return myl_fail(MYL_ENOTFOUND, "ring \"%s\" was removed by somebody else meanwhile", segment->name);
    MYL_STEP("RM1");
    int before = myl_load32_acq(&segment->control->superseded) != 0; /* A15 */
    if (segment->control_writable) { /* even if nobody is alive: observers hold no seat */
        myl_segment_supersede(segment, 1);
        myl_log_write(segment, &(struct myl_log_note){.kind = MYL_LOG_SUPERSEDED, .pid = myl_os_pid()});
        myl_segment_wake_all(segment);
    }
    MYL_STEP("RM2");
    return myl_segment_unlink(segment, before);
}

static int check_seat(const struct myl_segment *segment, int err)
{
    if (err == 0 || err == EAGAIN) /* a living producer is for remove_held to judge */
        return MYL_OK;
    return myl_fail_errno(err, "the producer's seat of ring \"%s\" cannot be taken", segment->name);
}

static int remove_sound(struct myl_segment *segment, int force)
{
    /* Producers of a ring with lanes choose one behind the registrar's seat, and must not find theirs held by us. */
    int several = segment->head.lanes > 1;
    int err = several ? 0 : myl_seat_take(segment, MYL_SEAT_PRODUCER);
    int rc = check_seat(segment, err);
    if (rc == MYL_OK)
        rc = myl_segment_map_control(segment, 1);
    if (rc == MYL_OK)
        rc = myl_registrar_take(segment);
    if (rc == MYL_OK && several)
        rc = check_seat(segment, err = myl_lane_take_all(segment));
    if (rc == MYL_OK)
        rc = remove_held(segment, err == EAGAIN, force);
    return rc;
}

/* What cannot be read, but is a ring, or was going to be one. Where the seats are does not depend on the header, so
 * who is alive can be asked all the same; nobody can be told anything, so nobody alive is ever forced. */
static int remove_unreadable(const struct myl_segment *segment, int reason)
{
    int same = 0;
    enum myl_object_kind kind = myl_segment_kind(segment, reason);
    if (kind == MYL_OBJECT_OTHER)
        return reason != MYL_OK ? reason : myl_fail(MYL_ENOTRING, "\"%s\" is not a ring any more", segment->name);
    /* As everywhere: both seats. With them nobody takes the ring over, joins it, or goes on with making it. */
    int err = myl_os_seat_take(segment->fd, MYL_SEAT_PRODUCER);
    if (err != 0 && err != EAGAIN)
        return myl_fail_errno(err, "the producer's seat of ring \"%s\" cannot be taken", segment->name);
    int rc = err == EAGAIN ? 1 : myl_registrar_take(segment);
    if (rc == MYL_OK)
        rc = myl_segment_is_used(segment);
    if (rc > 0)
        return myl_fail(MYL_EINUSE, "ring \"%s\" %s who could not be told; stop its processes first", segment->name,
                        kind == MYL_OBJECT_UNFINISHED ? "is being made by somebody alive,"
                                                      : "cannot be read, but is used by somebody alive,");
    if (rc == MYL_OK)
        rc = myl_segment_is_named(segment, &same);
    if (rc != MYL_OK)
        return rc;
    if (!same)
        return myl_fail(MYL_ENOTFOUND, "ring \"%s\" was removed by somebody else meanwhile", segment->name);
    err = myl_os_object_unlink(segment->path);
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
    if (myl_registrar_take(segment) != MYL_OK) {
        /* The ring stays, without a producer, and nobody has died: A43 producer_state [rel]. Pairs: A45. */
        myl_store32_rel(&segment->control->producer_state, MYL_PRODUCER_LEFT);
        myl_segment_wake_all(segment);
        return;
    }
    if (segment->head.lanes > 1 && myl_lane_take_all(segment) != 0) {
        /* Others produce in it by now: only our lane ends, with nothing in it. */
        myl_store_rel(&segment->control->closed, 1);                           /* A44. Pairs: A16 */
        myl_store32_rel(&segment->control->producer_state, MYL_PRODUCER_LEFT); /* A43. Pairs: A45 */
        myl_registrar_drop(segment);
        myl_segment_wake_all(segment);
        return;
    }
    MYL_STEP("WD1");
    myl_segment_supersede(segment, 1);
    myl_log_write(segment, &(struct myl_log_note){.kind = MYL_LOG_SUPERSEDED, .pid = myl_os_pid()});
    myl_segment_wake_all(segment);
    MYL_STEP("WD2");
    if (still_named(segment)) /* C5: it may have been removed by force, and the name be somebody else's */
        (void)myl_os_object_unlink(segment->path);
    myl_registrar_drop(segment);
}

/* Has this lane ended, with nobody left who has something to read? `own_entry` is the caller's, or nobody's. */
static int is_over(const struct myl_segment *view, uint32_t own_entry)
{
    uint64_t closed = myl_load_acq(&view->control->closed); /* A16 */
    uint32_t entries = myl_segment_entries(view);
    if (closed == 0)
        return view->head.lanes > 1 && myl_load32_acq(&view->control->epoch) == 0; /* A25: a lane that nobody used */
    /* Nobody has come yet, and the events were to wait for the first. */
    if (entries == 0 && closed > 1 && view->head.alone != MYL_ALONE_RUN_FREE)
        return 0;
    /* A consumer that died before it had read everything can still come back for the rest. */
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_entry *entry = myl_segment_entry(view, i);
        if (i != own_entry && myl_load32_acq(&entry->state) == MYL_PARTY_ACTIVE && /* A13 */
            myl_load_acq(&entry->cursor) < closed - 1)                              /* A8 */
            return 0;
    }
    return 1;
}

static int all_over(const struct myl_segment *segment, uint32_t own_entry)
{
    int over = 1;
    for (uint32_t lane = 0; over && lane < segment->head.lanes; lane++) {
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
    int producer = myl_lane_take_all(segment); /* ours already, or free, or somebody's */
    /* Whoever has a lane's seat begins it without the registrar's, and may have left or died since: so again, with all
     * seats. What we hold of them goes with our descriptor, in a moment. */
    if (producer == 0 && all_over(segment, own_entry) && still_named(segment)) {
        MYL_STEP("C7s");
        (void)myl_os_object_unlink(segment->path);
    }
}
