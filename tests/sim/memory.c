/* SPDX-License-Identifier: MIT
 * The shared words: the accessors of include/myelon/atomic.h under MYL_SIM, in three models.
 *
 * The weak model is C11 as views. Every word has a history of values, numbered in modification order. Every participant
 * has, for each word, the oldest number that it may still read. A load returns any value from there on, and moves the
 * participant's number up to it. A release store carries the view of its thread, and an acquire load joins it. A
 * relaxed store carries the view of the thread's last release fence. Views that relaxed loads find are joined by the
 * next acquire fence. Sequentially consistent fences join one common view, both ways. Not covered: a store that takes
 * effect before an earlier load of the same thread (load buffering), and a store placed before an existing one in
 * modification order.
 *
 * In every model the arena holds the newest value of a word that has left all buffers. So plain accesses (the header,
 * fresh memory) and checkers can read it directly. */
#include "engine.h"

#include <stdio.h>
#include <string.h>

#define CHUNK_BITS 16 /* objects begin at multiples of this */
#define SNAPSHOT_BYTES ((size_t)64 << 20)

static struct sim_location location[SIM_LOCATIONS];
static unsigned locations;
static struct {
    uint32_t run, location;
} location_of[SIM_ARENA / 4]; /* indexed by the word's offset; valid if `run` is the current run */
static uint32_t this_run;
static uint32_t untracked_from[SIM_ARENA >> CHUNK_BITS];
/* In payload, only words that atomic accesses or data.c have picked have histories and buffers. Indexed by the word's
 * offset, valid in this run only. The other words take effect at once. */
static unsigned char sparse[SIM_ARENA >> CHUNK_BITS];
static uint32_t picked[SIM_ARENA / 8];
static struct sim_view others_carry; /* the view that stores to words that are not picked carry */
static uint32_t others_stored, others_seen[SIM_PARTICIPANTS];
static struct sim_view sequential; /* the common view of sequentially consistent fences */
static unsigned char snapshot_memory[SNAPSHOT_BYTES];
static size_t snapshot_used;

/* Words without histories and buffers take effect at once for all, and their accesses are no scheduling points. */
static int is_untracked(uint64_t offset)
{
    return (offset & ((1U << CHUNK_BITS) - 1)) >= untracked_from[offset >> CHUNK_BITS];
}

void sim_memory_untrack(uint64_t from)
{
    untracked_from[from >> CHUNK_BITS] = (uint32_t)(from & ((1U << CHUNK_BITS) - 1));
}

void sim_memory_sparse(uint64_t from, uint64_t bytes)
{
    memset(sparse + (from >> CHUNK_BITS), 1, (size_t)(bytes >> CHUNK_BITS));
}

void sim_memory_pick(uint64_t offset)
{
    picked[offset / 8] = this_run;
}

int sim_memory_is_picked(uint64_t offset)
{
    return !sparse[offset >> CHUNK_BITS] || picked[offset / 8] == this_run;
}

void sim_memory_begin(void)
{
    memset(&others_carry, 0, sizeof others_carry);
    others_stored = 0;
    memset(untracked_from, 0xff, sizeof untracked_from);
    memset(sparse, 0, sizeof sparse);
    this_run++;
    locations = SIM_PARTICIPANTS; /* the first ones are the participants' clocks, see data.c */
    snapshot_used = 0;
    memset(&sequential, 0, sizeof sequential);
}

void sim_memory_participant(struct sim_participant *participant)
{
    memset(&participant->now, 0, sizeof participant->now);
    memset(&participant->acquired, 0, sizeof participant->acquired);
    participant->now.at[participant->index] = 1;
    participant->released = NULL;
    participant->buffered = 0;
    others_seen[participant->index] = 0;
}

enum sim_memory sim_memory_model(void)
{
    return sim.conditions.memory;
}

/* --- the arena ------------------------------------------------------------------------------------------------- */

