/* SPDX-License-Identifier: MIT
 * Joining, resuming, leaving, evicting. Protocol 3; models/join.pml. The registrar's seat is held throughout, so one
 * party at a time changes the table; an entry's owner holds its seat for as long as it lives. */
#include "ring/consumer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AUTOMATIC_PREFIX "c"
/* "_" and the digits of an entry's number. */
#define SUFFIX_BYTES 5

/* What was chosen in J1 and locked in J2. */
struct place {
    uint32_t index;
    int known;       /* the entry carries this id already */
    int gating;      /* ... and has never stopped gating: its owner died */
    char id[MYL_ID_MAX + 1];
};

static uint32_t state_of(const struct myl_segment *segment, uint32_t index)
{
    return myl_load32_acq(&myl_segment_entry(segment, index)->state); /* A13 */
}

static void id_of(const struct myl_segment *segment, uint32_t index, char id[MYL_ID_MAX + 1])
{
    myl_entry_id(myl_segment_entry(segment, index), id);
}

/* Of those two states, or -1. */
static int find_in(const struct myl_segment *segment, const char *id, uint32_t one, uint32_t other_one)
{
    uint32_t entries = myl_segment_entries(segment);
    for (uint32_t i = 0; i < entries; i++) {
        char other[MYL_ID_MAX + 1];
        uint32_t state = state_of(segment, i);
        id_of(segment, i, other);
        if ((state == one || state == other_one) && strcmp(other, id) == 0)
            return (int)i;
    }
    return -1;
}

static int find_id(const struct myl_segment *segment, const char *id)
{
    return find_in(segment, id, MYL_PARTY_ACTIVE, MYL_PARTY_LEFT);
}

/* MYL_EAGAIN: somebody alive has it. */
static int lock_entry(const struct myl_segment *segment, uint32_t index)
{
    int err = myl_seat_take(segment, myl_entry_seat(index));
    if (err == 0 || err == EAGAIN)
        return err == 0 ? MYL_OK : MYL_EAGAIN;
    return myl_fail_errno(err, "ring \"%s\": the seat of consumer entry %" PRIu32 " cannot be taken", segment->name,
                          index);
}

/* An entry that nobody needs: never used, freed, of a joiner that died half way, or the one that left longest ago. */
static int take_spare(struct myl_segment *segment, uint32_t *index)
{
    uint32_t entries = myl_segment_entries(segment);
    uint32_t oldest = entries;
    uint64_t left = UINT64_MAX;
    int rc = MYL_EAGAIN;
    for (uint32_t i = 0; i < entries && rc == MYL_EAGAIN; i++) {
        uint32_t state = state_of(segment, i);
        uint64_t order = myl_load_rlx(&myl_segment_entry(segment, i)->left_order); /* A46, under the registrar's seat */
        *index = i;
        if (state == MYL_PARTY_FREE || state == MYL_PARTY_JOINING) {
            rc = lock_entry(segment, i);
        } else if (state == MYL_PARTY_LEFT && order < left) {
            left = order;
            oldest = i;
        }
    }
    if (rc == MYL_EAGAIN && entries < segment->head.max_consumers) {
        *index = entries;
        rc = lock_entry(segment, entries);
        if (rc == MYL_OK)
            myl_store32_rel(&segment->control->entries_used, entries + 1); /* A31. Pairs: A30 */
    }
    if (rc == MYL_EAGAIN && oldest < entries) {
        *index = oldest;
        rc = lock_entry(segment, oldest);
    }
    if (rc == MYL_EAGAIN)
        rc = myl_fail(MYL_ETABLEFULL,
                      "all %" PRIu32 " consumer entries of ring \"%s\" are taken; evict dead ones (`myelon evict`), or "
                      "make the ring with a larger max_consumers",
                      segment->head.max_consumers, segment->name);
    return rc;
}

