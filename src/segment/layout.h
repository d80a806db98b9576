/* SPDX-License-Identifier: MIT
 * The layout of a segment: the contract between processes with different builds of the library. docs/segment-format.md
 * describes it. Every change here needs a new MYL_LAYOUT_VERSION. */
#ifndef MYL_SEGMENT_LAYOUT_H
#define MYL_SEGMENT_LAYOUT_H

#include <myelon/counters.h>
#include <myelon/segment.h>

#define MYL_MAGIC          UINT64_C(0x31474e4f4c45594d) /* the bytes "MYELONG1", little endian */
#define MYL_LAYOUT_VERSION 3U
#define MYL_BYTE_ORDER     0x01020304U

/* Sections begin at multiples of this, so that they can be mapped with pages of up to 64 KiB. */
#define MYL_SECTION_ALIGN  ((uint64_t)64 << 10)
#define MYL_HUGE_ALIGN     ((uint64_t)2 << 20)

#define MYL_CONTROL_ALIGN  128U                  /* alignment of the control of a lane within its section */
#define MYL_CELL_ALIGN     64U                   /* a cache line */
#define MYL_CELL_MAX       ((uint32_t)2 << 20)
#define MYL_EVENT_MAX      ((uint32_t)1 << 20)
#define MYL_EVENT_ALIGN_MAX 4096U
#define MYL_PACKED_CELL_MAX 4096U
#define MYL_CELLS_MIN      UINT64_C(2)
#define MYL_CELLS_MAX      (UINT64_C(1) << 32)
#define MYL_SEGMENT_MAX    (UINT64_C(1) << 46)

/* What a ring carries. Sequences count events, or cells of 64 bytes. */
enum { MYL_KIND_EVENTS = 1, MYL_KIND_FRAMES = 2 };

enum { MYL_FLAG_SPIN_ONLY = 1U, MYL_FLAG_TIMED = 2U };

/* Values of `no_consumers` in the header: a ring has one of the choices of enum myl_no_consumer_policy. */
enum myl_stored_policy { MYL_STORED_BLOCK = 0, MYL_STORED_OVERWRITE = 1, MYL_STORED_BUFFER = 2 };

/* Features that this library knows. A ring with an unknown incompatible feature is refused, unknown compatible features
 * are ignored. There are none yet. */
#define MYL_FEATURES_INCOMPATIBLE UINT64_C(0)
#define MYL_FEATURES_COMPATIBLE   UINT64_C(0)

/* Offset of the schema text, after the header. */
#define MYL_SCHEMA_OFFSET  UINT64_C(4096)
#define MYL_SCHEMA_MAX     ((uint32_t)64 << 10)

/* At offset 0. Written once, before the segment has a name, and never changed. */
struct myl_header {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t byte_order;
    uint32_t header_bytes;
    uint32_t kind;
    uint64_t segment_bytes;
    uint64_t control_offset, control_bytes; /* of lane 0; the other lanes follow, then the event log */
    uint64_t data_offset, data_bytes;       /* of lane 0; the other lanes follow */
    uint64_t cells;              /* a power of two; frames: a multiple of 64 KiB in all */
    uint64_t capacity;           /* cells * events_per_cell */
    uint32_t cell_bytes;
    uint32_t events_per_cell;
    uint32_t event_bytes;        /* frames: most payload bytes of one record */
    uint32_t event_align;
    uint32_t event_offset;       /* of the first event in a cell; frames: size of a record header */
    uint32_t max_consumers;
    uint64_t type_id;
    uint64_t session[2];
    uint64_t created_ns;
    uint32_t creator_pid;
    uint32_t flags;
    uint32_t no_consumers;       /* enum myl_stored_policy */
    uint32_t backend;            /* enum myl_backend */
    uint64_t buffer;
    char label[MYL_LABEL_MAX + 1];
    uint64_t message_max;        /* frames: size of the longest message; else 0 */
    uint32_t lanes;              /* 1 .. MYL_LANES_MAX; more than 1: frames only */
    uint32_t max_producers;      /* producer records of a lane: 1 */
    uint64_t features_incompatible;
    uint64_t features_compatible;
    uint64_t schema_hash;        /* 0: the ring has no schema; then the three below are 0, too */
    uint32_t codec;              /* id of the messages' codec */
    uint32_t schema_bytes;       /* size of the text at MYL_SCHEMA_OFFSET, 0 .. MYL_SCHEMA_MAX */
    uint64_t schema_checksum;    /* FNV-1a, 64 bit, of the text: equal to schema_hash */
    uint8_t reserved[248];
    uint64_t checksum;           /* FNV-1a, 64 bit, of all fields before */
};

