/* SPDX-License-Identifier: MIT
 * Counters of producers and consumers. They lie in the segment: a tool reads them without a lock, also after the
 * participants have died. docs/observability.md. */
#ifndef MYELON_COUNTERS_H
#define MYELON_COUNTERS_H

#include <myelon/atomic.h>

/* What a participant counts: an option of its opening. */
enum myl_counters_level {
    MYL_COUNTERS_DEFAULT = 0, /* what MYELON_COUNTERS names (off, lite, full), else full */
    MYL_COUNTERS_OFF,         /* nothing */
    MYL_COUNTERS_LITE,        /* what happens on slow paths: waits, parks, claims without room, ... */
    MYL_COUNTERS_FULL,        /* also every message and its bytes */
};

/* The counters: X(NAME, index, "name", unit, kind, level, producer, consumer, help). `kind`: COUNTER only rises,
 * GAUGE may fall. `level` is the lowest that counts it. `producer` and `consumer` are its ids for the two kinds of
 * participants; 0: they do not have it. Values of a producer belong to its lane, and its successors continue them;
 * those of a consumer to its id, from its first join on. New ones are added at the end, with the next index. */
#define MYL_COUNTER_LIST(X) \
    X(PARKS, 0, "parks", "", COUNTER, LITE, 0x13, 0x23, "times it went to sleep in the kernel") \
    X(WAKES, 1, "wakes", "", COUNTER, LITE, 0x14, 0x24, "times it woke the other side") \
    X(WAIT_TIME, 2, "wait_time", "ns", COUNTER, LITE, 0x15, 0x26, "time in waits that have ended, except short ones") \
    X(MESSAGES, 3, "messages", "", COUNTER, FULL, 0x10, 0x20, "messages (events) published, or delivered") \
    X(BYTES, 4, "bytes", "bytes", COUNTER, FULL, 0x11, 0x21, "payload bytes of these messages") \
    X(WAITS, 5, "waits", "", COUNTER, LITE, 0x16, 0x27, "waits that have ended, except short ones") \
    X(TIMEOUTS, 6, "timeouts", "", COUNTER, LITE, 0x17, 0x28, "waits that ended by their timeout") \
    X(LIVENESS_CHECKS, 7, "liveness_checks", "", COUNTER, LITE, 0x18, 0x29, "liveness checks of its waits") \
    X(FULL, 8, "full", "", COUNTER, LITE, 0x12, 0, "claims that found no room") \
    X(GATE_CHECKS, 9, "gate_checks", "", COUNTER, LITE, 0x19, 0, "claims that read the cursors of all consumers") \
    X(EMPTY, 10, "empty", "", COUNTER, FULL, 0, 0x22, "calls with MYL_TRY that found nothing") \
    X(LAG_MAX, 11, "lag_max", "", GAUGE, LITE, 0x25, 0, "largest lag that a gate check found") \
    X(FRAGMENTS, 12, "fragments", "", COUNTER, LITE, 0x31, 0x35, "fragments published, or read") \
    X(REASSEMBLED, 13, "reassembled", "", COUNTER, LITE, 0, 0x32, "messages put together from fragments") \
    X(ABORTED, 14, "aborted", "", COUNTER, LITE, 0x36, 0x37, "messages that stayed incomplete") \
    X(SKIPPED, 15, "skipped", "", COUNTER, LITE, 0, 0x38, "messages passed over") \
    X(BAD, 16, "bad", "", COUNTER, LITE, 0, 0x39, "messages that are no value of the consumer's type") \
    X(FIRST, 17, "first", "", GAUGE, OFF, 0, 0x2a, "sequence at which its id joined") \
    X(LOST, 18, "lost", "", COUNTER, OFF, 0, 0x2b, "events or cells not delivered to this id while it had left")

/* Index of a counter in `counters` of a snapshot. */
enum myl_counter {
#define MYL_X(name, value, text, unit, kind, level, producer, consumer, help) MYL_COUNTER_##name = value,
    MYL_COUNTER_LIST(MYL_X)
#undef MYL_X
};
#define MYL_COUNTERS_MAX 32 /* there are never more */

enum myl_counter_kind {
    MYL_COUNTER_KIND_COUNTER = 1, /* only rises */
    MYL_COUNTER_KIND_GAUGE,       /* may fall */
};

typedef struct myl_counter_info {
    const char *name;        /* [a-z_]+ */
    const char *unit;        /* "ns", "bytes", or "" */
    const char *help;        /* one phrase */
    enum myl_counter_kind kind;
    enum myl_counters_level level; /* the lowest that counts it */
    uint32_t producer, consumer; /* ids; 0: that kind of participant does not have it */
} myl_counter_info;

/* What the hot calls count in a ring of messages. Internal, and here only for the inline calls. The words lie in the
 * line that the participant stores to at each publish or release, or, below level full, in its handle. */
struct myl_i_tally {
    myl_au64 messages;
    myl_au64 bytes;          /* of payload */
};

MYL_BEGIN_DECLS

/* Describes a counter. NULL: this library has none with that index. Static storage. No system call. Any thread. */
MYL_API const myl_counter_info *myl_counter_describe(unsigned counter);
/* "off", "lite", "full"; "?" for other values. Static storage. Any thread. */
MYL_API const char *myl_counters_level_name(enum myl_counters_level level);

MYL_END_DECLS

#endif
