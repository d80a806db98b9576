/* SPDX-License-Identifier: MIT
 * Sleeping and waking without futexes: a sleeper looks at its word again and again, at growing intervals. Idle is
 * cheap, not free, and a wake-up takes up to a millisecond; docs/building.md says so. */
#define _POSIX_C_SOURCE 200809L
#include "os/os.h"

#include <errno.h>

#define LOOK_FIRST_NS ((int64_t)20000)
#define LOOK_MOST_NS  ((int64_t)1000000)

int myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns)
{
    int64_t until = myl_os_now() + timeout_ns;
    int64_t pause = LOOK_FIRST_NS;
    while (myl_load32_acq(word) == value) { /* A17 */
        int64_t left = until - myl_os_now();
        if (left <= 0)
            return ETIMEDOUT;
        myl_os_sleep(left < pause ? left : pause);
        pause = pause * 2 < LOOK_MOST_NS ? pause * 2 : LOOK_MOST_NS;
    }
    return 0;
}

void myl_os_wake_add4(myl_au32 *word)
{
    (void)myl_add32_acq_rel(word, 4); /* A12: the change is the wake-up, so a death cannot fall in between */
}

void myl_os_wake(myl_au32 *word)
{
    (void)word; /* whoever looks sees that it changed */
}

int myl_os_barrier_register(void)
{
    return ENOSYS; /* publishers fence at every publish instead */
}

int myl_os_barrier(void)
{
    return ENOSYS;
}
