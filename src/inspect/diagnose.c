/* SPDX-License-Identifier: MIT
 * The diagnosis of a stalled ring: which participant waits for which, and why. Only reads. Two samples show which
 * participants move. */
#include <myelon/liveness.h>

#include "base/error.h"
#include "base/text.h"
#include "registry/participant.h"
#include "registry/role.h"
#include "ring/handle.h"
#include "ring/state.h"
#include "segment/copy.h"
#include "segment/id.h"
#include "segment/lock.h"
#include "segment/name.h"
#include "segment/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_PARTICIPANT UINT32_MAX

static const char *const condition_names[] = {"moving", "waiting", "busy",   "stalled", "stopped",
                                              "dead",   "left",    "absent", "closed",  "reserved"};

const char *myl_condition_name(enum myl_condition condition)
{
    unsigned i = (unsigned)condition;
    return i < sizeof condition_names / sizeof condition_names[0] ? condition_names[i] : "?";
}

/* First sample of one participant. One per consumer entry, then one for the producer. */
struct before {
    uint64_t at;               /* cursor; of the producer: next */
    uint64_t waiting;          /* start of its wait; 0: it did not wait */
};

/* A diagnosis in progress. */
struct view {
    const struct myl_segment *segment;
    uint32_t own_lock;           /* the caller's participant lock: a query does not report own locks */
    int64_t now;
    int64_t watched;             /* time since the first sample; at least 1 ns */
    uint64_t now_real;
    uint64_t next;
    const struct before *before; /* first sample; NULL: there is only one */
    myl_diagnosis *diagnosis;
    uint32_t missing;            /* index of the participant that the producer reports missing, or NO_PARTICIPANT */
    int failed;                  /* MYL_OK, or why the ring cannot be read */
};

/* Returns the start of its wait; 0: it does not wait. A participant that waits repeatedly with a timeout may be between
 * two waits now. It counts as waiting if it waited at the first sample and has not moved since. A consumer with unread
 * events is then not waiting: it passes GOT_SOMETHING. */
#define GOT_SOMETHING UINT64_MAX
static uint64_t waiting_since(const struct view *view, const myl_au64 *word, uint32_t index, uint64_t at)
{
    uint64_t waiting = myl_load_rlx(word); /* A66 */
    if (waiting == 0 && view->before != NULL && view->before[index].at == at)
        waiting = view->before[index].waiting;
    return waiting;
}

/* Queries the lock. Call it before reading the words of `record`: they are then no older than the lock's state. */
static bool is_alive(struct view *view, uint32_t lock_index, const void *record, uint64_t bytes)
{
    int held = 1;
    if (lock_index == view->own_lock)
        return true;
    int rc = myl_segment_ask(view->segment, lock_index, record, bytes, &held);
    view->failed = rc != MYL_OK ? rc : view->failed;
    return held != 0;
}

static int64_t ago(uint64_t then, uint64_t now)
{
    return then == 0 || then > now ? 0 : (int64_t)(now - then);
}

static void read_activity(const struct view *view, const struct myl_activity *activity,
                          myl_diagnosis_participant *participant)
{
    struct myl_activity_notice notice;
    if (!myl_activity_get(activity, &notice))
        return;
    memcpy(participant->activity, notice.text, sizeof participant->activity);
    participant->activity_age_ns = view->now - notice.since;
    if (notice.until != 0)
        participant->activity_left_ns = notice.until != view->now ? notice.until - view->now : -1;
}

/* The condition of a participant that is alive. */
static enum myl_condition condition_of(const myl_diagnosis_participant *participant, const struct myl_os_identity *who)
{
    if (myl_os_is_stopped(who) == 1)
        return MYL_COND_STOPPED;
    if (participant->activity_left_ns > 0 && !participant->waiting)
        return MYL_COND_BUSY;
    if (participant->waiting)
        return MYL_COND_WAITING;
    return participant->stalled_ns > 0 ? MYL_COND_STALLED : MYL_COND_MOVING;
}

