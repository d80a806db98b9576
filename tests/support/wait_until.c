/* SPDX-License-Identifier: MIT
 * Time, CPU time, and waiting for states that are visible only from outside. */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/test.h"

int64_t test_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t test_cpu_ns(pid_t pid)
{
    struct timespec t;
    clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
    if (pid != getpid() && clock_getcpuclockid(pid, &clock) != 0)
        return -1;
    if (clock_gettime(clock, &t) != 0)
        return -1;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void test_until(int (*condition)(void *argument), void *argument, const char *what)
{
    int64_t start = test_now_ns();
    while (!condition(argument)) {
        int64_t waited = test_now_ns() - start;
        if (waited > (int64_t)TEST_DEADLINE_MS * 1000000)
            test_fail("not within %d ms: %s", TEST_DEADLINE_MS, what);
        /* A check costs system calls. After 2 ms the interval is longer, so that the other processes get the CPU. */
        struct timespec pause = {.tv_nsec = waited < 2000000 ? 20000 : 1000000};
        nanosleep(&pause, NULL);
    }
}

int test_is_asleep(void *pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)*(pid_t *)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    size_t n = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[n] = 0;
    char *end = strrchr(line, ')'); /* the name before it may contain any character */
    return end && strncmp(end, ") S", 3) == 0;
}
