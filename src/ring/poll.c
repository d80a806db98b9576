/* SPDX-License-Identifier: MIT
 * Polling a consumer of events. */
#include "ring/poll.h"

#include "base/error.h"
#include "ring/consumer.h"
#include "ring/handle.h"

#include <inttypes.h>

struct event_poll {
    struct myl_poll poll;      /* first */
    myl_consumer *consumer;
    myl_poll_handler handler;
    void *user;
    const void *event;         /* leased last */
    uint64_t sequence;         /* its number */
};

static struct event_poll *of(struct myl_poll *poll)
{
    return (struct event_poll *)(void *)poll;
}

static int next(struct myl_poll *poll, int64_t timeout_ns)
{
    struct event_poll *p = of(poll);
    p->sequence = p->consumer->hot.next;
    return myl_consumer_next(p->consumer, &p->event, timeout_ns);
}

static enum myl_action handle(struct myl_poll *poll)
{
    const struct event_poll *p = of(poll);
    return p->handler(p->event, (myl_sequence)p->sequence, myl_consumer_end_of_batch(p->consumer), p->user);
}

static bool give_back(struct myl_poll *poll)
{
    const struct event_poll *p = of(poll);
    if (p->consumer->hot.acknowledged > p->sequence)
        return false;
    myl_consumer_seek(p->consumer, p->sequence);
    return true;
}

static int release(struct myl_poll *poll)
{
    return myl_consumer_release(of(poll)->consumer);
}

static uint64_t leased(const struct myl_poll *poll)
{
    const struct myl_i_consumer_hot *h = &((const struct event_poll *)(const void *)poll)->consumer->hot;
    return h->next - h->acknowledged;
}

enum myl_action myl_poll_action(enum myl_action action, int *rc)
{
    if ((unsigned)action <= MYL_ACTION_ABORT)
        return action;
    *rc = myl_fail(MYL_EINVAL, "the handler of a poll returned %d; return a value of enum myl_action", (int)action);
    return MYL_ACTION_ABORT;
}

int myl_poll_events(myl_consumer *consumer, uint64_t limit, myl_poll_handler handler, void *user, uint64_t *handled,
                    int64_t timeout_ns)
{
    static const struct myl_poll_calls calls = {next, handle, give_back, release, leased};
    struct event_poll p = {
        .poll = {.limit = limit,
                 .share = consumer->handle.segment.head->capacity / MYL_POLL_SHARE,
                 .timeout_ns = timeout_ns},
        .consumer = consumer,
        .handler = handler,
        .user = user,
    };
    int rc = myl_poll_run(&p.poll, &calls);
    if (handled != NULL)
        *handled = p.poll.acknowledged;
    return rc;
}

int myl_consumer_poll(myl_consumer *consumer, uint64_t limit, myl_poll_handler handler, void *user, uint64_t *handled,
                      int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    uint64_t leased = consumer->hot.next - consumer->hot.acknowledged;
    if (handled != NULL)
        *handled = 0;
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    if (handler == NULL)
        return myl_fail(MYL_EINVAL, "the handler of a poll is NULL; pass a function");
    if (leased != 0)
        return myl_fail(MYL_ENOTCLAIMED,
                        "ring \"%s\": %" PRIu64 " events are leased; release them before myl_consumer_poll",
                        consumer->handle.segment.name, leased);
    return myl_poll_events(consumer, limit, handler, user, handled, timeout_ns);
}
