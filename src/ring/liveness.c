/* SPDX-License-Identifier: MIT
 * Who holds the producer up, whether it is alive, and what follows. All of it runs only while a call is blocked: a
 * claim that finds room never comes here. Death is asked of the kernel; slowness shows in cursors that do not move. */
#include "ring/liveness.h"

#include "ring/producer.h"

#include <inttypes.h>
#include <string.h>

/* What a call is told, the weightier first: it can be told one thing only. A death that is told once goes before those
 * that every call is told, or it would not be heard. */
enum weight { NOTHING, EACH_TIME, ONCE, FOR_GOOD };

/* One look at everybody. */
struct look {
    const struct myl_gate_wish *wish;
    struct myl_producer *producer;
    struct myl_liveness *l;
    int64_t now;
    enum weight weight;        /* of what was found */
    myl_trouble found;
    uint64_t behind;
};

/* One party of a look, whichever way it was come upon. */
struct suspect {
    const char *id;
    uint64_t cursor;
    uint32_t pid;
    myl_role_options role;
    int64_t stalled_ns;
};

static uint64_t behind(const struct look *look, const struct suspect *suspect)
{
    uint64_t published = myl_published(look->producer);
    return published > suspect->cursor ? published - suspect->cursor : 0;
}

static void say(const struct look *look, const struct suspect *suspect, enum myl_alert_kind kind)
{
    const struct myl_liveness *l = look->l;
    if (!l->managed || l->alert == NULL)
        return;
    myl_alert alert = {
        .kind = kind,
        .role = suspect->role.role,
        .last = (myl_sequence)suspect->cursor - 1,
        .stalled_ns = suspect->stalled_ns,
        .behind = behind(look, suspect),
        .pid = (int32_t)suspect->pid,
    };
    memcpy(alert.id, suspect->id, strlen(suspect->id) + 1);
    l->alert(&alert, l->user);
}

static void note(const struct look *look, const struct suspect *suspect, enum myl_log_kind kind)
{
    myl_log_write(&look->producer->handle.segment, &(struct myl_log_note){
                                                       .kind = kind,
                                                       .id = suspect->id,
                                                       .sequence = suspect->cursor,
                                                       .value = (uint64_t)suspect->stalled_ns,
                                                       .pid = suspect->pid,
                                                   });
}

/* 1: this is what the call is told, unless something weightier is found. */
static int blame(struct look *look, const struct suspect *suspect, int code, enum weight weight)
{
    if (weight <= look->weight)
        return 0;
    look->weight = weight;
    look->found = (myl_trouble){
        .code = code,
        .final = weight == FOR_GOOD,
        .dead = code == MYL_ECONSUMERDEAD,
        .last = (myl_sequence)suspect->cursor - 1,
        .stalled_ns = suspect->stalled_ns,
        .pid = (int32_t)suspect->pid,
    };
    memcpy(look->found.id, suspect->id, strlen(suspect->id) + 1);
    look->behind = behind(look, suspect);
    return 1;
}

/* --- the required set -------------------------------------------------------------------------------------------- */

static int is_here(const struct myl_segment *segment, uint32_t index, struct myl_required *required)
{
    const struct myl_entry *entry = myl_segment_entry(segment, index);
    char other[MYL_ID_MAX + 1];
    if (myl_load32_acq(&entry->state) != MYL_PARTY_ACTIVE) /* A13. JOINING is not enough: see myl_liveness_complete */
        return 0;
    myl_entry_id(entry, other);
    if (strcmp(required->id, other) != 0)
        return 0;
    myl_role_options role;
    myl_role_load(entry, &role);
    required->entry = index;
    required->excused = role.role != MYL_ROLE_PLAIN && role.role != MYL_ROLE_REQUIRED;
    return 1;
}

