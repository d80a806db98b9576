/* SPDX-License-Identifier: MIT
 * Random kills: any process dies by SIGKILL, or is stopped for a while, at any moment, and is restarted at once under
 * its id. Every consumer checks every event completely. The acknowledged positions are recorded in a page that survives
 * the processes. MYL_STORM_KILLS sets the number of deaths (default: a few seconds' worth), MYL_STORM_SEED repeats the
 * choices. */
#define _XOPEN_SOURCE 700
#include "crash/kit.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { KILLS = 3000, TAIL = 200, KILLS_PER_CHECK = 25 };
#define ABSENT_NS MYL_MSEC(50) /* a check comes every few milliseconds, unless this process itself did not run */

struct ring_kind {
    const char *name;
    void (*configure)(struct crash_world *world);
};

struct totals {
    uint64_t kills, stops, takeovers, messages, handled, repeated, beyond, lost, observed;
    int64_t stall_ns;
};

static uint64_t random_state;
static struct totals all;

/* xorshift64: the same seed gives the same choices. */
static uint64_t random_below(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

static uint64_t from_environment(const char *variable, uint64_t fallback)
{
    const char *text = getenv(variable);
    return text == NULL || text[0] == '\0' ? fallback : strtoull(text, NULL, 10);
}

/* --- rings ---------------------------------------------------------------------------------------------------- */

static void base(struct crash_world *world, uint32_t event_size, uint64_t capacity, enum myl_wait_strategy strategy)
{
    *world = (struct crash_world){
        .producer = {.size = sizeof world->producer,
                     .config = {.event_size = event_size, .capacity = capacity, .max_consumers = CRASH_CONSUMERS},
                     .ring.wait.strategy = strategy},
        .target = UINT64_MAX,
        .consumers = CRASH_CONSUMERS,
        .observer = 1,
        .batch = 3,
        .lease = 3,
    };
}

static void tiny_blocking(struct crash_world *world)
{
    base(world, 48, 4, MYL_WAIT_BLOCK);
}

static void packed_adaptive(struct crash_world *world)
{
    base(world, 16, 60, MYL_WAIT_ADAPTIVE);
    world->producer.config.packed_cell = 256; /* 15 events per cell */
    world->batch = 20;
    world->lease = 17;
    world->runs = 1;
    world->on_death = MYL_DEATH_WAIT;
    world->producer.ring.on_death = MYL_DEATH_WAIT;
}

static void large_events(struct crash_world *world)
{
    base(world, CRASH_EVENT_MAX, 64, MYL_WAIT_ADAPTIVE);
    world->batch = 30;
    world->lease = 40;
    world->runs = 1;
}

static void spin_only(struct crash_world *world)
{
    base(world, 56, 16, MYL_WAIT_SPIN_YIELD);
    world->producer.config.spin_only = MYL_SPIN_ONLY_ON;
    world->batch = 5;
    world->lease = 7;
}

static const struct ring_kind kinds[] = {
    {"4 cells, blocking", tiny_blocking},
    {"packed, adaptive", packed_adaptive},
    {"1 KiB events, adaptive", large_events},
    {"spin only", spin_only},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* --- random kills ---------------------------------------------------------------------------------------------- */

static uint64_t deaths(const struct crash_run *run)
{
    uint64_t sum = 0;
    for (int role = 0; role < CRASH_ROLES; role++)
        sum += (uint64_t)run->killed[role];
    return sum;
}

static void random_pause(uint64_t most_ns)
{
    const struct timespec t = {.tv_nsec = (long)random_below(most_ns)};
    nanosleep(&t, NULL);
}

static void while_stopped(struct crash_run *run, enum crash_role role)
{
    (void)run;
    (void)role;
    random_pause(3000000); /* how long it stays stopped */
}

/* Kills or stops a random process: at any instruction from outside, or at one of its next steps. Sometimes twice in
 * short succession, so that the process dies during its recovery. */
static void inject_fault(struct crash_run *run)
{
    enum crash_role role = (enum crash_role)random_below(CRASH_OBSERVER + 1);
    switch (random_below(6)) {
    case 0:
        crash_signal(run, role, SIGSTOP);
        break;
    case 1:
    case 2:
        crash_store(&run->world->page->fuse[role], 1 + random_below(120));
        break;
    case 3:
        crash_signal(run, role, SIGKILL);
        crash_store(&run->world->page->fuse[role], 1 + random_below(30));
        break;
    default:
        crash_signal(run, role, SIGKILL);
    }
}

static int all_progressed(const struct crash_world *world, uint64_t from)
{
    for (uint32_t i = 0; i < world->consumers; i++) {
        if (crash_load(&world->page->consumer[i].released) <= from)
            return 0;
    }
    return 1;
}

/* No process is killed or stopped until a new event is published and all consumers have acknowledged it. Measures how
 * long that takes, without the time in which this process itself did not run. */
static void check_progress(struct crash_run *run)
{
    uint64_t from = crash_load(&run->world->page->committed);
    int64_t start = test_now_ns(), checked = start;
    memset(run->world->page->fuse, 0, sizeof run->world->page->fuse);
    while (!all_progressed(run->world, from)) {
        random_pause(200000);
        crash_check(run);
        int64_t now = test_now_ns();
        if (now - checked > ABSENT_NS)
            start += now - checked;
        checked = now;
        if (now - start > MYL_SEC(20))
            crash_give_up(run, "without kills, not all participants made progress within 20 s");
    }
    if (checked - start > all.stall_ns)
        all.stall_ns = checked - start;
}

static void add_totals(const struct crash_run *run)
{
    const struct crash_page *page = run->world->page;
    all.kills += deaths(run);
    all.stops += (uint64_t)run->stopped;
    all.takeovers += page->takeovers;
    all.messages += page->committed;
    all.observed += page->observed;
    for (uint32_t i = 0; i < run->world->consumers; i++) {
        const struct crash_consumer_notes *notes = &page->consumer[i];
        all.handled += notes->seen + notes->repeated;
        all.repeated += notes->repeated;
        all.beyond += notes->beyond;
        all.lost += page->committed - notes->seen;
    }
}

static void run_storm(const struct ring_kind *kind, uint64_t kills)
{
    struct crash_world world;
    kind->configure(&world);
    crash_prepare(&world);
    struct crash_run run = {.world = &world, .while_stopped = while_stopped};
    uint64_t checks = 0;
    crash_start_all(&run);
    while (deaths(&run) < kills) {
        inject_fault(&run);
        random_pause(random_below(4) == 0 ? 8000000 : 1500000); /* short or long pauses between faults */
        crash_check(&run);
        if (deaths(&run) / KILLS_PER_CHECK != checks) {
            check_progress(&run);
            checks = deaths(&run) / KILLS_PER_CHECK;
        }
    }
    check_progress(&run);
    crash_store(&world.page->target, crash_load(&world.page->committing) + TAIL);
    int64_t until = test_now_ns() + MYL_SEC(30);
    while (crash_check(&run)) {
        random_pause(200000);
        if (test_now_ns() > until)
            crash_give_up(&run, "a participant is still blocked 30 s after the last kill");
    }
    add_totals(&run);
    crash_check_end(&run);
}

static void print_totals(uint64_t seed)
{
    print_message("%llu kills, %llu stops, %llu takeovers, %llu messages published\n", (unsigned long long)all.kills,
                  (unsigned long long)all.stops, (unsigned long long)all.takeovers, (unsigned long long)all.messages);
    print_message("%llu handled by consumers (%llu again after a death), %llu by observers\n",
                  (unsigned long long)all.handled, (unsigned long long)all.repeated, (unsigned long long)all.observed);
    print_message("lost: %lld, repeated beyond the lease: %llu, longest stall: %.1f ms, segments left: %d\n",
                  (long long)all.lost, (unsigned long long)all.beyond, (double)all.stall_ns / 1e6, test_shm_entries());
    print_message("MYL_STORM_SEED=%llu\n", (unsigned long long)seed);
}

static void survivors_agree_after_random_kills(void **state)
{
    (void)state;
    uint64_t kills = from_environment("MYL_STORM_KILLS", KILLS);
    uint64_t seed = from_environment("MYL_STORM_SEED", (uint64_t)test_now_ns() | 1);
    random_state = seed;
    (void)crash_find_steps();
    for (unsigned i = 0; i < KINDS; i++) {
        struct totals before = all;
        run_storm(&kinds[i], (kills + KINDS - 1) / KINDS);
        print_message("%-24s %6llu kills %8llu messages\n", kinds[i].name,
                      (unsigned long long)(all.kills - before.kills),
                      (unsigned long long)(all.messages - before.messages));
    }
    print_totals(seed);
    assert_true(all.kills >= kills);
    assert_int_equal(all.lost, 0);
    assert_int_equal(all.beyond, 0);
    assert_int_equal(test_shm_entries(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(survivors_agree_after_random_kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
