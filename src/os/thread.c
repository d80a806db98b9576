/* SPDX-License-Identifier: MIT
 * Threads of the library. */
#define _POSIX_C_SOURCE 200809L
#include "os/os.h"

#include <signal.h>

/* Blocks all signals except those of faults: signals to the process go to the program's own threads. */
static void block_signals(sigset_t *before)
{
    static const int of_a_fault[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t set;
    (void)sigfillset(&set);
    for (size_t i = 0; i < sizeof of_a_fault / sizeof of_a_fault[0]; i++)
        (void)sigdelset(&set, of_a_fault[i]);
    (void)pthread_sigmask(SIG_SETMASK, &set, before);
}

/* The new thread inherits the signal mask, so it is set before the thread exists. */
int myl_os_thread_start(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    sigset_t before;
    block_signals(&before);
    int err = pthread_create(thread, attributes, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}
