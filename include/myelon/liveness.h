/* SPDX-License-Identifier: MIT
 * Liveness: which participants are dead, which are slow, and what a producer does about them. The kernel reports death.
 * Slow is a matter of policy, and only a blocked producer checks it. docs/liveness.md has the contract, and what
 * happens when a process dies at each point. */
#ifndef MYELON_LIVENESS_H
#define MYELON_LIVENESS_H

#include <myelon/ring.h>

/* --- the producer's policy ---------------------------------------------------------------------------------- */

enum myl_alert_kind {
    MYL_ALERT_STALLED = 1, /* alive, blocks the producer, and has not moved for the progress time-out */
    MYL_ALERT_DIED,        /* the kernel released its lock, and it had not left */
    MYL_ALERT_ABSENT,      /* required, and not registered: it left, or was evicted; or reserved, and has not come */
    MYL_ALERT_RECOVERED,   /* after one of the above it moves, or is registered again under its id */
    MYL_ALERT_REAPED,      /* expendable and dead: its entry was freed */
};

typedef struct myl_alert {
    enum myl_alert_kind kind;
    enum myl_role role;
    char id[MYL_ID_MAX + 1];
    myl_sequence last_acknowledged;
    int64_t stalled_ns;      /* how long it has not moved, or has been dead or absent, while the producer waited */
    uint64_t lag;            /* events published that it has not acknowledged */
    int32_t pid;             /* informational */
} myl_alert;

/* Called from within the producer's blocked call, in its thread, once for each stall, death, absence, recovery and
 * reaping. It may call myl_producer_liveness_failure, myl_producer_diagnose and myl_producer_set_activity, but must not
 * claim, wait or close. */
typedef void (*myl_alert_hook)(const myl_alert *alert, void *user);

typedef struct myl_liveness_options {
    size_t size;             /* sizeof(myl_liveness_options) */
    const char *const *required; /* ids of the required consumers; they are copied */
    uint32_t required_count; /* 0: none */
    int64_t startup_wait_ns; /* how long the first call waits for them; 0 = 5 s, MYL_AT_ONCE, MYL_FOREVER */
    int64_t progress_timeout_ns; /* blocks the producer without progress for this time: stalled; 0 = 250 ms;
                              * MYL_FOREVER: never */
    int64_t check_interval_ns; /* between two checks of a blocked call, from 100 us on; 0 = 5 ms */
    int64_t shutdown_grace_ns; /* from the alert to the failure; 0 = 1 s, MYL_AT_ONCE, MYL_FOREVER: never */
    myl_alert_hook alert;    /* may be NULL */
    void *user;
} myl_liveness_options;

/* The last failure of the policy. */
typedef struct myl_liveness_failure {
    size_t size;             /* sizeof(myl_liveness_failure), set by the caller */
    int code;                /* MYL_OK: none; MYL_ESTARTUP, MYL_ESTALLED, MYL_ECONSUMERDEAD */
    int latched;             /* 1: every claim fails with `code` until myl_producer_clear_failure */
    int dead;                /* 1: the consumer is dead; 0: stalled or absent */
    char id[MYL_ID_MAX + 1]; /* the consumer */
    myl_sequence last_acknowledged;
    int64_t stalled_ns;      /* as in an alert */
    int32_t pid;             /* informational */
    uint32_t missing_count;  /* MYL_ESTARTUP: required ids that are not registered and alive */
} myl_liveness_failure;

/* --- the producer, as a consumer sees it -------------------------------------------------------------------- */

enum myl_peer_state {
    MYL_PEER_ALIVE = 0,        /* it holds its lock */
    MYL_PEER_BUSY,             /* alive, with an activity notice that has not expired */
    MYL_PEER_LEFT,             /* left without ending the stream */
    MYL_PEER_DEAD,             /* the kernel released its lock; a successor continues */
    MYL_PEER_CLOSED,           /* the stream has ended; events may be left to read */
    MYL_PEER_SUPERSEDED,       /* the session was ended by force */
};

