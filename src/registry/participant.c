/* SPDX-License-Identifier: MIT
 * Words of participant records: deaths, identity, waits, counters, activity notices. */
#include "registry/participant.h"

#include "base/deadline.h"
#include "base/text.h"
#include "segment/log.h"
#include "segment/name.h"
#include "segment/table.h"

#include <string.h>

#define TEXT_WORDS (sizeof((struct myl_activity *)0)->text / sizeof(myl_au64))

/* Returns 1 for the first caller with this generation (or epoch), unless a later one is logged. They start at 1; 0: no
 * death was logged. */
static bool first_to_log(myl_au32 *death_logged_generation, uint32_t generation)
{
    uint32_t before = myl_load32_acq(death_logged_generation); /* A60 */
    /* A60, CAS [sc]: exactly one of the processes that find this death logs it. */
    return (int32_t)(generation - before) > 0 && myl_cas32_sc(death_logged_generation, &before, generation);
}

void myl_log_consumer_death(const struct myl_segment *segment, uint32_t index, uint32_t generation)
{
    struct myl_participant *entry = myl_segment_entry(segment, index);
    char id[MYL_ID_MAX + 1];
    if (!segment->control_writable || myl_participant_is_reserved(entry) ||
        !first_to_log(&entry->death_logged_generation, generation))
        return;
    uint64_t cursor = myl_load_acq(&entry->cursor); /* A8 */
    uint64_t next = myl_load_acq(&segment->control->next); /* A4 */
    myl_store_rlx(&entry->died_ns, myl_os_realtime()); /* A61, for tools */
    myl_entry_id(entry, id);
    myl_log_write(segment, &(struct myl_log_note){
                               .kind = MYL_LOG_DIED,
                               .id = id,
                               .sequence = cursor,
                               .value = next > cursor ? next - cursor : 0,
                               .pid = myl_load32_rlx(&entry->pid), /* A48 */
                           });
}

void myl_log_producer_death(const struct myl_segment *segment, uint32_t epoch)
{
    struct myl_participant *producer = myl_segment_producer(segment);
    if (!segment->control_writable || !first_to_log(&producer->death_logged_generation, epoch))
        return;
    myl_store_rlx(&producer->died_ns, myl_os_realtime()); /* A61 */
    myl_log_write(segment, &(struct myl_log_note){
                               .kind = MYL_LOG_PRODUCER_DIED,
                               .sequence = myl_load_acq(&segment->control->next), /* A4 */
                               .value = epoch,
                               .pid = myl_load32_rlx(&producer->pid), /* A42 */
                           });
}

/* --- identity, waits, counters: the same for producers and consumers --------------------------------------------- */

static void initialise(struct myl_participant *participant, const struct myl_os_identity *owner, uint32_t unclaimed)
{
    myl_store32_rlx(&participant->unclaimed, unclaimed); /* A88. Pairs: A88; published by the state, A23 */
    myl_store32_rlx(&participant->pid, owner->pid); /* A48 */
    myl_store_rlx(&participant->pid_namespace, owner->pid_namespace); /* A48 */
    myl_store_rlx(&participant->started_ns, owner->started_ns); /* A48 */
    myl_store_rlx(&participant->opened_ns, myl_os_realtime()); /* A48 */
    myl_store_rlx(&participant->waiting, 0); /* A66 */
    myl_store_rlx(&participant->waits_for, 0); /* A66 */
    myl_store_rlx(&participant->stalled_since, 0); /* A67 */
    myl_store_rlx(&participant->died_ns, 0); /* A61 */
    myl_participant_set_level(participant, MYL_COUNTERS_OFF); /* its owner raises it */
    myl_activity_clear(&participant->activity);
}

void myl_participant_open(struct myl_participant *participant)
{
    struct myl_os_identity self;
    myl_os_identify(&self);
    initialise(participant, &self, 0);
}

void myl_participant_reserve(struct myl_participant *entry, uint32_t unclaimed)
{
    static const struct myl_os_identity none;
    initialise(entry, &none, unclaimed);
}

uint32_t myl_participant_unclaimed(const struct myl_participant *entry)
{
    return myl_load32_rlx(&entry->unclaimed); /* A88 */
}

bool myl_participant_is_reserved(const struct myl_participant *entry)
{
    return myl_participant_unclaimed(entry) != 0;
}

void myl_participant_identity(const struct myl_participant *participant, struct myl_os_identity *who)
{
    who->pid = myl_load32_rlx(&participant->pid); /* A48 */
    who->pid_namespace = myl_load_rlx(&participant->pid_namespace); /* A48 */
    who->started_ns = myl_load_rlx(&participant->started_ns); /* A48 */
}

