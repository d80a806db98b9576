/* SPDX-License-Identifier: MIT
 * Parking and waking, step by step. Protocol 6; models/park.pml. */
#include "wait/park.h"

#include "base/deadline.h"

#include <errno.h>

/* L3: the settling time, longer than a store stays in a store buffer. */
#define SETTLE_NS ((int64_t)2000)

static void settle(void)
{
    struct myl_deadline until = myl_deadline_after(myl_os_now(), SETTLE_NS);
    while (!myl_deadline_has_passed(until, myl_os_now()))
        myl_os_pause();
}

/* L1 (lazy): sets FENCE and SLEEP. P1, P4 (fenced): sets SLEEP. Returns the value of the word to sleep on. */
static uint32_t set_bits(struct myl_park_word *park, uint32_t bits)
{
    for (;;) {
        uint32_t w = myl_load32_acq(&park->word); /* A17, L1, P1. Pairs: A12, the counter of unconditional wakes */
        if ((bits & MYL_PARK_FENCE) != 0) {
            MYL_STEP("L1");
        } else {
            MYL_STEP("P4");
        }
        /* A6 SLEEP [sc]. Pairs: A5 and A11, the loads after the other side's fence: it sees SLEEP, or the parker sees
         * its store. */
        if ((w & bits) == bits || myl_cas32_sc(&park->word, &w, w | bits))
            return w | bits;
    }
}

static bool is_unconfirmed(const struct myl_parker *parker, const struct myl_os_park_word *word)
{
    return parker->mode == MYL_PARK_LAZY && (word->value & MYL_PARK_EFF) == 0;
}

/* Of the words without EFF: is there one whose bounded sleep has ended, or has not? */
static bool any_unconfirmed(const struct myl_parkers *parkers, bool overslept)
{
    bool any = false;
    for (uint32_t i = 0; i < parkers->count; i++)
        any = any ||
              (is_unconfirmed(&parkers->parker[i], &parkers->word[i]) && parkers->parker[i].overslept == overslept);
    return any;
}

/* L4, after the barrier: sets EFF in the words whose bounded sleep has ended. A CAS from the value loaded before the
 * barrier proves that FENCE stayed set. Returns false if a word has changed. */
static bool confirm(const struct myl_parkers *parkers)
{
    for (uint32_t i = 0; i < parkers->count; i++) {
        struct myl_os_park_word *word = &parkers->word[i];
        uint32_t w = word->value;
        if (!parkers->parker[i].overslept || !is_unconfirmed(&parkers->parker[i], word))
            continue;
        MYL_STEP("L4");
        if (!myl_cas32_sc(word->word, &w, w | MYL_PARK_EFF | MYL_PARK_SLEEP)) /* A6 */
            return false;
        word->value = w | MYL_PARK_EFF;
    }
    return true;
}

void myl_park_announce(const struct myl_parkers *parkers, int64_t *most_ns)
{
    for (;;) {
        for (uint32_t i = 0; i < parkers->count; i++) {
            struct myl_park_word *park = parkers->parker[i].park;
            bool lazy = parkers->parker[i].mode == MYL_PARK_LAZY;
            uint32_t bits = lazy ? MYL_PARK_FENCE | MYL_PARK_SLEEP : MYL_PARK_SLEEP;
            parkers->word[i] = (struct myl_os_park_word){&park->word, set_bits(park, bits)};
        }
        /* L2, P5: one fence for all words. Pairs with S5, between stamp and data word, and with R2, between cursor and
         * room word: that side sees SLEEP, or the check after this fence sees its store. */
        myl_fence_sc();
        bool unconfirmed = any_unconfirmed(parkers, false);
        *most_ns = unconfirmed ? MYL_PARK_UNCONFIRMED_NS : INT64_MAX;
        if (unconfirmed) {
            MYL_STEP("L3");
            settle();
        }
        /* No barrier: the bounded first sleep was long enough for each earlier store to leave its buffer. */
        if (!any_unconfirmed(parkers, true) || myl_os_barrier() != 0 || confirm(parkers))
            return;
    }
}

bool myl_park_is_confirmed(const struct myl_parkers *parkers)
{
    return !any_unconfirmed(parkers, false) && !any_unconfirmed(parkers, true);
}

int myl_park_sleep(const struct myl_parkers *parkers, int64_t ns, int64_t most_ns)
{
    MYL_STEP("L6");
    const struct myl_os_park_word *word = parkers->word;
    int64_t least = ns < most_ns ? ns : most_ns;
    int ended = parkers->count == 1 ? myl_os_park(word->word, word->value, least)
                                    : myl_os_park_any(word, parkers->count, least);
    bool overslept = ended == ETIMEDOUT && most_ns != INT64_MAX && ns >= most_ns;
    for (uint32_t i = 0; overslept && i < parkers->count; i++) {
        if (is_unconfirmed(&parkers->parker[i], &word[i]))
            parkers->parker[i].overslept = true;
    }
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