int myl_required_is_here(const struct myl_segment *segment, struct myl_required *required)
{
    uint32_t entries = myl_segment_entries(segment);
    if (required->entry < entries && is_here(segment, required->entry, required))
        return 1;
    for (uint32_t i = 0; i < entries; i++) {
        if (is_here(segment, i, required))
            return 1;
    }
    return 0;
}

/* The entry it left behind, or NULL. */
static const struct myl_entry *find_left(const struct myl_segment *segment, const char *id)
{
    uint32_t entries = myl_segment_entries(segment);
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_entry *entry = myl_segment_entry(segment, i);
        char other[MYL_ID_MAX + 1];
        if (myl_load32_acq(&entry->state) != MYL_PARTY_LEFT) /* A13 */
            continue;
        myl_entry_id(entry, other);
        if (strcmp(id, other) == 0)
            return entry;
    }
    return NULL;
}

static int is_required(const struct myl_liveness *l, const char *id)
{
    for (uint32_t i = 0; i < l->required_count; i++) {
        if (strcmp(l->required[i].id, id) == 0)
            return 1;
    }
    return 0;
}

/* The word of the entry goes before the producer's set, so that it can be changed while all run. */
static void role_of(const struct myl_liveness *l, const struct myl_entry *entry, const char *id, myl_role_options *role)
{
    myl_role_load(entry, role);
    if (role->role == MYL_ROLE_PLAIN && l->managed && is_required(l, id))
        role->role = MYL_ROLE_REQUIRED;
}

/* Is it away, and was not told by another role that it need not be there? */
static int is_missed(const struct myl_segment *segment, const struct myl_liveness *l, struct myl_required *required)
{
    if (myl_required_is_here(segment, required))
        return 0;
    const struct myl_entry *entry = find_left(segment, required->id);
    if (entry != NULL) {
        myl_role_options role;
        role_of(l, entry, required->id, &role);
        required->excused = role.role != MYL_ROLE_REQUIRED;
    }
    return !required->excused;
}

int myl_liveness_complete(struct myl_producer *producer)
{
    const struct myl_segment *segment = &producer->handle.segment;
    struct myl_liveness *l = &producer->liveness;
    if (!l->managed || !l->started)
        return 1;
    /* The scan of the gate came before. Who is seen ACTIVE here was gating in that scan, or joined since: then its J5
     * is before its J8, the gate's next look at the version sees another one, and the scan is made again. So the gate
     * is never announced beyond a required consumer that is away, and it loses nothing. */
    for (uint32_t i = 0; i < l->required_count; i++) {
        if (is_missed(segment, l, &l->required[i]))
            return 0;
    }
    return 1;
}

uint64_t myl_liveness_read_by_all(const struct myl_producer *producer, uint64_t minimum)
{
    const struct myl_segment *segment = &producer->handle.segment;
    const struct myl_liveness *l = &producer->liveness;
    for (uint32_t i = 0; i < l->required_count; i++) {
        struct myl_required required = l->required[i]; /* a copy: whoever only asks changes nothing */
        if (!is_missed(segment, l, &required))
            continue;
        const struct myl_entry *entry = find_left(segment, required.id);
        uint64_t cursor = entry != NULL ? myl_load_acq(&entry->cursor) : 0; /* A8 */
        minimum = cursor < minimum ? cursor : minimum;
    }
    return minimum;
}

void myl_liveness_say_missing(const struct myl_segment *segment, const char *id)
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

/* --- one party --------------------------------------------------------------------------------------------------- */

static int64_t progress_of(const struct myl_liveness *l, const myl_role_options *role)
{
    return role->progress_timeout_ns != 0 ? role->progress_timeout_ns : l->progress_ns;
}

static int64_t grace_of(const struct myl_liveness *l, const myl_role_options *role)
{
    if (role->grace_ns == MYL_AT_ONCE)
        return 0;
    if (role->grace_ns != 0)
        return role->grace_ns;
    return role->role == MYL_ROLE_EXPENDABLE ? 0 : l->grace_ns;
}

/* While it asks for patience the clock of its stall stands still: since when it has been running at most. A look may
 * come long after the patience has ended, and counts from there. */
