/* SPDX-License-Identifier: MIT
 * Choosing the lane of a new producer, in a ring with several. docs/frames.md, "Lanes". */
#include "segment/choose.h"

#include "base/error.h"
#include "segment/id.h"
#include "segment/lane.h"
#include "segment/lock.h"
#include "segment/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int myl_lane_take_all(const struct myl_segment *segment)
{
    for (uint32_t lane = 0; lane < segment->head->lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        int err = myl_lock_acquire(&view, MYL_LOCK_PRODUCER);
        if (err != 0)
            return err;
    }
    return 0;
}

/* Whether a new producer may get the lane. */
enum lane_state {
    LANE_FREE,   /* never used, or ended */
    LANE_VACANT, /* its producer died, or left without closing the stream */
};

static enum lane_state state_of(const struct myl_segment *view)
{
    if (myl_load32_acq(&view->control->epoch) == 0) /* A25 */
        return LANE_FREE;
    return myl_load_acq(&view->control->closed) != 0 ? LANE_FREE : LANE_VACANT; /* A16 */
}

/* Returns the lane with this id, or the number of lanes if there is none. */
static uint32_t find_lane(const struct myl_segment *segment, const char *id)
{
    char other[MYL_ID_MAX + 1];
    uint32_t lane = 0;
    for (; lane < segment->head->lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        myl_id_words(view.control->lane_id, other);
        if (strcmp(id, other) == 0)
            break;
    }
    return lane;
}

/* Acquires the first lane in this state. A vacant lane with an id is skipped: the producer of that id may come back.
 * MYL_OUTCOME_NONE: there is none. *ending counts lanes that are being closed, or were begun meanwhile. */
static int take_first(struct myl_segment *segment, enum lane_state state, unsigned *ending)
{
    for (uint32_t lane = 0; lane < segment->head->lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        char id[MYL_ID_MAX + 1];
        myl_id_words(view.control->lane_id, id);
        if (state_of(&view) != state || (state == LANE_VACANT && id[0] != '\0'))
            continue;
        int err = myl_lock_acquire(&view, MYL_LOCK_PRODUCER);
        if (err == EAGAIN) {
            *ending += state == LANE_FREE;
            continue;
        }
        if (err != 0)
            return myl_lock_failed(segment, err, "the producer lock of a lane");
        /* The previous owner of the lock may have begun the lane, and left or died since. Then the lane is not free. */
        if (state_of(&view) != state) {
            myl_lock_release(&view, MYL_LOCK_PRODUCER);
            ++*ending;
            continue;
        }
        myl_segment_select(segment, lane);
        return MYL_OK;
    }
    return MYL_OUTCOME_NONE;
}

/* Acquires the lane that has this id already: takes it over, or begins it again. */
static int take_named(struct myl_segment *segment, uint32_t lane, const char *id)
{
    struct myl_segment view = myl_segment_lane(segment, lane);
    int err = myl_lock_acquire(&view, MYL_LOCK_PRODUCER);
    if (err == 0) {
        myl_segment_select(segment, lane);
        return MYL_OK;
    }
    if (err != EAGAIN)
        return myl_lock_failed(segment, err, "the producer lock of a lane");
    if (state_of(&view) == LANE_FREE)
        return MYL_OUTCOME_RETRY;
    uint32_t pid = myl_load32_rlx(&myl_segment_producer(&view)->pid); /* A42 */
    int rc = myl_fail(MYL_EPRODUCERALIVE,
                      "lane \"%s\" of ring \"%s\" has a living producer (process %" PRIu32
                      "); stop it first, or take another lane",
                      id, segment->name, pid);
    return myl_fail_participant(rc, NULL, pid, lane);
}

int myl_lane_choose(struct myl_segment *segment, const char *lane)
{
    char id[MYL_ID_MAX + 1] = "";
    unsigned ending = 0;
    uint32_t lanes = segment->head->lanes, named = lanes;
    int rc;
    if (lane != NULL) {
        (void)snprintf(id, sizeof id, "%s", lane);
        named = find_lane(segment, id);
    }
    if (named < lanes) {
        rc = take_named(segment, named, id);
    } else {
        rc = lane == NULL ? take_first(segment, LANE_VACANT, &ending) : MYL_OUTCOME_NONE;
        if (rc == MYL_OUTCOME_NONE)
            rc = take_first(segment, LANE_FREE, &ending);
        if (rc == MYL_OUTCOME_NONE && ending > 0)
            return MYL_OUTCOME_RETRY;
        if (rc == MYL_OUTCOME_NONE)
            return myl_fail(MYL_ELANES,
                            "all %" PRIu32 " lanes of ring \"%s\" are taken; end one, or make the ring with more lanes "
                            "(`myelon inspect` lists them)",
                            lanes, segment->name);
    }
    if (rc == MYL_OK)
        myl_id_set_words(segment->control->lane_id, id); /* with the registry lock and the lane's producer lock */
    return rc;
}