static int take_known(struct myl_segment *segment, uint32_t index, struct place *place)
{
    int rc = lock_entry(segment, index);
    if (rc == MYL_EAGAIN)
        return myl_fail(MYL_EDUPLICATE,
                        "ring \"%s\" has a living consumer \"%s\" (process %" PRIu32 "); stop it, or take another id",
                        segment->name, place->id, myl_load32_rlx(&myl_segment_entry(segment, index)->pid)); /* A48 */
    if (rc != MYL_OK)
        return rc;
    place->index = index;
    place->known = 1;
    place->gating = state_of(segment, index) == MYL_PARTY_ACTIVE;
    return MYL_OK;
}

/* J1, J2 for one id. */
static int choose_id(struct myl_segment *segment, struct place *place)
{
    int index = find_id(segment, place->id);
    return index >= 0 ? take_known(segment, (uint32_t)index, place) : take_spare(segment, &place->index);
}

/* J1, J2 for a prefix: a dead one's place first, then the lowest number that nobody alive holds. */
static int choose_prefix(struct myl_segment *segment, const char *prefix, struct place *place)
{
    size_t length = strlen(prefix);
    uint32_t entries = myl_segment_entries(segment);
    for (uint32_t i = 0; i < entries; i++) {
        id_of(segment, i, place->id);
        if (state_of(segment, i) != MYL_PARTY_ACTIVE || strncmp(place->id, prefix, length) != 0 ||
            place->id[length] != '_' || myl_check_id(place->id, MYL_ID_MAX) != MYL_OK)
            continue; /* an id that nobody can have is damage: it is not taken over */
        int rc = take_known(segment, i, place);
        if (rc != MYL_EDUPLICATE)
            return rc;
    }
    for (uint32_t number = 0; number < segment->head.max_consumers; number++) {
        (void)snprintf(place->id, sizeof place->id, "%.26s_%u", prefix, number % 10000U);
        int index = find_id(segment, place->id);
        if (index < 0)
            return take_spare(segment, &place->index);
        int rc = take_known(segment, (uint32_t)index, place);
        if (rc != MYL_EDUPLICATE)
            return rc;
    }
    return take_spare(segment, &place->index);
}

/* J3: where to start, before anybody knows of us. */
static uint64_t first_position(const struct myl_control *control, const struct myl_entry *entry,
                               const struct place *place, enum myl_start start)
{
    if (start == MYL_START_NOW)
        return myl_load_acq(&control->next); /* A4. Pairs: A3 */
    if (start == MYL_START_RESUME && place->known)
        return myl_load_acq(&entry->cursor); /* A8, our predecessor's */
    return myl_load_acq(&control->gate);     /* A29. Pairs: A24 */
}

/* Does a dead one's cursor lie beyond what was published? `next` alone does not tell: its producer may have died
 * between the stamp, which the consumer read, and `next`. It is read again last, since a new producer may have moved
 * it meanwhile. */
static int lies_ahead(const struct myl_segment *segment, uint64_t position)
{
    const struct myl_control *control = segment->control;
    uint64_t end = myl_load_acq(&control->next); /* A4. Pairs: A3 */
    uint64_t from;
    do {
        from = end;
    } while (from < position && myl_published_end(segment, from, &end) == MYL_OK && end != from);
    return position > end && position > myl_load_acq(&control->next); /* A4 */
}

