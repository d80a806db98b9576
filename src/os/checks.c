/* SPDX-License-Identifier: MIT
 * Sleeping on words without the kernel's help: a sleeper checks them at growing intervals. Idling costs little CPU
 * time, and a wake-up takes up to a millisecond: docs/building.md. */
#include "base/deadline.h"
#include "os/os.h"

#include <errno.h>

#define CHECK_FIRST_NS ((int64_t)20000)
#define CHECK_MOST_NS  ((int64_t)1000000)

bool myl_os_word_changed(const struct myl_os_park_word *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (myl_load32_acq(words[i].word) != words[i].value) /* A17 */
            return true;
    }
    return false;
}

int myl_os_park_by_checks(const struct myl_os_park_word *words, uint32_t count, int64_t timeout_ns)
{
    struct myl_deadline until = myl_deadline_after(myl_os_now(), timeout_ns);
    int64_t pause = CHECK_FIRST_NS;
    while (!myl_os_word_changed(words, count)) {
        int64_t left = myl_deadline_left(until, myl_os_now());
        if (left == 0)
            return ETIMEDOUT;
        if (myl_os_sleep(left < pause ? left : pause) == EINTR && !myl_os_word_changed(words, count))
            return EINTR;
        pause = pause * 2 < CHECK_MOST_NS ? pause * 2 : CHECK_MOST_NS;
    }
    return 0;
}