/* A word that participants sleep on: docs/waiting.md. It has a cache line of its own: publishers load it all the time,
 * and it is written only when a participant sleeps or wakes. */
struct myl_park_word {
    myl_au32 word;
    uint32_t pad0;
    myl_au64 need;               /* room side: the cursor value the producer waits for */
    uint8_t pad1[112];
};

/* The activity notice of a participant: docs/liveness.md. Only the participant writes it. `version` is odd while it
 * writes; readers copy the notice and compare the version before and after. */
struct myl_activity {
    myl_au32 version;
    uint32_t pad;
    myl_au64 since;              /* CLOCK_MONOTONIC */
    myl_au64 until;              /* deadline of the notice; 0: none */
    myl_au64 text[(MYL_ACTIVITY_MAX + 1) / 8]; /* bytes, NUL-filled */
};

/* Frames: the start of a record, at its first cell. A record is this header and its payload, over as many cells as
 * needed. The data area is mapped twice in succession, so every record is contiguous. docs/frames.md. */
struct myl_record {
    myl_au64 stamp;              /* position + 1: published; 0: not yet. Cleared ahead of the record before it */
    myl_au64 length_kind_flags;  /* from bit 0: length 32 bits, kind 8 bits, flags 8 bits */
};

enum {
    MYL_RECORD_FIRST = 1U,       /* first record of a message */
    MYL_RECORD_LAST = 2U,        /* last record of a message */
    MYL_RECORD_FAR = 4U,         /* the payload begins at the next cell, not after the header */
    MYL_RECORD_ABORTED = 8U,     /* the message was aborted; no payload */
    MYL_RECORD_FLAGS = 15U,
};

/* Fragments only: follows the record header and identifies the message. The payload begins at the next cell. */
struct myl_fragment {
    uint64_t id;                 /* epoch << 40 | number of the fragmented message of this producer */
    uint64_t total;              /* size of the message in bytes */
    uint64_t offset;             /* of the first byte of this fragment */
};

/* Positions in `length_kind_flags`. */
#define MYL_RECORD_KIND_SHIFT  32
#define MYL_RECORD_FLAGS_SHIFT 40
#define MYL_RECORD_FAR_BIT         ((uint64_t)MYL_RECORD_FAR << MYL_RECORD_FLAGS_SHIFT)

/* Sizes of a record header: bare, and with the message number and the time of the sender. */
#define MYL_RECORD_BARE     16U
#define MYL_RECORD_NUMBERED 32U

/* Returns the number of cells of a record. */
static inline uint64_t myl_record_cells(uint64_t length, int far)
{
    return far ? 1 + (length + MYL_CELL_ALIGN - 1) / MYL_CELL_ALIGN : 1;
}

/* Returns 1 if a producer can have written this head word. */
static inline int myl_record_is_possible(const struct myl_header *head, uint64_t head_word)
{
    uint64_t length = head_word & UINT32_MAX, flags = head_word >> MYL_RECORD_FLAGS_SHIFT;
    uint64_t most = (flags & MYL_RECORD_FAR) != 0 ? head->event_bytes : MYL_CELL_ALIGN - head->event_offset;
    return length <= most && flags <= MYL_RECORD_FLAGS && ((flags & MYL_RECORD_ABORTED) == 0 || length == 0);
}

/* Number of messages begun below position `at`, the end of a record. There are two of them, so that one is valid while
 * the other is written. A successor uses the one whose `at` is its start. */
struct myl_count {
    myl_au64 at;
    myl_au64 messages;
};

