/* SPDX-License-Identifier: MIT
 * What must be true of rings, kept beside them by the programs of a world: who may read what, who gates, what was
 * published. It knows what was asked for and answered at the interface, and nothing of how the library does it. */
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
    READER_ACTIVE, /* its open has returned, its close is not called yet: it gates */
    READER_DEAD, /* killed while active: it gates until somebody takes its place or evicts it */
    READER_UNSURE, /* somebody was killed while leaving or evicting: it may gate, or not */
    READER_LEFT
};

/* What a call of a reader of frames may acknowledge by itself. */
enum acking { ACKS_NOTHING, ACKS_PASSED, ACKS_ONE, ACKS_ANY };

/* A consumer id in one session. */
struct reader {
    char id[MYL_ID_MAX + 1];
    enum reader_state state;
    uint64_t low; /* acknowledged: a release of so much has returned */
    uint64_t high; /* ... has been called */
    uint64_t since; /* the point at which it became active */
    uint64_t dead_until; /* the last point at which it was dead */
    uint32_t entry;
    int any_start; /* somebody wanted to begin at the next event */
    enum acking acking; /* frames: from `high` on, in the call that is going on */
    uint64_t room; /* frames: its longest message in fragments */
    int given_up; /* dead, and somebody may be taking its place or evicting it */
};

/* One ring object, or one lane of it. */
struct session {
    uint32_t lane, lanes;
    uint64_t key, inode, capacity, per_cell;
    enum myl_alone alone;
    unsigned words;
    unsigned char writer[ORACLE_EVENTS]; /* who wrote the event that was published; 0: not known yet */
    uint64_t committed; /* published: the call has returned */
    uint64_t publishing; /* ... has been called */
    uint64_t seen; /* read by somebody */
    uint64_t highest; /* the highest position anybody had */
    unsigned takeovers;
    int dead, left; /* the last producer died, or left in order; maybe both */
    uint64_t dead_until, left_until; /* the last points at which that was so, and is no more */
    int producing; /* a producer's open has returned, it has not begun to end */
    int closing; /* a close was called; closed_at holds */
    int closed; /* ... has returned */
    int removing; /* somebody may have removed or replaced it, with what its dead had still to read */
    int superseding; /* somebody may have ended this session by force */
    uint64_t closed_at;
    /* lanes, which begin anew behind their ends */
    char owner[MYL_ID_MAX + 1]; /* of whom it is, or was last; empty: of somebody without an id */
    uint64_t first_at, produced_at; /* the points at which its first and its last producer's open had returned */
    uint64_t ended[ORACLE_ENDS];
    unsigned ends;
    uint64_t gave_way_at; /* when somebody first wanted to produce again after that; 0: nobody did */
    unsigned readers;
    struct reader reader[ORACLE_READERS];
};

/* A call that is going on and may take dead ones' places, or free them. */
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
    int dead_unknown;       /* somebody died in an open that may have made a ring */
    int open_failed;        /* an open was refused something, perhaps also the removal of the ring that it had made */
    unsigned wanting;       /* producers' opens: going on */
    int alone;              /* ... and no other began meanwhile */
    int removals;           /* removals: going on, or died */
    uint64_t unread_at;     /* when one that was alone was told to wait for a dead consumer; 0: somebody came since */
    unsigned forces;        /* calls that may end sessions by force: going on */
    uint64_t forced_at;     /* the last point at which one was */
};

extern struct oracle oracle;

void oracle_begin(void);
/* The ring of a handle that was opened by a call that began at point `since`. */
struct session *oracle_session(const myl_info *info, unsigned words, enum myl_alone alone, uint64_t since);

/* Somebody begins, or has ended, to end sessions by force. */
void oracle_removes(void);
void oracle_begins_removal(void);
void oracle_ends_removal(void);
void oracle_forces(void);
void oracle_forced(void);

/* An event's word `i`, as the producer numbered `tag` writes event `sequence`. */
uint64_t oracle_word(uint64_t sequence, unsigned tag, unsigned i);

