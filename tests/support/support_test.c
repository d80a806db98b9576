/* SPDX-License-Identifier: MIT
 * The helpers of test.h work as documented, also when they fail. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "support/test.h"

static int echo_until_zero(test_peer *parent, void *argument)
{
    for (;;) {
        uint64_t value = test_receive(parent);
        if (value == 0)
            return *(int *)argument;
        test_send(parent, value + 1);
    }
}

static void child_exchanges_numbers_and_ends(void **state)
{
    (void)state;
    test_child child;
    int status = 7;
    test_spawn(&child, echo_until_zero, &status);
    assert_int_equal(test_can_receive(&child.peer, 0), 0);
    test_send(&child.peer, 41);
    test_expect_value(&child.peer, 42);
    test_send(&child.peer, 0);
    test_expect_exit(&child, 7);
}

static void killed_child_ends_by_signal(void **state)
{
    (void)state;
    test_child child;
    int status = 0;
    test_spawn(&child, echo_until_zero, &status);
    assert_int_equal(test_wait_child(&child, 0), 0);
    test_kill(&child);
    assert_int_equal(child.ended, 1);
    test_expect_signal(&child, SIGKILL);
}

static void child_stops_and_continues(void **state)
{
    (void)state;
    test_child child;
    int status = 0;
    test_spawn(&child, echo_until_zero, &status);
    test_stop(&child);
    test_send(&child.peer, 1);
    assert_int_equal(test_can_receive(&child.peer, 50), 0);
    test_continue(&child);
    test_expect_value(&child.peer, 2);
    test_send(&child.peer, 0);
    test_expect_exit(&child, 0);
}

static int fail_by_assert(test_peer *parent, void *argument)
{
    (void)parent;
    close(STDERR_FILENO); /* the failure is intended: do not print its message */
    close(STDOUT_FILENO);
    assert_int_equal(*(int *)argument, 1);
    return 0;
}

static int fail_by_helper(test_peer *parent, void *argument)
{
    (void)argument;
    close(STDERR_FILENO);
    close(STDOUT_FILENO);
    test_expect_value(parent, 2);
    return 0;
}

/* A failing assert must end the child. It must not run the remaining tests in the child a second time. */
static void failed_assert_ends_the_child(void **state)
{
    (void)state;
    test_child child;
    int value = 0;
    test_spawn(&child, fail_by_assert, &value);
    test_expect_signal(&child, SIGABRT);
    test_spawn(&child, fail_by_helper, NULL);
    test_send(&child.peer, 3);
    test_expect_signal(&child, SIGABRT);
}

static void program_output_is_read(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/sh", "-c", "echo out; echo err >/dev/null; exit 4", NULL};
    char output[64];
    test_child child;
    test_spawn_program(&child, argv);
    assert_int_equal(test_read_output(&child, output, sizeof output), 4);
    assert_string_equal(output, "out\n");
    test_expect_exit(&child, 4);
}

static int sleep_for_ever(test_peer *parent, void *argument)
{
    (void)argument;
    return (int)test_receive(parent);
}

static void sleeping_child_is_seen_asleep(void **state)
{
    (void)state;
    if (access("/proc/self/stat", R_OK) != 0)
        test_skip("no /proc to read");
    test_child child;
    test_spawn(&child, sleep_for_ever, NULL);
    test_until(test_is_asleep, &child.pid, "the child sleeps");
    pid_t own = getpid();
    assert_int_equal(test_is_asleep(&own), 0);
    assert_true(test_cpu_ns(child.pid) >= 0);
    test_send(&child.peer, 0);
    test_expect_exit(&child, 0);
}

static int send_name(test_peer *parent, void *argument)
{
    char name[TEST_NAME_SIZE];
    test_name(name, "x");
    test_send(parent, strcmp(name, argument) == 0);
    return strstr(name, getenv("MYL_TEST_TAG")) ? 0 : 1;
}

static void names_differ(void **state)
{
    (void)state;
    char a[TEST_NAME_SIZE], b[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    assert_string_not_equal(test_name(a, "x"), test_name(b, "x"));
    assert_memory_equal(a, "myl-test-", 9);
    assert_non_null(strstr(test_path(path, "file"), "myl-test-"));
    test_child child;
    test_spawn(&child, send_name, b);
    test_expect_value(&child.peer, 0);
    test_expect_exit(&child, 0);
}

enum { SHM_BYTES = 1 << 20, NOT_POSSIBLE = 77 };

static int check_private_shm(test_peer *parent, void *argument)
{
    (void)parent;
    (void)argument;
    const char *reason = test_private_shm(SHM_BYTES);
    if (reason) {
        print_message("%s\n", reason);
        return NOT_POSSIBLE;
    }
    struct statvfs fs;
    assert_int_equal(statvfs("/dev/shm", &fs), 0);
    assert_int_equal(fs.f_blocks * fs.f_frsize, SHM_BYTES);
    assert_int_equal(test_shm_entries(), 0);
    char name[TEST_NAME_SIZE], path[TEST_NAME_SIZE + 16];
    snprintf(path, sizeof path, "/dev/shm/%s", test_name(name, "left"));
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(test_shm_entries(), 1);
    return 0; /* the entry ends with the namespace, so the leak checker does not see it */
}

static void private_shm_is_private(void **state)
{
    (void)state;
    test_child child;
    int before = test_shm_entries();
    test_spawn(&child, check_private_shm, NULL);
    if (test_wait_child(&child, TEST_DEADLINE_MS) && child.status == NOT_POSSIBLE << 8) {
        test_kill(&child);
        test_skip("no private /dev/shm here");
    }
    test_expect_exit(&child, 0);
    assert_int_equal(test_shm_entries(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_exchanges_numbers_and_ends),
        cmocka_unit_test(killed_child_ends_by_signal),
        cmocka_unit_test(child_stops_and_continues),
        cmocka_unit_test(failed_assert_ends_the_child),
        cmocka_unit_test(program_output_is_read),
        cmocka_unit_test(sleeping_child_is_seen_asleep),
        cmocka_unit_test(names_differ),
        cmocka_unit_test(private_shm_is_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
