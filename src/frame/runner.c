/* SPDX-License-Identifier: MIT
 * A runner of messages. */
#include "frame/consumer.h"
#include "frame/poll.h"
#include "ring/runner.h"

static enum myl_action run_one(const myl_message *message, void *user)
{
    struct myl_runner *runner = user;
    int code = ((myl_message_handler)runner->source.handler)(message, runner->source.user);
    runner->length = message->length;
    return myl_runner_action(runner, code);
}

static int poll_messages(struct myl_runner *runner, uint64_t *handled)
{
    int rc = myl_poll_messages(runner->source.consumer, runner->batch, run_one, runner, handled, MYL_FOREVER);
    int code = runner->result.handler_code;
    return rc == MYL_OK && code != 0 ? myl_message_handler_failed(code, runner->length) : rc;
}

int myl_frame_runner_start(myl_runner **runner, myl_frame_consumer *consumer, myl_message_handler handler, void *user,
                           const myl_runner_options *options)
{
    MYL_I_NOT_NULL(runner);
    const struct myl_runner_source source = {
        .consumer = consumer,
        .ring = consumer != NULL ? &consumer->reader[0]->ring : NULL, /* waits use the means of the first */
        .handler = (void (*)(void))handler,
        .user = user,
        .most = UINT64_MAX, /* the poll acknowledges by cells */
        .poll = poll_messages,
    };
    return myl_runner_begin(runner, &source, options);
}
