/* SPDX-License-Identifier: MIT
 * Who we are, and random bytes, on any POSIX system. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "os/os.h"

#include <errno.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

int myl_os_random(void *bytes, size_t count)
{
    return getentropy(bytes, count) == 0 ? 0 : errno;
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
    return (uint64_t)1 << 20;
}
