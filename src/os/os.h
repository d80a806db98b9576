/* SPDX-License-Identifier: MIT
 * What the library needs of the operating system: the only seam. src/os/linux and src/os/posix implement it; the
 * simulation (tests/sim) implements it over its own scheduler. Functions return 0 or an errno value
 * unless they say otherwise. None keeps state but the fork list. */
#ifndef MYL_OS_OS_H
#define MYL_OS_OS_H

#include <myelon/atomic.h>
#include <myelon/segment.h>

#include <sys/types.h>

/* --- objects ---------------------------------------------------------------------------------------------- */

struct myl_os_object_spec {
    enum myl_backend backend;
    const char *path;     /* shm and file: where it is going to be published; NULL for memfd */
    uint64_t bytes;       /* reserved for real: writing to it later cannot fail */
    uint32_t mode;
    int64_t group;        /* 0 = unchanged */
    int huge;             /* hugetlb pages (memfd only) */
    uint32_t seat;        /* its maker's: taken before more than a moment goes by under a temporary name */
};

struct myl_os_object {
    uint64_t bytes;
    uint64_t device, inode;
    uint32_t owner;       /* user id */
    int regular;          /* a regular file, not a directory, device or pipe */
};

/* Where shm names live. */
const char *myl_os_shm_directory(void);

/* Makes an object without a name, sized and reserved. ENOSPC says the memory is not there. */
int myl_os_object_create(const struct myl_os_object_spec *spec, int *fd);
/* Gives it its name in one atomic step. After a failure (EEXIST: the name is taken) the object is only good for
 * closing. */
int myl_os_object_publish(int fd, const char *path);
/* Opens a name without following a link at its end. Falls back to reading only if `may_read_only` and writing is not
 * allowed; *read_only tells. The descriptor has an open-file description of its own. */
int myl_os_object_open(const char *path, int may_read_only, int *fd, int *read_only);
/* Moves a descriptor, just opened, out of the way of the standard ones: where those are closed, a program's output
 * would go into the ring. -1 with errno. */
int myl_os_lift(int fd);
/* Files may be so large here (RLIMIT_FSIZE). Growing one beyond that raises SIGXFSZ. */
int myl_os_fits_limit(uint64_t bytes);
/* Opens the object behind somebody's descriptor again: the lock owner must be ours alone. */
int myl_os_object_reopen(int fd, int *own);
int myl_os_object_stat(int fd, struct myl_os_object *object);
/* 0: the descriptor is of this object; EBADF: of another one, or closed. */
int myl_os_object_is(int fd, const struct myl_os_object *object);
/* Is `fd` still the description through which `object` was opened? 0; EBADF: it was closed, or is something else by
 * now; else it cannot be told. `witness` is a seat held through it: if it looks held by somebody else, then somebody
 * else has opened the same object at this number. MYL_OS_NO_SEAT: none is held. */
#define MYL_OS_NO_SEAT UINT32_MAX
int myl_os_object_check(int fd, const struct myl_os_object *object, uint32_t witness);
/* *same = 1 if `path` still names this object. A missing name is not an error: *same = 0. */
int myl_os_object_is_named(const char *path, const struct myl_os_object *object, int *same);
int myl_os_object_unlink(const char *path);
void myl_os_object_close(int fd);
/* For a descriptor that is not the object's any more: gives up what is kept for it, and closes nothing. */
void myl_os_object_forsake(int fd, const struct myl_os_object *object);
/* Closes in a fork child, unless it is not the object's any more: the seats stay the parent's. */
void myl_os_object_close_in_child(int fd, const struct myl_os_object *object);
/* Bytes free behind directory or file `path`; 0 if it cannot be told. */
uint64_t myl_os_free_bytes(const char *path);
/* Calls visit(name) for every directory entry. Stops on non-zero and returns that; negative errno on failure. */
int myl_os_directory_each(const char *path, int (*visit)(const char *name, void *user), void *user);

/* --- seats: locks that the kernel drops when their owner dies ----------------------------------------------- */

/* EAGAIN: somebody else holds it. */
int myl_os_seat_take(int fd, uint32_t seat);
void myl_os_seat_drop(int fd, uint32_t seat);
/* 1 if held through another description, 0 if free, negative errno if it cannot be told. */
int myl_os_seat_held(int fd, uint32_t seat);

/* --- mapping -------------------------------------------------------------------------------------------------- */

uint64_t myl_os_page_size(void);
/* Shared mapping; not inherited by fork children. */
int myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
/* The same bytes twice in a row. */
int myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
void myl_os_unmap(void *address, uint64_t bytes);

int myl_os_memory_prefault(void *address, uint64_t bytes, int writable);
int myl_os_memory_lock(void *address, uint64_t bytes);
/* Asks for transparent huge pages; ENOTSUP if the mapping did not get them. */
int myl_os_memory_huge(void *address, uint64_t bytes);
/* Moves what is there, too; EIO if it cannot all be moved. */
int myl_os_memory_bind(void *address, uint64_t bytes, uint32_t numa_node);
int myl_os_pin(int cpu);

/* --- waiting ------------------------------------------------------------------------------------------------ */

/* Sleeps while *word == value, at most timeout_ns. Returns 0 (woken, changed, or no reason) or ETIMEDOUT. */
int myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns);
/* *word += 4 and wakes everybody who sleeps on it: one system call where the system can, so that no death falls
 * between. */
void myl_os_wake_add4(myl_au32 *word);
void myl_os_wake(myl_au32 *word);
/* Makes this process a target of myl_os_barrier; nonzero: cannot be. */
int myl_os_barrier_register(void);
/* Every registered running thread of the machine executes a full fence. Nonzero: not available. */
int myl_os_barrier(void);

int64_t myl_os_now(void);       /* CLOCK_MONOTONIC, ns */
uint64_t myl_os_realtime(void); /* CLOCK_REALTIME, ns */
void myl_os_sleep(int64_t ns);
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

/* A process as people may find it again. It decides nothing: pids are used again, and mean something else in another
 * container. */
struct myl_os_identity {
    uint32_t pid;
    uint64_t space;          /* pid namespace; 0: cannot be told */
    uint64_t born;           /* CLOCK_BOOTTIME, ns: it was there at this time */
};
void myl_os_identify(struct myl_os_identity *self);
/* 1: stopped by a signal or a debugger, 0: not, negative errno: cannot be told (also: it is not visible from here, or
 * its pid belongs to another process by now). */
int myl_os_is_stopped(const struct myl_os_identity *who);
uint32_t myl_os_user(void);
uint64_t myl_os_cache_bytes(void); /* of a core's L2 */

/* A handle that must not be used in a fork child. `in_child` runs in the child, single-threaded, and may only close
 * descriptors and write to the handle. */
struct myl_os_fork_node {
    struct myl_os_fork_node *previous, *next;
    void (*in_child)(struct myl_os_fork_node *node);
};
int myl_os_fork_watch(struct myl_os_fork_node *node);
void myl_os_fork_forget(struct myl_os_fork_node *node);

#endif
