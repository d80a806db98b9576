/* SPDX-License-Identifier: MIT
 * How shared words behave: the accessors of include/myelon/atomic.h under MYL_SIM, in three models.
 *
 * Weak is C11 as views: every word has a history of values, numbered in the order they were stored; every party has for
 * each word the oldest number that it may still be given. A load takes any number from there on, and moves the party
 * up to it. A release store takes the storer's view along, an acquire load joins it; a relaxed store carries the view
 * of the storer's last fence, and what relaxed loads found is joined by the next fence; sequentially consistent
 * fences join one common view, both ways. Not covered: a store that takes effect before an earlier load of the same
 * party (load buffering), and a store that slips behind one that is already there.
 *
 * In every model the arena holds the newest value of a word that has left all buffers, so that plain accesses (the
 * header, fresh memory) and checkers can just read it. */
#include "engine.h"

#include <stdio.h>
#include <string.h>

#define CHUNK_BITS 16 /* objects begin at multiples of that */
#define SNAPSHOT_BYTES ((size_t)64 << 20)

static struct sim_location location[SIM_LOCATIONS];
static unsigned locations;
static struct {
    uint32_t run, location;
} location_of[SIM_ARENA / 4]; /* by the word's place; valid if `run` is this one */
static uint32_t this_run;
static uint32_t untracked_from[SIM_ARENA >> CHUNK_BITS];
/* Of payload, only the words that atomic accesses or data.c have picked have histories and buffers: by the word's
 * place, valid if it is this run. The others take effect at once. */
static unsigned char sparse[SIM_ARENA >> CHUNK_BITS];
static uint32_t picked[SIM_ARENA / 8];
static struct sim_view others_carry; /* what the stores to words that were not picked carry along, all together */
static uint32_t others_stored, others_seen[SIM_PARTIES];
static struct sim_view sequential; /* what sequentially consistent fences agree on */
static unsigned char snapshot_memory[SNAPSHOT_BYTES];
static size_t snapshot_used;

/* Words without histories and buffers: they take effect at once, everywhere, and are no scheduling points. */
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
    locations = SIM_PARTIES; /* the first ones are the parties' clocks, see data.c */
    snapshot_used = 0;
    memset(&sequential, 0, sizeof sequential);
}