void myl_participant_count(struct myl_participant *participant, enum myl_counter counter, uint64_t by)
{
    if (myl_load32_rlx(&participant->counters_level) >= (uint32_t)myl_counter_describe(counter)->level) /* A89 */
        myl_tally_rlx(&participant->counters[counter], by); /* A40: the participant is the only writer */
}

void myl_participant_raise(struct myl_participant *participant, enum myl_counter gauge, uint64_t value)
{
    uint64_t now = myl_load_rlx(&participant->counters[gauge]); /* A40 */
    if (value > now)
        myl_participant_count(participant, gauge, value - now);
}

void myl_participant_set_level(struct myl_participant *participant, enum myl_counters_level level)
{
    myl_store32_rlx(&participant->counters_level, (uint32_t)level); /* A89 */
}

void myl_participant_forget(struct myl_participant *participant, uint64_t first)
{
    for (unsigned i = 0; i < MYL_COUNTERS_MAX; i++)
        myl_tally_set_rlx(&participant->counters[i], i == MYL_COUNTER_FIRST ? first : 0); /* A40 */
    myl_tally_set_rlx(&participant->tally.messages, 0); /* A93 */
    myl_tally_set_rlx(&participant->tally.bytes, 0);    /* A93 */
}

void myl_participant_begin_wait(struct myl_participant *participant, int64_t since)
{
    myl_store_rlx(&participant->waiting, (uint64_t)since); /* A66 */
}

void myl_participant_end_wait(struct myl_participant *participant, int64_t waited_ns)
{
    myl_participant_count(participant, MYL_COUNTER_WAITS, 1);
    myl_participant_count(participant, MYL_COUNTER_WAIT_TIME, waited_ns > 0 ? (uint64_t)waited_ns : 0);
    myl_store_rlx(&participant->waiting, 0); /* A66 */
}

/* --- activity notices ----------------------------------------------------------------------------------------- */

static void write_words(struct myl_activity *activity, const uint64_t text[TEXT_WORDS], int64_t since, int64_t until)
{
    uint32_t version = myl_load32_rlx(&activity->version) | 1U; /* A62: odd while the notice is being written */
    myl_store32_rlx(&activity->version, version); /* A62 */
    myl_fence_sc(); /* Z1: orders the odd version before the words. Pairs: Z2 */
    myl_store_rlx(&activity->since, (uint64_t)since); /* A63. Pairs: A64 */
    myl_store_rlx(&activity->until, (uint64_t)until); /* A63 */
    for (size_t i = 0; i < TEXT_WORDS; i++)
        myl_store_rlx(&activity->text[i], text[i]); /* A63 */
    myl_store32_rel(&activity->version, version + 1); /* A62 version [rel]. Pairs: A65 */
}

void myl_activity_set(struct myl_activity *activity, const char *text, int64_t duration_ns)
{
    uint64_t words[TEXT_WORDS] = {0};
    int64_t now = myl_os_now();
    if (duration_ns > MYL_ACTIVITY_MOST_NS)
        duration_ns = MYL_ACTIVITY_MOST_NS;
    memcpy(words, text, strnlen(text, MYL_ACTIVITY_MAX));
    write_words(activity, words, now, duration_ns > 0 ? myl_deadline_after(now, duration_ns).at : 0);
}

void myl_activity_clear(struct myl_activity *activity)
{
    static const uint64_t nothing[TEXT_WORDS];
    write_words(activity, nothing, 0, 0);
}

bool myl_activity_get(const struct myl_activity *activity, struct myl_activity_notice *notice)
{
    uint64_t words[TEXT_WORDS];
    memset(notice, 0, sizeof *notice);
    uint32_t version = myl_load32_acq(&activity->version); /* A65. Pairs: A62 */
    if (version == 0 || (version & 1U) != 0)
        return false;
    int64_t since = (int64_t)myl_load_rlx(&activity->since); /* A64. Pairs: A63 */
    int64_t until = (int64_t)myl_load_rlx(&activity->until); /* A64 */
    for (size_t i = 0; i < TEXT_WORDS; i++)
        words[i] = myl_load_rlx(&activity->text[i]); /* A64 */
    myl_fence_acq(); /* Z2: orders the loads of the words before the second load of the version. Pairs: Z1 */
    if (myl_load32_rlx(&activity->version) != version || since == 0) /* A65 */
        return false;
    int64_t now = myl_os_now();
    if (since < 0 || since > now)
        since = now;
    if (until != 0 && (until < since || until - since > MYL_ACTIVITY_MOST_NS))
        until = since;
    notice->since = since;
    notice->until = until;
    memcpy(notice->text, words, MYL_ACTIVITY_MAX);
    myl_text_clean(notice->text);
    return true;
}