static uint64_t arena_load(uint64_t offset, unsigned bytes)
{
    const unsigned char *at = sim_arena() + offset;
    if (bytes == 8) {
        uint64_t value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void arena_store(uint64_t offset, unsigned bytes, uint64_t value)
{
    unsigned char *at = sim_arena() + offset;
    uint32_t half = (uint32_t)value;
    if (bytes == 8)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &half, sizeof half);
    sim.writes++;
}

static uint64_t truncated(uint64_t value, unsigned bytes)
{
    return bytes == 8 ? value : (uint32_t)value;
}

/* --- views ----------------------------------------------------------------------------------------------------- */

static void join(struct sim_view *to, const uint32_t *from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        to->at[i] = to->at[i] < from[i] ? from[i] : to->at[i];
}

void sim_view_join(struct sim_view *to, const struct sim_view *from)
{
    join(to, from->at, locations);
}

/* Words that are not picked share one view: a read of one of them joins the views of all stores to them. */
void sim_memory_others_store(struct sim_participant *participant)
{
    if (sim.conditions.memory != SIM_MEMORY_WEAK || participant->released == NULL)
        return;
    join(&others_carry, participant->released->at, participant->released->count);
    others_stored++;
}

void sim_memory_others_load(struct sim_participant *participant)
{
    if (sim.conditions.memory != SIM_MEMORY_WEAK || others_seen[participant->index] == others_stored)
        return;
    others_seen[participant->index] = others_stored;
    sim_view_join(&participant->acquired, &others_carry);
}

/* Returns what the participant has read so far, for others to join. Its later accesses are after that. */
static const struct sim_snapshot *snapshot(struct sim_participant *participant)
{
    const struct sim_view *view = &participant->now;
    size_t bytes = sizeof(struct sim_snapshot) + locations * sizeof view->at[0];
    bytes = (bytes + 7) & ~(size_t)7;
    if (snapshot_used + bytes > SNAPSHOT_BYTES)
        sim_violation("engine", "the run stored more values than the simulator keeps");
    struct sim_snapshot *made = (struct sim_snapshot *)(void *)(snapshot_memory + snapshot_used);
    snapshot_used += bytes;
    made->count = locations;
    memcpy(made->at, view->at, locations * sizeof view->at[0]);
    participant->now.at[participant->index]++;
    return made;
}

static struct sim_location *append(unsigned index, uint64_t value, const struct sim_snapshot *view)
{
    struct sim_location *l = &location[index];
    l->newest++;
    l->history[l->newest % SIM_HISTORY].value = value;
    l->history[l->newest % SIM_HISTORY].time = sim.now;
    l->history[l->newest % SIM_HISTORY].view = view;
    return l;
}

unsigned sim_memory_locate(uint64_t offset, unsigned bytes)
{
    unsigned index = location_of[offset / 4].location;
    uint64_t value = arena_load(offset, bytes);
    if (location_of[offset / 4].run != this_run) {
        if (locations == SIM_LOCATIONS)
            sim_violation("engine", "more than %d shared words", SIM_LOCATIONS);
        index = locations++;
        location_of[offset / 4].run = this_run;
        location_of[offset / 4].location = index;
        location[index].offset = offset;
        location[index].bytes = bytes;
        location[index].newest = 0;
        (void)append(index, value, NULL);
    }
    struct sim_location *l = &location[index];
    if (l->bytes != bytes)
        sim_violation("mixed sizes", "a word of %u bytes is accessed as one of %u", l->bytes, bytes);
    if (l->history[l->newest % SIM_HISTORY].value != value)
        (void)append(index, value, NULL); /* a plain write changed the word */
    return index;
}

/* Chooses the value that a load returns, among those that it may return. */
static uint32_t choose_value(struct sim_participant *participant, unsigned index)
{
    struct sim_location *l = &location[index];
    uint32_t newest = l->newest;
    uint32_t oldest = newest < SIM_HISTORY ? 1 : newest - (SIM_HISTORY - 1);
    if (oldest < participant->now.at[index])
        oldest = participant->now.at[index];
    if (oldest == newest || sim.calm_since != 0 || sim.alone)
        return newest;
    if (sim.conditions.settle_ns != SIM_NEVER_SETTLES) {
        while (oldest < newest && l->history[(oldest + 1) % SIM_HISTORY].time + sim.conditions.settle_ns <= sim.now)
            oldest++;
        if (oldest == newest)
            return newest;
    }
    if (sim.conditions.strategy == SIM_ENUMERATE) {
        unsigned back = sim.old_loads < sim.conditions.old_loads ? sim_choose(newest - oldest + 1) : 0;
        sim.old_loads += back != 0;
        return newest - back;
    }
    return sim_luck(sim.conditions.stale) ? newest - 1 - sim_choose(newest - oldest) : newest;
}

static void take(struct sim_participant *participant, unsigned index, uint32_t number, int acquire)
{
    const struct sim_snapshot *view = location[index].history[number % SIM_HISTORY].view;
    if (view != NULL)
        join(acquire ? &participant->now : &participant->acquired, view->at, view->count);
    if (participant->now.at[index] < number)
        participant->now.at[index] = number;
}

static void put(struct sim_participant *participant, unsigned index, uint64_t value, int release)
{
    participant->now.at[index] = location[index].newest + 1;
    (void)append(index, value, release ? snapshot(participant) : participant->released);
    arena_store(location[index].offset, location[index].bytes, value);
}

static void weak_fence(struct sim_participant *participant)
{
    sim_view_join(&participant->now, &participant->acquired);
    sim_view_join(&participant->now, &sequential);
    sequential = participant->now;
    participant->released = snapshot(participant);
}

/* --- store buffers ----------------------------------------------------------------------------------------------- */

void sim_memory_drain(struct sim_participant *participant)
{
    uint64_t offset = participant->buffer[0].offset;
    uint64_t value = participant->buffer[0].value;
    arena_store(offset, participant->buffer[0].bytes, value);
    participant->buffered--;
    memmove(&participant->buffer[0], &participant->buffer[1], participant->buffered * sizeof participant->buffer[0]);
    sim_hash(SIM_OP_DRAINED, offset, value);
    if (sim.tracing) {
        char remark[64];
        (void)snprintf(remark, sizeof remark, "leaves the buffer of %s", participant->process->name);
        sim_trace_word("drained", offset, value, remark);
    }
}

void sim_memory_drain_all(struct sim_participant *participant)
{
    while (participant->buffered > 0)
        sim_memory_drain(participant);
}

static void buffer_store(struct sim_participant *participant, uint64_t offset, unsigned bytes, uint64_t value)
{
    if (participant->buffered == SIM_BUFFER)
        sim_memory_drain(participant);
    participant->buffer[participant->buffered].offset = offset;
    participant->buffer[participant->buffered].bytes = bytes;
    participant->buffer[participant->buffered].value = value;
    participant->buffer[participant->buffered].since = sim.now;
    participant->buffered++;
    if (sim.calm_since != 0 || sim.alone)
        sim_memory_drain_all(participant);
}

static uint64_t buffered_load(const struct sim_participant *participant, uint64_t offset, unsigned bytes)
{
    for (unsigned i = participant->buffered; i-- > 0;) {
        if (participant->buffer[i].offset == offset)
            return participant->buffer[i].value;
    }
    return arena_load(offset, bytes);
}

/* Stores older than the settling time leave the buffers. */
static void drain_old(void)
{
    for (unsigned i = 0; i < sim.participants; i++) {
        struct sim_participant *participant = &sim.participant[i];
        while (participant->buffered > 0 && participant->buffer[0].since + sim.conditions.settle_ns <= sim.now)
            sim_memory_drain(participant);
    }
}

/* --- in all models ----------------------------------------------------------------------------------------------- */

void sim_memory_fence(struct sim_participant *participant)
{
    sim_memory_drain_all(participant);
    if (sim.conditions.memory == SIM_MEMORY_WEAK)
        weak_fence(participant);
}

void sim_memory_sync(struct sim_participant *participant, struct sim_view *shared)
{
    sim_memory_drain_all(participant);
    if (sim.conditions.memory != SIM_MEMORY_WEAK)
        return;
    sim_view_join(&participant->now, shared);
    sim_view_join(shared, &participant->now);
    participant->now.at[participant->index]++;
}

uint64_t sim_memory_peek(struct sim_participant *participant, uint64_t offset, unsigned bytes)
{
    if (sim.conditions.memory != SIM_MEMORY_WEAK)
        return arena_load(offset, bytes);
    unsigned index = sim_memory_locate(offset, bytes);
    uint32_t number = choose_value(participant, index);
    take(participant, index, number, 0);
    return location[index].history[number % SIM_HISTORY].value;
}

/* Memory of one process, like the flag of an interruption. */
static uint64_t private_load(const void *word, unsigned bytes)
{
    uint64_t wide = 0;
    uint32_t half = 0;
    memcpy(bytes == 8 ? (void *)&wide : (void *)&half, word, bytes);
    return bytes == 8 ? wide : half;
}

static void private_store(void *word, unsigned bytes, uint64_t value)
{
    uint32_t half = (uint32_t)value;
    memcpy(word, bytes == 8 ? (void *)&value : (void *)&half, bytes);
    sim.writes++;
}

static const char *const order_names[] = {"rlx", "acq", "rel", "acq_rel", "sc"};

static void trace_access(const char *what, enum myl_sim_order order, uint64_t offset, uint64_t value,
                         const char *remark)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%s.%s", what, order_names[order]);
    sim_trace_word(text, offset, value, remark);
}

