/* SPDX-License-Identifier: MIT
 * The simulator's own tests: small programs whose possible outcomes are known for each memory model. Each has one
 * surprising outcome. If the model forbids it, no schedule may produce it. If the model allows it, both the enumeration
 * and random schedules must find it. */
#include "litmus.h"
#include "sim.h"

#include "os/os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PARTICIPANTS_MAX   4
#define RANDOM_RUNS     4000
#define ENUMERATED_MOST 100000U
#define LOCK          5U

/* The words, each on its own cache line, and what the participants read. */
struct words {
    _Alignas(64) myl_au64 x;
    _Alignas(64) myl_au64 y;
    _Alignas(64) myl_au32 w;
    _Alignas(64) myl_au32 v;
};

static uint64_t r[4];

static struct words *words(void)
{
    return sim_scratch();
}

struct litmus {
    const char *name;
    sim_program *participant[PARTICIPANTS_MAX];
    int (*strange)(void);
    const char *violation;          /* instead of `strange`: the run must end with this violation */
    int allowed[SIM_MEMORIES];
    int kill;                       /* the first participant may be killed */
};

/* --- two stores, two loads -----------------------------------------------------------------------------------------
 * */

static void store_x_load_y(void *argument)
{
    (void)argument;
    myl_store_rel(&words()->x, 1);
    r[0] = myl_load_acq(&words()->y);
}

static void store_y_load_x(void *argument)
{
    (void)argument;
    myl_store_rel(&words()->y, 1);
    r[1] = myl_load_acq(&words()->x);
}

static void store_x_fence_load_y(void *argument)
{
    (void)argument;
    myl_store_rlx(&words()->x, 1);
    myl_fence_sc();
    r[0] = myl_load_rlx(&words()->y);
}

static void store_y_fence_load_x(void *argument)
{
    (void)argument;
    myl_store_rlx(&words()->y, 1);
    myl_fence_sc();
    r[1] = myl_load_rlx(&words()->x);
}

static void register_store_x_load_y(void *argument)
{
    if (myl_os_barrier_register() == 0)
        store_x_load_y(argument);
}

static void store_y_barrier_load_x(void *argument)
{
    (void)argument;
    myl_store_rlx(&words()->y, 1);
    (void)myl_os_barrier();
    r[1] = myl_load_rlx(&words()->x);
}

static void swap_w_load_v(void *argument)
{
    uint32_t zero = 0;
    (void)argument;
    (void)myl_cas32_sc(&words()->w, &zero, 1);
    r[0] = myl_load32_rlx(&words()->v);
}

static void swap_v_load_w(void *argument)
{
    uint32_t zero = 0;
    (void)argument;
    (void)myl_cas32_sc(&words()->v, &zero, 1);
    r[1] = myl_load32_rlx(&words()->w);
}

static int both_missed(void)
{
    return r[0] == 0 && r[1] == 0;
}

/* --- a message and its flag ----------------------------------------------------------------------------------------
 * */

static void send_rlx(void *argument)
{
    (void)argument;
    myl_store_rlx(&words()->x, 1);
    myl_store_rlx(&words()->y, 1);
}

static void send_rel(void *argument)
{
    (void)argument;
    myl_store_rlx(&words()->x, 1);
    myl_store_rel(&words()->y, 1);
}

static void send_fenced(void *argument)
{
    (void)argument;
    myl_store_rlx(&words()->x, 1);
    myl_fence_sc();
    myl_store_rlx(&words()->y, 1);
}

static void receive_rlx(void *argument)
{
    (void)argument;
    r[0] = myl_load_rlx(&words()->y);
    r[1] = myl_load_rlx(&words()->x);
}

static void receive_acq(void *argument)
{
    (void)argument;
    r[0] = myl_load_acq(&words()->y);
    r[1] = myl_load_rlx(&words()->x);
}

static void receive_fenced(void *argument)
{
    (void)argument;
    r[0] = myl_load_rlx(&words()->y);
    myl_fence_acq();
    r[1] = myl_load_rlx(&words()->x);
}