/* J3 to J8. */
static int enter(const struct myl_segment *segment, struct myl_entry *entry, const struct place *place,
                 enum myl_start start, uint64_t *start_at)
{
    struct myl_control *control = segment->control;
    uint64_t position = first_position(control, entry, place, start);
    if (lies_ahead(segment, position))
        position = myl_load_acq(&control->next); /* A4; an impossible cursor of a predecessor */
    /* A23. A spare entry is nobody's before it gets its new id: who dies between here and J4 must not leave that id
     * with the position of the one who left. */
    if (!place->known)
        myl_store32_rel(&entry->state, MYL_PARTY_FREE);
    MYL_STEP("J3");
    myl_entry_set_id(entry, place->id);
    /* A47 cursor [rel]: a dead one's entry gates all the while, and its reads are before, by its seat. Pairs: A8. */
    myl_store_rel(&entry->cursor, position);
    MYL_STEP("J4");
    myl_store32_rel(&entry->state, MYL_PARTY_JOINING); /* A23. Pairs: A13 */
    MYL_STEP("J5");
    (void)myl_add_acq_rel(&control->version, 1); /* A28. Pairs: A27: the producer scans again, or scans us */
    myl_fence_sc(); /* J6; pairs with step 5: either the producer sees the version, or we see its gate */
    MYL_STEP("J7");
    uint64_t gate = myl_load_acq(&control->gate); /* A29. Pairs: A24 */
    if (start == MYL_START_NOW)
        position = myl_load_acq(&control->next); /* A4 */
    /* The gate may be seen a little before the `next` that it followed, never by more than the ring holds: behind each
     * fence of step 5 no more than that is published. Nobody is to gate there; the entry stays JOINING, is freed. */
    uint64_t next = myl_load_acq(&control->next); /* A4 */
    if (gate > next && gate - next > segment->head.capacity)
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\" says that events below %" PRIu64 " may be overwritten, of %" PRIu64
                        " published; remove the ring",
                        segment->name, gate, next);
    if (position < gate)
        position = gate;
    myl_store_rel(&entry->cursor, position); /* A7 */
    MYL_STEP("J8");
    myl_store32_rel(&entry->state, MYL_PARTY_ACTIVE); /* A23 */
    *start_at = position;
    return MYL_OK;
}

static int resume(const struct myl_consumer *consumer, const struct myl_entry *entry, uint64_t *position)
{
    const struct myl_segment *segment = &consumer->handle.segment;
    uint64_t next = myl_load_acq(&segment->control->next); /* A4 */
    *position = myl_load_acq(&entry->cursor);              /* A8 */
    if (lies_ahead(segment, *position) || (next > *position && next - *position > segment->head.capacity))
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": consumer \"%s\" stopped at event %" PRIu64 " of %" PRIu64
                        ", which cannot be; evict it",
                        segment->name, consumer->joined.id, *position, next);
    return MYL_OK;
}

static void log_entry(const struct myl_segment *segment, enum myl_log_kind kind, const char *id, uint64_t sequence,
                      uint64_t value, uint32_t pid)
{
    myl_log_write(segment, &(struct myl_log_note){kind, id, sequence, value, pid});
}

/* Words for people and for the policy; nothing of it is needed for gating. */
static void fill_words(struct myl_entry *entry, const struct place *place, const myl_role_options *role)
{
    struct myl_os_identity self;
    myl_os_identify(&self);
    myl_store32_rlx(&entry->pid, self.pid); /* A48 */
    myl_store_rlx(&entry->space, self.space); /* A48 */
    myl_store_rlx(&entry->born, self.born); /* A48 */
    myl_store_rlx(&entry->joined_ns, myl_os_realtime());   /* A48 */
    myl_store_rlx(&entry->waiting, 0); /* A66 */
    myl_store_rlx(&entry->still, 0); /* A67 */
    myl_store_rlx(&entry->died_ns, 0); /* A61 */
    myl_doing_clear(&entry->doing);
    if (role != NULL)
        myl_role_store(entry, role);
    else if (!place->known)
        myl_role_store(entry, &(myl_role_options){.role = MYL_ROLE_PLAIN});
}

