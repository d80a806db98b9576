/* SPDX-License-Identifier: MIT
 * Who is slow, who is dead, and what to do about it. Death is the kernel's word; slow is a matter of policy, and only a
 * producer that is blocked asks for it. docs/liveness.md has the contract and says what happens if who dies where. */
#ifndef MYELON_LIVENESS_H
#define MYELON_LIVENESS_H

#include <myelon/ring.h>

/* --- the producer's policy ---------------------------------------------------------------------------------- */

enum myl_alert_kind {
    MYL_ALERT_STALLED = 1, /* alive, holds the producer up, and has not moved for the progress time-out */
    MYL_ALERT_DIED,        /* the kernel says so */
    MYL_ALERT_ABSENT,      /* required, and not registered: it left, or was evicted */
    MYL_ALERT_RECOVERED,   /* after one of the above it moves, or is back under its id */
    MYL_ALERT_REAPED,      /* expendable and dead: its place was freed */
};

typedef struct myl_alert {
    enum myl_alert_kind kind;
    enum myl_role role;
    char id[MYL_ID_MAX + 1];
    myl_sequence last;       /* the last event it acknowledged */
    int64_t stalled_ns;      /* for how long it has not moved, or has been dead or away, while the producer waited */
    uint64_t behind;         /* events published that it has not acknowledged */
    int32_t pid;             /* for people */
} myl_alert;

/* Called from within the producer's blocked call, in its thread; once for each stall, death, absence and recovery. It
 * may ask (myl_producer_trouble, myl_why) and announce, but not claim, wait or close. */
typedef void (*myl_alert_hook)(const myl_alert *alert, void *user);

typedef struct myl_liveness_options {
    size_t size;             /* sizeof(myl_liveness_options) */
    const char *const *required; /* ids that must be there; they are copied */
    uint32_t required_count;
    int64_t startup_wait_ns; /* how long the first call waits for them; 0 = 5 s, MYL_AT_ONCE, MYL_FOREVER */
    int64_t progress_timeout_ns; /* without progress for so long, while it holds us up: stalled; 0 = 250 ms */
    int64_t check_interval_ns; /* how often a blocked call looks, from 100 us on; 0 = 5 ms */
    int64_t shutdown_grace_ns; /* from the alert to the failure; 0 = 1 s, MYL_AT_ONCE */
    myl_alert_hook alert;    /* may be NULL */
    void *user;
} myl_liveness_options;

/* What came of it. */
typedef struct myl_trouble {
    int code;                /* MYL_OK: none; MYL_ESTARTUP, MYL_ESTALLED, MYL_ECONSUMERDEAD */
    int final;               /* 1: every claim fails with `code` until myl_producer_clear */
    int dead;                /* 1: it is dead, 0: stalled or away */
    char id[MYL_ID_MAX + 1]; /* of whom */
    myl_sequence last;       /* the last event it acknowledged */
    int64_t stalled_ns;      /* as in an alert */
    int32_t pid;             /* for people */
    uint32_t missing;        /* MYL_ESTARTUP: so many ids are not there: myl_producer_missing */
} myl_trouble;

/* --- the other side, as a consumer sees it ------------------------------------------------------------------ */

enum myl_peer_state {
    MYL_PEER_ALIVE = 0,        /* it holds its seat */
    MYL_PEER_BUSY,             /* alive, and has asked for patience */
    MYL_PEER_LEFT,             /* went in order, without ending the stream */
    MYL_PEER_DEAD,             /* the kernel says so; a restarted one goes on */
    MYL_PEER_CLOSED,           /* the stream has ended; there may be something left to read */
    MYL_PEER_SUPERSEDED,       /* the session was ended by force */
};

typedef struct myl_peer {
    enum myl_peer_state state;
    uint32_t epoch;          /* producers so far */
    int taken_over;          /* 1: another one than when this was asked last, or when the consumer was opened */
    uint64_t unread;         /* events published and not leased yet */
    int64_t silent_ns;       /* nothing new for so long at least, as this handle knows: since its wait began, it was
                              * opened, or an earlier call of this; 0: something is unread */
    char doing[MYL_DOING_MAX + 1];
    int64_t patience_ns;     /* it has asked for patience so much longer; negative: that is over; 0: never asked */
    int32_t pid;             /* for people */
} myl_peer;

/* --- the verdict -------------------------------------------------------------------------------------------- */

enum myl_condition {
    MYL_COND_MOVING = 0,       /* alive; nothing says that it stands still */
    MYL_COND_WAITING,          /* alive, and waits itself */
    MYL_COND_BUSY,             /* alive, does not move, and has asked for patience */
    MYL_COND_STALLED,          /* alive, and has not moved */
    MYL_COND_STOPPED,          /* stopped by a signal or a debugger: /proc says so, for people */
    MYL_COND_DEAD,             /* the kernel says so */
    MYL_COND_LEFT,             /* went in order */
    MYL_COND_ABSENT,           /* required, and not there */
    MYL_COND_CLOSED,           /* a producer that ended its stream */
};

