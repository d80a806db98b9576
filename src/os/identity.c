/* SPDX-License-Identifier: MIT
 * Identifies processes, for information only, and finds out whether one is stopped. Needs /proc as on Linux; elsewhere
 * the answer is "unknown". */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>

#ifdef __linux__

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
/* Index of a field in /proc/PID/stat, counted after the process name, which ends at the last parenthesis. */
#define FIELD_START_TIME 19

void myl_os_identify(struct myl_os_identity *self)
{
    struct timespec t = {0};
    struct stat st;
    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    self->pid = myl_os_pid();
    self->pid_namespace = stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
    self->started_ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Reads the state letter, and the start time in clock ticks since boot. */
static int read_stat(uint32_t pid, char *state, unsigned long long *start)
{
    char path[32], text[1024];
    (void)snprintf(path, sizeof path, "/proc/%u/stat", (unsigned)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (got <= 0)
        return EIO;
    text[got] = '\0';
    char *at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ')
        return EIO;
    *state = at[2];
    at += 2;
    for (int field = 0; field < FIELD_START_TIME && at != NULL; field++) {
        at = strchr(at, ' ');
        at = at == NULL ? NULL : at + 1;
    }
    if (at == NULL)
        return EIO;
    *start = strtoull(at, NULL, 10);
    return 0;
}

/* Returns 1 if /proc shows our own pid namespace. Otherwise its pids mean other processes. */
static int is_own_proc(uint32_t pid)
{
    char link[16] = {0};
    ssize_t got = readlink("/proc/self", link, sizeof link - 1);
    return got > 0 && strtoul(link, NULL, 10) == pid;
}

int myl_os_is_stopped(const struct myl_os_identity *who)
{
    struct myl_os_identity self;
    char state = 0;
    unsigned long long start = 0;
    myl_os_identify(&self);
    if (who->pid_namespace == 0 || who->pid_namespace != self.pid_namespace || !is_own_proc(self.pid))
        return -ESRCH;
    int err = read_stat(who->pid, &state, &start);
    if (err != 0)
        return -err;
    uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    /* A process that started later than that has reused the pid of one that ended. */
    if (start > who->started_ns / NS_PER_S * ticks + who->started_ns % NS_PER_S * ticks / NS_PER_S)
        return -ESRCH;
    return state == 'T' || state == 't';
}

#else

void myl_os_identify(struct myl_os_identity *self)
{
    *self = (struct myl_os_identity){.pid = myl_os_pid()};
}

int myl_os_is_stopped(const struct myl_os_identity *who)
{
    (void)who;
    return -ENOTSUP;
}

#endif
