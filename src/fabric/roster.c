/* SPDX-License-Identifier: MIT
 * Which workers are here. The incarnation of a worker is how many producers its lane has had, which the kernel's lock
 * on the lane makes exact: docs/fabric.md, "Incarnations". */
#include "fabric/roster.h"

#include "frame/consumer.h"
#include "registry/participant.h"
#include "segment/id.h"
#include "segment/lane.h"
#include "segment/lock.h"
#include "segment/table.h"

/* The scheduler that makes the reply ring holds the lane of worker 0 for a moment. */
#define CREATOR_RANK 0U

static struct myl_segment segment_of(const struct myl_scheduler *s, uint32_t lane)
{
    return myl_segment_lane(&s->replies->reader[0]->ring.handle.segment, lane);
}

static uint32_t incarnation_of(const struct myl_segment *segment, uint32_t rank)
{
    uint32_t epoch = myl_load32_acq(&segment->control->epoch); /* A25 */
    return epoch - (rank == CREATOR_RANK && epoch > 0 ? 1U : 0U);
}

uint32_t myl_roster_rank_of(struct myl_scheduler *s, uint32_t lane)
{
    char id[MYL_ID_MAX + 1];
    if (s->rank_of_lane[lane] != MYL_WORKERS_MAX)
        return s->rank_of_lane[lane];
    /* A lane with an id keeps it: workers leave their lanes, and never end them while the session lasts. */
    struct myl_segment segment = segment_of(s, lane);
    myl_id_words(segment.control->lane_id, id);
    uint32_t rank = myl_session_rank(id);
    if (rank >= s->workers || s->rank[rank].lane != MYL_LANES_MAX)
        return MYL_WORKERS_MAX;
    s->rank_of_lane[lane] = (uint8_t)rank;
    s->rank[rank].lane = lane;
    return rank;
}

uint32_t myl_roster_incarnation(const struct myl_scheduler *s, uint32_t rank)
{
    struct myl_segment segment = segment_of(s, s->rank[rank].lane);
    return incarnation_of(&segment, rank);
}

static void set_state(struct myl_scheduler *s, uint32_t rank, enum myl_rank_state state)
{
    uint64_t bit = myl_rank_bit(rank);
    s->rank[rank].state = state;
    s->present = state == MYL_RANK_PRESENT ? s->present | bit : s->present & ~bit;
    s->returning = state == MYL_RANK_RETURNING ? s->returning | bit : s->returning & ~bit;
    s->gone = state == MYL_RANK_GONE ? s->gone | bit : s->gone & ~bit;
}

static void read_lane(struct myl_scheduler *s, uint32_t lane)
{
    uint32_t rank = myl_roster_rank_of(s, lane);
    if (rank == MYL_WORKERS_MAX)
        return;
    struct myl_segment segment = segment_of(s, lane);
    struct myl_rank *r = &s->rank[rank];
    r->incarnation = incarnation_of(&segment, rank);
    if (r->incarnation == 0)
        return;
    r->pid = (int32_t)myl_load32_rlx(&myl_segment_producer(&segment)->pid); /* A42 */
    if (myl_lock_held(&segment, MYL_LOCK_PRODUCER) != 0) {
        set_state(s, rank, r->incarnation == 1 ? MYL_RANK_PRESENT : MYL_RANK_RETURNING);
        s->joined_events |= myl_rank_bit(rank);
    } else {
        /* Its end is reported by the next wait; until then nothing is sent to it. */
        set_state(s, rank, MYL_RANK_GONE);
        s->to_evict |= myl_rank_bit(rank);
    }
}

uint64_t myl_roster_read(struct myl_scheduler *s)
{
    uint64_t absent = 0;
    for (uint32_t lane = 0; lane < MYL_LANES_MAX; lane++)
        s->rank_of_lane[lane] = MYL_WORKERS_MAX;
    for (uint32_t rank = 0; rank < MYL_WORKERS_MAX; rank++)
        s->rank[rank].lane = MYL_LANES_MAX;
    for (uint32_t lane = 0; lane < s->replies->count; lane++)
        read_lane(s, lane);
    for (uint32_t rank = 0; rank < s->workers; rank++)
        absent |= s->rank[rank].state == MYL_RANK_ABSENT ? myl_rank_bit(rank) : 0;
    return absent;
}

/* --- requests in flight ------------------------------------------------------------------------------------------- */

void myl_roster_asked(struct myl_scheduler *s, struct myl_flight *flight, uint64_t ranks)
{
    for (uint64_t left = ranks & ~flight->waiting; left != 0; left &= left - 1)
        s->rank[myl_rank_first(left)].load++;
    flight->waiting |= ranks;
}

