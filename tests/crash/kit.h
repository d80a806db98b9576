/* SPDX-License-Identifier: MIT
 * What the crash tests share: processes that die, or stand still, at a step of a protocol; a page in which they note
 * what they are about to do and have done; a producer and consumers that judge by it what they find on their return.
 *
 * The notes are ordered so that they bound the truth wherever a process dies: what is begun is noted before, what is
 * done is noted after the call. */
#ifndef MYL_TESTS_CRASH_KIT_H
#define MYL_TESTS_CRASH_KIT_H

#include "unit/rings.h"

enum { CRASH_CONSUMERS = 3, CRASH_STEPS = 128, CRASH_STEP_NAME = 16, CRASH_LIVES = 2, CRASH_EVENT_MAX = 1024 };

enum crash_role {
    CRASH_PRODUCER,
    CRASH_CONSUMER,
    CRASH_OBSERVER = CRASH_CONSUMER + CRASH_CONSUMERS,
    CRASH_TOOL,
    CRASH_ROLES
};

struct crash_consumer_notes {
    uint64_t seen;                   /* first event never handled: so many different ones were, in order */
    uint64_t releasing, released;    /* first event behind the release begun, and behind the release done */
    uint64_t repeated;               /* events handled again */
    uint64_t beyond;                 /* repeated though they were not in the lease that was open at the death */
    uint64_t away;                   /* it is leaving, or was evicted: the ring may go on without it */
    uint64_t joined;                 /* it is between the open and the close */
    uint64_t leaving;                /* the last leave has begun: everything is read */
    uint64_t left;                   /* 1: left once on the way (see leave_at) */
    uint64_t reports;                /* how often it was told that its producer is dead */
    uint64_t session[2];
};

/* Where a life ends (or stands still): at the nth time it comes to a step. occurrence 0: nowhere. */
struct crash_plan {
    uint32_t step, occurrence;
    int signal;                      /* SIGKILL or SIGSTOP */
};

/* Shared by all processes of a test. Single words, written by one role each, read by others at any time. */
struct crash_page {
    uint64_t target;                 /* the stream's end */
    uint64_t committing, committed;  /* first event behind the publish begun, and behind the publish done */
    uint64_t producing;              /* the producer is between the open and the close */
    uint64_t closing;
    uint64_t renewed;                /* the producer has replaced the session */
    uint64_t producer_left;          /* 1: left once on the way */
    uint64_t producer_reports;       /* how often it was told that a consumer is dead */
    uint64_t takeovers;
    uint64_t observed, missed, observer_reports;
    struct crash_consumer_notes consumer[CRASH_CONSUMERS];
    uint64_t lives[CRASH_ROLES];     /* processes so far */
    uint64_t done[CRASH_ROLES];
    uint64_t dead[CRASH_ROLES];      /* 1: it died and was not started again yet */
    struct crash_plan plan[CRASH_ROLES][CRASH_LIVES]; /* of the first lives */
    uint64_t fuse[CRASH_ROLES];      /* SIGKILL behind so many steps of any kind; 0: no */
    uint64_t steps[CRASH_ROLES][CRASH_STEPS];              /* of all lives */
    uint64_t life[CRASH_ROLES][CRASH_LIVES][CRASH_STEPS];  /* of each of the first lives; the last one's go on */
};

#define crash_load(word)         __atomic_load_n((word), __ATOMIC_SEQ_CST)
#define crash_store(word, value) __atomic_store_n((word), (value), __ATOMIC_SEQ_CST)
#define crash_add(word, value)   crash_store((word), *(word) + (value))

/* A ring, who is at it, and how they behave. */
struct crash_world {
    char name[TEST_NAME_SIZE];
    struct crash_page *page;
    myl_producer_options producer;
    uint64_t target;                 /* so many events; 0: page->target says when, later */
    uint32_t consumers;
    int observer;                    /* 1: there is one */
    enum myl_on_death on_death;      /* of the readers */
    int64_t liveness_ns;             /* of the readers */
    uint64_t batch;                  /* publishes are of 1 .. batch events */
    uint64_t lease;                  /* releases are of up to so many events */
    int runs;                        /* claims and leases whole runs */
    uint64_t leave_at;               /* consumer 0 leaves once behind this event, and comes back; 0: no */
    uint64_t producer_leave_at;      /* the same for the producer */
    int supersede;                   /* the producer's second life begins a new session */
    void (*before_publish)(const struct crash_world *world, uint64_t n);
    void (*before_read)(const struct crash_world *world, uint32_t consumer, uint64_t n);
    int (*held)(const struct crash_world *world, enum crash_role role); /* a dead one may not come back yet */
    int (*tool)(const struct crash_world *world); /* what CRASH_TOOL does ... */
    int (*tool_may_start)(const struct crash_world *world); /* ... as soon as this says so; NULL: at once */
};

