/* SPDX-License-Identifier: MIT
 * The processes of one measurement. */
#define _GNU_SOURCE
#include "participant.h"

#include "clock.h"
#include "machine.h"

#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const uint64_t limit_ns = 30000000000u;

static char explanation[320];
static long preemptions;

void bench_explain(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(explanation, sizeof explanation, format, list);
    va_end(list);
}

long bench_preemptions(void)
{
    return preemptions;
}

const char *bench_explanation(void)
{
    return explanation;
}

void *bench_share(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        bench_explain("cannot map %zu bytes of shared memory", bytes);
        return NULL;
    }
    return memory;
}

void bench_unshare(void *memory, size_t bytes)
{
    if (memory != NULL)
        munmap(memory, bytes);
}

struct bench_stage *bench_stage_open(size_t samples)
{
    static unsigned number;
    struct bench_stage *stage = bench_share(sizeof *stage + samples * sizeof stage->samples[0]);
    if (stage == NULL)
        return NULL;
    stage->samples_max = samples;
    snprintf(stage->name, sizeof stage->name, "myelon-bench-%d-%u", (int)getpid(), ++number);
    return stage;
}

void bench_stage_close(struct bench_stage *stage)
{
    if (stage != NULL)
        munmap(stage, sizeof *stage + stage->samples_max * sizeof stage->samples[0]);
}

pid_t bench_spawn(struct bench_stage *stage, const struct bench_participant *participant, int self)
{
    pid_t parent = getpid();
    /* Block SIGCHLD: bench_join waits for it with sigtimedwait. Polling would disturb the measurement. */
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, NULL);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        bench_explain("cannot fork");
    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    if (bench_pin(participant->cpu) != 0)
        bench_die(stage, self, "cannot pin to CPU %d", participant->cpu);
    participant->run(stage, self, participant->arg);
    _exit(0);
}

void bench_kill(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

/* Returns 0 if `status` is exit status 0; otherwise explains it. */
static int check_status(const struct bench_stage *stage, int self, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        bench_explain("participant %d was killed by signal %d", self, WTERMSIG(status));
    else
        bench_explain("participant %d: %s", self, stage->result[self].error);
    return -1;
}

/* Waits for all participants; pid[i] is participant first + i. Kills the others after the first failure, or at the
 * deadline. */
static int join_all(struct bench_stage *stage, pid_t *pid, int count, int first)
{
    uint64_t deadline = bench_now_ns() + limit_ns;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    int left = count, bad = 0;
    while (left > 0) {
        for (int i = 0; i < count; i++) {
            int status = 0;
            struct rusage usage;
            if (pid[i] <= 0)
                continue;
            if (bad) {
                bench_kill(pid[i]);
            } else if (wait4(pid[i], &status, WNOHANG, &usage) != pid[i]) {
                continue;
            } else {
                preemptions += usage.ru_nivcsw;
                bad = check_status(stage, first + i, status) != 0;
            }
            pid[i] = 0;
            left--;
        }
        if (left > 0 && !bad && bench_now_ns() >= deadline) {
            bench_explain("%d participants did not end within 30 s and were killed", left);
            bad = 1;
        }
        /* Signals are not queued: one may report several ends. So check again after 50 ms without a signal. */
        struct timespec rest = {0, 50000000};
        if (left > 0 && !bad)
            (void)sigtimedwait(&child, NULL, &rest);
    }
    return bad ? -1 : 0;
}

int bench_join(struct bench_stage *stage, pid_t pid, int self)
{
    return join_all(stage, &pid, 1, self);
}

int bench_run(struct bench_stage *stage, const struct bench_participant *participant, int count)
{
    pid_t pid[BENCH_PARTICIPANTS];
    for (int i = 0; i < count; i++) {
        pid[i] = bench_spawn(stage, &participant[i], i);
        if (pid[i] >= 0)
            continue;
        while (i-- > 0)
            bench_kill(pid[i]);
        return -1;
    }
    return join_all(stage, pid, count, 0);
}

void bench_meet(struct bench_stage *stage, uint32_t count)
{
    (void)__atomic_fetch_add(&stage->met, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&stage->met, __ATOMIC_ACQUIRE) < count)
        sched_yield();
}

_Noreturn void bench_die(struct bench_stage *stage, int self, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(stage->result[self].error, sizeof stage->result[self].error, format, list);
    va_end(list);
    _exit(1);
}
