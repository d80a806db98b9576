/* SPDX-License-Identifier: MIT
 * Shared by the crash tests: processes that die or stop at a step of a protocol; a page in which they record what they
 * begin and what they have done; a producer and consumers that check, after a restart, what they find against those
 * records.
 *
 * The order of the records brackets the true state wherever a process dies: an operation is recorded as begun before
 * the call, and as done after it.
 *
 * A life is one process of a role, from its start to its death or end. */
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
    uint64_t seen;                   /* first event not yet handled; all events below it were handled, in order */
    uint64_t releasing, released;    /* first event after the release that has begun, and after the last one done */
    uint64_t repeated;               /* events handled more than once */
    uint64_t beyond;                 /* of these, the events that were not leased when the consumer died */
    uint64_t absent;                 /* it is leaving, or was evicted: the ring may continue without it */
    uint64_t joined;                 /* between its open and its close */
    uint64_t leaving;                /* its last leave has begun: it has read all events */
    uint64_t left;                   /* 1: it has left once before the end (see leave_at) */
    uint64_t reports;                /* number of calls that reported its producer's death */
    uint64_t session[2];
};

/* Where a life dies or stops: at the nth time it reaches a step. occurrence 0: nowhere. */
struct crash_plan {
    uint32_t step, occurrence;
    int signal;                      /* SIGKILL or SIGSTOP */
};

/* Shared by all processes of a test. Each word is written by one role and may be read by the others at any time. */
struct crash_page {
    uint64_t target;                 /* number of events of the whole stream */
    uint64_t committing, committed;  /* first event after the publish that has begun, and after the last one done */
    uint64_t producing;              /* the producer is between its open and its close */
    uint64_t closing;
    uint64_t renewed;                /* the producer has superseded the session */
    uint64_t producer_left;          /* 1: it has left once before the end */
    uint64_t producer_reports;       /* number of calls that reported a consumer's death */
    uint64_t takeovers;
    uint64_t observed, missed, observer_reports;
    struct crash_consumer_notes consumer[CRASH_CONSUMERS];
    uint64_t lives[CRASH_ROLES];     /* processes started so far */
    uint64_t done[CRASH_ROLES];
    uint64_t dead[CRASH_ROLES];      /* 1: it has died and is not restarted yet */
    struct crash_plan plan[CRASH_ROLES][CRASH_LIVES]; /* for the first lives */
    uint64_t fuse[CRASH_ROLES];      /* SIGKILL after this many steps of any kind; 0: none */
    uint64_t steps[CRASH_ROLES][CRASH_STEPS];              /* count of each step over all lives */
    /* count in each of the first lives; later lives count in the last one */
    uint64_t life[CRASH_ROLES][CRASH_LIVES][CRASH_STEPS];
};

#define crash_load(word)         __atomic_load_n((word), __ATOMIC_SEQ_CST)
#define crash_store(word, value) __atomic_store_n((word), (value), __ATOMIC_SEQ_CST)
#define crash_add(word, value)   crash_store((word), *(word) + (value))

/* A ring, its participants, and their behaviour. */
struct crash_world {
    char name[TEST_NAME_SIZE];
    struct crash_page *page;
    myl_producer_options producer;
    uint64_t target;                 /* number of events; 0: page->target is set later */
    uint32_t consumers;
    int observer;                    /* 1: with an observer */
    enum myl_on_death on_death;      /* of the consumers and the observer */
    int64_t liveness_ns;             /* of the consumers and the observer */
    uint64_t batch;                  /* a publish has 1 .. batch events */
    uint64_t lease;                  /* a release has at most this many events */
    int runs;                        /* claim and lease whole spans */
    int partial;                     /* a release acknowledges half of what is leased */
    uint64_t leave_at;               /* consumer 0 leaves once after this event and joins again; 0: no */
    uint64_t producer_leave_at;      /* the same for the producer */
    int supersede;                   /* the producer's second life supersedes the session */
    void (*before_publish)(const struct crash_world *world, uint64_t n);
    void (*before_read)(const struct crash_world *world, uint32_t consumer, uint64_t n);
    /* 1: this dead role must not be restarted yet */
    int (*held)(const struct crash_world *world, enum crash_role role);
    int (*tool)(const struct crash_world *world); /* the function of CRASH_TOOL */
    int (*tool_may_start)(const struct crash_world *world); /* CRASH_TOOL starts when this returns 1; NULL: at once */
};

