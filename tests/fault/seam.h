/* SPDX-License-Identifier: MIT
 * Calls that can be made to fail: those of the os layer's interface (src/os/os.h), those of the Linux layer to the C
 * library, and memory allocation. The linker redirects each to a wrapper (--wrap). */
#ifndef MYL_TESTS_FAULT_SEAM_H
#define MYL_TESTS_FAULT_SEAM_H

/* Every wrapped call, and the errno values with which it fails. */
#define FAULT_CALLS(X)                                                                                                 \
    X(malloc, ENOMEM)                                                                                                  \
    X(calloc, ENOMEM)                                                                                                  \
    X(aligned_alloc, ENOMEM)                                                                                           \
    X(pthread_create, EAGAIN)                                                                                          \
    X(myl_os_place_open, EACCES, EMFILE)                                                                               \
    X(myl_os_object_create, ENOSPC, ENOMEM, EACCES, EMFILE, ENOLINK, ENOENT)                                           \
    X(myl_os_object_publish, EACCES, ENOSPC, EIO)                                                                      \
    X(myl_os_object_open, EACCES, EMFILE, ELOOP, EIO)                                                                  \
    X(myl_os_object_reopen, EMFILE, ENOENT)                                                                            \
    X(myl_os_object_stat, EIO, ENOLINK)                                                                                \
    X(myl_os_object_read, EIO)                                                                                         \
    X(myl_os_object_missing, EIO)                                                                                      \
    X(myl_os_object_is_named, EACCES, EIO)                                                                             \
    X(myl_os_object_unlink, EACCES, EROFS)                                                                             \
    X(myl_os_directory_each, EACCES, EMFILE)                                                                           \
    X(myl_os_lock_acquire, ENOLCK, EIO)                                                                                \
    X(myl_os_lock_held, ENOLCK, EIO)                                                                                   \
    X(myl_os_any_lock_held, ENOLCK, EIO)                                                                               \
    X(myl_os_map, ENOMEM, EACCES)                                                                                      \
    X(myl_os_map_twice, ENOMEM, EACCES)                                                                                \
    X(myl_os_memory_prefault, EFAULT, ENOMEM)                                                                          \
    X(myl_os_memory_lock, ENOMEM, EPERM)                                                                               \
    X(myl_os_memory_huge, ENOTSUP, EINVAL)                                                                             \
    X(myl_os_memory_bind, ENOSYS, EPERM)                                                                               \
    X(myl_os_pin, EINVAL)                                                                                              \
    X(myl_os_barrier_register, ENOSYS, EPERM)                                                                          \
    X(myl_os_barrier, ENOSYS)                                                                                          \
    X(myl_os_random, ENOSYS)                                                                                           \
    X(myl_os_fork_watch, ENOMEM)                                                                                       \
    /* below the interface: Linux, the portable layer, or both */                                                      \
    X(open, EMFILE)                                                                                                    \
    X(openat, EMFILE, EOPNOTSUPP)                                                                                      \
    X(fstat, EIO)                                                                                                      \
    X(fstatat, EACCES)                                                                                                 \
    X(fstatfs, EIO)                                                                                                    \
    X(posix_fallocate, ENOSPC, EINTR)                                                                                  \
    X(pread, EIO, EINTR)                                                                                               \
    X(fchmod, EPERM)                                                                                                   \
    X(fchown, EPERM)                                                                                                   \
    X(memfd_create, EMFILE)                                                                                            \
    X(ftruncate, EFBIG)                                                                                                \
    X(fcntl, ENOLCK, EPERM)                                                                                            \
    X(flock, ENOLCK)                                                                                                   \
    X(linkat, EACCES, ENOENT)                                                                                          \
    X(rename, EIO)                                                                                                     \
    X(unlinkat, EACCES)                                                                                                \
    X(mmap, ENOMEM)                                                                                                    \
    X(madvise, EINVAL)                                                                                                 \
    X(mlock, EPERM)                                                                                                    \
    X(getrandom, EINTR, ENOSYS)                                                                                        \
    X(opendir, EMFILE)

enum fault_call {
#define FAULT_ENUM(name, ...) FAULT_##name,
    FAULT_CALLS(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_CALL_COUNT
};

struct fault {
    enum fault_call call;
    unsigned nth;            /* the first call that fails, counted from 1 */
    int for_ever;            /* and all later ones */
    int err;
};

extern const char *const fault_call_names[FAULT_CALL_COUNT];
/* Lists that end with 0. */
extern const int *const fault_call_errors[FAULT_CALL_COUNT];

/* Starts the injection in this thread. */
void fault_arm(const struct fault *fault);
/* Ends it. Returns how often the call failed. */
unsigned fault_disarm(void);
/* How often this thread has made the call since fault_arm, failed or not. */
unsigned fault_made(enum fault_call call);

#endif