/* At control_offset, one for each lane. Lines have 128 bytes, since many machines fetch 64-byte lines in pairs. */
struct myl_control {
    /* line 0: stored by the producer at every publish */
    myl_au64 next;               /* first sequence not published */
    struct myl_i_tally tally;    /* frames: published, by all producers of the lane */
    uint8_t pad0[8];
    struct myl_count count[2];   /* frames with numbers */
    uint8_t pad0b[64];
    /* line 1: gate and table, written by gate checks and joins */
    myl_au64 gate;               /* stored before any cell below it is overwritten */
    myl_au64 version;            /* of the table; a join adds 1 */
    uint8_t pad1[112];
    /* line 2: state of the session, written when participants open and close */
    myl_au64 closed;             /* 0: open; else closed_at + 1 */
    myl_au32 superseded;
    myl_au32 epoch;              /* number of producers so far */
    myl_au32 publisher_fences;   /* 1: without membarrier, the producer fences at every publish */
    myl_au32 entries_used;       /* entries [0, entries_used) have been used */
    uint8_t pad2[104];
    /* lines 3 and 4: parking */
    struct myl_park_word data;   /* consumers sleep, the producer wakes; all lanes use the word of lane 0 */
    struct myl_park_word room;   /* the producer sleeps, consumers wake */
    /* line 5: liveness, written on cold paths only */
    myl_au64 log_next;           /* number of the next event log record; only in lane 0 */
    myl_au64 missing[(MYL_ID_MAX + 1) / 8]; /* id of a required consumer that the producer waits for */
    myl_au64 evictions;          /* of consumers of this lane, by a tool; written with the registry lock */
    myl_au64 reaps;              /* of consumers of this lane, by its producer; the same */
    uint8_t pad3[72];
    /* line 6 */
    myl_au64 lane_id[(MYL_ID_MAX + 1) / 8]; /* rings with lanes: bytes, NUL-filled; empty: no id */
    uint8_t pad4[96];
    uint8_t reserved[128];
};

/* One participant of a lane. The table follows struct myl_control: max_producers producers, then max_consumers
 * consumers. Both have the same record, so common code exists once. */
struct myl_participant {
    /* line 0: written by the participant */
    myl_au64 cursor;             /* consumers: first sequence not acknowledged */
    myl_au32 state;              /* enum myl_participant_state; changes with the registry lock and the participant
                                  * lock */
    myl_au32 generation;         /* consumers: +1 at leave and evict; a handle with another value was evicted */
    struct myl_i_tally tally;    /* consumers of frames: delivered */
    uint8_t pad0[32];
    struct myl_activity activity; /* the other half of the line; rarely written */
    /* line 1: identity and liveness; written with the registry lock unless stated otherwise */
    myl_au64 id[(MYL_ID_MAX + 1) / 8]; /* consumers: bytes, NUL-filled */
    myl_au64 opened_ns;          /* CLOCK_REALTIME of the open or join */
    myl_au64 left_order;         /* consumers: version of the table when it left; the oldest entry is reused first */
    myl_au32 pid;                /* informational, like pid_namespace and started_ns */
    myl_au32 role;               /* consumers: enum myl_role; written by any process, the last one wins */
    myl_au64 pid_namespace;      /* pid namespace and CLOCK_BOOTTIME of the open, to identify the process of `pid` */
    myl_au64 started_ns;
    myl_au64 waiting;            /* CLOCK_MONOTONIC: start of its wait; 0: none. Its owner writes it, and waits_for */
    myl_au64 waits_for;          /* producers: the cursor that all gating consumers must reach; 0: it has room */
    myl_au64 stalled_since;      /* CLOCK_MONOTONIC: the blocked producer sees this cursor unmoved since; 0: no stall */
    myl_au64 died_ns;            /* CLOCK_REALTIME: time at which its death was found */
    myl_au32 progress_ms;        /* set with the role; 0: the producer's default */
    myl_au32 grace_ms;
    myl_au32 death_logged_generation; /* generation (producers: epoch) whose death is in the event log */
    myl_au32 histograms;         /* offset of its histograms from control_offset, in 64-byte units; 0: none */
    myl_au32 unclaimed;          /* consumers: MYL_UNCLAIMED_* in an ACTIVE entry that is reserved, else 0 */
    myl_au32 counters_level;     /* enum myl_counters_level of its owner; 0: it keeps none */
    /* lines 2 and 3: written by the participant on cold paths, at index enum myl_counter */
    myl_au64 counters[MYL_COUNTERS_MAX];
};

/* Values of `unclaimed`: no consumer with this id has come yet; one has left, and has not come back. */
#define MYL_UNCLAIMED_NEW  1U
#define MYL_UNCLAIMED_LEFT 2U

/* One record of the event log, which follows the control areas of all lanes. Record n is at n mod MYL_LOG_RECORDS. Any
 * participant writes, with a ticket; `number` is n + 1 once the record is complete. A torn record fails its checksum
 * and is skipped. */
