/* SPDX-License-Identifier: MIT
 * Sleeping and waking on Linux: futexes shared between processes, and membarrier. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000

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
    if (syscall(SYS_futex, &word->v, FUTEX_WAIT, value, &t, NULL, 0) != 0 && errno == ETIMEDOUT)
        return ETIMEDOUT;
    return 0; /* woken, EAGAIN (the word moved), EINTR (a signal): look again */
}

void myl_os_wake_add4(myl_au32 *word)
{
    /* The comparison never holds (nobody can have this old value), so the second wake does not happen. */
    (void)syscall(SYS_futex, &word->v, FUTEX_WAKE_OP, INT_MAX, (void *)0, &word->v,
                  FUTEX_OP(FUTEX_OP_ADD, 4, FUTEX_OP_CMP_EQ, -1));
}

void myl_os_wake(myl_au32 *word)
{
    (void)syscall(SYS_futex, &word->v, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int myl_os_barrier_register(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0 ? 0 : errno;
}

int myl_os_barrier(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0 ? 0 : errno;
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t myl_os_now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t myl_os_realtime(void)
{
    return (uint64_t)clock_ns(CLOCK_REALTIME);
}

void myl_os_sleep(int64_t ns)
{
    struct timespec t = timespec_of(ns);
    (void)nanosleep(&t, NULL);
}

void myl_os_yield(void)
{
    (void)sched_yield();
}
