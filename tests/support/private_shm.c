/* SPDX-License-Identifier: MIT
 * A private /dev/shm of a given size. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#endif

#include "support/test.h"

#ifdef __linux__

static char reason[256];

static const char *why(const char *what)
{
    snprintf(reason, sizeof reason, "%s: %s", what, strerror(errno));
    return reason;
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    int saved = errno;
    close(fd);
    errno = saved;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* An ordinary user may mount in a user namespace in which that user is root. */
static const char *become_root_of_namespace(void)
{
    char map[64];
    unsigned uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWUSER) != 0)
        return why("no user namespace");
    snprintf(map, sizeof map, "%u %u 1", uid, uid);
    if (write_file("/proc/self/uid_map", map) != 0)
        return why("no uid map");
    snprintf(map, sizeof map, "%u %u 1", gid, gid);
    if (write_file("/proc/self/setgroups", "deny") != 0 || write_file("/proc/self/gid_map", map) != 0)
        return why("no gid map");
    return NULL;
}

const char *test_private_shm(size_t bytes)
{
    if (geteuid() != 0) {
        const char *problem = become_root_of_namespace();
        if (problem)
            return problem;
    }
    if (unshare(CLONE_NEWNS) != 0)
        return why("no mount namespace");
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return why("mounts cannot be made private");
    char options[64];
    snprintf(options, sizeof options, "size=%zu,mode=1777", bytes);
    if (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
        return why("no tmpfs over /dev/shm");
    return NULL;
}

#else

const char *test_private_shm(size_t bytes)
{
    (void)bytes;
    return "mount namespaces exist on Linux only";
}

#endif
