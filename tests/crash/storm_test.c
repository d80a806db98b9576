/* SPDX-License-Identifier: MIT
 * A storm: any party dies by SIGKILL, or stands still for a while, at any moment, and comes back at once under its id.
 * Every event is checked as a whole by every consumer; what was acknowledged is noted in a page that survives them.
 * MYL_STORM_KILLS says how many deaths (otherwise a slice of a few seconds), MYL_STORM_SEED repeats the choices. */
/* ctest: timeout=240 */
#define _XOPEN_SOURCE 700
#include "crash/kit.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { KILLS = 3000, TAIL = 200, GUST = 25 };
#define AWAY_NS MYL_MSEC(50) /* a look comes every few milliseconds, or this process did not get to run */

struct ring_kind {
    const char *name;
    void (*configure)(struct crash_world *world);
};

struct totals {
    uint64_t kills, stops, takeovers, messages, handled, repeated, beyond, lost, observed;
    int64_t stall_ns;
};

static uint64_t state_of_chance;
static struct totals all;

/* xorshift64: the same seed, the same choices. */
static uint64_t chance(uint64_t below)
{
    state_of_chance ^= state_of_chance << 13;
    state_of_chance ^= state_of_chance >> 7;
    state_of_chance ^= state_of_chance << 17;
    return state_of_chance % below;
}

static uint64_t from_environment(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL || text[0] == '\0' ? otherwise : strtoull(text, NULL, 10);
}

/* --- rings ---------------------------------------------------------------------------------------------------- */

static void base(struct crash_world *world, uint32_t event_size, uint64_t capacity, enum myl_wait_strategy strategy)
{
    *world = (struct crash_world){
        .producer = {.size = sizeof world->producer,
                     .event_size = event_size,
                     .capacity = capacity,
                     .max_consumers = CRASH_CONSUMERS,
                     .wait.strategy = strategy},
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
    world->producer.packed_cell = 256; /* 15 events a cell */
    world->batch = 20;
    world->lease = 17;
    world->runs = 1;
    world->on_death = MYL_DEATH_WAIT;
    world->producer.on_death = MYL_DEATH_WAIT;
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
    world->producer.spin_only = 1;
    world->batch = 5;
    world->lease = 7;
}

static const struct ring_kind kinds[] = {
    {"4 cells, blocking", tiny_blocking},
    {"packed, adaptive", packed_adaptive},
    {"1 KiB events, adaptive", large_events},
    {"spinning only", spin_only},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* --- the storm ------------------------------------------------------------------------------------------------- */

static uint64_t deaths(const struct crash_run *run)
{
    uint64_t sum = 0;
    for (int role = 0; role < CRASH_ROLES; role++)
        sum += (uint64_t)run->killed[role];
    return sum;
}

static void pause_a_while(uint64_t most_ns)
{
    const struct timespec t = {.tv_nsec = (long)chance(most_ns)};
    nanosleep(&t, NULL);
}

static void while_stopped(struct crash_run *run, enum crash_role role)
{
    (void)run;
    (void)role;
    pause_a_while(3000000); /* how long it stands still */
}

/* Somebody is hit: from outside at any instruction, or at a step that it comes to soon. Twice in a row now and then, so
 * that it does not get far with what it does to recover. */
static void strike(struct crash_run *run)
{
    enum crash_role role = (enum crash_role)chance(CRASH_OBSERVER + 1);
    switch (chance(6)) {
    case 0:
        crash_signal(run, role, SIGSTOP);
        break;
    case 1:
    case 2:
        crash_store(&run->world->page->fuse[role], 1 + chance(120));
        break;
    case 3:
        crash_signal(run, role, SIGKILL);
        crash_store(&run->world->page->fuse[role], 1 + chance(30));
        break;
    default:
        crash_signal(run, role, SIGKILL);
    }
}

static int all_go_on(const struct crash_world *world, uint64_t from)
{
    for (uint32_t i = 0; i < world->consumers; i++) {
        if (crash_load(&world->page->consumer[i].released) <= from)
            return 0;
    }
    return 1;
}

/* Nobody is hit until something new has been published and everybody has acknowledged it. How long did that take,
 * but for the time in which this process itself did not run? */
static void calm(struct crash_run *run)
{
    uint64_t from = crash_load(&run->world->page->committed);
    int64_t start = test_now_ns(), looked = start;
    memset(run->world->page->fuse, 0, sizeof run->world->page->fuse);
    while (!all_go_on(run->world, from)) {
        pause_a_while(200000);
        crash_look(run);
        int64_t now = test_now_ns();
        if (now - looked > AWAY_NS)
            start += now - looked;
        looked = now;
        if (now - start > MYL_SEC(20))
            crash_give_up(run, "in a calm of 20 s not everybody went on");
    }
    if (looked - start > all.stall_ns)
        all.stall_ns = looked - start;
}

static void add_up(const struct crash_run *run)
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

static void rage(const struct ring_kind *kind, uint64_t kills)
{
    struct crash_world world;
    kind->configure(&world);
    crash_prepare(&world);
    struct crash_run run = {.world = &world, .while_stopped = while_stopped};
    uint64_t calms = 0;
    crash_start_all(&run);
    while (deaths(&run) < kills) {
        strike(&run);
        pause_a_while(chance(4) == 0 ? 8000000 : 1500000); /* harder and softer */
        crash_look(&run);
        if (deaths(&run) / GUST != calms) {
            calm(&run);
            calms = deaths(&run) / GUST;
        }
    }
    calm(&run);
    crash_store(&world.page->target, crash_load(&world.page->committing) + TAIL);
    int64_t until = test_now_ns() + MYL_SEC(30);
    while (crash_look(&run)) {
        pause_a_while(200000);
        if (test_now_ns() > until)
            crash_give_up(&run, "the storm is over, and 30 s later somebody is still blocked");
    }
    add_up(&run);
    crash_check_end(&run);
}

static void print_totals(uint64_t seed)
{
    print_message("%llu kills, %llu stops, %llu takeovers, %llu messages published\n", (unsigned long long)all.kills,
                  (unsigned long long)all.stops, (unsigned long long)all.takeovers, (unsigned long long)all.messages);
    print_message("%llu handled by consumers (%llu again after a death), %llu by observers\n",
                  (unsigned long long)all.handled, (unsigned long long)all.repeated, (unsigned long long)all.observed);
    print_message("lost: %lld, repeated beyond the lease: %llu, longest stall in a calm: %.1f ms, segments left: %d\n",
                  (long long)all.lost, (unsigned long long)all.beyond, (double)all.stall_ns / 1e6, test_shm_entries());
    print_message("MYL_STORM_SEED=%llu\n", (unsigned long long)seed);
}

static void test_storm(void **state)
{
    (void)state;
    uint64_t kills = from_environment("MYL_STORM_KILLS", KILLS);
    uint64_t seed = from_environment("MYL_STORM_SEED", (uint64_t)test_now_ns() | 1);
    state_of_chance = seed;
    (void)crash_find_steps();
    for (unsigned i = 0; i < KINDS; i++) {
        struct totals before = all;
        rage(&kinds[i], (kills + KINDS - 1) / KINDS);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_storm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
