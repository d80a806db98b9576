/* SPDX-License-Identifier: MIT
 * Opening and closing a worker. */
#include "base/deadline.h"
#include "base/error.h"
#include "base/options.h"
#include "fabric/worker.h"
#include "frame/consumer.h"
#include "frame/producer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define OPEN_DEFAULT_NS MYL_SEC(15)
#define RETRY_NS        MYL_MSEC(1)

/* A worker that is being opened. */
struct opening {
    struct myl_worker *w;
    const myl_worker_options *options;
    struct myl_rings_probe probe;
    char id[MYL_ID_MAX + 1];
};

static int take_options(myl_worker_options *own, const myl_worker_options *given)
{
    int rc = myl_options_take(own, given, MYL_OPTIONS_TYPE(myl_worker_options, wait));
    if (rc == MYL_OK && own->open_timeout_ns == 0)
        own->open_timeout_ns = OPEN_DEFAULT_NS;
    return rc;
}

/* Its place in the dispatch ring first: it is reserved, or a dead worker's. */
static int join_dispatch(struct opening *o)
{
    const myl_fabric_config *config = &o->w->session.config;
    int memfd = config->backend == MYL_BACKEND_MEMFD;
    const myl_frame_consumer_options reader = {.size = sizeof reader,
                                               .type_id = MYL_SESSION_DISPATCH_TYPE,
                                               .ring = {.id = o->id,
                                                        .backend = config->backend,
                                                        .fd = memfd ? config->dispatch_fd : 0,
                                                        .any_owner = o->options->any_owner,
                                                        .memory = o->options->memory,
                                                        .wait = o->options->wait,
                                                        .on_death = o->options->on_scheduler_death,
                                                        .ticket = o->probe.dispatch.ticket}};
    return myl_frame_consumer_open(&o->w->dispatch, NULL, &reader);
}

static int take_lane(struct opening *o)
{
    const myl_fabric_config *config = &o->w->session.config;
    int memfd = config->backend == MYL_BACKEND_MEMFD;
    const myl_frame_producer_options writer = {.size = sizeof writer,
                                               .lane = o->id,
                                               .ring = {.backend = config->backend,
                                                        .use_fd = memfd,
                                                        .fd = memfd ? config->reply_fd : 0,
                                                        .any_owner = o->options->any_owner,
                                                        .memory = o->options->memory,
                                                        .wait = o->options->wait,
                                                        .on_death = o->options->on_scheduler_death,
                                                        .ticket = o->probe.replies.ticket}};
    return myl_frame_producer_open(&o->w->replies, NULL, &writer);
}

static void drop_dispatch(struct myl_worker *w)
{
    struct myl_error_saved saved;
    myl_error_save(&saved);
    myl_frame_consumer_close(w->dispatch);
    w->dispatch = NULL;
    myl_error_restore(&saved);
}

/* MYL_OUTCOME_RETRY: the fabric is not there yet, or is being replaced. */
static int try_open(struct opening *o)
{
    struct myl_worker *w = o->w;
    bool memfd = w->session.config.backend == MYL_BACKEND_MEMFD;
    int rc = MYL_OK;
    if (w->dispatch == NULL) {
        rc = myl_rings_probe(&w->session, o->options->any_owner != 0, &o->probe);
        if (rc != MYL_OK)
            return rc;
        if (!o->probe.dispatch.exists || !o->probe.replies.exists || o->probe.dispatch.ended)
            return memfd ? myl_fail(MYL_ECLOSED, "the fabric of these descriptors has ended; get those of another one")
                         : MYL_OUTCOME_RETRY;
        rc = join_dispatch(o);
    }
    if (rc == MYL_OK) {
        rc = take_lane(o);
        if (rc == MYL_EPRODUCERALIVE) /* our predecessor's lane is freed a moment after its place; or the scheduler is
                                       * just making the ring */
            return MYL_OUTCOME_RETRY;
        if (rc != MYL_OK)
            drop_dispatch(w);
    }
    return (rc == MYL_ENOTFOUND || rc == MYL_ESESSION || rc == MYL_ECLOSED) && !memfd ? MYL_OUTCOME_RETRY : rc;
}

