/* SPDX-License-Identifier: MIT
 * Calls of the liveness policy: options, start-up wait, failure, activity notices. */
#include <myelon/liveness.h>

#include "base/deadline.h"
#include "base/error.h"
#include "base/options.h"
#include "liveness/liveness.h"
#include "registry/participant.h"
#include "ring/divert.h"
#include "ring/handle.h"
#include "ring/policy.h"
#include "ring/quorum.h"
#include "ring/state.h"
#include "segment/lock.h"
#include "segment/log.h"
#include "segment/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STARTUP_NS     MYL_SEC(5)
#define PROGRESS_NS    MYL_MSEC(250)
#define INTERVAL_NS    MYL_MSEC(5)
#define INTERVAL_LEAST MYL_USEC(100)
#define GRACE_NS       MYL_SEC(1)

/* --- start-up wait ------------------------------------------------------------------------------------------------ */

static int start_timed_out(const struct myl_quorum *quorum, int64_t timeout_ns)
{
    char time[MYL_TIME_TEXT];
    return myl_fail(MYL_ETIMEDOUT,
                    "ring \"%s\": required consumer \"%s\" was not registered and alive within %s; start it and call "
                    "again",
                    quorum->request.producer->handle.segment.name, quorum->missing != NULL ? quorum->missing : "",
                    myl_time_text(timeout_ns, time));
}

static int startup_failed(struct myl_producer *producer)
{
    struct myl_liveness *l = producer->liveness;
    char missing[256] = "", id[MYL_ID_MAX + 1];
    uint32_t count = 0;
    for (size_t used = 0; myl_producer_missing_consumer(producer, count, id) == MYL_OK; count++) {
        if (used + strlen(id) + 3 < sizeof missing) {
            memcpy(missing + used, count > 0 ? ", " : "", count > 0 ? 2 : 0);
            used += count > 0 ? 2 : 0;
            memcpy(missing + used, id, strlen(id) + 1);
            used += strlen(id);
        }
    }
    l->starting = 0; /* the next call waits again */
    memset(&l->failure, 0, sizeof l->failure);
    l->failure.code = MYL_ESTARTUP;
    l->failure.missing_count = count;
    return myl_fail(MYL_ESTARTUP,
                    "ring \"%s\": required consumers were not registered and alive within %s: %s; start them and call "
                    "again",
                    producer->handle.segment.name, myl_time_text(l->startup_wait_ns, (char[MYL_TIME_TEXT]){0}),
                    missing);
}

/* Waits for all required consumers, until the call's timeout or the end of the start-up wait. The first call starts the
 * start-up wait; later calls continue it. */
static int wait_for_all(struct myl_producer *producer, struct myl_timeout *timeout)
{
    struct myl_liveness *l = producer->liveness;
    struct myl_quorum quorum = {.request = {.producer = producer},
                                .timed_out = start_timed_out,
                                .ids = l->required_ids,
                                .count = l->required_count};
    int64_t now = myl_os_now();
    if (!l->starting)
        l->start_by = myl_deadline_after(now, l->startup_wait_ns);
    l->starting = 1;
    myl_timeout_start(timeout, now);
    struct myl_timeout within = *timeout;
    within.until = myl_deadline_earlier(within.until, l->start_by);
    int rc = myl_quorum_wait(&quorum, &within);
    if (rc == MYL_OK) {
        l->started = 1;
        l->starting = 0;
        memset(&l->failure, 0, sizeof l->failure);
        return MYL_OK;
    }
    bool late = (rc == MYL_EAGAIN || rc == MYL_ETIMEDOUT) && myl_deadline_has_passed(l->start_by, myl_os_now());
    return late ? startup_failed(producer) : rc;
}

static int failed(const struct myl_producer *producer)
{
    const myl_liveness_failure *failure = &producer->liveness->failure;
    uint64_t cursor = (uint64_t)(failure->last_acknowledged + 1), published = myl_published(producer);
    return failure->latched ? myl_liveness_fail(producer, failure, published > cursor ? published - cursor : 0)
                            : MYL_OK;
}

static int begin(struct myl_producer *producer, struct myl_timeout *timeout)
{
    struct myl_liveness *l = producer->liveness;
    if (!l->managed)
        return MYL_OK;
    int rc = failed(producer);
    if (rc != MYL_OK)
        return rc;
    return l->started || l->required_count == 0 ? MYL_OK : wait_for_all(producer, timeout);
}

