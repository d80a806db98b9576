/* SPDX-License-Identifier: MIT
 * The interface to the operating system. src/os/linux and src/os/posix implement it, and the simulator (tests/sim) on
 * its own scheduler. Functions return 0 or an errno value unless stated otherwise. The list of fork handlers is the
 * only state. */
#ifndef MYL_OS_OS_H
#define MYL_OS_OS_H

#include <myelon/atomic.h>
#include <myelon/segment.h>

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* --- places ----------------------------------------------------------------------------------------------- */

/* A name, and its directory as an open descriptor. The name keeps its meaning when the directory is replaced by a
 * symbolic link, or when the process changes its working directory. */
struct myl_os_place {
    int directory;           /* -1: not open */
    const char *name;        /* last part of the path that it was opened with; points into that path */
    uint64_t device, inode;  /* of the directory */
};
int myl_os_place_open(const char *path, struct myl_os_place *place);
void myl_os_place_close(struct myl_os_place *place);
/* Checks a place that has been open for long. If the directory's descriptor number belongs to another file now, forgets
 * it, so that closing the place leaves that file open. */
void myl_os_place_check(struct myl_os_place *place);

/* --- objects ---------------------------------------------------------------------------------------------- */

struct myl_os_object_spec {
    enum myl_backend backend;
    const struct myl_os_place *place; /* shm and file: where it will be published; NULL for memfd */
    uint64_t bytes;       /* all reserved: a later write cannot fail */
    uint32_t mode;
    int64_t group;        /* -1 = unchanged */
    int huge;             /* hugetlb pages (memfd only) */
    uint32_t lock_index;  /* the creator's lock, acquired as soon as the object has a temporary name */
};

struct myl_os_object {
    uint64_t bytes;
    uint64_t device, inode;
    uint32_t owner;       /* user id */
    int regular;          /* a regular file, not a directory, device or pipe */
};

/* The directory of shm names. */
const char *myl_os_shm_directory(void);

/* Creates an object without a name, with its size set and its memory reserved. ENOSPC: not enough memory. */
int myl_os_object_create(const struct myl_os_object_spec *spec, int *fd);
/* Gives the object its name, atomically. EEXIST: the name is taken. After a failure the object can only be closed. */
int myl_os_object_publish(int fd, const struct myl_os_place *place);
/* Opens a name without following a symbolic link. If writing is not allowed and `may_read_only` is set, opens it for
 * reading and sets *read_only. The descriptor has an open file description of its own. */
int myl_os_object_open(const struct myl_os_place *place, int may_read_only, int *fd, int *read_only);
/* Moves a new descriptor above the standard ones. Otherwise, in a process with closed standard descriptors, output
 * would go into the ring. Returns the descriptor, or -1 with errno set. */
int myl_os_lift(int fd);
/* Returns 1 if a file may have this size (RLIMIT_FSIZE). Growing a file beyond the limit raises SIGXFSZ. */
int myl_os_fits_limit(uint64_t bytes);
/* Opens the object of a foreign descriptor again, to get an open file description of our own: it owns the locks. */
int myl_os_object_reopen(int fd, int *own);
int myl_os_object_stat(int fd, struct myl_os_object *object);
/* Reads up to `bytes`; *got is less at the end of the object. */
int myl_os_object_read(int fd, uint64_t offset, void *to, uint64_t bytes, uint64_t *got);
/* *missing: how many of the first `bytes` lie in holes, by the number of blocks. 0 if the system cannot tell. *exact is
 * false where the file system counts blocks of its own too: there may be more holes than *missing. */
int myl_os_object_missing(int fd, uint64_t bytes, uint64_t *missing, bool *exact);
/* Fills the holes without changing content, also while other processes write. ENOSPC: not enough memory. Returns 0
 * without doing anything where the file system cannot reserve, and in src/os/posix: the portable way would overwrite
 * content with zeros. */
int myl_os_object_reserve(int fd, uint64_t bytes);
/* *sealed = 1: a memfd whose size cannot change (F_SEAL_SHRINK, F_SEAL_GROW). 0: its size can change, or it is no
 * memfd. */
