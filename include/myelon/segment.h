/* SPDX-License-Identifier: MIT
 * The shared object of a ring: its backend, the placement of its memory, its participants, its removal. */
#ifndef MYELON_SEGMENT_H
#define MYELON_SEGMENT_H

#include <myelon/base.h>
#include <myelon/counters.h>

#define MYL_NAME_MAX     200  /* bytes of a ring's name without the NUL (shm); a file's path: 4095 */
#define MYL_ID_MAX       31   /* bytes of a consumer's id without the NUL */
#define MYL_LABEL_MAX    31   /* bytes of a label without the NUL */
#define MYL_CONSUMERS_MAX 1024
#define MYL_LANES_MAX    64   /* producers of one ring of frames */
#define MYL_ACTIVITY_MAX 39 /* bytes of an activity notice's text without the NUL */

enum myl_backend {
    MYL_BACKEND_SHM = 0, /* POSIX shared memory: a name without slash, visible to all processes of the machine */
    MYL_BACKEND_FILE,    /* a mapped file: `name` is its path; survives a reboot when the file system does */
    MYL_BACKEND_MEMFD,   /* no name at all: handed over by descriptor (inherited, or myl_send_fd) */
};

/* What happens when the name exists already. */
enum myl_existing {
    MYL_EXISTING_RESUME = 0, /* producer dead: take over without loss; alive: MYL_EPRODUCERALIVE */
    MYL_EXISTING_FAIL,       /* MYL_EEXISTS */
    MYL_EXISTING_REPLACE,    /* a new ring, if no live participant uses the old one; else MYL_EINUSE */
    MYL_EXISTING_SUPERSEDE,  /* a new ring even if consumers are alive: they get MYL_ESUPERSEDED */
};

/* What a producer does while no consumer is registered. */
enum myl_no_consumer_policy {
    MYL_NO_CONSUMERS_DEFAULT = 0, /* a new ring: MYL_NO_CONSUMERS_BLOCK; an existing ring: as it was made */
    MYL_NO_CONSUMERS_BLOCK, /* fills the ring, then waits: nothing is lost before the first consumer joins */
    MYL_NO_CONSUMERS_OVERWRITE, /* overwrites the oldest events */
    MYL_NO_CONSUMERS_BUFFER, /* keeps at most `buffer` events, then waits */
};

/* A request for a placement that the system may refuse. Other values are MYL_EINVAL. */
enum myl_request {
    MYL_REQUEST_OFF = 0, /* not requested */
    MYL_REQUEST_PREFER,  /* requested; if it is refused, the open succeeds without it */
    MYL_REQUEST_REQUIRE, /* if it is refused, the open fails: MYL_EUNSUPPORTED, docs/errors.md */
};

/* How memory is placed. All zero: it is reserved (always), nothing more. myl_info reports what was granted. */
typedef struct myl_memory_options {
    enum myl_request huge;   /* 2 MiB pages: hugetlb for memfd, transparent ones for shm and files on tmpfs */
    enum myl_request lock;   /* mlock, bounded by RLIMIT_MEMLOCK */
    enum myl_request prefault; /* touch every page of the mapping now instead of at first use */
    enum myl_request numa;   /* place the data on numa_node, existing pages included */
    uint32_t numa_node;      /* 0 if `numa` is MYL_REQUEST_OFF, else MYL_EINVAL */
    uint32_t reserved[3];    /* 0 */
} myl_memory_options;

/* What a ring carries. */
enum myl_ring_kind {
    MYL_RING_OF_EVENTS = 1, /* fixed-size events: ring.h */
    MYL_RING_OF_FRAMES,     /* messages of any size: frame.h. Its sequences count cells of 64 bytes */
};

/* What became of a request to place memory or to pin a thread. */
enum myl_grant {
    MYL_GRANT_NOT_REQUESTED = 1,
    MYL_GRANT_GRANTED,
    MYL_GRANT_REFUSED,
};

typedef struct myl_granted {
    enum myl_grant huge, lock, prefault, numa, pin;
    uint64_t page_size;      /* of the data mapping, bytes */
} myl_granted;

