/* SPDX-License-Identifier: MIT
 * Sleeping and waking on Linux: futexes shared between processes, and membarrier. */
#define _GNU_SOURCE
#include "base/deadline.h"
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000

/* Constants of futex(2) and membarrier(2), defined here because not every C library comes with the Linux headers. */
#define FUTEX_OP_WAIT     0
#define FUTEX_OP_WAKE     1
#define FUTEX_OP_WAKE_OP  5
/* "*word += 4; then compare its old value with -1": operation 1 (add) << 28 | comparison 0 (equal) << 24 | 4 << 12 |
 * 0xfff. */
#define ADD_4_NEVER_EQUAL ((1U << 28) | (4U << 12) | 0xfffU)
#define BARRIER_GLOBAL_EXPEDITED          (1 << 1)
#define BARRIER_REGISTER_GLOBAL_EXPEDITED (1 << 2)
/* futex_waitv(2), Linux 5.16. Its number is the same on all processors but Alpha. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define FUTEX2_U32_SHARED 2U
/* With more words than the kernel takes at once: the longest sleep between two checks of all words. It grows while
 * nothing happens. */
#define CHECK_FIRST_NS ((int64_t)250000)
#define CHECK_MOST_NS  ((int64_t)4000000)

static struct timespec timespec_of(int64_t ns)
{
    struct timespec t;
    t.tv_sec = (time_t)(ns / NS_PER_S);
    t.tv_nsec = (long)(ns % NS_PER_S);
    return t;
}

int myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns)
{
    struct timespec t = timespec_of(timeout_ns > 0 ? timeout_ns : 0);
    /* A17: the kernel compares the word, in a single order with all wakes. Pairs: A12. */
    if (syscall(SYS_futex, &word->v, FUTEX_OP_WAIT, value, &t, NULL, 0) != 0 && (errno == ETIMEDOUT || errno == EINTR))
        return errno;
    return 0; /* woken, or EAGAIN (the word has changed): the caller checks again */
}

struct futex_waitv {
    uint64_t value, address;
    uint32_t flags, reserved;
};

/* Sleeps on `count` words in a row, with those at the start after those at the end. ENOSYS: this kernel or container
 * does not wait for several words. */
static int wait_for_several(const struct myl_os_park_word *words, uint32_t count, uint32_t first, int64_t timeout_ns)
{
    struct futex_waitv each[MYL_OS_PARK_WORDS] = {{0}};
    uint32_t used = count < MYL_OS_PARK_WORDS ? count : MYL_OS_PARK_WORDS;
    for (uint32_t i = 0; i < used; i++) {
        const struct myl_os_park_word *word = &words[(first + i) % count];
        each[i] = (struct futex_waitv){word->value, (uintptr_t)&word->word->v, FUTEX2_U32_SHARED, 0};
    }
    int64_t until = myl_deadline_after(myl_os_now(), timeout_ns).at;
    const int64_t at[2] = {until / NS_PER_S, until % NS_PER_S}; /* a struct __kernel_timespec */
    /* A17: the kernel compares the words, in a single order with all wakes. Pairs: A12. */
    if (syscall(SYS_futex_waitv, each, used, 0, at, CLOCK_MONOTONIC) >= 0)
        return 0;
    if (errno == ETIMEDOUT || errno == EINTR)
        return errno;
    return errno == EAGAIN ? 0 : ENOSYS;
}

int myl_os_park_any(const struct myl_os_park_word *words, uint32_t count, int64_t timeout_ns)
{
    if (count == 1)
        return myl_os_park(words->word, words->value, timeout_ns);
    struct myl_deadline until = myl_deadline_after(myl_os_now(), timeout_ns);
    int64_t most = count > MYL_OS_PARK_WORDS ? CHECK_FIRST_NS : INT64_MAX;
    /* Each turn sleeps on the next group of words, so that each of them can end the sleep at once in its turn. */
    for (uint32_t first = 0;; first = (first + MYL_OS_PARK_WORDS) % count) {
        if (count > MYL_OS_PARK_WORDS && myl_os_word_changed(words, count))
            return 0;
        int64_t left = myl_deadline_left(until, myl_os_now());
        if (left == 0)
            return ETIMEDOUT;
        int ended = wait_for_several(words, count, first, left < most ? left : most);
        if (ended == ENOSYS)
            return myl_os_park_by_checks(words, count, left);
        if (ended != ETIMEDOUT || left <= most)
            return ended;
        most = most * 2 < CHECK_MOST_NS ? most * 2 : CHECK_MOST_NS;
    }
}

void myl_os_wake_add4(myl_au32 *word)
{
    /* A12: the kernel adds. The comparison is never true (no word has this old value), so the second wake does not
     * happen. */
    (void)syscall(SYS_futex, &word->v, FUTEX_OP_WAKE_OP, INT_MAX, (void *)0, &word->v, ADD_4_NEVER_EQUAL);
}

void myl_os_wake(myl_au32 *word)
{
    (void)syscall(SYS_futex, &word->v, FUTEX_OP_WAKE, INT_MAX, NULL, NULL, 0);
}

int myl_os_barrier_register(void)
{
    return syscall(SYS_membarrier, BARRIER_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0 ? 0 : errno;
}

int myl_os_barrier(void)
{
    return syscall(SYS_membarrier, BARRIER_GLOBAL_EXPEDITED, 0, 0) == 0 ? 0 : errno;
}
