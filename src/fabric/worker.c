/* SPDX-License-Identifier: MIT
 * A worker: takes requests from the dispatch ring, and answers in its lane. It reads ahead, so that it sees a cancel
 * while it computes. docs/fabric.md, "Cancel". */
#include "fabric/worker.h"

#include "base/deadline.h"
#include "base/error.h"
#include "frame/consumer.h"
#include "frame/producer.h"

#include <inttypes.h>

#define PIECES_MOST 64U
/* How long an answer waits for room before it looks whether the session has ended. */
#define END_NS      MYL_MSEC(50)

/* --- slots -------------------------------------------------------------------------------------------------------- */

/* There is a free slot. It goes to the end of the queue. */
static struct myl_slot *queue(struct myl_worker *w, enum myl_work_kind kind, const struct myl_dispatch_head *head)
{
    uint32_t index = 0;
    while (w->slot[index].state != MYL_SLOT_FREE)
        index++;
    w->slot[index] = (struct myl_slot){.state = MYL_SLOT_QUEUED, .kind = kind, .head = *head};
    w->queue[(w->queue_first + w->queued++) % MYL_WORK_HELD_MAX] = index;
    w->used++;
    return &w->slot[index];
}

static uint32_t unqueue(struct myl_worker *w)
{
    uint32_t index = w->queue[w->queue_first];
    w->queue_first = (w->queue_first + 1) % MYL_WORK_HELD_MAX;
    w->queued--;
    return index;
}

static void free_slot(struct myl_worker *w, struct myl_slot *slot)
{
    w->untold -= slot->untold;
    slot->state = MYL_SLOT_FREE;
    slot->untold = false;
    w->used--;
}

/* Takes a slot out of the middle of the queue. */
static void drop_queued(struct myl_worker *w, uint32_t index)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->queued; i++) {
        uint32_t at = w->queue[(w->queue_first + i) % MYL_WORK_HELD_MAX];
        if (at != index)
            w->queue[(w->queue_first + kept++) % MYL_WORK_HELD_MAX] = at;
    }
    w->queued = kept;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* At most MYL_WORK_HELD_MAX messages are held, fewer than MYL_HELD_MAX: any order of releases is possible. */
_Static_assert(MYL_WORK_HELD_MAX < MYL_HELD_MAX, "a release never fails for its order");

static int release(struct myl_worker *w, const myl_message *message)
{
    return myl_frame_consumer_release_message(w->dispatch, message);
}

static int cancel(struct myl_worker *w, uint64_t request)
{
    int rc = MYL_OK;
    for (uint32_t i = 0; i < MYL_WORK_HELD_MAX; i++) {
        struct myl_slot *slot = &w->slot[i];
        if (slot->state == MYL_SLOT_FREE || slot->head.request != request || slot->kind == MYL_WORK_SCHEDULER)
            continue;
        if (slot->state == MYL_SLOT_HELD) {
            w->untold += !slot->cancelled;
            slot->untold = slot->untold || !slot->cancelled;
            slot->cancelled = true;
            continue;
        }
        drop_queued(w, i);
        free_slot(w, slot);
        w->skipped++;
        int released = release(w, &slot->message);
        rc = rc == MYL_OK ? released : rc;
    }
    return rc;
}

/* A message that is no work: what it changes. */
static int take_control(struct myl_worker *w, uint32_t kind, const struct myl_dispatch_head *head)
{
    bool ours = (head->mask & UINT64_C(1) << w->rank) != 0;
    if (kind == MYL_DISPATCH_WELCOME && ours && head->op == w->incarnation)
        w->welcome = true;
    return kind == MYL_DISPATCH_CANCEL && ours ? cancel(w, head->request) : MYL_OK;
}

static bool is_work(uint32_t kind)
{
    return kind == MYL_DISPATCH_REQUEST || kind == MYL_DISPATCH_NO_REPLY;
}

static void note_scheduler(struct myl_worker *w, const struct myl_dispatch_head *head)
{
    uint32_t generation = myl_request_generation(head->request), before = w->generation;
    if (generation == before)
        return;
    w->generation = generation;
    if (before != 0 && w->welcome)
        (void)queue(w, MYL_WORK_SCHEDULER, head);
}

