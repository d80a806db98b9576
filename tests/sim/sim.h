/* SPDX-License-Identifier: MIT
 * The simulator's interface for programs and profiles. Processes are started in it and run under a seed. Everything
 * they do to shared memory, locks, names, futexes and clocks is decided by the simulator. See README.md. */
#ifndef MYL_SIM_H
#define MYL_SIM_H

#include <myelon/base.h>

#include <stddef.h>
#include <stdint.h>

/* Memory models. */
enum sim_memory {
    SIM_MEMORY_SC, /* every access takes effect at once for all */
    SIM_MEMORY_TSO, /* stores wait in a buffer, in order, as on x86 */
    SIM_MEMORY_WEAK, /* C11: loads may return old values unless an order forbids it, as on ARM */
    SIM_MEMORIES
};

/* Strategies that choose the next participant. */
enum sim_strategy {
    SIM_WALK, /* any participant, with some inertia */
    SIM_PRIORITY, /* the highest priority; at a few random points the running one gets the lowest */
    SIM_ENUMERATE, /* every possibility in turn, within the bounds below */
    SIM_STRATEGIES
};

/* Events that may happen at a scheduling point. */
enum sim_event {
    SIM_DRAIN, /* a store leaves a buffer */
    SIM_TICK, /* time passes: a time-out of a participant expires */
    SIM_SPURIOUS, /* a spurious wake */
    SIM_KILL, /* SIGKILL */
    SIM_STOP, /* SIGSTOP */
    SIM_CONTINUE, /* SIGCONT */
    SIM_REAP, /* a dead process loses its next descriptor; after the last one it is gone */
    SIM_START, /* a waiting process starts */
    SIM_SIGNAL, /* a process's signal handler runs */
    SIM_EVENTS
};

/* Operations that may fail. */
enum sim_fault {
    SIM_FAULT_MEMORY, /* malloc */
    SIM_FAULT_REGISTER, /* registering for the process-wide barrier */
    SIM_FAULT_BARRIER, /* the barrier itself */
    SIM_FAULT_SYSTEM, /* open, create, map, lock: no descriptors, no memory, no space, no locks */
    SIM_FAULTS
};

#define SIM_ALWAYS 65536U /* probabilities are in 65536ths */
#define SIM_NEVER_SETTLES INT64_MAX

/* The conditions of one run. */
struct sim_conditions {
    enum sim_memory memory;
    enum sim_strategy strategy;
    unsigned stick; /* probability that the running one continues (SIM_WALK) */
    unsigned rate[SIM_EVENTS]; /* probability per scheduling point */
    unsigned most[SIM_EVENTS]; /* maximum number in a run */
    unsigned fault[SIM_FAULTS]; /* probability per call */
    unsigned stale; /* probability that a load returns an old value, if it may */
    int64_t settle_ns; /* after this time a store is visible to all */
    int64_t clock_ns; /* a clock query takes up to this long */
    int64_t patience_ns; /* no participant may have to sleep longer than this while none can run */
    unsigned chaos_points; /* scheduling points before the calm part, in which all must end */
    unsigned calm_points; /* all must end within this many further points, ... */
    int64_t calm_ns;      /* ... or within this time, whichever is later; 16 times the points always suffice */
    unsigned falls; /* SIM_PRIORITY: number of priority changes */
    unsigned preemptions; /* SIM_ENUMERATE: maximum number of preemptions */
    int bounded; /* SIM_ENUMERATE: maximum number of choices out of turn: see by_delay */
    unsigned old_loads; /* SIM_ENUMERATE: maximum number of loads that return old values */
};

/* How a run ended. */
struct sim_result {
    const char *invariant; /* NULL: no violation; otherwise a short name of the violated invariant */
    char detail[512];
    uint64_t points; /* scheduling points */
    uint64_t hash; /* of all events of the run, in order */
};

typedef void sim_program(void *argument);

/* A process to start: its name in traces, its program, what happens after a kill. */
struct sim_process_spec {
    const char *name;
    sim_program *program;
    void *argument;
    unsigned restarts; /* number of restarts after kills */
    int mortal; /* may be killed as long as restarts are left */
    int expendable; /* may be killed without a restart, too */
    int64_t delay_ns; /* earliest first start */
    void (*on_kill)(void *argument); /* updates the checker, at the instant of the kill */
    sim_program *thread; /* a second thread, which ends with the first at the latest; NULL: none */
    void (*on_signal)(void *argument); /* runs in the first thread, between any two of its accesses; NULL: no signals */
};

