/* SPDX-License-Identifier: MIT
 * Helpers for the tests: cmocka's asserts, unique ring names, child processes, and a private /dev/shm. Children are
 * synchronised by pipes and waited for with a deadline. No helper uses a sleep as synchronisation.
 *
 * A failing helper fails the running test. In a child process a failing assert (of these helpers or of cmocka) prints
 * its message on stderr and ends the child by SIGABRT. The parent reports the unexpected end. */
#ifndef MYL_TESTS_SUPPORT_TEST_H
#define MYL_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h> /* with a libc for which there is no cmocka: tests/support/mini/cmocka.h */

#define TEST_NAME_SIZE 128
#define TEST_PATH_SIZE 4096
#define TEST_DEADLINE_MS 120000 /* for operations that take almost no time: exceeded only if something is broken */
#define TEST_DEADLINE_NS ((int64_t)TEST_DEADLINE_MS * 1000000)

/* Fails the test, or ends the child, with file, line and a formatted message. */
#define test_fail(...) test_fail_at(__FILE__, __LINE__, __VA_ARGS__)
void test_fail_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));

/* A myelon call that must succeed, or return `code`. The message has the names of both codes and the error detail.
 * Programs that use these macros link the library; test.h itself does not need it. */
#define test_ok(call) test_code(MYL_OK, call)
#define test_code(expected, call)                                                                                      \
    do {                                                                                                               \
        int test_got = (call);                                                                                         \
        int test_want = (expected);                                                                                    \
        if (test_got != test_want)                                                                                     \
            test_fail("%s gave %s, expected %s: %s", #call, test_got >= 0 ? "success" : myl_errname(test_got),         \
                      test_want >= 0 ? "success" : myl_errname(test_want), myl_error_detail());                        \
    } while (0)

/* Fails unless the detail sentence of the last failure contains `fragment`. */
#define expect_detail(fragment)                                                                                        \
    do {                                                                                                               \
        if (strstr(myl_error_detail(), (fragment)) == NULL)                                                            \
            test_fail("\"%s\" is not in the detail \"%s\"", (fragment), myl_error_detail());                           \
    } while (0)

/* --- names ------------------------------------------------------------------------------------------------ */

/* Writes a new ring name at each call. It starts with myl-test-TAG- and ends with `what`. The leak checker knows the
 * tag. To use the same ring, a child must get the name from its parent. */
const char *test_name(char buffer[TEST_NAME_SIZE], const char *what);

/* The same for a path in the test's own directory. The leak checker expects that directory to be empty at the end. */
const char *test_path(char buffer[TEST_PATH_SIZE], const char *what);

/* Number of entries in /dev/shm whose names start with myl-test-TAG-, or -1 if there is no /dev/shm. */
int test_shm_entries(void);

/* --- children ----------------------------------------------------------------------------------------------- */

/* One end of the pair of pipes between a parent and its child. */
typedef struct test_peer {
    int in, out;
} test_peer;

typedef struct test_child {
    pid_t pid;
    test_peer peer;          /* the parent's end */
    int status;              /* as from waitpid, once `ended` */
    int ended;
} test_child;

/* The function that a child runs. Its result is the child's exit status. */
typedef int (*test_child_function)(test_peer *parent, void *argument);

/* Forks a child that runs `function` and exits. */
void test_spawn(test_child *child, test_child_function function, void *argument);

/* Forks a child that executes `argv` (argv[0] is a path). Its standard output is the parent's end of the pipe. */
void test_spawn_program(test_child *child, const char *const *argv);

/* Sends a number to the other process. Does not block as long as less than 64 KiB of the pipe are unread. */
void test_send(test_peer *peer, uint64_t value);

/* Waits for a number from the other process. Fails at the end of the pipe or after the deadline. */
uint64_t test_receive(test_peer *peer);

/* Waits for a number and fails unless it equals `expected`: both processes have reached this point. */
void test_expect_value(test_peer *peer, uint64_t expected);

/* Returns 1 if a number from the other process (or its end) is there within `ms`, otherwise 0. */
int test_can_receive(test_peer *peer, int64_t ms);

/* Reads the output of test_spawn_program's child until the child closes it: at most size - 1 bytes, terminated by a
 * NUL. Returns the number of bytes. */
size_t test_read_output(test_child *child, char *buffer, size_t size);

/* Waits for the child's end. Returns 1 if it has ended, 0 if it has not within `ms`. */
int test_wait_child(test_child *child, int64_t ms);

/* Waits for the child's end and fails unless the exit status (or the signal) is the expected one. Closes the pipes. */
void test_expect_exit(test_child *child, int status);
void test_expect_signal(test_child *child, int signal);

/* Sends SIGKILL and waits until the kernel has ended the child and released its locks. Closes the pipes. */
void test_kill(test_child *child);

/* Sends SIGSTOP and waits until the child is stopped; sends SIGCONT. */
void test_stop(test_child *child);
void test_continue(test_child *child);

/* --- time --------------------------------------------------------------------------------------------------- */

int64_t test_now_ns(void); /* CLOCK_MONOTONIC */

/* CPU time used so far by this process, or by process `pid` (Linux; -1 where it cannot be read). */
int64_t test_cpu_ns(pid_t pid);

/* The most processor time that a wait without events may use, in nanoseconds per second: 2 % of a processor. The
 * portable layer looks every millisecond instead of sleeping, and an emulator is ten times slower than a processor. */
#if defined(MYL_OS_POSIX) || defined(TEST_EMULATED)
#define TEST_IDLE_NS_PER_SECOND 200000000
#else
#define TEST_IDLE_NS_PER_SECOND 20000000
#endif

/* Polls `condition` until it returns non-zero, and yields the CPU in between. Use it for states that are visible only
 * from outside, such as "is parked". After the deadline the test fails with `what` in its message. */
void test_until(int (*condition)(void *argument), void *argument, const char *what);

/* Returns 1 if this process or thread sleeps in the kernel (Linux: state S). A condition for test_until; argument:
 * pid_t *. */
int test_is_asleep(void *pid);

/* --- /dev/shm ------------------------------------------------------------------------------------------------ */

/* Gives this process, and the children it starts later, an empty tmpfs of `bytes` as /dev/shm, in its own mount
 * namespace. Call it first in a child. Returns NULL, or the reason why it is not possible here (then skip the test). */
const char *test_private_shm(size_t bytes);

/* Skips the running test and prints the reason on stderr. */
#define test_skip(reason)                                                                                              \
    do {                                                                                                               \
        print_message("skipped: %s\n", reason);                                                                        \
        skip();                                                                                                        \
    } while (0)

#endif
