/* SPDX-License-Identifier: MIT
 * Sending requests: the calls of a scheduler that write. */
#include "base/deadline.h"
#include "base/error.h"
#include "base/options.h"
#include "fabric/dispatch.h"
#include "fabric/roster.h"
#include "os/os.h"

#include <inttypes.h>

#define PIECES_MOST 64U
#define FLAGS_KNOWN (MYL_REQUEST_NO_REPLY | MYL_REQUEST_ONE | MYL_REQUEST_AT_LEAST_ONCE)

/* A request that is being sent. */
struct sending {
    myl_request_options options;
    uint64_t direct;           /* the workers that its message names; 0: nothing is published */
    uint64_t again, failed;    /* of the mask: gone */
    bool unplaced;
    int64_t deadline_ns;
    struct myl_flight *flight; /* NULL: no reply is expected */
};

/* --- what is asked for -------------------------------------------------------------------------------------------- */

static int take_options(const struct myl_scheduler *s, myl_request_options *own, const myl_request_options *given)
{
    if (given == NULL) {
        *own = (myl_request_options){.size = sizeof *own, .mask = s->all};
        return MYL_OK;
    }
    int rc = MYL_OK;
    if (given->size == sizeof *own)
        *own = *given;
    else
        rc = myl_options_take(own, given, MYL_OPTIONS_TYPE(myl_request_options, flags));
    if (rc != MYL_OK)
        return rc;
    if (own->mask == 0)
        own->mask = s->all;
    if ((own->mask & ~s->all) != 0)
        return myl_fail(MYL_EINVAL, "mask 0x%" PRIx64 " has workers that session \"%s\" does not have; it has %" PRIu32,
                        own->mask, s->session.config.label, s->workers);
    if (own->timeout_ns < 0)
        return myl_fail(MYL_EINVAL, "timeout_ns of a request is %" PRId64 "; give the time to its deadline, or 0",
                        own->timeout_ns);
    if ((own->flags & ~(uint32_t)FLAGS_KNOWN) != 0 ||
        (own->flags & (MYL_REQUEST_NO_REPLY | MYL_REQUEST_AT_LEAST_ONCE)) ==
            (MYL_REQUEST_NO_REPLY | MYL_REQUEST_AT_LEAST_ONCE))
        return myl_fail(MYL_EINVAL,
                        "flags 0x%" PRIx32 " of a request are unknown, or ask for no reply and for at least once; "
                        "nothing tells when a request without a reply is done",
                        own->flags);
    return MYL_OK;
}

/* Decides which workers get it now, which later, and which never. */
static int choose_workers(struct myl_scheduler *s, struct sending *send)
{
    uint64_t mask = send->options.mask, away = mask & (s->gone | s->returning);
    bool kept = (send->options.flags & MYL_REQUEST_AT_LEAST_ONCE) != 0;
    if ((send->options.flags & MYL_REQUEST_ONE) == 0) {
        send->direct = mask & ~away;
        send->again = kept ? away : 0;
        send->failed = kept ? 0 : away;
        return MYL_OK;
    }
    uint32_t rank = myl_dispatch_choose(s, mask, true);
    send->unplaced = rank == MYL_WORKERS_MAX && kept;
    send->direct = rank == MYL_WORKERS_MAX ? 0 : myl_rank_bit(rank);
    if (rank != MYL_WORKERS_MAX || kept)
        return MYL_OK;
    return myl_fail(MYL_ECONSUMERDEAD,
                    "no worker of mask 0x%" PRIx64 " of session \"%s\" is here; wait for one, or ask for at least once",
                    mask, s->session.config.label);
}

static void set_deadline(struct sending *send)
{
    if (send->options.timeout_ns != 0)
        send->deadline_ns = myl_time_add(myl_os_now(), send->options.timeout_ns);
}

