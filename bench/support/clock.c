/* SPDX-License-Identifier: MIT
 * Time and pauses for benchmarks. */
#define _GNU_SOURCE
#include "clock.h"

#include <time.h>

uint64_t bench_now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double bench_ns_per_tick(void)
{
    static double cached;
    if (cached == 0) {
        uint64_t ns = bench_now_ns(), ticks = bench_ticks();
        bench_spin_until(ns + 20000000u);
        uint64_t ticks_after = bench_ticks(), ns_after = bench_now_ns();
        cached = (double)(ns_after - ns) / (double)(ticks_after - ticks);
    }
    return cached;
}

void bench_spin_until(uint64_t until_ns)
{
    while (bench_now_ns() < until_ns)
        bench_pause();
}

void bench_sleep_ns(uint64_t ns)
{
    struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    while (nanosleep(&t, &t) != 0)
        continue;
}
