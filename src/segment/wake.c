/* SPDX-License-Identifier: MIT
 * Unconditional wakes. Protocol 6, BU1 and BU2. */
#include "segment/wake.h"

void myl_park_bump(struct myl_park_word *park)
{
    /* A12 park word += 8 [acq_rel], its counter: a participant that read the word before does not fall asleep. Pairs:
     * A6. The condition is stored before; a sleeper checks it again after it has read the word. */
    MYL_STEP("BU1");
    (void)myl_add32_acq_rel(&park->word, 8);
    MYL_STEP("BU2");
    myl_os_wake(&park->word);
}

void myl_segment_wake_all(const struct myl_segment *segment)
{
    myl_park_bump(segment->data_park);
    myl_park_bump(&segment->control->room);
}
