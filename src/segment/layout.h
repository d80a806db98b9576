/* SPDX-License-Identifier: MIT
 * The segment, byte by byte: the contract between processes of different builds. docs/segment-format.md is the same in
 * prose. A change of anything here is a new MYL_LAYOUT_VERSION. */
#ifndef MYL_SEGMENT_LAYOUT_H
#define MYL_SEGMENT_LAYOUT_H

#include <myelon/atomic.h>
#include <myelon/segment.h>

#define MYL_MAGIC          UINT64_C(0x31474e4f4c45594d) /* the bytes "MYELONG1", little endian */
#define MYL_LAYOUT_VERSION 2U
#define MYL_BYTE_ORDER     0x01020304U

/* Sections begin at multiples of this, whatever the page size of who maps them (up to 64 KiB pages). */
#define MYL_SECTION_ALIGN  ((uint64_t)64 << 10)
#define MYL_HUGE_ALIGN     ((uint64_t)2 << 20)

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

/* At offset 0. Written once, before the segment has a name; read-only ever after. */
struct myl_header {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t byte_order;
    uint32_t header_bytes;
    uint32_t kind;
    uint64_t segment_bytes;
    uint64_t control_offset, control_bytes; /* of lane 0; those of the others follow, as large */
    uint64_t data_offset, data_bytes;       /* the same */
    uint64_t cells;              /* a power of two; frames: fills 64 KiB pages */
    uint64_t capacity;           /* cells * events_per_cell */
    uint32_t cell_bytes;
    uint32_t events_per_cell;
    uint32_t event_bytes;        /* frames: the most that one record carries */
    uint32_t event_align;
    uint32_t event_offset;       /* of a cell's first event; frames: bytes of a record's header */
    uint32_t max_consumers;
    uint64_t type_id;
    uint64_t session[2];
    uint64_t created_ns;
    uint32_t creator_pid;
    uint32_t flags;
    uint32_t alone;              /* enum myl_alone */
    uint32_t backend;            /* enum myl_backend */
    uint64_t buffer;
    char label[MYL_LABEL_MAX + 1];
    uint64_t message_max;        /* frames: bytes of the longest message; else 0 */
    uint32_t lanes;              /* 1 .. MYL_LANES_MAX; more than 1: frames only */
    uint8_t reserved[36];
    uint64_t checksum;           /* FNV-1a, 64 bit, of all before */
};

/* A word that parties sleep on: docs/waiting.md. A line of its own: publishers load it all the time, nobody writes it
 * while nobody sleeps. */
struct myl_park_word {
    myl_au32 word;
    uint32_t pad0;
    myl_au64 need;               /* room side: the cursor value the producer waits for */
    uint8_t pad1[112];
};

/* What a party says it is doing: docs/liveness.md. One writer, the party itself; `version` is odd while it writes, and
 * whoever reads copies, and compares. */
struct myl_doing {
    myl_au32 version;
    uint32_t pad;
    myl_au64 since;              /* CLOCK_MONOTONIC */
    myl_au64 until;              /* it asks for patience until then; 0: it asks for none */
    myl_au64 text[(MYL_DOING_MAX + 1) / 8]; /* bytes, NUL-filled */
};

enum { MYL_PRODUCER_NONE = 0, MYL_PRODUCER_RUNNING, MYL_PRODUCER_LEFT };

/* Frames, at the first cell of a record. A record is this header and its payload, over as many cells as they take; the
 * data area is mapped twice in a row, so it lies in one piece. docs/frames.md. */
struct myl_record {
    myl_au64 stamp;              /* position + 1: published; 0: not yet. Every record's follower has its 0 before it. */
    myl_au64 about;              /* length 32 bits, kind 8, flags 8, from the lowest bit on */
};

enum {
    MYL_RECORD_FIRST = 1U,       /* begins a message */
    MYL_RECORD_LAST = 2U,        /* ends a message */
    MYL_RECORD_FAR = 4U,         /* the payload begins at the next cell, not behind the header */
    MYL_RECORD_ABORTED = 8U,     /* its message was given up; no payload */
    MYL_RECORD_FLAGS = 15U,
};

/* Behind a record's header in fragments: what makes them one message. Their payload begins at the next cell. */
struct myl_fragment {
    uint64_t id;                 /* epoch << 40 | number among this producer's fragmented messages */
    uint64_t total;              /* bytes of the message */
    uint64_t offset;             /* of this fragment's first byte */
};

/* `about`, taken apart. */
#define MYL_ABOUT_KIND_SHIFT  32
#define MYL_ABOUT_FLAGS_SHIFT 40
#define MYL_ABOUT_FAR         ((uint64_t)MYL_RECORD_FAR << MYL_ABOUT_FLAGS_SHIFT)

/* Sizes of the header: bare, and with message number and sender's time. */
#define MYL_RECORD_BARE     16U
#define MYL_RECORD_NUMBERED 32U

