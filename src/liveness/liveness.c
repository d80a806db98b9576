/* SPDX-License-Identifier: MIT
 * Liveness checks: find the consumers that block the producer, alert, reap, and decide the call's result. They run
 * only while a call is blocked; a claim that finds room never enters this file. The kernel reports deaths; a stall is a
 * cursor that does not move. */
#include "liveness/liveness.h"

#include "base/error.h"
#include "registry/entry.h"
#include "registry/find.h"
#include "registry/participant.h"
#include "registry/role.h"
#include "ring/divert.h"
#include "ring/quorum.h"
#include "ring/room.h"
#include "ring/state.h"
#include "segment/lock.h"
#include "segment/log.h"
#include "segment/table.h"
#include "segment/wake.h"

#include <inttypes.h>
#include <string.h>

/* Severity of findings, ascending. A call returns one result: the most severe. A death that is reported once outranks
 * one that each call reports; otherwise it would never be returned. */
enum severity { NO_FINDING, EACH_CALL, ONCE, PERMANENT };

/* One liveness check over all entries and required ids. */
struct check {
    const struct myl_room_request *request;
    struct myl_producer *producer;
    struct myl_liveness *l;
    int64_t now;
    enum severity severity;    /* of `found` */
    myl_liveness_failure found;
    uint64_t lag;
};

/* The consumer under examination, found by its entry or by its required id. */
struct candidate {
    const char *id;
    uint64_t cursor;
    uint32_t pid;
    myl_role_options role;
    int64_t stalled_ns;
};

static uint64_t lag_of(const struct check *check, const struct candidate *candidate)
{
    uint64_t published = myl_published(check->producer);
    return published > candidate->cursor ? published - candidate->cursor : 0;
}

static void raise_alert(const struct check *check, const struct candidate *candidate, enum myl_alert_kind kind)
{
    const struct myl_liveness *l = check->l;
    if (!l->managed || l->alert == NULL)
        return;
    myl_alert alert = {
        .kind = kind,
        .role = candidate->role.role,
        .last_acknowledged = (myl_sequence)candidate->cursor - 1,
        .stalled_ns = candidate->stalled_ns,
        .lag = lag_of(check, candidate),
        .pid = (int32_t)candidate->pid,
    };
    memcpy(alert.id, candidate->id, strlen(candidate->id) + 1);
    l->alert(&alert, l->user);
}

static void note(const struct check *check, const struct candidate *candidate, enum myl_log_kind kind)
{
    myl_log_write(&check->producer->handle.segment, &(struct myl_log_note){
                                                        .kind = kind,
                                                        .id = candidate->id,
                                                        .sequence = candidate->cursor,
                                                        .value = (uint64_t)candidate->stalled_ns,
                                                        .pid = candidate->pid,
                                                    });
}

/* Makes this finding the call's result if it is more severe than the present one. Returns 1 if so. */
static bool report_finding(struct check *check, const struct candidate *candidate, int code, enum severity severity)
{
    if (severity <= check->severity)
        return false;
    check->severity = severity;
    check->found = (myl_liveness_failure){
        .code = code,
        .latched = severity == PERMANENT,
        .dead = code == MYL_ECONSUMERDEAD,
        .last_acknowledged = (myl_sequence)candidate->cursor - 1,
        .stalled_ns = candidate->stalled_ns,
        .pid = (int32_t)candidate->pid,
    };
    memcpy(check->found.id, candidate->id, strlen(candidate->id) + 1);
    check->lag = lag_of(check, candidate);
    return true;
}

/* --- the required set -------------------------------------------------------------------------------------------- */

bool myl_required_is_here(const struct myl_segment *segment, struct myl_required *required)
{
    myl_role_options role;
    if (!myl_find_active(segment, required->id, &required->entry))
        return false;
    myl_role_load(myl_segment_entry(segment, required->entry), &role);
    required->excused = role.role != MYL_ROLE_PLAIN && role.role != MYL_ROLE_REQUIRED;
    return true;
}

