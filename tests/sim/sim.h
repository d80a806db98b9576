/* SPDX-License-Identifier: MIT
 * The simulator as programs and profiles see it: processes are started in it, run under a seed, and everything they do
 * to shared memory, seats, names, futexes and clocks is a decision of the simulator. README.md explains. */
#ifndef MYL_SIM_H
#define MYL_SIM_H

#include <myelon/base.h>

#include <stddef.h>
#include <stdint.h>

/* How memory behaves. */
enum sim_memory {
    SIM_MEMORY_SC, /* every access takes effect at once and everywhere */
    SIM_MEMORY_TSO, /* stores wait in a buffer, in order, as on x86 */
    SIM_MEMORY_WEAK, /* C11: loads may give old values unless an order forbids it, as on ARM */
    SIM_MEMORIES
};

/* Who runs next. */
enum sim_strategy {
    SIM_WALK, /* anybody, with some inertia */
    SIM_PRIORITY, /* the highest priority; at a few random points the running one falls to the bottom */
    SIM_ENUMERATE, /* every possibility in turn, within the bounds below */
    SIM_STRATEGIES
};

/* What may happen at a scheduling point beside somebody running on. */
enum sim_event {
    SIM_DRAIN, /* a store leaves a buffer */
    SIM_TICK, /* time passes: somebody's timeout is over */
    SIM_SPURIOUS, /* a sleeper wakes for no reason */
    SIM_KILL, /* SIGKILL */
    SIM_STOP, /* SIGSTOP */
    SIM_CONTINUE, /* SIGCONT */
    SIM_REAP, /* a dying process loses its next descriptor, and with the last one it is gone */
    SIM_START, /* a process that is due starts */
    SIM_EVENTS
};

/* What may fail. */
enum sim_fault {
    SIM_FAULT_MEMORY, /* malloc */
    SIM_FAULT_REGISTER, /* registering for the process-wide barrier */
    SIM_FAULT_BARRIER, /* the barrier itself */
    SIM_FAULT_SYSTEM, /* open, create, map, lock: no descriptors, no memory, no space, no locks */
    SIM_FAULTS
};

#define SIM_ALWAYS 65536U /* chances are in 65536ths */
#define SIM_NEVER_SETTLES INT64_MAX

/* The conditions of one run. */
struct sim_conditions {
    enum sim_memory memory;
    enum sim_strategy strategy;
    unsigned stick; /* chance that the running one goes on (SIM_WALK) */
    unsigned rate[SIM_EVENTS]; /* chance per scheduling point */
    unsigned most[SIM_EVENTS]; /* how often in a run */
    unsigned fault[SIM_FAULTS]; /* chance per occasion */
    unsigned stale; /* chance that a load gives an old value it may give */
    int64_t settle_ns; /* after so long a store is seen by everybody */
    int64_t clock_ns; /* a look at the clock takes up to so long */
    int64_t patience_ns; /* nobody may have to sleep longer than this while nobody can run */
    unsigned chaos_points; /* scheduling points before everything calms down and must come to an end */
    unsigned calm_points; /* ... which it must within so many more */
    unsigned falls; /* SIM_PRIORITY: how often somebody falls */
    unsigned preemptions; /* SIM_ENUMERATE: how often somebody is interrupted while it could go on */
    int bounded; /* SIM_ENUMERATE: ... and how often at all something happens out of turn: see by_delay */
    unsigned old_loads; /* SIM_ENUMERATE: how many loads give old values */
};

/* How a run ended. */
struct sim_result {
    const char *invariant; /* NULL: nothing is wrong; else a short name of what was violated */
    char detail[512];
    uint64_t points; /* scheduling points */
    uint64_t hash; /* of everything that happened, in order */
};

typedef void sim_program(void *argument);

/* A process to be: name for traces, what it runs, what happens after it was killed. */
struct sim_process_spec {
    const char *name;
    sim_program *program;
    void *argument;
    unsigned restarts; /* it is started again after so many kills */
    int mortal; /* may be killed, as long as it is started again */
    int expendable; /* may be killed for good, too */
    int64_t delay_ns; /* starts so much later at the earliest, the first time */
    void (*on_kill)(void *argument); /* tells the checker, at the instant of the kill */
};

