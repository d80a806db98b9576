/* SPDX-License-Identifier: MIT
 * Ending in order when asked to by a signal. */
#include "cli.h"

#include <signal.h>

static volatile sig_atomic_t signal_seen;
static void (*wake_waiter)(void);

static void on_signal(int number)
{
    signal_seen = number;
    wake_waiter();
}

void cli_stop_on_signals(void (*wake)(void))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    wake_waiter = wake;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;
        /* No SA_RESTART: a blocked read shall end. SA_RESETHAND: a second signal ends the process at once. */
        struct sigaction action = {.sa_flags = (int)SA_RESETHAND};
        action.sa_handler = on_signal;
        sigemptyset(&action.sa_mask);
        /* What the caller chose to ignore (nohup, a background job) stays ignored. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

int cli_stop_signal(void)
{
    return (int)signal_seen;
}