/* With the registrar's seat and the entry's. */
static int take_place(struct myl_consumer *consumer, const struct place *place, const myl_consumer_options *o)
{
    struct myl_segment *segment = &consumer->handle.segment;
    struct myl_entry *entry = myl_segment_entry(segment, place->index);
    enum myl_start start = o->start;
    int rc;
    if (place->gating) /* its owner died, and nobody was held up by that yet */
        myl_note_consumer_death(segment, place->index);
    /* Whoever held this entry before, and may have lost its seat without noticing, is out from here on. */
    consumer->hot.own_generation = myl_load32_acq(&entry->generation) + 1;      /* A9 */
    myl_store32_rel(&entry->generation, consumer->hot.own_generation);          /* A49. Pairs: A9 */
    uint64_t before = myl_load_acq(&entry->cursor); /* A8 */
    uint64_t position = 0;
    memcpy(consumer->joined.id, place->id, sizeof consumer->joined.id);
    consumer->joined.entry = place->index;
    consumer->inherited = place->gating && start == MYL_START_RESUME;
    consumer->joined.resumed = place->known && start == MYL_START_RESUME;
    fill_words(entry, place, o->role);
    if (place->gating && start == MYL_START_RESUME) {
        MYL_STEP("J2r"); /* it never stopped gating: nothing moved, nothing to announce */
        rc = resume(consumer, entry, &position);
    } else {
        rc = enter(segment, entry, place, start, &position);
    }
    if (rc != MYL_OK)
        return rc;
    consumer->joined.start = position;
    consumer->joined.lost = consumer->joined.resumed && position > before ? position - before : 0;
    consumer->entry = entry;
    myl_seat_keep(segment, myl_entry_seat(place->index));
    log_entry(segment, place->known ? MYL_LOG_RESUMED : MYL_LOG_JOINED, place->id, position, consumer->joined.lost,
              myl_os_pid());
    return MYL_OK;
}

static int join_as_registrar(struct myl_consumer *consumer, const myl_consumer_options *o)
{
    struct myl_segment *segment = &consumer->handle.segment;
    struct place place = {0};
    int same = 0;
    int rc = myl_segment_is_named(segment, &same);
    if (rc != MYL_OK)
        return rc;
    if (!same)
        return MYL_EAGAIN; /* replaced since it was opened */
    if (myl_load32_acq(&segment->control->superseded) != 0) /* A15 */
        return myl_fail(MYL_ESUPERSEDED, "this session of ring \"%s\" was ended by force; open it again",
                        segment->name);
    MYL_STEP("J1");
    if (o->id != NULL) {
        memcpy(place.id, o->id, strlen(o->id) + 1);
        rc = choose_id(segment, &place);
    } else {
        rc = choose_prefix(segment, o->prefix != NULL ? o->prefix : AUTOMATIC_PREFIX, &place);
    }
    if (rc != MYL_OK)
        return rc;
    MYL_STEP("J2");
    return take_place(consumer, &place, o);
}

int myl_join(struct myl_consumer *consumer, const myl_consumer_options *options)
{
    struct myl_segment *segment = &consumer->handle.segment;
    int rc = myl_registrar_take(segment);
    if (rc != MYL_OK)
        return rc;
    rc = join_as_registrar(consumer, options);
    myl_registrar_drop(segment);
    MYL_STEP("J9");
    if (rc == MYL_OK)
        myl_segment_wake_all(segment); /* the producer may wait for us */
    return rc;
}

/* `to`: LEFT, where this id is found again, or FREE. */
static void go(struct myl_consumer *consumer, uint32_t to)
{
    struct myl_segment *segment = &consumer->handle.segment;
    struct myl_entry *entry = consumer->entry;
    /* The state is ours to change while we hold the entry's seat. The registrar is needed for the last look around
     * only, so a registrar that was stopped does not keep us. */
    int registrar = myl_registrar_take(segment) == MYL_OK;
    if (myl_load32_acq(&entry->generation) == consumer->hot.own_generation) { /* A9 */
        myl_store_rlx(&entry->left_order, myl_load_acq(&segment->control->version)); /* A46, A27 */
        MYL_STEP("V1");
        myl_store32_rel(&entry->state, to); /* A23 */
        MYL_STEP("V2");
        myl_store32_rel(&entry->generation, consumer->hot.own_generation + 1); /* A49. Pairs: A9 */
        log_entry(segment, MYL_LOG_LEFT, consumer->joined.id, consumer->hot.acknowledged, 0, myl_os_pid());
    }
    MYL_STEP("V3");
    myl_segment_wake_all(segment);
    if (registrar && segment->lane == 0) { /* a consumer of several lanes leaves lane 0 last */
        MYL_STEP("V4");
        myl_segment_sweep(segment, consumer->joined.entry);
    }
}

