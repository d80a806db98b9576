/* SPDX-License-Identifier: MIT
 * Opening and closing a scheduler. Which process makes the rings: docs/fabric.md, "Beginning and end". */
#include "base/deadline.h"
#include "base/error.h"
#include "base/options.h"
#include "fabric/dispatch.h"
#include "fabric/roster.h"
#include "frame/consumer.h"
#include "frame/producer.h"
#include "registry/evict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define REQUESTS_DEFAULT 1024U
#define REQUESTS_MOST    65536U
#define KEEP_DEFAULT     ((uint64_t)1 << 20)
#define KEEP_MOST        (UINT64_C(1) << 32)
#define OPEN_DEFAULT_NS  MYL_SEC(5)
#define BUSY_DEFAULT_NS  MYL_SEC(600)
#define DISPATCH_DEFAULT ((uint64_t)1 << 20)
#define REPLY_DEFAULT    ((uint64_t)256 << 10)
#define REPLY_MANY       ((uint64_t)64 << 10)
#define MANY_WORKERS     16U
/* Consumers of the dispatch ring besides the workers, and of the reply ring besides the scheduler: tools. */
#define OTHERS           8U
/* A ring with lanes has at least two. */
#define LANES_LEAST      2U
#define RETRY_NS         MYL_MSEC(1)

/* What an open needs. */
struct opening {
    struct myl_scheduler *s;
    const myl_scheduler_options *options;
    struct myl_rings_probe probe;
    char id[MYL_WORKERS_MAX][MYL_ID_MAX + 1];
    const char *ids[MYL_WORKERS_MAX];
};

/* --- options ------------------------------------------------------------------------------------------------------ */

static int take_options(myl_scheduler_options *own, const myl_scheduler_options *given)
{
    int rc = myl_options_take(own, given, MYL_OPTIONS_TYPE(myl_scheduler_options, wait));
    if (rc != MYL_OK)
        return rc;
    own->requests_max = own->requests_max == 0 ? REQUESTS_DEFAULT : own->requests_max;
    own->deferred_max = own->deferred_max == 0 ? REQUESTS_DEFAULT : own->deferred_max;
    own->keep_bytes = own->keep_bytes == 0 ? KEEP_DEFAULT : own->keep_bytes;
    own->open_timeout_ns = own->open_timeout_ns == 0 ? OPEN_DEFAULT_NS : own->open_timeout_ns;
    own->busy_limit_ns = own->busy_limit_ns == 0             ? BUSY_DEFAULT_NS
                         : own->busy_limit_ns == MYL_AT_ONCE ? 0
                                                             : own->busy_limit_ns;
    if (own->requests_max > REQUESTS_MOST || own->deferred_max > REQUESTS_MOST || own->keep_bytes > KEEP_MOST)
        return myl_fail(MYL_EINVAL,
                        "requests_max %" PRIu32 ", deferred_max %" PRIu32 " or keep_bytes %" PRIu64
                        " is too large; give at most %u, %u and %" PRIu64,
                        own->requests_max, own->deferred_max, own->keep_bytes, REQUESTS_MOST, REQUESTS_MOST, KEEP_MOST);
    if (own->busy_limit_ns < 0)
        return myl_fail(MYL_EINVAL, "busy_limit_ns is %" PRId64 "; give a time, or MYL_AT_ONCE", own->busy_limit_ns);
    return MYL_OK;
}

static myl_ring_options ring_options(const struct opening *o, const char *ticket)
{
    return (myl_ring_options){.backend = o->s->session.config.backend,
                              .existing = ticket != NULL ? MYL_EXISTING_RESUME : MYL_EXISTING_FAIL,
                              .mode = o->options->mode,
                              .memory = o->options->memory,
                              .wait = o->options->wait,
                              .ticket = ticket};
}

static const char *name_of(const struct opening *o, const char *name)
{
    return o->s->session.config.backend == MYL_BACKEND_MEMFD ? NULL : name;
}

static const char *label_of(const struct opening *o)
{
    const char *label = o->s->session.config.label;
    return label[0] != '\0' ? label : NULL;
}

/* --- the reply ring ----------------------------------------------------------------------------------------------- */

