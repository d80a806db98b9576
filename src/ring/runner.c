/* SPDX-License-Identifier: MIT
 * A runner: a thread that reads events and calls a handler. */
#define _POSIX_C_SOURCE 200809L
#include "ring/runner.h"

#include "base/deadline.h"
#include "base/error.h"
#include "base/options.h"
#include "ring/handle.h"
#include "ring/poll.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 256U

static void in_child(struct myl_os_fork_node *node)
{
    struct myl_runner *runner = (struct myl_runner *)(void *)((char *)node - offsetof(struct myl_runner, fork_node));
    runner->forked = 1;
}

static int stopped(const struct myl_runner *runner)
{
    return myl_load32_acq(&runner->stop) != 0; /* A51. Pairs: A52 */
}

enum myl_action myl_runner_action(struct myl_runner *runner, int code)
{
    runner->result.handler_code = code;
    if (code != 0)
        return MYL_ACTION_ABORT;
    return stopped(runner) ? MYL_ACTION_BREAK : MYL_ACTION_CONTINUE;
}

/* Handles up to `batch` events or messages. MYL_OK: the handler accepted all of them. */
static int run_batch(struct myl_runner *runner)
{
    uint64_t handled = 0;
    int rc = runner->source.poll(runner, &handled);
    runner->result.handled += handled;
    return rc;
}

static int run_until_end(struct myl_runner *runner)
{
    for (;;) {
        int rc = run_batch(runner);
        if (stopped(runner) && (rc == MYL_OK || rc == MYL_EINTERRUPTED))
            return MYL_OK;
        if (rc == MYL_OK || rc == MYL_EINTERRUPTED)
            continue;
        if (runner->keep_on_death && (rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT))
            continue;
        return rc;
    }
}

static void *thread_main(void *argument)
{
    struct myl_runner *runner = argument;
    myl_os_thread_name(runner->name);
    runner->result.code = run_until_end(runner);
    if (runner->forked) /* the handler forked, and this is the child's only thread: no thread joins it */
        return NULL;
    (void)snprintf(runner->result.detail, sizeof runner->result.detail, "%.255s",
                   runner->result.code == MYL_OK ? "" : myl_error_detail());
    (void)pthread_mutex_lock(&runner->lock);
    runner->ended = 1;
    (void)pthread_cond_broadcast(&runner->changed);
    (void)pthread_mutex_unlock(&runner->lock);
    return NULL;
}

static int start_thread(struct myl_runner *runner, const myl_runner_options *o)
{
    pthread_attr_t attributes;
    int err = pthread_attr_init(&attributes);
    if (err != 0)
        return err;
    if (o->stack != 0)
        err = pthread_attr_setstacksize(&attributes, o->stack);
    if (err == 0)
        err = myl_os_thread_start(&runner->thread, &attributes, thread_main, runner);
    (void)pthread_attr_destroy(&attributes);
    return err;
}

