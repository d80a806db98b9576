/* SPDX-License-Identifier: MIT
 * One stream of messages from several readers. */
#ifndef MYL_FRAME_MERGE_H
#define MYL_FRAME_MERGE_H

#include "frame/consumer.h"

/* As myl_frame_consumer_next, from all lanes. */
int myl_merge_next(struct myl_frame_consumer *m, myl_message *message, int64_t timeout_ns);
/* As myl_frame_consumer_peek. The lane of the message that was described keeps its turn until it is taken. */
int myl_merge_peek(struct myl_frame_consumer *m, myl_message *message, int64_t timeout_ns);
/* Reports a producer that died or left and whose lane has nothing to read, whether other lanes have messages or not;
 * once for each. Does not wait; makes system calls. MYL_EPRODUCERDEAD, MYL_EPRODUCERLEFT, MYL_EABORTED (the message
 * that it left incomplete comes first): message->lane. MYL_EAGAIN: there is none. */
int myl_merge_report_gone(struct myl_frame_consumer *m, myl_message *message);

/* As one of several that a wait is for: the calls of struct myl_wait_source. */
void myl_merge_keep_found(struct myl_frame_consumer *m, bool found);
bool myl_merge_is_ready(struct myl_frame_consumer *m);
bool myl_merge_is_overdue(struct myl_frame_consumer *m);

#endif