uint64_t sim_memory_load(uint64_t offset, unsigned bytes, enum myl_sim_order order)
{
    struct sim_participant *participant = sim.current;
    uint64_t value;
    if (sim.conditions.memory == SIM_MEMORY_WEAK) {
        unsigned index = sim_memory_locate(offset, bytes);
        uint32_t number = choose_value(participant, index);
        value = location[index].history[number % SIM_HISTORY].value;
        take(participant, index, number, order != MYL_SIM_RLX);
        if (sim.tracing)
            trace_access("load", order, offset, value, number == location[index].newest ? "" : "(old)");
    } else {
        if (sim.conditions.memory == SIM_MEMORY_TSO && sim.conditions.settle_ns != SIM_NEVER_SETTLES)
            drain_old();
        value = buffered_load(participant, offset, bytes);
        if (sim.tracing)
            trace_access("load", order, offset, value, "");
    }
    sim_hash(SIM_OP_LOAD, offset, value);
    return value;
}

uint64_t myl_sim_load(const void *word, unsigned bytes, enum myl_sim_order order)
{
    struct sim_participant *participant = sim.current;
    uint64_t offset;
    if (participant == NULL)
        return private_load(word, bytes);
    int shared = sim_offset_of(word, 0, &offset);
    if (shared && is_untracked(offset))
        return arena_load(offset, bytes);
    if (shared && order == MYL_SIM_RLX && !sim_memory_is_picked(offset)) {
        sim_memory_others_load(participant);
        return arena_load(offset, bytes);
    }
    /* No store has happened since its last pause: it would find the same values again. */
    if (!participant->idle || participant->seen_writes != sim.writes) {
        participant->idle = 0;
        sim_point();
    }
    if (!shared)
        return private_load(word, bytes);
    sim_memory_pick(offset);
    return sim_memory_load(offset, bytes, order);
}

