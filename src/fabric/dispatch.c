/* SPDX-License-Identifier: MIT
 * Writing to the dispatch ring, so that a dead worker never holds it up. A dead worker's entry is evicted: what its
 * successor is to get again is kept by the scheduler, and sent again after the WELCOME. docs/fabric.md, "Deaths". */
#include "fabric/dispatch.h"

#include "base/deadline.h"
#include "base/error.h"
#include "frame/producer.h"
#include "registry/evict.h"
#include "segment/table.h"

#include <inttypes.h>

#define PIECES_MOST 64U

static struct myl_segment *segment_of(struct myl_scheduler *s)
{
    return &s->dispatch->ring.handle.segment;
}

/* --- dead workers ------------------------------------------------------------------------------------------------- */

/* Evicts a worker that is dead. One that is alive again, or was never here, needs no eviction. */
static int evict(struct myl_scheduler *s, uint32_t rank)
{
    char id[MYL_ID_MAX + 1];
    myl_session_worker_id(rank, id);
    int rc = myl_evict_from(segment_of(s), id);
    return rc == MYL_EINUSE || rc == MYL_ENOTFOUND ? MYL_OK : rc;
}

/* The dispatch ring is full, and a dead consumer holds it up. MYL_OK: it does not any more. */
static int evict_blocker(struct myl_scheduler *s, int rc)
{
    myl_failed_participant dead = {.size = sizeof dead};
    if (rc != MYL_ECONSUMERDEAD || myl_error_participant(&dead) != MYL_OK)
        return rc;
    uint32_t rank = myl_session_rank(dead.id);
    if (rank >= s->workers)
        return rc; /* a consumer that is no worker */
    struct myl_error_saved saved;
    myl_error_save(&saved);
    int evicted = evict(s, rank);
    if (evicted == MYL_OK)
        myl_error_restore(&saved);
    return evicted;
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

/* The rest of a time-out, for a call that is made again. */
static int64_t rest_of(struct myl_timeout *timeout)
{
    if (timeout->ns <= 0 || timeout->ns == MYL_FOREVER)
        return timeout->ns;
    int64_t now = myl_os_now();
    myl_timeout_start(timeout, now);
    int64_t left = myl_deadline_left(timeout->until, now);
    return left > 0 ? left : -1;
}

int myl_dispatch_put(struct myl_scheduler *s, enum myl_dispatch_kind kind, const struct myl_dispatch_head *head,
                     const struct iovec *pieces, size_t count, int64_t timeout_ns)
{
    struct iovec all[PIECES_MOST + 1];
    struct myl_dispatch_head own = *head;
    struct myl_timeout timeout = {.ns = timeout_ns};
    all[0] = (struct iovec){&own, sizeof own};
    for (size_t i = 0; i < count; i++)
        all[i + 1] = pieces[i];
    int rc = myl_frame_producer_publishv(s->dispatch, all, count + 1, (uint8_t)kind, timeout_ns);
    while (rc == MYL_ECONSUMERDEAD && (rc = evict_blocker(s, rc)) == MYL_OK)
        rc = myl_frame_producer_publishv(s->dispatch, all, count + 1, (uint8_t)kind, rest_of(&timeout));
    return rc;
}

int myl_dispatch_claim(struct myl_scheduler *s, size_t most, void **data, int64_t timeout_ns)
{
    struct myl_timeout timeout = {.ns = timeout_ns};
    int rc = myl_frame_producer_claim(s->dispatch, most, data, timeout_ns);
    while (rc == MYL_ECONSUMERDEAD && (rc = evict_blocker(s, rc)) == MYL_OK)
        rc = myl_frame_producer_claim(s->dispatch, most, data, rest_of(&timeout));
    return rc;
}

int myl_dispatch_name_slowest(struct myl_scheduler *s, int code)
{
    const struct myl_segment *segment = segment_of(s);
    uint64_t slowest = UINT64_MAX, published = myl_published(&s->dispatch->ring);
    uint32_t entries = myl_segment_entries(segment), pid = 0;
    char id[MYL_ID_MAX + 1] = "", time[MYL_COUNT_TEXT];
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_participant *entry = myl_segment_entry(segment, i);
        uint64_t cursor = myl_load_acq(&entry->cursor); /* A8 */
        if (myl_load32_acq(&entry->state) != MYL_PARTICIPANT_ACTIVE || cursor >= slowest) /* A13 */
            continue;
        slowest = cursor;
        pid = myl_load32_rlx(&entry->pid); /* A48 */
        myl_entry_id(entry, id);
    }
    if (slowest == UINT64_MAX)
        return code;
    uint64_t unread = (published > slowest ? published - slowest : 0) * MYL_CELL_ALIGN;
    (void)myl_fail(code,
                   "session \"%s\": no room in the dispatch ring: \"%s\" (process %" PRIu32 ") has %s unread; "
                   "take replies, or wait longer",
                   s->session.config.label, id, pid, myl_count_text(unread, "byte", time));
    return myl_fail_participant(code, id, pid, 0);
}

/* --- what was put off --------------------------------------------------------------------------------------------- */

bool myl_dispatch_is_pending(const struct myl_scheduler *s)
{
    return (s->to_evict | s->returning | s->to_resend) != 0 || s->to_announce || (s->unplaced != 0 && s->present != 0);
}

static struct myl_dispatch_head head_of(const struct myl_flight *flight, uint64_t mask)
{
    return (struct myl_dispatch_head){.request = flight->id,
                                      .mask = mask,
                                      .deadline_ns = flight->deadline_ns,
                                      .op = flight->op};
}

