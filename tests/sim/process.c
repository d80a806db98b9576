/* SPDX-License-Identifier: MIT
 * Simulated processes: started, killed, stopped; and what a dead process leaves. */
#define _GNU_SOURCE
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RESTART_WITHIN_NS ((int64_t)200000)

static unsigned char *stacks;

/* Each stack ends in an inaccessible page. */
static void *stack_of(unsigned participant)
{
    if (stacks == NULL) {
        void *memory = mmap(NULL, (SIM_STACK + SIM_PAGE) * SIM_PARTICIPANTS, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            perror("sim: no memory for stacks");
            exit(2);
        }
        stacks = memory;
        for (unsigned i = 0; i < SIM_PARTICIPANTS; i++)
            (void)mprotect(stacks + i * (SIM_STACK + SIM_PAGE), SIM_PAGE, PROT_NONE);
    }
    return stacks + participant * (SIM_STACK + SIM_PAGE) + SIM_PAGE;
}

static uint32_t bit(const struct sim_participant *participant)
{
    return (uint32_t)1 << participant->index;
}

static void for_participants(struct sim_process *process, void (*what)(struct sim_participant *))
{
    for (unsigned i = 0; i < sim.participants; i++) {
        if (sim.participant[i].process == process)
            what(&sim.participant[i]);
    }
}

static void end_participant(struct sim_participant *participant)
{
    if (participant->state == SIM_READY || participant->state == SIM_ASLEEP)
        participant->state = SIM_KILLED;
    sim.ready &= ~bit(participant);
    sim.asleep &= ~bit(participant);
}

/* Ends the process. Its descriptors and buffered stores remain. */
static void end_process(struct sim_process *process)
{
    process->alive = process->stopped = 0;
    process->dying = 1;
    for_participants(process, end_participant);
    sim.writes++;
}

static void participant_main(void *argument)
{
    struct sim_participant *participant = argument;
    participant->program(participant->argument);
    participant->state = SIM_DONE;
    SIM_TRACE("returns");
    sim_hash(SIM_OP_EVENT, 100, participant->index);
    if (participant == &sim.participant[participant->process->first_participant])
        end_process(participant->process); /* when the main thread returns, the others end, too */
    else
        end_participant(participant);
    sim_point();
    abort(); /* a finished participant never runs again */
}

struct sim_participant *sim_add_participant(struct sim_process *process, sim_program *program, void *argument)
{
    if (sim.participants == SIM_PARTICIPANTS)
        sim_violation("engine", "more than %d participants", SIM_PARTICIPANTS);
    struct sim_participant *participant = &sim.participant[sim.participants];
    participant->process = process;
    participant->index = sim.participants++;
    participant->state = SIM_READY;
    participant->program = program;
    participant->argument = argument;
    participant->step = "";
    participant->priority = (sim_random() >> 1) | ((uint64_t)1 << 62);
    participant->idle = 0;
    sim_memory_participant(participant);
    sim_coro_prepare(&participant->coro, stack_of(participant->index), SIM_STACK, participant_main, participant);
    sim.ready |= bit(participant);
    return participant;
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
    process->first_participant = sim.participants;
    if (start.incarnation == 0)
        (void)snprintf(process->name, sizeof process->name, "%s", start.spec.name);
    else
        (void)snprintf(process->name, sizeof process->name, "%s'%u", start.spec.name, start.incarnation);
    (void)sim_add_participant(process, start.spec.program, start.spec.argument);
    if (start.spec.thread != NULL)
        (void)sim_add_participant(process, start.spec.thread, start.spec.argument);
    sim_hash(SIM_OP_EVENT, 101, process->index);
    SIM_TRACE("*** %s starts", process->name);
}

int sim_can_restart(void)
{
    unsigned threads = sim.starts, second = 0;
    for (unsigned i = 0; i < sim.starts; i++)
        threads += sim.start[i].spec.thread != NULL;
    for (unsigned i = 0; i < sim.processes; i++)
        second |= sim.process[i].spec.thread != NULL; /* a second thread may still start for a process that dies */
    return sim.processes + sim.starts < SIM_PROCESSES && sim.participants + threads + second < SIM_PARTICIPANTS &&
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
    for (unsigned i = 0; i < sim.participants; i++) {
        if (sim.participant[i].process == process && sim.participant[i].buffered > 0) {
            sim_memory_drain(&sim.participant[i]);
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
    for (unsigned i = 0; i < sim.participants; i++) {
        struct sim_participant *participant = &sim.participant[i];
        if (participant->process != process || participant->state != SIM_READY)
            continue;
        if (stop)
            sim.ready &= ~bit(participant);
        else
            sim.ready |= bit(participant);
    }
}

void sim_begin_processes(void)
{
    sim.participants = sim.processes = sim.starts = 0;
    sim.ready = sim.asleep = 0;
}

/* --- queries for programs ---------------------------------------------------------------------------------------- */

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
