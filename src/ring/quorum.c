/* SPDX-License-Identifier: MIT
 * Waiting for a quorum. Used by the option `wait_consumers`, by myl_producer_wait_consumers, and for the required set
 * of a liveness policy. */
#include "ring/quorum.h"

#include "registry/find.h"
#include "ring/state.h"
#include "segment/lock.h"
#include "segment/table.h"

#include <stdio.h>
#include <string.h>

void myl_missing_report(const struct myl_segment *segment, const char *id)
{
    char text[MYL_ID_MAX + 1] = {0};
    struct myl_control *control = segment->control;
    memcpy(text, id, strlen(id) + 1);
    for (size_t i = 0; i < sizeof control->missing / sizeof control->missing[0]; i++) {
        uint64_t word;
        memcpy(&word, text + i * sizeof word, sizeof word);
        myl_store_rlx(&control->missing[i], word); /* A70 */
    }
}

static const struct myl_segment *segment_of(const struct myl_quorum *quorum)
{
    return &quorum->request.producer->handle.segment;
}

/* What a consumer has to be to count: in the table, or alive as well, by its lock. */
enum counted { REGISTERED, ALIVE };

static bool counts(const struct myl_segment *segment, uint32_t entry, enum counted what)
{
    return what == REGISTERED || myl_lock_held(segment, myl_entry_lock_index(entry)) > 0;
}

static void count_ids(struct myl_quorum *quorum, enum counted what)
{
    const struct myl_segment *segment = segment_of(quorum);
    for (uint32_t i = 0; i < quorum->count; i++) {
        uint32_t entry = UINT32_MAX;
        if (myl_find_active(segment, quorum->ids[i], &entry) && counts(segment, entry, what))
            quorum->found++;
        else if (quorum->missing == NULL)
            quorum->missing = quorum->ids[i];
    }
}

static void count_any(struct myl_quorum *quorum, enum counted what)
{
    const struct myl_segment *segment = segment_of(quorum);
    uint32_t entries = myl_segment_entries(segment);
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_participant *entry = myl_segment_entry(segment, i);
        char id[MYL_ID_MAX + 1];
        if (myl_load32_acq(&entry->state) != MYL_PARTICIPANT_ACTIVE) /* A13 */
            continue;
        myl_entry_id(entry, id);
        if (quorum->prefix == NULL || strncmp(id, quorum->prefix, strlen(quorum->prefix)) == 0)
            quorum->found += counts(segment, i, what);
    }
}

/* Returns true if all consumers of the quorum count. */
static bool count(struct myl_quorum *quorum, enum counted what)
{
    quorum->found = 0;
    quorum->missing = NULL;
    if (quorum->ids != NULL)
        count_ids(quorum, what);
    else
        count_any(quorum, what);
    return quorum->found >= quorum->count;
}

/* Reports a missing id to `myelon why` and `top`; without a list of ids, how many are missing. */
static void report(struct myl_quorum *quorum)
{
    char text[MYL_ID_MAX + 1];
    if (quorum->missing != NULL)
        (void)snprintf(text, sizeof text, "%s", quorum->missing);
    else
        (void)snprintf(text, sizeof text, "%u of %u %.7s%sconsumer%s", (quorum->count - quorum->found) % 10000U,
                       quorum->count % 10000U, quorum->prefix != NULL ? quorum->prefix : "",
                       quorum->prefix != NULL ? "* " : "", quorum->count == 1 ? "" : "s");
    if (strcmp(quorum->reported, text) == 0)
        return;
    memcpy(quorum->reported, text, sizeof text);
    myl_missing_report(segment_of(quorum), text);
}

/* Called in loops: queries locks, by system calls, only when the table is complete. */
static int check(void *context)
{
    struct myl_quorum *quorum = context;
    if (count(quorum, REGISTERED) && count(quorum, ALIVE))
        return MYL_OK;
    report(quorum);
    return MYL_EAGAIN;
}

static int timed_out(void *context, int64_t timeout_ns)
{
    struct myl_quorum *quorum = context;
    (void)count(quorum, ALIVE);
    return quorum->timed_out(quorum, timeout_ns);
}

int myl_quorum_wait(struct myl_quorum *quorum, struct myl_timeout *timeout)
{
    int rc = myl_segment_check(segment_of(quorum));
    if (rc == MYL_OK)
        rc = check(quorum);
    quorum->request.timed_out = timed_out;
    quorum->request.cursor = 0; /* no cursor matters; each join wakes the producer unconditionally */
    if (rc == MYL_EAGAIN)
        rc = myl_room_wait(&quorum->request, check, timeout);
    if (quorum->reported[0] != '\0')
        myl_missing_report(segment_of(quorum), "");
    return rc;
}
