/* SPDX-License-Identifier: MIT
 * Shared by the parts of the simulator. Programs and profiles include sim.h only. */
#ifndef MYL_SIM_ENGINE_H
#define MYL_SIM_ENGINE_H

#include <myelon/atomic.h>

#include "coro.h"
#include "sim.h"

#define SIM_PARTICIPANTS 32 /* threads in a run, over all processes */
#define SIM_PROCESSES 24
#define SIM_DESCRIPTORS 32 /* of one process */
#define SIM_OBJECTS 48
#define SIM_LOCKS 80
#define SIM_NAMES 32
#define SIM_STARTS 48
#define SIM_LOCATIONS 8192
#define SIM_HISTORY 8 /* values of a word that a load may return */
#define SIM_BUFFER 8 /* stores in a TSO buffer */
#define SIM_FALLS 8
#define SIM_PAGE 4096U
#define SIM_ARENA_BITS 25
#define SIM_ARENA ((size_t)1 << SIM_ARENA_BITS) /* all shared objects of a run */
#define SIM_STACK ((size_t)96 << 10)

/* For each word the oldest value that may be read, by its number in modification order. */
struct sim_view {
    uint32_t at[SIM_LOCATIONS];
};

/* A copy of a view, attached to a stored value. Words that were first used later are not in it. */
struct sim_snapshot {
    uint32_t count;
    uint32_t at[];
};

enum sim_participant_state { SIM_READY, SIM_ASLEEP, SIM_DONE, SIM_KILLED };
enum sim_wake { SIM_WOKEN, SIM_TIMED_OUT };

struct sim_process;
struct sim_description;

enum { SIM_FUTEXES = 8 }; /* words that one participant can sleep on */

struct sim_participant {
    struct sim_coro coro;
    struct sim_process *process;
    unsigned index;
    enum sim_participant_state state;
    sim_program *program;
    void *argument;
    const char *step; /* the last numbered step of the product */
    uint64_t priority;
    /* while asleep */
    uint64_t futex[SIM_FUTEXES]; /* keys of the words that it sleeps on: os_sim.c */
    unsigned futexes; /* 0: waits for time only */
    int64_t deadline;
    enum sim_wake wake;
    /* while spinning: value of sim.writes at the last pause */
    uint64_t seen_writes;
    int idle;
    /* for TSO */
    struct {
        uint64_t offset, value;
        int64_t since;
        uint32_t bytes;
    } buffer[SIM_BUFFER];
    unsigned buffered;
    /* for the weak model */
    struct sim_view now; /* what it has read, or must read at least */
    struct sim_view acquired; /* what an acquire fence would add */
    const struct sim_snapshot *released; /* what its relaxed stores carry: `now` at its last release fence */
};

struct sim_process {
    unsigned index;
    char name[32];
    struct sim_process_spec spec;
    unsigned restarts_left, incarnation;
    unsigned first_participant; /* the main thread */
    int alive, stopped, dying;
    int signalled, handling; /* its signal handler is pending; is running */
    int registered; /* for the process-wide barrier */
    struct sim_description *descriptor[SIM_DESCRIPTORS];
    unsigned allocations;
};

struct sim_start {
    struct sim_process_spec spec;
    unsigned restarts_left;
    unsigned incarnation;
    int64_t due;
};

/* One simulated word. Its values are numbered; value n is in history[n % SIM_HISTORY]. */
struct sim_location {
    uint64_t offset; /* in the arena */
    uint32_t bytes;
    uint32_t newest;
    struct {
        uint64_t value;
        int64_t time; /* when it was stored */
        const struct sim_snapshot *view;
    } history[SIM_HISTORY];
};

