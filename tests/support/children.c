/* SPDX-License-Identifier: MIT
 * Child processes of tests: start, exchange numbers, stop, kill, wait with a deadline. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "support/test.h"

static int in_child;

void test_fail_at(const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("%s\n", text);
    if (!in_child)
        _fail(file, line);
    print_error("%s:%d: in child %d\n", file, line, (int)getpid());
    abort();
}

/* Prepares a forked child. cmocka's asserts must not jump into the child's copy of the runner, and a crash must end the
 * child by its signal. */
static void become_child(void)
{
    in_child = 1;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    int fatal[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        signal(fatal[i], SIG_DFL);
}

static void make_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        test_fail("pipe: %s", strerror(errno));
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
}

/* Forks. The child returns 0, with its ends of the pipes in `*mine`. */
static pid_t start(test_child *child, test_peer *mine)
{
    int down[2], up[2];
    make_pipe(down);
    make_pipe(up);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        test_fail("fork: %s", strerror(errno));
    if (pid == 0) {
        become_child();
        close(down[1]);
        close(up[0]);
        *mine = (test_peer){.in = down[0], .out = up[1]};
        return 0;
    }
    close(down[0]);
    close(up[1]);
    *child = (test_child){.pid = pid, .peer = {.in = up[0], .out = down[1]}};
    return pid;
}

#ifdef MYL_TEST_COVERAGE /* tools/coverage.sh: _exit does not write the child's counters */
extern void __gcov_dump(void);
#define dump_coverage() __gcov_dump()
#else
#define dump_coverage() (void)0
#endif

void test_spawn(test_child *child, test_child_function function, void *argument)
{
    test_peer mine;
    if (start(child, &mine) != 0)
        return;
    int result = function(&mine, argument);
    fflush(NULL);
    dump_coverage();
    _exit(result);
}

void test_spawn_program(test_child *child, const char *const *argv)
{
    test_peer mine;
    if (start(child, &mine) != 0)
        return;
    unsetenv("CMOCKA_TEST_ABORT");
    dup2(mine.out, STDOUT_FILENO);
    union {
        const char *const *in;
        char *const *out;
    /* execv does not write to its arguments; its prototype lacks const for historical reasons */
    } vector = {.in = argv};
    execv(argv[0], vector.out);
    fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Returns 1 if `fd` is readable or at its end within `ms`, otherwise 0. */
static int wait_readable(int fd, int64_t ms)
{
    int64_t deadline = test_now_ns() + ms * 1000000;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = (deadline - test_now_ns() + 999999) / 1000000;
        int n = poll(&p, 1, left > 0 ? (int)left : 0);
        if (n > 0)
            return 1;
        if (n == 0 && left <= 0)
            return 0;
        if (n < 0 && errno != EINTR)
            test_fail("poll: %s", strerror(errno));
    }
}

void test_send(test_peer *peer, uint64_t value)
{
    /* If the child has died, this write must fail with EPIPE instead of ending the test. */
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    ssize_t n = write(peer->out, &value, sizeof value);
    signal(SIGPIPE, before);
    if (n != (ssize_t)sizeof value)
        test_fail("cannot send to the other process: %s", strerror(errno));
}

uint64_t test_receive(test_peer *peer)
{
    uint64_t value = 0;
    if (!wait_readable(peer->in, TEST_DEADLINE_MS))
        test_fail("no number from the other process within %d ms", TEST_DEADLINE_MS);
    ssize_t n = read(peer->in, &value, sizeof value);
    if (n != (ssize_t)sizeof value)
        test_fail("the other process closed its pipe; a number was expected");
    return value;
}

void test_expect_value(test_peer *peer, uint64_t expected)
{
    uint64_t value = test_receive(peer);
    if (value != expected)
        test_fail("received %llu, expected %llu", (unsigned long long)value, (unsigned long long)expected);
}

int test_can_receive(test_peer *peer, int64_t ms)
{
    return wait_readable(peer->in, ms);
}

size_t test_read_output(test_child *child, char *buffer, size_t size)
{
    size_t used = 0;
    while (used + 1 < size) {
        if (!wait_readable(child->peer.in, TEST_DEADLINE_MS))
            test_fail("no output for %d ms", TEST_DEADLINE_MS);
        ssize_t n = read(child->peer.in, buffer + used, size - 1 - used);
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    buffer[used] = 0;
    return used;
}

static int reap(test_child *child, int options)
{
    pid_t pid;
    do {
        pid = waitpid(child->pid, &child->status, options);
    } while (pid < 0 && errno == EINTR);
    if (pid < 0)
        test_fail("waitpid: %s", strerror(errno));
    if (pid == child->pid)
        child->ended = 1;
    return child->ended;
}

int test_wait_child(test_child *child, int64_t ms)
{
    if (child->ended || reap(child, WNOHANG))
        return 1;
    int64_t deadline = test_now_ns() + ms * 1000000;
#ifdef SYS_pidfd_open
    int fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (fd >= 0) {
        wait_readable(fd, ms);
        close(fd);
        return reap(child, WNOHANG);
    }
#endif
    while (!reap(child, WNOHANG)) {
        struct timespec short_while = {.tv_nsec = 1000000};
        if (test_now_ns() > deadline)
            return 0;
        nanosleep(&short_while, NULL);
    }
    return 1;
}

static void finish(test_child *child)
{
    if (!test_wait_child(child, TEST_DEADLINE_MS)) {
        kill(child->pid, SIGKILL);
        reap(child, 0);
        test_fail("child %d did not end within %d ms", (int)child->pid, TEST_DEADLINE_MS);
    }
    if (child->peer.in >= 0)
        close(child->peer.in);
    if (child->peer.out >= 0)
        close(child->peer.out);
    child->peer = (test_peer){-1, -1};
}

static void describe(int status, char *text, size_t size)
{
    if (WIFEXITED(status))
        snprintf(text, size, "exit status %d", WEXITSTATUS(status));
    else
        snprintf(text, size, "signal %d", WTERMSIG(status));
}

void test_expect_exit(test_child *child, int status)
{
    char text[64];
    finish(child);
    describe(child->status, text, sizeof text);
    if (!WIFEXITED(child->status) || WEXITSTATUS(child->status) != status)
        test_fail("child %d ended with %s, not exit status %d", (int)child->pid, text, status);
}

void test_expect_signal(test_child *child, int signal)
{
    char text[64];
    finish(child);
    describe(child->status, text, sizeof text);
    if (!WIFSIGNALED(child->status) || WTERMSIG(child->status) != signal)
        test_fail("child %d ended with %s, not signal %d", (int)child->pid, text, signal);
}

void test_kill(test_child *child)
{
    if (!child->ended)
        kill(child->pid, SIGKILL);
    finish(child);
}

void test_stop(test_child *child)
{
    int status;
    if (kill(child->pid, SIGSTOP) != 0)
        test_fail("cannot stop child %d: %s", (int)child->pid, strerror(errno));
    pid_t pid;
    do {
        pid = waitpid(child->pid, &status, WUNTRACED);
    } while (pid < 0 && errno == EINTR);
    if (pid != child->pid || !WIFSTOPPED(status)) {
        child->ended = 1;
        child->status = status;
        test_fail("child %d ended instead of stopping", (int)child->pid);
    }
}

void test_continue(test_child *child)
{
    if (kill(child->pid, SIGCONT) != 0)
        test_fail("cannot continue child %d: %s", (int)child->pid, strerror(errno));
}