/* Makes the entry, and the copy of a request that may be sent again. */
static int enter(struct myl_scheduler *s, struct sending *send, const struct iovec *pieces, size_t count)
{
    if ((send->options.flags & MYL_REQUEST_NO_REPLY) != 0)
        return MYL_OK;
    struct myl_flight *flight = myl_table_add(&s->table, s->generation & MYL_GENERATION_MASK);
    if (flight == NULL)
        return MYL_ELIMIT;
    if ((send->options.flags & MYL_REQUEST_AT_LEAST_ONCE) != 0) {
        int rc = myl_keep_put(&s->keep, pieces, count, &flight->copy);
        if (rc != MYL_OK) {
            myl_table_remove(&s->table, flight);
            return rc;
        }
        flight->kept = true;
    }
    flight->mask = send->options.mask;
    flight->tag = send->options.tag;
    flight->op = send->options.op;
    flight->one = (send->options.flags & MYL_REQUEST_ONE) != 0;
    flight->deadline_ns = flight->check_ns = send->deadline_ns;
    s->table.deadlines += send->deadline_ns != 0;
    send->flight = flight;
    return MYL_OK;
}

static struct myl_dispatch_head head_of(struct myl_scheduler *s, const struct sending *send)
{
    uint64_t id =
        send->flight != NULL ? send->flight->id : myl_table_number(&s->table, s->generation & MYL_GENERATION_MASK);
    return (struct myl_dispatch_head){.request = id,
                                      .mask = send->direct,
                                      .deadline_ns = send->deadline_ns,
                                      .op = send->options.op};
}

static enum myl_dispatch_kind kind_of(const struct sending *send)
{
    return send->flight != NULL ? MYL_DISPATCH_REQUEST : MYL_DISPATCH_NO_REPLY;
}

/* It was sent: from now on it waits for its workers. */
static void complete(struct myl_scheduler *s, struct sending *send, uint64_t *request)
{
    struct myl_flight *flight = send->flight;
    s->counts.requests++;
    if (request != NULL)
        *request = flight != NULL ? flight->id : 0;
    if (flight == NULL)
        return;
    myl_roster_asked(s, flight, send->direct | send->again);
    flight->again = send->again;
    flight->unplaced = send->unplaced;
    s->unplaced += send->unplaced;
    flight->failed = send->failed;
    for (uint64_t left = send->failed; left != 0; left &= left - 1) {
        uint32_t rank = myl_rank_first(left);
        flight->left |= s->rank[rank].state == MYL_RANK_GONE && s->rank[rank].left ? myl_rank_bit(rank) : 0;
    }
    s->failing += send->failed != 0;
    if (send->deadline_ns != 0 && send->deadline_ns < s->next_deadline_ns)
        s->next_deadline_ns = send->deadline_ns;
}

static void undo(struct myl_scheduler *s, struct sending *send)
{
    if (send->flight != NULL)
        myl_roster_forget(s, send->flight);
}

static int no_room(struct myl_scheduler *s, int rc)
{
    return rc == MYL_EAGAIN || rc == MYL_ETIMEDOUT ? myl_dispatch_name_slowest(s, rc) : rc;
}

/* --- copied ------------------------------------------------------------------------------------------------------- */

static int claim_is_open(const struct myl_scheduler *s)
{
    return myl_fail(MYL_ELEASED, "session \"%s\": a claim of the dispatch ring is open; commit or abort it first",
                    s->session.config.label);
}

int myl_scheduler_requestv(myl_scheduler *s, const myl_request_options *options, const struct iovec *pieces,
                           size_t count, uint64_t *request, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(s);
    struct sending send = {.flight = NULL};
    if (count > PIECES_MOST)
        return myl_fail(MYL_EINVAL, "%zu pieces are more than %u; join some", count, PIECES_MOST);
    int rc = take_options(s, &send.options, options);
    if (rc == MYL_OK && s->claim != NULL)
        rc = claim_is_open(s);
    if (rc == MYL_OK && myl_dispatch_is_pending(s))
        rc = no_room(s, myl_dispatch_flush(s, timeout_ns));
    if (rc == MYL_OK)
        rc = choose_workers(s, &send);
    if (rc != MYL_OK)
        return rc;
    set_deadline(&send);
    rc = enter(s, &send, pieces, count);
    if (rc != MYL_OK)
        return rc;
    if (send.direct != 0) {
        const struct myl_dispatch_head head = head_of(s, &send);
        rc = myl_dispatch_put(s, kind_of(&send), &head, pieces, count, timeout_ns);
    }
    if (rc == MYL_OK) {
        complete(s, &send, request);
    } else {
        undo(s, &send);
        rc = no_room(s, rc);
    }
    return rc;
}