struct sim_engine {
    struct sim_conditions conditions;
    uint64_t random[4];
    uint64_t drawing[4]; /* for sim_draw: does not depend on the course of the run */
    struct sim_coro main;
    struct sim_participant participant[SIM_PARTICIPANTS];
    struct sim_process process[SIM_PROCESSES];
    struct sim_start start[SIM_STARTS];
    unsigned participants, processes, starts;
    struct sim_participant *current; /* NULL: outside a run */
    uint32_t ready, asleep; /* bit sets of participants */
    unsigned event_total; /* sum of the rates */
    unsigned happened[SIM_EVENTS];
    unsigned preemptions, old_loads;
    uint64_t fall_at[SIM_FALLS];
    uint64_t lowest; /* for SIM_PRIORITY */
    int64_t now;
    uint64_t run; /* number of runs so far */
    uint64_t points, writes;
    uint64_t calm_since;   /* point at which the calm part began; 0: not yet */
    int64_t calm_since_ns; /* simulated time at that point */
    int alone;
    enum sim_tracing tracing;
    uint64_t hash;
    struct sim_result *result;
    int (*is_stuck)(char *why, size_t bytes);
    int (*is_due)(const void *argument, char *why,
                  size_t bytes); /* NULL: a long sleep of all participants is always a violation */
};

extern struct sim_engine sim;

/* --- choice.c ---------------------------------------------------------------------------------------------------- */
uint64_t sim_random(void);
void sim_choices_begin(uint64_t seed);
/* Draws with a probability in a random run. Returns 0 when enumerating. */
static inline int sim_luck(unsigned of_65536)
{
    return of_65536 != 0 && sim.conditions.strategy != SIM_ENUMERATE && (sim_random() & 0xffffU) < of_65536;
}

/* --- schedule.c --------------------------------------------------------------------------------------------------- */
/* A scheduling point: another participant may run, or an event may happen, before the caller continues. */
void sim_point(void);
/* The same, for a caller that can only wait. */
void sim_point_idle(void);
/* Sleeps until woken through one of the words, or until `deadline`. */
enum sim_wake sim_sleep(const uint64_t *futex, unsigned futexes, int64_t deadline);
void sim_wake_one(struct sim_participant *participant, enum sim_wake reason);
unsigned sim_wake_futex(uint64_t futex);
void sim_finish(void) __attribute__((noreturn));

/* --- process.c ---------------------------------------------------------------------------------------------------- */
void sim_begin_processes(void);
void sim_launch(unsigned start);
void sim_kill(struct sim_process *process);
int sim_can_restart(void);
void sim_reap(struct sim_process *process);
void sim_stop(struct sim_process *process, int stop);
struct sim_participant *sim_add_participant(struct sim_process *process, sim_program *program, void *argument);

/* --- memory.c ----------------------------------------------------------------------------------------------------- */
void sim_memory_begin(void);
void sim_memory_participant(struct sim_participant *participant);
void sim_memory_drain(struct sim_participant *participant); /* the oldest buffered store */
void sim_memory_drain_all(struct sim_participant *participant);
void sim_memory_fence(struct sim_participant *participant); /* sequentially consistent */
/* Words from `from` to the end of its 64 KiB are not tracked: nothing depends on them. */
void sim_memory_untrack(uint64_t from);
/* [from, from + bytes), whole chunks of 64 KiB, is payload: only picked words have histories and buffers. */
void sim_memory_sparse(uint64_t from, uint64_t bytes);
void sim_memory_pick(uint64_t offset);
int sim_memory_is_picked(uint64_t offset);
void sim_memory_others_store(struct sim_participant *participant); /* before a write to words that are not picked */
void sim_memory_others_load(struct sim_participant *participant); /* before a read of them */
/* The effect of an access, without its scheduling point. */
uint64_t sim_memory_load(uint64_t offset, unsigned bytes, enum myl_sim_order order);
void sim_memory_store(uint64_t offset, unsigned bytes, uint64_t value, enum myl_sim_order order);
/* Returns a word's index in views (weak model). */
unsigned sim_memory_locate(uint64_t offset, unsigned bytes);
void sim_view_join(struct sim_view *to, const struct sim_view *from);
/* A kernel lock that orders memory: joins the participant's view and `shared`, both ways. */
void sim_memory_sync(struct sim_participant *participant, struct sim_view *shared);
/* The kernel reads or adds to a word, without a scheduling point. */
uint64_t sim_memory_peek(struct sim_participant *participant, uint64_t offset, unsigned bytes);
uint64_t sim_memory_add(struct sim_participant *participant, uint64_t offset, unsigned bytes, uint64_t value);

