/* SPDX-License-Identifier: MIT
 * A world: producers, consumers and other roles, their behaviour, and the conditions. A profile draws a world from a
 * seed. */
#ifndef MYL_SIM_WORLD_H
#define MYL_SIM_WORLD_H

#include "frames.h"
#include "oracle.h"
#include "sim.h"

#include <myelon/waitset.h>

#define WORLD_ROLES 14
#define WORLD_LANES 4
#define WORLD_NAME "ring"

enum role_kind { ROLE_PRODUCER, ROLE_CONSUMER, ROLE_OBSERVER, ROLE_EVICTOR, ROLE_REMOVER, ROLE_ONLOOKER };
enum role_phase { PHASE_ABSENT, PHASE_OPENING, PHASE_IN, PHASE_ENDING, PHASE_ENDED };
enum frame_size { SIZE_SHORT = 1, SIZE_ONE_PIECE = 2, SIZE_FRAGMENTS = 4, SIZE_BIG = 8 };
enum naming { NAME_ID, NAME_IDS, NAME_PREFIX, NAME_AUTO };

/* State of a consumer of frames in one lane; without lanes, in its ring. */
struct participant {
    struct session *session;
    struct reader *reader;
    const myl_consumer *ring;
    unsigned reported; /* value of the lane's takeovers at the end reported last; 0: none */
};

/* How a role's process is interrupted. */
struct interruptions {
    void (*call)(void *handle); /* NULL: no handle is open */
    void *handle;
    unsigned inside; /* calls of it in progress */
    unsigned answers; /* number of reports */
    int possible, certain; /* another report is allowed; one is required, by the next call that waits */
    int certain_before; /* value of `certain` when the current call began */
    int since_call; /* an interruption has returned since then */
};

/* The activity notice of a consumer. */
struct activity {
    int64_t until;
    int64_t set_at; /* when the call returned; 0: no notice, or a call is in progress */
};

/* A process to start, and what must be known of it after its death. */
struct role {
    struct world *world;
    enum role_kind kind;
    unsigned index; /* among the roles of its kind */
    char name[16];
    unsigned lives; /* number of restarts after kills */
    /* behaviour */
    enum naming naming; /* for consumers; for producers in lanes: NAME_ID, or without */
    enum myl_start start;
    enum myl_wait_strategy strategy;
    int64_t spin_ns;
    enum myl_on_death on_death;
    enum myl_existing existing; /* producers */
    myl_role_options duty; /* for consumers: the role options of the policy; size 0: none */
    /* how often it leaves and comes back, after up to `quota` events; in lanes: ends and opens again */
    unsigned rejoins;
    unsigned quota;
    unsigned left_to_send; /* for producers in lanes: messages until it ends its lane; 0: not begun */
    int stays; /* at last it waits for the end of the stream; otherwise it leaves for good */
    int force; /* for removers */
    int64_t liveness_ns; /* consumers and observers */
    int64_t delay_ns;
    int by_thread, by_signal; /* the ways in which it is interrupted */
    int notices; /* it sets activity notices */
    int by_set; /* for consumers of events: it waits through a wait set */
    unsigned checks; /* for observers from outside */
    /* current state */
    struct interruptions interruptions;
    struct activity activity;
    myl_waitset *set; /* if by_set, from its open to its end */
    enum role_phase phase;
    struct session *session;
    struct reader *reader;
    char id[MYL_ID_MAX + 1]; /* id of the last open; empty: none */
    const char *prefix;
    unsigned claim; /* number of the oracle's claim, if `claims` */
    int claims;
    unsigned opens, left;
    int waiting; /* in a call that waits for event or room `waits_for` */
    uint64_t waits_for;
    int endless; /* the call has no time-out */
    uint64_t consumed; /* for producers: waits, for a long time, until all have acknowledged this many events; 0: no */
    int64_t stuck_since; /* for consumers: since when it and its producer have waited for each other; 0: they do not */
    const myl_producer *writing; /* for frames, from its open to its end */
    struct participant participant[WORLD_LANES]; /* for consumers of frames, from open to end: each lane */
    unsigned participants;
    int expendable; /* may be killed without a restart */
    int gone; /* killed without a restart */
};

struct world {
    struct sim_conditions conditions;
    /* the ring */
    uint32_t capacity, words, packed_cell, max_consumers;
    enum myl_no_consumer_policy alone;
    uint64_t buffer;
    int spin_only;
    uint32_t wait_consumers;
    int64_t wait_timeout_ns;
    int64_t liveness_ns; /* producers' */
    /* the stream */
    unsigned events, batch;
    unsigned sessions; /* number of rings that are filled; later ones are closed at once */
    unsigned leaves; /* for producers: how often one leaves and comes back */
    int never_closed; /* the last producer leaves instead of closing */
    int aborts;
    int managed; /* producers set a liveness policy */
    int changes_policy; /* producers set, change and drop the policy at any time, within claims too */
    unsigned required; /* the required set is this many of the first consumers */
    unsigned reserved; /* producers reserve the ids of this many of the first consumers */
    int faulty; /* calls may fail */
    /* for rings of frames: `events` counts messages, and ring_bytes is the capacity */
    int frames;
    struct frame_shape shape;
    uint64_t ring_bytes;
    unsigned lanes; /* 0: a ring for one producer */
    unsigned sizes; /* bits of enum frame_size from which lengths are drawn */
    /* participants */
    struct role role[WORLD_ROLES];
    unsigned roles;
    /* results */
    unsigned producers, producers_left;
    unsigned leaves_left;
    int calm_end; /* no kill, no fault, no force: nothing may be left */
};

