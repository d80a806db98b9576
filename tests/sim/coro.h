/* SPDX-License-Identifier: MIT
 * Coroutines: a stack of its own each, switched by hand. The one who runs says who runs next. */
#ifndef MYL_SIM_CORO_H
#define MYL_SIM_CORO_H

#include <stddef.h>

struct sim_coro {
    void *context; /* saved stack pointer, or the ucontext where there is no assembly for the machine */
};

/* Prepares `coro` to call entry(argument) on the given stack at the first switch to it. `entry` never returns. */
void sim_coro_prepare(struct sim_coro *coro, void *stack, size_t bytes, void (*entry)(void *), void *argument);

/* Saves the running one in `from` and goes on with `to`. */
void sim_coro_switch(struct sim_coro *from, const struct sim_coro *to);

#endif
