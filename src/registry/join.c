/* SPDX-License-Identifier: MIT
 * Joining and resuming. Protocol 3; models/join.pml. A joiner holds the registry lock throughout, so joins are
 * serialised. The owner of an entry holds the entry's lock for its lifetime. */
#include "registry/join.h"

#include "base/error.h"
#include "registry/entry.h"
#include "registry/find.h"
#include "registry/participant.h"
#include "registry/role.h"
#include "segment/create.h"
#include "segment/lock.h"
#include "segment/log.h"
#include "segment/name.h"
#include "segment/table.h"
#include "segment/wake.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The entry chosen in J1 and locked in J2. */
struct place {
    uint32_t index;
    bool known;      /* the entry already has this id */
    bool gating;     /* its owner died, or has not come yet (reserved): it gates */
    uint32_t unclaimed; /* it is reserved: MYL_UNCLAIMED_* */
    char id[MYL_ID_MAX + 1];
    int rc;          /* with MYL_ENTRY_FAILED: the error */
};

static void id_of(const struct myl_segment *segment, uint32_t index, char id[MYL_ID_MAX + 1])
{
    myl_entry_id(myl_segment_entry(segment, index), id);
}

static int table_is_full(const struct myl_segment *segment)
{
    return myl_fail(MYL_ETABLEFULL,
                    "all %" PRIu32 " consumer entries of ring \"%s\" are in use; evict dead consumers "
                    "(`myelon evict`), or make the ring with a larger max_consumers",
                    segment->head->max_consumers, segment->name);
}

/* May a joiner reuse this LEFT entry before the table grows? Yes for automatic ids: no consumer resumes them. Until
 * then the entry shows tools its final cursor. */
static bool is_forgettable(const struct myl_segment *segment, uint32_t index)
{
    char id[MYL_ID_MAX + 1] = "";
    if (index < myl_segment_entries(segment))
        id_of(segment, index, id);
    return myl_id_is_automatic(id);
}

/* Locks a spare entry: FREE, of a joiner that died half way, never used, or of the consumer that left first.
 * MYL_ENTRY_IN_USE: the table is full. */
static enum myl_entry_lock take_spare(struct myl_segment *segment, struct place *place)
{
    uint32_t entries = myl_segment_entries(segment);
    uint32_t oldest = entries;
    uint64_t left = UINT64_MAX;
    enum myl_entry_lock lock = MYL_ENTRY_IN_USE;
    for (uint32_t i = 0; i < entries && lock == MYL_ENTRY_IN_USE; i++) {
        uint32_t state = myl_entry_state(segment, i);
        uint64_t order = myl_load_rlx(&myl_segment_entry(segment, i)->left_order); /* A46, with the registry lock */
        place->index = i;
        if (state == MYL_PARTICIPANT_FREE || state == MYL_PARTICIPANT_JOINING) {
            lock = myl_entry_lock(segment, i, &place->rc);
        } else if (state == MYL_PARTICIPANT_LEFT && order < left) {
            left = order;
            oldest = i;
        }
    }
    if (lock == MYL_ENTRY_IN_USE && is_forgettable(segment, oldest)) {
        place->index = oldest;
        lock = myl_entry_lock(segment, oldest, &place->rc);
    }
    if (lock == MYL_ENTRY_IN_USE && entries < segment->head->max_consumers) {
        place->index = entries;
        lock = myl_entry_lock(segment, entries, &place->rc);
        if (lock == MYL_ENTRY_LOCKED)
            myl_store32_rel(&segment->control->entries_used, entries + 1); /* A31. Pairs: A30 */
    }
    if (lock == MYL_ENTRY_IN_USE && oldest < entries) {
        place->index = oldest;
        lock = myl_entry_lock(segment, oldest, &place->rc);
    }
    return lock;
}

/* Converts the outcome of a choice to a result code. */
static int chosen(const struct myl_segment *segment, enum myl_entry_lock lock, const struct place *place)
{
    if (lock == MYL_ENTRY_IN_USE)
        return table_is_full(segment);
    return lock == MYL_ENTRY_LOCKED ? MYL_OK : place->rc;
}