void sim_memory_party(struct sim_party *party)
{
    memset(&party->now, 0, sizeof party->now);
    memset(&party->acquired, 0, sizeof party->acquired);
    party->now.at[party->index] = 1;
    party->released = NULL;
    party->buffered = 0;
    others_seen[party->index] = 0;
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

/* The words that are not picked have no views of their own: who reads one of them has read all that were stored. */
void sim_memory_others_store(struct sim_party *party)
{
    if (sim.conditions.memory != SIM_MEMORY_WEAK || party->released == NULL)
        return;
    join(&others_carry, party->released->at, party->released->count);
    others_stored++;
}

void sim_memory_others_load(struct sim_party *party)
{
    if (sim.conditions.memory != SIM_MEMORY_WEAK || others_seen[party->index] == others_stored)
        return;
    others_seen[party->index] = others_stored;
    sim_view_join(&party->acquired, &others_carry);
}

/* What `party` has seen so far, for others to join. What it does from here on is later than that. */
static const struct sim_snapshot *snapshot(struct sim_party *party)
{
    const struct sim_view *view = &party->now;
    size_t bytes = sizeof(struct sim_snapshot) + locations * sizeof view->at[0];
    bytes = (bytes + 7) & ~(size_t)7;
    if (snapshot_used + bytes > SNAPSHOT_BYTES)
        sim_violation("engine", "the run stored more than the simulator keeps");
    struct sim_snapshot *made = (struct sim_snapshot *)(void *)(snapshot_memory + snapshot_used);
    snapshot_used += bytes;
    made->count = locations;
    memcpy(made->at, view->at, locations * sizeof view->at[0]);
    party->now.at[party->index]++;
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
        (void)append(index, value, NULL); /* a plain write went by */
    return index;
}

/* Which of the values that it may give a load gives. */
static uint32_t choose_value(struct sim_party *party, unsigned index)
{
    struct sim_location *l = &location[index];
    uint32_t newest = l->newest;
    uint32_t oldest = newest < SIM_HISTORY ? 1 : newest - (SIM_HISTORY - 1);
    if (oldest < party->now.at[index])
        oldest = party->now.at[index];
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

static void take(struct sim_party *party, unsigned index, uint32_t number, int acquire)
{
    const struct sim_snapshot *view = location[index].history[number % SIM_HISTORY].view;
    if (view != NULL)
        join(acquire ? &party->now : &party->acquired, view->at, view->count);
    if (party->now.at[index] < number)
        party->now.at[index] = number;
}

static void put(struct sim_party *party, unsigned index, uint64_t value, int release)
{
    party->now.at[index] = location[index].newest + 1;
    (void)append(index, value, release ? snapshot(party) : party->released);
    arena_store(location[index].offset, location[index].bytes, value);
}

static void weak_fence(struct sim_party *party)
{
    sim_view_join(&party->now, &party->acquired);
    sim_view_join(&party->now, &sequential);
    sequential = party->now;
    party->released = snapshot(party);
}

/* --- store buffers ----------------------------------------------------------------------------------------------- */

void sim_memory_drain(struct sim_party *party)
{
    uint64_t offset = party->buffer[0].offset;
    uint64_t value = party->buffer[0].value;
    arena_store(offset, party->buffer[0].bytes, value);
    party->buffered--;
    memmove(&party->buffer[0], &party->buffer[1], party->buffered * sizeof party->buffer[0]);
    sim_hash(SIM_OP_DRAINED, offset, value);
    if (sim.tracing) {
        char remark[64];
        (void)snprintf(remark, sizeof remark, "leaves the buffer of %s", party->process->name);
        sim_trace_word("drained", offset, value, remark);
    }
}

void sim_memory_drain_all(struct sim_party *party)
{
    while (party->buffered > 0)
        sim_memory_drain(party);
}

static void buffer_store(struct sim_party *party, uint64_t offset, unsigned bytes, uint64_t value)
{
    if (party->buffered == SIM_BUFFER)
        sim_memory_drain(party);
    party->buffer[party->buffered].offset = offset;
    party->buffer[party->buffered].bytes = bytes;
    party->buffer[party->buffered].value = value;
    party->buffer[party->buffered].since = sim.now;
    party->buffered++;
    if (sim.calm_since != 0 || sim.alone)
        sim_memory_drain_all(party);
}

static uint64_t buffered_load(const struct sim_party *party, uint64_t offset, unsigned bytes)
{
    for (unsigned i = party->buffered; i-- > 0;) {
        if (party->buffer[i].offset == offset)
            return party->buffer[i].value;
    }
    return arena_load(offset, bytes);
}

/* What is older than the settling time has left. */
static void drain_old(void)
{
    for (unsigned i = 0; i < sim.parties; i++) {
        struct sim_party *party = &sim.party[i];
        while (party->buffered > 0 && party->buffer[0].since + sim.conditions.settle_ns <= sim.now)
            sim_memory_drain(party);
    }
}

/* --- in all models ----------------------------------------------------------------------------------------------- */

void sim_memory_fence(struct sim_party *party)
{
    sim_memory_drain_all(party);
    if (sim.conditions.memory == SIM_MEMORY_WEAK)
        weak_fence(party);
}

void sim_memory_sync(struct sim_party *party, struct sim_view *shared)
{
    sim_memory_drain_all(party);
    if (sim.conditions.memory != SIM_MEMORY_WEAK)
        return;
    sim_view_join(&party->now, shared);
    sim_view_join(shared, &party->now);
    party->now.at[party->index]++;
}

uint64_t sim_memory_peek(struct sim_party *party, uint64_t offset, unsigned bytes)
{
    if (sim.conditions.memory != SIM_MEMORY_WEAK)
        return arena_load(offset, bytes);
    unsigned index = sim_memory_locate(offset, bytes);
    uint32_t number = choose_value(party, index);
    take(party, index, number, 0);
    return location[index].history[number % SIM_HISTORY].value;
}

/* Memory of one process only, like the flag of an interruption. */
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
    struct sim_party *party = sim.current;
    uint64_t value;
    if (sim.conditions.memory == SIM_MEMORY_WEAK) {
        unsigned index = sim_memory_locate(offset, bytes);
        uint32_t number = choose_value(party, index);
        value = location[index].history[number % SIM_HISTORY].value;
        take(party, index, number, order != MYL_SIM_RLX);
        if (sim.tracing)
            trace_access("load", order, offset, value, number == location[index].newest ? "" : "(old)");
    } else {
        if (sim.conditions.memory == SIM_MEMORY_TSO && sim.conditions.settle_ns != SIM_NEVER_SETTLES)
            drain_old();
        value = buffered_load(party, offset, bytes);
        if (sim.tracing)
            trace_access("load", order, offset, value, "");
    }
    sim_hash(SIM_OP_LOAD, offset, value);
    return value;
}

uint64_t myl_sim_load(const void *word, unsigned bytes, enum myl_sim_order order)
{
    struct sim_party *party = sim.current;
    uint64_t offset;
    if (party == NULL)
        return private_load(word, bytes);
    int shared = sim_offset_of(word, 0, &offset);
    if (shared && is_untracked(offset))
        return arena_load(offset, bytes);
    if (shared && order == MYL_SIM_RLX && !sim_memory_is_picked(offset)) {
        sim_memory_others_load(party);
        return arena_load(offset, bytes);
    }
    /* Since its last pause nobody has written anything: it would find the same again, whoever runs in between. */
    if (!party->idle || party->seen_writes != sim.writes) {
        party->idle = 0;
        sim_point();
    }
    if (!shared)
        return private_load(word, bytes);
    sim_memory_pick(offset);
    return sim_memory_load(offset, bytes, order);
}

void sim_memory_store(uint64_t offset, unsigned bytes, uint64_t value, enum myl_sim_order order)
{
    struct sim_party *party = sim.current;
    value = truncated(value, bytes);
    sim_hash(SIM_OP_STORE, offset, value);
    if (sim.tracing)
        trace_access("store", order, offset, value, "");
    if (sim.conditions.memory == SIM_MEMORY_WEAK)
        put(party, sim_memory_locate(offset, bytes), value, order != MYL_SIM_RLX);
    else if (sim.conditions.memory == SIM_MEMORY_TSO)
        buffer_store(party, offset, bytes, value);
    else
        arena_store(offset, bytes, value);
}

void myl_sim_store(void *word, unsigned bytes, uint64_t value, enum myl_sim_order order)
{
    struct sim_party *party = sim.current;
    uint64_t offset;
    if (party == NULL) {
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

/* Where a read-modify-write acts: on the newest value, behind all buffered stores. The word's index in the weak
 * model. */
static unsigned rmw_begin(struct sim_party *party, uint64_t offset, unsigned bytes)
{
    sim_memory_drain_all(party);
    if (sim.conditions.memory != SIM_MEMORY_WEAK || is_untracked(offset))
        return 0;
    unsigned index = sim_memory_locate(offset, bytes);
    take(party, index, location[index].newest, 1);
    return index;
}

static void rmw_end(struct sim_party *party, unsigned index, uint64_t offset, unsigned bytes, uint64_t value)
{
    if (sim.conditions.memory == SIM_MEMORY_WEAK && !is_untracked(offset))
        put(party, index, value, 1);
    else
        arena_store(offset, bytes, value);
}

uint64_t sim_memory_add(struct sim_party *party, uint64_t offset, unsigned bytes, uint64_t value)
{
    unsigned index = rmw_begin(party, offset, bytes);
    uint64_t before = arena_load(offset, bytes);
    rmw_end(party, index, offset, bytes, truncated(before + value, bytes));
    return before;
}

uint64_t myl_sim_add(void *word, unsigned bytes, uint64_t value, enum myl_sim_order order)
{
    struct sim_party *party = sim.current;
    uint64_t offset;
    if (party != NULL)
        sim_point();
    if (party == NULL || !sim_offset_of(word, 1, &offset)) {
        uint64_t before = private_load(word, bytes);
        private_store(word, bytes, before + value);
        return before;
    }
    uint64_t before = sim_memory_add(party, offset, bytes, value);
    sim_hash(SIM_OP_ADD, offset, before);
    if (sim.tracing)
        trace_access("add", order, offset, truncated(before + value, bytes), "");
    return before;
}

/* A compare-and-swap that fails is a load, and may have seen an old value. */
static int fails_on_old(struct sim_party *party, uint64_t offset, unsigned bytes, uint64_t *expected)
{
    if (sim.conditions.memory != SIM_MEMORY_WEAK || is_untracked(offset))
        return 0;
    unsigned index = sim_memory_locate(offset, bytes);
    uint32_t number = choose_value(party, index);
    uint64_t value = location[index].history[number % SIM_HISTORY].value;
    if (number == location[index].newest || value == *expected)
        return 0;
    take(party, index, number, 1);
    *expected = value;
    return 1;
}

int myl_sim_cas(void *word, unsigned bytes, uint64_t *expected, uint64_t desired, enum myl_sim_order order)
{
    struct sim_party *party = sim.current;
    uint64_t offset;
    if (party != NULL)
        sim_point();
    if (party == NULL || !sim_offset_of(word, 1, &offset)) {
        uint64_t before = private_load(word, bytes);
        int same = before == *expected;
        if (same)
            private_store(word, bytes, desired);
        *expected = before;
        return same;
    }
    desired = truncated(desired, bytes);
    int done = 0;
    if (!fails_on_old(party, offset, bytes, expected)) {
        unsigned index = rmw_begin(party, offset, bytes);
        uint64_t before = arena_load(offset, bytes);
        done = before == *expected;
        if (done)
            rmw_end(party, index, offset, bytes, desired);
        *expected = before;
    }
    sim_hash(SIM_OP_CAS, offset, done ? desired : *expected);
    if (sim.tracing)
        trace_access("cas", order, offset, done ? desired : *expected, done ? "(swapped)" : "(another value)");
    return done;
}

void myl_sim_fence(enum myl_sim_order order)
{
    struct sim_party *party = sim.current;
    if (party == NULL)
        return;
    sim_point();
    sim_hash(SIM_OP_FENCE, (uint64_t)order, 0);
    SIM_TRACE("fence.%s", order_names[order]);
    if (order == MYL_SIM_SC)
        sim_memory_fence(party);
    else if (sim.conditions.memory == SIM_MEMORY_WEAK)
        sim_view_join(&party->now, &party->acquired);
}
