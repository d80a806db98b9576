/* SPDX-License-Identifier: MIT
 * The calls around the liveness policy: its options, its beginning, what came of it. */
#include <myelon/liveness.h>

#include "ring/consumer.h"
#include "ring/producer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STARTUP_NS     MYL_SEC(5)
#define PROGRESS_NS    MYL_MSEC(250)
#define INTERVAL_NS    MYL_MSEC(5)
#define INTERVAL_LEAST MYL_USEC(100)
#define GRACE_NS       MYL_SEC(1)

/* --- the beginning ------------------------------------------------------------------------------------------------ */

static int is_alive(const struct myl_segment *segment, const struct myl_required *required)
{
    return myl_seat_held(segment, myl_entry_seat(required->entry)) > 0;
}

/* Not `required` yet, if it is anybody: tools are told whom the start waits for. */
static int lacks(const struct myl_segment *segment, struct myl_liveness *l, const struct myl_required *required)
{
    if (l->lacking != required)
        myl_liveness_say_missing(segment, required != NULL ? required->id : "");
    l->lacking = required;
    return required != NULL ? MYL_EAGAIN : MYL_OK;
}

static int all_there(void *context)
{
    const struct myl_gate_wish *wish = context;
    const struct myl_segment *segment = &wish->producer->handle.segment;
    struct myl_liveness *l = &wish->producer->liveness;
    for (uint32_t i = 0; i < l->required_count; i++) {
        if (!myl_required_is_here(segment, &l->required[i]))
            return lacks(segment, l, &l->required[i]);
    }
    /* The kernel is asked only when the table looks complete. */
    for (uint32_t i = 0; i < l->required_count; i++) {
        if (!is_alive(segment, &l->required[i]))
            return lacks(segment, l, &l->required[i]);
    }
    return lacks(segment, l, NULL);
}

static int startup_failed(struct myl_producer *producer)
{
    struct myl_liveness *l = &producer->liveness;
    char missing[256] = "", id[MYL_ID_MAX + 1];
    uint32_t count = 0;
    for (size_t used = 0; myl_producer_missing(producer, count, id) == MYL_OK; count++) {
        if (used + strlen(id) + 3 < sizeof missing) {
            memcpy(missing + used, count > 0 ? ", " : "", count > 0 ? 2 : 0);
            used += count > 0 ? 2 : 0;
            memcpy(missing + used, id, strlen(id) + 1);
            used += strlen(id);
        }
    }
    l->startup_began = 0; /* the next call waits anew */
    memset(&l->trouble, 0, sizeof l->trouble);
    l->trouble.code = MYL_ESTARTUP;
    l->trouble.missing = count;
    return myl_fail(MYL_ESTARTUP,
                    "ring \"%s\": required consumers did not come within %" PRId64
                    " ms: %s; start them, and call again",
                    producer->handle.segment.name, l->startup_wait_ns / MYL_MSEC(1), missing);
}

static int wait_for_all(struct myl_producer *producer, int64_t *timeout_ns)
{
    struct myl_liveness *l = &producer->liveness;
    struct myl_gate_wish wish = {.producer = producer};
    int64_t began = myl_os_now();
    int rc = all_there(&wish);
    if (rc != MYL_OK && myl_segment_check(&producer->handle.segment) != MYL_OK)
        rc = MYL_ESEATLOST;
    if (l->startup_began == 0)
        l->startup_began = began;
    int64_t left = l->startup_wait_ns < 0 ? INT64_MAX : l->startup_wait_ns - (began - l->startup_began);
    int endless = l->startup_wait_ns < 0 && *timeout_ns == MYL_FOREVER;
    if (rc == MYL_EAGAIN && *timeout_ns != MYL_TRY && left > 0) {
        int64_t most = *timeout_ns != MYL_FOREVER && *timeout_ns < left ? *timeout_ns : left;
        rc = myl_gate_wait(&wish, all_there, endless ? MYL_FOREVER : most);
        left = l->startup_wait_ns < 0 ? INT64_MAX : l->startup_wait_ns - (myl_os_now() - l->startup_began);
        if (*timeout_ns > 0) {
            int64_t used = myl_os_now() - began;
            *timeout_ns = used < *timeout_ns ? *timeout_ns - used : 1;
        }
    }
    (void)lacks(&producer->handle.segment, l, NULL);
    if (rc == MYL_OK) {
        l->started = 1;
        l->startup_began = 0;
        memset(&l->trouble, 0, sizeof l->trouble);
        return MYL_OK;
    }
    return (rc == MYL_EAGAIN || rc == MYL_ETIMEDOUT) && left <= 0 ? startup_failed(producer) : rc;
}