static bool is_required(const struct myl_liveness *l, const char *id)
{
    for (uint32_t i = 0; i < l->required_count; i++) {
        if (strcmp(l->required[i].id, id) == 0)
            return true;
    }
    return false;
}

/* The role in the entry overrides the producer's required set. So a role can be changed while the ring is in use. */
static void role_of(const struct myl_liveness *l, const struct myl_participant *entry, const char *id,
                    myl_role_options *role)
{
    myl_role_load(entry, role);
    if (role->role == MYL_ROLE_PLAIN && l->managed && is_required(l, id))
        role->role = MYL_ROLE_REQUIRED;
}

/* Is this consumer absent although its last known role requires it? */
static bool is_missed(const struct myl_segment *segment, const struct myl_liveness *l, struct myl_required *required)
{
    if (myl_required_is_here(segment, required))
        return false;
    const struct myl_participant *entry = myl_find_left(segment, required->id);
    if (entry != NULL) {
        myl_role_options role;
        role_of(l, entry, required->id, &role);
        required->excused = role.role != MYL_ROLE_REQUIRED;
    }
    return !required->excused;
}

bool myl_liveness_complete(struct myl_producer *producer)
{
    const struct myl_segment *segment = &producer->handle.segment;
    struct myl_liveness *l = producer->liveness;
    if (!l->managed || !l->started)
        return true;
    /* Invariant: the gate is never announced beyond the cursor of an absent required consumer. This runs after the scan
     * (G2). A consumer that is ACTIVE here either gated in that scan or joined after it. In the second case its J5
     * precedes its J8, so the next load of the version (G4) differs and the gate check starts again. */
    for (uint32_t i = 0; i < l->required_count; i++) {
        if (is_missed(segment, l, &l->required[i]))
            return false;
    }
    return true;
}

bool myl_liveness_absent(const struct myl_producer *producer, uint64_t *cursor, char id[MYL_ID_MAX + 1])
{
    const struct myl_segment *segment = &producer->handle.segment;
    const struct myl_liveness *l = producer->liveness;
    bool absent = false;
    for (uint32_t i = 0; i < l->required_count; i++) {
        struct myl_required required = l->required[i]; /* a copy: the call changes nothing */
        if (!is_missed(segment, l, &required))
            continue;
        const struct myl_participant *entry = myl_find_left(segment, required.id);
        uint64_t read = entry != NULL ? myl_load_acq(&entry->cursor) : 0; /* A8 */
        *cursor = read < *cursor ? read : *cursor;
        if (!absent)
            memcpy(id, required.id, sizeof required.id);
        absent = true;
    }
    return absent;
}

/* --- one consumer ------------------------------------------------------------------------------------------------ */

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

/* Returns the start of the stall. The stall timer is paused while the consumer has an unexpired activity notice. After
 * the notice expired, the stall counts from its deadline, even if no check ran at that time. */
static int64_t stall_start(const struct check *check, const struct myl_participant *entry, int64_t since)
{
    struct myl_activity_notice notice;
    if (!myl_activity_get(&entry->activity, &notice))
        return since;
    int64_t expired_ns = notice.until < check->now ? check->now - notice.until : 0;
    return check->l->clock - since > expired_ns ? check->l->clock - expired_ns : since;
}

/* Frees the entry of a dead joiner (after J4, before J8) or of a dead expendable consumer. Returns 1 if it was freed.
 * Never blocks: if the registry lock or the entry's lock is held, a later check tries again. */