static enum myl_entry_lock take_known(struct myl_segment *segment, uint32_t index, struct place *place)
{
    enum myl_entry_lock lock = myl_entry_lock(segment, index, &place->rc);
    if (lock != MYL_ENTRY_LOCKED)
        return lock;
    place->index = index;
    place->known = true;
    place->gating = myl_entry_state(segment, index) == MYL_PARTICIPANT_ACTIVE;
    place->unclaimed = place->gating ? myl_participant_unclaimed(myl_segment_entry(segment, index)) : 0;
    return lock;
}

/* J1, J2 for one id. */
static int choose_id(struct myl_segment *segment, struct place *place)
{
    int index = myl_find_in(segment, place->id, MYL_PARTICIPANT_ACTIVE, MYL_PARTICIPANT_LEFT);
    if (index < 0)
        return chosen(segment, take_spare(segment, place), place);
    if (take_known(segment, (uint32_t)index, place) != MYL_ENTRY_IN_USE)
        return place->rc;
    uint32_t pid = myl_load32_rlx(&myl_segment_entry(segment, (uint32_t)index)->pid); /* A48 */
    int rc = myl_fail(MYL_EDUPLICATE,
                      "ring \"%s\" has a living consumer \"%s\" (process %" PRIu32 "); stop it, or take another id",
                      segment->name, place->id, pid);
    return myl_fail_participant(rc, place->id, pid, segment->lane);
}

/* Returns N if `id` is PREFIX_N with 0 <= N < max_consumers, in decimal digits without leading zeros; else -1. */
static int number_of(const struct myl_segment *segment, const char *prefix, const char *id)
{
    size_t length = strlen(prefix);
    if (strncmp(id, prefix, length) != 0 || id[length] != '_')
        return -1;
    const char *digit = id + length + 1;
    uint32_t number = 0;
    if (*digit == '\0' || (*digit == '0' && digit[1] != '\0'))
        return -1;
    for (; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9')
            return -1;
        number = number * 10 + (uint32_t)(*digit - '0');
        if (number >= segment->head->max_consumers)
            return -1;
    }
    return (int)number;
}

/* The entries of a prefix, by number. */
struct numbers {
    uint16_t left[MYL_CONSUMERS_MAX]; /* index + 1 of the LEFT entry with this number; 0: none */
    uint8_t alive[MYL_CONSUMERS_MAX]; /* 1: a living consumer has this number */
};

/* Visits each entry once and tries each lock at most once, so that a join costs time linear in the table. Locks the
 * first entry that is a dead consumer's or reserved. MYL_ENTRY_IN_USE: there is none; `numbers` is filled in. */
static enum myl_entry_lock take_dead(struct myl_segment *segment, const char *prefix, struct numbers *numbers,
                                     struct place *place)
{
    uint32_t entries = myl_segment_entries(segment);
    for (uint32_t i = 0; i < entries; i++) {
        uint32_t state = myl_entry_state(segment, i);
        if (state != MYL_PARTICIPANT_ACTIVE && state != MYL_PARTICIPANT_LEFT)
            continue;
        id_of(segment, i, place->id);
        int number = number_of(segment, prefix, place->id);
        if (number < 0)
            continue;
        if (state == MYL_PARTICIPANT_LEFT) {
            numbers->left[number] = (uint16_t)(i + 1);
            continue;
        }
        enum myl_entry_lock lock = take_known(segment, i, place);
        if (lock != MYL_ENTRY_IN_USE)
            return lock;
        numbers->alive[number] = 1;
    }
    return MYL_ENTRY_IN_USE;
}

/* J1, J2 for a prefix: a dead consumer's or a reserved entry first, then the lowest number that no living consumer
 * has. */
static int choose_prefix(struct myl_segment *segment, const char *prefix, struct place *place)
{
    struct numbers numbers = {0};
    enum myl_entry_lock lock = take_dead(segment, prefix, &numbers, place);
    for (uint32_t number = 0; lock == MYL_ENTRY_IN_USE && number < segment->head->max_consumers; number++) {
        if (numbers.alive[number])
            continue;
        (void)snprintf(place->id, sizeof place->id, "%.26s_%u", prefix, number % 10000U);
        /* A consumer that is leaving holds its lock a little longer than its entry: then the next number. */
        lock = numbers.left[number] != 0 ? take_known(segment, numbers.left[number] - 1U, place)
                                         : take_spare(segment, place);
    }
    return chosen(segment, lock, place);
}