void sim_memory_store(uint64_t offset, unsigned bytes, uint64_t value, enum myl_sim_order order)
{
    struct sim_participant *participant = sim.current;
    value = truncated(value, bytes);
    sim_hash(SIM_OP_STORE, offset, value);
    if (sim.tracing)
        trace_access("store", order, offset, value, "");
    if (sim.conditions.memory == SIM_MEMORY_WEAK)
        put(participant, sim_memory_locate(offset, bytes), value, order != MYL_SIM_RLX);
    else if (sim.conditions.memory == SIM_MEMORY_TSO)
        buffer_store(participant, offset, bytes, value);
    else
        arena_store(offset, bytes, value);
}

void myl_sim_store(void *word, unsigned bytes, uint64_t value, enum myl_sim_order order)
{
    struct sim_participant *participant = sim.current;
    uint64_t offset;
    if (participant == NULL) {
        private_store(word, bytes, value);
        return;
    }
    int shared = sim_offset_of(word, 1, &offset);
    if (shared && is_untracked(offset)) {
        arena_store(offset, bytes, value);
        return;
    }
    sim_point();
    if (!shared) {
        private_store(word, bytes, value);
        return;
    }
    sim_memory_pick(offset);
    sim_memory_store(offset, bytes, value, order);
}

/* A read-modify-write acts on the newest value, after all buffered stores. Returns the word's index in the weak
 * model. */