static bool reap(struct myl_segment *segment, uint32_t index, uint32_t state)
{
    struct myl_participant *entry = myl_segment_entry(segment, index);
    int done = 0;
    if (myl_lock_acquire(segment, MYL_LOCK_REGISTRY) != 0)
        return false;
    if (myl_lock_acquire(segment, myl_entry_lock_index(index)) == 0) {
        MYL_STEP("G3r");
        done = myl_load32_acq(&entry->state) == state; /* A13 */
        if (done && state == MYL_PARTICIPANT_JOINING)
            myl_store32_rel(&entry->state, MYL_PARTICIPANT_FREE); /* A23 */
        else if (done)
            myl_entry_give_up(segment, index, MYL_LOG_REAPED);
        myl_lock_release(segment, myl_entry_lock_index(index));
    }
    myl_lock_release(segment, MYL_LOCK_REGISTRY);
    if (done)
        myl_park_bump(&segment->control->room); /* there may be room now: do not let this producer sleep */
    return done;
}

static void check_dead(struct check *check, uint32_t index, struct candidate *candidate, struct myl_watch *watch)
{
    struct myl_liveness *l = check->l;
    struct myl_segment *segment = &check->producer->handle.segment;
    int reports = check->producer->on_death == MYL_DEATH_REPORT;
    enum myl_role role = candidate->role.role;
    if (!watch->dead) {
        watch->dead = 1;
        watch->since = l->clock;
        myl_log_consumer_death(segment, index, watch->generation);
    }
    candidate->stalled_ns = l->clock - watch->since;
    /* No alert: the call's result reports a plain consumer, and a producer without a policy has no alerts. */
    int silent = role == MYL_ROLE_PLAIN && (reports || !l->managed);
    if (!silent && watch->alerted != MYL_ALERT_DIED) {
        watch->alerted = MYL_ALERT_DIED;
        raise_alert(check, candidate, MYL_ALERT_DIED);
    }
    int over = candidate->stalled_ns >= grace_of(l, &candidate->role);
    if (role == MYL_ROLE_EXPENDABLE) {
        if (over && reap(segment, index, MYL_PARTICIPANT_ACTIVE)) {
            watch->alerted = 0;
            raise_alert(check, candidate, MYL_ALERT_REAPED);
        }
    } else if (role == MYL_ROLE_REQUIRED && l->managed) {
        if (over)
            (void)report_finding(check, candidate, MYL_ECONSUMERDEAD, PERMANENT);
        else if (reports && !watch->reported)
            watch->reported =
                report_finding(check, candidate, MYL_ECONSUMERDEAD, ONCE); /* 0: a later call reports it */
    } else if (reports && !(role == MYL_ROLE_ALERT && l->managed)) {
        (void)report_finding(check, candidate, MYL_ECONSUMERDEAD, EACH_CALL);
    }
}

/* Of a reserved consumer too, which has not come yet: it is absent. */
static void check_living(struct check *check, const struct myl_participant *entry, struct candidate *candidate,
                         struct myl_watch *watch, bool reserved)
{
    struct myl_liveness *l = check->l;
    if (!l->managed || (candidate->role.role == MYL_ROLE_PLAIN && !reserved))
        return;
    watch->since = stall_start(check, entry, watch->since);
    candidate->stalled_ns = l->clock - watch->since;
    int64_t progress = progress_of(l, &candidate->role);
    if (candidate->stalled_ns < progress)
        return;
    enum myl_alert_kind kind = reserved ? MYL_ALERT_ABSENT : MYL_ALERT_STALLED;
    if (watch->alerted != kind) {
        watch->alerted = kind;
        note(check, candidate, reserved ? MYL_LOG_ABSENT : MYL_LOG_STALLED);
        raise_alert(check, candidate, kind);
    }
    if (candidate->role.role == MYL_ROLE_REQUIRED &&
        candidate->stalled_ns >= myl_time_add(progress, grace_of(l, &candidate->role)))
        (void)report_finding(check, candidate, MYL_ESTALLED, PERMANENT);
}