typedef struct myl_peer {
    size_t size;             /* sizeof(myl_peer), set by the caller */
    enum myl_peer_state state;
    uint32_t epoch;          /* producers so far */
    int taken_over;          /* 1: another one than at the last call of this, or when the consumer was opened */
    uint64_t available;      /* events published and not leased yet */
    int64_t idle_ns;         /* no new event for at least this time, as this handle knows: since its wait began, it was
                              * opened, or an earlier call of this; 0: events are available */
    char activity[MYL_ACTIVITY_MAX + 1]; /* text of its activity notice; "": none */
    int64_t activity_left_ns; /* until the notice's deadline; negative: expired; 0: no deadline */
    int32_t pid;             /* informational */
} myl_peer;

/* --- the diagnosis ------------------------------------------------------------------------------------------ */

enum myl_condition {
    MYL_COND_MOVING = 0,       /* alive; nothing shows that it is stalled */
    MYL_COND_WAITING,          /* alive, and waits for another participant */
    MYL_COND_BUSY,             /* alive, does not move, and has an activity notice that has not expired */
    MYL_COND_STALLED,          /* alive, and has not moved */
    MYL_COND_STOPPED,          /* stopped by a signal or a debugger, by /proc; informational */
    MYL_COND_DEAD,             /* the kernel released its lock, and it had not left */
    MYL_COND_LEFT,             /* left */
    MYL_COND_ABSENT,           /* required, and not registered; the producer of a lane that was never used */
    MYL_COND_CLOSED,           /* a producer that ended its stream */
    MYL_COND_RESERVED,         /* gates, and no consumer with this id has come yet */
};

typedef struct myl_diagnosis_participant {
    char id[MYL_ID_MAX + 1]; /* "": the producer; "any (1 of 2 here)": consumers of which a number is waited for */
    enum myl_condition condition;
    enum myl_role role;
    int waiting;             /* 1: it waits */
    uint64_t awaited_sequence; /* a consumer: the event; the producer: for all cursors to be here */
    int64_t waiting_ns;      /* how long it has waited; 0: it does not wait */
    int64_t stalled_ns;      /* how long it has not moved, as far as is known; 0: it moves, or is not checked */
    uint64_t lag;            /* events published and not acknowledged; 0 for the producer */
    char activity[MYL_ACTIVITY_MAX + 1]; /* text of its activity notice; "": none */
    int64_t activity_age_ns; /* time since the notice */
    int64_t activity_left_ns; /* until the notice's deadline; negative: expired; 0: no deadline */
    int64_t dead_ns;         /* how long it has been known to be dead */
    int32_t pid;             /* informational */
} myl_diagnosis_participant;

/* Participant `waiter` waits for participant `awaited`: indices. */
typedef struct myl_diagnosis_edge {
    uint32_t waiter, awaited;
} myl_diagnosis_edge;

typedef struct myl_diagnosis {
    size_t size;             /* of this structure, in the library that made it */
    uint32_t participants, edges;
    size_t participant_size; /* bytes from one participant to the next */
    myl_diagnosis_participant *participant; /* the first is the producer; index it by myl_diagnosis_participant_at */
    myl_diagnosis_edge *edge; /* two indices, in every version; if the producer waits for consumers, the first edge
                              * leads to the cause */
    char sentence[512];      /* the diagnosis as text: which participant is the cause, if any */
} myl_diagnosis;

MYL_BEGIN_DECLS

/* Sets the liveness policy that every blocking call of this producer applies from now on: claim, claim_span, put,
 * wait_consumed. NULL: no policy. It costs nothing while there is room. The first call waits until the required
 * consumers are registered and alive; while one of them is absent, nothing is published that could cost it an event. */
MYL_API MYL_NODISCARD int myl_producer_set_liveness(myl_producer *producer, const myl_liveness_options *options);

