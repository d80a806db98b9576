/* SPDX-License-Identifier: MIT
 * Calls that can be made to fail: those of the seam (src/os/os.h), those that the Linux layer makes to the C library
 * below it, and memory. The linker puts a wrapper in front of each (--wrap). */
#ifndef MYL_TESTS_FAULT_SEAM_H
#define MYL_TESTS_FAULT_SEAM_H

/* Every call that is wrapped, and the errno values that it is made to fail with. */
#define FAULT_CALLS(X)                                                                                                 \
    X(malloc, ENOMEM)                                                                                                  \
    X(calloc, ENOMEM)                                                                                                  \
    X(aligned_alloc, ENOMEM)                                                                                           \
    X(pthread_create, EAGAIN)                                                                                          \
    X(myl_os_object_create, ENOSPC, ENOMEM, EACCES, EMFILE, ENOLINK, ENOENT)                                           \
    X(myl_os_object_publish, EACCES, ENOSPC, EIO)                                                                      \
    X(myl_os_object_open, EACCES, EMFILE, ELOOP, EIO)                                                                  \
    X(myl_os_object_reopen, EMFILE, ENOENT)                                                                            \
    X(myl_os_object_stat, EIO, ENOLINK)                                                                                \
    X(myl_os_object_is_named, EACCES, EIO)                                                                             \
    X(myl_os_object_unlink, EACCES, EROFS)                                                                             \
    X(myl_os_directory_each, EACCES, EMFILE)                                                                           \
    X(myl_os_seat_take, ENOLCK, EIO)                                                                                   \
    X(myl_os_seat_held, ENOLCK, EIO)                                                                                   \
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
    /* under the seam: Linux, the portable layer, or both */                                                           \
    X(open, EMFILE, EOPNOTSUPP)                                                                                        \
    X(fstat, EIO)                                                                                                      \
    X(lstat, EACCES)                                                                                                   \
    X(fstatfs, EIO)                                                                                                    \
    X(posix_fallocate, ENOSPC, EINTR)                                                                                  \
    X(fchmod, EPERM)                                                                                                   \
    X(fchown, EPERM)                                                                                                   \
    X(memfd_create, EMFILE)                                                                                            \
    X(ftruncate, EFBIG)                                                                                                \
    X(fcntl, ENOLCK, EPERM)                                                                                            \
    X(flock, ENOLCK)                                                                                                   \
    X(link, EACCES)                                                                                                    \
    X(linkat, EACCES, ENOENT)                                                                                          \
    X(mkstemp, EMFILE)                                                                                                 \
    X(rename, EIO)                                                                                                     \
    X(unlink, EACCES)                                                                                                  \
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
    unsigned nth;            /* the first to fail, from 1 on */
    int for_ever;            /* and all behind it */
    int err;
};

extern const char *const fault_call_names[FAULT_CALL_COUNT];
/* Zero-ended lists. */
extern const int *const fault_call_errors[FAULT_CALL_COUNT];

/* From now on, in this thread. */
void fault_arm(const struct fault *fault);
/* How often the call failed. */
unsigned fault_disarm(void);

#endif
