/* SPDX-License-Identifier: MIT
 * The bytes of events. Programs write and read them plainly, so beside what the memory models do to every word, the
 * weak one demands here what C11 demands of plain accesses: of two to the same word, one of them a write, one happens
 * before the other. Every party has a clock in its view, which ticks whenever it gives its view away; an access is
 * ordered before somebody's next one if that one's view knows the clock of it. So an order that is too weak is found
 * on the spot, even where no machine and no schedule would ever show another value. */
#include "engine.h"

#include <string.h>

struct trail {
    uint64_t run;
    unsigned writer;
    uint32_t written;
    uint32_t read[SIM_PARTIES];
};

static struct trail trails[SIM_LOCATIONS];

static void check(unsigned other, uint32_t clock, const char *what, uint64_t offset)
{
    const struct sim_party *self = sim.current;
    if (clock == 0 || other == self->index || clock <= self->now.at[other])
        return;
    if (sim.tracing)
        sim_trace_word("data race", offset, clock, sim.party[other].process->name);
    sim_violation("data race", "%s %s an event's word that %s has %s, and nothing orders the two", sim_self_name(),
                  what[0] == 'r' ? "reads" : "writes", sim.party[other].process->name,
                  what[1] == 'r' ? "read" : "written");
}

static void leave_trail(uint64_t offset, int writing)
{
    struct sim_party *self = sim.current;
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
    for (unsigned i = 0; i < sim.parties; i++)
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