/* Copies the last failure of the policy. MYL_EOPTIONS: failure->size is wrong. Makes no system call. */
MYL_API MYL_NODISCARD int myl_producer_liveness_failure(const myl_producer *producer, myl_liveness_failure *failure);

/* Copies the `index`th required id that is not registered and alive now. MYL_ENOTFOUND: fewer are missing. */
MYL_API MYL_NODISCARD int myl_producer_missing_consumer(const myl_producer *producer, uint32_t index,
                                                        char id[MYL_ID_MAX + 1]);

/* Clears the failure: calls succeed again, and all stall timers start again. */
MYL_API void myl_producer_clear_failure(myl_producer *producer);

/* Gives consumer `id` a role, which replaces the one it had. At any time. MYL_ENOTFOUND: no such id. */
MYL_API MYL_NODISCARD int myl_producer_set_role(myl_producer *producer, const char *id,
                                                const myl_role_options *options);
MYL_API MYL_NODISCARD int myl_set_role(const char *name, enum myl_backend backend, const char *id,
                                       const myl_role_options *options);
/* "plain", "required", "alert", "expendable". Static storage; "?" for an unknown one. */
MYL_API const char *myl_role_name(enum myl_role role);
MYL_API MYL_NODISCARD int myl_role_parse(const char *name, enum myl_role *role);

/* Sets this participant's activity notice: what it is doing (up to 39 bytes; longer texts are cut), and that this may
 * take `duration_ns` from now; 0: no deadline. Until the deadline, at most a day, policies and diagnoses do not count
 * it as stalled. NULL: withdraws the notice. At any time; makes no system call. */
MYL_API void myl_producer_set_activity(myl_producer *producer, const char *text, int64_t duration_ns);
MYL_API void myl_consumer_set_activity(myl_consumer *consumer, const char *text, int64_t duration_ns);

/* Reports the producer's state. Queries the kernel: not for hot paths. For consumers that poll and never wait.
 * MYL_EOPTIONS: peer->size is wrong. */
MYL_API MYL_NODISCARD int myl_consumer_peer(myl_consumer *consumer, myl_peer *peer);

/* Diagnoses a ring: samples all participants twice, `watch_ns` apart (0: once), and reports which participant waits for
 * which. Takes no lock. The caller frees the diagnosis with myl_diagnosis_free. */
MYL_API MYL_NODISCARD int myl_diagnose(const char *name, enum myl_backend backend, int64_t watch_ns,
                                       myl_diagnosis **diagnosis);
/* The same for one lane of a ring with several; myl_diagnose takes lane 0. */
MYL_API MYL_NODISCARD int myl_diagnose_lane(const char *name, enum myl_backend backend, uint32_t lane, int64_t watch_ns,
                                            myl_diagnosis **diagnosis);
MYL_API MYL_NODISCARD int myl_producer_diagnose(const myl_producer *producer, int64_t watch_ns,
                                                myl_diagnosis **diagnosis);
MYL_API MYL_NODISCARD int myl_consumer_diagnose(const myl_consumer *consumer, int64_t watch_ns,
                                                myl_diagnosis **diagnosis);
MYL_API void myl_diagnosis_free(myl_diagnosis *diagnosis);

MYL_I_BEGIN_INLINE

/* Participant `index`, below diagnosis->participants; part of the diagnosis. */
MYL_API_INLINE myl_diagnosis_participant *myl_diagnosis_participant_at(const myl_diagnosis *diagnosis, uint32_t index)
{
    MYL_I_NOT_NULL(diagnosis);
    return (myl_diagnosis_participant *)(void *)((char *)diagnosis->participant + index * diagnosis->participant_size);
}

MYL_I_END_INLINE

/* "moving", "waiting", "busy", "stalled", ... Static storage. */
MYL_API const char *myl_condition_name(enum myl_condition condition);

MYL_END_DECLS

#endif
