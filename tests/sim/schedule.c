/* SPDX-License-Identifier: MIT
 * Decides which participant runs next and which events happen. A run has two parts. In the first, the strategy and the
 * event rates of its conditions apply. In the second (calm), no failures happen, all participants run in turn, and each
 * must end within a number of points. That is the check of progress. */
#include "engine.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TICK_WITHIN_NS ((int64_t)2000000) /* a tick never skips more than this: longer sleeps end only when all sleep */
#define LATE_NS ((int64_t)300000)
#define OVERDUE_EVERY 8U
#define STUCK_EVERY 1024U
#define CALM_POINTS_MOST 16U
#define IDLE_FALLS 8U /* for SIM_PRIORITY: one of this many pauses lowers the spinner's priority */

struct sim_engine sim;

static uint32_t bit(const struct sim_participant *participant)
{
    return (uint32_t)1 << participant->index;
}

/* The `n`th set bit. */
static unsigned nth(uint32_t bits, unsigned n)
{
    while (n-- > 0)
        bits &= bits - 1;
    return (unsigned)__builtin_ctz(bits);
}

static struct sim_participant *anyone(uint32_t bits)
{
    return &sim.participant[nth(bits, sim_choose((unsigned)__builtin_popcount(bits)))];
}

/* --- ends -------------------------------------------------------------------------------------------------------- */

void sim_finish(void)
{
    static struct sim_coro gone;
    sim.current = NULL;
    sim_coro_switch(&gone, &sim.main);
    __builtin_unreachable();
}

void sim_violation(const char *invariant, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sim.result->invariant = invariant;
    (void)vsnprintf(sim.result->detail, sizeof sim.result->detail, format, args);
    va_end(args);
    SIM_TRACE("!!! %s: %s", invariant, sim.result->detail);
    sim_finish();
}

static size_t describe_waiting(char *text, size_t bytes)
{
    size_t used = 0;
    for (unsigned i = 0; i < sim.participants && used < bytes; i++) {
        const struct sim_participant *participant = &sim.participant[i];
        if (participant->state != SIM_ASLEEP && participant->state != SIM_READY)
            continue;
        used += (size_t)snprintf(text + used, bytes - used, "; %s (last step %s)", participant->process->name,
                                 participant->step);
        if (participant->state == SIM_ASLEEP && participant->deadline != INT64_MAX && used < bytes)
            used += (size_t)snprintf(text + used, bytes - used, " sleeps for %lld us more",
                                     (long long)(participant->deadline - sim.now) / 1000);
        else if (used < bytes)
            used +=
                (size_t)snprintf(text + used, bytes - used, participant->state == SIM_ASLEEP ? " sleeps" : " is ready");
    }
    return used;
}

/* --- events ------------------------------------------------------------------------------------------------------ */

static void wake_late(struct sim_participant *participant)
{
    if (participant->deadline > sim.now)
        sim.now = participant->deadline;
    if (sim.conditions.strategy != SIM_ENUMERATE)
        sim.now += sim_choose(2) * sim_choose((unsigned)LATE_NS);
    sim_wake_one(participant, SIM_TIMED_OUT);
}

static int tick(void)
{
    uint32_t soon = 0;
    for (uint32_t bits = sim.asleep; bits != 0; bits &= bits - 1) {
        struct sim_participant *participant = &sim.participant[__builtin_ctz(bits)];
        if (participant->deadline - sim.now <= TICK_WITHIN_NS && !participant->process->stopped)
            soon |= bit(participant);
    }
    if (soon != 0)
        wake_late(anyone(soon));
    else
        sim.now += sim_choose(20000);
    return 1;
}

/* Chooses a random living process for which `which` returns 1, or NULL. */
static struct sim_process *any_process(int (*which)(const struct sim_process *))
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < sim.processes; i++) {
        if (which(&sim.process[i]))
            bits |= (uint32_t)1 << i;
    }
    return bits == 0 ? NULL : &sim.process[nth(bits, sim_choose((unsigned)__builtin_popcount(bits)))];
}

static int may_be_killed(const struct sim_process *p)
{
    return p->alive && p->spec.mortal && (p->restarts_left > 0 || p->spec.expendable);
}

static int may_be_stopped(const struct sim_process *p)
{
    return p->alive && !p->stopped;
}

static int is_stopped(const struct sim_process *p)
{
    return p->alive && p->stopped;
}

static int may_be_signalled(const struct sim_process *p)
{
    return p->alive && p->spec.on_signal != NULL && !p->signalled && !p->handling;
}