static void receive_third(void *argument)
{
    (void)argument;
    r[0] = myl_load_acq(&words()->y) >= 2;
    r[1] = myl_load_rlx(&words()->x);
}

static int flag_without_message(void)
{
    return r[0] == 1 && r[1] == 0;
}

/* A third participant in between: adds to the flag, or passes it on. */
static void add_y(void *argument)
{
    (void)argument;
    (void)myl_add_acq_rel(&words()->y, 1);
}

static void store_x(void *argument)
{
    (void)argument;
    myl_store_rlx(&words()->x, 1);
}

static void hand_on(void *argument)
{
    (void)argument;
    if (myl_load_acq(&words()->x) == 1)
        myl_store_rel(&words()->y, 1);
}

static void hand_on_rlx(void *argument)
{
    (void)argument;
    if (myl_load_rlx(&words()->x) == 1)
        myl_store_rlx(&words()->y, 1);
}

/* --- one word --------------------------------------------------------------------------------------------------- */

static void store_x_twice(void *argument)
{
    (void)argument;
    myl_store_rlx(&words()->x, 1);
    myl_store_rlx(&words()->x, 2);
}

static void load_x_twice(void *argument)
{
    (void)argument;
    r[0] = myl_load_rlx(&words()->x);
    r[1] = myl_load_rlx(&words()->x);
}

static int backwards(void)
{
    return r[0] > r[1];
}

static void add_x(void *argument)
{
    (void)argument;
    r[myl_add_acq_rel(&words()->x, 1) & 1] = 1;
}

static int added_once(void)
{
    return r[0] == 0 || r[1] == 0;
}

/* --- independent reads of independent writes
 * ------------------------------------------------------------------------- */

static void store_y(void *argument)
{
    (void)argument;
    myl_store_rel(&words()->y, 1);
}

static void store_x_rel(void *argument)
{
    (void)argument;
    myl_store_rel(&words()->x, 1);
}

static void load_x_then_y(void *argument)
{
    (void)argument;
    r[0] = myl_load_acq(&words()->x);
    r[1] = myl_load_acq(&words()->y);
}

static void load_y_then_x(void *argument)
{
    (void)argument;
    r[2] = myl_load_acq(&words()->y);
    r[3] = myl_load_acq(&words()->x);
}

static void load_x_fence_y(void *argument)
{
    (void)argument;
    r[0] = myl_load_acq(&words()->x);
    myl_fence_sc();
    r[1] = myl_load_acq(&words()->y);
}

static void load_y_fence_x(void *argument)
{
    (void)argument;
    r[2] = myl_load_acq(&words()->y);
    myl_fence_sc();
    r[3] = myl_load_acq(&words()->x);
}

static int no_common_order(void)
{
    return r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0;
}

/* --- sleeping and waking -------------------------------------------------------------------------------------------
 * */

/* Bit SLEEP of w: a participant may sleep. x: the awaited value. The kernel's addition of 4 clears the bit and
 * counts. */
#define SLEEP 4U

static void sleep_until_x(void *argument)
{
    (void)argument;
    for (;;) {
        uint32_t w = myl_load32_acq(&words()->w);
        if ((w & SLEEP) == 0 && !myl_cas32_sc(&words()->w, &w, w | SLEEP))
            continue;
        myl_fence_sc();
        if (myl_load_acq(&words()->x) != 0)
            return;
        (void)myl_os_park(&words()->w, w | SLEEP, MYL_SEC(1000));
    }
}

static void wake_if_asleep(int fenced)
{
    myl_store_rel(&words()->x, 1);
    if (fenced)
        myl_fence_sc();
    if ((myl_load32_rlx(&words()->w) & SLEEP) != 0)
        myl_os_wake_add4(&words()->w);
}

static void wake_unfenced(void *argument)
{
    (void)argument;
    wake_if_asleep(0);
}

static void wake_fenced(void *argument)
{
    (void)argument;
    wake_if_asleep(1);
}

/* The kernel compares and falls asleep in one step: no wake between them is lost. */
static void sleep_once(void *argument)
{
    (void)argument;
    while (myl_load32_acq(&words()->w) == 0)
        (void)myl_os_park(&words()->w, 0, MYL_SEC(1000));
}

