/* SPDX-License-Identifier: MIT
 * The bytes of events. Programs write and read them by plain accesses, so the memory models apply to each word. In
 * addition the weak model checks what C11 demands of plain accesses: of two accesses to one word, one of them a write,
 * one must happen before the other. Every participant has a clock in its view, which ticks whenever it publishes its
 * view. An access is ordered before a later one of another participant if that participant's view has the access's
 * clock. So an ordering that is too weak is found at once, even where no machine and no schedule would show another
 * value. */
#include "engine.h"

#include <string.h>

struct trail {
    uint64_t run;
    unsigned writer;
    uint32_t written;
    uint32_t read[SIM_PARTICIPANTS];
};

/* Number of words of a copied range that are simulated as accesses: the first, the last, and some in between. */
#define PICKS 3U

static struct trail trails[SIM_LOCATIONS];

static void check(unsigned other, uint32_t clock, const char *what, uint64_t offset)
{
    const struct sim_participant *self = sim.current;
    if (clock == 0 || other == self->index || clock <= self->now.at[other])
        return;
    if (sim.tracing)
        sim_trace_word("data race", offset, clock, sim.participant[other].process->name);
    sim_violation("data race", "%s %s an event's word that %s has %s, without an order between them", sim_self_name(),
                  what[0] == 'r' ? "reads" : "writes", sim.participant[other].process->name,
                  what[1] == 'r' ? "read" : "written");
}

static void leave_trail(uint64_t offset, int writing)
{
    struct sim_participant *self = sim.current;
    struct trail *trail = &trails[sim_memory_locate(offset, sizeof(uint64_t))];
    if (trail->run != sim.run) {
        memset(trail, 0, sizeof *trail);
        trail->run = sim.run;
    }
    check(trail->writer, trail->written, writing ? "ww" : "rw", offset);
    if (!writing) {
        trail->read[self->index] = self->now.at[self->index];
        return;
    }
    for (unsigned i = 0; i < sim.participants; i++)
        check(i, trail->read[i], "wr", offset);
    memset(trail->read, 0, sizeof trail->read);
    trail->writer = self->index;
    trail->written = self->now.at[self->index];
}

uint64_t sim_data_load(const void *word)
{
    uint64_t offset;
    uint64_t value = myl_sim_load(word, sizeof value, MYL_SIM_RLX);
    if (sim.conditions.memory == SIM_MEMORY_WEAK && sim_offset_of(word, 0, &offset))
        leave_trail(offset, 0);
    return value;
}

void sim_data_store(void *word, uint64_t value)
{
    uint64_t offset;
    myl_sim_store(word, sizeof value, value, MYL_SIM_RLX);
    if (sim.conditions.memory == SIM_MEMORY_WEAK && sim_offset_of(word, 1, &offset))
        leave_trail(offset, 1);
}

/* --- the memcpy of src/frame ------------------------------------------------------------------------------------- */

static uint64_t shared_word(const unsigned char *address, int close, int writing, uint64_t offset, uint64_t value)
{
    if (!close && !sim_memory_is_picked(offset)) {
        unsigned char *raw = sim_arena() + offset;
        if (writing)
            memcpy(raw, &value, sizeof value);
        else
            memcpy(&value, raw, sizeof value);
        return value;
    }
    if (close && writing)
        sim_data_store((void *)(uintptr_t)address, value);
    else if (close)
        value = sim_data_load(address);
    else if (writing)
        sim_memory_store(offset, sizeof value, value, MYL_SIM_RLX);
    else
        value = sim_memory_load(offset, sizeof value, MYL_SIM_RLX);
    return value;
}

/* One of the two is shared, at a multiple of 8. The last bytes are a word of their own. */
static void copy_shared(unsigned char *shared, unsigned char *own, size_t bytes, int writing)
{
    size_t words = (bytes + 7) / 8, apart = words > PICKS ? (words - 1) / (PICKS - 1) : 1;
    uint64_t offset = 0;
    for (size_t i = 0; i < words; i++, offset += 8) {
        unsigned char *at = shared + i * 8;
        size_t part = bytes - i * 8 < 8 ? bytes - i * 8 : 8;
        int close = i % apart == 0 || i + 1 == words;
        uint64_t value = 0;
        if (i == 0 || (uintptr_t)at % SIM_PAGE == 0)
            /* translated again for each page: the double mapping may wrap here */
            (void)sim_offset_of(at, writing, &offset);
        if (writing)
            memcpy(&value, own + i * 8, part);
        if (close)
            sim_memory_pick(offset);
        value = shared_word(at, close, writing, offset, value);
        if (!writing)
            memcpy(own + i * 8, &value, part);
    }
}

void *sim_copy(void *to, const void *from, size_t bytes)
{
    uint64_t offset;
    if (sim.current == NULL || bytes == 0)
        return memmove(to, from, bytes);
    int reads = sim_offset_of(from, 0, &offset), writes = sim_offset_of(to, 1, &offset);
    if (reads && writes) { /* within a claim: bytes written just before */
        unsigned char own[64];
        SIM_CHECK(bytes <= sizeof own, "engine", "a copy of %zu bytes within shared memory", bytes);
        copy_shared((unsigned char *)(uintptr_t)from, own, bytes, 0);
        copy_shared(to, own, bytes, 1);
    } else if (writes) {
        sim_memory_others_store(sim.current);
        copy_shared(to, (unsigned char *)(uintptr_t)from, bytes, 1);
    } else if (reads) {
        copy_shared((unsigned char *)(uintptr_t)from, to, bytes, 0);
    } else {
        memmove(to, from, bytes);
    }
    return to;
}

unsigned char sim_load_byte(const unsigned char *at)
{
    uint64_t offset, value;
    if (sim.current == NULL || !sim_offset_of(at, 0, &offset))
        return *at;
    uint64_t word = offset & ~(uint64_t)7;
    if (!sim_memory_is_picked(word)) {
        sim_memory_others_load(sim.current);
        return sim_arena()[offset];
    }
    unsigned char bytes[sizeof value];
    value = sim_memory_load(word, sizeof value, MYL_SIM_RLX);
    memcpy(bytes, &value, sizeof value);
    return bytes[offset - word];
}