static int set_up_clock(struct myl_runner *runner)
{
    pthread_condattr_t attributes;
    int err = pthread_condattr_init(&attributes);
    if (err != 0)
        return err;
    err = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (err == 0)
        err = pthread_cond_init(&runner->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return err;
}

static struct myl_runner *new_runner(const struct myl_runner_source *source, const myl_runner_options *o,
                                     const char *name)
{
    struct myl_runner *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->source = *source;
    made->batch = o->batch == 0 ? BATCH : o->batch;
    if (made->batch > source->most)
        made->batch = source->most > 0 ? source->most : 1;
    made->keep_on_death = o->keep_on_death;
    made->fork_node.in_child = in_child;
    (void)snprintf(made->name, sizeof made->name, "%s", name);
    return made;
}

int myl_runner_begin(myl_runner **runner, const struct myl_runner_source *source, const myl_runner_options *options)
{
    myl_runner_options o;
    *runner = NULL;
    int rc = myl_options_take(&o, options, MYL_OPTIONS_TYPE(myl_runner_options, keep_on_death));
    if (rc != MYL_OK)
        return rc;
    if (source->consumer == NULL || source->handler == NULL)
        return myl_fail(MYL_EINVAL, "the consumer or the handler is NULL; a runner needs both");
    const char *name = o.name == NULL ? "myelon" : o.name;
    if (strnlen(name, MYL_RUNNER_NAME) == MYL_RUNNER_NAME)
        return myl_fail(MYL_EINVAL, "the thread name \"%.40s\" is longer than %d bytes; shorten it", name,
                        MYL_RUNNER_NAME - 1);
    myl_runner *made = new_runner(source, &o, name);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a runner");
    int err = pthread_mutex_init(&made->lock, NULL);
    if (err == 0)
        err = set_up_clock(made);
    *runner = made; /* before the thread starts: the handler may stop the runner */
    if (err == 0)
        err = myl_os_fork_watch(&made->fork_node);
    if (err == 0 && (err = start_thread(made, &o)) != 0)
        myl_os_fork_forget(&made->fork_node);
    if (err == 0) {
        myl_error_clear();
        return MYL_OK;
    }
    *runner = NULL;
    free(made);
    return myl_fail_errno(err, "cannot start the thread of a runner");
}

/* --- a runner of events ------------------------------------------------------------------------------------------- */

static enum myl_action run_one(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    struct myl_runner *runner = user;
    int code = ((myl_handler)runner->source.handler)(event, sequence, end_of_batch, runner->source.user);
    return myl_runner_action(runner, code);
}

static int poll_events(struct myl_runner *runner, uint64_t *handled)
{
    myl_consumer *consumer = runner->source.consumer;
    int rc = myl_poll_events(consumer, runner->batch, run_one, runner, handled, MYL_FOREVER);
    int code = runner->result.handler_code;
    if (rc != MYL_OK || code == 0)
        return rc;
    return myl_fail(MYL_EHANDLER, "the handler returned %d for event %" PRId64 "; it is not acknowledged", code,
                    myl_consumer_last_leased(consumer) + 1);
}

int myl_runner_start(myl_runner **runner, myl_consumer *consumer, myl_handler handler, void *user,
                     const myl_runner_options *options)
{
    MYL_I_NOT_NULL(runner);
    const struct myl_runner_source source = {
        .consumer = consumer,
        .ring = consumer,
        .handler = (void (*)(void))handler,
        .user = user,
        /* A batch is a share of the ring: with the whole ring leased, the producer would block for the whole batch. */
        .most = consumer != NULL ? consumer->handle.segment.head->capacity / MYL_POLL_SHARE : 0,
        .poll = poll_events,
    };
    return myl_runner_begin(runner, &source, options);
}

/* --- the end of a runner ------------------------------------------------------------------------------------------ */

void myl_runner_stop(myl_runner *runner)
{
    MYL_I_NOT_NULL(runner);
    if (runner->forked)
        return;
    myl_store32_rel(&runner->stop, 1); /* A52. Pairs: A51 */
    myl_consumer_interrupt(runner->source.ring);
}

static int wait_ended(struct myl_runner *runner, int64_t timeout_ns)
{
    struct myl_deadline deadline = myl_deadline_after(myl_os_now(), timeout_ns);
    int endless = deadline.at == MYL_FOREVER;
    struct timespec until = {.tv_sec = (time_t)(deadline.at / MYL_SEC(1)), .tv_nsec = (long)(deadline.at % MYL_SEC(1))};
    int err = 0;
    (void)pthread_mutex_lock(&runner->lock);
    while (!runner->ended && err == 0)
        err = endless ? pthread_cond_wait(&runner->changed, &runner->lock)
                      : pthread_cond_timedwait(&runner->changed, &runner->lock, &until);
    int ended = runner->ended;
    (void)pthread_mutex_unlock(&runner->lock);
    return ended;
}

int myl_runner_join(myl_runner *runner, myl_runner_result *result, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(runner);
    char time[MYL_TIME_TEXT];
    const struct myl_options_type *type = MYL_OPTIONS_TYPE(myl_runner_result, detail);
    int rc = result != NULL ? myl_result_check(result, type) : MYL_OK;
    if (rc != MYL_OK)
        return rc;
    if (runner->forked)
        return myl_fail(MYL_EFORKED, "this runner was started by the parent, before the fork; join it in the parent");
    if (!wait_ended(runner, timeout_ns))
        return myl_fail(MYL_ETIMEDOUT, "the runner of consumer \"%s\" has not ended within %s; myl_runner_stop ends it",
                        runner->source.ring->joined.id, myl_time_text(timeout_ns, time));
    myl_os_fork_forget(&runner->fork_node);
    (void)pthread_join(runner->thread, NULL);
    /* A22: the interruption was for the runner; later waits on this consumer must not see it. */
    myl_store32_rlx(&runner->source.ring->handle.waiter.interrupted, 0);
    if (result != NULL)
        (void)myl_result_give(result, &runner->result, type);
    (void)pthread_cond_destroy(&runner->changed);
    (void)pthread_mutex_destroy(&runner->lock);
    free(runner);
    return MYL_OK;
}
