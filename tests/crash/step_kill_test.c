/* SPDX-License-Identifier: MIT
 * A process dies by SIGKILL at every step of every protocol, in every scenario that reaches the step, and is restarted.
 * The steps are found in the sources. The test fails for a step at which no scenario dies. */
#include "crash/kit.h"

#include <signal.h>

static struct crash_results results;

static void run_scenario(void **state)
{
    struct crash_sweep sweep = {.scenario = *state, .signal = SIGKILL};
    crash_sweep_scenario(&sweep, &results);
}

static void death_at_every_step_is_recovered(void **state)
{
    (void)state;
    struct crash_sweep like = {.signal = SIGKILL};
    crash_repeat_missing(&like, &results);
    crash_print_results(&results, "died");
    crash_check_results(&results);
}

int main(void)
{
    return crash_run_tests(run_scenario, death_at_every_step_is_recovered);
}
