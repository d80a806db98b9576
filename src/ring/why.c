/* SPDX-License-Identifier: MIT
 * The verdict: who waits for whom, and what is the matter with those. Reads only; two looks tell who moves. */
#include <myelon/liveness.h>

#include "ring/consumer.h"
#include "ring/producer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX

static const char *const condition_names[] = {"moving", "waiting", "busy",   "stalled", "stopped",
                                              "dead",   "left",    "absent", "closed"};

const char *myl_condition_name(enum myl_condition condition)
{
    unsigned i = (unsigned)condition;
    return i < sizeof condition_names / sizeof condition_names[0] ? condition_names[i] : "?";
}

/* What the first look saw of a consumer, and, behind all of them, of the producer. */
struct before {
    uint64_t at;               /* cursor, next */
    uint64_t waiting;          /* since when; 0: it did not wait */
};

/* One look at a ring, and who of it we are ourselves: the kernel does not tell us of our own seat. */
struct view {
    const struct myl_segment *segment;
    uint32_t own_seat;
    int64_t now;
    uint64_t now_real;
    uint64_t next;
    const struct before *before; /* the first look; NULL: one look only */
    myl_verdict *verdict;
    uint32_t missing;            /* the party that the producer says it lacks, or NOBODY */
};

/* Since when it waits; 0: it does not. Who waits with a time-out, again and again, may be between two waits now: then
 * it waited at the first look, is still where it was, and has got nothing to do. */
#define GOT_SOMETHING UINT64_MAX
static uint64_t waiting_since(const struct view *view, const myl_au64 *word, uint32_t index, uint64_t at)
{
    uint64_t waiting = myl_load_rlx(word); /* A66 */
    if (waiting == 0 && view->before != NULL && view->before[index].at == at)
        waiting = view->before[index].waiting;
    return waiting;
}

static int is_alive(const struct view *view, uint32_t seat)
{
    return seat == view->own_seat || myl_seat_held(view->segment, seat) != 0;
}

static int64_t ago(uint64_t then, uint64_t now)
{
    return then == 0 || then > now ? 0 : (int64_t)(now - then);
}

static void read_said(const struct view *view, const struct myl_doing *doing, myl_why_party *party)
{
    struct myl_said said;
    if (!myl_doing_get(doing, &said))
        return;
    memcpy(party->doing, said.text, sizeof party->doing);
    party->doing_ns = view->now - said.since;
    if (said.until != 0)
        party->patience_ns = said.until != view->now ? said.until - view->now : -1;
}

/* Of a party that is alive. */
static enum myl_condition condition_of(const myl_why_party *party, const struct myl_os_identity *who)
{
    if (myl_os_is_stopped(who) == 1)
        return MYL_COND_STOPPED;
    if (party->patience_ns > 0 && !party->waits)
        return MYL_COND_BUSY;
    if (party->waits)
        return MYL_COND_WAITING;
    return party->still_ns > 0 ? MYL_COND_STALLED : MYL_COND_MOVING;
}

static void read_producer(const struct view *view, myl_why_party *party)
{
    const struct myl_control *control = view->segment->control;
    struct myl_os_identity who = {
        .pid = myl_load32_rlx(&control->producer_pid),    /* A42 */
        .space = myl_load_rlx(&control->producer_space),  /* A42 */
        .born = myl_load_rlx(&control->producer_born),    /* A42 */
    };
    party->pid = (int32_t)who.pid;
    read_said(view, &control->doing, party);
    if (myl_load_acq(&control->closed) != 0) { /* A16 */
        party->condition = MYL_COND_CLOSED;
        return;
    }
    if (!is_alive(view, MYL_SEAT_PRODUCER)) {
        int left = myl_load32_acq(&control->producer_state) == MYL_PRODUCER_LEFT; /* A45 */
        party->condition = left ? MYL_COND_LEFT : MYL_COND_DEAD;
        if (!left)
            party->dead_ns = ago(myl_load_rlx(&control->producer_died_ns), view->now_real); /* A61 */
        return;
    }
    uint32_t last = view->segment->head.max_consumers;
    uint64_t waiting = waiting_since(view, &control->producer_waiting, last, view->next);
    party->waits = waiting != 0;
    party->waiting_ns = ago(waiting, (uint64_t)view->now);
    party->waits_for = myl_load_rlx(&control->producer_waits_for); /* A66 */
    party->condition = condition_of(party, &who);
}

