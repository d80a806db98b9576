/* SPDX-License-Identifier: MIT
 * Polling and draining a consumer of frames. */
#include "frame/poll.h"

#include "base/error.h"
#include "ring/handle.h"
#include "ring/poll.h"

#include <inttypes.h>

struct message_poll {
    struct myl_poll poll;      /* first */
    myl_frame_consumer *consumer;
    myl_message_poll_handler handler;
    void *user;
    myl_message message;       /* leased last */
};

static struct message_poll *of(struct myl_poll *poll)
{
    return (struct message_poll *)(void *)poll;
}

static int next(struct myl_poll *poll, int64_t timeout_ns)
{
    struct message_poll *p = of(poll);
    myl_frame_mark(p->consumer);
    return myl_frame_consumer_next(p->consumer, &p->message, timeout_ns);
}

static enum myl_action handle(struct myl_poll *poll)
{
    const struct message_poll *p = of(poll);
    return p->handler(&p->message, p->user);
}

static bool give_back(struct myl_poll *poll)
{
    const struct message_poll *p = of(poll);
    return myl_frame_give_back(p->consumer, &p->message);
}

static int release(struct myl_poll *poll)
{
    return myl_frame_consumer_release(of(poll)->consumer);
}

static uint64_t leased(const struct myl_poll *poll)
{
    return myl_frame_leased(((const struct message_poll *)(const void *)poll)->consumer);
}

int myl_poll_messages(myl_frame_consumer *consumer, uint64_t limit, myl_message_poll_handler handler, void *user,
                      uint64_t *handled, int64_t timeout_ns)
{
    static const struct myl_poll_calls calls = {next, handle, give_back, release, leased};
    struct message_poll p = {
        .poll = {.limit = limit,
                 .share = consumer->reader[0]->ring.handle.segment.head->capacity / MYL_POLL_SHARE,
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

int myl_frame_consumer_poll(myl_frame_consumer *consumer, uint64_t limit, myl_message_poll_handler handler, void *user,
                            uint64_t *handled, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    const struct myl_handle *handle = &consumer->reader[0]->ring.handle;
    uint64_t leased = myl_frame_leased(consumer);
    if (handled != NULL)
        *handled = 0;
    if (handle->forked)
        return myl_handle_forked(handle);
    if (handler == NULL)
        return myl_fail(MYL_EINVAL, "the handler of a poll is NULL; pass a function");
    if (leased != 0)
        return myl_fail(MYL_ENOTCLAIMED,
                        "ring \"%s\": %" PRIu64 " bytes are leased; release them before myl_frame_consumer_poll",
                        handle->segment.name, leased * MYL_CELL_ALIGN);
    return myl_poll_messages(consumer, limit, handler, user, handled, timeout_ns);
}

/* --- draining ---------------------------------------------------------------------------------------------------- */

struct drain {
    myl_message_handler handler;
    void *user;
    int code;                  /* what the handler returned */
    uint64_t length;           /* bytes of its message */
};

static enum myl_action drain_one(const myl_message *message, void *user)
{
    struct drain *drain = user;
    drain->code = drain->handler(message, drain->user);
    drain->length = message->length;
    return drain->code == 0 ? MYL_ACTION_CONTINUE : MYL_ACTION_ABORT;
}

int myl_message_handler_failed(int code, uint64_t length)
{
    return myl_fail(MYL_EHANDLER, "the handler returned %d for a message of %" PRIu64 " bytes; it is not acknowledged",
                    code, length);
}

int myl_frame_consumer_drain(myl_frame_consumer *consumer, uint64_t most, myl_message_handler handler, void *user,
                             uint64_t *handled, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    struct drain drain = {.handler = handler, .user = user};
    int rc = myl_poll_messages(consumer, most, drain_one, &drain, handled, timeout_ns);
    return rc == MYL_OK && drain.code != 0 ? myl_message_handler_failed(drain.code, drain.length) : rc;
}
