/* SPDX-License-Identifier: MIT
 * The simulator's own tests. */
#ifndef MYL_SIM_LITMUS_H
#define MYL_SIM_LITMUS_H

/* Runs them all; 0 if the simulator behaves. */
int litmus_run(int verbose);

#endif