/* Reads one message. MYL_OK: something was read; two slots are free. */
static int read_one(struct myl_worker *w, int64_t timeout_ns)
{
    myl_message message = {0};
    struct myl_dispatch_head head;
    int rc = myl_frame_consumer_next(w->dispatch, &message, timeout_ns);
    if (rc == MYL_EABORTED) /* a request that its scheduler has not finished */
        return MYL_OK;
    if (rc != MYL_OK)
        return rc;
    if (!myl_head_take(&head, sizeof head, &message)) {
        w->skipped++;
        return release(w, &message);
    }
    note_scheduler(w, &head);
    if (is_work(message.kind) && w->welcome && (head.mask & UINT64_C(1) << w->rank) != 0) {
        queue(w, message.kind == MYL_DISPATCH_REQUEST ? MYL_WORK_REQUEST : MYL_WORK_NO_REPLY, &head)->message = message;
        return MYL_OK;
    }
    w->skipped += is_work(message.kind);
    rc = take_control(w, message.kind, &head);
    int released = release(w, &message);
    return rc == MYL_OK ? released : rc;
}

/* --- work --------------------------------------------------------------------------------------------------------- */

static void describe(const struct myl_worker *w, uint32_t index, enum myl_work_kind kind, myl_work *work)
{
    const struct myl_slot *slot = &w->slot[index];
    *work = (myl_work){.kind = kind,
                       .op = slot->head.op,
                       .request = slot->head.request,
                       .mask = slot->head.mask,
                       .deadline_ns = slot->head.deadline_ns,
                       .generation = myl_request_generation(slot->head.request),
                       .slot = index};
}

static void give_cancelled(struct myl_worker *w, myl_work *work)
{
    uint32_t index = 0;
    while (!w->slot[index].untold)
        index++;
    w->slot[index].untold = false;
    w->untold--;
    describe(w, index, MYL_WORK_CANCELLED, work);
}

static void give_queued(struct myl_worker *w, myl_work *work)
{
    uint32_t index = unqueue(w);
    struct myl_slot *slot = &w->slot[index];
    describe(w, index, slot->kind, work);
    if (slot->kind == MYL_WORK_SCHEDULER) {
        work->request = 0;
        work->op = 0;
        work->mask = 0;
        work->deadline_ns = 0;
        free_slot(w, slot);
        return;
    }
    slot->state = MYL_SLOT_HELD;
    work->data = (const char *)slot->message.data + sizeof slot->head;
    work->length = slot->message.length - sizeof slot->head;
}

static int too_much_held(const struct myl_worker *w)
{
    return myl_fail(MYL_ELIMIT, "worker %" PRIu32 " of session \"%s\" holds %" PRIu32 " requests; release some first",
                    w->rank, w->session.config.label, w->used);
}

int myl_worker_next(myl_worker *w, myl_work *work, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(w);
    MYL_I_NOT_NULL(work);
    bool timed = timeout_ns > 0 && timeout_ns != MYL_FOREVER;
    struct myl_timeout timeout = {.ns = timeout_ns};
    int64_t left = timeout_ns;
    for (;;) {
        if (w->untold != 0) {
            give_cancelled(w, work);
            return MYL_OK;
        }
        if (w->queued != 0) {
            give_queued(w, work);
            return MYL_OK;
        }
        if (w->used + 2 > MYL_WORK_HELD_MAX)
            return too_much_held(w);
        int rc = read_one(w, left);
        if (rc != MYL_OK)
            return rc;
        if (timed && w->queued == 0 && w->untold == 0) { /* it was not for us */
            int64_t now = myl_os_now();
            myl_timeout_start(&timeout, now);
            left = myl_deadline_left(timeout.until, now);
            left = left > 0 ? left : -1;
        }
    }
}

static struct myl_slot *held(struct myl_worker *w, const myl_work *work)
{
    struct myl_slot *slot = work->slot < MYL_WORK_HELD_MAX ? &w->slot[work->slot] : NULL;
    return slot != NULL && slot->state == MYL_SLOT_HELD && slot->head.request == work->request ? slot : NULL;
}