static int scheduler_is_alive(const struct opening *o)
{
    myl_failed_participant who = {.size = sizeof who};
    if (myl_error_participant(&who) != MYL_OK)
        who.pid = 0;
    int rc = myl_fail(MYL_EPRODUCERALIVE, "session \"%s\" has a living scheduler (process %" PRId32 "); stop it first",
                      o->s->session.config.label, who.pid);
    return myl_fail_participant(rc, MYL_SESSION_SCHEDULER, (uint32_t)who.pid, 0);
}

/* Joins the reply ring. Its place as consumer is the lock that one scheduler at a time has. */
static int join_replies(struct opening *o, const char *ticket, int fd)
{
    int memfd = o->s->session.config.backend == MYL_BACKEND_MEMFD;
    myl_frame_consumer_options reader = {.size = sizeof reader,
                                         .ring = {.id = MYL_SESSION_SCHEDULER,
                                                  .backend = o->s->session.config.backend,
                                                  .fd = memfd ? fd : 0,
                                                  .any_owner = 1,
                                                  .memory = o->options->memory,
                                                  .wait = o->options->wait,
                                                  .ticket = ticket}};
    int rc = myl_frame_consumer_open(&o->s->replies, NULL, &reader);
    if (rc == MYL_OK)
        o->s->replies->lasting = true;
    return rc == MYL_EDUPLICATE ? scheduler_is_alive(o) : rc;
}

static int ticket_of(const myl_producer *ring, char ticket[MYL_RINGS_TICKET_MAX])
{
    return myl_producer_ticket(ring, ticket, MYL_RINGS_TICKET_MAX);
}

/* Makes the reply ring, in the lane of worker 0, and joins it. The lane stays ours until the dispatch ring is there: if
 * making that fails, ending the lane removes this ring. */
static int make_replies(struct opening *o, myl_frame_producer **lane)
{
    struct myl_scheduler *s = o->s;
    const myl_fabric_config *config = &s->session.config;
    uint64_t bytes = config->workers > MANY_WORKERS ? REPLY_MANY : REPLY_DEFAULT;
    int fd = -1;
    myl_frame_producer_options make = {.size = sizeof make,
                                       .config = {.ring_bytes = config->reply_bytes == 0 ? bytes : config->reply_bytes,
                                                  .max_message = config->max_message,
                                                  .lanes =
                                                      config->workers < LANES_LEAST ? LANES_LEAST : config->workers,
                                                  .max_consumers = 1 + OTHERS,
                                                  .type_id = MYL_SESSION_REPLY_TYPE + config->workers,
                                                  .label = label_of(o)},
                                       .lane = o->id[0],
                                       .ring = ring_options(o, NULL)};
    int rc = myl_frame_producer_open(lane, name_of(o, s->session.replies), &make);
    if (rc == MYL_OK)
        rc = ticket_of(myl_frame_producer_ring(*lane), o->probe.replies.ticket);
    if (rc == MYL_OK && config->backend == MYL_BACKEND_MEMFD)
        rc = myl_producer_fd(myl_frame_producer_ring(*lane), &fd);
    if (rc == MYL_OK)
        rc = join_replies(o, o->probe.replies.ticket, fd);
    if (fd >= 0)
        myl_os_object_close(fd);
    return rc;
}

/* --- the dispatch ring -------------------------------------------------------------------------------------------- */

/* `absent`: the ranks whose place is reserved. `ticket` NULL: makes the ring. */
static int open_dispatch(struct opening *o, uint64_t absent, const char *ticket)
{
    struct myl_scheduler *s = o->s;
    const myl_fabric_config *config = &s->session.config;
    uint32_t count = 0;
    myl_frame_producer_options make = {.size = sizeof make, .ring = ring_options(o, ticket)};
    for (uint64_t left = absent; left != 0; left &= left - 1)
        o->ids[count++] = o->id[myl_rank_first(left)];
    make.ring.reserve = count > 0 ? o->ids : NULL;
    make.ring.reserve_count = count;
    make.ring.any_owner = 1;
    if (ticket != NULL) {
        make.ring.use_fd = config->backend == MYL_BACKEND_MEMFD;
        make.ring.fd = config->backend == MYL_BACKEND_MEMFD ? config->dispatch_fd : 0;
    } else {
        make.config =
            (myl_frame_config){.ring_bytes = config->dispatch_bytes == 0 ? DISPATCH_DEFAULT : config->dispatch_bytes,
                               .max_message = config->max_message,
                               .max_consumers = s->workers + OTHERS,
                               .type_id = MYL_SESSION_DISPATCH_TYPE,
                               .label = label_of(o)};
    }
    return myl_frame_producer_open(&s->dispatch, ticket != NULL ? NULL : name_of(o, s->session.dispatch), &make);
}

