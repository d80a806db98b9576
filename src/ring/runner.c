/* SPDX-License-Identifier: MIT
 * A background consumer: one thread, one callback. */
#define _POSIX_C_SOURCE 200809L
#include <myelon/runner.h>

#include "ring/consumer.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH       256U
#define BATCH_SHARE 4

struct myl_runner {
    pthread_t thread;
    pthread_mutex_t lock;      /* guards `ended`; never held while the handler runs */
    pthread_cond_t changed;
    int ended;
    myl_au32 stop;
    myl_consumer *consumer;
    myl_handler handler;
    void *user;
    uint64_t batch;
    int keep_on_death;
    myl_runner_result result;
};

static int stopped(const struct myl_runner *runner)
{
    return myl_load32_acq(&runner->stop) != 0; /* A51. Pairs: A52 */
}

/* Up to `batch` events, released together. MYL_OK: all went well. */
static int run_batch(struct myl_runner *runner)
{
    myl_consumer *consumer = runner->consumer;
    uint64_t handled = 0;
    const void *event;
    int rc = myl_consumer_next(consumer, &event, MYL_FOREVER);
    while (rc == MYL_OK) {
        int code =
            runner->handler(event, myl_consumer_position(consumer), myl_consumer_end_of_batch(consumer), runner->user);
        if (code != 0) {
            runner->result.handler_code = code;
            rc = myl_fail(MYL_EHANDLER, "the handler returned %d for event %" PRId64 "; it is not acknowledged", code,
                          myl_consumer_position(consumer));
            break;
        }
        handled++;
        if (handled == runner->batch || stopped(runner))
            break;
        rc = myl_consumer_next(consumer, &event, MYL_TRY);
    }
    if (rc == MYL_EHANDLER) { /* what came before it is done: lease that again, to acknowledge it and no more */
        myl_consumer_rewind(consumer);
        for (uint64_t i = 0; i < handled && myl_consumer_next(consumer, &event, MYL_TRY) == MYL_OK; i++)
            ;
    }
    int released = handled > 0 ? myl_consumer_release(consumer) : MYL_OK;
    if (released == MYL_OK)
        runner->result.handled += handled;
    return rc == MYL_OK || rc == MYL_EAGAIN ? released : rc;
}

static int run_until_end(struct myl_runner *runner)
{
    for (;;) {
        int rc = run_batch(runner);
        if (stopped(runner) && (rc == MYL_OK || rc == MYL_EINTERRUPTED))
            return MYL_OK;
        if (rc == MYL_OK || rc == MYL_EINTERRUPTED)
            continue;
        if (runner->keep_on_death && (rc == MYL_EPRODUCERDEAD || rc == MYL_EUNSEATED))
            continue;
        return rc;
    }
}

static void *thread_main(void *argument)
{
    struct myl_runner *runner = argument;
    runner->result.code = run_until_end(runner);
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
        err = pthread_create(&runner->thread, &attributes, thread_main, runner);
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

int myl_runner_start(myl_runner **runner, myl_consumer *consumer, myl_handler handler, void *user,
                     const myl_runner_options *options)
{
    static const myl_runner_options defaults = {.size = sizeof defaults};
    const myl_runner_options *o = options == NULL ? &defaults : options;
    *runner = NULL;
    int rc = myl_check_options(o, o->size, sizeof *o, "myl_runner_options");
    if (rc != MYL_OK)
        return rc;
    if (consumer == NULL || handler == NULL)
        return myl_fail(MYL_EINVAL, "a runner needs a consumer and a handler");
    myl_runner *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a runner");
    made->consumer = consumer;
    made->handler = handler;
    made->user = user;
    /* Never the whole ring at once: the producer would stand still until the batch is through. */
    uint64_t share = consumer->handle.segment.head.capacity / BATCH_SHARE;
    made->batch = o->batch == 0 ? BATCH : o->batch;
    if (made->batch > share)
        made->batch = share > 0 ? share : 1;
    made->keep_on_death = o->keep_on_death;
    int err = pthread_mutex_init(&made->lock, NULL);
    if (err == 0)
        err = set_up_clock(made);
    *runner = made; /* before the thread: its handler may want to stop it */
    if (err == 0)
        err = start_thread(made, o);
    if (err == 0)
        return MYL_OK;
    *runner = NULL;
    free(made);
    return myl_fail_errno(err, "a runner's thread cannot be started");
}

void myl_runner_stop(myl_runner *runner)
{
    myl_store32_rel(&runner->stop, 1); /* A52. Pairs: A51 */
    myl_consumer_interrupt(runner->consumer);
}

static int wait_ended(struct myl_runner *runner, int64_t timeout_ns)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    int endless = timeout_ns == MYL_FOREVER;
    timeout_ns = timeout_ns > 0 ? timeout_ns : 0; /* else it is over already */
    int64_t seconds = timeout_ns / MYL_SEC(1);
    until.tv_nsec += (long)(timeout_ns % MYL_SEC(1));
    until.tv_sec += (time_t)(seconds > INT32_MAX ? INT32_MAX : seconds) + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
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
    if (!wait_ended(runner, timeout_ns))
        return MYL_ETIMEDOUT;
    (void)pthread_join(runner->thread, NULL);
    /* A22: the stop was for the runner, not for its owner. */
    myl_store32_rlx(&runner->consumer->handle.waiter.interrupted, 0);
    if (result != NULL)
        *result = runner->result;
    (void)pthread_cond_destroy(&runner->changed);
    (void)pthread_mutex_destroy(&runner->lock);
    free(runner);
    return MYL_OK;
}