int myl_liveness_failed(const struct myl_producer *producer)
{
    const myl_trouble *trouble = &producer->liveness.trouble;
    uint64_t cursor = (uint64_t)(trouble->last + 1);
    return trouble->final ? myl_liveness_fail(producer, trouble, myl_published(producer) - cursor) : MYL_OK;
}

int myl_liveness_begin(struct myl_producer *producer, int64_t *timeout_ns)
{
    struct myl_liveness *l = &producer->liveness;
    if (!l->managed)
        return MYL_OK;
    int rc = myl_liveness_failed(producer);
    if (rc != MYL_OK)
        return rc;
    return l->started || l->required_count == 0 ? MYL_OK : wait_for_all(producer, timeout_ns);
}

/* --- options --------------------------------------------------------------------------------------------------- */

int myl_liveness_set_up(struct myl_producer *producer)
{
    struct myl_liveness *l = &producer->liveness;
    l->interval_ns = producer->liveness_ns;
    l->watch = calloc(producer->handle.segment.head.max_consumers, sizeof *l->watch);
    return l->watch != NULL
               ? MYL_OK
               : myl_fail(MYL_ENOMEM, "no memory to watch the consumers of ring \"%s\"", producer->handle.segment.name);
}

void myl_liveness_free(struct myl_producer *producer)
{
    free(producer->liveness.watch);
    free(producer->liveness.required);
    producer->liveness.watch = NULL;
    producer->liveness.required = NULL;
}

static int check_times(const myl_liveness_options *o)
{
    if (o->startup_wait_ns < 0 && o->startup_wait_ns != MYL_AT_ONCE && o->startup_wait_ns != MYL_FOREVER)
        return myl_fail(MYL_EINVAL, "startup_wait_ns %" PRId64 " is not a time", o->startup_wait_ns);
    if (o->progress_timeout_ns < 0)
        return myl_fail(MYL_EINVAL, "progress_timeout_ns %" PRId64 " is not a time", o->progress_timeout_ns);
    if (o->check_interval_ns != 0 && o->check_interval_ns < INTERVAL_LEAST)
        return myl_fail(MYL_EINVAL, "check_interval_ns %" PRId64 " is below 100 us", o->check_interval_ns);
    if (o->shutdown_grace_ns < 0 && o->shutdown_grace_ns != MYL_AT_ONCE)
        return myl_fail(MYL_EINVAL, "shutdown_grace_ns %" PRId64 " is not a time", o->shutdown_grace_ns);
    return MYL_OK;
}

static int check_required(const struct myl_segment *segment, const myl_liveness_options *o)
{
    if (o->required_count > 0 && o->required == NULL)
        return myl_fail(MYL_EINVAL, "%" PRIu32 " required consumers, and no list of them", o->required_count);
    if (o->required_count > segment->head.max_consumers)
        return myl_fail(MYL_EINVAL, "%" PRIu32 " required consumers, and ring \"%s\" has room for %" PRIu32,
                        o->required_count, segment->name, segment->head.max_consumers);
    for (uint32_t i = 0; i < o->required_count; i++) {
        int rc = myl_check_id(o->required[i], MYL_ID_MAX);
        if (rc != MYL_OK)
            return rc;
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(o->required[i], o->required[k]) == 0)
                return myl_fail(MYL_EINVAL, "consumer \"%s\" is required twice", o->required[i]);
        }
    }
    return MYL_OK;
}

static void unmanage(struct myl_producer *producer)
{
    struct myl_liveness *l = &producer->liveness;
    free(l->required);
    l->required = NULL;
    l->lacking = NULL;
    l->required_count = 0;
    l->managed = l->started = 0;
    l->blocked = 0;
    l->startup_began = 0;
    l->interval_ns = producer->liveness_ns;
    memset(&l->trouble, 0, sizeof l->trouble);
}