/* A ring's shape and place, the same for all handles of it. */
typedef struct myl_info {
    size_t size;             /* sizeof(myl_info), set by the caller */
    char name[256];          /* as opened; longer paths are cut from the left */
    char label[MYL_LABEL_MAX + 1];
    enum myl_backend backend;
    enum myl_ring_kind kind;
    uint64_t session[2];     /* random, new for every ring */
    uint64_t type_id;
    uint64_t capacity;       /* events; frames: cells */
    uint32_t event_size, event_align, event_offset; /* bytes; frames: max_frame, 64, the record header's size */
    uint32_t cell_size;      /* bytes from one cell to the next */
    uint32_t events_per_cell;
    uint32_t max_consumers;
    uint64_t segment_bytes;  /* all of it, as reserved */
    uint64_t created_ns;     /* CLOCK_REALTIME */
    uint32_t parkable;       /* 0: consumers of this ring never park */
    uint64_t max_message;    /* bytes; frames only */
    uint32_t lanes;          /* producers the ring has room for: docs/frames.md */
    uint32_t lane;           /* this handle's, or this snapshot's; a consumer of several lanes: 0 */
    char lane_id[MYL_ID_MAX + 1]; /* of `lane`; "": none was given */
    myl_granted granted;     /* this handle's */
    uint64_t schema_hash;    /* of the schema text; 0: the ring does not describe its messages, like the next two */
    uint32_t codec;          /* how messages are encoded: enum myl_codec_id, or a program's own */
    uint32_t schema_bytes;   /* of the schema text: myl_consumer_schema_text */
    uint64_t reserved[6];    /* 0 */
} myl_info;

enum myl_participant_state {
    MYL_PARTICIPANT_FREE = 0,
    MYL_PARTICIPANT_JOINING,
    MYL_PARTICIPANT_ACTIVE,
    MYL_PARTICIPANT_LEFT,
};

/* What this consumer's stall or death means to the producer: docs/liveness.md. */
enum myl_role {
    MYL_ROLE_PLAIN = 0, /* its death is reported to a blocked producer; a stall is not */
    MYL_ROLE_REQUIRED, /* an alert, then, after the grace, a failure that is latched */
    MYL_ROLE_ALERT, /* an alert, nothing more */
    MYL_ROLE_EXPENDABLE, /* an alert; dead, it is reaped by the producer that it holds up */
};

/* The state of one consumer entry. */
typedef struct myl_consumer_status {
    char id[MYL_ID_MAX + 1];
    enum myl_participant_state state;
    int alive;               /* its process holds its lock, by the kernel */
    int reserved;            /* 1: gates, and no consumer with this id has come yet (myl_ring_options.reserve) */
    int32_t pid;             /* informational */
    uint32_t generation;
    uint64_t start_ns;       /* CLOCK_REALTIME of the join */
    uint64_t cursor;         /* events (frames: cells) acknowledged: the next one it needs */
    uint64_t lag;            /* published and not acknowledged */
    uint64_t parks;          /* how often it parked */
    enum myl_role role;
    int64_t waiting_ns;      /* how long it has waited for the producer; -1: it does not wait */
    uint64_t waited_ns;      /* spent in waits so far, this one included, but for short ones */
    int64_t stalled_ns;      /* how long it has blocked the producer without moving; -1: it does not */
    char activity[MYL_ACTIVITY_MAX + 1]; /* text of its activity notice; "": none */
    int64_t activity_left_ns; /* until the notice's deadline; negative: expired; 0: no deadline */
    uint64_t died_ns;        /* CLOCK_REALTIME: when its death was detected; 0: it was not */
    enum myl_counters_level counters_level; /* what it counts: MYL_COUNTERS_OFF, _LITE or _FULL */
    uint64_t counters[MYL_COUNTERS_MAX]; /* at index enum myl_counter; 0 for those that it does not count */
} myl_consumer_status;