static void set_and_wake(void *argument)
{
    (void)argument;
    myl_store32_rel(&words()->w, 1);
    myl_os_wake(&words()->w);
}

/* As wake_fenced, but clears the bit before the system call: a kill in between loses the wake. */
static void wake_in_two_steps(void *argument)
{
    (void)argument;
    myl_store_rel(&words()->x, 1);
    myl_fence_sc();
    uint32_t w = myl_load32_rlx(&words()->w);
    if ((w & SLEEP) != 0 && myl_cas32_sc(&words()->w, &w, w + SLEEP))
        myl_os_wake(&words()->w);
}

/* --- death and locks --------------------------------------------------------------------------------------------- */

/* Writes x, then y, holding a lock that only its death releases. */
static void hold_and_write(void *argument)
{
    int fd, read_only;
    (void)argument;
    struct myl_os_place place;
    struct myl_os_object_spec spec = {.backend = MYL_BACKEND_SHM, .place = &place, .bytes = 4096};
    if (myl_os_place_open("/sim/litmus", &place) != 0)
        return;
    if (myl_os_object_open(&place, 0, &fd, &read_only) == ENOENT &&
        (myl_os_object_create(&spec, &fd) != 0 || myl_os_lock_acquire(fd, LOCK) != 0 ||
         myl_os_object_publish(fd, &place) != 0))
        return;
    myl_store_rlx(&words()->x, 1);
    myl_store_rlx(&words()->y, 1);
}

/* A participant that acquires the lock reads a prefix of the dead owner's writes. */
static void read_after_death(void *argument)
{
    int fd, read_only;
    (void)argument;
    struct myl_os_place place;
    r[0] = r[1] = 0;
    if (myl_os_place_open("/sim/litmus", &place) != 0 || myl_os_object_open(&place, 0, &fd, &read_only) != 0)
        return;
    if (myl_os_lock_held(fd, LOCK) == 0) {
        r[0] = myl_load_rlx(&words()->y);
        r[1] = myl_load_rlx(&words()->x);
        r[2] = 1;
        r[3] = r[0] == 0 && r[1] == 1;
    }
}

static int wrote_half(void)
{
    return r[2] == 1 && r[3] == 1;
}

/* --- the table -----------------------------------------------------------------------------------------------------
 * */

#define NOWHERE \
    { \
        0, 0, 0 \
    }
#define WEAK \
    { \
        0, 0, 1 \
    }
#define BUFFERS \
    { \
        0, 1, 1 \
    }
#define ALWAYS \
    { \
        1, 1, 1 \
    }