/* Reports a recovery, unless another consumer has the entry now: only the id of the alert can recover. */
static void recovered(struct check *check, struct candidate *candidate, struct myl_watch *watch)
{
    if (watch->spell != check->l->spell || watch->alerted == 0 || strcmp(watch->id, candidate->id) != 0)
        return;
    candidate->stalled_ns = check->l->clock - watch->since;
    watch->alerted = 0;
    note(check, candidate, MYL_LOG_RECOVERED);
    raise_alert(check, candidate, MYL_ALERT_RECOVERED);
}

static void fill_candidate(const struct check *check, const struct myl_participant *entry, char id[MYL_ID_MAX + 1],
                           struct candidate *candidate)
{
    memset(candidate, 0, sizeof *candidate);
    myl_entry_id(entry, id);
    candidate->id = id;
    candidate->cursor = myl_load_acq(&entry->cursor); /* A8 */
    candidate->pid = myl_load32_rlx(&entry->pid);   /* A48 */
    role_of(check->l, entry, id, &candidate->role);
}

static void check_entry(struct check *check, uint32_t index)
{
    struct myl_liveness *l = check->l;
    struct myl_segment *segment = &check->producer->handle.segment;
    struct myl_participant *entry = myl_segment_entry(segment, index);
    struct myl_watch *watch = &l->watch[index];
    struct candidate candidate;
    char id[MYL_ID_MAX + 1];
    /* A9, loaded before the state. A leaving consumer changes the state, then the generation, then releases its lock.
     * So if the lock is free and the generation is unchanged, the consumer that was ACTIVE here died. */
    uint32_t generation = myl_load32_acq(&entry->generation);
    uint32_t state = myl_load32_acq(&entry->state); /* A13 */
    if (state != MYL_PARTICIPANT_JOINING && state != MYL_PARTICIPANT_ACTIVE)
        return;
    if (state == MYL_PARTICIPANT_JOINING) {
        if (myl_load_acq(&entry->cursor) < check->request->cursor && /* A8 */
            myl_lock_held(segment, myl_entry_lock_index(index)) == 0)
            (void)reap(segment, index, MYL_PARTICIPANT_JOINING);
        return;
    }
    fill_candidate(check, entry, id, &candidate);
    int restarted = watch->spell != l->spell || watch->generation != generation;
    if (restarted || candidate.cursor != watch->cursor) {
        recovered(check, &candidate, watch);
        *watch = (struct myl_watch){.cursor = candidate.cursor,
                                    .since = l->clock,
                                    .spell = l->spell,
                                    .generation = generation};
        memcpy(watch->id, id, sizeof id);
    }
    candidate.stalled_ns = 0;
    int holds_up = candidate.cursor < check->request->cursor;
    bool reserved = myl_participant_is_reserved(entry);
    if (holds_up && !reserved && myl_lock_held(segment, myl_entry_lock_index(index)) == 0 &&
        myl_load32_acq(&entry->generation) == generation) /* A9: else the consumer left, or another one joined */
        check_dead(check, index, &candidate, watch);
    else if (holds_up)
        check_living(check, entry, &candidate, watch, reserved);
    uint64_t stalled_since = holds_up ? (uint64_t)(check->now - (l->clock - watch->since)) : 0;
    if (myl_load_rlx(&entry->stalled_since) != stalled_since) /* A67 */
        myl_store_rlx(&entry->stalled_since, stalled_since); /* A67 */
}

/* The absence alert replaces earlier alerts about this id, so that its return raises one recovery alert. */
static void report_absent(struct check *check, const struct candidate *candidate, struct myl_required *required)
{
    struct myl_liveness *l = check->l;
    required->alerted = 1;
    for (uint32_t i = 0; i < check->producer->handle.segment.head->max_consumers; i++) {
        if (strcmp(l->watch[i].id, required->id) == 0)
            l->watch[i].alerted = 0;
    }
    note(check, candidate, MYL_LOG_ABSENT);
    raise_alert(check, candidate, MYL_ALERT_ABSENT);
}