int myl_os_object_sealed(int fd, int *sealed);
/* Returns 0 if the descriptor refers to this object, EBADF if it is closed or refers to another one. */
int myl_os_object_is(int fd, const struct myl_os_object *object);
/* Checks that `fd` is still the open file description through which `object` was opened. Returns 0, EBADF (closed or
 * reused since), or another error (unknown). `owned_lock` is a lock held through `fd`, or MYL_OS_NO_LOCK. If another
 * description seems to hold that lock, then the same object was opened again at this number. */
#define MYL_OS_NO_LOCK UINT32_MAX
int myl_os_object_check(int fd, const struct myl_os_object *object, uint32_t owned_lock);
/* *same = 1 if `place` still names this object. A missing name is no error: *same = 0. */
int myl_os_object_is_named(const struct myl_os_place *place, const struct myl_os_object *object, int *same);
int myl_os_object_unlink(const struct myl_os_place *place);
void myl_os_object_close(int fd);
/* For a descriptor number that no longer refers to the object: frees what is stored for it, and does not close it. */
void myl_os_object_abandon(int fd, const struct myl_os_object *object);
/* In a fork child: closes the descriptor if it still refers to the object. The parent keeps its locks. */
void myl_os_object_close_in_child(int fd, const struct myl_os_object *object);
/* How large an object at `place` can be, or a memfd (NULL), and what sets the limit. An estimate: other processes take
 * memory too, and only the reservation decides. */
enum myl_os_scarce {
    MYL_OS_SCARCE_SPACE,     /* of the file system */
    MYL_OS_SCARCE_INODES,    /* of the file system */
    MYL_OS_SCARCE_MEMORY,    /* of the machine */
    MYL_OS_SCARCE_GROUP,     /* limit of the memory cgroup with directory `where` */
};
struct myl_os_room {
    uint64_t bytes;          /* UINT64_MAX: no known limit */
    enum myl_os_scarce scarce;
    char where[128];
};
int myl_os_room(const struct myl_os_place *place, struct myl_os_room *room);
/* Calls visit(name) for each directory entry until it returns nonzero. Returns that value, or a negative errno. */
int myl_os_directory_each(const char *path, int (*visit)(const char *name, void *user), void *user);

/* --- locks that the kernel releases when their owner dies ----------------------------------------------- */

/* EAGAIN: another participant holds it. EBUSY: no participant does, but a process with read access has a read lock on
 * it. */
int myl_os_lock_acquire(int fd, uint32_t lock_index);
void myl_os_lock_release(int fd, uint32_t lock_index);
/* Returns 1 if the lock is held through another description, 0 if it is free, a negative errno if that is unknown. */
int myl_os_lock_held(int fd, uint32_t lock_index);
/* As myl_os_lock_held, for `count` locks from `first` on: 1 if at least one is held. One system call where possible. */
int myl_os_any_lock_held(int fd, uint32_t first, uint32_t count);

/* --- mapping -------------------------------------------------------------------------------------------------- */

uint64_t myl_os_page_size(void);
/* Maps shared memory, which fork children do not inherit. */
int myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
/* Maps the same bytes twice, one mapping directly after the other. */
int myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
void myl_os_unmap(void *address, uint64_t bytes);

int myl_os_memory_prefault(void *address, uint64_t bytes, int writable);
int myl_os_memory_lock(void *address, uint64_t bytes);
/* Requests transparent huge pages. ENOTSUP: the mapping did not get any. */
int myl_os_memory_huge(void *address, uint64_t bytes);
/* Binds the memory to a node and moves its pages there. EIO: not all pages could be moved. */
int myl_os_memory_bind(void *address, uint64_t bytes, uint32_t numa_node);
int myl_os_pin(int cpu);
/* The CPUs that the calling thread may run on. `known` is 0 if the system cannot tell; then setting does nothing. */
struct myl_os_affinity {
    int known;
    unsigned char cpus[128];
};
void myl_os_affinity_get(struct myl_os_affinity *affinity);
void myl_os_affinity_set(const struct myl_os_affinity *affinity);

/* --- waiting ------------------------------------------------------------------------------------------------ */