/* --- steps and lives (kit.c) ------------------------------------------------------------------------------- */

/* Finds the names of all steps in the sources; the tests' own come first. Returns their number. */
uint32_t crash_find_steps(void);
const char *crash_step_name(uint32_t step);
uint32_t crash_step(const char *name);

/* A page for all worlds of this test, as fresh. */
struct crash_page *crash_new_page(void);

/* Starts a life of `role`. */
void crash_start(const struct crash_world *world, enum crash_role role, test_child *child);

/* Has it come to where it is to stand still? `child` is a test_child. */
int crash_stands_still(void *child);

/* How often `role` has come to `step`, in all lives. */
uint64_t crash_count(const struct crash_world *world, enum crash_role role, const char *step);

/* --- what the lives do (roles.c) ----------------------------------------------------------------------------- */

int crash_produce(const struct crash_world *world);
int crash_consume(const struct crash_world *world, uint32_t consumer);
int crash_observe(const struct crash_world *world);

/* --- whole runs (world.c) ------------------------------------------------------------------------------------ */

/* Everybody of a world, from the first start to the last end. */
struct crash_run {
    const struct crash_world *world;
    int killed[CRASH_ROLES];         /* how often it died as planned */
    int stopped;                     /* how often somebody was found standing still */
    void (*while_stopped)(struct crash_run *run, enum crash_role role);
};

/* A fresh page and name. Then the caller sets page->plan, and crash_run_all does the rest: starts everybody, restarts
 * who dies as planned, continues who stands still, and fails if anybody ends otherwise or is not done in time.
 * Afterwards the stream was whole and the name can be used again, with nothing left behind. */
void crash_prepare(struct crash_world *world);
void crash_run_all(struct crash_run *run);

/* The parts of it, for runs with deaths of another kind. crash_look reaps, restarts and continues; 0: all are done. */
void crash_start_all(struct crash_run *run);
int crash_look(struct crash_run *run);
void crash_signal(const struct crash_run *run, enum crash_role role, int signal); /* if it is running */
void crash_check_end(const struct crash_run *run);
__attribute__((noreturn, format(printf, 2, 3))) void crash_give_up(struct crash_run *run, const char *format, ...);

/* --- the scenarios (scenarios.c) ------------------------------------------------------------------------------- */

struct crash_scenario {
    const char *name;
    void (*configure)(struct crash_world *world);
    /* A death that every run begins with; the steps looked at are then those of that role's second life. */
    enum crash_role first_role;
    const char *first_step;          /* NULL: none */
    uint32_t first_occurrence;
};

extern const struct crash_scenario crash_scenarios[];
extern const uint32_t crash_scenario_count;

/* --- all steps of a scenario (sweep.c) -------------------------------------------------------------------------- */

enum { CRASH_SCENARIOS = 24 };

struct crash_sweep {
    const struct crash_scenario *scenario;
    int signal;
    void (*while_stopped)(struct crash_run *run, enum crash_role role);
};

struct crash_results {
    uint32_t runs[CRASH_STEPS][CRASH_SCENARIOS];     /* planned to happen there */
    uint32_t happened[CRASH_STEPS][CRASH_SCENARIOS];
};

/* Runs it once for each step and role that comes there, for the first time and for one in the middle of a life. */
void crash_sweep_scenario(const struct crash_sweep *sweep, struct crash_results *results);

void crash_print_results(const struct crash_results *results, const char *what);

/* Fails if there is a step in the sources at which it never happened. */
void crash_check_results(const struct crash_results *results);

/* `scenario` is called with each scenario as its state, `every_step` last. */
int crash_run_tests(void (*scenario)(void **), void (*every_step)(void **));

/* What is being tried, for a failure's message. */
struct crash_place {
    const char *scenario;            /* NULL: nothing of that kind */
    enum crash_role role;
    uint32_t step, occurrence;
};
extern struct crash_place crash_at;

#endif
