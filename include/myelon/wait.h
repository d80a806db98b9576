/* SPDX-License-Identifier: MIT
 * How a call waits. docs/waiting.md describes which strategy suits which use. */
#ifndef MYELON_WAIT_H
#define MYELON_WAIT_H

#include <myelon/base.h>

enum myl_wait_strategy {
    MYL_WAIT_DEFAULT = 0, /* what MYELON_WAIT names, else adaptive */
    MYL_WAIT_ADAPTIVE,    /* spins as long as spinning has succeeded lately (3 to 50 us), yields twice, then parks */
    MYL_WAIT_BUSY_SPIN,   /* reads without pause: shortest latency, occupies a core */
    MYL_WAIT_SPIN_HINT,   /* spins with the CPU's pause instruction: occupies a core, but spares its hyperthread
                           * sibling */
    MYL_WAIT_SPIN_YIELD,  /* spins, then yields the processor after each check; never parks */
    MYL_WAIT_SLEEP,       /* spins, then sleeps sleep_ns between checks: no participant has to wake it */
    MYL_WAIT_BLOCK,       /* spins 3 us, yields twice, then parks in the kernel until woken: 0 % CPU when idle */
};

/* What a blocking call does when a signal handler ran in its thread while it slept. */
enum myl_on_signal {
    MYL_SIGNAL_CONTINUE = 0, /* continues to wait */
    MYL_SIGNAL_INTERRUPT,    /* returns MYL_EINTERRUPTED, unless it has a result by then */
};

/* No yield at all, for an option in which 0 selects the default. */
#define MYL_YIELDS_NONE UINT32_MAX

/* All zero means: the defaults, which the environment may override (MYELON_WAIT, MYELON_SPIN_NS, MYELON_YIELDS,
 * MYELON_SLEEP_NS). What is set here wins over the environment. */
typedef struct myl_wait_options {
    enum myl_wait_strategy strategy;
    uint32_t yields;      /* sched_yield calls before parking or sleeping, up to 1000000; 0 = default 2;
                           * MYL_YIELDS_NONE: none */
    int64_t spin_ns;      /* longest spin before yielding, 1 .. 1 s; 0 = default (3 us; adaptive: up to 50 us) */
    int64_t sleep_ns;     /* 1 us .. 1 s; 0 = default 100 us. Strategies that do not sleep ignore it, as those without
                           * yields and spins ignore the two above: the environment may choose another strategy */
    /* MYL_SIGNAL_INTERRUPT notices a handler only while the thread sleeps in the kernel: parked, between two checks of
     * MYL_WAIT_SLEEP, or while an open waits for its ring to appear. A strategy that spins never notices one, and a
     * handler that runs just before the sleep is not noticed either. A program that must not miss a signal interrupts
     * the handle from its signal handler (myl_consumer_interrupt and the like), or waits with a short timeout. */
    enum myl_on_signal on_signal;
    uint32_t reserved[3]; /* 0 */
} myl_wait_options;

MYL_BEGIN_DECLS

/* A strategy's name as MYELON_WAIT takes it: "adaptive", "busy-spin", "spin-hint", "spin-yield", "sleep",
 * "block". Static storage; "?" for an unknown one. */
MYL_API const char *myl_wait_strategy_name(enum myl_wait_strategy strategy);

/* The strategy of that name, or MYL_EINVAL. */
MYL_API MYL_NODISCARD int myl_wait_strategy_parse(const char *name, enum myl_wait_strategy *strategy);

MYL_END_DECLS

#endif