/* A sleep on a word ends, any other sleep continues, and the handler runs after it. */
static void send_signal(struct sim_process *process)
{
    struct sim_participant *first = &sim.participant[process->first_participant];
    SIM_TRACE("*** a signal for %s", process->name);
    process->signalled = 1;
    if (first->state == SIM_ASLEEP && first->futexes != 0)
        sim_wake_one(first, SIM_WOKEN);
}

static int is_dying(const struct sim_process *p)
{
    return p->dying;
}

static int drain_one(void)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < sim.participants; i++) {
        if (sim.participant[i].buffered > 0)
            bits |= (uint32_t)1 << i;
    }
    if (bits != 0)
        sim_memory_drain(anyone(bits));
    return bits != 0;
}

static int wake_spuriously(void)
{
    uint32_t bits = 0;
    for (uint32_t left = sim.asleep; left != 0; left &= left - 1) {
        if (sim.participant[__builtin_ctz(left)].futexes != 0)
            bits |= left & -left;
    }
    if (bits == 0)
        return 0;
    struct sim_participant *participant = anyone(bits);
    SIM_TRACE("*** spurious wake-up of %s", participant->process->name);
    sim_wake_one(participant, SIM_WOKEN);
    return 1;
}

static int start_one(int due_only)
{
    for (unsigned i = 0; i < sim.starts; i++) {
        if (due_only && sim.start[i].due > sim.now)
            continue;
        if (sim.start[i].due > sim.now)
            sim.now = sim.start[i].due;
        sim_launch(i);
        return 1;
    }
    return 0;
}

static int happen(enum sim_event event)
{
    struct sim_process *process = NULL;
    switch (event) {
    case SIM_DRAIN:
        return drain_one();
    case SIM_TICK:
        return tick();
    case SIM_SPURIOUS:
        return wake_spuriously();
    case SIM_KILL:
        process = sim_can_restart() ? any_process(may_be_killed) : NULL;
        if (process != NULL)
            sim_kill(process);
        break;
    case SIM_STOP:
        process = any_process(may_be_stopped);
        if (process != NULL)
            sim_stop(process, 1);
        break;
    case SIM_CONTINUE:
        process = any_process(is_stopped);
        if (process != NULL)
            sim_stop(process, 0);
        break;
    case SIM_REAP:
        process = any_process(is_dying);
        if (process != NULL)
            sim_reap(process);
        break;
    case SIM_START:
        return start_one(1);
    case SIM_SIGNAL:
        process = any_process(may_be_signalled);
        if (process != NULL)
            send_signal(process);
        break;
    case SIM_EVENTS:
        break;
    }
    return process != NULL;
}

static void random_event(void)
{
    unsigned at = sim_choose(sim.event_total);
    unsigned event = 0;
    while (at >= sim.conditions.rate[event])
        at -= sim.conditions.rate[event++];
    if (sim.happened[event] < sim.conditions.most[event] && happen((enum sim_event)event))
        sim.happened[event]++;
}

/* --- all participants sleep -------------------------------------------------------------------------------------- */

/* A participant sleeps for long although it could continue, and no running participant can wake it. */
static void check_due(const struct sim_participant *participant)
{
    char text[400] = "";
    char due[160] = "";
    if (participant->deadline != INT64_MAX && participant->deadline - sim.now <= sim.conditions.patience_ns)
        return;
    if (participant->index != participant->process->first_participant)
        return; /* a second thread waits for no participant */
    if (sim.is_due != NULL && !sim.is_due(participant->process->spec.argument, due, sizeof due))
        return;
    (void)describe_waiting(text, sizeof text);
    sim_violation("wake-up", "all participants sleep%s%s%s", due[0] != '\0' ? ", though " : "", due, text);
}

static void check_stuck(void)
{
    char why[200] = "";
    if (sim.is_stuck != NULL && sim.is_stuck(why, sizeof why))
        sim_violation("deadlock", "%s", why);
}

static void pass_time(void)
{
    struct sim_participant *first = NULL;
    for (uint32_t bits = sim.asleep; bits != 0; bits &= bits - 1) {
        struct sim_participant *participant = &sim.participant[__builtin_ctz(bits)];
        if (first == NULL || participant->deadline < first->deadline)
            first = participant;
    }
    if (first == NULL)
        sim_finish(); /* all have ended */
    for (uint32_t bits = sim.asleep; bits != 0; bits &= bits - 1)
        check_due(&sim.participant[__builtin_ctz(bits)]);
    check_stuck();
    if (first->deadline == INT64_MAX) {
        char text[400] = "";
        (void)describe_waiting(text, sizeof text);
        sim_violation("wake-up", "all participants sleep for ever%s", text);
    }
    wake_late(first);
}

