/* SPDX-License-Identifier: MIT
 * Process and user ids, random bytes and the cache size, on any POSIX system. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

int myl_os_random(void *bytes, size_t count)
{
    return getentropy(bytes, count) == 0 ? 0 : errno;
}

void myl_os_thread_name(const char *name)
{
#if defined(__APPLE__)
    (void)pthread_setname_np(name);
#elif defined(__linux__)
    (void)pthread_setname_np(pthread_self(), name);
#else
    (void)name;
#endif
}

uint32_t myl_os_pid(void)
{
    return (uint32_t)getpid();
}

uint32_t myl_os_user(void)
{
    return (uint32_t)geteuid();
}

uint32_t myl_os_overflow_user(void)
{
    return UINT32_MAX;
}

uint64_t myl_os_cache_bytes(void)
{
    return (uint64_t)1 << 20;
}
