/* SPDX-License-Identifier: MIT
 * Sleeping and waking on Linux: futexes shared between processes, and membarrier. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000

/* Constants of futex(2) and membarrier(2), defined here because not every C library comes with the Linux headers. */
#define FUTEX_OP_WAIT     0
#define FUTEX_OP_WAKE     1
#define FUTEX_OP_WAKE_OP  5
/* "*word += 4; then compare its old value with -1": operation 1 (add) << 28 | comparison 0 (equal) << 24 | 4 << 12 |
 * 0xfff. */
#define ADD_4_NEVER_EQUAL ((1U << 28) | (4U << 12) | 0xfffU)
#define BARRIER_GLOBAL_EXPEDITED          (1 << 1)
#define BARRIER_REGISTER_GLOBAL_EXPEDITED (1 << 2)

static struct timespec timespec_of(int64_t ns)
{
    struct timespec t;
    t.tv_sec = (time_t)(ns / NS_PER_S);
    t.tv_nsec = (long)(ns % NS_PER_S);
    return t;
}

int myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns)
{
    struct timespec t = timespec_of(timeout_ns > 0 ? timeout_ns : 0);
    /* A17: the kernel compares the word, in a single order with all wakes. Pairs: A12. */
    if (syscall(SYS_futex, &word->v, FUTEX_OP_WAIT, value, &t, NULL, 0) != 0 && (errno == ETIMEDOUT || errno == EINTR))
        return errno;
    return 0; /* woken, or EAGAIN (the word has changed): the caller checks again */
}

void myl_os_wake_add4(myl_au32 *word)
{
    /* A12: the kernel adds. The comparison is never true (no word has this old value), so the second wake does not
     * happen. */
    (void)syscall(SYS_futex, &word->v, FUTEX_OP_WAKE_OP, INT_MAX, (void *)0, &word->v, ADD_4_NEVER_EQUAL);
}

void myl_os_wake(myl_au32 *word)
{
    (void)syscall(SYS_futex, &word->v, FUTEX_OP_WAKE, INT_MAX, NULL, NULL, 0);
}

int myl_os_barrier_register(void)
{
    return syscall(SYS_membarrier, BARRIER_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0 ? 0 : errno;
}

int myl_os_barrier(void)
{
    return syscall(SYS_membarrier, BARRIER_GLOBAL_EXPEDITED, 0, 0) == 0 ? 0 : errno;
}
