/* SPDX-License-Identifier: MIT
 * Parking and waking, step by step. Protocol 6; models/park.pml. */
#include "wait/park.h"

#include "base/deadline.h"

#include <errno.h>

/* L3: the settling time, longer than a store stays in a store buffer. */
#define SETTLE_NS ((int64_t)2000)
/* L6: the longest sleep while EFF is not set, so a publisher may not see the announcement yet. */
#define UNCONFIRMED_NS ((int64_t)1000000)

static void settle(void)
{
    struct myl_deadline until = myl_deadline_after(myl_os_now(), SETTLE_NS);
    while (!myl_deadline_has_passed(until, myl_os_now()))
        myl_os_pause();
}

static void announce_fenced(struct myl_parker *parker, uint32_t *value)
{
    for (;;) {
        uint32_t w = myl_load32_acq(&parker->park->word); /* A17, P1. Pairs: A12, the counter of unconditional wakes */
        MYL_STEP("P4");
        /* A6 SLEEP [sc]. Pairs: A5 and A11, the loads after the other side's fence: it sees SLEEP, or the parker sees
         * its store. */
        if ((w & MYL_PARK_SLEEP) == 0 && !myl_cas32_sc(&parker->park->word, &w, w | MYL_PARK_SLEEP))
            continue;
        myl_fence_sc(); /* P5; pairs with the fence between cursor and room word (A11), or stamp and data word (S5) */
        *value = w | MYL_PARK_SLEEP;
        return;
    }
}

static void announce_lazy(struct myl_parker *parker, uint32_t *value, int64_t *most_ns)
{
    const uint32_t both = MYL_PARK_FENCE | MYL_PARK_SLEEP;
    for (;;) {
        uint32_t w = myl_load32_acq(&parker->park->word); /* A17, L1 */
        MYL_STEP("L1");
        if ((w & both) != both && !myl_cas32_sc(&parker->park->word, &w, w | both)) /* A6 */
            continue;
        w |= both;
        myl_fence_sc(); /* L2; pairs with S5 */
        if ((w & MYL_PARK_EFF) == 0) {
            MYL_STEP("L3");
            if (!parker->overslept) {
                settle();
            } else if (myl_os_barrier() == 0) {
                MYL_STEP("L4");
                /* A CAS from the value loaded before the barrier proves that FENCE stayed set. */
                if (!myl_cas32_sc(&parker->park->word, &w, w | MYL_PARK_EFF | MYL_PARK_SLEEP)) /* A6 */
                    continue;
                w |= MYL_PARK_EFF;
            }
            /* No barrier: the bounded first sleep was long enough for each earlier store to leave its buffer. */
        }
        *value = w;
        *most_ns = (w & MYL_PARK_EFF) != 0 || parker->overslept ? INT64_MAX : UNCONFIRMED_NS;
        return;
    }
}

void myl_park_announce(struct myl_parker *parker, uint32_t *value, int64_t *most_ns)
{
    *most_ns = INT64_MAX;
    if (parker->mode == MYL_PARK_FENCED)
        announce_fenced(parker, value);
    else
        announce_lazy(parker, value, most_ns);
}

int myl_park_sleep(struct myl_parker *parker, uint32_t value, int64_t ns, int64_t most_ns)
{
    MYL_STEP("L6");
    int ended = myl_os_park(&parker->park->word, value, ns < most_ns ? ns : most_ns);
    if (ended == ETIMEDOUT && most_ns != INT64_MAX && ns >= most_ns)
        parker->overslept = 1;
    MYL_STEP("L7");
    return ended;
}

int myl_park_publish_slow(struct myl_park_word *park, const struct myl_publisher *who, uint32_t *quiet)
{
    uint32_t w = myl_load32_rlx(&park->word); /* A5, S3 */
    if (!who->registered || (w & MYL_PARK_FENCE) != 0) {
        MYL_STEP("S5");
        myl_fence_sc(); /* S5; pairs with L2 and P5 */
        w = myl_load32_rlx(&park->word); /* A5 again: a value loaded before the fence may be stale */
    }
    /* S5b: the only publisher has seen FENCE and run a fence, so all its later loads see FENCE. With several publishers
     * none can confirm for the others: only L4 sets EFF, since its barrier reaches all of them. */
    if (who->only && (w & (MYL_PARK_FENCE | MYL_PARK_EFF)) == MYL_PARK_FENCE) {
        MYL_STEP("S5b");
        if (myl_cas32_sc(&park->word, &w, w | MYL_PARK_EFF)) /* A6 */
            w |= MYL_PARK_EFF;
        else
            w = myl_load32_rlx(&park->word); /* A5 */
    }
    if ((w & MYL_PARK_SLEEP) != 0) {
        MYL_STEP("S6");
        *quiet = 0;
        myl_os_wake_add4(&park->word); /* SLEEP is cleared with a carry into the counter, in the same system call */
        return 1;
    }
    if ((w & MYL_PARK_FENCE) != 0 && ++*quiet >= MYL_PARK_QUIET_CALLS) {
        MYL_STEP("S7");
        *quiet = 0;
        /* A6. Clears FENCE and EFF together and raises the counter. The CAS fails if a sleeper was announced since. */
        if ((w & MYL_PARK_EFF) != 0)
            (void)myl_cas32_sc(&park->word, &w, (w & ~(uint32_t)(MYL_PARK_FENCE | MYL_PARK_EFF)) + MYL_PARK_COUNT);
    }
    return 0;
}

int myl_park_room_slow(struct myl_park_word *park, uint64_t before, uint64_t now)
{
    MYL_STEP("R2");
    myl_fence_sc(); /* between the cursor (A7) and the loads below; pairs with P5 */
    uint32_t w = myl_load32_rlx(&park->word); /* A11. Pairs: A6 */
    if ((w & MYL_PARK_SLEEP) == 0)
        return 0;
    uint64_t need = myl_load_acq(&park->need); /* A18. Pairs: A19, stored before SLEEP was set */
    if (before >= need || now < need)
        return 0;
    MYL_STEP("R3");
    myl_os_wake_add4(&park->word);
    return 1;
}
