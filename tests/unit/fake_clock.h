/* SPDX-License-Identifier: MIT
 * A fake clock. myl_os_now and the functions that take time in a wait are replaced: a wait of seconds takes no time,
 * and every time-out, pause and check has an exact time. Between them nothing changes, except by `before_park`.
 * Programs that include this file are linked with --wrap: tests/CMakeLists.txt. */
#ifndef MYL_TESTS_UNIT_FAKE_CLOCK_H
#define MYL_TESTS_UNIT_FAKE_CLOCK_H

#include "os/os.h"
#include "segment/layout.h"
#include "unit/rings.h"

#define CHECK_NS  1000 /* duration of a clock query */
#define YIELD_NS 100
#define CLOSE_NS 15000 /* tolerance: the duration of some clock queries */
#define MOST     4096

static struct {
    int64_t now;
    unsigned yields, sleeps, parks, questions, lock_queries, consumer_queries;
    int64_t first_yield, longest_sleep, longest_park;
    int64_t asked[MOST];
    void (*before_park)(void); /* actions of other participants */
} fake;

/* Declared with the types of the replaced functions: a definition with another type does not compile. */
__typeof__(myl_os_now) __wrap_myl_os_now;
__typeof__(myl_os_sleep) __wrap_myl_os_sleep;
__typeof__(myl_os_yield) __wrap_myl_os_yield;
__typeof__(myl_os_park) __wrap_myl_os_park;
__typeof__(myl_os_lock_held) __wrap_myl_os_lock_held, __real_myl_os_lock_held;

int64_t __wrap_myl_os_now(void)
{
    return fake.now += CHECK_NS;
}

int __wrap_myl_os_sleep(int64_t ns)
{
    assert_true(ns > 0);
    fake.sleeps++;
    fake.longest_sleep = ns > fake.longest_sleep ? ns : fake.longest_sleep;
    fake.now += ns;
    return 0;
}

void __wrap_myl_os_yield(void)
{
    if (fake.yields++ == 0)
        fake.first_yield = fake.now;
    fake.now += YIELD_NS;
}

int __wrap_myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns)
{
    assert_true(timeout_ns > 0);
    if (word->v != value)
        return 0; /* woken only by its own reaping of a consumer */
    fake.parks++;
    if (fake.before_park != NULL)
        fake.before_park();
    if (word->v != value)
        return 0;
    fake.longest_park = timeout_ns > fake.longest_park ? timeout_ns : fake.longest_park;
    fake.now += timeout_ns;
    return ETIMEDOUT;
}

/* Counts the lock queries, and those of consumers' locks separately. Queries shortly after each other are one check;
 * the first MOST checks are kept. */
int __wrap_myl_os_lock_held(int fd, uint32_t lock_index)
{
    fake.lock_queries++;
    fake.consumer_queries += lock_index >= MYL_LOCK_ENTRY_0;
    if (fake.questions == 0 || (fake.questions < MOST && fake.now - fake.asked[fake.questions - 1] > CLOSE_NS))
        fake.asked[fake.questions++] = fake.now;
    return __real_myl_os_lock_held(fd, lock_index);
}

static void start_clock(void)
{
    int64_t now = fake.now == 0 ? MYL_MSEC(1) : fake.now; /* shortly after the machine was booted */
    memset(&fake, 0, sizeof fake);
    fake.now = now;
}

static void expect_near(int64_t got, int64_t wanted, const char *what)
{
    if (got < wanted || got > wanted + CLOSE_NS)
        test_fail("%s: %lld ns, not %lld", what, (long long)got, (long long)wanted);
}

#endif
