/* SPDX-License-Identifier: MIT
 * Time and pauses for benchmarks. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC: the same in all processes. */
uint64_t bench_now_ns(void);

/* Calibrates once, in about 20 ms; children inherit the result. */
double bench_ns_per_tick(void);

/* The cheapest counter of the processor, assumed to be synchronous across CPUs. bench_ns_per_tick gives its unit. */
static inline uint64_t bench_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return bench_now_ns();
#endif
}

static inline void bench_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#else
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}

/* Spins until bench_now_ns() >= until_ns. */
void bench_spin_until(uint64_t until_ns);

/* Sleeps. For set-up and pacing only, never inside a measurement. */
void bench_sleep_ns(uint64_t ns);

#endif