/* J1, J2 without an id: makes a unique id that callers cannot request, so no consumer ever resumes it. It is unique
 * because it contains the version, which each such join increments (J5). */
static int choose_automatic(struct myl_segment *segment, struct place *place)
{
    uint64_t version = myl_load_acq(&segment->control->version); /* A27 */
    (void)snprintf(place->id, sizeof place->id, MYL_ID_AUTOMATIC "%" PRIu64, version);
    return chosen(segment, take_spare(segment, place), place);
}

/* J3: the provisional start, before the entry is JOINING. */
static uint64_t first_position(const struct myl_control *control, const struct myl_participant *entry,
                               const struct place *place, enum myl_start start)
{
    if (start == MYL_START_NOW)
        return myl_load_acq(&control->next); /* A4. Pairs: A3 */
    if (start == MYL_START_RESUME && place->known)
        return myl_load_acq(&entry->cursor); /* A8, the predecessor's */
    return myl_load_acq(&control->gate);     /* A29. Pairs: A24 */
}

/* Is a dead consumer's cursor beyond what was published? `next` alone is not enough: the producer may have died after
 * the stamp, which the consumer read, and before `next`. `next` is loaded again at the end, since a new producer may
 * have raised it since. */
static bool lies_ahead(const struct myl_segment *segment, uint64_t position)
{
    const struct myl_control *control = segment->control;
    uint64_t end = myl_load_acq(&control->next); /* A4. Pairs: A3 */
    uint64_t from;
    do {
        from = end;
    } while (from < position && segment->cells->published_end(segment, from, &end) == MYL_OK && end != from);
    return position > end && position > myl_load_acq(&control->next); /* A4 */
}

/* J3 to J8. */
static int enter(const struct myl_segment *segment, struct myl_participant *entry, const struct place *place,
                 enum myl_start start, uint64_t *start_at)
{
    struct myl_control *control = segment->control;
    uint64_t position = first_position(control, entry, place, start);
    if (lies_ahead(segment, position))
        position = myl_load_acq(&control->next); /* A4; the predecessor's cursor is impossible */
    /* A23. Free the entry before writing the new id. Otherwise a crash before J4 pairs the new id with the old
     * cursor. */
    if (!place->known)
        myl_store32_rel(&entry->state, MYL_PARTICIPANT_FREE);
    MYL_STEP("J3");
    myl_entry_set_id(entry, place->id);
    /* A47 cursor [rel]. A dead consumer's entry gates during all of this. Acquiring its lock orders its reads before
     * this store. Pairs: A8. */
    myl_store_rel(&entry->cursor, position);
    MYL_STEP("J4");
    myl_store32_rel(&entry->state, MYL_PARTICIPANT_JOINING); /* A23. Pairs: A13 */
    MYL_STEP("J5");
    (void)myl_add_acq_rel(&control->version, 1); /* A28. Pairs: A27: the producer scans again, or has seen JOINING */
    myl_fence_sc(); /* J6; pairs with step 5: the producer sees the new version, or this joiner sees its gate */
    MYL_STEP("J7");
    uint64_t gate = myl_load_acq(&control->gate); /* A29. Pairs: A24 */
    if (start == MYL_START_NOW)
        position = myl_load_acq(&control->next); /* A4 */
    /* This joiner may observe a gate above the `next` that it observes, but by at most the capacity: between two fences
     * of step 5 the producer publishes no more than that. A larger difference is damage. Then the entry stays JOINING
     * and is freed later. */
    uint64_t next = myl_load_acq(&control->next); /* A4 */
    if (gate > next && gate - next > segment->head->capacity)
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the gate is %" PRIu64 ", but only %" PRIu64
                        " events are published; remove the ring",
                        segment->name, gate, next);
    if (position < gate)
        position = gate;
    myl_store_rel(&entry->cursor, position); /* A7 */
    MYL_STEP("J8");
    myl_store32_rel(&entry->state, MYL_PARTICIPANT_ACTIVE); /* A23 */
    *start_at = position;
    return MYL_OK;
}