static void none_ready(void)
{
    while (sim.ready == 0) {
        if (!drain_one() && !happen(SIM_REAP) && !happen(SIM_CONTINUE) && !start_one(1) && !start_one(0))
            pass_time();
    }
}

/* --- choosing ---------------------------------------------------------------------------------------------------- */

static struct sim_participant *by_walk(uint64_t random)
{
    struct sim_participant *self = sim.current;
    if ((sim.ready & bit(self)) != 0 && (random & 0xffffU) < sim.conditions.stick)
        return self;
    return anyone(sim.ready);
}

static struct sim_participant *by_priority(void)
{
    struct sim_participant *best = NULL;
    for (unsigned i = 0; i < sim.conditions.falls; i++) {
        if (sim.fall_at[i] == sim.points)
            sim.current->priority = sim.lowest--;
    }
    for (uint32_t bits = sim.ready; bits != 0; bits &= bits - 1) {
        struct sim_participant *participant = &sim.participant[__builtin_ctz(bits)];
        if (best == NULL || participant->priority > best->priority)
            best = participant;
    }
    return best;
}

static struct sim_participant *in_turn(void)
{
    uint32_t above = sim.ready & ~((bit(sim.current) << 1) - 1);
    return &sim.participant[__builtin_ctz(above != 0 ? above : sim.ready)];
}

/* The events that may be chosen now, instead of continuing. */
static unsigned enumerable_events(enum sim_event events[SIM_EVENTS])
{
    const struct sim_conditions *c = &sim.conditions;
    const struct sim_participant *self = sim.current;
    unsigned count = 0;
    unsigned buffered = 0, dying = 0;
    for (unsigned i = 0; i < sim.participants; i++)
        buffered |= sim.participant[i].buffered > 0;
    for (unsigned i = 0; i < sim.processes; i++)
        dying |= sim.process[i].dying != 0;
    if (sim.happened[SIM_KILL] < c->most[SIM_KILL] && (sim.ready & bit(self)) != 0 && may_be_killed(self->process))
        events[count++] = SIM_KILL;
    if (sim.happened[SIM_SPURIOUS] < c->most[SIM_SPURIOUS] && sim.asleep != 0)
        events[count++] = SIM_SPURIOUS;
    if (buffered && sim.happened[SIM_DRAIN] < c->most[SIM_DRAIN])
        events[count++] = SIM_DRAIN;
    if (dying)
        events[count++] = SIM_REAP;
    if (sim.starts > 0 && !(c->bounded && sim.start[0].due > sim.now))
        events[count++] = SIM_START;
    return count;
}

/* Choice 0 continues the running participant and is free. A switch is a preemption, unless the running one cannot
 * continue or is idle. After that come the events that are left. */
static struct sim_participant *by_enumeration(int idle)
{
    struct sim_participant *self = sim.current;
    const struct sim_conditions *c = &sim.conditions;
    uint32_t others = sim.ready & ~bit(self);
    int self_ready = (sim.ready & bit(self)) != 0;
    int must_leave = !self_ready || (idle && others != 0);
    if (!must_leave && sim.preemptions >= c->preemptions)
        others = 0;
    unsigned stay = must_leave ? 0 : 1;
    unsigned targets = stay + (unsigned)__builtin_popcount(others);
    enum sim_event events[SIM_EVENTS];
    unsigned choice = sim_choose(targets + enumerable_events(events));
    if (choice < stay)
        return self;
    if (choice < targets) {
        sim.preemptions += !must_leave;
        return &sim.participant[nth(others, choice - stay)];
    }
    enum sim_event event = events[choice - targets];
    sim.happened[event]++;
    if (event == SIM_KILL)
        sim_kill(self->process);
    else if (event == SIM_START)
        (void)start_one(0);
    else
        (void)happen(event);
    if (sim.ready == 0)
        none_ready();
    return by_enumeration(idle);
}

/* The same for worlds with more than a few accesses. There is one base schedule: the running participant continues; if
 * that is impossible or useless, the next one in turn runs. Every other choice counts against one budget. All schedules
 * with at most that many other choices are run. */