/* --- both --------------------------------------------------------------------------------------------------------- */

static void drop(struct myl_scheduler *s)
{
    myl_frame_consumer_close(s->replies);
    s->replies = NULL;
}

static void set_workers(struct opening *o, uint32_t workers)
{
    struct myl_scheduler *s = o->s;
    s->workers = s->session.config.workers = workers;
    s->all = workers == MYL_WORKERS_MAX ? UINT64_MAX : myl_rank_bit(workers) - 1;
}

static int make_both(struct opening *o)
{
    myl_frame_producer *lane = NULL;
    if (o->s->session.config.workers == 0)
        return myl_fail(MYL_EINVAL, "session \"%s\" does not exist yet, and workers is 0; give the number of workers",
                        o->s->session.config.label);
    set_workers(o, o->s->session.config.workers);
    int rc = make_replies(o, &lane);
    if (rc == MYL_OK)
        rc = open_dispatch(o, myl_roster_read(o->s), NULL);
    if (rc == MYL_OK) {
        myl_frame_producer_leave(lane);
        return rc;
    }
    struct myl_error_saved saved;
    myl_error_save(&saved);
    myl_frame_producer_close(lane);
    drop(o->s);
    myl_error_restore(&saved);
    return rc == MYL_EEXISTS ? MYL_OUTCOME_RETRY : rc;
}

static int take_over_both(struct opening *o)
{
    set_workers(o, o->probe.replies.workers);
    int rc = join_replies(o, o->probe.replies.ticket, o->s->session.config.reply_fd);
    if (rc != MYL_OK)
        return rc == MYL_ENOTFOUND || rc == MYL_ESESSION ? MYL_OUTCOME_RETRY : rc;
    rc = open_dispatch(o, myl_roster_read(o->s), o->probe.dispatch.ticket);
    if (rc == MYL_OK)
        return rc;
    struct myl_error_saved saved;
    myl_error_save(&saved);
    drop(o->s);
    myl_error_restore(&saved);
    bool changed = rc == MYL_ENOTFOUND || rc == MYL_ESESSION || rc == MYL_ECLOSED || rc == MYL_EPRODUCERALIVE;
    return changed && o->s->session.config.backend != MYL_BACKEND_MEMFD ? MYL_OUTCOME_RETRY : rc;
}

/* Removes what an ended session has left. MYL_OUTCOME_RETRY: its participants are still there, or it is gone. */
static int remove_rest(const struct opening *o)
{
    const struct myl_session *session = &o->s->session;
    int dispatch = myl_remove(session->dispatch, session->config.backend, 0);
    int replies = myl_remove(session->replies, session->config.backend, 0);
    int rc = dispatch == MYL_OK || dispatch == MYL_ENOTFOUND ? replies : dispatch;
    return rc == MYL_OK || rc == MYL_ENOTFOUND || rc == MYL_EINUSE || rc == MYL_EBUSY ? MYL_OUTCOME_RETRY : rc;
}

static int try_open(struct opening *o)
{
    const myl_fabric_config *config = &o->s->session.config;
    const struct myl_ring_probe *dispatch = &o->probe.dispatch, *replies = &o->probe.replies;
    if (config->backend == MYL_BACKEND_MEMFD && !config->use_fds)
        return make_both(o);
    int rc = myl_rings_probe(&o->s->session, true, &o->probe);
    if (rc != MYL_OK)
        return rc;
    if (!dispatch->exists && !replies->exists)
        return make_both(o);
    if (dispatch->exists && replies->exists && !dispatch->ended && !replies->ended)
        return take_over_both(o);
    if (config->backend == MYL_BACKEND_MEMFD)
        return myl_fail(MYL_ECLOSED, "the fabric of these descriptors has ended; make another one");
    return remove_rest(o);
}