/* Fills `candidate` from the consumer's entry, registered or left; without an entry from the last known values. */
static void fill_required(const struct check *check, struct myl_required *required, const struct myl_participant *left,
                          struct candidate *candidate)
{
    const struct myl_segment *segment = &check->producer->handle.segment;
    const struct myl_participant *entry =
        myl_required_is_here(segment, required) ? myl_segment_entry(segment, required->entry) : left;
    memset(candidate, 0, sizeof *candidate);
    candidate->id = required->id;
    candidate->role.role = MYL_ROLE_REQUIRED;
    if (entry != NULL) {
        required->cursor = myl_load_acq(&entry->cursor); /* A8 */
        required->pid = myl_load32_rlx(&entry->pid);     /* A48 */
        role_of(check->l, entry, required->id, &candidate->role);
    }
    candidate->cursor = required->cursor;
    candidate->pid = required->pid;
    candidate->stalled_ns = check->l->clock - required->since;
}

static void is_back(const struct check *check, struct myl_required *required, const struct candidate *candidate)
{
    if (required->alerted) {
        note(check, candidate, MYL_LOG_RECOVERED);
        raise_alert(check, candidate, MYL_ALERT_RECOVERED);
    }
    required->absent = required->alerted = 0;
}

static void check_absent(struct check *check, struct myl_required *required)
{
    const struct myl_segment *segment = &check->producer->handle.segment;
    struct myl_liveness *l = check->l;
    const struct myl_participant *left = myl_find_left(segment, required->id);
    struct candidate candidate;
    int missed = is_missed(segment, l, required);
    fill_required(check, required, left, &candidate);
    if (!missed) {
        is_back(check, required, &candidate);
        return;
    }
    myl_missing_report(segment, required->id);
    if (!required->absent)
        required->since = l->clock;
    else if (left != NULL)
        required->since = stall_start(check, left, required->since);
    required->absent = 1;
    candidate.stalled_ns = l->clock - required->since;
    int64_t progress = progress_of(l, &candidate.role);
    if (candidate.stalled_ns < progress)
        return;
    if (!required->alerted)
        report_absent(check, &candidate, required);
    if (candidate.stalled_ns >= myl_time_add(progress, grace_of(l, &candidate.role)))
        (void)report_finding(check, &candidate, MYL_ESTALLED, PERMANENT);
}

/* --- the checks of a call ----------------------------------------------------------------------------------------- */

static int fail_text(const struct myl_producer *producer, const myl_liveness_failure *failure, uint64_t events)
{
    const struct myl_cell_ops *cells = producer->handle.segment.cells;
    const char *name = producer->handle.segment.name;
    char amount[MYL_COUNT_TEXT];
    (void)myl_count_text(events * cells->unit_bytes, cells->unit, amount);
    const char *stays = failure->latched ? ", then call myl_producer_clear_failure" : "";
    if (failure->code == MYL_ECONSUMERDEAD)
        return myl_fail(MYL_ECONSUMERDEAD,
                        "ring \"%s\": consumer \"%s\" (process %" PRId32
                        ") died with %s unread and blocks the producer; restart it under the same id, or evict it%s",
                        name, failure->id, failure->pid, amount, stays);
    return myl_fail(MYL_ESTALLED,
                    "ring \"%s\": required consumer \"%s\" (process %" PRId32
                    ") was stalled or absent for %s and lags by %s; run `myelon why` for the cause%s",
                    name, failure->id, failure->pid, myl_time_text(failure->stalled_ns, (char[MYL_TIME_TEXT]){0}),
                    amount, stays);
}

int myl_liveness_fail(const struct myl_producer *producer, const myl_liveness_failure *failure, uint64_t events)
{
    int rc = fail_text(producer, failure, events);
    return myl_fail_participant(rc, failure->id, (uint32_t)failure->pid, producer->handle.segment.lane);
}

