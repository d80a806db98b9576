/* SPDX-License-Identifier: MIT
 * The shared object behind a ring: where it lives, how its memory is placed, who uses it, how it goes away. */
#ifndef MYELON_SEGMENT_H
#define MYELON_SEGMENT_H

#include <myelon/base.h>

#define MYL_NAME_MAX     200  /* bytes of a ring's name without the NUL (shm); a file's path: 4095 */
#define MYL_ID_MAX       31   /* bytes of a consumer's id without the NUL */
#define MYL_LABEL_MAX    31   /* bytes of a label without the NUL */
#define MYL_CONSUMERS_MAX 1024
#define MYL_LANES_MAX    16   /* producers of one ring of frames */
#define MYL_DOING_MAX    39   /* bytes of what a party says it is doing, without the NUL */

enum myl_backend {
    MYL_BACKEND_SHM = 0, /* POSIX shared memory: a name without slash, found by everyone on the machine */
    MYL_BACKEND_FILE,    /* a mapped file: `name` is its path; survives a reboot when the file system does */
    MYL_BACKEND_MEMFD,   /* no name at all: handed over by descriptor (inherited, or myl_send_fd) */
};

/* What happens when the name exists already. */
enum myl_existing {
    MYL_EXISTING_RESUME = 0, /* producer dead: take over without loss; alive: MYL_EPRODUCERALIVE */
    MYL_EXISTING_FAIL,       /* MYL_EEXISTS */
    MYL_EXISTING_REPLACE,    /* a new ring, if nobody alive uses the old one; else MYL_EINUSE */
    MYL_EXISTING_SUPERSEDE,  /* a new ring even if consumers are alive: they get MYL_ESUPERSEDED */
};

/* What a producer does while no consumer is registered (the coordination modes). */
enum myl_alone {
    MYL_ALONE_BLOCK = 0, /* fills the ring, then waits: nothing is lost before the first consumer comes */
    MYL_ALONE_RUN_FREE,  /* overwrites the oldest events, as if everybody had read them */
    MYL_ALONE_BUFFER,    /* keeps at most `buffer` events, then waits */
};

/* Not asked for, nice to have, or an error without: MYL_EUNSUPPORTED, docs/errors.md. Others are MYL_EINVAL. */
enum myl_grade { MYL_NO = 0, MYL_TRY_IT, MYL_REQUIRE };

/* How memory is placed. All zero: reserved (always), nothing more. What was granted is told by myl_info. */
typedef struct myl_memory_options {
    enum myl_grade huge;     /* 2 MiB pages: hugetlb for memfd, transparent ones for shm and files on tmpfs */
    enum myl_grade lock;     /* mlock, bounded by RLIMIT_MEMLOCK */
    enum myl_grade prefault; /* touch every page of the mapping now instead of at first use */
    enum myl_grade numa;     /* place the data on numa_node, what is there already included */
    uint32_t numa_node;
} myl_memory_options;

/* What a ring carries. */
enum myl_ring_kind {
    MYL_RING_OF_EVENTS = 1, /* fixed-size events: ring.h */
    MYL_RING_OF_FRAMES,     /* messages of any size: frame.h. Its sequences count cells of 64 bytes */
};

/* What the machine really gave: each MYL_OK (granted), MYL_EAGAIN (not asked for) or MYL_EUNSUPPORTED (not to be
 * had). */
typedef struct myl_granted {
    int huge, lock, prefault, numa, pin;
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
} myl_info;

enum myl_party_state {
    MYL_PARTY_FREE = 0,
    MYL_PARTY_JOINING,
    MYL_PARTY_ACTIVE,
    MYL_PARTY_LEFT,
};

/* What it means to the producer that this consumer stalls or dies: docs/liveness.md. */
enum myl_role {
    MYL_ROLE_PLAIN = 0, /* its death is reported to a blocked producer; whether it is slow, nobody asks */
    MYL_ROLE_REQUIRED, /* an alert, then, after a grace, a failure that stays */
    MYL_ROLE_ALERT, /* an alert, nothing more */
    MYL_ROLE_EXPENDABLE, /* an alert; dead, it is reaped by the producer that it holds up */
};

