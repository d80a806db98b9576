/* SPDX-License-Identifier: MIT
 * Ends a command in order after a signal. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t signal_seen;
static void (*wake_waiter)(void);
static int pipe_end[2] = {-1, -1}; /* readable once the signal arrived, so that poll does not miss it */

static void on_signal(int number)
{
    int error = errno;
    signal_seen = number;
    if (wake_waiter != NULL)
        wake_waiter();
    if (pipe_end[1] >= 0 && write(pipe_end[1], "", 1) < 0) {
        /* A full pipe is readable. */
    }
    errno = error;
}

static void open_pipe(void)
{
    if (pipe_end[0] >= 0 || pipe(pipe_end) != 0)
        return;
    for (int i = 0; i < 2; i++) {
        (void)fcntl(pipe_end[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(pipe_end[i], F_SETFL, O_NONBLOCK);
    }
}

void cli_stop_on_signals(void (*wake)(void))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    wake_waiter = wake;
    open_pipe();
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;
        /* Without SA_RESTART, so that a blocked read ends. SA_RESETHAND: a second signal ends the process at once. */
        struct sigaction action = {.sa_flags = (int)SA_RESETHAND};
        action.sa_handler = on_signal;
        sigemptyset(&action.sa_mask);
        /* Signals that the caller ignores (nohup, a background job) stay ignored. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

int cli_stop_signal(void)
{
    return (int)signal_seen;
}

int cli_stop_descriptor(void)
{
    return pipe_end[0];
}