struct myl_log_record {
    myl_au64 number;
    myl_au64 time_ns;            /* CLOCK_REALTIME */
    myl_au64 sequence;
    myl_au64 value;
    myl_au32 kind;               /* enum myl_log_kind */
    myl_au32 pid;                /* of the participant that the event is about */
    myl_au32 by;                 /* of the writer */
    myl_au32 lane;
    myl_au64 id[(MYL_ID_MAX + 1) / 8]; /* empty: the producer */
    myl_au64 checksum;           /* FNV-1a of the number and all fields between */
    uint8_t pad0[40];
};

#define MYL_LOG_RECORDS 240U /* the control of a ring for 64 consumers then takes 64 KiB */
#define MYL_LOG_WRITING (UINT64_C(1) << 63) /* flag in `number`: the record is incomplete */

/* Bytes of the control area of one lane. */
static inline uint64_t myl_control_bytes(const struct myl_header *head)
{
    return sizeof(struct myl_control) +
           ((uint64_t)head->max_producers + head->max_consumers) * sizeof(struct myl_participant);
}

/* Offsets from control_offset at which the event log begins and ends. */
static inline uint64_t myl_log_begin(const struct myl_header *head)
{
    return head->lanes * head->control_bytes;
}

static inline uint64_t myl_log_end(const struct myl_header *head)
{
    return myl_log_begin(head) + MYL_LOG_RECORDS * sizeof(struct myl_log_record);
}

#define MYL_CHECK_OFFSET(type, member, at) \
    _Static_assert(offsetof(struct type, member) == (at), #type "." #member " moved: a new layout version")
MYL_CHECK_OFFSET(myl_header, segment_bytes, 24);
MYL_CHECK_OFFSET(myl_header, cells, 64);
MYL_CHECK_OFFSET(myl_header, type_id, 104);
MYL_CHECK_OFFSET(myl_header, label, 160);
MYL_CHECK_OFFSET(myl_header, message_max, 192);
MYL_CHECK_OFFSET(myl_header, lanes, 200);
MYL_CHECK_OFFSET(myl_header, max_producers, 204);
MYL_CHECK_OFFSET(myl_header, features_incompatible, 208);
MYL_CHECK_OFFSET(myl_header, schema_hash, 224);
MYL_CHECK_OFFSET(myl_header, schema_checksum, 240);
MYL_CHECK_OFFSET(myl_header, checksum, 496);
MYL_CHECK_OFFSET(myl_control, count, 32);
MYL_CHECK_OFFSET(myl_control, gate, 128);
MYL_CHECK_OFFSET(myl_control, closed, 256);
MYL_CHECK_OFFSET(myl_control, data, 384);
MYL_CHECK_OFFSET(myl_control, room, 512);
MYL_CHECK_OFFSET(myl_control, log_next, 640);
MYL_CHECK_OFFSET(myl_control, missing, 648);
MYL_CHECK_OFFSET(myl_control, lane_id, 768);
MYL_CHECK_OFFSET(myl_participant, state, 8);
MYL_CHECK_OFFSET(myl_participant, activity, 64);
MYL_CHECK_OFFSET(myl_participant, id, 128);
MYL_CHECK_OFFSET(myl_participant, opened_ns, 160);
MYL_CHECK_OFFSET(myl_participant, role, 180);
MYL_CHECK_OFFSET(myl_participant, waiting, 200);
MYL_CHECK_OFFSET(myl_participant, progress_ms, 232);
MYL_CHECK_OFFSET(myl_participant, histograms, 244);
MYL_CHECK_OFFSET(myl_participant, counters, 256);
MYL_CHECK_OFFSET(myl_log_record, id, 48);
MYL_CHECK_OFFSET(myl_log_record, checksum, 80);
_Static_assert(sizeof(struct myl_activity) == 64, "activity: a new layout version");
_Static_assert(sizeof(struct myl_log_record) == 128, "event log: a new layout version");
_Static_assert(sizeof(struct myl_header) == 504, "header: a new layout version");
_Static_assert(sizeof(struct myl_control) == 1024, "control: a new layout version");
_Static_assert(sizeof(struct myl_participant) == 512, "participant: a new layout version");

/* Indexes of participant locks (os.h). Each lane has its own set, except for the registry lock: segment/lock.h. */
enum { MYL_LOCK_PRODUCER = 0, MYL_LOCK_REGISTRY = 1, MYL_LOCK_ENTRY_0 = 2 };

static inline uint32_t myl_entry_lock_index(uint32_t entry)
{
    return MYL_LOCK_ENTRY_0 + entry;
}

#endif