static void read_producer(struct view *view, myl_diagnosis_participant *participant)
{
    const struct myl_control *control = view->segment->control;
    const struct myl_participant *producer = myl_segment_producer(view->segment);
    struct myl_os_identity who;
    int alive = is_alive(view, MYL_LOCK_PRODUCER, control, sizeof *control + sizeof *producer);
    myl_participant_identity(producer, &who);
    participant->pid = (int32_t)who.pid;
    read_activity(view, &producer->activity, participant);
    if (myl_load_acq(&control->closed) != 0) { /* A16 */
        participant->condition = MYL_COND_CLOSED;
        return;
    }
    if (!alive) {
        if (view->segment->head->lanes > 1 && myl_load32_acq(&control->epoch) == 0) { /* A25 */
            participant->condition = MYL_COND_ABSENT;
            return;
        }
        int left = myl_load32_acq(&producer->state) == MYL_PARTICIPANT_LEFT; /* A45 */
        participant->condition = left ? MYL_COND_LEFT : MYL_COND_DEAD;
        if (!left)
            participant->dead_ns = ago(myl_load_rlx(&producer->died_ns), view->now_real); /* A61 */
        return;
    }
    uint32_t last = view->segment->head->max_consumers;
    uint64_t waiting = waiting_since(view, &producer->waiting, last, view->next);
    participant->waiting = waiting != 0;
    participant->waiting_ns = ago(waiting, (uint64_t)view->now);
    participant->awaited_sequence = myl_load_rlx(&producer->waits_for); /* A66 */
    participant->condition = condition_of(participant, &who);
}

/* Returns how long the consumer has not moved, as the blocked producer recorded it. If both samples are equal and it
 * has unread events: at least the time between the samples. If they differ: 0. */
static int64_t stall_time(const struct view *view, const struct myl_participant *entry, uint32_t index, uint64_t cursor)
{
    int64_t stalled_ns = ago(myl_load_rlx(&entry->stalled_since), (uint64_t)view->now); /* A67 */
    if (view->before == NULL)
        return stalled_ns;
    if (view->before[index].at != cursor)
        return 0;
    return stalled_ns >= view->watched || cursor >= view->next ? stalled_ns : view->watched;
}

static int read_consumer(struct view *view, uint32_t index, myl_diagnosis_participant *participant)
{
    const struct myl_participant *entry = myl_segment_entry(view->segment, index);
    int alive = myl_load32_acq(&entry->state) != MYL_PARTICIPANT_FREE && /* A13 */
                is_alive(view, myl_entry_lock_index(index), entry, sizeof *entry);
    uint32_t state = myl_load32_acq(&entry->state); /* A13 */
    if (state == MYL_PARTICIPANT_FREE)
        return 0;
    struct myl_os_identity who;
    myl_participant_identity(entry, &who);
    uint64_t cursor = myl_load_acq(&entry->cursor); /* A8 */
    myl_role_options role;
    myl_role_load(entry, &role);
    myl_entry_id(entry, participant->id);
    myl_text_clean(participant->id);
    participant->role = role.role;
    participant->pid = (int32_t)who.pid;
    participant->lag = view->next > cursor ? view->next - cursor : 0;
    read_activity(view, &entry->activity, participant);
    if (state == MYL_PARTICIPANT_LEFT) {
        participant->condition = MYL_COND_LEFT;
        return 1;
    }
    participant->stalled_ns = stall_time(view, entry, index, cursor);
    if (!alive && state == MYL_PARTICIPANT_ACTIVE && myl_participant_is_reserved(entry)) {
        participant->condition = MYL_COND_RESERVED;
        return 1;
    }
    if (!alive) {
        participant->condition = MYL_COND_DEAD;
        participant->dead_ns = ago(myl_load_rlx(&entry->died_ns), view->now_real); /* A61 */
        return 1;
    }
    uint64_t waiting = waiting_since(view, &entry->waiting, index, cursor < view->next ? GOT_SOMETHING : cursor);
    participant->waiting = waiting != 0;
    participant->waiting_ns = ago(waiting, (uint64_t)view->now);
    participant->awaited_sequence = cursor;
    participant->condition = condition_of(participant, &who);
    if (participant->condition == MYL_COND_STOPPED && participant->lag > 0)
        participant->waiting = 0; /* stopped in a wait whose condition holds */
    return 1;
}

/* --- the wait graph --------------------------------------------------------------------------------------------- */