void myl_leave(struct myl_consumer *consumer)
{
    go(consumer, MYL_PARTY_LEFT);
}

void myl_unjoin(struct myl_consumer *consumer)
{
    go(consumer, consumer->joined.resumed ? MYL_PARTY_LEFT : MYL_PARTY_FREE);
}

void myl_entry_give_up(const struct myl_segment *segment, uint32_t index, enum myl_log_kind why)
{
    struct myl_entry *entry = myl_segment_entry(segment, index);
    char id[MYL_ID_MAX + 1];
    myl_entry_id(entry, id);
    if (state_of(segment, index) == MYL_PARTY_ACTIVE)
        myl_note_consumer_death(segment, index);
    uint64_t cursor = myl_load_acq(&entry->cursor); /* A8 */
    uint64_t next = myl_load_acq(&segment->control->next); /* A4 */
    uint32_t pid = myl_load32_rlx(&entry->pid); /* A48 */
    MYL_STEP("X1");
    myl_store32_rel(&entry->generation, myl_load32_acq(&entry->generation) + 1); /* A49, A9 */
    MYL_STEP("X2");
    myl_store32_rel(&entry->state, MYL_PARTY_FREE); /* A23 */
    MYL_STEP("X3");
    log_entry(segment, why, id, cursor, next > cursor ? next - cursor : 0, pid);
}

/* With the registrar's seat: the entries of this id in all lanes, or none of them if its owner is alive. */
static int evict_everywhere(const struct myl_segment *segment, const char *id)
{
    int index[MYL_LANES_MAX], found = 0;
    for (uint32_t lane = 0; lane < segment->head.lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        index[lane] = find_id(&view, id);
        if (index[lane] < 0) /* who joins has the registrar's seat, so this one died half way; and it may gate */
            index[lane] = find_in(&view, id, MYL_PARTY_JOINING, MYL_PARTY_JOINING);
        if (index[lane] < 0)
            continue;
        found = 1;
        int rc = lock_entry(&view, (uint32_t)index[lane]);
        if (rc == MYL_EAGAIN)
            return myl_fail(MYL_EINUSE, "consumer \"%s\" of ring \"%s\" is alive; stop it first", id, segment->name);
        if (rc != MYL_OK)
            return rc;
    }
    if (!found)
        return myl_fail(MYL_ENOTFOUND, "ring \"%s\" has no consumer \"%s\"; `myelon inspect` lists them", segment->name,
                        id);
    for (uint32_t lane = 0; lane < segment->head.lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        if (index[lane] < 0)
            continue;
        myl_entry_give_up(&view, (uint32_t)index[lane], MYL_LOG_EVICTED);
        myl_segment_wake_all(&view);
    }
    return MYL_OK;
}

int myl_evict(const char *name, enum myl_backend backend, const char *id)
{
    struct myl_segment segment;
    struct myl_segment_open how = {.backend = backend, .name = name, .any_owner = 1};
    int rc = myl_check_id(id, MYL_ID_MAX);
    if (rc == MYL_OK)
        rc = myl_segment_find(&segment, &how);
    if (rc != MYL_OK)
        return rc;
    rc = myl_segment_map(&segment, 1, 0);
    if (rc == MYL_OK)
        rc = myl_registrar_take(&segment);
    if (rc == MYL_OK)
        rc = evict_everywhere(&segment, id);
    myl_segment_close(&segment);
    return rc;
}
