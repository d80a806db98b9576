/* SPDX-License-Identifier: MIT
 * The oracle: what must be true of the rings of a world. Its programs maintain it: who may read what, which consumers
 * gate, what was published. It knows only the calls at the interface and their results, nothing of the
 * implementation. */
#ifndef MYL_SIM_ORACLE_H
#define MYL_SIM_ORACLE_H

#include <myelon/ring.h>

#define ORACLE_SESSIONS 64
#define ORACLE_ENDS 32
#define ORACLE_READERS 32
#define ORACLE_EVENTS 1024
#define ORACLE_CLAIMS 24
#define WORDS_MAX 5

enum reader_state {
    READER_NONE,
    READER_ACTIVE, /* its open has returned and its close is not called yet: it gates */
    READER_DEAD, /* killed while active: it gates until a consumer resumes it or it is evicted */
    READER_UNSURE, /* killed while leaving or being evicted: it may gate or not */
    READER_LEFT
};

/* What a call of a reader of frames may acknowledge by itself. */
enum acking { ACKS_NOTHING, ACKS_PASSED, ACKS_ONE, ACKS_ANY };

/* A consumer id in one session. */
struct reader {
    char id[MYL_ID_MAX + 1];
    enum reader_state state;
    uint64_t low; /* acknowledged: a release up to here has returned */
    uint64_t high; /* a release up to here has been called */
    uint64_t since; /* the point at which it became active */
    uint64_t dead_until; /* the last point at which it was dead */
    uint32_t entry;
    int any_start; /* a consumer of this id asked to start at the next event */
    enum acking acking; /* for frames: what may be acknowledged from `high` on, in the current call */
    uint64_t room; /* for frames: its longest message in fragments */
    int given_up; /* dead, and a call that resumes or evicts it may be in progress */
};

/* One ring object, or one lane of it. */
struct session {
    uint32_t lane, lanes;
    uint64_t key, inode, capacity, per_cell;
    enum myl_no_consumer_policy alone;
    unsigned words;
    unsigned char writer[ORACLE_EVENTS]; /* the producer that wrote the event; 0: not known yet */
    uint64_t committed; /* published: the call has returned */
    uint64_t publishing; /* the call has begun */
    uint64_t seen; /* read by a reader */
    uint64_t highest; /* the highest position that a reader had */
    unsigned takeovers;
    int dead, left; /* the last producer died, or left; both are possible */
    uint64_t dead_until, left_until; /* the last points at which that was true, if it no longer is */
    int producing; /* a producer's open has returned, and its end has not begun */
    int closing; /* a close was called; closed_at is valid */
    int closed; /* the close has returned */
    int removing; /* a process may have removed or replaced it, with unread events of dead consumers */
    int superseding; /* a process may have superseded this session */
    uint64_t closed_at;
    /* for lanes, which may be reused after their end */
    char owner[MYL_ID_MAX + 1]; /* id of its current or last producer; empty: a producer without an id */
    /* the points at which the open of its first and of its last producer had returned */
    uint64_t first_at, produced_at;
    uint64_t ended[ORACLE_ENDS];
    unsigned ends;
    uint64_t gave_way_at; /* when a producer first tried to open the closed ring; 0: never */
    unsigned readers;
    struct reader reader[ORACLE_READERS];
};

/* A call in progress that may resume or free dead consumers. */
struct claim {
    int used, evicts;
    char id[MYL_ID_MAX + 1];
    const char *prefix;
    enum myl_start start;
};

struct oracle {
    struct session session[ORACLE_SESSIONS];
    unsigned sessions;
    unsigned tags; /* producers' opens so far */
    unsigned joins_died; /* consumers killed within an open */
    struct claim claim[ORACLE_CLAIMS];
    unsigned deaths;
    int dead_unknown;       /* a process died in an open that may have created a ring */
    int open_failed;        /* an open failed, possibly also the removal of the ring that it had created */
    unsigned wanting;       /* opens of producers in progress */
    int alone;              /* no other open began meanwhile */
    int removals;           /* removals in progress, or died in */
    /* when a removal of a ring without consumers failed because of a dead one; 0: a consumer has joined since */
    uint64_t not_drained_at;
    unsigned forces;        /* calls in progress that may supersede a session */
    uint64_t forced_at;     /* the last point at which one was in progress */
};

extern struct oracle oracle;

void oracle_begin(void);
/* Returns the session of a handle. It was opened by a call that began at point `since`. */
struct session *oracle_session(const myl_info *info, unsigned words, enum myl_no_consumer_policy alone, uint64_t since);

