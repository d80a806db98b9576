/* SPDX-License-Identifier: MIT
 * What the parts of the simulator share. Programs and profiles include sim.h only. */
#ifndef MYL_SIM_ENGINE_H
#define MYL_SIM_ENGINE_H

#include <myelon/atomic.h>

#include "coro.h"
#include "sim.h"

#define SIM_PARTIES 32 /* threads in a run, of all processes */
#define SIM_PROCESSES 24
#define SIM_DESCRIPTORS 32 /* of one process */
#define SIM_OBJECTS 48
#define SIM_SEATS 80
#define SIM_NAMES 32
#define SIM_STARTS 48
#define SIM_LOCATIONS 8192
#define SIM_HISTORY 8 /* values of a word that a load may still give */
#define SIM_BUFFER 8 /* stores in a TSO buffer */
#define SIM_FALLS 8
#define SIM_PAGE 4096U
#define SIM_ARENA_BITS 25
#define SIM_ARENA ((size_t)1 << SIM_ARENA_BITS) /* all shared objects of a run */
#define SIM_STACK ((size_t)96 << 10)

/* For each word the oldest value that may still be seen, as a number in the order in which it was written. */
struct sim_view {
    uint32_t at[SIM_LOCATIONS];
};

/* A view as it was, attached to a stored value; words made later are not in it. */
struct sim_snapshot {
    uint32_t count;
    uint32_t at[];
};

enum sim_party_state { SIM_READY, SIM_ASLEEP, SIM_DONE, SIM_KILLED };
enum sim_wake { SIM_WOKEN, SIM_TIMED_OUT };

struct sim_process;
struct sim_description;

struct sim_party {
    struct sim_coro coro;
    struct sim_process *process;
    unsigned index;
    enum sim_party_state state;
    sim_program *program;
    void *argument;
    const char *step; /* the last numbered step of the product */
    uint64_t priority;
    /* asleep */
    uint64_t futex; /* arena offset + 1; 0: sleeps on nothing but time */
    int64_t deadline;
    enum sim_wake wake;
    /* spinning: what had been written, by anybody, at the last pause */
    uint64_t seen_writes;
    int idle;
    /* TSO */
    struct {
        uint64_t offset, value;
        int64_t since;
        uint32_t bytes;
    } buffer[SIM_BUFFER];
    unsigned buffered;
    /* weak */
    struct sim_view now; /* what it has seen, or must */
    struct sim_view acquired; /* what an acquire fence would add */
    const struct sim_snapshot *released; /* what its relaxed stores carry: `now` at its last fence */
};

struct sim_process {
    unsigned index;
    char name[32];
    struct sim_process_spec spec;
    unsigned restarts_left, incarnation;
    unsigned first_party; /* the main thread */
    int alive, stopped, dying;
    int registered; /* for the barrier */
    struct sim_description *descriptor[SIM_DESCRIPTORS];
    unsigned allocations;
};

struct sim_start {
    struct sim_process_spec spec;
    unsigned restarts_left;
    unsigned incarnation;
    int64_t due;
};

/* One simulated word. Values are numbered; value n is in history[n % SIM_HISTORY]. */
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
    uint64_t drawing[4]; /* for sim_draw: independent of how the run goes */
    struct sim_coro main;
    struct sim_party party[SIM_PARTIES];
    struct sim_process process[SIM_PROCESSES];
    struct sim_start start[SIM_STARTS];
    unsigned parties, processes, starts;
    struct sim_party *current; /* NULL: outside a run */
    uint32_t ready, asleep; /* bits of parties */
    unsigned event_total; /* sum of the rates */
    unsigned happened[SIM_EVENTS];
    unsigned preemptions, old_loads;
    uint64_t fall_at[SIM_FALLS];
    uint64_t lowest; /* priority */
    int64_t now;
    uint64_t run; /* the runs so far */
    uint64_t points, writes;
    uint64_t calm_since; /* points at which it became calm; 0: not yet */
    int alone;
    enum sim_tracing tracing;
    uint64_t hash;
    struct sim_result *result;
    int (*is_due)(const void *argument, char *why,
                  size_t bytes); /* NULL: whenever all sleep for long, something is wrong */
};

extern struct sim_engine sim;

/* --- choice.c ---------------------------------------------------------------------------------------------------- */
uint64_t sim_random(void);
void sim_choices_begin(uint64_t seed);
/* A chance, in a random run; never, when enumerating. */
static inline int sim_luck(unsigned of_65536)
{
    return of_65536 != 0 && sim.conditions.strategy != SIM_ENUMERATE && (sim_random() & 0xffffU) < of_65536;
}

/* --- schedule.c --------------------------------------------------------------------------------------------------- */
/* A scheduling point: somebody else may run, or something may happen, before the caller goes on. */
void sim_point(void);
/* The same, and the caller says that it has nothing to do but wait. */
void sim_point_idle(void);
/* Sleeps until woken or until `deadline`. */
enum sim_wake sim_sleep(uint64_t futex, int64_t deadline);
void sim_wake_one(struct sim_party *party, enum sim_wake reason);
unsigned sim_wake_futex(uint64_t futex);
void sim_finish(void) __attribute__((noreturn));

