/* SPDX-License-Identifier: MIT
 * Words about the parties of a ring: that somebody was found dead, and what somebody says it is doing. */
#include "segment/segment.h"

#include <string.h>

#define TEXT_WORDS (sizeof((struct myl_doing *)0)->text / sizeof(myl_au64))

/* 1 for the first one to note this generation (or epoch). Numbers start at 1, so 0 means nobody's. */
static int first_to_note(myl_au32 *noted, uint32_t generation)
{
    uint32_t before = myl_load32_acq(noted); /* A60 */
    /* A60 noted, CAS sc: one of many that see the same death writes it down. */
    return before != generation && myl_cas32_sc(noted, &before, generation);
}

void myl_note_consumer_death(const struct myl_segment *segment, uint32_t index)
{
    struct myl_entry *entry = myl_segment_entry(segment, index);
    char id[MYL_ID_MAX + 1];
    if (!segment->control_writable || !first_to_note(&entry->noted, myl_load32_acq(&entry->generation))) /* A9 */
        return;
    uint64_t cursor = myl_load_acq(&entry->cursor); /* A8 */
    uint64_t next = myl_load_acq(&segment->control->next); /* A4 */
    myl_store_rlx(&entry->died_ns, myl_os_realtime()); /* A61, for people */
    myl_entry_id(entry, id);
    myl_log_write(segment, &(struct myl_log_note){
                               .kind = MYL_LOG_DIED,
                               .id = id,
                               .sequence = cursor,
                               .value = next > cursor ? next - cursor : 0,
                               .pid = myl_load32_rlx(&entry->pid), /* A48 */
                           });
}

void myl_note_producer_death(const struct myl_segment *segment, uint32_t epoch)
{
    struct myl_control *control = segment->control;
    if (!segment->control_writable || !first_to_note(&control->producer_noted, epoch))
        return;
    myl_store_rlx(&control->producer_died_ns, myl_os_realtime()); /* A61 */
    myl_log_write(segment, &(struct myl_log_note){
                               .kind = MYL_LOG_PRODUCER_DIED,
                               .sequence = myl_load_acq(&control->next), /* A4 */
                               .value = epoch,
                               .pid = myl_load32_rlx(&control->producer_pid), /* A42 */
                           });
}

/* --- what a party says it is doing --------------------------------------------------------------------------- */

static void write_words(struct myl_doing *doing, const uint64_t text[TEXT_WORDS], int64_t since, int64_t until)
{
    uint32_t version = myl_load32_rlx(&doing->version) | 1U; /* A62: a writer that died within leaves it odd */
    myl_store32_rlx(&doing->version, version); /* A62 */
    myl_fence_sc(); /* Z1: the mark is before what it marks. Pairs: Z2 */
    myl_store_rlx(&doing->since, (uint64_t)since); /* A63. Pairs: A64 */
    myl_store_rlx(&doing->until, (uint64_t)until); /* A63 */
    for (size_t i = 0; i < TEXT_WORDS; i++)
        myl_store_rlx(&doing->text[i], text[i]); /* A63 */
    myl_store32_rel(&doing->version, version + 1); /* A62 version [rel]. Pairs: A65 */
}

void myl_doing_set(struct myl_doing *doing, const char *text, int64_t patience_ns)
{
    uint64_t words[TEXT_WORDS] = {0};
    int64_t now = myl_os_now();
    if (patience_ns > MYL_PATIENCE_MOST_NS)
        patience_ns = MYL_PATIENCE_MOST_NS;
    memcpy(words, text, strnlen(text, MYL_DOING_MAX));
    write_words(doing, words, now, patience_ns > 0 ? now + patience_ns : 0);
}

void myl_doing_clear(struct myl_doing *doing)
{
    static const uint64_t nothing[TEXT_WORDS];
    write_words(doing, nothing, 0, 0);
}

int myl_doing_get(const struct myl_doing *doing, struct myl_said *said)
{
    uint64_t words[TEXT_WORDS];
    memset(said, 0, sizeof *said);
    uint32_t version = myl_load32_acq(&doing->version); /* A65. Pairs: A62 */
    if (version == 0 || (version & 1U) != 0)
        return 0;
    int64_t since = (int64_t)myl_load_rlx(&doing->since); /* A64. Pairs: A63 */
    int64_t until = (int64_t)myl_load_rlx(&doing->until); /* A64 */
    for (size_t i = 0; i < TEXT_WORDS; i++)
        words[i] = myl_load_rlx(&doing->text[i]); /* A64 */
    myl_fence_acq(); /* Z2: the words are read before the mark is looked at again. Pairs: Z1 */
    if (myl_load32_rlx(&doing->version) != version || since == 0) /* A65 */
        return 0;
    int64_t now = myl_os_now();
    if (since < 0 || since > now)
        since = now;
    if (until != 0 && (until < since || until - since > MYL_PATIENCE_MOST_NS))
        until = since;
    said->since = since;
    said->until = until;
    memcpy(said->text, words, MYL_DOING_MAX);
    myl_text_clean(said->text);
    return 1;
}
