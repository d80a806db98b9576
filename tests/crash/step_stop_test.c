/* SPDX-License-Identifier: MIT
 * Somebody stands still (SIGSTOP) at every step of every protocol, and goes on a while later: it was alive all the
 * time, nobody says otherwise, nobody takes its seat, nothing is lost or comes twice. */
/* ctest: timeout=240 */
#include "crash/kit.h"

#include <signal.h>
#include <time.h>

/* Some of the parties' questions to the kernel (liveness_ns) fall into this. */
#define WINDOW_NS MYL_MSEC(4)

static struct crash_results results;
static const struct crash_scenario *scenario;

/* With a seat: nobody else gets it. Then it does not hold the registrar's, so this is answered at once. */
static void check_seat(const struct crash_world *world, enum crash_role role)
{
    const struct crash_page *page = world->page;
    if (role == CRASH_PRODUCER && crash_load(&page->producing)) {
        expect_no_producer(MYL_EPRODUCERALIVE, world->name, world->name, NULL);
    } else if (role >= CRASH_CONSUMER && role < CRASH_OBSERVER && !world->supersede &&
               crash_load(&page->consumer[role - CRASH_CONSUMER].joined)) { /* in the session that has the name */
        char id[16];
        snprintf(id, sizeof id, "c%d", (int)(role - CRASH_CONSUMER));
        myl_consumer_options options = consumer_options(id);
        expect_no_consumer(MYL_EDUPLICATE, id, world->name, &options);
        test_code(MYL_EINUSE, myl_evict(world->name, MYL_BACKEND_SHM, id));
    }
}

static uint64_t reports(const struct crash_page *page)
{
    uint64_t all = crash_load(&page->producer_reports) + crash_load(&page->observer_reports);
    for (uint32_t i = 0; i < CRASH_CONSUMERS; i++)
        all += crash_load(&page->consumer[i].reports);
    return all;
}

struct others {
    const struct crash_world *world;
    enum crash_role role;
    uint64_t committed;
};

static int have_read_all(void *argument)
{
    const struct others *others = argument;
    for (uint32_t i = 0; i < others->world->consumers; i++) {
        if (crash_load(&others->world->page->consumer[i].released) < others->committed &&
            others->role != CRASH_CONSUMER + i)
            return 0;
    }
    return 1;
}

/* A stopped consumer keeps its events, and a stopped producer what it has published; nobody else is held up by that. */
static void check_others(const struct crash_world *world, enum crash_role role)
{
    const struct crash_page *page = world->page;
    if (world->before_read != NULL || world->leave_at != 0)
        return; /* they wait for one another there */
    if (role == CRASH_PRODUCER && crash_load(&page->producing)) {
        struct others others = {world, role, crash_load(&page->committed)};
        test_until(have_read_all, &others, "the others have read all there is");
    } else if (role >= CRASH_CONSUMER && role < CRASH_OBSERVER &&
               crash_load(&page->consumer[role - CRASH_CONSUMER].joined)) {
        assert_true(crash_load(&page->committed) <=
                    crash_load(&page->consumer[role - CRASH_CONSUMER].releasing) + world->producer.capacity);
    }
}

static void while_stopped(struct crash_run *run, enum crash_role role)
{
    const struct crash_world *world = run->world;
    uint64_t before = reports(world->page);
    const struct timespec window = {.tv_nsec = WINDOW_NS};
    nanosleep(&window, NULL);
    check_seat(world, role);
    if (scenario->first_step != NULL)
        return; /* somebody may be dead, and comes back only after this */
    check_others(world, role);
    assert_int_equal(reports(world->page), before);
}

static void test_scenario(void **state)
{
    scenario = *state;
    struct crash_sweep sweep = {.scenario = scenario, .signal = SIGSTOP, .while_stopped = while_stopped};
    crash_sweep_scenario(&sweep, &results);
}

static void test_every_step(void **state)
{
    (void)state;
    crash_print_results(&results, "stood still");
    crash_check_results(&results);
}

int main(void)
{
    return crash_run_tests(test_scenario, test_every_step);
}
