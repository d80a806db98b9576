/* SPDX-License-Identifier: MIT
 * Polls of a consumer of frames, for drains and runners. */
#ifndef MYL_FRAME_POLL_H
#define MYL_FRAME_POLL_H

#include "frame/consumer.h"

/* As myl_frame_consumer_poll. Leases that are open are acknowledged with the first message. */
int myl_poll_messages(myl_frame_consumer *consumer, uint64_t limit, myl_message_poll_handler handler, void *user,
                      uint64_t *handled, int64_t timeout_ns);

/* MYL_EHANDLER: the handler returned `code` for a message of `length` bytes. */
int myl_message_handler_failed(int code, uint64_t length);

#endif