/* Since when it has not moved: as the blocked producer saw it; else, if it has something to do, as two looks show. */
static int64_t still_of(const struct view *view, const struct myl_entry *entry, uint32_t index, uint64_t cursor)
{
    int64_t still = ago(myl_load_rlx(&entry->still), (uint64_t)view->now); /* A67 */
    if (view->before == NULL)
        return still;
    if (view->before[index].at != cursor)
        return 0;
    return still > 0 || cursor >= view->next ? still : 1;
}

static int read_consumer(const struct view *view, uint32_t index, myl_why_party *party)
{
    const struct myl_entry *entry = myl_segment_entry(view->segment, index);
    uint32_t state = myl_load32_acq(&entry->state); /* A13 */
    if (state == MYL_PARTY_FREE)
        return 0;
    struct myl_os_identity who = {
        .pid = myl_load32_rlx(&entry->pid),   /* A48 */
        .space = myl_load_rlx(&entry->space), /* A48 */
        .born = myl_load_rlx(&entry->born),   /* A48 */
    };
    uint64_t cursor = myl_load_acq(&entry->cursor); /* A8 */
    myl_role_options role;
    myl_role_load(entry, &role);
    myl_entry_id(entry, party->id);
    myl_text_clean(party->id);
    party->role = role.role;
    party->pid = (int32_t)who.pid;
    party->behind = view->next > cursor ? view->next - cursor : 0;
    read_said(view, &entry->doing, party);
    if (state == MYL_PARTY_LEFT) {
        party->condition = MYL_COND_LEFT;
        return 1;
    }
    party->still_ns = still_of(view, entry, index, cursor);
    if (!is_alive(view, myl_entry_seat(index))) {
        party->condition = MYL_COND_DEAD;
        party->dead_ns = ago(myl_load_rlx(&entry->died_ns), view->now_real); /* A61 */
        return 1;
    }
    uint64_t waiting = waiting_since(view, &entry->waiting, index, cursor < view->next ? GOT_SOMETHING : cursor);
    party->waits = waiting != 0;
    party->waiting_ns = ago(waiting, (uint64_t)view->now);
    party->waits_for = cursor;
    party->condition = condition_of(party, &who);
    if (party->condition == MYL_COND_STOPPED && party->behind > 0)
        party->waits = 0; /* stopped in a wait that is over */
    return 1;
}

/* --- who waits for whom ---------------------------------------------------------------------------------------- */

static void add_edge(myl_verdict *verdict, uint32_t waits, uint32_t for_whom)
{
    verdict->edge[verdict->edges++] = (myl_why_edge){.waits = waits, .for_whom = for_whom};
}

static void find_edges(const struct view *view)
{
    myl_verdict *verdict = view->verdict;
    const myl_why_party *producer = &verdict->party[0];
    for (uint32_t i = 1; i < verdict->parties; i++) {
        const myl_why_party *party = &verdict->party[i];
        int gates = party->condition != MYL_COND_LEFT && party->condition != MYL_COND_ABSENT;
        uint64_t cursor = view->next - party->behind;
        if (producer->waits && (i == view->missing || (gates && cursor < producer->waits_for)))
            add_edge(verdict, 0, i);
        if (party->waits)
            add_edge(verdict, i, 0);
    }
}

/* --- in words --------------------------------------------------------------------------------------------------- */

