/* SPDX-License-Identifier: MIT
 * Clocks and sleeping, for every POSIX system. */
#define _POSIX_C_SOURCE 200809L
#include "os/os.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#define NS_PER_S 1000000000

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

int myl_os_sleep(int64_t ns)
{
    struct timespec t;
    t.tv_sec = (time_t)(ns / NS_PER_S);
    t.tv_nsec = (long)(ns % NS_PER_S);
    return nanosleep(&t, NULL) != 0 && errno == EINTR ? EINTR : 0;
}

void myl_os_yield(void)
{
    (void)sched_yield();
}
