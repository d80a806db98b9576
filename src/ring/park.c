/* SPDX-License-Identifier: MIT
 * Parking and waking, step by step. */
#include "ring/park.h"

#include "os/os.h"

/* L3: longer than a store stays in a store buffer. */
#define SETTLE_NS ((int64_t)2000)
/* L6: a sleep whose announcement nobody has confirmed. */
#define UNCONFIRMED_NS ((int64_t)1000000)

static void settle(void)
{
    int64_t until = myl_os_now() + SETTLE_NS;
    while (myl_os_now() < until)
        myl_os_pause();
}

static void announce_fenced(struct myl_parker *parker, uint32_t *value)
{
    for (;;) {
        uint32_t w = myl_load32_acq(&parker->park->word); /* A17, P1. Pairs: A12, the counter of unconditional wakes */
        MYL_STEP("P4");
        /* A6 SLEEP [sc]. Pairs: A5 and A11, the loads behind a publisher's fence: either it sees SLEEP, or we see its
         * store. */
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
                /* One CAS from the value read before the barrier: FENCE was set all the time. */
                if (!myl_cas32_sc(&parker->park->word, &w, w | MYL_PARK_EFF | MYL_PARK_SLEEP)) /* A6 */
                    continue;
                w |= MYL_PARK_EFF;
            }
            /* Without a barrier the first sleep's length was the wait: a store older than that is out of its buffer. */
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

void myl_park_sleep(struct myl_parker *parker, uint32_t value, int64_t ns, int64_t most_ns)
{
    MYL_STEP("L6");
    int ended = myl_os_park(&parker->park->word, value, ns < most_ns ? ns : most_ns);
    if (ended != 0 && most_ns != INT64_MAX && ns >= most_ns)
        parker->overslept = 1;
    MYL_STEP("L7");
}

int myl_park_publish_slow(struct myl_park_word *park, const struct myl_publisher *who, uint32_t *quiet)
{
    uint32_t w = myl_load32_rlx(&park->word); /* A5, S3 */
    if (!who->registered || (w & MYL_PARK_FENCE) != 0) {
        MYL_STEP("S5");
        myl_fence_sc(); /* S5; pairs with L2 and P5 */
        w = myl_load32_rlx(&park->word); /* A5 again: what was read before the fence is worth nothing */
    }
    /* S5b: the only publisher of this ring has seen FENCE and fenced; all its later loads see it too. With several, one
     * cannot speak for the others: EFF is left to L4, whose barrier reaches them all. */
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
        /* A6. FENCE and EFF go together and are counted; a sleeper that announced meanwhile makes the CAS fail. */
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
