/* SPDX-License-Identifier: MIT
 * Runs a command with standard streams that a shell cannot make:
 *   launch terminal COMMAND...     in a new session on a pseudo terminal. Standard input is typed on the terminal;
 *                                  the terminal's output appears on standard output
 *   launch nonblock FD COMMAND...  with O_NONBLOCK set on descriptor FD
 *
 * Exit status: the command's; 128 + n after signal n; 126 if the command cannot be run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_BROKEN = 126 };

static void failure(const char *what)
{
    perror(what);
    _exit(EXIT_BROKEN);
}

static void run(char **command)
{
    execvp(command[0], command);
    failure(command[0]);
}

static void run_on(const char *terminal, char **command)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    if (setsid() < 0)
        failure("setsid");
    (void)signal(SIGINT, SIG_DFL); /* a shell's background jobs ignore both signals */
    (void)signal(SIGQUIT, SIG_DFL);
    int fd = open(terminal, O_RDWR);
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0)
        failure(terminal);
    (void)ioctl(fd, TIOCSWINSZ, &size);
    for (int i = 0; i < 3; i++)
        (void)dup2(fd, i);
    if (fd > 2)
        close(fd);
    run(command);
}

/* Copies the available bytes. Returns 0 at the end of the input or after a write error. */
static int relay(int from, int to)
{
    char bytes[4096];
    ssize_t got = read(from, bytes, sizeof bytes);
    for (ssize_t done = 0; done < got;) {
        ssize_t wrote = write(to, bytes + done, (size_t)(got - done));
        if (wrote <= 0)
            return 0;
        done += wrote;
    }
    return got > 0 || (got < 0 && errno == EINTR);
}

/* Copies in both directions until no process has the terminal open. */
static void type_and_show(int terminal)
{
    struct pollfd fds[] = {{.fd = terminal, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    while (fds[0].fd >= 0) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents != 0 && !relay(terminal, STDOUT_FILENO))
            fds[0].fd = -1;
        if (fds[1].revents != 0 && !relay(STDIN_FILENO, terminal))
            fds[1].fd = -1;
    }
}

static int on_terminal(char **command)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    const char *name = terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0 ? ptsname(terminal) : NULL;
    if (name == NULL)
        failure("a pseudo terminal");
    pid_t child = fork();
    if (child < 0)
        failure("fork");
    if (child == 0)
        run_on(name, command);
    type_and_show(terminal);
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "terminal") == 0)
        return on_terminal(argv + 2);
    if (argc > 3 && strcmp(argv[1], "nonblock") == 0) {
        int fd = atoi(argv[2]), flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
            failure("O_NONBLOCK");
        run(argv + 3);
    }
    fprintf(stderr, "usage: launch terminal COMMAND... | launch nonblock FD COMMAND...\n");
    return EXIT_BROKEN;
}