/* --- producers --- */
/* Somebody begins, or has ended, to ask for the seat: a closed session may give way. */
void oracle_wants_seat(void);
void oracle_wanted_seat(void);
/* An open is answered that a dead consumer may come back to the ring. */
void oracle_unread(void);
/* An open has returned and goes on at `next`; the number of this producer. */
unsigned oracle_produces(struct session *session, uint64_t next);
/* [from, end) may be written. */
void oracle_claimed(const struct session *session, uint64_t end);
void oracle_publishes(struct session *session, uint64_t end);
void oracle_published(struct session *session, uint64_t end, unsigned tag);
void oracle_closes(struct session *session);
/* It has the lane that it asked for: `id`, or NULL. Called before oracle_produces. */
void oracle_has_lane(struct session *session, const char *id);
/* It leaves in order. */
void oracle_stops(struct session *session);
void oracle_producer_died(struct session *session);
/* Somebody died in an open: nobody knows of which ring. */
void oracle_open_died(void);
/* An open was refused something by the system. */
void oracle_open_failed(void);

/* --- consumers --- */
/* An open is called that may take the place of the dead ones of this id or prefix; or an eviction of this id
 * (`evicts`). The number of the claim, for oracle_claim_over. */
unsigned oracle_claims(const char *id, const char *prefix, enum myl_start start, int evicts);
/* The call has returned, or died. */
void oracle_claim_over(unsigned claim);
void oracle_join_died(const char *id, const char *prefix);
/* An open that began at point `since` is answered that the session is over. */
void oracle_refused(uint64_t since);
/* An open has returned; `gate` as it is now. */
struct reader *oracle_joined(struct session *session, const myl_joined *joined, enum myl_start start,
                             uint64_t published_before, uint64_t gate);
void oracle_read(struct session *session, const char *who, uint64_t expected, const uint64_t words[WORDS_MAX]);
void oracle_releases(struct session *session, struct reader *reader, uint64_t next);
void oracle_released(struct reader *reader, uint64_t next);
void oracle_leaves(struct reader *reader);
void oracle_left(struct reader *reader);
/* `expendable`: the producer may take its place away at once. */
void oracle_reader_died(struct reader *reader, int expendable);
/* An eviction has returned MYL_OK, of a call that began at point `since`. */
void oracle_evicted(const char *id, uint64_t since);

/* --- answers --- */
/* A consumer or observer at `next` was told that the stream is over. */
void oracle_ended(const struct session *session, const char *who, uint64_t next);
/* The same, to a consumer of all lanes, of the one of them where it is at `next`; in a call that began at `since`. 1:
 * this one was ended. */
int oracle_lane_ended(const struct session *session, const char *who, uint64_t next, uint64_t since);
/* Has this lane had a living producer, that everybody knows of, since `since`? For sure, that is. */
int oracle_lane_lives(const struct session *session, uint64_t since);
/* The same, to an observer, which may have been overtaken. */
void oracle_ended_for_observer(const struct session *session, const char *who, uint64_t next);
/* An observer at `next` was told that it lost `lost` events. */
void oracle_overtaken(const struct session *session, const char *who, uint64_t next, uint64_t lost);
/* ... that the producer is dead or gone, in a call that began at point `since` after `takeovers`. */
void oracle_unseated(const struct session *session, const char *who, int rc, uint64_t next, uint64_t since,
                     unsigned takeovers);
/* A producer was told that a consumer is dead, in a call that began at point `since`. */
void oracle_bereft(const struct session *session, uint64_t since);
/* A producer was told that all have acknowledged `count` events, in a call that began at point `since`. */
void oracle_consumed(const struct session *session, uint64_t count, uint64_t since);

/* Could a producer that wants to claim up to `end` go on? A consumer at `next`? For sure, that is. */
int oracle_has_room(const struct session *session, uint64_t end, uint64_t published);
int oracle_has_event(const struct session *session, uint64_t next);

#endif