static int did_not_end(const struct opening *o)
{
    char time[MYL_TIME_TEXT];
    return myl_fail(MYL_EINUSE,
                    "an ended session \"%s\" still has participants after %s; stop them (`myelon inspect` lists them), "
                    "or wait longer",
                    o->s->session.config.label, myl_time_text(o->options->open_timeout_ns, time));
}

static int open_rings(struct opening *o)
{
    struct myl_deadline until = myl_deadline_after(myl_os_now(), o->options->open_timeout_ns);
    int rc = try_open(o);
    while (rc == MYL_OUTCOME_RETRY) {
        if (myl_deadline_has_passed(until, myl_os_now()))
            return did_not_end(o);
        if (myl_os_sleep(RETRY_NS) == EINTR && o->options->wait.on_signal == MYL_SIGNAL_INTERRUPT)
            return myl_wait_signalled();
        rc = try_open(o);
    }
    return rc;
}

static int allocate(struct myl_scheduler *s, const myl_scheduler_options *options)
{
    int rc = myl_table_open(&s->table, options->requests_max);
    if (rc == MYL_OK)
        rc = myl_keep_open(&s->keep, options->keep_bytes);
    if (rc != MYL_OK)
        return rc;
    s->deferred = calloc(options->deferred_max, sizeof *s->deferred);
    s->deferred_most = options->deferred_max;
    return s->deferred != NULL
               ? MYL_OK
               : myl_fail(MYL_ENOMEM, "no memory for %" PRIu32 " events; ask for fewer", options->deferred_max);
}

static void free_all(struct myl_scheduler *s)
{
    myl_table_close(&s->table);
    myl_keep_close(&s->keep);
    free(s->deferred);
    free(s);
}

static void begin(struct opening *o)
{
    struct myl_scheduler *s = o->s;
    myl_info info = {.size = sizeof info};
    s->generation = s->dispatch->ring.epoch;
    s->busy_limit_ns = o->options->busy_limit_ns;
    s->orphans = o->options->orphans != 0;
    s->next_deadline_ns = MYL_FOREVER;
    s->to_announce = s->generation > 1;
    if (myl_producer_info(myl_frame_producer_ring(s->dispatch), &info) == MYL_OK)
        memcpy(s->session.config.dispatch_session, info.session, sizeof info.session);
    if (myl_consumer_info(myl_frame_consumer_ring(s->replies), &info) == MYL_OK)
        memcpy(s->session.config.reply_session, info.session, sizeof info.session);
    (void)myl_dispatch_flush(s, MYL_TRY); /* what has no room now is done before the first request */
}