static int resume(const struct myl_segment *segment, const struct place *place, const struct myl_participant *entry,
                  uint64_t *position)
{
    uint64_t next = myl_load_acq(&segment->control->next); /* A4 */
    *position = myl_load_acq(&entry->cursor);              /* A8 */
    if (lies_ahead(segment, *position) || (next > *position && next - *position > segment->head->capacity))
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the cursor of consumer \"%s\" is %" PRIu64 ", which is impossible with %" PRIu64
                        " events published; evict it",
                        segment->name, place->id, *position, next);
    return MYL_OK;
}

/* Fills the words for tools and for the liveness policy. Gating does not use them. */
static void fill_words(struct myl_participant *entry, const struct place *place, const myl_role_options *role)
{
    myl_participant_open(entry);
    if (role != NULL)
        myl_role_store(entry, role);
    else if (!place->known)
        myl_role_store(entry, &(myl_role_options){.role = MYL_ROLE_PLAIN});
}

/* Takes the chosen entry. The caller holds the registry lock and the entry's lock. */
static int take_place(struct myl_segment *segment, const struct place *place, const struct myl_join_request *request,
                      struct myl_membership *member)
{
    struct myl_participant *entry = myl_segment_entry(segment, place->index);
    enum myl_start start = request->start;
    int rc;
    uint32_t generation = myl_load32_acq(&entry->generation); /* A9 */
    if (place->gating) /* its owner died; the death may not be logged yet */
        myl_log_consumer_death(segment, place->index, generation);
    /* Locks out an earlier owner that lost its lock without noticing: it finds another generation. */
    member->generation = generation + 1;
    myl_store32_rel(&entry->generation, member->generation);     /* A49. Pairs: A9 */
    uint64_t before = myl_load_acq(&entry->cursor);              /* A8 */
    uint64_t position = 0;
    memcpy(member->id, place->id, sizeof member->id);
    member->index = place->index;
    member->inherited = place->gating && start == MYL_START_RESUME;
    member->unclaimed = place->unclaimed;
    member->resumed = place->known && place->unclaimed != MYL_UNCLAIMED_NEW && start == MYL_START_RESUME;
    fill_words(entry, place, request->role);
    if (place->gating && start == MYL_START_RESUME) {
        MYL_STEP("J2r"); /* the entry still gates at this cursor: nothing changes for the producer */
        rc = resume(segment, place, entry, &position);
    } else {
        rc = enter(segment, entry, place, start, &position);
    }
    if (rc != MYL_OK)
        return rc;
    member->start = position;
    member->lost = member->resumed && position > before ? position - before : 0;
    member->entry = entry;
    if (!place->known)
        myl_participant_forget(entry, position);
    else if (position > before)
        myl_participant_count(entry, MYL_COUNTER_LOST, position - before);
    myl_lock_own(segment, myl_entry_lock_index(place->index));
    bool returns = place->known && place->unclaimed != MYL_UNCLAIMED_NEW;
    myl_log_write(segment, &(struct myl_log_note){returns ? MYL_LOG_RESUMED : MYL_LOG_JOINED, place->id, position,
                                                  member->lost, myl_os_pid()});
    return MYL_OK;
}

static int join_with_lock(struct myl_segment *segment, const struct myl_join_request *request,
                          struct myl_membership *member)
{
    struct place place = {0};
    int same = 0;
    int rc = myl_segment_is_named(segment, &same);
    if (rc != MYL_OK)
        return rc;
    if (!same)
        return MYL_OUTCOME_REPLACED; /* replaced since it was opened */
    if (myl_load32_acq(&segment->control->superseded) != 0) /* A15 */
        return myl_fail(MYL_ESUPERSEDED, "this session of ring \"%s\" was ended by force; open it again",
                        segment->name);
    MYL_STEP("J1");
    if (request->id != NULL) {
        memcpy(place.id, request->id, strlen(request->id) + 1);
        rc = choose_id(segment, &place);
    } else {
        rc = request->prefix != NULL ? choose_prefix(segment, request->prefix, &place)
                                     : choose_automatic(segment, &place);
    }
    if (rc != MYL_OK)
        return rc;
    MYL_STEP("J2");
    return take_place(segment, &place, request, member);
}

int myl_join(struct myl_segment *segment, const struct myl_join_request *request, struct myl_membership *member)
{
    int rc = myl_registry_lock(segment);
    if (rc != MYL_OK)
        return rc;
    rc = join_with_lock(segment, request, member);
    myl_registry_unlock(segment);
    MYL_STEP("J9");
    if (rc == MYL_OK)
        myl_segment_wake_all(segment); /* the producer may wait for this consumer */
    return rc;
}