int myl_scheduler_request(myl_scheduler *s, const myl_request_options *options, const void *data, size_t length,
                          uint64_t *request, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(s);
    struct iovec piece = {.iov_len = length};
    memcpy(&piece.iov_base, &data, sizeof data); /* it is only read from */
    return myl_scheduler_requestv(s, options, &piece, length > 0, request, timeout_ns);
}

/* --- in place ----------------------------------------------------------------------------------------------------- */

int myl_scheduler_claim(myl_scheduler *s, size_t most, void **data, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(s);
    MYL_I_NOT_NULL(data);
    void *record = NULL;
    *data = NULL;
    if (s->claim != NULL)
        return claim_is_open(s);
    if (most > SIZE_MAX - sizeof(struct myl_dispatch_head))
        return myl_fail(MYL_ETOOBIG, "a claim of %zu bytes is more than any record holds; send it as a copy", most);
    int rc = myl_dispatch_is_pending(s) ? myl_dispatch_flush(s, timeout_ns) : MYL_OK;
    if (rc == MYL_OK)
        rc = myl_dispatch_claim(s, sizeof(struct myl_dispatch_head) + most, &record, timeout_ns);
    if (rc != MYL_OK)
        return no_room(s, rc);
    s->claim = record;
    s->claimed = most;
    *data = s->claim + sizeof(struct myl_dispatch_head);
    return MYL_OK;
}

void myl_scheduler_abort(myl_scheduler *s)
{
    MYL_I_NOT_NULL(s);
    if (s->claim != NULL)
        myl_frame_producer_abort(s->dispatch);
    s->claim = NULL;
}

static int publish_claim(struct myl_scheduler *s, const struct sending *send, size_t used)
{
    const struct myl_dispatch_head head = head_of(s, send);
    if (send->direct == 0) {
        myl_scheduler_abort(s);
        return MYL_OK;
    }
    memcpy(s->claim, &head, sizeof head);
    int rc = myl_frame_producer_commit(s->dispatch, sizeof head + used, (uint8_t)kind_of(send));
    if (rc == MYL_OK)
        s->claim = NULL;
    return rc;
}

int myl_scheduler_commit(myl_scheduler *s, const myl_request_options *options, size_t used, uint64_t *request)
{
    MYL_I_NOT_NULL(s);
    struct sending send = {.flight = NULL};
    if (s->claim == NULL)
        return myl_fail(MYL_ENOTCLAIMED, "session \"%s\": no claim of the dispatch ring is open; claim first",
                        s->session.config.label);
    if (used > s->claimed)
        return myl_fail(MYL_ETOOBIG, "%zu bytes are more than the %zu that were claimed; commit at most these", used,
                        s->claimed);
    int rc = take_options(s, &send.options, options);
    if (rc == MYL_OK)
        rc = choose_workers(s, &send);
    if (rc != MYL_OK)
        return rc;
    set_deadline(&send);
    const struct iovec piece = {s->claim + sizeof(struct myl_dispatch_head), used};
    rc = enter(s, &send, &piece, used > 0);
    if (rc != MYL_OK)
        return rc;
    rc = publish_claim(s, &send, used);
    if (rc == MYL_OK)
        complete(s, &send, request);
    else
        undo(s, &send);
    return rc;
}

/* --- cancel ------------------------------------------------------------------------------------------------------- */

int myl_scheduler_cancel(myl_scheduler *s, uint64_t request, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(s);
    struct myl_flight *flight = myl_table_find(&s->table, request);
    struct myl_dispatch_head head = {.request = request, .mask = s->all & ~(s->gone | s->returning)};
    if (myl_request_generation(request) != (s->generation & MYL_GENERATION_MASK) ||
        (request & MYL_REQUEST_NUMBER_MASK) == 0)
        return myl_fail(MYL_EINVAL, "0x%016" PRIx64 " is no request of this scheduler; cancel what it has sent",
                        request);
    if (flight != NULL) {
        head.mask &= flight->waiting;
        myl_roster_forget(s, flight);
    }
    if (s->claim != NULL)
        return claim_is_open(s);
    if (head.mask == 0)
        return MYL_OK;
    return no_room(s, myl_dispatch_put(s, MYL_DISPATCH_CANCEL, &head, NULL, 0, timeout_ns));
}
