/* SPDX-License-Identifier: MIT
 * Simulated processes: started, killed, stopped, and what is left of the dead. */
#define _GNU_SOURCE
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RESTART_WITHIN_NS ((int64_t)200000)

static unsigned char *stacks;

/* Each stack ends in a page that cannot be touched. */
static void *stack_of(unsigned party)
{
    if (stacks == NULL) {
        void *memory = mmap(NULL, (SIM_STACK + SIM_PAGE) * SIM_PARTIES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            perror("sim: no memory for stacks");
            exit(2);
        }
        stacks = memory;
        for (unsigned i = 0; i < SIM_PARTIES; i++)
            (void)mprotect(stacks + i * (SIM_STACK + SIM_PAGE), SIM_PAGE, PROT_NONE);
    }
    return stacks + party * (SIM_STACK + SIM_PAGE) + SIM_PAGE;
}

static uint32_t bit(const struct sim_party *party)
{
    return (uint32_t)1 << party->index;
}

static void for_parties(struct sim_process *process, void (*what)(struct sim_party *))
{
    for (unsigned i = 0; i < sim.parties; i++) {
        if (sim.party[i].process == process)
            what(&sim.party[i]);
    }
}

static void end_party(struct sim_party *party)
{
    if (party->state == SIM_READY || party->state == SIM_ASLEEP)
        party->state = SIM_KILLED;
    sim.ready &= ~bit(party);
    sim.asleep &= ~bit(party);
}

/* The process is gone but for its descriptors and what is in its store buffers. */
static void end_process(struct sim_process *process)
{
    process->alive = process->stopped = 0;
    process->dying = 1;
    for_parties(process, end_party);
    sim.writes++;
}

static void party_main(void *argument)
{
    struct sim_party *party = argument;
    party->program(party->argument);
    party->state = SIM_DONE;
    SIM_TRACE("returns");
    sim_hash(SIM_OP_EVENT, 100, party->index);
    if (party == &sim.party[party->process->first_party])
        end_process(party->process); /* the main thread's return ends the others, too */
    else
        end_party(party);
    sim_point();
    abort(); /* nobody switches to one who is done */
}

struct sim_party *sim_add_party(struct sim_process *process, sim_program *program, void *argument)
{
    if (sim.parties == SIM_PARTIES)
        sim_violation("engine", "more than %d parties", SIM_PARTIES);
    struct sim_party *party = &sim.party[sim.parties];
    party->process = process;
    party->index = sim.parties++;
    party->state = SIM_READY;
    party->program = program;
    party->argument = argument;
    party->step = "";
    party->priority = (sim_random() >> 1) | ((uint64_t)1 << 62);
    party->idle = 0;
    sim_memory_party(party);
    sim_coro_prepare(&party->coro, stack_of(party->index), SIM_STACK, party_main, party);
    sim.ready |= bit(party);
    return party;
}

void sim_start(const struct sim_process_spec *spec)
{
    if (sim.starts == SIM_STARTS)
        sim_violation("engine", "more than %d processes are to start", SIM_STARTS);
    sim.start[sim.starts++] =
        (struct sim_start){.spec = *spec, .restarts_left = spec->restarts, .due = sim.now + spec->delay_ns};
}

void sim_launch(unsigned index)
{
    struct sim_start start = sim.start[index];
    sim.start[index] = sim.start[--sim.starts];
    if (sim.processes == SIM_PROCESSES)
        sim_violation("engine", "more than %d processes", SIM_PROCESSES);
    struct sim_process *process = &sim.process[sim.processes];
    memset(process, 0, sizeof *process);
    process->index = sim.processes++;
    process->spec = start.spec;
    process->restarts_left = start.restarts_left;
    process->incarnation = start.incarnation;
    process->alive = 1;
    process->first_party = sim.parties;
    if (start.incarnation == 0)
        (void)snprintf(process->name, sizeof process->name, "%s", start.spec.name);
    else
        (void)snprintf(process->name, sizeof process->name, "%s'%u", start.spec.name, start.incarnation);
    (void)sim_add_party(process, start.spec.program, start.spec.argument);
    sim_hash(SIM_OP_EVENT, 101, process->index);
    SIM_TRACE("*** %s starts", process->name);
}

int sim_can_restart(void)
{
    return sim.processes + sim.starts < SIM_PROCESSES && sim.parties + sim.starts < SIM_PARTIES &&
           sim.starts < SIM_STARTS;
}

void sim_kill(struct sim_process *process)
{
    SIM_TRACE("*** SIGKILL for %s", process->name);
    sim_hash(SIM_OP_EVENT, 102, process->index);
    end_process(process);
    if (process->spec.on_kill != NULL)
        process->spec.on_kill(process->spec.argument);
    if (process->restarts_left > 0) {
        int at_once = sim.conditions.strategy == SIM_ENUMERATE || sim_choose(2) == 0;
        int64_t later = at_once ? 0 : (int64_t)sim_draw((unsigned)RESTART_WITHIN_NS);
        sim.start[sim.starts++] = (struct sim_start){.spec = process->spec,
                                                     .restarts_left = process->restarts_left - 1,
                                                     .incarnation = process->incarnation + 1,
                                                     .due = sim.now + later};
    }
}

void sim_reap(struct sim_process *process)
{
    for (unsigned i = 0; i < sim.parties; i++) {
        if (sim.party[i].process == process && sim.party[i].buffered > 0) {
            sim_memory_drain(&sim.party[i]);
            return;
        }
    }
    unsigned open = 0, at = 0;
    for (unsigned i = 0; i < SIM_DESCRIPTORS; i++)
        open += process->descriptor[i] != NULL;
    if (open > 0) {
        unsigned skip = sim_choose(open);
        while (process->descriptor[at] == NULL || skip-- > 0)
            at++;
        SIM_TRACE("*** descriptor %u of the dead %s is closed", at + 3, process->name);
        sim_descriptor_close(process, at);
    }
    if (open <= 1)
        process->dying = 0;
    sim_hash(SIM_OP_EVENT, 103, process->index);
}

void sim_stop(struct sim_process *process, int stop)
{
    SIM_TRACE("*** %s for %s", stop ? "SIGSTOP" : "SIGCONT", process->name);
    sim_hash(SIM_OP_EVENT, stop ? 104 : 105, process->index);
    process->stopped = stop;
    for (unsigned i = 0; i < sim.parties; i++) {
        struct sim_party *party = &sim.party[i];
        if (party->process != process || party->state != SIM_READY)
            continue;
        if (stop)
            sim.ready &= ~bit(party);
        else
            sim.ready |= bit(party);
    }
}

void sim_begin_processes(void)
{
    sim.parties = sim.processes = sim.starts = 0;
    sim.ready = sim.asleep = 0;
}

/* --- what programs may ask -----------------------------------------------------------------------------------------
 * */

unsigned sim_self(void)
{
    return sim.current->process->index;
}

const char *sim_self_name(void)
{
    return sim.current == NULL ? "nobody" : sim.current->process->name;
}

unsigned sim_others_alive(void)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < sim.processes; i++)
        alive += sim.process[i].alive && &sim.process[i] != sim.current->process;
    return alive;
}

unsigned sim_own_descriptors(void)
{
    unsigned open = 0;
    for (unsigned i = 0; i < SIM_DESCRIPTORS; i++)
        open += sim.current->process->descriptor[i] != NULL;
    return open;
}

unsigned sim_own_allocations(void)
{
    return sim.current->process->allocations;
}