static unsigned rmw_begin(struct sim_participant *participant, uint64_t offset, unsigned bytes)
{
    sim_memory_drain_all(participant);
    if (sim.conditions.memory != SIM_MEMORY_WEAK || is_untracked(offset))
        return 0;
    unsigned index = sim_memory_locate(offset, bytes);
    take(participant, index, location[index].newest, 1);
    return index;
}

static void rmw_end(struct sim_participant *participant, unsigned index, uint64_t offset, unsigned bytes,
                    uint64_t value)
{
    if (sim.conditions.memory == SIM_MEMORY_WEAK && !is_untracked(offset))
        put(participant, index, value, 1);
    else
        arena_store(offset, bytes, value);
}

uint64_t sim_memory_add(struct sim_participant *participant, uint64_t offset, unsigned bytes, uint64_t value)
{
    unsigned index = rmw_begin(participant, offset, bytes);
    uint64_t before = arena_load(offset, bytes);
    rmw_end(participant, index, offset, bytes, truncated(before + value, bytes));
    return before;
}

uint64_t myl_sim_add(void *word, unsigned bytes, uint64_t value, enum myl_sim_order order)
{
    struct sim_participant *participant = sim.current;
    uint64_t offset;
    if (participant != NULL)
        sim_point();
    if (participant == NULL || !sim_offset_of(word, 1, &offset)) {
        uint64_t before = private_load(word, bytes);
        private_store(word, bytes, before + value);
        return before;
    }
    uint64_t before = sim_memory_add(participant, offset, bytes, value);
    sim_hash(SIM_OP_ADD, offset, before);
    if (sim.tracing)
        trace_access("add", order, offset, truncated(before + value, bytes), "");
    return before;
}

/* A compare-and-swap that fails is a load and may return an old value. */
static int fails_on_old(struct sim_participant *participant, uint64_t offset, unsigned bytes, uint64_t *expected)
{
    if (sim.conditions.memory != SIM_MEMORY_WEAK || is_untracked(offset))
        return 0;
    unsigned index = sim_memory_locate(offset, bytes);
    uint32_t number = choose_value(participant, index);
    uint64_t value = location[index].history[number % SIM_HISTORY].value;
    if (number == location[index].newest || value == *expected)
        return 0;
    take(participant, index, number, 1);
    *expected = value;
    return 1;
}

int myl_sim_cas(void *word, unsigned bytes, uint64_t *expected, uint64_t desired, enum myl_sim_order order)
{
    struct sim_participant *participant = sim.current;
    uint64_t offset;
    if (participant != NULL)
        sim_point();
    if (participant == NULL || !sim_offset_of(word, 1, &offset)) {
        uint64_t before = private_load(word, bytes);
        int same = before == *expected;
        if (same)
            private_store(word, bytes, desired);
        *expected = before;
        return same;
    }
    desired = truncated(desired, bytes);
    int done = 0;
    if (!fails_on_old(participant, offset, bytes, expected)) {
        unsigned index = rmw_begin(participant, offset, bytes);
        uint64_t before = arena_load(offset, bytes);
        done = before == *expected;
        if (done)
            rmw_end(participant, index, offset, bytes, desired);
        *expected = before;
    }
    sim_hash(SIM_OP_CAS, offset, done ? desired : *expected);
    if (sim.tracing)
        trace_access("cas", order, offset, done ? desired : *expected, done ? "(swapped)" : "(another value)");
    return done;
}

void myl_sim_fence(enum myl_sim_order order)
{
    struct sim_participant *participant = sim.current;
    if (participant == NULL)
        return;
    sim_point();
    sim_hash(SIM_OP_FENCE, (uint64_t)order, 0);
    SIM_TRACE("fence.%s", order_names[order]);
    if (order == MYL_SIM_SC)
        sim_memory_fence(participant);
    else if (sim.conditions.memory == SIM_MEMORY_WEAK)
        sim_view_join(&participant->now, &participant->acquired);
}