static int64_t since_patience(const struct look *look, const struct myl_entry *entry, int64_t since)
{
    struct myl_said said;
    if (!myl_doing_get(&entry->doing, &said))
        return since;
    int64_t impatient = said.until < look->now ? look->now - said.until : 0;
    return look->l->clock - since > impatient ? look->l->clock - impatient : since;
}

/* A joiner that died before it was told anything gates nobody: J4 reached, J8 not. An expendable consumer that died is
 * not waited for. Neither seat is waited for: if somebody is joining right now, next time. */
static int reap(struct myl_segment *segment, uint32_t index, uint32_t state)
{
    struct myl_entry *entry = myl_segment_entry(segment, index);
    int done = 0;
    if (myl_seat_take(segment, MYL_SEAT_REGISTRAR) != 0)
        return 0;
    if (myl_seat_take(segment, myl_entry_seat(index)) == 0) {
        MYL_STEP("G3r");
        done = myl_load32_acq(&entry->state) == state; /* A13 */
        if (done && state == MYL_PARTY_JOINING)
            myl_store32_rel(&entry->state, MYL_PARTY_FREE); /* A23 */
        else if (done)
            myl_entry_give_up(segment, index, MYL_LOG_REAPED);
        myl_seat_drop(segment, myl_entry_seat(index));
    }
    myl_seat_drop(segment, MYL_SEAT_REGISTRAR);
    if (done)
        myl_park_bump(&segment->control->room); /* our own sleep, which is about to begin, is needless */
    return done;
}

static void look_at_dead(struct look *look, uint32_t index, struct suspect *suspect, struct myl_watch *watch)
{
    struct myl_liveness *l = look->l;
    struct myl_segment *segment = &look->producer->handle.segment;
    int reports = look->producer->on_death == MYL_DEATH_REPORT;
    enum myl_role role = suspect->role.role;
    if (!watch->dead) {
        watch->dead = 1;
        watch->since = l->clock;
        myl_note_consumer_death(segment, index);
    }
    suspect->stalled_ns = l->clock - watch->since;
    int silent = role == MYL_ROLE_PLAIN && (reports || !l->managed); /* the call's result says it, or nobody asked */
    if (!silent && watch->alerted != MYL_ALERT_DIED) {
        watch->alerted = MYL_ALERT_DIED;
        say(look, suspect, MYL_ALERT_DIED);
    }
    int over = suspect->stalled_ns >= grace_of(l, &suspect->role);
    if (role == MYL_ROLE_EXPENDABLE) {
        if (over && reap(segment, index, MYL_PARTY_ACTIVE)) {
            watch->alerted = 0;
            say(look, suspect, MYL_ALERT_REAPED);
        }
    } else if (role == MYL_ROLE_REQUIRED && l->managed) {
        if (over)
            (void)blame(look, suspect, MYL_ECONSUMERDEAD, FOR_GOOD);
        else if (reports && !watch->told)
            watch->told = blame(look, suspect, MYL_ECONSUMERDEAD, ONCE); /* else the next call's look tells it */
    } else if (reports && !(role == MYL_ROLE_ALERT && l->managed)) {
        (void)blame(look, suspect, MYL_ECONSUMERDEAD, EACH_TIME);
    }
}

static void look_at_living(struct look *look, const struct myl_entry *entry, struct suspect *suspect,
                           struct myl_watch *watch)
{
    struct myl_liveness *l = look->l;
    if (!l->managed || suspect->role.role == MYL_ROLE_PLAIN)
        return;
    watch->since = since_patience(look, entry, watch->since);
    suspect->stalled_ns = l->clock - watch->since;
    int64_t progress = progress_of(l, &suspect->role);
    if (suspect->stalled_ns < progress)
        return;
    if (watch->alerted != MYL_ALERT_STALLED) {
        watch->alerted = MYL_ALERT_STALLED;
        note(look, suspect, MYL_LOG_STALLED);
        say(look, suspect, MYL_ALERT_STALLED);
    }
    if (suspect->role.role == MYL_ROLE_REQUIRED && suspect->stalled_ns >= progress + grace_of(l, &suspect->role))
        (void)blame(look, suspect, MYL_ESTALLED, FOR_GOOD);
}

