/* SPDX-License-Identifier: MIT
 * The event log: what happened to a ring's parties, readable when all of them are dead. A record is written by ticket,
 * without a lock, on cold paths only. A writer that dies within it, or sleeps for a whole lap, leaves a record whose
 * number or checksum is wrong; readers copy, check, and pass it over. */
#include "base/error.h"
#include "segment/segment.h"

#include <stdlib.h>
#include <string.h>

#define ID_WORDS (sizeof((struct myl_log_record *)0)->id / sizeof(myl_au64))

/* A record's content, in private memory. */
struct content {
    uint64_t number, time_ns, sequence, value;
    uint32_t kind, pid, by, lane;
    uint64_t id[ID_WORDS];
};

static struct myl_log_record *record_at(const struct myl_segment *segment, uint64_t number)
{
    struct myl_entry *entries = (struct myl_entry *)(void *)(segment->controls + 1);
    struct myl_log_record *first = (struct myl_log_record *)(void *)(entries + segment->head.max_consumers);
    return first + number % MYL_LOG_RECORDS;
}

/* FNV-1a, as of the header. */
static uint64_t checksum(const struct content *content)
{
    const unsigned char *bytes = (const unsigned char *)content;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof *content; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void fill(struct myl_log_record *record, const struct content *content)
{
    /* A57 log fields, stores rlx. Pairs: A58; ordered by the number, checked by the checksum. */
    myl_store_rlx(&record->time_ns, content->time_ns);
    myl_store_rlx(&record->sequence, content->sequence); /* A57 */
    myl_store_rlx(&record->value, content->value); /* A57 */
    myl_store32_rlx(&record->kind, content->kind); /* A57 */
    myl_store32_rlx(&record->pid, content->pid); /* A57 */
    myl_store32_rlx(&record->by, content->by); /* A57 */
    myl_store32_rlx(&record->lane, content->lane); /* A57 */
    for (size_t i = 0; i < ID_WORDS; i++)
        myl_store_rlx(&record->id[i], content->id[i]); /* A57 */
    myl_store_rlx(&record->checksum, checksum(content)); /* A57 */
}

void myl_log_write(const struct myl_segment *segment, const struct myl_log_note *note)
{
    if (!segment->control_writable)
        return;
    struct content content = {
        .time_ns = myl_os_realtime(),
        .sequence = note->sequence,
        .value = note->value,
        .kind = (uint32_t)note->kind,
        .pid = note->pid,
        .by = myl_os_pid(),
        .lane = segment->lane,
    };
    if (note->id != NULL)
        memcpy(content.id, note->id, strnlen(note->id, MYL_ID_MAX));
    MYL_STEP("W1");
    /* A54 log_next, add acq_rel: a ticket, nobody else has this number. */
    content.number = myl_add_acq_rel(&segment->controls->log_next, 1) + 1;
    struct myl_log_record *record = record_at(segment, content.number - 1);
    uint64_t before = myl_load_acq(&record->number); /* A56 */
    MYL_STEP("W2");
    /* Not over a newer one: we have slept for a lap. A55 number, CAS acq_rel. Pairs: A56. */
    if ((before & ~MYL_LOG_WRITING) >= content.number ||
        !myl_cas_acq_rel(&record->number, &before, content.number | MYL_LOG_WRITING))
        return;
    MYL_STEP("W3");
    fill(record, &content);
    MYL_STEP("W4");
    uint64_t writing = content.number | MYL_LOG_WRITING;
    (void)myl_cas_acq_rel(&record->number, &writing, content.number); /* A55: fails if somebody lapped us */
}

/* 0: torn, or being written. */
static int copy(const struct myl_segment *segment, uint64_t number, myl_log_entry *entry)
{
    const struct myl_log_record *record = record_at(segment, number);
    struct content content = {.number = myl_load_acq(&record->number)}; /* A56. Pairs: A55 */
    if (content.number != number + 1)
        return 0;
    content.time_ns = myl_load_rlx(&record->time_ns); /* A58. Pairs: A57 */
    content.sequence = myl_load_rlx(&record->sequence); /* A58 */
    content.value = myl_load_rlx(&record->value); /* A58 */
    content.kind = myl_load32_rlx(&record->kind); /* A58 */
    content.pid = myl_load32_rlx(&record->pid); /* A58 */
    content.by = myl_load32_rlx(&record->by); /* A58 */
    content.lane = myl_load32_rlx(&record->lane); /* A58 */
    for (size_t i = 0; i < ID_WORDS; i++)
        content.id[i] = myl_load_rlx(&record->id[i]); /* A58 */
    if (myl_load_rlx(&record->checksum) != checksum(&content)) /* A58 */
        return 0;
    *entry = (myl_log_entry){
        .number = number,
        .time_ns = content.time_ns,
        .kind = (enum myl_log_kind)content.kind,
        .sequence = content.sequence,
        .value = content.value,
        .pid = (int32_t)content.pid,
        .by = (int32_t)content.by,
        .lane = content.lane,
    };
    memcpy(entry->id, content.id, MYL_ID_MAX); /* the structure was zero: it ends in a NUL */
    myl_text_clean(entry->id);
    return 1;
}

int myl_log_read(const struct myl_segment *segment, myl_log **log)
{
    myl_log *made = calloc(1, sizeof *made);
    myl_log_entry *entry = calloc(MYL_LOG_RECORDS, sizeof *entry);
    if (made == NULL || entry == NULL) {
        free(made);
        free(entry);
        return myl_fail(MYL_ENOMEM, "no memory for a copy of the event log");
    }
    made->entry = entry;
    made->written = myl_load_acq(&segment->controls->log_next); /* A59. Pairs: A54 */
    uint64_t number = made->written > MYL_LOG_RECORDS ? made->written - MYL_LOG_RECORDS : 0;
    for (; number < made->written; number++) {
        if (copy(segment, number, &entry[made->count]))
            made->count++;
        else
            made->torn++;
    }
    *log = made;
    return MYL_OK;
}

int myl_log_take(const char *name, enum myl_backend backend, myl_log **log)
{
    struct myl_segment segment;
    *log = NULL;
    int rc = myl_segment_look_at(&segment, name, backend, 0);
    if (rc != MYL_OK)
        return rc;
    rc = myl_log_read(&segment, log);
    myl_segment_close(&segment);
    return rc;
}

void myl_log_free(myl_log *log)
{
    if (log == NULL)
        return;
    free(log->entry);
    free(log);
}

const char *myl_log_kind_name(enum myl_log_kind kind)
{
    switch ((int)kind) {
#define MYL_X(name, value, text) \
    case MYL_LOG_##name: \
        return text;
        MYL_LOG_LIST(MYL_X)
#undef MYL_X
    default:
        return "?";
    }
}