/* --- options --------------------------------------------------------------------------------------------------- */

static int set_up(struct myl_producer *producer)
{
    uint32_t most = producer->handle.segment.head->max_consumers;
    struct myl_liveness *l = calloc(1, sizeof *l + most * sizeof l->watch[0]);
    if (l == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for the liveness state of ring \"%s\"", producer->handle.segment.name);
    producer->liveness = l;
    return MYL_OK;
}

static void tear_down(struct myl_producer *producer)
{
    struct myl_liveness *l = producer->liveness;
    if (l == NULL)
        return;
    free(l->required);
    free(l->required_ids);
    free(l);
    producer->liveness = NULL;
}

const struct myl_room_policy myl_liveness_policy = {
    .open = set_up,
    .close = tear_down,
    .begin = begin,
    .complete = myl_liveness_complete,
    .check = myl_liveness_check,
    .end = myl_liveness_end,
    .absent = myl_liveness_absent,
};

static int check_times(const myl_liveness_options *o)
{
    if (o->startup_wait_ns < 0 && o->startup_wait_ns != MYL_AT_ONCE)
        return myl_fail(MYL_EINVAL, "startup_wait_ns is %" PRId64 "; pass a time, 0, MYL_AT_ONCE or MYL_FOREVER",
                        o->startup_wait_ns);
    if (o->progress_timeout_ns < 0)
        return myl_fail(MYL_EINVAL, "progress_timeout_ns is %" PRId64 "; pass a time, 0 or MYL_FOREVER",
                        o->progress_timeout_ns);
    if (o->check_interval_ns != 0 && o->check_interval_ns < INTERVAL_LEAST)
        return myl_fail(MYL_EINVAL, "check_interval_ns is %" PRId64 "; pass at least 100000 (100 us), or 0 for 5 ms",
                        o->check_interval_ns);
    if (o->shutdown_grace_ns < 0 && o->shutdown_grace_ns != MYL_AT_ONCE)
        return myl_fail(MYL_EINVAL, "shutdown_grace_ns is %" PRId64 "; pass a time, 0, MYL_AT_ONCE or MYL_FOREVER",
                        o->shutdown_grace_ns);
    return MYL_OK;
}

static int check_required(const struct myl_segment *segment, const myl_liveness_options *o)
{
    if (o->required_count > 0 && o->required == NULL)
        return myl_fail(MYL_EINVAL, "required_count is %" PRIu32 ", but `required` is NULL; pass that many ids",
                        o->required_count);
    if (o->required_count > segment->head->max_consumers)
        return myl_fail(MYL_EINVAL,
                        "required_count is %" PRIu32 ", but ring \"%s\" has max_consumers %" PRIu32
                        "; require fewer, or make the ring with more",
                        o->required_count, segment->name, segment->head->max_consumers);
    return myl_check_ids(o->required, o->required_count, "required");
}

static void clear_policy(struct myl_producer *producer)
{
    struct myl_liveness *l = producer->liveness;
    free(l->required);
    free(l->required_ids);
    l->required = NULL;
    l->required_ids = NULL;
    l->required_count = 0;
    l->managed = l->started = 0;
    l->blocked = 0;
    l->starting = 0;
    producer->check_ns = producer->liveness_ns;
    memset(&l->failure, 0, sizeof l->failure);
}

/* `o` has been checked. */
static int manage(struct myl_producer *producer, const myl_liveness_options *o)
{
    struct myl_liveness *l = producer->liveness;
    struct myl_required *required = calloc(o->required_count > 0 ? o->required_count : 1, sizeof *required);
    const char **ids = calloc(o->required_count > 0 ? o->required_count : 1, sizeof *ids);
    if (required == NULL || ids == NULL) {
        free(required);
        free(ids);
        return myl_fail(MYL_ENOMEM, "no memory for %" PRIu32 " required consumers", o->required_count);
    }
    for (uint32_t i = 0; i < o->required_count; i++) {
        memcpy(required[i].id, o->required[i], strlen(o->required[i]) + 1);
        ids[i] = required[i].id;
    }
    clear_policy(producer);
    l->managed = 1;
    l->required = required;
    l->required_ids = ids;
    l->required_count = o->required_count;
    l->startup_wait_ns = o->startup_wait_ns == 0             ? STARTUP_NS
                         : o->startup_wait_ns == MYL_AT_ONCE ? 0
                                                             : o->startup_wait_ns;
    l->progress_ns = o->progress_timeout_ns == 0 ? PROGRESS_NS : o->progress_timeout_ns;
    producer->check_ns = o->check_interval_ns == 0 ? INTERVAL_NS : o->check_interval_ns;
    l->grace_ns = o->shutdown_grace_ns == 0 ? GRACE_NS : o->shutdown_grace_ns == MYL_AT_ONCE ? 0 : o->shutdown_grace_ns;
    l->alert = o->alert;
    l->user = o->user;
    myl_producer_divert(producer, MYL_DIVERT_POLICY); /* the next claim waits for the required consumers */
    return MYL_OK;
}

