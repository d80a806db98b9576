/* SPDX-License-Identifier: MIT
 * The simulator's own tests. */
#ifndef MYL_SIM_LITMUS_H
#define MYL_SIM_LITMUS_H

/* Runs all of them. Returns 0 if the simulator is correct. */
int litmus_run(int verbose);

#endif
