/* SPDX-License-Identifier: MIT
 * Identifying other processes by pid and start time, and whether they are stopped. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "support/test.h"

/* Field 22 of /proc/self/stat: the start time of this process, in ticks. */
static uint64_t started_ticks(void)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    assert_non_null(file);
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = '\0';
    const char *at = strrchr(text, ')') + 2;
    for (int field = 3; field < 22; field++)
        at = strchr(at, ' ') + 1;
    return strtoull(at, NULL, 10);
}

/* A process that was started after the recorded time is a different one with the same pid. */
static void reused_pid_is_another_process(void **state)
{
    (void)state;
    struct myl_os_identity self;
    myl_os_identify(&self);
    assert_int_equal(self.pid, getpid());
    int stopped = myl_os_is_stopped(&self);
    if (stopped == -ESRCH)
        test_skip("no /proc of this pid namespace");
    assert_int_equal(stopped, 0);
    const uint64_t second = UINT64_C(1000000000), ticks = (uint64_t)sysconf(_SC_CLK_TCK), began = started_ticks();
    const uint64_t tick = second / ticks;
    for (int k = -3; k <= 3; k++) {
        struct myl_os_identity who = self;
        who.started_ns = (began + 2 * ticks + (uint64_t)k) / ticks * second +
                         (began + 2 * ticks + (uint64_t)k) % ticks * tick - 2 * second;
        assert_int_equal(myl_os_is_stopped(&who), k < 0 ? -ESRCH : 0);
        who.started_ns += tick - 1; /* the tick in which it was started */
        assert_int_equal(myl_os_is_stopped(&who), k < 0 ? -ESRCH : 0);
    }
    struct myl_os_identity other = self;
    other.pid_namespace++;
    assert_int_equal(myl_os_is_stopped(&other), -ESRCH);
    other.pid_namespace = 0;
    assert_int_equal(myl_os_is_stopped(&other), -ESRCH);
}

static int stay(test_peer *parent, void *argument)
{
    (void)argument;
    test_send(parent, 1);
    (void)test_receive(parent);
    return 0;
}

static void stopped_child_is_distinguished_from_a_running_one(void **state)
{
    (void)state;
    test_child child;
    struct myl_os_identity who;
    myl_os_identify(&who);
    if (myl_os_is_stopped(&who) != 0)
        test_skip("no /proc of this pid namespace");
    test_spawn(&child, stay, NULL);
    test_expect_value(&child.peer, 1);
    myl_os_identify(&who);
    who.pid = (uint32_t)child.pid;
    assert_int_equal(myl_os_is_stopped(&who), 0);
    test_stop(&child);
    assert_int_equal(myl_os_is_stopped(&who), 1);
    test_continue(&child);
    test_send(&child.peer, 1);
    test_expect_exit(&child, 0);
    assert_int_equal(myl_os_is_stopped(&who), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reused_pid_is_another_process),
        cmocka_unit_test(stopped_child_is_distinguished_from_a_running_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
