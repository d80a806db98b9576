/* SPDX-License-Identifier: MIT
 * The wrappers. cmake finds the names of the wrapped calls by the lines "WRAP(type, name, ...". */
#define _GNU_SOURCE
#include "fault/seam.h"

#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sys/random.h>
#include <sys/vfs.h>

#define FAULT_NAME(name, ...) [FAULT_##name] = #name,
const char *const fault_call_names[FAULT_CALL_COUNT] = {FAULT_CALLS(FAULT_NAME)};
#define FAULT_ERRORS(name, ...) [FAULT_##name] = (const int[]){__VA_ARGS__, 0},
const int *const fault_call_errors[FAULT_CALL_COUNT] = {FAULT_CALLS(FAULT_ERRORS)};

static _Thread_local const struct fault *armed;
static _Thread_local unsigned calls, hits, made[FAULT_CALL_COUNT];

void fault_arm(const struct fault *fault)
{
    calls = hits = 0;
    memset(made, 0, sizeof made);
    armed = fault;
}

unsigned fault_made(enum fault_call call)
{
    return made[call];
}

unsigned fault_disarm(void)
{
    armed = NULL;
    return hits;
}

/* Returns the errno value with which this call must fail, or 0. */
static int due(enum fault_call call)
{
    made[call]++;
    if (armed == NULL || armed->call != call)
        return 0;
    calls++;
    if (calls < armed->nth || (calls > armed->nth && !armed->for_ever))
        return 0;
    hits++;
    return armed->err;
}

/* Name, parameters, arguments, and the value returned when `err` is to be reported. */
#define WRAP(type, name, parameters, arguments, failure)                                                               \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        int err = due(FAULT_##name);                                                                                   \
        return err != 0 ? (failure) : __real_##name arguments;                                                         \
    }
#define BY_ERRNO(result) (errno = err, (result))

/* clang-format off */
WRAP(void *, malloc, (size_t bytes), (bytes), BY_ERRNO(NULL))
WRAP(void *, calloc, (size_t count, size_t bytes), (count, bytes), BY_ERRNO(NULL))
WRAP(void *, aligned_alloc, (size_t alignment, size_t bytes), (alignment, bytes), BY_ERRNO(NULL))
WRAP(int, pthread_create, (pthread_t *thread, const pthread_attr_t *a, void *(*f)(void *), void *x),
     (thread, a, f, x), err)
WRAP(int, myl_os_place_open, (const char *path, struct myl_os_place *place), (path, place), err)
WRAP(int, myl_os_object_create, (const struct myl_os_object_spec *spec, int *fd), (spec, fd), err)
WRAP(int, myl_os_object_publish, (int fd, const struct myl_os_place *place), (fd, place), err)
WRAP(int, myl_os_object_open, (const struct myl_os_place *place, int may, int *fd, int *read_only),
     (place, may, fd, read_only), err)
WRAP(int, myl_os_object_reopen, (int fd, int *own), (fd, own), err)
WRAP(int, myl_os_object_stat, (int fd, struct myl_os_object *object), (fd, object), err)
WRAP(int, myl_os_object_read, (int fd, uint64_t at, void *to, uint64_t bytes, uint64_t *got), (fd, at, to, bytes, got),
     err)
WRAP(int, myl_os_object_missing, (int fd, uint64_t bytes, uint64_t *missing, bool *exact),
     (fd, bytes, missing, exact), err)
WRAP(int, myl_os_object_is_named, (const struct myl_os_place *place, const struct myl_os_object *o, int *same),
     (place, o, same), err)
WRAP(int, myl_os_object_unlink, (const struct myl_os_place *place), (place), err)
WRAP(int, myl_os_directory_each, (const char *path, int (*visit)(const char *, void *), void *user),
     (path, visit, user), -err)