int myl_producer_set_liveness(myl_producer *producer, const myl_liveness_options *options)
{
    MYL_I_NOT_NULL(producer);
    myl_liveness_options own;
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    if (options == NULL) {
        clear_policy(producer);
        return MYL_OK;
    }
    int rc = myl_options_take(&own, options, MYL_OPTIONS_TYPE(myl_liveness_options, user));
    if (rc == MYL_OK)
        rc = check_times(&own);
    if (rc == MYL_OK)
        rc = check_required(&producer->handle.segment, &own);
    return rc == MYL_OK ? manage(producer, &own) : rc;
}

int myl_producer_liveness_failure(const myl_producer *producer, myl_liveness_failure *failure)
{
    MYL_I_NOT_NULL(producer);
    MYL_I_NOT_NULL(failure);
    return myl_result_give(failure, &producer->liveness->failure,
                           MYL_OPTIONS_TYPE(myl_liveness_failure, missing_count));
}

int myl_producer_missing_consumer(const myl_producer *producer, uint32_t index, char id[MYL_ID_MAX + 1])
{
    MYL_I_NOT_NULL(producer);
    MYL_I_NOT_NULL(id);
    const struct myl_segment *segment = &producer->handle.segment;
    const struct myl_liveness *l = producer->liveness;
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    int rc = myl_segment_check(segment); /* a lost descriptor must not count as a missing consumer */
    if (rc != MYL_OK)
        return rc;
    for (uint32_t i = 0; i < l->required_count; i++) {
        struct myl_required required = l->required[i];
        if (myl_required_is_here(segment, &required) &&
            myl_lock_held(segment, myl_entry_lock_index(required.entry)) > 0)
            continue;
        if (index-- > 0)
            continue;
        memcpy(id, required.id, sizeof required.id);
        return MYL_OK;
    }
    return myl_fail(MYL_ENOTFOUND, "ring \"%s\": no more required consumers are missing", segment->name);
}

void myl_producer_clear_failure(myl_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    struct myl_liveness *l = producer->liveness;
    if (producer->handle.forked)
        return;
    if (l->failure.latched)
        myl_log_write(&producer->handle.segment,
                      &(struct myl_log_note){.kind = MYL_LOG_CLEARED,
                                             .id = l->failure.id,
                                             .sequence = (uint64_t)(l->failure.last_acknowledged + 1)});
    memset(&l->failure, 0, sizeof l->failure);
    producer->found = MYL_OK;
    l->blocked = 0; /* the next blocked call begins a new spell, with new timers */
    l->starting = 0;
}

void myl_producer_set_activity(myl_producer *producer, const char *text, int64_t duration_ns)
{
    MYL_I_NOT_NULL(producer);
    if (producer->handle.forked)
        return;
    struct myl_activity *to = &myl_segment_producer(&producer->handle.segment)->activity;
    if (text == NULL)
        myl_activity_clear(to);
    else
        myl_activity_set(to, text, duration_ns);
}

void myl_consumer_set_activity(myl_consumer *consumer, const char *text, int64_t duration_ns)
{
    MYL_I_NOT_NULL(consumer);
    /* A9: the entry of an evicted consumer may belong to another consumer now. */
    if (consumer->handle.forked || myl_load32_rlx(consumer->hot.generation) != consumer->hot.own_generation)
        return;
    if (text == NULL)
        myl_activity_clear(&consumer->member.entry->activity);
    else
        myl_activity_set(&consumer->member.entry->activity, text, duration_ns);
}