static void begin_spell(struct myl_liveness *l, int64_t now)
{
    l->blocked = 1;
    l->spell++;
    l->checked_ns = now;
    for (uint32_t i = 0; i < l->required_count; i++)
        l->required[i].absent = l->required[i].alerted = 0;
}

static int64_t gap_of(const struct myl_producer *producer)
{
    int64_t gap = myl_time_multiply(producer->check_ns, 10);
    return gap > MYL_LIVENESS_GAP_NS ? gap : MYL_LIVENESS_GAP_NS;
}

static int check_all(const struct myl_room_request *request)
{
    struct myl_producer *producer = request->producer;
    struct myl_liveness *l = producer->liveness;
    struct check check = {.request = request, .producer = producer, .l = l, .now = myl_os_now()};
    uint32_t entries = myl_segment_entries(&producer->handle.segment);
    int lost = myl_segment_check(&producer->handle.segment);
    if (lost != MYL_OK) /* without its descriptor this handle cannot query locks */
        return lost;
    if (!l->blocked)
        begin_spell(l, check.now);
    int64_t gap = check.now - l->checked_ns;
    l->clock += gap < gap_of(producer) ? gap : gap_of(producer);
    l->checked_ns = check.now;
    myl_room_announce(request);
    for (uint32_t i = 0; i < entries; i++)
        check_entry(&check, i);
    for (uint32_t i = 0; l->managed && l->started && i < l->required_count; i++)
        check_absent(&check, &l->required[i]);
    if (check.found.code == MYL_OK)
        return MYL_EAGAIN;
    if (l->managed)
        l->failure = check.found;
    if (check.found.latched) {
        struct candidate candidate = {.id = check.found.id,
                                      .cursor = (uint64_t)(check.found.last_acknowledged + 1),
                                      .pid = (uint32_t)check.found.pid,
                                      .stalled_ns = check.found.stalled_ns};
        note(&check, &candidate, MYL_LOG_SHUTDOWN);
        myl_producer_divert(producer, MYL_DIVERT_POLICY); /* each claim fails until the failure is cleared */
    }
    return myl_liveness_fail(producer, &check.found, check.lag);
}

int myl_liveness_check(const struct myl_room_request *request)
{
    struct myl_liveness *l = request->producer->liveness;
    int64_t now = request->polls ? myl_os_now() : 0;
    if (request->polls && !l->blocked)
        begin_spell(l, now);
    return request->polls && now - l->checked_ns < request->producer->check_ns ? MYL_EAGAIN : check_all(request);
}

void myl_liveness_end(struct myl_producer *producer, int rc)
{
    struct myl_segment *segment = &producer->handle.segment;
    struct myl_liveness *l = producer->liveness;
    if (rc != MYL_OK || !l->blocked)
        return;
    struct check check = {.producer = producer, .l = l, .now = myl_os_now()};
    for (uint32_t i = 0; i < segment->head->max_consumers; i++) {
        struct myl_participant *entry = myl_segment_entry(segment, i);
        struct myl_watch *watch = &l->watch[i];
        struct candidate candidate;
        char id[MYL_ID_MAX + 1];
        if (watch->spell != l->spell)
            continue;
        fill_candidate(&check, entry, id, &candidate);
        if (myl_load32_acq(&entry->state) != MYL_PARTICIPANT_FREE) /* A13. FREE: evicted or reaped, not recovered */
            recovered(&check, &candidate, watch);
        myl_store_rlx(&entry->stalled_since, 0); /* A67 */
    }
    for (uint32_t i = 0; i < l->required_count; i++) {
        struct candidate candidate;
        if (l->required[i].alerted)
            fill_required(&check, &l->required[i], myl_find_left(segment, l->required[i].id), &candidate);
        is_back(&check, &l->required[i], &candidate);
    }
    if (l->required_count > 0)
        myl_missing_report(segment, "");
    if (!l->failure.latched)
        memset(&l->failure, 0, sizeof l->failure);
    l->blocked = 0;
}