int myl_producer_manage(myl_producer *producer, const myl_liveness_options *o)
{
    struct myl_liveness *l = &producer->liveness;
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    if (o == NULL) {
        unmanage(producer);
        return MYL_OK;
    }
    int rc = myl_check_options(o, o->size, sizeof *o, "myl_liveness_options");
    if (rc == MYL_OK)
        rc = check_times(o);
    if (rc == MYL_OK)
        rc = check_required(&producer->handle.segment, o);
    if (rc != MYL_OK)
        return rc;
    struct myl_required *required = calloc(o->required_count > 0 ? o->required_count : 1, sizeof *required);
    if (required == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for %" PRIu32 " required consumers", o->required_count);
    for (uint32_t i = 0; i < o->required_count; i++)
        memcpy(required[i].id, o->required[i], strlen(o->required[i]) + 1);
    unmanage(producer);
    l->managed = 1;
    l->required = required;
    l->required_count = o->required_count;
    l->startup_wait_ns = o->startup_wait_ns == 0             ? STARTUP_NS
                         : o->startup_wait_ns == MYL_AT_ONCE ? 0
                                                             : o->startup_wait_ns;
    l->progress_ns = o->progress_timeout_ns == 0 ? PROGRESS_NS : o->progress_timeout_ns;
    l->interval_ns = o->check_interval_ns == 0 ? INTERVAL_NS : o->check_interval_ns;
    l->grace_ns = o->shutdown_grace_ns == 0 ? GRACE_NS : o->shutdown_grace_ns == MYL_AT_ONCE ? 0 : o->shutdown_grace_ns;
    l->alert = o->alert;
    l->user = o->user;
    producer->hot.end = 0; /* the next claim comes by myl_liveness_begin */
    return MYL_OK;
}

void myl_producer_trouble(const myl_producer *producer, myl_trouble *trouble)
{
    *trouble = producer->liveness.trouble;
}

int myl_producer_missing(const myl_producer *producer, uint32_t index, char id[MYL_ID_MAX + 1])
{
    const struct myl_segment *segment = &producer->handle.segment;
    const struct myl_liveness *l = &producer->liveness;
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    int rc = myl_segment_check(segment); /* nobody is missing because the kernel cannot be asked */
    if (rc != MYL_OK)
        return rc;
    for (uint32_t i = 0; i < l->required_count; i++) {
        struct myl_required required = l->required[i];
        if (myl_required_is_here(segment, &required) && is_alive(segment, &required))
            continue;
        if (index-- > 0)
            continue;
        memcpy(id, required.id, sizeof required.id);
        return MYL_OK;
    }
    return myl_fail(MYL_ENOTFOUND, "ring \"%s\": no more required consumers are missing", segment->name);
}

void myl_producer_clear(myl_producer *producer)
{
    struct myl_liveness *l = &producer->liveness;
    if (producer->handle.forked)
        return;
    if (l->trouble.final)
        myl_log_write(&producer->handle.segment, &(struct myl_log_note){.kind = MYL_LOG_CLEARED,
                                                                        .id = l->trouble.id,
                                                                        .sequence = (uint64_t)(l->trouble.last + 1)});
    memset(&l->trouble, 0, sizeof l->trouble);
    l->blocked = 0; /* a new spell: all clocks start anew */
    l->startup_began = 0;
}

void myl_producer_busy(myl_producer *producer, const char *doing, int64_t patience_ns)
{
    if (producer->handle.forked)
        return;
    struct myl_doing *to = &producer->handle.segment.control->doing;
    if (doing == NULL)
        myl_doing_clear(to);
    else
        myl_doing_set(to, doing, patience_ns);
}

void myl_consumer_busy(myl_consumer *consumer, const char *doing, int64_t patience_ns)
{
    /* A9: an evicted consumer's place may be somebody else's. */
    if (consumer->handle.forked || myl_load32_rlx(consumer->hot.generation) != consumer->hot.own_generation)
        return;
    if (doing == NULL)
        myl_doing_clear(&consumer->entry->doing);
    else
        myl_doing_set(&consumer->entry->doing, doing, patience_ns);
}