/* The state of a ring at one moment; taken without a lock. Of a ring with lanes: one of them. */
typedef struct myl_snapshot {
    size_t size;             /* of this structure, in the library that made it */
    myl_info info;
    uint64_t next;           /* events published; frames: cells */
    uint64_t gate;           /* events below this may have been overwritten */
    uint64_t closed_at;      /* valid if closed */
    int closed, superseded;
    int producer_alive;      /* it holds its lock, by the kernel */
    int producer_left;       /* it left without ending the stream */
    int32_t producer_pid;
    uint32_t epoch;          /* producers so far */
    uint64_t producer_parks;
    int64_t producer_waiting_ns; /* how long it has waited; -1: it does not wait */
    uint64_t producer_waited_ns; /* spent in waits so far, this one included, but for short ones */
    uint64_t producer_awaited_sequence; /* it needs all gating cursors to be here; 0: it has had room.
                              * Calls that do not wait set it too */
    char producer_activity[MYL_ACTIVITY_MAX + 1];
    int64_t producer_activity_left_ns; /* as a consumer's activity_left_ns */
    uint64_t producer_died_ns; /* CLOCK_REALTIME: when its death was detected; 0: it was not */
    char awaited_consumer[MYL_ID_MAX + 1]; /* a consumer id, or "any (1 of 2 here)"; "": none */
    uint32_t live_consumers;
    uint32_t live_producers; /* of all lanes */
    uint32_t consumers;      /* entries used; at most as many as `entry` has */
    size_t entry_size;       /* bytes from one entry to the next */
    myl_consumer_status *entry; /* index it by myl_snapshot_entry */
    char *schema_text;       /* describes the messages, docs/schema.md; printable ASCII and line feeds; NULL: none */
    enum myl_counters_level producer_counters_level; /* what the producer counts */
    uint64_t producer_counters[MYL_COUNTERS_MAX]; /* at index enum myl_counter; of all producers of the lane so far */
    uint64_t evictions;      /* consumers of the lane that were evicted */
    uint64_t reaps;          /* dead consumers that its producer removed */
} myl_snapshot;

/* What happened to a ring's participants: the records of the event log. */
#define MYL_LOG_LIST(X) \
    X(CREATED, 1, "created") /* the ring was made; value: number of the producer */ \
    X(TAKEN_OVER, 2, "taken-over") /* by a new producer; sequence: its first event; value: its number */ \
    X(PRODUCER_LEFT, 3, "producer-left") /* without ending the stream; sequence: the next event */ \
    X(CLOSED, 4, "closed") /* sequence: the first event that will never come */ \
    X(PRODUCER_DIED, 5, "producer-died") /* noticed now; sequence: the next event */ \
    X(SUPERSEDED, 6, "superseded") /* ended by force */ \
    X(JOINED, 10, "joined") /* sequence: the first event it will see */ \
    X(RESUMED, 11, "resumed") /* the same, of a known id; value: events lost in between */ \
    X(LEFT, 12, "left") /* sequence: its cursor */ \
    X(DIED, 13, "died") /* noticed now; sequence: its cursor; value: events it has not acknowledged */ \
    X(STALLED, 14, "stalled") /* sequence: its cursor; value: ns it has not moved */ \
    X(RECOVERED, 15, "recovered") /* sequence: its cursor; value: ns that lasted */ \
    X(EVICTED, 16, "evicted") /* sequence: its cursor; value: events given up */ \
    X(REAPED, 17, "reaped") /* the same, by the producer */ \
    X(ROLE, 18, "role") /* changed; value: enum myl_role */ \
    X(SHUTDOWN, 19, "shutdown") /* the producer's calls fail for it; sequence: its cursor; value: ns */ \
    X(CLEARED, 20, "cleared") /* the producer's failure was cleared */ \
    X(ABSENT, 21, "absent") /* required or reserved, and not there; sequence: its cursor; value: ns of waiting */ \
    X(RESERVED, 22, "reserved") /* by a producer; sequence: the first event it will see */

enum myl_log_kind {
#define MYL_X(name, value, text) MYL_LOG_##name = value,
    MYL_LOG_LIST(MYL_X)
#undef MYL_X
};