WRAP(int, myl_os_lock_acquire, (int fd, uint32_t lock_index), (fd, lock_index), err)
WRAP(int, myl_os_lock_held, (int fd, uint32_t lock_index), (fd, lock_index), -err)
WRAP(int, myl_os_any_lock_held, (int fd, uint32_t first, uint32_t count), (fd, first, count), -err)
WRAP(int, myl_os_map, (int fd, uint64_t at, uint64_t bytes, int w, void **address), (fd, at, bytes, w, address), err)
WRAP(int, myl_os_map_twice, (int fd, uint64_t at, uint64_t bytes, int w, void **address), (fd, at, bytes, w, address),
     err)
WRAP(int, myl_os_memory_prefault, (void *address, uint64_t bytes, int writable), (address, bytes, writable), err)
WRAP(int, myl_os_memory_lock, (void *address, uint64_t bytes), (address, bytes), err)
WRAP(int, myl_os_memory_huge, (void *address, uint64_t bytes), (address, bytes), err)
WRAP(int, myl_os_memory_bind, (void *address, uint64_t bytes, uint32_t node), (address, bytes, node), err)
WRAP(int, myl_os_pin, (int cpu), (cpu), err)
WRAP(int, myl_os_barrier_register, (void), (), err)
WRAP(int, myl_os_barrier, (void), (), err)
WRAP(int, myl_os_random, (void *bytes, size_t count), (bytes, count), err)
WRAP(int, myl_os_fork_watch, (struct myl_os_fork_node *node), (node), err)
WRAP(int, fstat, (int fd, struct stat *st), (fd, st), BY_ERRNO(-1))
WRAP(int, posix_fallocate, (int fd, off_t from, off_t bytes), (fd, from, bytes), err)
WRAP(ssize_t, pread, (int fd, void *to, size_t bytes, off_t from), (fd, to, bytes, from), BY_ERRNO(-1))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), BY_ERRNO(-1))
WRAP(int, unlinkat, (int directory, const char *name, int flags), (directory, name, flags), BY_ERRNO(-1))
WRAP(void *, mmap, (void *at, size_t bytes, int p, int f, int fd, off_t from),
     (at, bytes, p, f, fd, from), BY_ERRNO(MAP_FAILED))
WRAP(int, flock, (int fd, int operation), (fd, operation), BY_ERRNO(-1))
WRAP(int, rename, (const char *from, const char *to), (from, to), BY_ERRNO(-1))
WRAP(int, fstatat, (int directory, const char *name, struct stat *st, int flags), (directory, name, st, flags),
     BY_ERRNO(-1))
WRAP(int, fstatfs, (int fd, struct statfs *info), (fd, info), BY_ERRNO(-1))
WRAP(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), BY_ERRNO(-1))
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), BY_ERRNO(-1))
WRAP(int, ftruncate, (int fd, off_t bytes), (fd, bytes), BY_ERRNO(-1))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), BY_ERRNO(-1))
WRAP(int, madvise, (void *at, size_t bytes, int advice), (at, bytes, advice), BY_ERRNO(-1))
WRAP(int, mlock, (const void *at, size_t bytes), (at, bytes), BY_ERRNO(-1))
WRAP(ssize_t, getrandom, (void *bytes, size_t count, unsigned flags), (bytes, count, flags), BY_ERRNO(-1))
WRAP(DIR *, opendir, (const char *path), (path), BY_ERRNO(NULL))
/* clang-format on */

/* The third argument is an int, a pointer, or missing. In a register each of them is a word. */
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    int err = due(FAULT_open);
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(args, unsigned) : 0;
    va_end(args);
    return err != 0 ? BY_ERRNO(-1) : __real_open(path, flags, mode);
}

int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...)
{
    int err = due(FAULT_openat);
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(args, unsigned) : 0;
    va_end(args);
    return err != 0 ? BY_ERRNO(-1) : __real_openat(directory, path, flags, mode);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    int unlocks = command == F_OFD_SETLK && ((struct flock *)argument)->l_type == F_UNLCK;
    int err = unlocks ? 0 : due(FAULT_fcntl); /* an unlock of a lock that was acquired must succeed */
    return err != 0 ? BY_ERRNO(-1) : __real_fcntl(fd, command, argument);
}
