/* SPDX-License-Identifier: MIT
 * Sleeping and waking without futexes: a sleeper polls its word at growing intervals. Idling costs little CPU time, and
 * a wake-up takes up to a millisecond: docs/building.md. */
#define _POSIX_C_SOURCE 200809L
#include "base/deadline.h"
#include "os/os.h"

#include <errno.h>

#define CHECK_FIRST_NS ((int64_t)20000)
#define CHECK_MOST_NS  ((int64_t)1000000)

int myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns)
{
    struct myl_deadline until = myl_deadline_after(myl_os_now(), timeout_ns);
    int64_t pause = CHECK_FIRST_NS;
    while (myl_load32_acq(word) == value) { /* A17 */
        int64_t left = myl_deadline_left(until, myl_os_now());
        if (left == 0)
            return ETIMEDOUT;
        if (myl_os_sleep(left < pause ? left : pause) == EINTR && myl_load32_acq(word) == value) /* A17 */
            return EINTR;
        pause = pause * 2 < CHECK_MOST_NS ? pause * 2 : CHECK_MOST_NS;
    }
    return 0;
}

void myl_os_wake_add4(myl_au32 *word)
{
    (void)myl_add32_acq_rel(word, 4); /* A12: the change itself wakes, so a crash cannot separate the two */
}

void myl_os_wake(myl_au32 *word)
{
    (void)word; /* sleepers poll the word and see the change */
}

int myl_os_barrier_register(void)
{
    return ENOSYS; /* publishers fence at every publish instead */
}

int myl_os_barrier(void)
{
    return ENOSYS;
}
