/* SPDX-License-Identifier: MIT
 * Somebody dies by SIGKILL at every step of every protocol, in every scenario that comes to it, and comes back. The
 * steps are found in the sources: one that no scenario dies at fails this test. */
/* ctest: timeout=240 */
#include "crash/kit.h"

#include <signal.h>

static struct crash_results results;

static void test_scenario(void **state)
{
    struct crash_sweep sweep = {.scenario = *state, .signal = SIGKILL};
    crash_sweep_scenario(&sweep, &results);
}

static void test_every_step(void **state)
{
    (void)state;
    crash_print_results(&results, "died");
    crash_check_results(&results);
}

int main(void)
{
    return crash_run_tests(test_scenario, test_every_step);
}
