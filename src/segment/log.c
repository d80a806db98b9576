/* SPDX-License-Identifier: MIT
 * The event log records what happened to the participants of a ring. It can be read after all of them have died. A
 * writer takes a ticket for its record, without a lock and on cold paths only. If it dies while writing, or is delayed
 * for a whole lap, the record has a wrong number or checksum. Readers copy, check, and skip such a record. */
#include "segment/log.h"

#include "base/error.h"
#include "base/text.h"
#include "base/hash.h"
#include "base/log.h"
#include "segment/name.h"

#include <inttypes.h>
#include <stdio.h>
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
    unsigned char *log = (unsigned char *)segment->controls + myl_log_begin(segment->head);
    return (struct myl_log_record *)(void *)log + number % MYL_LOG_RECORDS;
}

static void fill(struct myl_log_record *record, const struct content *content)
{
    /* A57 log fields, stores rlx. Pairs: A58; ordered by the number, validated by the checksum. */
    myl_store_rlx(&record->time_ns, content->time_ns);
    myl_store_rlx(&record->sequence, content->sequence); /* A57 */
    myl_store_rlx(&record->value, content->value); /* A57 */
    myl_store32_rlx(&record->kind, content->kind); /* A57 */
    myl_store32_rlx(&record->pid, content->pid); /* A57 */
    myl_store32_rlx(&record->by, content->by); /* A57 */
    myl_store32_rlx(&record->lane, content->lane); /* A57 */
    for (size_t i = 0; i < ID_WORDS; i++)
        myl_store_rlx(&record->id[i], content->id[i]); /* A57 */
    myl_store_rlx(&record->checksum, myl_fnv1a(content, sizeof *content)); /* A57 */
}

/* Sentences for the log callback: "consumer "c" (process 7) died at 12, 3 not acknowledged". */
static const struct {
    enum myl_log_kind kind;
    enum myl_log_level level;
    const char *verb;
    const char *value;       /* format of the value; NULL: left out */
    uint64_t unit;           /* divisor of the printed value */
} sentences[] = {
    {MYL_LOG_CREATED, MYL_LOG_INFO, "created the ring", NULL, 1},
    {MYL_LOG_TAKEN_OVER, MYL_LOG_INFO, "took over", NULL, 1},
    {MYL_LOG_PRODUCER_LEFT, MYL_LOG_INFO, "left without ending the stream", NULL, 1},
    {MYL_LOG_CLOSED, MYL_LOG_INFO, "ended the stream", NULL, 1},
    {MYL_LOG_PRODUCER_DIED, MYL_LOG_ERROR, "died", NULL, 1},
    {MYL_LOG_SUPERSEDED, MYL_LOG_ERROR, "ended the session by force", NULL, 1},
    {MYL_LOG_JOINED, MYL_LOG_INFO, "joined", NULL, 1},
    {MYL_LOG_RESUMED, MYL_LOG_INFO, "resumed", ", %" PRIu64 " lost", 1},
    {MYL_LOG_LEFT, MYL_LOG_INFO, "left", NULL, 1},
    {MYL_LOG_DIED, MYL_LOG_ERROR, "died", ", %" PRIu64 " not acknowledged", 1},
    {MYL_LOG_STALLED, MYL_LOG_WARN, "has not moved", " for %" PRIu64 " ms", 1000000},
    {MYL_LOG_RECOVERED, MYL_LOG_WARN, "moves again", " after %" PRIu64 " ms", 1000000},
    {MYL_LOG_EVICTED, MYL_LOG_WARN, "was evicted", ", %" PRIu64 " given up", 1},
    {MYL_LOG_REAPED, MYL_LOG_WARN, "was evicted by the producer", ", %" PRIu64 " given up", 1},
    {MYL_LOG_ROLE, MYL_LOG_INFO, "has another role", NULL, 1},
    {MYL_LOG_SHUTDOWN, MYL_LOG_ERROR, "makes the producer's calls fail", " after %" PRIu64 " ms", 1000000},
    {MYL_LOG_CLEARED, MYL_LOG_INFO, "goes on after a failure", NULL, 1},
    {MYL_LOG_ABSENT, MYL_LOG_WARN, "is awaited and absent", "; waited %" PRIu64 " ms", 1000000},
    {MYL_LOG_RESERVED, MYL_LOG_INFO, "is reserved", NULL, 1},
};

static void emit(const struct myl_segment *segment, const struct myl_log_note *note)
{
    size_t i = 0;
    while (i < sizeof sentences / sizeof sentences[0] && sentences[i].kind != note->kind)
        i++;
    if (i == sizeof sentences / sizeof sentences[0] || !myl_log_wants(sentences[i].level))
        return;
    char id[MYL_ID_MAX + 1] = "", value[64] = "";
    if (note->id != NULL)
        memcpy(id, note->id, strnlen(note->id, MYL_ID_MAX));
    myl_text_clean(id);
    if (sentences[i].value != NULL)
        (void)snprintf(value, sizeof value, sentences[i].value, note->value / sentences[i].unit);
    if (note->id == NULL)
        myl_log_emit(sentences[i].level, segment->name, "producer (process %" PRIu32 ") %s at %" PRIu64 "%s", note->pid,
                     sentences[i].verb, note->sequence, value);
    else if (note->pid == 0) /* reserved: no process has this id yet */
        myl_log_emit(sentences[i].level, segment->name, "consumer \"%s\" %s at %" PRIu64 "%s", id, sentences[i].verb,
                     note->sequence, value);
    else
        myl_log_emit(sentences[i].level, segment->name, "consumer \"%s\" (process %" PRIu32 ") %s at %" PRIu64 "%s", id,
                     note->pid, sentences[i].verb, note->sequence, value);
}

void myl_log_write(const struct myl_segment *segment, const struct myl_log_note *note)
{
    emit(segment, note);
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
    /* A54 log_next, add acq_rel: the ticket, a number that no other writer has. */
    content.number = myl_add_acq_rel(&segment->controls->log_next, 1) + 1;
    struct myl_log_record *record = record_at(segment, content.number - 1);
    uint64_t before = myl_load_acq(&record->number); /* A56 */
    MYL_STEP("W2");
    /* Do not overwrite a newer record: this writer was delayed for a lap. A55 number, CAS acq_rel. Pairs: A56. */
    if ((before & ~MYL_LOG_WRITING) >= content.number ||
        !myl_cas_acq_rel(&record->number, &before, content.number | MYL_LOG_WRITING))
        return;
    MYL_STEP("W3");
    fill(record, &content);
    MYL_STEP("W4");
    uint64_t writing = content.number | MYL_LOG_WRITING;
    (void)myl_cas_acq_rel(&record->number, &writing, content.number); /* A55: fails if another writer is a lap ahead */
}

/* Copies one record. Returns 0 if it is torn, or being written. */
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
    if (myl_load_rlx(&record->checksum) != myl_fnv1a(&content, sizeof content)) /* A58 */
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
    memcpy(entry->id, content.id, MYL_ID_MAX); /* the structure is zeroed, so the text ends in a NUL */
    myl_text_clean(entry->id);
    return 1;
}

uint64_t myl_log_written(const struct myl_segment *segment)
{
    return segment->controls == NULL ? 0 : myl_load_acq(&segment->controls->log_next); /* A59. Pairs: A54 */
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
    made->size = sizeof *made;
    made->entry_size = sizeof *entry;
    made->entry = entry;
    made->written = myl_log_written(segment);
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