/* --- running -------------------------------------------------------------------------------------------------- */

/* Runs `setup` (which starts processes) and all processes until they end, under `seed`. */
void sim_run(uint64_t seed, const struct sim_conditions *conditions, void (*setup)(void *), void *argument,
             struct sim_result *result);

/* For SIM_ENUMERATE: the next run makes the next sequence of choices. Returns 0 after the last one. */
void sim_enumerate_reset(void);
int sim_enumerate_next(void);
/* Prints the choices of the last run as text; reads choices from such a text. */
void sim_choices_print(void);
int sim_choices_parse(const char *text);

/* Traces every event of the following runs, with symbolic names: prints them, or keeps the last few hundred. */
enum sim_tracing { SIM_TRACE_OFF, SIM_TRACE_ALL, SIM_TRACE_TAIL };
void sim_trace_enable(enum sim_tracing how);
void sim_trace_print_tail(void);

/* --- from within a run ------------------------------------------------------------------------------------------ */

void sim_start(const struct sim_process_spec *spec);
/* Called by a checker that has found a violation: ends the run. */
void sim_violation(const char *invariant, const char *format, ...) MYL_PRINTF(2, 3) __attribute__((noreturn));
#define SIM_CHECK(condition, invariant, ...) \
    do { \
        if (!(condition)) \
            sim_violation(invariant, __VA_ARGS__); \
    } while (0)

/* A number below n that depends only on the seed (also with SIM_ENUMERATE). */
unsigned sim_draw(unsigned n);
int sim_chance(unsigned of_65536);
/* A decision of the world, below n. SIM_ENUMERATE tries all of them. */
unsigned sim_choose(unsigned n);

/* Between 1 and 0 the caller runs alone, without old values, kills and delays: for preparations. */
void sim_alone(int on);
/* Returns 1 in the calm part: no more kills, stops and old values. */
int sim_is_calm(void);
/* Number of living participants outside the caller's process. */
unsigned sim_others_alive(void);
int64_t sim_now(void);
/* Scheduling points so far. */
uint64_t sim_points(void);
/* Called when all participants sleep, for each that will do so for longer than patience_ns. Returns 1 if there is an
 * event or room for it. `argument` is its process's; `why` gets the reason. Without this function the answer is always
 * 1. */
void sim_when_all_sleep(int (*is_due)(const void *argument, char *why, size_t bytes));
/* Called at intervals: returns 1 if two living participants wait for each other for ever. `why` gets their names. */
void sim_when_stuck(int (*is_stuck)(char *why, size_t bytes));
/* Returns 1 if a name refers to the object with this inode. */
int sim_is_named(uint64_t inode);
/* The inode of the ring with this session id; 0: none. */
uint64_t sim_inode_of_session(uint64_t session);
/* The last point so far at which the producer lock of this lane of the object with this inode was free. */
uint64_t sim_lock_was_free(uint64_t inode, uint32_t lane);
/* The last point so far at which the participant lock of this entry of lane 0 was held. */
uint64_t sim_lock_was_held(uint64_t inode, uint32_t entry);
/* Plain accesses to an event's words: see data.c. */
uint64_t sim_data_load(const void *word);
void sim_data_store(void *word, uint64_t value);
/* memcpy from or to shared memory, or between private buffers. */
void *sim_copy(void *to, const void *from, size_t bytes);
/* A relaxed load of one byte. */
unsigned char sim_load_byte(const unsigned char *at);
/* The calling process: unique within the run. */
unsigned sim_self(void);
const char *sim_self_name(void);
/* Adds a line of the checker to the trace. */
void sim_note(const char *format, ...) MYL_PRINTF(1, 2);

/* Shared memory for litmus programs: a page of zeroes at the start of a run, at the same offset in every process. */
void *sim_scratch(void);
enum sim_memory sim_memory_model(void);

/* --- what is left behind ------------------------------------------------------------------------------------------ */

unsigned sim_names(void); /* names that refer to objects */
/* Descriptors and allocations of the calling process. */
unsigned sim_own_descriptors(void);
unsigned sim_own_allocations(void);

#endif