typedef struct myl_log_entry {
    uint64_t number;         /* counted from 0; gaps: overwritten, or its writer died within it */
    uint64_t time_ns;        /* CLOCK_REALTIME */
    enum myl_log_kind kind;
    char id[MYL_ID_MAX + 1]; /* "": the producer */
    uint64_t sequence, value; /* see MYL_LOG_LIST */
    int32_t pid;             /* of the participant; informational */
    int32_t by;              /* pid of the process that detected or did it */
    uint32_t lane;           /* of the ring: whose producer, or where the consumer is registered */
} myl_log_entry;

/* The last 240 things that happened to a ring, oldest first. */
typedef struct myl_log {
    size_t size;             /* of this structure, in the library that made it */
    uint64_t written;        /* records so far, those overwritten included */
    uint32_t torn;           /* records left out: their writer died, or is writing them */
    uint32_t count;
    size_t entry_size;       /* bytes from one entry to the next */
    myl_log_entry *entry;    /* index it by myl_log_entry_at */
} myl_log;

/* A ticket is a text that names one ring: its backend, its name and its session. Another process opens the ring by it
 * (`ticket` of its options), and never another session that has the name by then. It consists of printable ASCII
 * characters, so that it can go through a pipe, an environment variable or a command line. A memfd has no name: send
 * its descriptor along (myl_producer_fd, myl_send_fd). A ticket gives no rights. */
#define MYL_TICKET_MAX      12416 /* bytes of the longest ticket, its NUL included; most have fewer than 100 */
#define MYL_TICKET_NAME_MAX 4095

/* The contents of a ticket. */
typedef struct myl_ticket {
    size_t size;             /* sizeof(myl_ticket), set by the caller */
    enum myl_backend backend;
    uint64_t session[2];     /* as in myl_info */
    char name[MYL_TICKET_NAME_MAX + 1]; /* memfd: "" */
} myl_ticket;

/* What an object is. */
enum myl_object_kind {
    MYL_OBJECT_OTHER = 0,    /* not of this library */
    MYL_OBJECT_RING,         /* this library can read it */
    MYL_OBJECT_DAMAGED,      /* a ring, but its header is invalid, or it was truncated */
    MYL_OBJECT_FOREIGN,      /* a ring of another layout version or byte order */
    MYL_OBJECT_UNFINISHED,   /* the temporary name of a ring that is being created, or whose creator died */
};

typedef struct myl_object {
    size_t size;             /* sizeof(myl_object), set by the caller */
    enum myl_object_kind kind;
    int reason;              /* MYL_OK, or why this library cannot read it: MYL_ECORRUPT, MYL_EVERSION, ... */
    int used;                /* 1: a live participant holds a lock of it, by the kernel; valid for objects of this
                              * library */
    uint32_t owner;          /* user id */
    uint64_t bytes;
    char detail[256];        /* the reason in words; "": none */
} myl_object;

MYL_BEGIN_DECLS

/* Checks that `name` is usable as the name of a ring. MYL_OK, or MYL_ENAME with the reason in myl_error_detail: 1 to
 * 200 bytes, no slash, not starting with a dot. The name of a new ring must not contain control characters
 * (bidirectional ones included); existing rings with such a name can be opened and removed. Making a ring is also
 * refused (MYL_ENAME) under a name of the form that the library uses itself: NAME.tmp-NUMBER-16HEXDIGITS,
 * .myelon-6CHARACTERS, .myelon-seat-... System calls: none. */
MYL_API MYL_NODISCARD int myl_check_name(const char *name);

/* Takes a snapshot of ring `name` (backend shm or file). The caller frees it with myl_snapshot_free. Opens, maps
 * and unmaps; takes no lock; does not wait. Errors: MYL_ENOTFOUND and those of an attach. */
MYL_API MYL_NODISCARD int myl_snapshot_take(const char *name, enum myl_backend backend, myl_snapshot **snapshot);
/* The same for lane `lane` of a ring with several (info.lanes of them); the other call takes lane 0.
 * MYL_EINVAL: there is no such lane. */