static struct sim_participant *by_delay(int idle)
{
    struct sim_participant *self = sim.current;
    const struct sim_conditions *c = &sim.conditions;
    uint32_t others = sim.ready & ~bit(self);
    int goes_on = (sim.ready & bit(self)) != 0 && !(idle && others != 0);
    unsigned count = 0, budget = sim.preemptions < c->preemptions;
    struct sim_participant *target[SIM_PARTICIPANTS];
    enum sim_event event[SIM_EVENTS];
    if (goes_on)
        target[count++] = self;
    for (unsigned i = 1; i < SIM_PARTICIPANTS && (budget || count == 0); i++) {
        unsigned at = (self->index + i) % SIM_PARTICIPANTS;
        if ((others >> at & 1U) != 0)
            target[count++] = &sim.participant[at];
    }
    unsigned events = enumerable_events(event), kept = 0;
    for (unsigned i = 0; i < events; i++) {
        if (event[i] == SIM_KILL || budget)
            event[kept++] = event[i];
    }
    unsigned choice = sim_choose(count + kept);
    sim.preemptions += choice != 0 && (choice < count || event[choice - count] != SIM_KILL);
    if (choice < count)
        return target[choice];
    sim.happened[event[choice - count]]++;
    if (event[choice - count] == SIM_KILL)
        sim_kill(self->process);
    else
        (void)happen(event[choice - count]);
    if (sim.ready == 0)
        none_ready();
    return by_delay(idle);
}

static void calm_down(void)
{
    sim.calm_since = sim.points;
    sim.calm_since_ns = sim.now;
    SIM_TRACE("*** from here on nothing happens but progress");
    while (drain_one() || happen(SIM_CONTINUE) || happen(SIM_REAP)) {}
}

/* Where points take no time, `calm_ns` does not pass: a multiple of the points is enough, too. */
static void check_calm_end(void)
{
    uint64_t points = sim.points - sim.calm_since, least = sim.conditions.calm_points;
    int64_t ns = sim.now - sim.calm_since_ns;
    if (points < least || (ns < sim.conditions.calm_ns && points < CALM_POINTS_MOST * least))
        return;
    char text[400] = "";
    (void)describe_waiting(text, sizeof text);
    sim_violation("progress", "not at the end after %llu points and %lld us without disturbance%s",
                  (unsigned long long)points, (long long)ns / 1000, text);
}

/* While a participant spins, time passes for sleepers, too. */
static void wake_overdue(void)
{
    int64_t late = sim.calm_since != 0 ? 0 : LATE_NS;
    for (uint32_t bits = sim.asleep; bits != 0; bits &= bits - 1) {
        struct sim_participant *participant = &sim.participant[__builtin_ctz(bits)];
        if (participant->deadline != INT64_MAX && participant->deadline + late <= sim.now)
            sim_wake_one(participant, SIM_TIMED_OUT);
    }
}

static struct sim_participant *next_participant(int idle)
{
    if (sim.conditions.strategy == SIM_ENUMERATE && sim.calm_since == 0) {
        if (sim.ready == 0)
            none_ready();
        return sim.conditions.bounded ? by_delay(idle) : by_enumeration(idle);
    }
    uint64_t random = sim_random();
    if (sim.calm_since == 0 && (random & 0xffffU) < sim.event_total)
        random_event();
    if (sim.points % OVERDUE_EVERY == 0)
        wake_overdue();
    if (sim.calm_since != 0) {
        (void)happen(SIM_REAP);
        (void)start_one(1);
    }
    if (sim.ready == 0)
        none_ready();
    if (sim.calm_since != 0)
        return in_turn();
    return sim.conditions.strategy == SIM_PRIORITY ? by_priority() : by_walk(random >> 16);
}

static void go_to(struct sim_participant *next)
{
    struct sim_participant *self = sim.current;
    if (next == self)
        return;
    sim.current = next;
    /* The error detail is per thread, and the simulation has one host thread. */
    char detail[MYL_DETAIL_MAX], *shared = (char *)(uintptr_t)myl_error_detail();
    memcpy(detail, shared, sizeof detail);
    sim_coro_switch(&self->coro, &next->coro);
    memcpy(shared, detail, sizeof detail);
}

/* A pending signal: the handler's accesses are scheduling points. */
static void handle_signal(const struct sim_participant *self)
{
    struct sim_process *process = self->process;
    if (!process->signalled || self->index != process->first_participant)
        return;
    SIM_TRACE("the handler runs");
    process->signalled = 0;
    process->handling = 1;
    process->spec.on_signal(process->spec.argument);
    process->handling = 0;
}