static void add_edge(myl_diagnosis *diagnosis, uint32_t waits, uint32_t for_whom)
{
    diagnosis->edge[diagnosis->edges++] = (myl_diagnosis_edge){.waiter = waits, .awaited = for_whom};
}

static void find_edges(const struct view *view)
{
    myl_diagnosis *diagnosis = view->diagnosis;
    const myl_diagnosis_participant *producer = &diagnosis->participant[0];
    for (uint32_t i = 1; i < diagnosis->participants; i++) {
        const myl_diagnosis_participant *participant = &diagnosis->participant[i];
        int gates = participant->condition != MYL_COND_LEFT && participant->condition != MYL_COND_ABSENT;
        uint64_t cursor = view->next - participant->lag;
        if (producer->waiting && (i == view->missing || (gates && cursor < producer->awaited_sequence)))
            add_edge(diagnosis, 0, i);
        if (participant->waiting)
            add_edge(diagnosis, i, 0);
    }
}

/* --- sentences -------------------------------------------------------------------------------------------------- */

/* Severity of a condition. The main cause is the most severe of the participants that the producer waits for. */
static int severity(const myl_diagnosis_participant *participant)
{
    switch (participant->condition) {
    case MYL_COND_DEAD:
        return 6;
    case MYL_COND_ABSENT:
    case MYL_COND_RESERVED:
        return 5;
    case MYL_COND_STOPPED:
        return 4;
    case MYL_COND_STALLED:
        return 3;
    case MYL_COND_BUSY:
        return 2;
    case MYL_COND_MOVING:
    case MYL_COND_WAITING:
    case MYL_COND_LEFT:
    case MYL_COND_CLOSED:
        break;
    }
    return 1;
}

/* Returns 1 if the first edge explains the producer's wait better: the condition is more severe, or the lag larger. */
static bool explains_better(const myl_diagnosis *diagnosis, uint32_t edge, uint32_t other)
{
    const myl_diagnosis_participant *a = &diagnosis->participant[diagnosis->edge[edge].awaited];
    const myl_diagnosis_participant *b = &diagnosis->participant[diagnosis->edge[other].awaited];
    return severity(a) != severity(b) ? severity(a) > severity(b) : a->lag > b->lag;
}

/* Returns the participant that best explains the producer's wait, and moves its edge to the front. NULL: none does. */
static const myl_diagnosis_participant *main_cause(myl_diagnosis *diagnosis)
{
    uint32_t worst = diagnosis->edges;
    for (uint32_t i = 0; i < diagnosis->edges; i++) {
        if (diagnosis->edge[i].waiter == 0 && (worst == diagnosis->edges || explains_better(diagnosis, i, worst)))
            worst = i;
    }
    if (worst == diagnosis->edges)
        return NULL;
    myl_diagnosis_edge first = diagnosis->edge[0];
    diagnosis->edge[0] = diagnosis->edge[worst];
    diagnosis->edge[worst] = first;
    return &diagnosis->participant[diagnosis->edge[0].awaited];
}

/* "2.3 s", "41 ms", or "a moment" if the time is unknown. */
static void time_text(int64_t ns, char text[MYL_TIME_TEXT])
{
    if (ns > 0)
        (void)myl_time_text(ns, text);
    else
        (void)snprintf(text, MYL_TIME_TEXT, "a moment");
}

