/* SPDX-License-Identifier: MIT
 * The event log. */
#ifndef MYL_SEGMENT_LOG_H
#define MYL_SEGMENT_LOG_H

#include "segment/segment.h"

/* One event, before it is written. */
struct myl_log_note {
    enum myl_log_kind kind;
    const char *id;          /* NULL: the producer */
    uint64_t sequence, value;
    uint32_t pid;            /* of the participant that the event is about */
};
/* Writes a record into the event log if control is writable, and calls the log callback. Never waits. A crash may tear
 * the record; another writer never does. */
void myl_log_write(const struct myl_segment *segment, const struct myl_log_note *note);
/* Returns how many records were ever begun; 0 while control is not mapped. */
uint64_t myl_log_written(const struct myl_segment *segment);
int myl_log_read(const struct myl_segment *segment, myl_log **log);

#endif