/* --- process.c ---------------------------------------------------------------------------------------------------- */
void sim_begin_processes(void);
void sim_launch(unsigned start);
void sim_kill(struct sim_process *process);
int sim_can_restart(void);
void sim_reap(struct sim_process *process);
void sim_stop(struct sim_process *process, int stop);
struct sim_party *sim_add_party(struct sim_process *process, sim_program *program, void *argument);

/* --- memory.c ----------------------------------------------------------------------------------------------------- */
void sim_memory_begin(void);
void sim_memory_party(struct sim_party *party);
void sim_memory_drain(struct sim_party *party); /* the oldest buffered store */
void sim_memory_drain_all(struct sim_party *party);
void sim_memory_fence(struct sim_party *party); /* sequentially consistent */
/* From `from` to the end of its 64 KiB: words that nothing depends on. */
void sim_memory_untrack(uint64_t from);
/* [from, from + bytes), whole chunks of 64 KiB: payload, of which only picked words have histories and buffers. */
void sim_memory_sparse(uint64_t from, uint64_t bytes);
void sim_memory_pick(uint64_t offset);
int sim_memory_is_picked(uint64_t offset);
void sim_memory_others_store(struct sim_party *party); /* words that are not picked are about to be written */
void sim_memory_others_load(struct sim_party *party); /* ... or read */
/* What an access does, without its scheduling point. */
uint64_t sim_memory_load(uint64_t offset, unsigned bytes, enum myl_sim_order order);
void sim_memory_store(uint64_t offset, unsigned bytes, uint64_t value, enum myl_sim_order order);
/* A word's number in views (weak memory). */
unsigned sim_memory_locate(uint64_t offset, unsigned bytes);
void sim_view_join(struct sim_view *to, const struct sim_view *from);
/* Kernel code that takes a lock which orders memory: both ways through `shared`. */
void sim_memory_sync(struct sim_party *party, struct sim_view *shared);
/* The kernel reads or adds to a word, without a scheduling point. */
uint64_t sim_memory_peek(struct sim_party *party, uint64_t offset, unsigned bytes);
uint64_t sim_memory_add(struct sim_party *party, uint64_t offset, unsigned bytes, uint64_t value);

/* --- kernel.c ----------------------------------------------------------------------------------------------------- */
struct sim_object {
    uint64_t offset, bytes; /* in the arena */
    uint64_t inode;
    uint64_t seat_taken_at[SIM_SEATS], seat_left_at[SIM_SEATS]; /* the points at which that happened last */
    unsigned descriptions, names; /* gone when both are 0 */
    const struct sim_description *seat[SIM_SEATS]; /* who holds it */
    struct sim_view seats; /* ordered by the lock of the kernel's list of locks */
};

/* An open-file description: what a lock belongs to. Descriptors share one after a dup. */
struct sim_description {
    struct sim_object *object; /* NULL: not in use */
    unsigned descriptors;
    int writable;
};

struct sim_name {
    char path[64];
    struct sim_object *object; /* NULL: not in use */
};

void sim_kernel_set_up(void); /* once */
void sim_kernel_begin(void);
unsigned char *sim_arena(void);
/* Where a host address of the running process lies in the arena; 0: in no shared object. Ends the run if the process
 * may not touch it so. */
int sim_offset_of(const void *address, int writing, uint64_t *offset);
int sim_object_make(uint64_t bytes, struct sim_object **object); /* ENOSPC */
int sim_descriptor_make(struct sim_process *process, struct sim_object *object, int writable, int *fd); /* EMFILE */
void sim_seat_leave(struct sim_object *object, unsigned seat);
void sim_descriptor_close(struct sim_process *process, unsigned index);
struct sim_description *sim_description_of(const struct sim_process *process, int fd);
struct sim_name *sim_name_find(const char *path);
int sim_name_make(const char *path, struct sim_object *object); /* EEXIST */
void sim_name_drop(struct sim_name *name);
struct sim_name *sim_name_at(unsigned index); /* NULL: behind the last */
int sim_map(struct sim_process *process, const struct sim_object *object, uint64_t offset, uint64_t bytes, int writable,
            void **address);
/* The same, twice in a row: see kernel.c. */
int sim_map_twice(struct sim_process *process, const struct sim_object *object, uint64_t offset, uint64_t bytes,
                  int writable, void **address);
void sim_unmap(struct sim_process *process, const void *address, uint64_t bytes);
const struct sim_object *sim_object_at(uint64_t offset);
const struct sim_object *sim_object_numbered(uint64_t inode);
extern struct sim_view sim_directory; /* what changes of names carry along */
/* Taken by a waiter between its look at the word and its sleep, and by the waker. One for all futexes: any two may
 * share the lock of a queue. */
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
    SIM_OP_SEAT,
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
