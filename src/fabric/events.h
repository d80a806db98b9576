/* SPDX-License-Identifier: MIT
 * What a scheduler learns, one event at a time. */
#ifndef MYL_FABRIC_EVENTS_H
#define MYL_FABRIC_EVENTS_H

#include "fabric/scheduler.h"

/* The next event, apart from those that were set aside. As myl_scheduler_next. */
int myl_events_next(struct myl_scheduler *s, myl_fabric_event *event, int64_t timeout_ns);

#endif
