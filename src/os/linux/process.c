/* SPDX-License-Identifier: MIT
 * Process and user ids, random bytes and the cache size, on Linux. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#define DEFAULT_OVERFLOW_USER 65534U

int myl_os_random(void *bytes, size_t count)
{
    unsigned char *to = bytes;
    while (count > 0) {
        ssize_t got = getrandom(to, count, 0);
        if (got < 0 && errno != EINTR)
            return errno;
        if (got > 0) { /* a signal may cut it short */
            to += got;
            count -= (size_t)got;
        }
    }
    return 0;
}

void myl_os_thread_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
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
    unsigned from, to, count, id = DEFAULT_OVERFLOW_USER;
    FILE *map = fopen("/proc/self/uid_map", "re");
    int all = map != NULL && fscanf(map, "%u %u %u", &from, &to, &count) == 3 && from == 0 && count == UINT32_MAX;
    if (map != NULL)
        (void)fclose(map);
    if (all)
        return UINT32_MAX; /* every user has an id in this namespace */
    FILE *overflow = fopen("/proc/sys/kernel/overflowuid", "re");
    if (overflow == NULL)
        return id;
    (void)!fscanf(overflow, "%u", &id);
    (void)fclose(overflow);
    return id;
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