static int not_held(const struct myl_worker *w, const myl_work *work)
{
    return myl_fail(MYL_EINVAL,
                    "worker %" PRIu32 " of session \"%s\" does not hold request 0x%016" PRIx64
                    ", or it is not to be answered; answer before the release",
                    w->rank, w->session.config.label, work->request);
}

int myl_worker_release(myl_worker *w, myl_work *work)
{
    MYL_I_NOT_NULL(w);
    MYL_I_NOT_NULL(work);
    struct myl_slot *slot = held(w, work);
    if (work->data == NULL)
        return MYL_OK;
    if (slot == NULL)
        return not_held(w, work);
    int rc = release(w, &slot->message);
    work->data = NULL;
    free_slot(w, slot);
    return rc;
}

int myl_worker_cancelled(myl_worker *w, const myl_work *work)
{
    MYL_I_NOT_NULL(w);
    MYL_I_NOT_NULL(work);
    const struct myl_slot *slot = held(w, work);
    if (slot == NULL)
        return 0;
    while (!slot->cancelled && w->used + 2 <= MYL_WORK_HELD_MAX && read_one(w, MYL_TRY) == MYL_OK)
        continue;
    if (slot->untold) {
        w->slot[work->slot].untold = false;
        w->untold--;
    }
    return slot->cancelled;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* What an answer begins with, or why there can be none. */
static int make_head(struct myl_worker *w, const myl_work *work, int32_t status, uint32_t flags,
                     struct myl_reply_head *head)
{
    const struct myl_slot *slot = held(w, work);
    if (slot == NULL || slot->kind != MYL_WORK_REQUEST)
        return not_held(w, work);
    if ((flags & ~(uint32_t)MYL_REPLY_MORE) != 0)
        return myl_fail(MYL_EINVAL, "flags 0x%" PRIx32 " of an answer are unknown; use MYL_REPLY_MORE or 0", flags);
    *head = (struct myl_reply_head){.request = slot->head.request, .status = status, .flags = flags};
    return MYL_OK;
}

static int session_is_over(const struct myl_worker *w)
{
    const struct myl_control *control = w->dispatch->reader[0]->ring.handle.segment.control;
    if (myl_load_acq(&control->closed) == 0) /* A16. Pairs: A44 */
        return MYL_OK;
    return myl_fail(MYL_ECLOSED, "session \"%s\" has ended, and its scheduler reads no answers any more; close",
                    w->session.config.label);
}

/* The longest wait of one attempt. An answer in fragments that was begun is not given up for a look. */
static int64_t part_of(const struct myl_worker *w, const struct iovec *pieces, size_t count, int64_t timeout_ns)
{
    uint64_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += pieces[i].iov_len;
    return timeout_ns < END_NS || length > w->replies->ring.hot.ring.event_size ? timeout_ns : END_NS;
}

/* Publishes, or claims if `record` is given, with looks for the end of the session: after it there never is room. */
static int with_room(struct myl_worker *w, const struct iovec *pieces, size_t count, size_t most, void **record,
                     int64_t timeout_ns)
{
    struct myl_timeout timeout = {.ns = timeout_ns};
    int64_t part = part_of(w, pieces, count, timeout_ns);
    for (;;) {
        int rc = record != NULL ? myl_frame_producer_claim(w->replies, most, record, part)
                                : myl_frame_producer_publishv(w->replies, pieces, count, MYL_ANSWER_REPLY, part);
        if (rc != MYL_ETIMEDOUT && rc != MYL_EAGAIN)
            return rc;
        int over = session_is_over(w);
        if (over != MYL_OK || part == timeout_ns)
            return over != MYL_OK ? over : rc;
        if (timeout_ns != MYL_FOREVER) {
            int64_t now = myl_os_now();
            if (!timeout.started) /* a part of it is over */
                timeout.ns -= part;
            myl_timeout_start(&timeout, now);
            int64_t left = myl_deadline_left(timeout.until, now);
            if (left <= 0)
                return rc;
            part = left < END_NS ? left : END_NS;
        }
    }
}

int myl_worker_replyv(myl_worker *w, const myl_work *work, const struct iovec *pieces, size_t count, int32_t status,
                      uint32_t flags, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(w);
    MYL_I_NOT_NULL(work);
    struct iovec all[PIECES_MOST + 1];
    struct myl_reply_head head;
    if (count > PIECES_MOST)
        return myl_fail(MYL_EINVAL, "%zu pieces are more than %u; join some", count, PIECES_MOST);
    int rc = make_head(w, work, status, flags, &head);
    if (rc != MYL_OK)
        return rc;
    all[0] = (struct iovec){&head, sizeof head};
    for (size_t i = 0; i < count; i++)
        all[i + 1] = pieces[i];
    return with_room(w, all, count + 1, 0, NULL, timeout_ns);
}

int myl_worker_reply(myl_worker *w, const myl_work *work, const void *data, size_t length, int32_t status,
                     uint32_t flags, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(w);
    struct iovec piece = {.iov_len = length};
    memcpy(&piece.iov_base, &data, sizeof data); /* it is only read from */
    return myl_worker_replyv(w, work, &piece, length > 0, status, flags, timeout_ns);
}

int myl_worker_claim(myl_worker *w, size_t most, void **data, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(w);
    MYL_I_NOT_NULL(data);
    void *record = NULL;
    *data = NULL;
    if (most > SIZE_MAX - sizeof(struct myl_reply_head))
        return myl_fail(MYL_ETOOBIG, "a claim of %zu bytes is more than any record holds; send it as a copy", most);
    int rc = with_room(w, NULL, 0, sizeof(struct myl_reply_head) + most, &record, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    w->claim = record;
    w->claimed = most;
    *data = w->claim + sizeof(struct myl_reply_head);
    return MYL_OK;
}

int myl_worker_commit(myl_worker *w, const myl_work *work, size_t used, int32_t status, uint32_t flags)
{
    MYL_I_NOT_NULL(w);
    MYL_I_NOT_NULL(work);
    struct myl_reply_head head;
    if (w->claim == NULL)
        return myl_fail(MYL_ENOTCLAIMED, "worker %" PRIu32 " of session \"%s\" has no open claim; claim first", w->rank,
                        w->session.config.label);
    if (used > w->claimed)
        return myl_fail(MYL_ETOOBIG, "%zu bytes are more than the %zu that were claimed; commit at most these", used,
                        w->claimed);
    int rc = make_head(w, work, status, flags, &head);
    if (rc != MYL_OK)
        return rc;
    memcpy(w->claim, &head, sizeof head);
    rc = myl_frame_producer_commit(w->replies, sizeof head + used, MYL_ANSWER_REPLY);
    if (rc == MYL_OK)
        w->claim = NULL;
    return rc;
}

void myl_worker_abort(myl_worker *w)
{
    MYL_I_NOT_NULL(w);
    if (w->claim != NULL)
        myl_frame_producer_abort(w->replies);
    w->claim = NULL;
}

/* --- other calls -------------------------------------------------------------------------------------------------- */

void myl_worker_set_activity(myl_worker *w, const char *text, int64_t duration_ns)
{
    MYL_I_NOT_NULL(w);
    myl_frame_consumer_set_activity(w->dispatch, text, duration_ns);
    myl_frame_producer_set_activity(w->replies, text, duration_ns);
}

uint32_t myl_worker_rank(const myl_worker *w)
{
    MYL_I_NOT_NULL(w);
    return w->rank;
}

uint32_t myl_worker_incarnation(const myl_worker *w)
{
    MYL_I_NOT_NULL(w);
    return w->incarnation;
}

uint64_t myl_worker_skipped(const myl_worker *w)
{
    MYL_I_NOT_NULL(w);
    return w->skipped;
}

void myl_worker_interrupt(myl_worker *w)
{
    MYL_I_NOT_NULL(w);
    myl_frame_consumer_interrupt(w->dispatch);
}
