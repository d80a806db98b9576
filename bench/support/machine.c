/* SPDX-License-Identifier: MIT
 * Describes the machine that a figure was measured on, and how much other load disturbed it. */
#define _GNU_SOURCE
#include "machine.h"

#include "clock.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum { PROBE_NS = 50000000, GAP_NS = 1000, LINE_PROBES = 40, LINE_REST_NS = 10000000 };

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

int bench_pin(int cpu)
{
    if (cpu < 0)
        return 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : errno;
}

static void cpu_model(char *text, size_t bytes)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];
    snprintf(text, bytes, "unknown CPU");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || value == NULL)
            continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(text, bytes, "%s", value + 2);
        break;
    }
    if (file != NULL)
        fclose(file);
}

/* Measures how long the thread does not run: a thread that only reads the clock sees these times as gaps. */
static void measure_gaps(int cpu, uint64_t *lost_ns, uint64_t *longest_ns)
{
    if (bench_pin(cpu) != 0)
        return;
    uint64_t begin = bench_now_ns(), last = begin;
    while (last - begin < PROBE_NS) {
        uint64_t now = bench_now_ns();
        if (now - last > GAP_NS) {
            *lost_ns += now - last;
            if (now - last > *longest_ns)
                *longest_ns = now - last;
        }
        last = now;
    }
}

static void probe_line(struct bench_machine *machine)
{
    for (int i = 0; i < LINE_PROBES && machine->cpus >= 2; i++) {
        double line = bench_machine_line(machine);
        if (i == 0 || line < machine->line_least)
            machine->line_least = line;
        if (line > machine->line_most)
            machine->line_most = line;
        bench_sleep_ns(LINE_REST_NS);
    }
}

void bench_machine_read(struct bench_machine *machine)
{
    memset(machine, 0, sizeof *machine);
    machine->cpu[0] = machine->cpu[1] = -1;
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    (void)sched_getaffinity(0, sizeof allowed, &allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET((size_t)cpu, &allowed))
            continue;
        if (machine->cpus < 2)
            machine->cpu[machine->cpus] = cpu;
        machine->cpus++;
    }

    uint64_t lost = 0, longest = 0;
    int probed = machine->cpus < 2 ? machine->cpus : 2;
    for (int i = 0; i < probed; i++)
        measure_gaps(machine->cpu[i], &lost, &longest);
    (void)sched_setaffinity(0, sizeof allowed, &allowed);
    machine->stolen = probed == 0 ? 0 : 100.0 * (double)lost / ((double)PROBE_NS * probed);
    machine->longest_us = (double)longest / 1000.0;

    probe_line(machine);

    char model[96];
    cpu_model(model, sizeof model);
    double load = 0;
    if (getloadavg(&load, 1) != 1)
        load = 0;
    struct utsname kernel;
    memset(&kernel, 0, sizeof kernel);
    (void)uname(&kernel);
    snprintf(machine->text, sizeof machine->text,
             "%s, %d CPUs, %s %.40s, %.40s, load %.2f, "
             "stolen %.2f %% (longest %.0f us), line %.0f - %.0f ns",
             model, machine->cpus, kernel.sysname, kernel.release, COMPILER, load, machine->stolen, machine->longest_us,
             machine->line_least, machine->line_most);
}