/* One consumer entry as seen from outside. */
typedef struct myl_consumer_status {
    char id[MYL_ID_MAX + 1];
    enum myl_party_state state;
    int alive;               /* asked of the kernel: its process holds its seat */
    int32_t pid;             /* for people; never decides anything */
    uint32_t generation;
    uint64_t start_ns;       /* CLOCK_REALTIME of the join */
    uint64_t cursor;         /* events (frames: cells) acknowledged: the next one it needs */
    uint64_t lag;            /* published and not acknowledged */
    uint64_t parks;          /* how often it went to sleep */
    enum myl_role role;
    int64_t waiting_ns;      /* it has been waiting for the producer so long; -1: it does not wait */
    uint64_t waited_ns;      /* spent in waits so far, this one included, but for short ones */
    int64_t still_ns;        /* it has held up the producer so long without moving; -1: it does not */
    char doing[MYL_DOING_MAX + 1]; /* what it said last; "": nothing */
    int64_t patience_ns;     /* it has asked for patience so much longer; negative: that is over; 0: never asked */
    uint64_t died_ns;        /* CLOCK_REALTIME: when its death became known; 0: it did not */
} myl_consumer_status;

/* A ring as seen from outside, at one moment; taken without disturbing anybody. Of a ring with lanes: one of them. */
typedef struct myl_snapshot {
    myl_info info;
    uint64_t next;           /* events published; frames: cells */
    uint64_t gate;           /* events below this may have been overwritten */
    uint64_t closed_at;      /* valid if closed */
    int closed, superseded;
    int producer_alive;      /* asked of the kernel */
    int producer_left;       /* it went away in order, without ending the stream */
    int32_t producer_pid;
    uint32_t epoch;          /* producers so far */
    uint64_t producer_parks;
    int64_t producer_waiting_ns; /* it has been waiting so long; -1: it does not wait */
    uint64_t producer_waited_ns; /* spent in waits so far, this one included, but for short ones */
    uint64_t producer_waits_for; /* ... until every gating consumer has acknowledged so many */
    char producer_doing[MYL_DOING_MAX + 1];
    int64_t producer_patience_ns; /* as a consumer's patience_ns */
    uint64_t producer_died_ns; /* CLOCK_REALTIME: when its death became known; 0: it did not */
    char missing[MYL_ID_MAX + 1]; /* an id that the producer waits for; or words: "any (1 of 2 here)"; "": none */
    uint32_t live_consumers;
    uint32_t live_producers; /* of all lanes */
    uint32_t consumers;      /* entries used; at most as many as `entry` has */
    myl_consumer_status *entry;
} myl_snapshot;

/* What happened to a ring's parties: the records of the event log. */
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
    X(CLEARED, 20, "cleared") /* the producer goes on after a failure */ \
    X(ABSENT, 21, "absent") /* required, and not there; sequence: its cursor; value: ns the producer has waited */

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
    int32_t pid;             /* of whom it is about, for people */
    int32_t by;              /* of who noticed or did it */
    uint32_t lane;           /* of the ring: whose producer, or where the consumer is registered */
} myl_log_entry;

/* The last 256 things that happened to a ring, oldest first. */
typedef struct myl_log {
    uint64_t written;        /* records so far, those overwritten included */
    uint32_t torn;           /* records left out, because their writer died or is at it */
    uint32_t count;
    myl_log_entry *entry;
} myl_log;

/* What an object is. */
enum myl_object_kind {
    MYL_OBJECT_OTHER = 0,    /* nothing of ours */
    MYL_OBJECT_RING,         /* this library can read it */
    MYL_OBJECT_DAMAGED,      /* a ring, but its header cannot be true, or it was cut short */
    MYL_OBJECT_FOREIGN,      /* a ring of another layout version or byte order */
    MYL_OBJECT_UNFINISHED,   /* the temporary name of a ring that is being made, or whose maker died */
};