/* Sends a kept request, in any number of pieces. */
static int put_kept(struct myl_scheduler *s, struct myl_flight *flight, uint64_t mask, int64_t timeout_ns)
{
    size_t count;
    struct myl_timeout timeout = {.ns = timeout_ns};
    struct myl_dispatch_head head = head_of(flight, mask);
    struct iovec *pieces = myl_keep_pieces(&s->keep, &flight->copy, &count);
    pieces[0] = (struct iovec){&head, sizeof head};
    int rc = myl_frame_producer_publishv(s->dispatch, pieces, count, MYL_DISPATCH_REQUEST, timeout_ns);
    while (rc == MYL_ECONSUMERDEAD && (rc = evict_blocker(s, rc)) == MYL_OK)
        rc = myl_frame_producer_publishv(s->dispatch, pieces, count, MYL_DISPATCH_REQUEST, rest_of(&timeout));
    s->counts.sent_again += rc == MYL_OK;
    return rc;
}

static int evict_all(struct myl_scheduler *s)
{
    int rc = MYL_OK;
    for (uint64_t left = s->to_evict; left != 0 && rc == MYL_OK; left &= left - 1) {
        rc = evict(s, myl_rank_first(left));
        if (rc == MYL_OK)
            s->to_evict &= ~(left & -left);
    }
    return rc == MYL_EBUSY ? MYL_EAGAIN : rc;
}

static int announce(struct myl_scheduler *s, int64_t timeout_ns)
{
    struct myl_dispatch_head head = {.request = (uint64_t)s->generation << MYL_REQUEST_NUMBER_BITS, .mask = s->all};
    int rc = myl_dispatch_put(s, MYL_DISPATCH_SCHEDULER, &head, NULL, 0, timeout_ns);
    s->to_announce = s->to_announce && rc != MYL_OK;
    return rc;
}

/* After this record the worker takes part again: it is PRESENT. */
static int welcome(struct myl_scheduler *s, uint32_t rank, int64_t timeout_ns)
{
    uint64_t bit = myl_rank_bit(rank);
    struct myl_dispatch_head head = {.request = (uint64_t)s->generation << MYL_REQUEST_NUMBER_BITS,
                                     .mask = bit,
                                     .op = s->rank[rank].incarnation};
    int rc = myl_dispatch_put(s, MYL_DISPATCH_WELCOME, &head, NULL, 0, timeout_ns);
    if (rc == MYL_OK) {
        s->rank[rank].state = MYL_RANK_PRESENT;
        s->returning &= ~bit;
        s->present |= bit;
        s->to_resend |= bit;
    }
    return rc;
}

static int resend(struct myl_scheduler *s, uint32_t rank, int64_t timeout_ns)
{
    uint64_t bit = myl_rank_bit(rank);
    int rc = MYL_OK;
    for (struct myl_flight *f = myl_table_first(&s->table); f != NULL; f = myl_table_next(&s->table, f)) {
        if ((f->again & bit) == 0)
            continue;
        rc = put_kept(s, f, bit, timeout_ns);
        if (rc != MYL_OK)
            return rc;
        f->again &= ~bit;
    }
    s->to_resend &= ~bit;
    return rc;
}

uint32_t myl_dispatch_choose(struct myl_scheduler *s, uint64_t mask, bool expected)
{
    uint32_t best = MYL_WORKERS_MAX;
    uint64_t from = mask & s->present;
    if (from == 0 && expected)
        from = mask & ~(s->returning | s->gone);
    for (uint32_t i = 0; i < s->workers; i++) {
        uint32_t rank = (s->rotor + i) % s->workers;
        if ((from & myl_rank_bit(rank)) != 0 && (best == MYL_WORKERS_MAX || s->rank[rank].load < s->rank[best].load))
            best = rank;
    }
    if (best != MYL_WORKERS_MAX)
        s->rotor = (best + 1) % s->workers;
    return best;
}

/* Gives requests that have lost their worker to another one. */
static int place(struct myl_scheduler *s, int64_t timeout_ns)
{
    for (struct myl_flight *f = myl_table_first(&s->table); f != NULL; f = myl_table_next(&s->table, f)) {
        if (!f->unplaced)
            continue;
        uint32_t rank = myl_dispatch_choose(s, f->mask, false);
        if (rank == MYL_WORKERS_MAX)
            continue;
        int rc = put_kept(s, f, myl_rank_bit(rank), timeout_ns);
        if (rc != MYL_OK)
            return rc;
        f->unplaced = false;
        s->unplaced--;
        f->waiting = myl_rank_bit(rank);
        s->rank[rank].load++;
    }
    return MYL_OK;
}

int myl_dispatch_flush(struct myl_scheduler *s, int64_t timeout_ns)
{
    int rc = s->to_evict != 0 ? evict_all(s) : MYL_OK;
    if (rc == MYL_OK && s->to_announce)
        rc = announce(s, timeout_ns);
    for (uint64_t left = s->returning; left != 0 && rc == MYL_OK; left &= left - 1)
        rc = welcome(s, myl_rank_first(left), timeout_ns);
    for (uint64_t left = s->to_resend; left != 0 && rc == MYL_OK; left &= left - 1)
        rc = resend(s, myl_rank_first(left), timeout_ns);
    if (rc == MYL_OK && s->unplaced != 0 && s->present != 0)
        rc = place(s, timeout_ns);
    return rc;
}