/* Writes the condition of a participant, and what to do about it. */
static void describe(const myl_diagnosis_participant *participant, char *text, size_t size)
{
    char how_long[MYL_TIME_TEXT], left[MYL_TIME_TEXT];
    time_text(participant->condition == MYL_COND_DEAD ? participant->dead_ns : participant->stalled_ns, how_long);
    time_text(participant->activity_left_ns, left);
    const char *notice = participant->activity[0] != '\0' ? "; its last notice: " : "";
    switch (participant->condition) {
    case MYL_COND_DEAD:
        (void)snprintf(text, size, "is dead (found %s ago%s%s); restart it under its id, or evict it", how_long, notice,
                       participant->activity);
        return;
    case MYL_COND_ABSENT:
        (void)snprintf(text, size, "is required and absent; start it");
        return;
    case MYL_COND_RESERVED:
        (void)snprintf(text, size, "is reserved and has not come yet; start it, or evict it");
        return;
    case MYL_COND_STOPPED:
        (void)snprintf(text, size,
                       "has been stopped by a signal or a debugger for %s%s%s; continue it (kill -CONT %" PRId32 ")",
                       how_long, notice, participant->activity, participant->pid);
        return;
    case MYL_COND_BUSY:
        (void)snprintf(text, size, "is busy for another %s: %s", left, participant->activity);
        return;
    case MYL_COND_STALLED:
        (void)snprintf(text, size, "is alive and has not moved for %s%s%s", how_long, notice, participant->activity);
        return;
    case MYL_COND_WAITING:
        (void)snprintf(text, size, "waits for the next event and has not released its leased events%s%s", notice,
                       participant->activity);
        return;
    case MYL_COND_MOVING:
    case MYL_COND_LEFT:
    case MYL_COND_CLOSED:
        (void)snprintf(text, size, "is %s%s%s", myl_condition_name(participant->condition), notice,
                       participant->activity);
        return;
    }
}

static void sentence_for_producer(const struct view *view)
{
    myl_diagnosis *diagnosis = view->diagnosis;
    const struct myl_header *head = view->segment->head;
    int frames = head->kind == MYL_KIND_FRAMES; /* positions are cells: the sentence has bytes instead */
    const char *name = view->segment->name;
    char how_long[MYL_TIME_TEXT], lag[72] = "", amount[MYL_COUNT_TEXT], what[320];
    const myl_diagnosis_participant *participant = main_cause(diagnosis);
    const myl_diagnosis_participant *producer = &diagnosis->participant[0];
    time_text(producer->waiting_ns, how_long);
    if (participant == NULL) {
        (void)snprintf(diagnosis->sentence, sizeof diagnosis->sentence,
                       "The producer of \"%s\" has been waiting for %s, but no consumer blocks it%s.", name, how_long,
                       diagnosis->participants > 1 ? " now" : ": none is registered");
        return;
    }
    if (strchr(participant->id, ' ') != NULL) { /* no id: a text of ring/quorum.c */
        (void)snprintf(diagnosis->sentence, sizeof diagnosis->sentence,
                       "The producer of \"%s\" has been waiting for %s; absent: %s; start the rest.", name, how_long,
                       participant->id);
        return;
    }
    describe(participant, what, sizeof what);
    if (participant->condition != MYL_COND_ABSENT && participant->lag > 0)
        (void)snprintf(lag, sizeof lag, ", lagging by %s,",
                       myl_count_text(participant->lag * (frames ? head->cell_bytes : 1), frames ? "byte" : "event",
                                      amount));
    (void)snprintf(diagnosis->sentence, sizeof diagnosis->sentence,
                   "The producer of \"%s\" has been waiting for %s; \"%s\"%s %s.", name, how_long, participant->id, lag,
                   what);
}

static void count_waiters(const myl_diagnosis *diagnosis, char *text, size_t size)
{
    uint32_t waiting = 0, consumers = diagnosis->participants - 1;
    for (uint32_t i = 1; i < diagnosis->participants; i++)
        waiting += diagnosis->participant[i].waiting != 0;
    if (consumers > 1)
        (void)snprintf(text, size, "%" PRIu32 " of %" PRIu32 " consumers wait for it", waiting, consumers);
    else
        (void)snprintf(text, size, "%s",
                       consumers == 0 ? "no consumer is registered"
                       : waiting == 0 ? "its consumer does not wait"
                                      : "its consumer waits for it");
}

static void make_sentence(const struct view *view)
{
    myl_diagnosis *diagnosis = view->diagnosis;
    const myl_diagnosis_participant *producer = &diagnosis->participant[0];
    const char *name = view->segment->name;
    char what[320], waiters[64];
    if (producer->waiting && producer->condition != MYL_COND_STOPPED) {
        sentence_for_producer(view);
        return;
    }
    if (producer->condition == MYL_COND_ABSENT)
        (void)snprintf(what, sizeof what, "does not exist yet: lane %" PRIu32 " is unused", view->segment->lane);
    else if (producer->condition == MYL_COND_DEAD)
        (void)snprintf(what, sizeof what, "is dead; restart it to continue the stream");
    else if (producer->condition == MYL_COND_LEFT)
        (void)snprintf(what, sizeof what, "has left; the next producer continues the stream");
    else if (producer->condition == MYL_COND_CLOSED)
        (void)snprintf(what, sizeof what, "has closed the stream");
    else if (producer->condition == MYL_COND_MOVING)
        (void)snprintf(what, sizeof what, "is alive and does not wait");
    else
        describe(producer, what, sizeof what);
    count_waiters(diagnosis, waiters, sizeof waiters);
    (void)snprintf(diagnosis->sentence, sizeof diagnosis->sentence, "The producer of \"%s\" %s; %s.", name, what,
                   waiters);
}