/* A call that may supersede sessions begins, or has returned. */
void oracle_removes(void);
void oracle_begins_removal(void);
void oracle_ends_removal(void);
void oracle_forces(void);
void oracle_forced(void);

/* Word `i` of event `sequence`, as the producer with number `tag` writes it. */
uint64_t oracle_word(uint64_t sequence, unsigned tag, unsigned i);

/* --- producers --- */
/* A producer's open begins, or has returned: a closed session may be replaced. */
void oracle_wants_lock(void);
void oracle_wanted_lock(void);
/* An open has failed because a dead consumer may resume in the ring. */
void oracle_not_drained(void);
/* An open has returned and continues at `next`. Returns the number of this producer. */
unsigned oracle_produces(struct session *session, uint64_t next);
/* The producer may write events below `end`. */
void oracle_claimed(const struct session *session, uint64_t end);
void oracle_publishes(struct session *session, uint64_t end);
void oracle_published(struct session *session, uint64_t end, unsigned tag);
void oracle_closes(struct session *session);
/* The producer has the lane that it requested: `id`, or NULL. Called before oracle_produces. */
void oracle_has_lane(struct session *session, const char *id);
/* The producer leaves. */
void oracle_stops(struct session *session);
void oracle_producer_died(struct session *session);
/* A process died in an open; it is unknown of which ring. */
void oracle_open_died(void);
/* An open failed because of an injected fault. */
void oracle_open_failed(void);

/* --- consumers --- */
/* An open begins that may resume dead consumers of this id or prefix, or an eviction of this id (`evicts`). Returns the
 * claim's number for oracle_claim_over. */
unsigned oracle_claims(const char *id, const char *prefix, enum myl_start start, int evicts);
/* The call has returned, or its process has died. */
void oracle_claim_over(unsigned claim);
void oracle_join_died(const char *id, const char *prefix);
/* An open that began at point `since` failed because the session is over. */
void oracle_refused(uint64_t since);
/* An open has returned; `gate` is the current gate. */
int oracle_is_automatic(const char *id);
struct reader *oracle_joined(struct session *session, const myl_joined *joined, enum myl_start start,
                             uint64_t published_before, uint64_t gate);
void oracle_read(struct session *session, const char *who, uint64_t expected, const uint64_t words[WORDS_MAX]);
void oracle_releases(struct session *session, struct reader *reader, uint64_t next);
void oracle_released(struct reader *reader, uint64_t next);
void oracle_leaves(struct reader *reader);
void oracle_left(struct reader *reader);
/* `expendable`: the producer may reap its entry at once. */
void oracle_reader_died(struct reader *reader, int expendable);
/* An eviction that began at point `since` has returned MYL_OK. */
void oracle_evicted(const char *id, uint64_t since);

/* --- results --- */
/* A consumer or observer at `next` got the end of the stream. */
void oracle_ended(const struct session *session, const char *who, uint64_t next);
/* The same for a consumer of all lanes, at `next` in this lane; in a call that began at `since`. Returns 1 if this lane
 * was ended. */
int oracle_lane_ended(const struct session *session, const char *who, uint64_t next, uint64_t since);
/* Returns 1 if this lane surely has had a living and visible producer since `since`. */
int oracle_lane_lives(const struct session *session, uint64_t since);
/* The same for an observer, which may have been overrun. */
void oracle_ended_for_observer(const struct session *session, const char *who, uint64_t next);
/* An observer at `next` got a report of `lost` lost events. */
void oracle_overrun(const struct session *session, const char *who, uint64_t next, uint64_t lost);
/* A reader got the report that the producer died or left, in a call that began at point `since` after `takeovers`. */
void oracle_producer_left(const struct session *session, const char *who, int rc, uint64_t next, uint64_t since,
                          unsigned takeovers);
/* A producer got the report that a consumer is dead, in a call that began at point `since`. */
void oracle_consumer_death_reported(const struct session *session, uint64_t since);
/* A producer got the result that all consumers have acknowledged `count` events, in a call that began at point
 * `since`. */
void oracle_consumed(const struct session *session, uint64_t count, uint64_t since);

/* Returns 1 if a producer that claims up to `end` (a consumer at `next`) surely could continue. */
int oracle_has_room(const struct session *session, uint64_t end, uint64_t published);
int oracle_has_event(const struct session *session, uint64_t next);

#endif