typedef struct myl_why_party {
    char id[MYL_ID_MAX + 1]; /* "": the producer; "any (1 of 2 here)": consumers of which a number is waited for */
    enum myl_condition condition;
    enum myl_role role;
    int waits;               /* 1: it waits */
    uint64_t waits_for;      /* a consumer: the event; the producer: for all cursors to be here */
    int64_t waiting_ns;      /* for so long; 0: it does not wait */
    int64_t still_ns;        /* it has not moved for so long, as far as can be told; 0: it moves, or nobody looked */
    uint64_t behind;         /* events published and not acknowledged; 0 for the producer */
    char doing[MYL_DOING_MAX + 1]; /* what it said last */
    int64_t doing_ns;        /* ... so long ago */
    int64_t patience_ns;     /* it has asked for patience so much longer; negative: that is over; 0: never asked */
    int64_t dead_ns;         /* known to be dead for so long */
    int32_t pid;             /* for people */
} myl_why_party;

/* Party `waits` waits for party `for_whom`: indices. */
typedef struct myl_why_edge {
    uint32_t waits, for_whom;
} myl_why_edge;

typedef struct myl_verdict {
    uint32_t parties, edges;
    myl_why_party *party;    /* party[0] is the producer */
    myl_why_edge *edge;
    char sentence[512];      /* the whole in words: who is to blame, if anybody */
} myl_verdict;

MYL_BEGIN_DECLS

/* From now on every blocking call of this producer (claim, claim_run, put, wait_consumed) keeps the policy. NULL: no
 * more. What it costs: nothing while there is room. The first call waits for the required consumers to be there, alive;
 * while one of them is away nothing is published that could cost it an event. */
MYL_API MYL_NODISCARD int myl_producer_manage(myl_producer *producer, const myl_liveness_options *options);

/* How it stands: the last failure of the policy. Makes no system call. */
MYL_API void myl_producer_trouble(const myl_producer *producer, myl_trouble *trouble);

/* The `index`th required id that is not registered and alive right now. MYL_ENOTFOUND: so many are not missing. */
MYL_API MYL_NODISCARD int myl_producer_missing(const myl_producer *producer, uint32_t index, char id[MYL_ID_MAX + 1]);

/* Forgets the failure; all clocks start anew. */
MYL_API void myl_producer_clear(myl_producer *producer);

/* Gives consumer `id` a role, whoever it had one from before. Also while everybody runs. MYL_ENOTFOUND: no such id. */
MYL_API MYL_NODISCARD int myl_producer_set_role(myl_producer *producer, const char *id,
                                                const myl_role_options *options);
MYL_API MYL_NODISCARD int myl_set_role(const char *name, enum myl_backend backend, const char *id,
                                       const myl_role_options *options);
/* "plain", "required", "alert", "expendable". Static storage; "?" for an unknown one. */
MYL_API const char *myl_role_name(enum myl_role role);
MYL_API MYL_NODISCARD int myl_role_parse(const char *name, enum myl_role *role);

/* Says what this party is doing (up to 39 bytes; longer ones are cut) and asks for patience for `patience_ns` from now;
 * 0: says it only. Policies and verdicts respect that for up to a day. NULL: done with it. Any time, no system call. */
MYL_API void myl_producer_busy(myl_producer *producer, const char *doing, int64_t patience_ns);
MYL_API void myl_consumer_busy(myl_consumer *consumer, const char *doing, int64_t patience_ns);

/* How the producer is. Asks the kernel: not for hot paths. For consumers that poll and never wait. */
MYL_API MYL_NODISCARD int myl_consumer_peer(myl_consumer *consumer, myl_peer *peer);

/* Why does who wait? Looks, and looks again `watch_ns` later (0: one look only) to tell who moves. Takes no seat. The
 * caller frees the answer with myl_verdict_free. */
MYL_API MYL_NODISCARD int myl_why(const char *name, enum myl_backend backend, int64_t watch_ns, myl_verdict **verdict);
/* The same for one lane of a ring with several; the other call looks at lane 0. */
MYL_API MYL_NODISCARD int myl_why_lane(const char *name, enum myl_backend backend, uint32_t lane, int64_t watch_ns,
                                       myl_verdict **verdict);
MYL_API MYL_NODISCARD int myl_producer_why(const myl_producer *producer, int64_t watch_ns, myl_verdict **verdict);
MYL_API MYL_NODISCARD int myl_consumer_why(const myl_consumer *consumer, int64_t watch_ns, myl_verdict **verdict);
MYL_API void myl_verdict_free(myl_verdict *verdict);
/* "moving", "waiting", "busy", "stalled", ... Static storage. */
MYL_API const char *myl_condition_name(enum myl_condition condition);

MYL_END_DECLS

#endif