/* --- steps and lives (kit.c) ------------------------------------------------------------------------------- */

/* Finds the names of all steps in the sources; the steps of the tests come first. Returns their number. */
uint32_t crash_find_steps(void);
const char *crash_step_name(uint32_t step);
uint32_t crash_step(const char *name);

/* Returns the page of all worlds of this test, cleared. */
struct crash_page *crash_new_page(void);

/* Starts a process of `role`. */
void crash_start(const struct crash_world *world, enum crash_role role, test_child *child);

/* Returns 1 if the process is stopped at its planned step. `child` is a test_child. */
int crash_is_stopped(void *child);

/* Returns how often `role` has reached `step`, in all lives. */
uint64_t crash_count(const struct crash_world *world, enum crash_role role, const char *step);

/* --- roles (roles.c) ----------------------------------------------------------------------------------------- */

int crash_produce(const struct crash_world *world);
int crash_consume(const struct crash_world *world, uint32_t consumer);
int crash_observe(const struct crash_world *world);

/* --- whole runs (world.c) ------------------------------------------------------------------------------------ */

/* All processes of a world, from the first start to the last end. */
struct crash_run {
    const struct crash_world *world;
    const struct crash_scenario *scenario; /* NULL: none */
    int killed[CRASH_ROLES];         /* number of planned deaths */
    int stopped;                     /* number of planned stops */
    void (*while_stopped)(struct crash_run *run, enum crash_role role);
};

/* Clears the page and makes a new name. Then the caller sets page->plan and calls crash_run_all. That starts all roles,
 * restarts a role that dies as planned, and continues one that is stopped. It fails if a process ends in another way or
 * is not done in time. At the end it checks that the stream was complete, that no segment is left, and that the name
 * can be used again. */
void crash_prepare(struct crash_world *world);
void crash_run_all(struct crash_run *run);

/* The parts of crash_run_all, for runs with unplanned deaths. crash_check reaps, restarts and continues; it returns 0
 * when all roles are done. */
void crash_start_all(struct crash_run *run);
int crash_check(struct crash_run *run);
void crash_signal(const struct crash_run *run, enum crash_role role, int signal); /* if it is running */
void crash_check_end(const struct crash_run *run);
__attribute__((noreturn, format(printf, 2, 3))) void crash_give_up(struct crash_run *run, const char *format, ...);

/* --- the scenarios (scenarios.c) ------------------------------------------------------------------------------- */

struct crash_scenario {
    const char *name;
    void (*configure)(struct crash_world *world);
    /* A death with which every run begins. The sweep then covers the steps of that role's second life. */
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
    uint32_t runs[CRASH_STEPS][CRASH_SCENARIOS];     /* planned deaths or stops at the step */
    uint32_t happened[CRASH_STEPS][CRASH_SCENARIOS];
    uint32_t roles[CRASH_STEPS][CRASH_SCENARIOS];    /* bit r: role r has reached the step */
};

/* Runs the scenario once for each role and step that the role reaches: at the first time, and at one in the middle of a
 * life. */
void crash_sweep_scenario(const struct crash_sweep *sweep, struct crash_results *results);

/* Runs scenarios again that reached a step at which no planned death or stop happened. `like` gives the signal. */
void crash_repeat_missing(const struct crash_sweep *like, struct crash_results *results);

void crash_print_results(const struct crash_results *results, const char *what);

/* Fails if there is a step in the sources at which no death or stop happened. */
void crash_check_results(const struct crash_results *results);

/* Calls `scenario` with each scenario as its state, and then `every_step`. */
int crash_run_tests(void (*scenario)(void **), void (*every_step)(void **));

/* The run in progress, for failure messages. */
struct crash_place {
    const char *scenario;            /* NULL: none */
    enum crash_role role;
    uint32_t step, occurrence;
};
extern struct crash_place crash_at;

#endif
