/* SPDX-License-Identifier: MIT
 * Coroutines, each with its own stack. The running coroutine decides which one runs next. */
#ifndef MYL_SIM_CORO_H
#define MYL_SIM_CORO_H

#include <stddef.h>

struct sim_coro {
    void *context; /* saved stack pointer; the ucontext on machines without assembly */
};

/* Prepares `coro` to call entry(argument) on the given stack at the first switch to it. `entry` never returns. */
void sim_coro_prepare(struct sim_coro *coro, void *stack, size_t bytes, void (*entry)(void *), void *argument);

/* Saves the running coroutine in `from` and continues with `to`. */
void sim_coro_switch(struct sim_coro *from, const struct sim_coro *to);

#endif