/* --- reserving ---------------------------------------------------------------------------------------------------- */

/* Chooses and locks the entry of an id that does not gate. MYL_OUTCOME_NONE: it gates already. */
static int choose_reserved(struct myl_segment *segment, struct place *place)
{
    if (myl_find_in(segment, place->id, MYL_PARTICIPANT_ACTIVE, MYL_PARTICIPANT_ACTIVE) >= 0)
        return MYL_OUTCOME_NONE;
    int left = myl_find_in(segment, place->id, MYL_PARTICIPANT_LEFT, MYL_PARTICIPANT_LEFT);
    if (left < 0)
        return chosen(segment, take_spare(segment, place), place);
    if (take_known(segment, (uint32_t)left, place) == MYL_ENTRY_IN_USE)
        return myl_fail(MYL_EBUSY,
                        "ring \"%s\": consumer \"%s\" is just leaving, so its id cannot be reserved; try again",
                        segment->name, place->id);
    return place->rc;
}

/* As a join whose owner dies at once, but marked as reserved. The caller holds the registry lock. */
static int reserve_one(struct myl_segment *segment, const char *id, struct myl_reservation *reservation)
{
    struct place place = {0};
    uint64_t position;
    memcpy(place.id, id, strlen(id) + 1);
    int rc = choose_reserved(segment, &place);
    if (rc != MYL_OK)
        return rc == MYL_OUTCOME_NONE ? MYL_OK : rc;
    struct myl_participant *entry = myl_segment_entry(segment, place.index);
    uint32_t generation = myl_load32_acq(&entry->generation) + 1; /* A9 */
    myl_store32_rel(&entry->generation, generation);              /* A49. Pairs: A9 */
    myl_participant_reserve(entry, place.known ? MYL_UNCLAIMED_LEFT : MYL_UNCLAIMED_NEW);
    if (!place.known)
        myl_role_store(entry, &(myl_role_options){.role = MYL_ROLE_PLAIN});
    rc = enter(segment, entry, &place, MYL_START_RESUME, &position);
    myl_lock_release(segment, myl_entry_lock_index(place.index));
    if (rc != MYL_OK)
        return rc;
    reservation->made[reservation->count].index = place.index;
    reservation->made[reservation->count].known = place.known;
    reservation->made[reservation->count++].generation = generation;
    myl_log_write(segment, &(struct myl_log_note){.kind = MYL_LOG_RESERVED, .id = id, .sequence = position});
    return MYL_OK;
}

/* An owner holds the registry lock while it takes its entry, and changes the generation. */
static void unreserve_with_lock(const struct myl_segment *segment, const struct myl_reservation *reservation)
{
    for (uint32_t i = 0; i < reservation->count; i++) {
        struct myl_participant *entry = myl_segment_entry(segment, reservation->made[i].index);
        uint32_t to = reservation->made[i].known ? MYL_PARTICIPANT_LEFT : MYL_PARTICIPANT_FREE;
        if (myl_load32_acq(&entry->generation) == reservation->made[i].generation) /* A9 */
            myl_store32_rel(&entry->state, to); /* A23 */
    }
}

int myl_reserve(struct myl_segment *segment, const char *const *ids, uint32_t count,
                struct myl_reservation *reservation)
{
    reservation->count = 0;
    if (count == 0)
        return MYL_OK;
    int rc = myl_check_reserved(count, segment->head->max_consumers);
    if (rc == MYL_OK)
        rc = myl_registry_lock(segment);
    if (rc != MYL_OK)
        return rc;
    for (uint32_t i = 0; rc == MYL_OK && i < count; i++)
        rc = reserve_one(segment, ids[i], reservation);
    if (rc != MYL_OK)
        unreserve_with_lock(segment, reservation);
    myl_registry_unlock(segment);
    return rc;
}

void myl_unreserve(struct myl_segment *segment, const struct myl_reservation *reservation)
{
    if (reservation->count == 0 || myl_registry_lock(segment) != MYL_OK)
        return;
    unreserve_with_lock(segment, reservation);
    myl_registry_unlock(segment);
}
