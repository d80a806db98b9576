/* SPDX-License-Identifier: MIT
 * A process is stopped (SIGSTOP) at every step of every protocol and continued later. It is alive all the time: no
 * participant reports it dead, none acquires its lock, and no event is lost or delivered twice. */
#include "crash/kit.h"

#include <signal.h>
#include <time.h>

/* Long enough for several liveness checks of the other participants (liveness_ns). */
#define WINDOW_NS MYL_MSEC(4)

static struct crash_results results;

/* If the stopped process holds a participant lock, no other process can acquire it. It then does not hold the registry
 * lock, so the refusal comes at once. */
static void check_lock(const struct crash_world *world, enum crash_role role)
{
    const struct crash_page *page = world->page;
    /* Consumers that release in part hold the last events. */
    if (role == CRASH_PRODUCER && crash_load(&page->producing) && !world->partial) {
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

/* A stopped consumer keeps its unread events. A stopped producer's published events stay readable. Neither blocks the
 * others. */
static void check_others(const struct crash_world *world, enum crash_role role)
{
    const struct crash_page *page = world->page;
    if (world->before_read != NULL || world->leave_at != 0)
        return; /* the roles wait for each other there */
    /* Consumers that release in part hold the last events. */
    if (role == CRASH_PRODUCER && crash_load(&page->producing) && !world->partial) {
        struct others others = {world, role, crash_load(&page->committed)};
        test_until(have_read_all, &others, "the others have read all published events");
    } else if (role >= CRASH_CONSUMER && role < CRASH_OBSERVER &&
               crash_load(&page->consumer[role - CRASH_CONSUMER].joined)) {
        assert_true(crash_load(&page->committed) <=
                    crash_load(&page->consumer[role - CRASH_CONSUMER].releasing) + world->producer.config.capacity);
    }
}

static void while_stopped(struct crash_run *run, enum crash_role role)
{
    const struct crash_world *world = run->world;
    uint64_t before = reports(world->page);
    const struct timespec window = {.tv_nsec = WINDOW_NS};
    nanosleep(&window, NULL);
    check_lock(world, role);
    if (run->scenario->first_step != NULL)
        return; /* a dead role is restarted only after this */
    check_others(world, role);
    assert_int_equal(reports(world->page), before);
}

static void run_scenario(void **state)
{
    struct crash_sweep sweep = {.scenario = *state, .signal = SIGSTOP, .while_stopped = while_stopped};
    crash_sweep_scenario(&sweep, &results);
}

static void stop_at_every_step_is_harmless(void **state)
{
    (void)state;
    struct crash_sweep like = {.signal = SIGSTOP, .while_stopped = while_stopped};
    crash_repeat_missing(&like, &results);
    crash_print_results(&results, "stopped");
    crash_check_results(&results);
}

int main(void)
{
    return crash_run_tests(run_scenario, stop_at_every_step_is_harmless);
}