int myl_scheduler_open(myl_scheduler **scheduler, const myl_fabric_config *config, const myl_scheduler_options *options)
{
    MYL_I_NOT_NULL(scheduler);
    myl_scheduler_options own;
    *scheduler = NULL;
    struct myl_scheduler *s = calloc(1, sizeof *s);
    struct opening *o = calloc(1, sizeof *o);
    if (s == NULL || o == NULL) {
        free(s);
        free(o);
        return myl_fail(MYL_ENOMEM, "no memory for a scheduler");
    }
    *o = (struct opening){.s = s, .options = &own};
    int rc = take_options(&own, options);
    if (rc == MYL_OK)
        rc = myl_session_take(&s->session, config);
    s->session.config.rank = 0;
    for (uint32_t rank = 0; rank < MYL_WORKERS_MAX; rank++)
        myl_session_worker_id(rank, o->id[rank]);
    if (rc == MYL_OK)
        rc = allocate(s, &own);
    if (rc == MYL_OK)
        rc = open_rings(o);
    if (rc == MYL_OK) {
        begin(o);
        *scheduler = s;
        myl_error_clear();
    } else {
        free_all(s);
    }
    free(o);
    return rc;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* Workers that are dead, or have never come, do not keep the dispatch ring's name. A living one is not evicted. */
static void evict_absent(struct myl_scheduler *s)
{
    char id[MYL_ID_MAX + 1];
    for (uint32_t rank = 0; rank < s->workers; rank++) {
        myl_session_worker_id(rank, id);
        (void)myl_evict_from(&s->dispatch->ring.handle.segment, id);
    }
}

/* Ends the lanes of workers that are not here, so that the reply ring's name can go. The end of the dispatch ring is
 * stored before: a living worker that leaves its lane sees it, and ends the lane itself. */
static void end_lanes(struct myl_scheduler *s)
{
    char id[MYL_ID_MAX + 1], ticket[MYL_RINGS_TICKET_MAX];
    if (myl_consumer_ticket(myl_frame_consumer_ring(s->replies), ticket, sizeof ticket) != MYL_OK)
        return;
    for (uint32_t lane = 0; lane < s->replies->count; lane++) {
        uint32_t rank = myl_roster_rank_of(s, lane);
        if (rank == MYL_WORKERS_MAX)
            continue;
        myl_session_worker_id(rank, id);
        myl_rings_end_lane(&s->session, ticket, id);
    }
}

static void stop(myl_scheduler *s, bool end)
{
    if (s == NULL)
        return;
    bool named = !s->dispatch->ring.handle.forked && s->session.config.backend != MYL_BACKEND_MEMFD;
    if (end && named)
        evict_absent(s);
    if (end)
        myl_frame_producer_close(s->dispatch);
    else
        myl_frame_producer_leave(s->dispatch);
    if (end && named)
        end_lanes(s);
    myl_frame_consumer_close(s->replies);
    free_all(s);
}

void myl_scheduler_close(myl_scheduler *s)
{
    stop(s, true);
}

void myl_scheduler_leave(myl_scheduler *s)
{
    stop(s, false);
}

/* --- other calls -------------------------------------------------------------------------------------------------- */

int myl_scheduler_config(const myl_scheduler *s, uint32_t rank, myl_fabric_config *config)
{
    MYL_I_NOT_NULL(s);
    MYL_I_NOT_NULL(config);
    static const myl_fabric_config none;
    myl_fabric_config made = s->session.config;
    if (config->size < sizeof made)
        return myl_fail(MYL_EOPTIONS, "myl_fabric_config has size %zu; set it to the structure's size, %zu",
                        config->size, sizeof made);
    if (rank >= s->workers)
        return myl_fail(MYL_EINVAL,
                        "session \"%s\" has %" PRIu32 " workers, so there is no rank %" PRIu32 "; give one below",
                        s->session.config.label, s->workers, rank);
    made.rank = rank;
    made.dispatch_bytes = made.reply_bytes = made.max_message = 0;
    made.use_fds = made.backend == MYL_BACKEND_MEMFD;
    made.dispatch_fd = made.reply_fd = 0;
    int rc = MYL_OK;
    if (made.use_fds)
        rc = myl_producer_fd(myl_frame_producer_ring(s->dispatch), &made.dispatch_fd);
    if (rc == MYL_OK && made.use_fds) {
        rc = myl_consumer_fd(myl_frame_consumer_ring(s->replies), &made.reply_fd);
        if (rc != MYL_OK)
            myl_os_object_close(made.dispatch_fd);
    }
    *config = rc == MYL_OK ? made : none;
    config->size = sizeof made;
    return rc;
}

int myl_scheduler_peer(myl_scheduler *s, uint32_t rank, myl_peer *peer)
{
    MYL_I_NOT_NULL(s);
    MYL_I_NOT_NULL(peer);
    if (rank >= s->workers)
        return myl_fail(MYL_EINVAL,
                        "session \"%s\" has %" PRIu32 " workers, so there is no rank %" PRIu32 "; give one below",
                        s->session.config.label, s->workers, rank);
    if (s->rank[rank].state == MYL_RANK_ABSENT)
        return myl_fail(MYL_ENOTFOUND, "worker %" PRIu32 " of session \"%s\" has not come yet; start it", rank,
                        s->session.config.label);
    return myl_consumer_peer(&s->replies->reader[s->rank[rank].lane]->ring, peer);
}

int myl_scheduler_count(const myl_scheduler *s, myl_scheduler_counts *counts)
{
    MYL_I_NOT_NULL(s);
    myl_scheduler_counts now = s->counts;
    now.size = sizeof now;
    now.generation = s->generation;
    now.workers = s->workers;
    now.present = s->present | s->returning;
    now.in_flight = s->table.count;
    now.kept_blocks = s->keep.blocks - s->keep.free_blocks;
    return myl_result_give(counts, &now, MYL_OPTIONS_TYPE(myl_scheduler_counts, bad));
}

void myl_scheduler_interrupt(myl_scheduler *s)
{
    MYL_I_NOT_NULL(s);
    myl_frame_consumer_interrupt(s->replies);
}
