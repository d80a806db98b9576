/* SPDX-License-Identifier: MIT
 * Rings for several producers: a lane for each, with control words, registration table, seats and data of its own. What
 * belongs to the ring as a whole (the name, the registrar's seat, the event log, the word consumers sleep on) is lane
 * 0's. docs/frames.md, "Lanes". */
#include "base/error.h"
#include "segment/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* How long to let somebody get away who is ending its lane. */
#define ENDING_PAUSE_NS ((int64_t)200000)

void myl_segment_select(struct myl_segment *segment, uint32_t lane)
{
    unsigned char *first = (unsigned char *)segment->controls;
    segment->lane = lane;
    segment->control = (struct myl_control *)(void *)(first + lane * segment->head.control_bytes);
}

struct myl_segment myl_segment_lane(const struct myl_segment *segment, uint32_t lane)
{
    struct myl_segment view = *segment;
    view.data = NULL;
    view.borrowed = 1;
    myl_segment_select(&view, lane);
    return view;
}

int myl_segment_share(struct myl_segment *segment, const struct myl_segment *of, uint32_t lane, int data_writable)
{
    *segment = myl_segment_lane(of, lane);
    return myl_segment_map_data(segment, data_writable);
}

int myl_segment_look_at(struct myl_segment *segment, const char *name, enum myl_backend backend, uint32_t lane)
{
    struct myl_segment_open how = {.backend = backend, .name = name, .any_owner = 1, .may_read_only = 1, .lane = lane};
    if (backend == MYL_BACKEND_MEMFD)
        return myl_fail(MYL_EINVAL, "a memfd has no name to look it up by; ask through a handle of it");
    int rc = myl_segment_find(segment, &how);
    if (rc != MYL_OK)
        return rc;
    rc = myl_segment_map_control(segment, 0);
    if (rc != MYL_OK)
        myl_segment_close(segment);
    return rc;
}

/* --- seats ------------------------------------------------------------------------------------------------------- */

static uint32_t seat_of(const struct myl_segment *segment, uint32_t seat)
{
    return seat == MYL_SEAT_REGISTRAR ? seat : segment->lane * (MYL_SEAT_ENTRY_0 + segment->head.max_consumers) + seat;
}

static uint32_t witness_of(const struct myl_segment *segment)
{
    return segment->witness == 0 ? MYL_OS_NO_SEAT : segment->witness - 1;
}

static int check(const struct myl_segment *segment, uint32_t witness)
{
    return myl_os_object_check(segment->fd, &segment->object, witness);
}

int myl_segment_is_lost(const struct myl_segment *segment)
{
    return check(segment, witness_of(segment)) == EBADF;
}

int myl_segment_check(const struct myl_segment *segment)
{
    if (!myl_segment_is_lost(segment))
        return MYL_OK;
    return myl_fail(MYL_ESEATLOST,
                    "descriptor %d of ring \"%s\" was closed behind this handle's back, perhaps to make a daemon, and "
                    "who is alive cannot be asked without it; close the handle, and open it behind whatever closes "
                    "descriptors",
                    segment->fd, segment->name);
}

int myl_seat_take(const struct myl_segment *segment, uint32_t seat)
{
    int err = check(segment, witness_of(segment));
    return err != 0 ? err : myl_os_seat_take(segment->fd, seat_of(segment, seat));
}

void myl_seat_drop(const struct myl_segment *segment, uint32_t seat)
{
    myl_os_seat_drop(segment->fd, seat_of(segment, seat));
}

int myl_seat_held(const struct myl_segment *segment, uint32_t seat)
{
    /* The descriptor is looked at behind the question: what it is then, it was. More closely if somebody is to be found
     * dead. */
    int held = myl_os_seat_held(segment->fd, seat_of(segment, seat));
    int err = check(segment, held == 0 ? witness_of(segment) : MYL_OS_NO_SEAT);
    return err != 0 ? -err : held;
}

void myl_seat_keep(struct myl_segment *segment, uint32_t seat)
{
    segment->witness = seat_of(segment, seat) + 1;
}

int myl_lane_take_all(const struct myl_segment *segment)
{
    for (uint32_t lane = 0; lane < segment->head.lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        int err = myl_seat_take(&view, MYL_SEAT_PRODUCER);
        if (err != 0)
            return err;
    }
    return 0;
}

void myl_segment_supersede(const struct myl_segment *segment, uint32_t value)
{
    for (uint32_t lane = 0; lane < segment->head.lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        /* A14 superseded [rel]. Pairs: A15, waiting consumers, joiners, producers at the gate. */
        myl_store32_rel(&view.control->superseded, value);
        if (value != 0 && lane != segment->lane)
            myl_park_bump(&view.control->room); /* this lane's, and the word of all consumers, are the caller's */
    }
}