/* Cells of a record. */
static inline uint64_t myl_record_cells(uint64_t length, int far)
{
    return far ? 1 + (length + MYL_CELL_ALIGN - 1) / MYL_CELL_ALIGN : 1;
}

/* Could a producer have written this `about`? */
static inline int myl_record_is_possible(const struct myl_header *head, uint64_t about)
{
    uint64_t length = about & UINT32_MAX, flags = about >> MYL_ABOUT_FLAGS_SHIFT;
    uint64_t most = (flags & MYL_RECORD_FAR) != 0 ? head->event_bytes : MYL_CELL_ALIGN - head->event_offset;
    return length <= most && flags <= MYL_RECORD_FLAGS && ((flags & MYL_RECORD_ABORTED) == 0 || length == 0);
}

/* Up to position `at`, behind a record, so many messages have begun. Two, so that one stands while the other is
 * written; a successor takes the one whose `at` is where it starts. */
struct myl_count {
    myl_au64 at;
    myl_au64 messages;
};

/* At control_offset, one for each lane. 128-byte lines, since neighbouring 64-byte lines are fetched in pairs on many
 * machines. */
struct myl_control {
    /* line 0: the producer's, stored at every publish */
    myl_au64 next;               /* first sequence not published */
    uint8_t pad0[24];
    struct myl_count count[2];   /* frames with numbers */
    uint8_t pad0b[64];
    /* line 1: gate and table, written when the producer looks at the gate and when somebody joins */
    myl_au64 gate;               /* announced before anything below it is overwritten */
    myl_au64 version;            /* of the table; a join adds 1 */
    uint8_t pad1[112];
    /* line 2: the session's state, hardly ever written */
    myl_au64 closed;             /* 0: open; else closed_at + 1 */
    myl_au32 superseded;
    myl_au32 epoch;              /* producers so far */
    myl_au32 producer_state;
    myl_au32 producer_pid;       /* for people */
    myl_au32 publisher_fences;   /* 1: the producer fences at every publish (no membarrier here) */
    myl_au32 entries_used;       /* entries [0, entries_used) were ever taken */
    uint8_t pad2[96];
    /* lines 3 and 4: parking */
    struct myl_park_word data;   /* consumers sleep, the producer wakes; that of lane 0 is every lane's */
    struct myl_park_word room;   /* the producer sleeps, consumers wake */
    /* line 5: the producer's counters, written on its cold paths only */
    myl_au64 producer_parks;
    myl_au64 producer_wakes;
    myl_au64 gate_looks;
    uint8_t pad3[104];
    /* lines 6 and 7: liveness, written on cold paths only */
    myl_au64 log_next;           /* number of the next event log record; lane 0's only */
    myl_au32 producer_noted;     /* the epoch whose death is in the log */
    uint32_t pad4;
    myl_au64 producer_died_ns;   /* CLOCK_REALTIME: when its death became known */
    myl_au64 producer_waiting;   /* CLOCK_MONOTONIC: waits since then; 0: does not */
    myl_au64 producer_waits_for; /* ... for every gating cursor to be here */
    myl_au64 producer_waited;    /* ns spent in waits that are over, but for short ones */
    myl_au64 producer_space;     /* pid namespace, and CLOCK_BOOTTIME of the opening: whose pid it is, for people */
    myl_au64 producer_born;
    myl_au64 producer_opened_ns; /* CLOCK_REALTIME */
    myl_au64 missing[(MYL_ID_MAX + 1) / 8]; /* a required consumer that is waited for and not registered */
    uint8_t pad5[24];
    struct myl_doing doing;      /* line 7: the producer's */
    myl_au64 lane_id[(MYL_ID_MAX + 1) / 8]; /* rings with lanes: bytes, NUL-filled; empty: none was given */
    uint8_t reserved[32];
};

/* Behind struct myl_control, one for each possible consumer. */
struct myl_entry {
    /* line 0: the consumer's own */
    myl_au64 cursor;             /* first sequence not acknowledged */
    myl_au32 state;              /* enum myl_party_state; changes under the registrar's seat and this entry's */
    myl_au32 generation;         /* +1 at leave and evict: whoever held the entry before is out */
    uint8_t pad0[48];
    struct myl_doing doing;      /* the other half of the line: hardly ever written */
    /* line 1: for finding and for people; written under the registrar's seat if nothing else is said */
    myl_au64 id[(MYL_ID_MAX + 1) / 8]; /* bytes, NUL-filled */
    myl_au64 joined_ns;
    myl_au64 left_order;         /* the table's version when it left: the oldest is reused first */
    myl_au32 pid;
    myl_au32 role;               /* enum myl_role; by anybody: the last one wins */
    myl_au64 parks;              /* by its owner, as the next two */
    myl_au64 waiting;            /* CLOCK_MONOTONIC: waits for the producer since then; 0: does not */
    myl_au64 waited;             /* ns spent in waits that are over, but for short ones */
    myl_au64 still;              /* CLOCK_MONOTONIC: a blocked producer has seen this cursor unmoved since then; 0 */
    myl_au64 died_ns;            /* CLOCK_REALTIME: when its death became known */
    myl_au32 progress_ms;        /* by whom sets the role; 0: as the producer has it */
    myl_au32 grace_ms;
    myl_au32 noted;              /* the generation whose death is in the log */
    uint32_t pad1;
    myl_au64 space;              /* pid namespace, and CLOCK_BOOTTIME of the join: whose pid it is, for people */
    myl_au64 born;
};