/* --- running -------------------------------------------------------------------------------------------------- */

/* Runs `setup` (which starts processes) and everything that follows from it, under `seed`. */
void sim_run(uint64_t seed, const struct sim_conditions *conditions, void (*setup)(void *), void *argument,
             struct sim_result *result);

/* For SIM_ENUMERATE: the next run makes the first choices in a row that were not made yet. 0: all were. */
void sim_enumerate_reset(void);
int sim_enumerate_next(void);
/* The choices of the last run as text, and taking them from there instead. */
void sim_choices_print(void);
int sim_choices_parse(const char *text);

/* Writes down every event of the runs to come, with symbolic names: prints it, or keeps the last few hundred. */
enum sim_tracing { SIM_TRACE_OFF, SIM_TRACE_ALL, SIM_TRACE_TAIL };
void sim_trace_enable(enum sim_tracing how);
void sim_trace_print_tail(void);

/* --- from within a run ------------------------------------------------------------------------------------------ */

void sim_start(const struct sim_process_spec *spec);
/* The last act of a checker that found something: ends the run. */
void sim_violation(const char *invariant, const char *format, ...) MYL_PRINTF(2, 3) __attribute__((noreturn));
#define SIM_CHECK(condition, invariant, ...) \
    do { \
        if (!(condition)) \
            sim_violation(invariant, __VA_ARGS__); \
    } while (0)

/* A number below n that depends on the seed alone (SIM_ENUMERATE: on nothing but the seed, too). */
unsigned sim_draw(unsigned n);
int sim_chance(unsigned of_65536);
/* A decision of the world: below n; SIM_ENUMERATE tries them all. */
unsigned sim_choose(unsigned n);

/* Between 1 and 0 the caller runs alone, and nothing is old, killed or late: for getting ready. */
void sim_alone(int on);
/* 1 once everything has calmed down: no more kills, stops and old values. */
int sim_is_calm(void);
/* How many living parties there are beside the caller's process. */
unsigned sim_others_alive(void);
int64_t sim_now(void);
/* Scheduling points so far. */
uint64_t sim_points(void);
/* Asked when everybody sleeps, of each who will do so for longer than patience_ns: is there something that it should be
 * awake for? `argument` is its process's, `why` says what. Without this, there always is. */
void sim_when_all_sleep(int (*is_due)(const void *argument, char *why, size_t bytes));
/* Does a name lead to the object with this inode? */
int sim_is_named(uint64_t inode);
/* The inode of the ring with this session id; 0: there is none. */
uint64_t sim_inode_of_session(uint64_t session);
/* The last point so far at which nobody held the producer's seat of this lane of the object with this inode. */
uint64_t sim_seat_was_free(uint64_t inode, uint32_t lane);
/* The last point so far at which somebody held the seat of this entry of lane 0. */
uint64_t sim_seat_was_held(uint64_t inode, uint32_t entry);
/* Plain accesses to an event's words: see data.c. */
uint64_t sim_data_load(const void *word);
void sim_data_store(void *word, uint64_t value);
/* memcpy from or to shared memory, or neither. */
void *sim_copy(void *to, const void *from, size_t bytes);
/* A relaxed load of one byte. */
unsigned char sim_load_byte(const unsigned char *at);
/* The calling process: unique within the run. */
unsigned sim_self(void);
const char *sim_self_name(void);
/* Puts a line of the checker's into the trace. */
void sim_note(const char *format, ...) MYL_PRINTF(1, 2);

/* Shared memory for litmus programs: a page of zeroes at the start of a run, the same bytes in every process. */
void *sim_scratch(void);
enum sim_memory sim_memory_model(void);

/* --- what is left behind ------------------------------------------------------------------------------------------ */

unsigned sim_names(void); /* names that lead to objects */
/* Descriptors and allocations of the calling process. */
unsigned sim_own_descriptors(void);
unsigned sim_own_allocations(void);

#endif