static int not_there(const struct opening *o)
{
    const struct myl_worker *w = o->w;
    char time[MYL_TIME_TEXT];
    (void)myl_time_text(o->options->open_timeout_ns, time);
    if (w->dispatch != NULL) {
        drop_dispatch(o->w); /* the sentence about the living worker stays */
        return MYL_EPRODUCERALIVE;
    }
    return myl_fail(MYL_ENOTFOUND,
                    "there is no fabric of session \"%s\" after %s; start its scheduler, or wait longer "
                    "(open_timeout_ns)",
                    w->session.config.label, time);
}

static int open_rings(struct opening *o)
{
    struct myl_deadline until = myl_deadline_after(myl_os_now(), o->options->open_timeout_ns);
    int rc = try_open(o);
    while (rc == MYL_OUTCOME_RETRY) {
        if (myl_deadline_has_passed(until, myl_os_now()))
            return not_there(o);
        if (myl_os_sleep(RETRY_NS) == EINTR && o->options->wait.on_signal == MYL_SIGNAL_INTERRUPT)
            rc = myl_wait_signalled();
        else
            rc = try_open(o);
    }
    return rc;
}

/* The incarnation is how many producers the lane has had. The scheduler that made the ring was the first one in the
 * lane of worker 0. */
static int begin(struct opening *o)
{
    struct myl_worker *w = o->w;
    w->rank = w->session.config.rank;
    w->incarnation = w->replies->ring.epoch - (w->rank == 0 ? 1U : 0U);
    w->welcome = w->incarnation == 1;
    memcpy(w->replies_ticket, o->probe.replies.ticket, sizeof w->replies_ticket);
    struct myl_reply_head head = {.request = w->incarnation, .status = (int32_t)myl_os_pid()};
    return myl_frame_producer_publish(w->replies, &head, sizeof head, MYL_ANSWER_HELLO, o->options->open_timeout_ns);
}

static void stop(struct myl_worker *w);

int myl_worker_open(myl_worker **worker, const myl_fabric_config *config, const myl_worker_options *options)
{
    MYL_I_NOT_NULL(worker);
    myl_worker_options own;
    *worker = NULL;
    struct myl_worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a worker");
    struct opening o = {.w = w, .options = &own};
    int rc = take_options(&own, options);
    if (rc == MYL_OK)
        rc = myl_session_take(&w->session, config);
    if (rc == MYL_OK && w->session.config.backend == MYL_BACKEND_MEMFD && !w->session.config.use_fds)
        rc = myl_fail(MYL_EINVAL, "a memfd fabric has no name; give the descriptors of myl_scheduler_config (use_fds)");
    if (rc == MYL_OK)
        myl_session_worker_id(w->session.config.rank, o.id);
    if (rc == MYL_OK)
        rc = open_rings(&o);
    if (rc == MYL_OK && (rc = begin(&o)) != MYL_OK) {
        struct myl_error_saved saved;
        myl_error_save(&saved);
        stop(w);
        myl_error_restore(&saved);
    }
    if (rc != MYL_OK) {
        free(w);
        return rc;
    }
    *worker = w;
    myl_error_clear();
    return MYL_OK;
}

/* Has the scheduler ended the session? */
static bool has_ended(const struct myl_worker *w)
{
    const struct myl_control *control = w->dispatch->reader[0]->ring.handle.segment.control;
    return myl_load_acq(&control->closed) != 0; /* A16. Pairs: A44 */
}

/* The lane is left, so that a successor finds it; it is ended only when the session is. The scheduler stores the end
 * before it looks at the lanes, and this worker frees its lane before it looks for the end: one of them ends it. */
static void stop(struct myl_worker *w)
{
    char id[MYL_ID_MAX + 1];
    bool ours = !w->replies->ring.handle.forked;
    myl_frame_producer_leave(w->replies);
    if (ours && has_ended(w) && w->session.config.backend != MYL_BACKEND_MEMFD) {
        myl_session_worker_id(w->rank, id);
        myl_rings_end_lane(&w->session, w->replies_ticket, id);
    }
    myl_frame_consumer_close(w->dispatch);
}

void myl_worker_close(myl_worker *w)
{
    if (w == NULL)
        return;
    if (w->claim != NULL && !w->replies->ring.handle.forked)
        myl_frame_producer_abort(w->replies);
    stop(w);
    free(w);
}