/* --- kernel.c ----------------------------------------------------------------------------------------------------- */
struct sim_object {
    uint64_t offset, bytes; /* in the arena */
    uint64_t inode;
    uint64_t lock_acquired_at[SIM_LOCKS], lock_released_at[SIM_LOCKS]; /* the last points at which that happened */
    unsigned descriptions, names; /* the object is freed when both are 0 */
    const struct sim_description *lock[SIM_LOCKS]; /* the lock's owner */
    struct sim_view locks; /* ordered by the kernel's lock of its list of locks */
};

/* An open file description: the owner of a lock. Descriptors share one after a dup. */
struct sim_description {
    struct sim_object *object; /* NULL: not in use */
    unsigned descriptors;
    int writable;
};

struct sim_name {
    char path[64];
    struct sim_object *object; /* NULL: not in use */
};

void sim_kernel_set_up(void); /* once per process */
void sim_kernel_begin(void);
unsigned char *sim_arena(void);
/* Translates an address of the running process to its offset in the arena; 0: in no shared object. Ends the run if the
 * process may not access it this way. */
int sim_offset_of(const void *address, int writing, uint64_t *offset);
int sim_object_make(uint64_t bytes, struct sim_object **object); /* ENOSPC */
int sim_descriptor_make(struct sim_process *process, struct sim_object *object, int writable, int *fd); /* EMFILE */
void sim_lock_leave(struct sim_object *object, unsigned lock);
void sim_descriptor_close(struct sim_process *process, unsigned index);
struct sim_description *sim_description_of(const struct sim_process *process, int fd);
struct sim_name *sim_name_find(const char *path);
int sim_name_make(const char *path, struct sim_object *object); /* EEXIST */
void sim_name_drop(struct sim_name *name);
struct sim_name *sim_name_at(unsigned index); /* NULL: after the last one */
int sim_map(struct sim_process *process, const struct sim_object *object, uint64_t offset, uint64_t bytes, int writable,
            void **address);
/* The same, mapped twice in a row: see kernel.c. */
int sim_map_twice(struct sim_process *process, const struct sim_object *object, uint64_t offset, uint64_t bytes,
                  int writable, void **address);
void sim_unmap(struct sim_process *process, const void *address, uint64_t bytes);
const struct sim_object *sim_object_at(uint64_t offset);
const struct sim_object *sim_object_numbered(uint64_t inode);
extern struct sim_view sim_directory; /* what changes of names order */
/* Locked by a waiter between its check of the word and its sleep, and by a waker. One for all futexes, because two
 * futexes may share a queue's lock. */
extern struct sim_view sim_futex_queues;

/* --- alloc.c -------------------------------------------------------------------------------------------------------
 * */
void sim_alloc_begin(void);

/* --- trace.c -------------------------------------------------------------------------------------------------------
 * */
enum sim_op {
    SIM_OP_LOAD,
    SIM_OP_STORE,
    SIM_OP_ADD,
    SIM_OP_CAS,
    SIM_OP_FENCE,
    SIM_OP_DRAINED,
    SIM_OP_LOCK,
    SIM_OP_FUTEX,
    SIM_OP_TIME,
    SIM_OP_NAME,
    SIM_OP_EVENT
};

static inline void sim_hash(enum sim_op op, uint64_t a, uint64_t b)
{
    uint64_t who = sim.current == NULL ? 99 : sim.current->index;
    sim.hash = (sim.hash ^ (a * 8 + (uint64_t)op) ^ (b << 20) ^ (who << 56)) * UINT64_C(0x9e3779b97f4a7c15);
    sim.hash ^= sim.hash >> 29;
}

void sim_trace_word(const char *what, uint64_t offset, uint64_t value, const char *remark);
void sim_trace(const char *format, ...) MYL_PRINTF(1, 2);
#define SIM_TRACE(...) \
    do { \
        if (__builtin_expect(sim.tracing, 0)) \
            sim_trace(__VA_ARGS__); \
    } while (0)

#endif