static const struct litmus tests[] = {
    {"store buffering, rel and acq", {store_x_load_y, store_y_load_x}, both_missed, NULL, BUFFERS, 0},
    {"store buffering, one fence", {store_x_fence_load_y, store_y_load_x}, both_missed, NULL, BUFFERS, 0},
    {"store buffering, fences", {store_x_fence_load_y, store_y_fence_load_x}, both_missed, NULL, NOWHERE, 0},
    {"store buffering, barrier against registered",
     {register_store_x_load_y, store_y_barrier_load_x},
     both_missed,
     NULL,
     NOWHERE,
     0},
    {"store buffering, barrier against unregistered",
     {store_x_load_y, store_y_barrier_load_x},
     both_missed,
     NULL,
     BUFFERS,
     0},
    {"swaps without fences", {swap_w_load_v, swap_v_load_w}, both_missed, NULL, WEAK, 0},
    {"message, rlx and rlx", {send_rlx, receive_rlx}, flag_without_message, NULL, WEAK, 0},
    {"message, rel and rlx", {send_rel, receive_rlx}, flag_without_message, NULL, WEAK, 0},
    {"message, rlx and acq", {send_rlx, receive_acq}, flag_without_message, NULL, WEAK, 0},
    {"message, rel and acq", {send_rel, receive_acq}, flag_without_message, NULL, NOWHERE, 0},
    {"message, rel and fence", {send_rel, receive_fenced}, flag_without_message, NULL, NOWHERE, 0},
    {"message, fence and acq", {send_fenced, receive_acq}, flag_without_message, NULL, NOWHERE, 0},
    {"message, fence and fence", {send_fenced, receive_fenced}, flag_without_message, NULL, NOWHERE, 0},
    {"message through the addition of a third participant",
     {send_rel, add_y, receive_third},
     flag_without_message,
     NULL,
     NOWHERE,
     0},
    {"message passed on, rel and acq", {store_x, hand_on, receive_acq}, flag_without_message, NULL, NOWHERE, 0},
    {"message passed on, rlx", {store_x, hand_on_rlx, receive_rlx}, flag_without_message, NULL, WEAK, 0},
    {"one word never goes backwards", {store_x_twice, load_x_twice}, backwards, NULL, NOWHERE, 0},
    {"no addition is lost", {add_x, add_x}, added_once, NULL, NOWHERE, 0},
    {"independent reads, acq", {store_x_rel, store_y, load_x_then_y, load_y_then_x}, no_common_order, NULL, WEAK, 0},
    {"independent reads, fences",
     {store_x_rel, store_y, load_x_fence_y, load_y_fence_x},
     no_common_order,
     NULL,
     NOWHERE,
     0},
    {"wake without a fence", {wake_unfenced, sleep_until_x}, NULL, "wake-up", BUFFERS, 0},
    {"wake with a fence", {wake_fenced, sleep_until_x}, NULL, "wake-up", NOWHERE, 0},
    {"wake between compare and sleep", {set_and_wake, sleep_once}, NULL, "wake-up", NOWHERE, 0},
    {"death in a wake of two steps", {wake_in_two_steps, wake_fenced, sleep_until_x}, NULL, "wake-up", ALWAYS, 1},
    {"death in a wake of one step", {wake_fenced, wake_fenced, sleep_until_x}, NULL, "wake-up", NOWHERE, 1},
    {"death leaves a prefix", {hold_and_write, read_after_death}, wrote_half, NULL, ALWAYS, 1},
    {"death leaves at most a prefix", {hold_and_write, read_after_death}, flag_without_message, NULL, NOWHERE, 1},
};
#undef NOWHERE
#undef WEAK
#undef BUFFERS
#undef ALWAYS

static void set_up(void *argument)
{
    const struct litmus *test = argument;
    memset(r, 0, sizeof r);
    for (unsigned i = 0; i < PARTICIPANTS_MAX && test->participant[i] != NULL; i++) {
        static const char *const names[PARTICIPANTS_MAX] = {"P0", "P1", "P2", "P3"};
        struct sim_process_spec spec = {.name = names[i],
                                        .program = test->participant[i],
                                        .mortal = test->kill && i == 0,
                                        .expendable = 1};
        sim_start(&spec);
    }
}

static int is_strange(const struct litmus *test, const struct sim_result *result)
{
    if (result->invariant != NULL)
        return test->violation != NULL && strcmp(test->violation, result->invariant) == 0 ? 1 : -1;
    return test->strange != NULL && test->strange();
}

static int unexpected(const struct litmus *test, const struct sim_result *result)
{
    printf("litmus: \"%s\" ends with %s: %s\n", test->name, result->invariant, result->detail);
    return -1;
}

/* Returns the number of schedules with the surprising outcome, or -1 after another violation. */
static int enumerate(const struct litmus *test, struct sim_conditions conditions, unsigned *schedules)
{
    int strange = 0;
    struct sim_result result;
    conditions.strategy = SIM_ENUMERATE;
    *schedules = 0;
    sim_enumerate_reset();
    do {
        sim_run(1, &conditions, set_up, (void *)(uintptr_t)test, &result);
        int is = is_strange(test, &result);
        if (is < 0)
            return unexpected(test, &result);
        strange += is;
    } while (++*schedules < ENUMERATED_MOST && sim_enumerate_next());
    return strange;
}

static int by_chance(const struct litmus *test, const struct sim_conditions *conditions)
{
    int strange = 0;
    struct sim_result result;
    for (uint64_t seed = 1; seed <= RANDOM_RUNS; seed++) {
        sim_run(seed, conditions, set_up, (void *)(uintptr_t)test, &result);
        int is = is_strange(test, &result);
        if (is < 0)
            return unexpected(test, &result);
        strange += is;
    }
    return strange;
}