void myl_roster_answered(struct myl_scheduler *s, struct myl_flight *flight, uint64_t ranks)
{
    for (uint64_t left = ranks & flight->waiting; left != 0; left &= left - 1)
        s->rank[myl_rank_first(left)].load--;
    flight->waiting &= ~ranks;
    flight->again &= ~ranks;
}

void myl_roster_forget(struct myl_scheduler *s, struct myl_flight *flight)
{
    myl_roster_answered(s, flight, flight->waiting);
    s->failing -= flight->failed != 0;
    s->expired -= flight->expired;
    s->unplaced -= flight->unplaced;
    if (flight->kept)
        myl_keep_free(&s->keep, &flight->copy);
    myl_table_remove(&s->table, flight);
}

/* A request waits for a worker that is gone. */
static void lose_worker(struct myl_scheduler *s, struct myl_flight *flight, uint32_t rank)
{
    uint64_t bit = myl_rank_bit(rank);
    struct myl_rank *r = &s->rank[rank];
    r->kept += flight->kept;
    if (flight->kept && !flight->one) {
        flight->again |= bit;
        return;
    }
    myl_roster_answered(s, flight, bit);
    if (flight->kept) {
        s->unplaced += !flight->unplaced;
        flight->unplaced = true;
        return;
    }
    s->failing += flight->failed == 0;
    flight->failed |= bit;
    flight->left = r->left ? flight->left | bit : flight->left & ~bit;
}

static void lose_rank(struct myl_scheduler *s, uint32_t rank, bool left)
{
    struct myl_rank *r = &s->rank[rank];
    set_state(s, rank, MYL_RANK_GONE);
    r->left = left;
    r->kept = 0;
    r->lost_incarnation = r->incarnation;
    r->lost_pid = r->pid;
    s->gone_events |= myl_rank_bit(rank);
    s->joined_events &= ~myl_rank_bit(rank);
    s->to_resend &= ~myl_rank_bit(rank);
    if (!left) /* its cursor holds the dispatch ring up */
        s->to_evict |= myl_rank_bit(rank);
    for (struct myl_flight *f = myl_table_first(&s->table); f != NULL; f = myl_table_next(&s->table, f)) {
        if ((f->waiting & myl_rank_bit(rank)) != 0)
            lose_worker(s, f, rank);
    }
}

bool myl_roster_hello(struct myl_scheduler *s, uint32_t rank, uint64_t incarnation, int32_t pid)
{
    struct myl_rank *r = &s->rank[rank];
    if (incarnation == 0 || incarnation > myl_roster_incarnation(s, rank))
        return false;
    if (incarnation <= r->incarnation) /* known since this scheduler has opened */
        return true;
    if (r->state == MYL_RANK_ABSENT && incarnation > 1) /* the first one died before it could say that it was here */
        r->incarnation = (uint32_t)incarnation - 1;
    if (r->state != MYL_RANK_GONE && r->incarnation != 0)
        lose_rank(s, rank, false); /* it died and came back between two checks */
    r->incarnation = (uint32_t)incarnation;
    r->pid = pid;
    set_state(s, rank, incarnation == 1 ? MYL_RANK_PRESENT : MYL_RANK_RETURNING);
    s->joined_events |= myl_rank_bit(rank);
    return true;
}

void myl_roster_gone(struct myl_scheduler *s, uint32_t lane, bool left, int32_t pid)
{
    uint32_t rank = myl_roster_rank_of(s, lane);
    if (rank == MYL_WORKERS_MAX)
        return;
    struct myl_rank *r = &s->rank[rank];
    uint32_t incarnation = s->replies->reader[lane]->reported - (rank == CREATOR_RANK ? 1U : 0U);
    if (incarnation == 0 || incarnation < r->incarnation)
        return; /* the lane of the scheduler that made the ring; or a successor has said that it is here */
    r->incarnation = incarnation;
    r->pid = pid;
    lose_rank(s, rank, left);
}

int64_t myl_roster_busy_until(const struct myl_scheduler *s, uint32_t rank)
{
    struct myl_activity_notice notice;
    if (s->rank[rank].lane == MYL_LANES_MAX || s->rank[rank].state == MYL_RANK_GONE)
        return 0;
    struct myl_segment segment = segment_of(s, s->rank[rank].lane);
    return myl_activity_get(&myl_segment_producer(&segment)->activity, &notice) ? notice.until : 0;
}