struct profile {
    const char *name, *purpose;
    void (*draw)(struct world *world);
};

extern const struct profile profiles[];
extern const unsigned profiles_count;
const struct profile *profile_find(const char *name);

/* Runs the world that `profile` draws from `seed`. */
void world_run(const struct profile *profile, uint64_t seed, struct sim_result *result);

/* --- for profiles: random numbers that depend on the seed only --- */
unsigned dice(unsigned n);
/* One of the values, all equally likely. */
#define DICE_OF(...) ((const int64_t[]){__VA_ARGS__}[dice(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))])

/* --- roles.c and the role_*.c --- */
struct role *world_add(struct world *world, enum role_kind kind);
void role_main(void *argument);
void role_killed(void *argument);
/* Returns the first consumer whose id is reserved and that has never joined, or NULL. */
const struct role *role_reserved(const struct world *world);
void role_produce(struct role *role);
void role_consume(struct role *role);
void role_observe(struct role *role);
void role_evict(struct role *role);
void role_remove(struct role *role);
void role_check_ring(struct role *role);

/* --- shared by producers and consumers of events and of frames --- */
enum reading { READ_ON, READ_SESSION_OVER, READ_ALL_OVER };
void role_producer_options(const struct role *role, myl_producer_options *o);
/* A producer's open, of either kind, begins or has returned. */
void role_wants_lock(struct role *role);
void role_wanted_lock(struct role *role, int rc);
/* Handles a failed open. Returns 1 to try again, 0 to end. */
int role_producer_refused(struct role *role, int rc);
int role_consumer_refused(const struct role *role, int rc);
/* Checks the result of a failed claim. Returns 1 to continue, 0 if this handle is done. */
int role_claim_failed(struct role *role, int rc, uint64_t since);
/* Between a claim and its commit or publish: sets, changes or drops the liveness policy, if the world does so. */
void role_change_policy(const struct role *role, myl_producer *producer);
/* A call reported a dead consumer: finds it, and evicts it if it will not be restarted. */
void role_consumer_died(struct role *role, uint64_t since);
void role_consumer_options(struct role *role, myl_consumer_options *o);
/* Checks the result of a call that got nothing, at `next`. */
enum reading role_no_event(struct role *role, int rc, uint64_t next, uint64_t since, unsigned takeovers);
/* From an open to a close. Returns 1 to open again. */
int role_hold_frame_lock(struct role *role);
int role_take_frames(struct role *role);
int role_observe_frames(struct role *role);
/* What the oracle needs of a ring or a lane. */
struct myl_segment;
myl_info role_info(const struct myl_segment *segment);
/* The role's buffer for a message. */
unsigned char *role_bytes(const struct role *role);

/* Returns 1 if no process is left that could produce. */
int role_all_is_over(const struct role *role);
/* A result that the call must not return. */
void role_unexpected(const char *call, int rc) __attribute__((noreturn));
/* Pauses after a call that failed for lack of a resource. */
void role_pause(void);
/* Evicts `id`, and checks the result. */
void role_evicts(struct role *role, const char *id);
void role_claim_over(struct role *role);
/* A waiting call begins, or has returned. */
void role_waits(struct role *role, uint64_t what);
/* A time-out for wait_consumed; records a long one. role_goes_on ends it. */
int64_t role_awaits_consumed(struct role *role, uint64_t count);
void role_goes_on(struct role *role, int rc);
int64_t role_timeout(int may_wait_forever);

/* --- role_interrupt.c --- */
/* From an open to a close. */
void role_allow_interruptions(struct role *role, void (*call)(void *handle), void *handle);
void role_forbid_interruptions(struct role *role);
/* Interrupts the role that is the argument; a thread that does so repeatedly. */
void role_interrupt(void *role);
void run_interrupting_thread(void *role);
/* Around a call that may wait. */
void role_calls(struct role *role);
void role_has_called(struct role *role, int rc);

/* --- role_notice.c --- */
void notices_begin(void);
void role_set_activity(struct role *role, void (*busy)(void *handle, const char *doing, int64_t patience_ns),
                       void *handle);
void notice_seen(const char *whose, const char *text, int64_t patience_ns, int64_t began);
void notices_seen(const myl_snapshot *snapshot, int64_t began);
void notice_checked(const struct world *world, const char *id, int64_t began);

#endif