/* --- samples ---------------------------------------------------------------------------------------------------- */

static struct before *first_sample(const struct myl_segment *segment)
{
    uint32_t most = segment->head->max_consumers;
    struct before *before = calloc((size_t)most + 1, sizeof *before);
    if (before == NULL)
        return NULL;
    for (uint32_t i = 0; i < most; i++) {
        const struct myl_participant *entry = myl_segment_entry(segment, i);
        before[i].at = myl_load_acq(&entry->cursor);       /* A8 */
        before[i].waiting = myl_load_rlx(&entry->waiting); /* A66 */
    }
    before[most].at = myl_load_acq(&segment->control->next); /* A4 */
    before[most].waiting = myl_load_rlx(&myl_segment_producer(segment)->waiting); /* A66 */
    return before;
}

/* A participant that waits repeatedly with a timeout has gaps between its waits. If the timeout is about `watch_ns`,
 * both samples can fall into gaps. So check for a wait several times in between. */
#define GLANCES 8
static void glance(const struct myl_segment *segment, struct before *before)
{
    uint32_t most = segment->head->max_consumers;
    for (uint32_t i = 0; i < most; i++) {
        const struct myl_participant *entry = myl_segment_entry(segment, i);
        if (before[i].waiting == 0 && before[i].at == myl_load_acq(&entry->cursor)) /* A8 */
            before[i].waiting = myl_load_rlx(&entry->waiting);                      /* A66 */
    }
    if (before[most].waiting == 0 && before[most].at == myl_load_acq(&segment->control->next))  /* A4 */
        before[most].waiting = myl_load_rlx(&myl_segment_producer(segment)->waiting); /* A66 */
}

static int watch(const struct myl_segment *segment, struct before *before, int64_t watch_ns)
{
    int rc = MYL_OK;
    for (int64_t i = 0; rc == MYL_OK && i < GLANCES; i++) {
        (void)myl_os_sleep(watch_ns / GLANCES + (i == 0 ? watch_ns % GLANCES : 0));
        rc = myl_segment_refresh(segment);
        if (rc == MYL_OK)
            glance(segment, before);
    }
    return rc;
}

/* Adds what the producer reports missing: the id of a consumer that left, died or never joined, or a text with the
 * numbers of a quorum. A consumer that has joined since is not missing any more. */
static void add_missing(struct view *view)
{
    myl_diagnosis *diagnosis = view->diagnosis;
    myl_diagnosis_participant *missing = &diagnosis->participant[diagnosis->participants];
    myl_id_words(view->segment->control->missing, missing->id); /* A70 */
    myl_text_clean(missing->id);
    if (missing->id[0] == '\0')
        return;
    view->missing = diagnosis->participants;
    for (uint32_t i = 1; i < diagnosis->participants; i++) {
        if (strcmp(diagnosis->participant[i].id, missing->id) == 0)
            view->missing = i;
    }
    missing = &diagnosis->participant[view->missing];
    if (view->missing < diagnosis->participants && missing->condition != MYL_COND_LEFT) {
        view->missing = missing->condition == MYL_COND_DEAD ? view->missing : NO_PARTICIPANT;
        return;
    }
    missing->condition = MYL_COND_ABSENT;
    missing->role = MYL_ROLE_REQUIRED;
    diagnosis->participants += view->missing == diagnosis->participants;
}