/* Whoever is in that entry by now: only the one that was told of is back, or moves. */
static void recovered(struct look *look, struct suspect *suspect, struct myl_watch *watch)
{
    if (watch->spell != look->l->spell || watch->alerted == 0 || strcmp(watch->id, suspect->id) != 0)
        return;
    suspect->stalled_ns = look->l->clock - watch->since;
    watch->alerted = 0;
    note(look, suspect, MYL_LOG_RECOVERED);
    say(look, suspect, MYL_ALERT_RECOVERED);
}

static void fill_suspect(const struct look *look, const struct myl_entry *entry, char id[MYL_ID_MAX + 1],
                         struct suspect *suspect)
{
    memset(suspect, 0, sizeof *suspect);
    myl_entry_id(entry, id);
    suspect->id = id;
    suspect->cursor = myl_load_acq(&entry->cursor); /* A8 */
    suspect->pid = myl_load32_rlx(&entry->pid);     /* A48 */
    role_of(look->l, entry, id, &suspect->role);
}

static void look_at_entry(struct look *look, uint32_t index)
{
    struct myl_liveness *l = look->l;
    struct myl_segment *segment = &look->producer->handle.segment;
    struct myl_entry *entry = myl_segment_entry(segment, index);
    struct myl_watch *watch = &l->watch[index];
    struct suspect suspect;
    char id[MYL_ID_MAX + 1];
    /* A9, before the state: who leaves changes the state, then this, and then drops its seat. So a seat that is free
     * while this is the same as before was not left in order by the one that was seen ACTIVE. */
    uint32_t generation = myl_load32_acq(&entry->generation);
    uint32_t state = myl_load32_acq(&entry->state); /* A13 */
    if (state != MYL_PARTY_JOINING && state != MYL_PARTY_ACTIVE)
        return;
    if (state == MYL_PARTY_JOINING) {
        if (myl_load_acq(&entry->cursor) < look->wish->cursor && /* A8 */
            myl_seat_held(segment, myl_entry_seat(index)) == 0)
            (void)reap(segment, index, MYL_PARTY_JOINING);
        return;
    }
    fill_suspect(look, entry, id, &suspect);
    int anew = watch->spell != l->spell || watch->generation != generation;
    if (anew || suspect.cursor != watch->cursor) {
        recovered(look, &suspect, watch);
        *watch = (struct myl_watch){.cursor = suspect.cursor,
                                    .since = l->clock,
                                    .spell = l->spell,
                                    .generation = generation};
        memcpy(watch->id, id, sizeof id);
    }
    suspect.stalled_ns = 0;
    int holds_up = suspect.cursor < look->wish->cursor;
    if (holds_up && myl_seat_held(segment, myl_entry_seat(index)) == 0 &&
        myl_load32_acq(&entry->generation) == generation) /* A9: else it has left, or the seat was not yet its own */
        look_at_dead(look, index, &suspect, watch);
    else if (holds_up)
        look_at_living(look, entry, &suspect, watch);
    uint64_t still = holds_up ? (uint64_t)(look->now - (l->clock - watch->since)) : 0;
    if (myl_load_rlx(&entry->still) != still) /* A67 */
        myl_store_rlx(&entry->still, still);  /* A67 */
}

/* That it is away takes the place of what was said before it went: it comes back once. */
static void say_absent(struct look *look, const struct suspect *suspect, struct myl_required *required)
{
    struct myl_liveness *l = look->l;
    required->alerted = 1;
    for (uint32_t i = 0; i < look->producer->handle.segment.head.max_consumers; i++) {
        if (strcmp(l->watch[i].id, required->id) == 0)
            l->watch[i].alerted = 0;
    }
    note(look, suspect, MYL_LOG_ABSENT);
    say(look, suspect, MYL_ALERT_ABSENT);
}

