/* SPDX-License-Identifier: MIT
 * Helpers for the tests: cmocka's asserts, ring names nobody else has, child processes that are waited for with a
 * deadline and synchronised by pipes, and a /dev/shm of one's own. No helper sleeps to be in step with anybody.
 *
 * A failing helper fails the running test. In a child process a failing assert (ours or cmocka's) ends the child by
 * SIGABRT with its message on stderr, which the parent sees as an unexpected end. */
#ifndef MYL_TESTS_SUPPORT_TEST_H
#define MYL_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h> /* under a libc without cmocka: tests/support/mini/cmocka.h */

#define TEST_NAME_SIZE 128
#define TEST_PATH_SIZE 4096
#define TEST_DEADLINE_MS 20000 /* for what should take no time at all; only a broken test or library comes near */

/* Fails the test, or ends the child, with the place and a formatted message. */
#define test_fail(...) test_fail_at(__FILE__, __LINE__, __VA_ARGS__)
void test_fail_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));

/* A myelon call that must succeed / must answer `code`; the message has both codes' names and the detail. Programs that
 * use these link the library; test.h itself does not need it. */
#define test_ok(call) test_code(MYL_OK, call)
#define test_code(expected, call)                                                                                      \
    do {                                                                                                               \
        int test_got = (call);                                                                                         \
        int test_want = (expected);                                                                                    \
        if (test_got != test_want)                                                                                     \
            test_fail("%s answered %s, not %s: %s", #call, test_got >= 0 ? "success" : myl_errname(test_got),          \
                      test_want >= 0 ? "success" : myl_errname(test_want), myl_error_detail());                        \
    } while (0)

/* --- names ------------------------------------------------------------------------------------------------ */

/* Writes a ring name that starts with myl-test-TAG- and ends with `what`: each call another one. The leak checker knows
 * the tag. Children use the parent's names by having been given them. */
const char *test_name(char buffer[TEST_NAME_SIZE], const char *what);

/* The same for a path in the test's own directory, which the leak checker expects to be empty at the end. */
const char *test_path(char buffer[TEST_PATH_SIZE], const char *what);

/* Number of entries in /dev/shm whose names start with myl-test-TAG-, or -1 if there is no /dev/shm to look into. */
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

/* What a child runs; its result is the child's exit status. */
typedef int (*test_child_function)(test_peer *parent, void *argument);

/* Forks a child that runs `function` and exits. */
void test_spawn(test_child *child, test_child_function function, void *argument);

/* Forks a child that executes `argv` (argv[0] a path), with standard output going to the parent's end of the pipe. */
void test_spawn_program(test_child *child, const char *const *argv);

/* Sends a number to the other side; never waits (64 KiB of pipe are enough for what tests say). */
void test_tell(test_peer *peer, uint64_t value);

/* Waits for a number from the other side; an end of the pipe or a missed deadline fails. */
uint64_t test_hear(test_peer *peer);

/* Hears a number and fails if it is another one: a point both sides have reached. */
void test_hear_value(test_peer *peer, uint64_t expected);

/* 1 if the other side has said something that is not heard yet (or has ended), within `ms`. */
int test_heard(test_peer *peer, int64_t ms);

/* Reads what test_spawn_program's child prints until it closes its output: at most size - 1 bytes, ended by a NUL.
 * Returns the number of bytes. */
size_t test_read_output(test_child *child, char *buffer, size_t size);

/* Waits for the child's end. 1: ended, 0: not within `ms`. */
int test_wait_child(test_child *child, int64_t ms);

/* Waits for the child's end, which must be this exit status / this signal. Closes the pipes. */
void test_expect_exit(test_child *child, int status);
void test_expect_signal(test_child *child, int signal);

/* SIGKILL, and waits until the child is really gone: the kernel has dropped its locks. Closes the pipes. */
void test_kill(test_child *child);

/* SIGSTOP, and waits until the child does stand still; SIGCONT. */
void test_stop(test_child *child);
void test_continue(test_child *child);

/* --- time --------------------------------------------------------------------------------------------------- */

int64_t test_now_ns(void); /* CLOCK_MONOTONIC */

/* CPU time used so far by this process, or by process `pid` (Linux; -1 where it cannot be told). */
int64_t test_cpu_ns(pid_t pid);

/* Looks at `condition` until it answers non-zero, giving the CPU away in between: for states that only show from
 * outside, such as "is parked". A missed deadline fails the test, naming `what`. */
void test_until(int (*condition)(void *argument), void *argument, const char *what);

/* Is this process or thread asleep in the kernel (Linux: state S)? Usable with test_until; argument: pid_t *. */
int test_is_asleep(void *pid);

/* --- /dev/shm ------------------------------------------------------------------------------------------------ */

/* From now on this process, and the children it starts, have an empty tmpfs of `bytes` as /dev/shm, in a mount
 * namespace of their own. Call it in a child, first thing. NULL, or the reason why it is not possible here (then skip
 * the test). */
const char *test_private_shm(size_t bytes);

/* Skips the running test with a reason on stderr. */
#define test_skip(reason)                                                                                              \
    do {                                                                                                               \
        print_message("skipped: %s\n", reason);                                                                        \
        skip();                                                                                                        \
    } while (0)

#endif
