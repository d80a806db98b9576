/* SPDX-License-Identifier: MIT
 * A world: some producers, consumers and others, what they do, and under which conditions. A profile says how to draw a
 * world from a seed. */
#ifndef MYL_SIM_WORLD_H
#define MYL_SIM_WORLD_H

#include "frames.h"
#include "oracle.h"
#include "sim.h"

#define WORLD_ROLES 14
#define WORLD_LANES 4
#define WORLD_NAME "ring"

enum role_kind { ROLE_PRODUCER, ROLE_CONSUMER, ROLE_OBSERVER, ROLE_EVICTOR, ROLE_REMOVER, ROLE_ONLOOKER };
enum role_phase { PHASE_AWAY, PHASE_OPENING, PHASE_IN, PHASE_ENDING, PHASE_ENDED };
enum frame_size { SIZE_SHORT = 1, SIZE_ONE_PIECE = 2, SIZE_FRAGMENTS = 4, SIZE_BIG = 8 };
enum naming { NAME_ID, NAME_IDS, NAME_PREFIX, NAME_AUTO };

/* What a consumer of frames has in one lane; where there are no lanes, in its ring. */
struct party {
    struct session *session;
    struct reader *reader;
    const myl_consumer *ring;
    unsigned told; /* of whose end it was told last: takeovers of the lane then; 0: of none */
};

/* A process to be, with what has to be known of it after its death. */
struct role {
    struct world *world;
    enum role_kind kind;
    unsigned index; /* among its kind */
    char name[16];
    unsigned lives; /* kills it survives */
    /* how it behaves */
    enum naming naming; /* consumers; producers in lanes: NAME_ID, or without */
    enum myl_start start;
    enum myl_wait_strategy strategy;
    int64_t spin_ns;
    enum myl_on_death on_death;
    enum myl_existing existing; /* producers */
    myl_role_options duty; /* consumers: what their death means to the producer; size 0: nothing is said */
    unsigned rejoins; /* it leaves and comes back so often, after up to `quota` events; in lanes: it begins anew */
    unsigned quota;
    unsigned left_to_send; /* producers in lanes: until it ends its lane; 0: it begins */
    int stays; /* in the end it waits for the end of the stream; else it leaves for good */
    int force; /* removers */
    int64_t liveness_ns; /* consumers and observers */
    int64_t delay_ns;
    /* what it is doing */
    enum role_phase phase;
    struct session *session;
    struct reader *reader;
    char id[MYL_ID_MAX + 1]; /* what it asked for the last time; empty: nothing */
    const char *prefix;
    unsigned claim; /* of the oracle's, if `claims` */
    int claims;
    unsigned opens, left;
    int waiting; /* in a call that waits for event or room `waits_for` */
    uint64_t waits_for;
    const myl_producer *writing; /* of frames, from its open on until it ends */
    struct party party[WORLD_LANES]; /* consumers of frames, from their open on until they end: of each lane */
    unsigned parties;
    int expendable; /* may be killed for good */
    int gone; /* for good */
};

struct world {
    struct sim_conditions conditions;
    /* the ring */
    uint32_t capacity, words, packed_cell, max_consumers;
    enum myl_alone alone;
    uint64_t buffer;
    int spin_only;
    uint32_t wait_consumers;
    int64_t wait_timeout_ns;
    int64_t liveness_ns; /* producers' */
    /* the stream */
    unsigned events, batch;
    unsigned sessions; /* rings that are filled; later ones are closed at once */
    unsigned leaves; /* producers: how often one leaves its seat and comes back */
    int never_closed; /* the last one leaves the seat instead of closing */
    int aborts;
    int managed; /* producers keep a liveness policy */
    unsigned required; /* ... whose required set is the first consumers, so many */
    int faulty; /* calls are refused */
    /* rings of frames: `events` counts messages, and the capacity is what ring_bytes says */
    int frames;
    struct frame_shape shape;
    uint64_t ring_bytes;
    unsigned lanes; /* 0: it is a ring for one producer */
    unsigned sizes; /* bits of enum frame_size: what lengths are drawn from */
    /* who is there */
    struct role role[WORLD_ROLES];
    unsigned roles;
    /* how it stands */
    unsigned producers, producers_left;
    unsigned leaves_left;
    int calm_end; /* no kill, no fault, no force: nothing may be left behind */
};

struct profile {
    const char *name, *about;
    void (*draw)(struct world *world);
};

extern const struct profile profiles[];
extern const unsigned profiles_count;
const struct profile *profile_find(const char *name);

/* Runs the world that `profile` draws from `seed`, under it. */
void world_run(const struct profile *profile, uint64_t seed, struct sim_result *result);

/* --- for profiles: dice that depend on the seed only --- */
unsigned dice(unsigned n);
/* One of the values, as likely as the next. */
#define DICE_OF(...) ((const int64_t[]){__VA_ARGS__}[dice(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))])

/* --- roles.c and the role_*.c --- */
struct role *world_add(struct world *world, enum role_kind kind);
void role_main(void *argument);
void role_killed(void *argument);
void role_produce(struct role *role);
void role_consume(struct role *role);
void role_observe(struct role *role);
void role_evict(struct role *role);
void role_remove(struct role *role);
void role_look(struct role *role);

/* --- what the producers and consumers of events and of frames share --- */
enum reading { READ_ON, READ_SESSION_OVER, READ_ALL_OVER };
void role_producer_options(const struct role *role, myl_producer_options *o);
/* Asks for the seat: an open of either kind is about to be called, or has returned. */
void role_wants_seat(struct role *role);
void role_wanted_seat(struct role *role, int rc);
/* Why an open failed. 1: try again; 0: there is nothing more to do. */
int role_producer_refused(struct role *role, int rc);
int role_consumer_refused(const struct role *role, int rc);
/* What a claim may be answered with. 1: go on; 0: this handle is done. */
int role_claim_failed(struct role *role, int rc, uint64_t since);
/* Told that a consumer is dead: looks who it is, and evicts those that nobody waits for. */
void role_bereft(struct role *role, uint64_t since);
void role_consumer_options(struct role *role, myl_consumer_options *o);
/* What a call that got nothing, at `next`, may be answered with. */
enum reading role_no_event(struct role *role, int rc, uint64_t next, uint64_t since, unsigned takeovers);
/* From an open to a close. 1: open again. */
int role_hold_frame_seat(struct role *role);
int role_take_frames(struct role *role);
int role_observe_frames(struct role *role);
/* What of a ring, or a lane of it, the oracle needs. */
struct myl_segment;
myl_info role_info(const struct myl_segment *segment);
/* Memory for a message, of this role. */
unsigned char *role_bytes(const struct role *role);

/* Is there nobody left who could produce? */
int role_all_is_over(const struct role *role);
/* An answer that a call must not give. */
void role_unexpected(const char *call, int rc) __attribute__((noreturn));
/* After a call that failed for want of something: a while later it may be there. */
void role_pause(void);
/* Evicts `id`, and judges the answer. */
void role_evicts(struct role *role, const char *id);
void role_claim_over(struct role *role);
/* A waiting call is about to begin, or over. */
void role_waits(struct role *role, uint64_t what);
void role_goes_on(struct role *role);
int64_t role_timeout(int may_wait_forever);

#endif