static void look_for(struct look *look, struct myl_required *required)
{
    const struct myl_segment *segment = &look->producer->handle.segment;
    struct myl_liveness *l = look->l;
    const struct myl_entry *left = find_left(segment, required->id);
    struct suspect suspect = {.id = required->id, .role = {.role = MYL_ROLE_REQUIRED}};
    if (left != NULL) {
        suspect.cursor = myl_load_acq(&left->cursor); /* A8 */
        suspect.pid = myl_load32_rlx(&left->pid);     /* A48 */
        role_of(l, left, required->id, &suspect.role);
    }
    if (!is_missed(segment, l, required)) {
        suspect.stalled_ns = l->clock - required->since;
        if (required->alerted) {
            note(look, &suspect, MYL_LOG_RECOVERED);
            say(look, &suspect, MYL_ALERT_RECOVERED);
        }
        required->absent = required->alerted = 0;
        return;
    }
    myl_liveness_say_missing(segment, required->id);
    if (!required->absent)
        required->since = l->clock;
    else if (left != NULL)
        required->since = since_patience(look, left, required->since);
    required->absent = 1;
    suspect.stalled_ns = l->clock - required->since;
    int64_t progress = progress_of(l, &suspect.role);
    if (suspect.stalled_ns < progress)
        return;
    if (!required->alerted)
        say_absent(look, &suspect, required);
    if (suspect.stalled_ns >= progress + grace_of(l, &suspect.role))
        (void)blame(look, &suspect, MYL_ESTALLED, FOR_GOOD);
}

/* --- a call's looks ----------------------------------------------------------------------------------------------- */

int myl_liveness_fail(const struct myl_producer *producer, const myl_trouble *trouble, uint64_t events)
{
    const char *name = producer->handle.segment.name;
    const char *stays = trouble->final ? "; this stays so until myl_producer_clear" : "";
    if (trouble->code == MYL_ECONSUMERDEAD)
        return myl_fail(MYL_ECONSUMERDEAD,
                        "ring \"%s\": consumer \"%s\" (process %" PRId32 ") died with %" PRIu64
                        " events unread and holds the ring; restart it under the same id, or evict it%s",
                        name, trouble->id, trouble->pid, events, stays);
    return myl_fail(MYL_ESTALLED,
                    "ring \"%s\": required consumer \"%s\" (process %" PRId32
                    ") has not moved, or was away, for %" PRId64 " ms, %" PRIu64 " events behind; ask `myelon why`%s",
                    name, trouble->id, trouble->pid, trouble->stalled_ns / MYL_MSEC(1), events, stays);
}

static void begin_spell(struct myl_liveness *l, int64_t now)
{
    l->blocked = 1;
    l->spell++;
    l->spell_began = now;
    l->looked = now;
    for (uint32_t i = 0; i < l->required_count; i++)
        l->required[i].absent = l->required[i].alerted = 0;
}

static int64_t gap_of(const struct myl_liveness *l)
{
    return 10 * l->interval_ns > MYL_LIVENESS_GAP_NS ? 10 * l->interval_ns : MYL_LIVENESS_GAP_NS;
}

