/* SPDX-License-Identifier: MIT
 * Who we are, and random bytes, on Linux. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

int myl_os_random(void *bytes, size_t count)
{
    ssize_t got;
    do
        got = getrandom(bytes, count, 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)count ? 0 : errno;
}

uint32_t myl_os_pid(void)
{
    return (uint32_t)getpid();
}

uint32_t myl_os_user(void)
{
    return (uint32_t)geteuid();
}

uint64_t myl_os_cache_bytes(void)
{
#ifdef _SC_LEVEL2_CACHE_SIZE
    long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (bytes > 0)
        return (uint64_t)bytes;
#endif
    return (uint64_t)512 << 10;
}