MYL_API MYL_NODISCARD int myl_snapshot_take_lane(const char *name, enum myl_backend backend, uint32_t lane,
                                                 myl_snapshot **snapshot);
MYL_API void myl_snapshot_free(myl_snapshot *snapshot);

MYL_I_BEGIN_INLINE

/* Entry `index`, below snapshot->consumers; part of the snapshot. */
MYL_API_INLINE myl_consumer_status *myl_snapshot_entry(const myl_snapshot *snapshot, uint32_t index)
{
    MYL_I_NOT_NULL(snapshot);
    return (myl_consumer_status *)(void *)((char *)snapshot->entry + index * snapshot->entry_size);
}

/* Entry `index`, below log->count; part of the log. */
MYL_API_INLINE myl_log_entry *myl_log_entry_at(const myl_log *log, uint32_t index)
{
    MYL_I_NOT_NULL(log);
    return (myl_log_entry *)(void *)((char *)log->entry + index * log->entry_size);
}

MYL_I_END_INLINE

/* Calls visit for every ring among the shm names, in no order; stops when visit returns non-zero and returns
 * that. Names that are not rings are passed over. Errors: MYL_ENOMEM, MYL_ELIMIT (no descriptor is left),
 * MYL_ESYSTEM: the directory cannot be read. */
MYL_API int myl_list(int (*visit)(const char *name, void *user), void *user);

/* Removes ring `name`. MYL_EINUSE while a live participant uses it, unless `force`: then its participants get
 * MYL_ESUPERSEDED, consumers when they have read everything, a producer at its next gate check. A damaged, foreign or
 * unfinished object (myl_examine) is removed only while none of its locks is held, `force` or not: its participants
 * could not be informed. Other objects are never removed: MYL_ENOTRING. */
MYL_API MYL_NODISCARD int myl_remove(const char *name, enum myl_backend backend, int force);

/* Examines the object `name` (backend shm or file), which need not be a valid ring: for tools that clean up. Takes no
 * lock; does not wait. MYL_ENOTFOUND, MYL_EPERMISSION, MYL_EFILESYSTEM; MYL_OK also for an object that is not a
 * ring. */
MYL_API MYL_NODISCARD int myl_examine(const char *name, enum myl_backend backend, myl_object *object);

/* Reads a ticket: at most MYL_TICKET_MAX bytes of `text`. MYL_ETICKET: it is none, or was cut short or changed. Opens
 * nothing; makes no system call. */
MYL_API MYL_NODISCARD int myl_ticket_parse(const char *text, myl_ticket *ticket);

/* The directory where shm names live. Static storage. */
MYL_API const char *myl_shm_directory(void);

/* Frees the entry of a dead consumer, so that it no longer gates. What it had not acknowledged is given up. A live
 * one is refused with MYL_EINUSE. */
MYL_API MYL_NODISCARD int myl_evict(const char *name, enum myl_backend backend, const char *id);

/* Copies the event log of ring `name` (backend shm or file), also when all participants are dead. The caller frees it
 * with myl_log_free. Takes no lock; does not wait. */
MYL_API MYL_NODISCARD int myl_log_take(const char *name, enum myl_backend backend, myl_log **log);
MYL_API void myl_log_free(myl_log *log);
/* "joined", "died", ... Static storage; "?" for an unknown one. */
MYL_API const char *myl_log_kind_name(enum myl_log_kind kind);

/* Hands descriptor `fd` to the process at the other end of Unix socket `socket` (SCM_RIGHTS), or receives one, which
 * is closed on exec and is never 0, 1 or 2. May block as the socket does. MYL_ELIMIT: one came, and this process may
 * have no more descriptors; it is lost, and has to be sent again. MYL_ESYSTEM: the message has none, or several, which
 * are closed. */
MYL_API MYL_NODISCARD int myl_send_fd(int socket, int fd);
MYL_API MYL_NODISCARD int myl_recv_fd(int socket, int *fd);

MYL_END_DECLS

#endif
