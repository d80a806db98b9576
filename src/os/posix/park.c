/* SPDX-License-Identifier: MIT
 * Sleeping and waking without futexes: a sleeper checks its words at growing intervals, see src/os/checks.c. */
#include "os/os.h"

#include <errno.h>

int myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns)
{
    return myl_os_park_by_checks(&(struct myl_os_park_word){word, value}, 1, timeout_ns);
}

int myl_os_park_any(const struct myl_os_park_word *words, uint32_t count, int64_t timeout_ns)
{
    return myl_os_park_by_checks(words, count, timeout_ns);
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