/* The event log, behind the entries of lane 0 (the other lanes have the room and do not use it): MYL_LOG_RECORDS of
 * them, record n at n mod MYL_LOG_RECORDS. Written by anybody, by ticket; `number` is n + 1 when it is whole. A torn
 * one fails its checksum, and is passed over. */
struct myl_log_record {
    myl_au64 number;
    myl_au64 time_ns;            /* CLOCK_REALTIME */
    myl_au64 sequence;
    myl_au64 value;
    myl_au32 kind;               /* enum myl_log_kind */
    myl_au32 pid;                /* of whom it is about */
    myl_au32 by;                 /* of who wrote it */
    myl_au32 lane;
    myl_au64 id[(MYL_ID_MAX + 1) / 8]; /* empty: the producer */
    myl_au64 checksum;           /* FNV-1a of the number and all between */
    uint8_t pad0[40];
};

#define MYL_LOG_RECORDS 256U
#define MYL_LOG_WRITING (UINT64_C(1) << 63) /* in `number`: not whole yet */

static inline uint64_t myl_control_bytes(uint64_t max_consumers)
{
    return sizeof(struct myl_control) + max_consumers * sizeof(struct myl_entry) +
           MYL_LOG_RECORDS * sizeof(struct myl_log_record);
}

#define MYL_CHECK_OFFSET(type, member, at) \
    _Static_assert(offsetof(struct type, member) == (at), #type "." #member " moved: a new layout version")
MYL_CHECK_OFFSET(myl_header, segment_bytes, 24);
MYL_CHECK_OFFSET(myl_header, cells, 64);
MYL_CHECK_OFFSET(myl_header, type_id, 104);
MYL_CHECK_OFFSET(myl_header, label, 160);
MYL_CHECK_OFFSET(myl_header, message_max, 192);
MYL_CHECK_OFFSET(myl_header, lanes, 200);
MYL_CHECK_OFFSET(myl_header, checksum, 240);
MYL_CHECK_OFFSET(myl_control, count, 32);
MYL_CHECK_OFFSET(myl_control, gate, 128);
MYL_CHECK_OFFSET(myl_control, closed, 256);
MYL_CHECK_OFFSET(myl_control, data, 384);
MYL_CHECK_OFFSET(myl_control, room, 512);
MYL_CHECK_OFFSET(myl_control, producer_parks, 640);
MYL_CHECK_OFFSET(myl_control, log_next, 768);
MYL_CHECK_OFFSET(myl_control, missing, 840);
MYL_CHECK_OFFSET(myl_control, doing, 896);
MYL_CHECK_OFFSET(myl_control, lane_id, 960);
MYL_CHECK_OFFSET(myl_entry, state, 8);
MYL_CHECK_OFFSET(myl_entry, doing, 64);
MYL_CHECK_OFFSET(myl_entry, id, 128);
MYL_CHECK_OFFSET(myl_entry, joined_ns, 160);
MYL_CHECK_OFFSET(myl_entry, role, 180);
MYL_CHECK_OFFSET(myl_entry, waiting, 192);
MYL_CHECK_OFFSET(myl_entry, progress_ms, 224);
MYL_CHECK_OFFSET(myl_entry, born, 248);
MYL_CHECK_OFFSET(myl_log_record, id, 48);
MYL_CHECK_OFFSET(myl_log_record, checksum, 80);
_Static_assert(sizeof(struct myl_doing) == 64, "doing: a new layout version");
_Static_assert(sizeof(struct myl_log_record) == 128, "event log: a new layout version");
_Static_assert(sizeof(struct myl_header) == 248, "header: a new layout version");
_Static_assert(sizeof(struct myl_control) == 1024, "control: a new layout version");
_Static_assert(sizeof(struct myl_entry) == 256, "entry: a new layout version");

/* Seats: see os.h. Lane n has its own set, but for the registrar's, which is the ring's: segment.h. */
enum { MYL_SEAT_PRODUCER = 0, MYL_SEAT_REGISTRAR = 1, MYL_SEAT_ENTRY_0 = 2 };

static inline uint32_t myl_entry_seat(uint32_t entry)
{
    return MYL_SEAT_ENTRY_0 + entry;
}

#endif