static int check(const struct litmus *test, enum sim_memory memory, int verbose)
{
    static const char *const names[SIM_MEMORIES] = {"sc", "tso", "weak"};
    struct sim_conditions conditions = {
        .memory = memory,
        .stick = SIM_ALWAYS / 2,
        .stale = SIM_ALWAYS / 3,
        .settle_ns = SIM_NEVER_SETTLES,
        .clock_ns = 100,
        .patience_ns = MYL_SEC(1),
        .chaos_points = 400,
        .calm_points = 4000,
        .preemptions = 3,
        .old_loads = 4,
    };
    conditions.rate[SIM_DRAIN] = SIM_ALWAYS / 5;
    conditions.rate[SIM_REAP] = SIM_ALWAYS / 10;
    conditions.most[SIM_DRAIN] = conditions.most[SIM_REAP] = 1000;
    if (test->kill) {
        conditions.rate[SIM_KILL] = SIM_ALWAYS / 10;
        conditions.most[SIM_KILL] = 1;
    }
    unsigned schedules;
    int all = enumerate(test, conditions, &schedules);
    int some = by_chance(test, &conditions);
    int allowed = test->allowed[memory];
    int good = all >= 0 && some >= 0 && (allowed ? all > 0 && some > 0 : all == 0 && some == 0);
    if (verbose || !good)
        printf("litmus: %-46s %-4s %8u schedules, %6d strange; by chance %4d of %d%s\n", test->name, names[memory],
               schedules, all, some, RANDOM_RUNS,
               good      ? ""
               : allowed ? "  WRONG: must be found"
                         : "  WRONG: must not occur");
    return good;
}

/* --- progress --------------------------------------------------------------------------------------------------- */

#define CHAOS_POINTS 400U
#define CALM_POINTS  1000U
#define CALM_NS      MYL_MSEC(10)

static void spin(void *argument)
{
    (void)argument;
    while (myl_load_rlx(&words()->x) == 0) {}
}

static void poll_the_clock(void *argument)
{
    (void)argument;
    for (;;)
        (void)myl_os_now();
}

/* A program without an end breaks the invariant of progress: after `least` points of calm, and at most after `most`. */
static int check_progress(const char *name, sim_program *program, uint64_t least, uint64_t most, int64_t least_ns)
{
    struct sim_conditions conditions = {
        .clock_ns = 100,
        .patience_ns = MYL_SEC(1),
        .chaos_points = CHAOS_POINTS,
        .calm_points = CALM_POINTS,
        .calm_ns = CALM_NS,
    };
    const struct litmus test = {.name = name, .participant = {program}};
    struct sim_result result;
    unsigned points = 0;
    long long us = -1;
    sim_run(1, &conditions, set_up, (void *)(uintptr_t)&test, &result);
    int good = result.invariant != NULL && strcmp(result.invariant, "progress") == 0 &&
               sscanf(result.detail, "not at the end after %u points and %lld us", &points, &us) == 2 &&
               points >= least && points <= most && result.points == CHAOS_POINTS + points && us * 1000 >= least_ns;
    if (!good)
        printf("litmus: \"%s\" ends after %llu points with %s: %s\n", name, (unsigned long long)result.points,
               result.invariant != NULL ? result.invariant : "success", result.detail);
    return good;
}

int litmus_run(int verbose)
{
    unsigned bad = 0, done = 2;
    bad += !check_progress("no end, and no time passes", spin, 16 * CALM_POINTS, 16 * CALM_POINTS, 0);
    bad += !check_progress("no end, while time passes", poll_the_clock, CALM_POINTS + 1, 16 * CALM_POINTS - 1, CALM_NS);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        for (int memory = 0; memory < SIM_MEMORIES; memory++, done++)
            bad += !check(&tests[i], (enum sim_memory)memory, verbose);
    }
    printf("litmus: %u of %u as expected\n", done - bad, done);
    return bad != 0;
}