/* How much a condition explains: the highest of those waited for is to blame. */
static int weight(const myl_why_party *party)
{
    switch (party->condition) {
    case MYL_COND_DEAD:
        return 6;
    case MYL_COND_ABSENT:
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

static uint32_t to_blame(const myl_verdict *verdict)
{
    uint32_t worst = NOBODY;
    for (uint32_t i = 0; i < verdict->edges; i++) {
        uint32_t k = verdict->edge[i].for_whom;
        const myl_why_party *party = &verdict->party[k];
        if (verdict->edge[i].waits != 0)
            continue;
        if (worst == NOBODY || weight(party) > weight(&verdict->party[worst]) ||
            (weight(party) == weight(&verdict->party[worst]) && party->behind > verdict->party[worst].behind))
            worst = k;
    }
    return worst;
}

/* "2.3 s", "41 ms", or nothing that is known. */
static void time_text(int64_t ns, char text[24])
{
    if (ns <= 1)
        (void)snprintf(text, 24, "a moment");
    else if (ns < MYL_SEC(1))
        (void)snprintf(text, 24, "%" PRId64 " ms", ns / MYL_MSEC(1));
    else
        (void)snprintf(text, 24, "%" PRId64 ".%" PRId64 " s", ns / MYL_SEC(1), ns % MYL_SEC(1) / MYL_MSEC(100));
}

/* What is the matter with it, and what to do. */
static void describe(const myl_why_party *party, char *text, size_t size)
{
    char how_long[24], left[24];
    time_text(party->condition == MYL_COND_DEAD ? party->dead_ns : party->still_ns, how_long);
    time_text(party->patience_ns, left);
    const char *said = party->doing[0] != '\0' ? "; it said last: " : "";
    switch (party->condition) {
    case MYL_COND_DEAD:
        (void)snprintf(text, size, "is dead (known for %s%s%s); start it again under its id, or evict it", how_long,
                       said, party->doing);
        return;
    case MYL_COND_ABSENT:
        (void)snprintf(text, size, "is required and not there; start it");
        return;
    case MYL_COND_STOPPED:
        (void)snprintf(text, size,
                       "is stopped by a signal or a debugger for %s%s%s; continue it (kill -CONT %" PRId32 ")",
                       how_long, said, party->doing, party->pid);
        return;
    case MYL_COND_BUSY:
        (void)snprintf(text, size, "is busy for another %s: %s", left, party->doing);
        return;
    case MYL_COND_STALLED:
        (void)snprintf(text, size, "is alive and has not moved for %s%s%s", how_long, said, party->doing);
        return;
    case MYL_COND_WAITING:
        (void)snprintf(text, size, "waits for the next event and has not released those it has%s%s", said,
                       party->doing);
        return;
    case MYL_COND_MOVING:
    case MYL_COND_LEFT:
    case MYL_COND_CLOSED:
        (void)snprintf(text, size, "is %s%s%s", myl_condition_name(party->condition), said, party->doing);
        return;
    }
}

static void sentence_for_producer(const struct view *view)
{
    myl_verdict *verdict = view->verdict;
    const struct myl_header *head = &view->segment->head;
    const char *name = view->segment->name;
    int frames = head->kind == MYL_KIND_FRAMES; /* whose positions are cells, which say nothing to people */
    char how_long[24], behind[48] = "", what[320];
    uint32_t worst = to_blame(verdict);
    const myl_why_party *producer = &verdict->party[0];
    time_text(producer->waiting_ns, how_long);
    if (worst == NOBODY) {
        (void)snprintf(verdict->sentence, sizeof verdict->sentence,
                       "The producer of \"%s\" has been waiting for %s, and nobody holds it up%s.", name, how_long,
                       verdict->parties > 1 ? " any more" : ": no consumer is registered");
        return;
    }
    const myl_why_party *party = &verdict->party[worst];
    if (strchr(party->id, ' ') != NULL) { /* no id: words of wait_crowd */
        (void)snprintf(verdict->sentence, sizeof verdict->sentence,
                       "The producer of \"%s\" has been waiting for %s for consumers to come: %s; start the rest.",
                       name, how_long, party->id);
        return;
    }
    describe(party, what, sizeof what);
    if (party->condition != MYL_COND_ABSENT)
        (void)snprintf(behind, sizeof behind, ", %" PRIu64 " %s behind,",
                       party->behind * (frames ? head->cell_bytes : 1), frames ? "bytes" : "events");
    (void)snprintf(verdict->sentence, sizeof verdict->sentence,
                   "The producer of \"%s\" has been waiting for %s; \"%s\"%s %s.", name, how_long, party->id, behind,
                   what);
}

static void make_sentence(const struct view *view)
{
    myl_verdict *verdict = view->verdict;
    const myl_why_party *producer = &verdict->party[0];
    const char *name = view->segment->name;
    char what[320];
    uint32_t waiting = 0;
    for (uint32_t i = 1; i < verdict->parties; i++)
        waiting += verdict->party[i].waits != 0;
    if (producer->waits && producer->condition != MYL_COND_STOPPED) {
        sentence_for_producer(view);
        return;
    }
    if (producer->condition == MYL_COND_DEAD)
        (void)snprintf(what, sizeof what, "is dead; started again, it goes on where it stopped");
    else if (producer->condition == MYL_COND_LEFT)
        (void)snprintf(what, sizeof what, "has left in order; the next one goes on");
    else if (producer->condition == MYL_COND_CLOSED)
        (void)snprintf(what, sizeof what, "has ended the stream");
    else if (producer->condition == MYL_COND_MOVING)
        (void)snprintf(what, sizeof what, "is alive and does not wait");
    else
        describe(producer, what, sizeof what);
    (void)snprintf(verdict->sentence, sizeof verdict->sentence,
                   "The producer of \"%s\" %s; %" PRIu32 " of %" PRIu32 " consumers wait for it.", name, what, waiting,
                   verdict->parties - 1);
}

/* --- looks ------------------------------------------------------------------------------------------------------ */

static struct before *first_look(const struct myl_segment *segment)
{
    uint32_t most = segment->head.max_consumers;
    struct before *before = calloc((size_t)most + 1, sizeof *before);
    if (before == NULL)
        return NULL;
    for (uint32_t i = 0; i < most; i++) {
        const struct myl_entry *entry = myl_segment_entry(segment, i);
        before[i].at = myl_load_acq(&entry->cursor);       /* A8 */
        before[i].waiting = myl_load_rlx(&entry->waiting); /* A66 */
    }
    before[most].at = myl_load_acq(&segment->control->next);                  /* A4 */
    before[most].waiting = myl_load_rlx(&segment->control->producer_waiting); /* A66 */
    return before;
}

/* Whom the producer says it lacks: one that has left, died or never came, or, in words, so many of those it waits for.
 * Who is there by now is not lacked any more. */
static void add_missing(struct view *view)
{
    myl_verdict *verdict = view->verdict;
    myl_why_party *missing = &verdict->party[verdict->parties];
    myl_id_words(view->segment->control->missing, missing->id); /* A70 */
    myl_text_clean(missing->id);
    if (missing->id[0] == '\0')
        return;
    view->missing = verdict->parties;
    for (uint32_t i = 1; i < verdict->parties; i++) {
        if (strcmp(verdict->party[i].id, missing->id) == 0)
            view->missing = i;
    }
    missing = &verdict->party[view->missing];
    if (view->missing < verdict->parties && missing->condition != MYL_COND_LEFT) {
        view->missing = missing->condition == MYL_COND_DEAD ? view->missing : NOBODY;
        return;
    }
    missing->condition = MYL_COND_ABSENT;
    missing->role = MYL_ROLE_REQUIRED;
    verdict->parties += view->missing == verdict->parties;
}

static void second_look(struct view *view)
{
    const struct myl_segment *segment = view->segment;
    const struct myl_control *control = segment->control;
    myl_verdict *verdict = view->verdict;
    uint32_t entries = myl_segment_entries(segment);
    view->now = myl_os_now();
    view->now_real = myl_os_realtime();
    view->next = myl_load_acq(&control->next); /* A4 */
    read_producer(view, &verdict->party[verdict->parties++]);
    for (uint32_t i = 0; i < entries; i++)
        verdict->parties += (uint32_t)read_consumer(view, i, &verdict->party[verdict->parties]);
    view->missing = NOBODY;
    if (verdict->party[0].waits)
        add_missing(view);
    find_edges(view);
    make_sentence(view);
}

static int judge(const struct myl_segment *segment, uint32_t own_seat, int64_t watch_ns, myl_verdict **made)
{
    size_t most = (size_t)segment->head.max_consumers + 2;
    struct before *before = NULL;
    myl_verdict *verdict = calloc(1, sizeof *verdict);
    if (verdict != NULL) {
        verdict->party = calloc(most, sizeof *verdict->party);
        verdict->edge = calloc(2 * most, sizeof *verdict->edge);
    }
    if (watch_ns > 0 && (before = first_look(segment)) != NULL)
        myl_os_sleep(watch_ns);
    if (verdict == NULL || verdict->party == NULL || verdict->edge == NULL || (watch_ns > 0 && before == NULL)) {
        myl_verdict_free(verdict);
        free(before);
        return myl_fail(MYL_ENOMEM, "no memory for a verdict on %zu parties", most);
    }
    struct view view = {.segment = segment, .own_seat = own_seat, .before = before, .verdict = verdict};
    second_look(&view);
    free(before);
    *made = verdict;
    return MYL_OK;
}

int myl_why_lane(const char *name, enum myl_backend backend, uint32_t lane, int64_t watch_ns, myl_verdict **verdict)
{
    struct myl_segment segment;
    *verdict = NULL;
    int rc = myl_segment_look_at(&segment, name, backend, lane);
    if (rc != MYL_OK)
        return rc;
    rc = judge(&segment, NOBODY, watch_ns, verdict);
    myl_segment_close(&segment);
    return rc;
}

int myl_why(const char *name, enum myl_backend backend, int64_t watch_ns, myl_verdict **verdict)
{
    return myl_why_lane(name, backend, 0, watch_ns, verdict);
}

int myl_producer_why(const myl_producer *producer, int64_t watch_ns, myl_verdict **verdict)
{
    *verdict = NULL;
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    int rc = myl_segment_check(&producer->handle.segment);
    return rc != MYL_OK ? rc : judge(&producer->handle.segment, MYL_SEAT_PRODUCER, watch_ns, verdict);
}

int myl_consumer_why(const myl_consumer *consumer, int64_t watch_ns, myl_verdict **verdict)
{
    *verdict = NULL;
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    int rc = myl_segment_check(&consumer->handle.segment);
    return rc != MYL_OK ? rc
                        : judge(&consumer->handle.segment, myl_entry_seat(consumer->joined.entry), watch_ns, verdict);
}

void myl_verdict_free(myl_verdict *verdict)
{
    if (verdict == NULL)
        return;
    free(verdict->party);
    free(verdict->edge);
    free(verdict);
}

/* --- the producer, as its consumer sees it ----------------------------------------------------------------------- */

/* MYL_ESEATLOST: the kernel cannot be asked, and nothing else tells. */
static int peer_state(const struct myl_segment *segment, const myl_peer *peer, enum myl_peer_state *state)
{
    const struct myl_control *control = segment->control;
    uint32_t superseded = myl_load32_acq(&control->superseded); /* A15, first: what has ended may be superseded later */
    *state = MYL_PEER_CLOSED;
    if (myl_load_acq(&control->closed) != 0) /* A16 */
        return MYL_OK;
    *state = MYL_PEER_SUPERSEDED;
    if (superseded != 0)
        return MYL_OK;
    *state = peer->patience_ns > 0 ? MYL_PEER_BUSY : MYL_PEER_ALIVE;
    int held = myl_seat_held(segment, MYL_SEAT_PRODUCER);
    if (held != 0)
        return held < 0 ? myl_segment_check(segment) : MYL_OK;
    int left = myl_load32_acq(&control->producer_state) == MYL_PRODUCER_LEFT; /* A45 */
    uint32_t epoch = myl_load32_acq(&control->epoch);                         /* A25 */
    if (myl_load_acq(&control->closed) != 0) { /* A16: ended while we asked */
        *state = MYL_PEER_CLOSED;
    } else if (left) {
        *state = MYL_PEER_LEFT;
    } else if (epoch != peer->epoch) { /* a successor came while we asked */
        *state = MYL_PEER_ALIVE;
    } else {
        *state = MYL_PEER_DEAD;
        myl_note_producer_death(segment, epoch);
    }
    return MYL_OK;
}

/* Since when it has published nothing: since a wait began that found nothing, or since an earlier question saw what is
 * published now. */
static int64_t silent_since(struct myl_consumer *consumer, int64_t now)
{
    uint64_t next = myl_load_acq(&consumer->handle.segment.control->next); /* A4 */
    if (next != consumer->peer_next) {
        consumer->peer_next = next;
        consumer->peer_since = now;
    }
    int64_t waiting = consumer->silent_at == consumer->hot.next ? consumer->silent_since : 0;
    return waiting != 0 && waiting < consumer->peer_since ? waiting : consumer->peer_since;
}

int myl_consumer_peer(myl_consumer *consumer, myl_peer *peer)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    memset(peer, 0, sizeof *peer);
    if (consumer->handle.forked)
        return myl_handle_forked(&consumer->handle);
    const struct myl_control *control = segment->control;
    struct myl_said said;
    int64_t now = myl_os_now();
    peer->epoch = myl_load32_acq(&control->epoch); /* A25 */
    if (myl_doing_get(&control->doing, &said)) {
        memcpy(peer->doing, said.text, sizeof peer->doing);
        if (said.until != 0)
            peer->patience_ns = said.until != now ? said.until - now : -1;
    }
    int rc = peer_state(segment, peer, &peer->state);
    if (rc != MYL_OK)
        return rc;
    peer->taken_over = peer->epoch != consumer->peer_epoch;
    consumer->peer_epoch = peer->epoch;
    peer->unread = myl_consumer_available(consumer);
    int64_t since = silent_since(consumer, now);
    if (peer->unread == 0)
        peer->silent_ns = now - since;
    peer->pid = (int32_t)myl_load32_rlx(&control->producer_pid); /* A42 */
    return MYL_OK;
}