typedef struct myl_object {
    size_t size;             /* sizeof(myl_object), set by the caller */
    enum myl_object_kind kind;
    int reason;              /* MYL_OK, or why this library cannot read it: MYL_ECORRUPT, MYL_EVERSION, ... */
    int used;                /* 1: somebody alive holds a seat of it, as the kernel says; valid if it is ours */
    uint32_t owner;          /* user id */
    uint64_t bytes;
    char detail[256];        /* the reason in words; "": none */
} myl_object;

MYL_BEGIN_DECLS

/* Is this usable as a ring's name? MYL_OK, or MYL_ENAME with the reason in myl_error_detail. 1 .. 200 bytes, no
 * slash, not starting with a dot. System calls: none. */
MYL_API MYL_NODISCARD int myl_check_name(const char *name);

/* Takes a snapshot of ring `name` (backend shm or file). The caller frees it with myl_snapshot_free. Opens, maps
 * and unmaps; takes no lock; does not wait. Errors: MYL_ENOTFOUND and those of an attach. */
MYL_API MYL_NODISCARD int myl_snapshot_take(const char *name, enum myl_backend backend, myl_snapshot **snapshot);
/* The same for lane `lane` of a ring with several (info.lanes tells how many); the other call takes lane 0.
 * MYL_EINVAL: it has not so many. */
MYL_API MYL_NODISCARD int myl_snapshot_take_lane(const char *name, enum myl_backend backend, uint32_t lane,
                                                 myl_snapshot **snapshot);
MYL_API void myl_snapshot_free(myl_snapshot *snapshot);

/* Calls visit for every ring among the shm names, in no order; stops when visit returns non-zero and returns
 * that. Names that are not rings are passed over. */
MYL_API int myl_list(int (*visit)(const char *name, void *user), void *user);

/* Removes ring `name`. Refused with MYL_EINUSE while somebody alive uses it, unless `force`: then everybody
 * gets MYL_ESUPERSEDED, consumers when they have nothing left to read, a producer at its next look at the gate.
 * What myl_examine calls damaged, foreign or unfinished goes too, but only when no seat of it is held, `force` or not:
 * nobody could be told. What is not ours is never removed: MYL_ENOTRING. */
MYL_API MYL_NODISCARD int myl_remove(const char *name, enum myl_backend backend, int force);

/* What lies behind `name` (backend shm or file), for who tidies up: none of it has to be sound. Takes no lock; does not
 * wait. MYL_ENOTFOUND, MYL_EPERMISSION, MYL_EFILESYSTEM; MYL_OK also for what is not ours. */
MYL_API MYL_NODISCARD int myl_examine(const char *name, enum myl_backend backend, myl_object *object);

/* The directory where shm names live. Static storage. */
MYL_API const char *myl_shm_directory(void);

/* Frees the entry of a dead consumer, so that it no longer gates. What it had not acknowledged is given up. A live
 * one is refused with MYL_EINUSE. */
MYL_API MYL_NODISCARD int myl_evict(const char *name, enum myl_backend backend, const char *id);

/* Copies the event log of ring `name` (backend shm or file), also when everybody is dead. The caller frees it with
 * myl_log_free. Takes no lock; does not wait. */
MYL_API MYL_NODISCARD int myl_log_take(const char *name, enum myl_backend backend, myl_log **log);
MYL_API void myl_log_free(myl_log *log);
/* "joined", "died", ... Static storage; "?" for an unknown one. */
MYL_API const char *myl_log_kind_name(enum myl_log_kind kind);

/* Hands descriptor `fd` to the process at the other end of Unix socket `socket` (SCM_RIGHTS), or receives one.
 * May block as the socket does. */
MYL_API MYL_NODISCARD int myl_send_fd(int socket, int fd);
MYL_API MYL_NODISCARD int myl_recv_fd(int socket, int *fd);

MYL_END_DECLS

#endif