/* Sleeps while *word == value, at most timeout_ns. Returns 0 (woken, changed, or spurious), ETIMEDOUT, or EINTR (a
 * signal handler ran). */
int myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns);
/* As myl_os_park, while each of the words has its value; `count` is at least 1. Up to MYL_OS_PARK_WORDS words it sleeps
 * until one changes. With more, and where the kernel waits for one word only, it also checks at intervals:
 * docs/waiting.md, "Waiting on many". */
struct myl_os_park_word {
    myl_au32 *word;
    uint32_t value;
};
#define MYL_OS_PARK_WORDS 128U
int myl_os_park_any(const struct myl_os_park_word *words, uint32_t count, int64_t timeout_ns);
/* Has one of the words another value? */
bool myl_os_word_changed(const struct myl_os_park_word *words, uint32_t count);
/* As myl_os_park_any, by checks at intervals that grow from 20 us to 1 ms. */
int myl_os_park_by_checks(const struct myl_os_park_word *words, uint32_t count, int64_t timeout_ns);
/* Adds 4 to *word and wakes all sleepers. One system call where possible, so that a crash cannot separate the two. */
void myl_os_wake_add4(myl_au32 *word);
void myl_os_wake(myl_au32 *word);
/* Registers this process as a target of myl_os_barrier. Nonzero: not available. */
int myl_os_barrier_register(void);
/* Executes a full fence in every running thread of all registered processes. Nonzero: not available. */
int myl_os_barrier(void);

/* An event that event loops can wait for: `fd` is readable while it is set. It is made unset. */
struct myl_os_event {
    int fd;
    int writer;              /* the other end, or the same */
};
int myl_os_event_open(struct myl_os_event *event);
void myl_os_event_set(const struct myl_os_event *event);
void myl_os_event_clear(const struct myl_os_event *event);
void myl_os_event_close(struct myl_os_event *event);

int64_t myl_os_now(void);       /* CLOCK_MONOTONIC, ns */
uint64_t myl_os_realtime(void); /* CLOCK_REALTIME, ns */
int myl_os_sleep(int64_t ns);   /* 0, or EINTR: a signal handler ended the sleep early */
void myl_os_yield(void);
#ifdef MYL_SIM
void myl_os_pause(void);
#else
static inline void myl_os_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#else
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}
#endif

/* --- the rest ------------------------------------------------------------------------------------------------ */

int myl_os_random(void *bytes, size_t count);
uint32_t myl_os_pid(void);
/* Starts a thread that blocks all signals but those that a fault of its own raises. `attributes` may be NULL. */
int myl_os_thread_start(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);
/* Names the calling thread for debuggers and `ps`, up to 15 bytes. Does nothing where the system cannot. */
void myl_os_thread_name(const char *name);

/* Identifies a process, for information only: a pid is reused, and another pid namespace has other pids. */
struct myl_os_identity {
    uint32_t pid;
    uint64_t pid_namespace;  /* inode of the pid namespace; 0: unknown */
    uint64_t started_ns;     /* CLOCK_BOOTTIME, ns: the process existed at this time */
};
void myl_os_identify(struct myl_os_identity *self);
/* Returns 1 if the process is stopped by a signal or a debugger, 0 if not, a negative errno if that is unknown. ESRCH:
 * the process is not visible from here, or its pid belongs to another process now. */
int myl_os_is_stopped(const struct myl_os_identity *who);
uint32_t myl_os_user(void);
/* The user id that stands for all users that have no id in this user namespace. UINT32_MAX: there is none. */
uint32_t myl_os_overflow_user(void);
uint64_t myl_os_cache_bytes(void); /* of the L2 cache of one core */

/* A handle that must not be used in a fork child. `in_child` runs in the child, which has one thread then. It may only
 * close descriptors and write to the handle. */
struct myl_os_fork_node {
    struct myl_os_fork_node *previous, *next;
    void (*in_child)(struct myl_os_fork_node *node);
};
int myl_os_fork_watch(struct myl_os_fork_node *node);
void myl_os_fork_forget(struct myl_os_fork_node *node);

#endif
