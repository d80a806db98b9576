/* SPDX-License-Identifier: MIT
 * Explores small worlds exhaustively. */
#ifndef MYL_SIM_EXHAUST_H
#define MYL_SIM_EXHAUST_H

/* Explores every world (or those whose name contains `only`) within its bounds, or within `budget` preemptions (0: the
 * worlds' own bounds), for at most `seconds` each (0: no limit). `verbose`: traces a violation. Prints the first
 * violation of each world. Returns the number of worlds with one. */
unsigned exhaust_run(const char *only, unsigned budget, double seconds, int loud);

#endif