/* `began`: time of the first sample. */
static void second_sample(struct view *view, int64_t began)
{
    const struct myl_segment *segment = view->segment;
    const struct myl_control *control = segment->control;
    myl_diagnosis *diagnosis = view->diagnosis;
    uint32_t entries = myl_segment_entries(segment);
    view->now = myl_os_now();
    view->watched = view->now > began ? view->now - began : 1;
    view->now_real = myl_os_realtime();
    view->next = myl_load_acq(&control->next); /* A4 */
    read_producer(view, &diagnosis->participant[diagnosis->participants++]);
    for (uint32_t i = 0; i < entries; i++)
        diagnosis->participants += (uint32_t)read_consumer(view, i, &diagnosis->participant[diagnosis->participants]);
    view->missing = NO_PARTICIPANT;
    if (diagnosis->participant[0].waiting)
        add_missing(view);
    find_edges(view);
    make_sentence(view);
}

static int judge(const struct myl_segment *segment, uint32_t own_lock, int64_t watch_ns, myl_diagnosis **made)
{
    size_t most = (size_t)segment->head->max_consumers + 2;
    struct before *before = NULL;
    myl_diagnosis *diagnosis = calloc(1, sizeof *diagnosis);
    if (diagnosis != NULL) {
        diagnosis->size = sizeof *diagnosis;
        diagnosis->participant_size = sizeof *diagnosis->participant;
        diagnosis->participant = calloc(most, sizeof *diagnosis->participant);
        diagnosis->edge = calloc(2 * most, sizeof *diagnosis->edge);
    }
    int rc = MYL_OK;
    int64_t began = myl_os_now();
    if (watch_ns > 0 && (before = first_sample(segment)) != NULL)
        rc = watch(segment, before, watch_ns);
    if (diagnosis == NULL || diagnosis->participant == NULL || diagnosis->edge == NULL ||
        (watch_ns > 0 && before == NULL)) {
        myl_diagnosis_free(diagnosis);
        free(before);
        return myl_fail(MYL_ENOMEM, "no memory for a diagnosis of %zu participants", most);
    }
    struct view view = {.segment = segment,
                        .own_lock = own_lock,
                        .before = before,
                        .diagnosis = diagnosis,
                        .failed = rc};
    if (rc == MYL_OK)
        second_sample(&view, began);
    free(before);
    if (view.failed != MYL_OK)
        myl_diagnosis_free(diagnosis);
    else
        *made = diagnosis;
    return view.failed;
}

int myl_diagnose_lane(const char *name, enum myl_backend backend, uint32_t lane, int64_t watch_ns,
                      myl_diagnosis **diagnosis)
{
    MYL_I_NOT_NULL(diagnosis);
    struct myl_segment segment;
    *diagnosis = NULL;
    int rc = myl_segment_inspect(&segment, name, backend, lane);
    if (rc != MYL_OK)
        return rc;
    rc = judge(&segment, NO_PARTICIPANT, watch_ns, diagnosis);
    myl_segment_close(&segment);
    return rc;
}

int myl_diagnose(const char *name, enum myl_backend backend, int64_t watch_ns, myl_diagnosis **diagnosis)
{
    MYL_I_NOT_NULL(diagnosis);
    return myl_diagnose_lane(name, backend, 0, watch_ns, diagnosis);
}

int myl_producer_diagnose(const myl_producer *producer, int64_t watch_ns, myl_diagnosis **diagnosis)
{
    MYL_I_NOT_NULL(producer);
    MYL_I_NOT_NULL(diagnosis);
    *diagnosis = NULL;
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    int rc = myl_segment_check(&producer->handle.segment);
    return rc != MYL_OK ? rc : judge(&producer->handle.segment, MYL_LOCK_PRODUCER, watch_ns, diagnosis);
}

int myl_consumer_diagnose(const myl_consumer *consumer, int64_t watch_ns, myl_diagnosis **diagnosis)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(diagnosis);
    *diagnosis = NULL;
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    int rc = myl_segment_check(&consumer->handle.segment);
    return rc != MYL_OK
               ? rc
               : judge(&consumer->handle.segment, myl_entry_lock_index(consumer->joined.entry), watch_ns, diagnosis);
}

void myl_diagnosis_free(myl_diagnosis *diagnosis)
{
    if (diagnosis == NULL)
        return;
    free(diagnosis->participant);
    free(diagnosis->edge);
    free(diagnosis);
}