int myl_liveness_look(const struct myl_gate_wish *wish)
{
    struct myl_producer *producer = wish->producer;
    struct myl_liveness *l = &producer->liveness;
    struct look look = {.wish = wish, .producer = producer, .l = l, .now = myl_os_now()};
    uint32_t entries = myl_segment_entries(&producer->handle.segment);
    int lost = myl_segment_check(&producer->handle.segment);
    if (lost != MYL_OK) /* nobody's life can be asked for */
        return lost;
    if (!l->blocked)
        begin_spell(l, look.now);
    int64_t gap = look.now - l->looked;
    l->clock += gap < gap_of(l) ? gap : gap_of(l);
    l->looked = look.now;
    myl_liveness_announce(wish);
    for (uint32_t i = 0; i < entries; i++)
        look_at_entry(&look, i);
    for (uint32_t i = 0; l->managed && l->started && i < l->required_count; i++)
        look_for(&look, &l->required[i]);
    if (look.found.code == MYL_OK)
        return MYL_EAGAIN;
    if (l->managed)
        l->trouble = look.found;
    if (look.found.final) {
        struct suspect suspect = {.id = look.found.id,
                                  .cursor = (uint64_t)(look.found.last + 1),
                                  .pid = (uint32_t)look.found.pid,
                                  .stalled_ns = look.found.stalled_ns};
        note(&look, &suspect, MYL_LOG_SHUTDOWN);
        producer->hot.end = 0; /* every claim comes by myl_liveness_begin from now on */
    }
    return myl_liveness_fail(producer, &look.found, look.behind);
}

int myl_liveness_poll(const struct myl_gate_wish *wish)
{
    struct myl_liveness *l = &wish->producer->liveness;
    int64_t now = myl_os_now();
    if (!l->blocked)
        begin_spell(l, now);
    return now - l->looked < l->interval_ns ? MYL_EAGAIN : myl_liveness_look(wish);
}

void myl_liveness_announce(const struct myl_gate_wish *wish)
{
    struct myl_control *control = wish->producer->handle.segment.control;
    struct myl_liveness *l = &wish->producer->liveness;
    if (l->call_began != 0)
        return;
    l->call_began = myl_os_now();
    uint64_t since = (uint64_t)(l->blocked ? l->spell_began : l->call_began);
    myl_store_rlx(&control->producer_waits_for, wish->cursor); /* A66, for people */
    myl_store_rlx(&control->producer_waiting, since);          /* A66 */
}

void myl_liveness_end(struct myl_producer *producer, int rc)
{
    struct myl_segment *segment = &producer->handle.segment;
    struct myl_control *control = segment->control;
    struct myl_liveness *l = &producer->liveness;
    if (l->call_began != 0) {
        uint64_t waited = myl_load_rlx(&control->producer_waited) + (uint64_t)(myl_os_now() - l->call_began); /* A40 */
        myl_store_rlx(&control->producer_waited, waited); /* A40, our own counter */
        myl_store_rlx(&control->producer_waiting, 0);     /* A66 */
        l->call_began = 0;
    }
    if (rc != MYL_OK || !l->blocked)
        return;
    struct look look = {.producer = producer, .l = l, .now = myl_os_now()};
    for (uint32_t i = 0; i < segment->head.max_consumers; i++) {
        struct myl_entry *entry = myl_segment_entry(segment, i);
        struct myl_watch *watch = &l->watch[i];
        struct suspect suspect;
        char id[MYL_ID_MAX + 1];
        if (watch->spell != l->spell)
            continue;
        fill_suspect(&look, entry, id, &suspect);
        if (myl_load32_acq(&entry->state) != MYL_PARTY_FREE) /* A13. Else it was given up: nobody is back */
            recovered(&look, &suspect, watch);
        myl_store_rlx(&entry->still, 0); /* A67 */
    }
    for (uint32_t i = 0; i < l->required_count; i++) {
        struct suspect suspect = {.id = l->required[i].id};
        suspect.role.role = MYL_ROLE_REQUIRED;
        suspect.stalled_ns = l->clock - l->required[i].since;
        if (l->required[i].alerted) {
            note(&look, &suspect, MYL_LOG_RECOVERED);
            say(&look, &suspect, MYL_ALERT_RECOVERED);
        }
        l->required[i].absent = l->required[i].alerted = 0;
    }
    if (l->required_count > 0)
        myl_liveness_say_missing(segment, "");
    if (!l->trouble.final)
        memset(&l->trouble, 0, sizeof l->trouble);
    l->blocked = 0;
}