static void point(int idle)
{
    const struct sim_participant *self = sim.current;
    if (sim.alone)
        return;
    sim.points++;
    if (sim.points % STUCK_EVERY == 0)
        check_stuck();
    if (sim.calm_since != 0)
        check_calm_end();
    else if (sim.points >= sim.conditions.chaos_points)
        calm_down();
    go_to(next_participant(idle));
    handle_signal(self);
}

void sim_point(void)
{
    point(0);
}

void sim_point_idle(void)
{
    struct sim_participant *self = sim.current;
    self->idle = 1;
    self->seen_writes = sim.writes;
    if (sim.conditions.strategy == SIM_PRIORITY && sim_choose(IDLE_FALLS) == 0)
        self->priority = sim.lowest--;
    point(1);
}

/* --- sleeping ---------------------------------------------------------------------------------------------------- */

enum sim_wake sim_sleep(const uint64_t *futex, unsigned futexes, int64_t deadline)
{
    struct sim_participant *self = sim.current;
    if (sim.alone)
        sim_violation("engine", "%s sleeps while it runs alone", self->process->name);
    self->state = SIM_ASLEEP;
    self->futexes = futexes;
    for (unsigned i = 0; i < futexes; i++)
        self->futex[i] = futex[i];
    self->deadline = deadline;
    sim.ready &= ~bit(self);
    sim.asleep |= bit(self);
    point(1);
    return self->wake;
}

void sim_wake_one(struct sim_participant *participant, enum sim_wake reason)
{
    participant->state = SIM_READY;
    participant->wake = reason;
    sim.asleep &= ~bit(participant);
    if (!participant->process->stopped)
        sim.ready |= bit(participant);
    sim_hash(SIM_OP_EVENT, 106, participant->index);
}

static int sleeps_on(const struct sim_participant *participant, uint64_t futex)
{
    for (unsigned i = 0; i < participant->futexes; i++) {
        if (participant->futex[i] == futex)
            return 1;
    }
    return 0;
}

unsigned sim_wake_futex(uint64_t futex)
{
    unsigned woken = 0;
    for (uint32_t bits = sim.asleep; bits != 0; bits &= bits - 1) {
        struct sim_participant *participant = &sim.participant[__builtin_ctz(bits)];
        if (sleeps_on(participant, futex)) {
            sim_wake_one(participant, SIM_WOKEN);
            woken++;
        }
    }
    return woken;
}

/* --- a run -------------------------------------------------------------------------------------------------------- */

void sim_alone(int on)
{
    sim.alone = on;
    if (on)
        sim_memory_drain_all(sim.current);
}

void sim_when_all_sleep(int (*is_due)(const void *argument, char *why, size_t bytes))
{
    sim.is_due = is_due;
}

void sim_when_stuck(int (*is_stuck)(char *why, size_t bytes))
{
    sim.is_stuck = is_stuck;
}

int sim_is_calm(void)
{
    return sim.calm_since != 0;
}

int64_t sim_now(void)
{
    return sim.now;
}

uint64_t sim_points(void)
{
    return sim.points;
}

static void begin(uint64_t seed, const struct sim_conditions *conditions)
{
    sim.run++;
    sim.is_due = NULL;
    sim.is_stuck = NULL;
    sim.conditions = *conditions;
    sim_choices_begin(seed);
    sim_kernel_set_up();
    sim_kernel_begin();
    sim_begin_processes();
    sim_alloc_begin();
    sim_memory_begin();
    sim.current = NULL;
    sim.event_total = 0;
    for (unsigned i = 0; i < SIM_EVENTS; i++)
        sim.event_total += conditions->rate[i];
    memset(sim.happened, 0, sizeof sim.happened);
    sim.preemptions = sim.old_loads = 0;
    sim.now = INT64_C(1000000000);
    sim.points = sim.writes = sim.calm_since = 0;
    sim.alone = 0;
    sim.lowest = (uint64_t)1 << 62;
    sim.hash = seed;
    if (sim.conditions.falls > SIM_FALLS)
        sim.conditions.falls = SIM_FALLS;
    for (unsigned i = 0; i < sim.conditions.falls; i++)
        sim.fall_at[i] = sim_choose(conditions->chaos_points);
}

void sim_run(uint64_t seed, const struct sim_conditions *conditions, void (*setup)(void *), void *argument,
             struct sim_result *result)
{
    *result = (struct sim_result){0};
    sim.result = result;
    begin(seed, conditions);
    setup(argument);
    int any = start_one(0);
    while (start_one(1)) {}
    if (any) {
        sim.current = &sim.participant[0];
        sim_coro_switch(&sim.main, &sim.participant[0].coro);
    }
    result->points = sim.points;
    result->hash = sim.hash;
}
