/* SPDX-License-Identifier: MIT
 * Runs a scenario once for each step that it reaches, and prints the table of results. */
#include "crash/kit.h"

#include <signal.h>

#include "os/os.h"

/* From this count on, a death in the middle of a life gets a second run. */
enum { OFTEN = 3 };

/* Some steps are reached only if two processes meet within a few instructions. A step at which no planned run died or
 * stopped is tried this often again, in each scenario. */
enum { REPEATS = 30 };

static unsigned life_of(const struct crash_scenario *scenario, enum crash_role role)
{
    return scenario->first_step != NULL && scenario->first_role == role;
}

static void plan_first(const struct crash_scenario *scenario, struct crash_page *page)
{
    if (scenario->first_step != NULL)
        page->plan[scenario->first_role][0] =
            (struct crash_plan){crash_step(scenario->first_step), scenario->first_occurrence, SIGKILL};
}

/* Runs the scenario with the first death only, and counts how often each role reaches each step. */
static void count_hits(const struct crash_scenario *scenario, uint64_t hits[CRASH_ROLES][CRASH_STEPS])
{
    struct crash_world world;
    scenario->configure(&world);
    crash_prepare(&world);
    plan_first(scenario, world.page);
    struct crash_run run = {.world = &world};
    crash_run_all(&run);
    if (scenario->first_step != NULL)
        assert_int_equal(run.killed[scenario->first_role], 1);
    for (int role = 0; role < CRASH_ROLES; role++)
        memcpy(hits[role], world.page->life[role][life_of(scenario, (enum crash_role)role)], sizeof hits[role]);
}

/* Returns 1 if the death or stop happened, 0 if the role did not reach the step in this run. */
static int run_once(const struct crash_sweep *sweep, enum crash_role role, uint32_t step, uint64_t occurrence)
{
    struct crash_world world;
    const struct crash_scenario *scenario = sweep->scenario;
    scenario->configure(&world);
    crash_prepare(&world);
    unsigned life = life_of(scenario, role);
    plan_first(scenario, world.page);
    world.page->plan[role][life] = (struct crash_plan){step, (uint32_t)occurrence, sweep->signal};
    struct crash_run run = {.world = &world, .scenario = scenario, .while_stopped = sweep->while_stopped};
    crash_at = (struct crash_place){scenario->name, role, step, (uint32_t)occurrence};
    crash_run_all(&run);
    crash_at.scenario = NULL;
    return sweep->signal == SIGSTOP ? run.stopped > 0 : run.killed[role] > (int)life;
}

void crash_sweep_scenario(const struct crash_sweep *sweep, struct crash_results *results)
{
    uint64_t hits[CRASH_ROLES][CRASH_STEPS];
    size_t column = (size_t)(sweep->scenario - crash_scenarios);
    count_hits(sweep->scenario, hits);
    for (enum crash_role role = CRASH_PRODUCER; role < CRASH_ROLES; role++) {
        for (uint32_t step = 0; step < crash_find_steps(); step++) {
            uint64_t count = hits[role][step];
            /* The tool runs without other processes, so it reaches the same steps in every run. */
            uint64_t stride = role == CRASH_TOOL ? 1 : count / 2;
            for (uint64_t n = 1; n <= count; n += stride) {
                results->roles[step][column] |= 1U << role;
                results->runs[step][column]++;
                results->happened[step][column] += (uint32_t)run_once(sweep, role, step, n);
                if (role != CRASH_TOOL && (count < OFTEN || n > 1))
                    break;
            }
        }
    }
}

void crash_print_results(const struct crash_results *results, const char *what)
{
    print_message("How often a process %s at a step (+n: n more runs did not reach it); all checks passed:\n%-12s",
                  what, "step");
    for (uint32_t i = 0; i < crash_scenario_count; i++)
        print_message(" %9s", crash_scenarios[i].name);
    for (uint32_t step = 0; step < crash_find_steps(); step++) {
        print_message("\n%-12s", crash_step_name(step));
        for (uint32_t i = 0; i < crash_scenario_count; i++) {
            char cell[32] = ".";
            uint32_t runs = results->runs[step][i], happened = results->happened[step][i];
            if (runs > happened)
                snprintf(cell, sizeof cell, "%u+%u", happened, runs - happened);
            else if (runs > 0)
                snprintf(cell, sizeof cell, "%u", happened);
            print_message(" %9s", cell);
        }
    }
    print_message("\n");
}

static int has_happened(const struct crash_results *results, uint32_t step)
{
    for (uint32_t i = 0; i < crash_scenario_count; i++) {
        if (results->happened[step][i] > 0)
            return 1;
    }
    return 0;
}

/* frame_kill_test.c covers the steps of frames. L4 is reached only where there is a membarrier. */
static int is_left_out(uint32_t step)
{
    const char *name = crash_step_name(step);
    return name[0] == 'F' || (strcmp(name, "L4") == 0 && myl_os_barrier() != 0);
}

/* Tries the step in all roles and scenarios that have reached it, or in all if none has, until it happens. */
static void repeat_step(const struct crash_sweep *like, uint32_t step, struct crash_results *results)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < crash_scenario_count; i++)
        known |= results->roles[step][i];
    for (int n = 0; n < REPEATS && !has_happened(results, step); n++) {
        for (uint32_t i = 0; i < crash_scenario_count; i++) {
            struct crash_sweep sweep = *like;
            sweep.scenario = &crash_scenarios[i];
            for (enum crash_role role = CRASH_PRODUCER; role < CRASH_TOOL; role++) {
                if (known != 0 && (results->roles[step][i] & 1U << role) == 0)
                    continue;
                results->runs[step][i]++;
                results->happened[step][i] += (uint32_t)run_once(&sweep, role, step, 1);
            }
        }
    }
}

void crash_repeat_missing(const struct crash_sweep *like, struct crash_results *results)
{
    for (uint32_t step = 0; step < crash_find_steps(); step++) {
        if (!is_left_out(step) && !has_happened(results, step))
            repeat_step(like, step, results);
    }
}

void crash_check_results(const struct crash_results *results)
{
    uint32_t missing = 0, all = 0;
    for (uint32_t step = 0; step < crash_find_steps(); step++) {
        uint32_t happened = 0;
        for (uint32_t i = 0; i < crash_scenario_count; i++)
            happened += results->happened[step][i];
        all += happened;
        if (happened > 0 || is_left_out(step))
            continue;
        print_message("no scenario reaches step %s\n", crash_step_name(step));
        missing++;
    }
    print_message("%u steps, %u deaths or stops\n", crash_find_steps(), all);
    assert_int_equal(missing, 0);
}

int crash_run_tests(void (*scenario)(void **), void (*every_step)(void **))
{
    struct CMUnitTest tests[32];
    size_t count = 0;
    (void)crash_find_steps();
    for (; count < crash_scenario_count; count++) {
        union {
            const struct crash_scenario *in;
            void *out;
        } state = {.in = &crash_scenarios[count]}; /* cmocka passes it on and does not write to it */
        tests[count] =
            (struct CMUnitTest){.name = crash_scenarios[count].name, .test_func = scenario, .initial_state = state.out};
    }
    tests[count++] = (struct CMUnitTest){.name = "every step", .test_func = every_step};
    return _cmocka_run_group_tests("crash", tests, count, NULL, NULL);
}