/* --- which lane a producer gets ---------------------------------------------------------------------------------- */

/* Whose is it? */
enum lane_state {
    LANE_FREE,   /* never used, or ended */
    LANE_VACANT, /* its producer died, or left without ending it */
};

static enum lane_state state_of(const struct myl_segment *view)
{
    if (myl_load32_acq(&view->control->epoch) == 0) /* A25 */
        return LANE_FREE;
    return myl_load_acq(&view->control->closed) != 0 ? LANE_FREE : LANE_VACANT; /* A16 */
}

/* The lane of this id; lanes if there is none. */
static uint32_t find_lane(const struct myl_segment *segment, const char *id)
{
    char other[MYL_ID_MAX + 1];
    uint32_t lane = 0;
    for (; lane < segment->head.lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        myl_id_words(view.control->lane_id, other);
        if (strcmp(id, other) == 0)
            break;
    }
    return lane;
}

/* Takes the first lane that is in this state; a vacant one only if it has no id: whoever has one comes back for it.
 * MYL_EAGAIN: none; *ending counts those that are just being ended, or were begun. */
static int take_first(struct myl_segment *segment, enum lane_state state, unsigned *ending)
{
    for (uint32_t lane = 0; lane < segment->head.lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        char id[MYL_ID_MAX + 1];
        myl_id_words(view.control->lane_id, id);
        if (state_of(&view) != state || (state == LANE_VACANT && id[0] != '\0'))
            continue;
        int err = myl_seat_take(&view, MYL_SEAT_PRODUCER);
        if (err == EAGAIN) {
            *ending += state == LANE_FREE;
            continue;
        }
        if (err != 0)
            return myl_fail_errno(err, "the producer's seat in lane %" PRIu32 " of ring \"%s\" cannot be taken", lane,
                                  segment->name);
        /* Whoever had the seat until now may have begun the lane meanwhile, and left or died: then it is kept. */
        if (state_of(&view) != state) {
            myl_seat_drop(&view, MYL_SEAT_PRODUCER);
            ++*ending;
            continue;
        }
        myl_segment_select(segment, lane);
        return MYL_OK;
    }
    return MYL_EAGAIN;
}

/* The lane has this id already: it is taken over, or begun anew. */
static int take_named(struct myl_segment *segment, uint32_t lane, const char *id)
{
    struct myl_segment view = myl_segment_lane(segment, lane);
    int err = myl_seat_take(&view, MYL_SEAT_PRODUCER);
    if (err == 0) {
        myl_segment_select(segment, lane);
        return MYL_OK;
    }
    if (err != EAGAIN)
        return myl_fail_errno(err, "the producer's seat in lane \"%s\" of ring \"%s\" cannot be taken", id,
                              segment->name);
    if (state_of(&view) == LANE_FREE)
        return MYL_EAGAIN;
    return myl_fail(MYL_EPRODUCERALIVE,
                    "lane \"%s\" of ring \"%s\" has a living producer (process %" PRIu32
                    "); stop it first, or take another lane",
                    id, segment->name, myl_load32_rlx(&view.control->producer_pid)); /* A42 */
}

int myl_lane_choose(struct myl_segment *segment, const struct myl_segment_make *how)
{
    char id[MYL_ID_MAX + 1] = "";
    unsigned ending = 0;
    uint32_t lanes = segment->head.lanes, named = lanes;
    int rc = how->fits(segment, how->context);
    if (rc != MYL_OK)
        return rc;
    if (how->lane != NULL) {
        memcpy(id, how->lane, strlen(how->lane));
        named = find_lane(segment, id);
    }
    if (named < lanes) {
        rc = take_named(segment, named, id);
    } else {
        rc = how->lane == NULL ? take_first(segment, LANE_VACANT, &ending) : MYL_EAGAIN;
        if (rc == MYL_EAGAIN)
            rc = take_first(segment, LANE_FREE, &ending);
        if (rc == MYL_EAGAIN && ending == 0)
            return myl_fail(MYL_ELANES,
                            "all %" PRIu32 " lanes of ring \"%s\" are taken; end one, or make the ring with more lanes "
                            "(`myelon inspect` lists them)",
                            lanes, segment->name);
    }
    if (rc == MYL_EAGAIN)
        myl_os_sleep(ENDING_PAUSE_NS);
    if (rc == MYL_OK)
        myl_id_set_words(segment->control->lane_id, id); /* with the registrar's seat and the lane's */
    return rc;
}
