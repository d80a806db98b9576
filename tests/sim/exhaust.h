/* SPDX-License-Identifier: MIT
 * Small worlds, gone through exhaustively. */
#ifndef MYL_SIM_EXHAUST_H
#define MYL_SIM_EXHAUST_H

/* Goes through all of every world (or of those whose name has `only` in it), within its bounds or within `budget`
 * choices out of turn (0: the worlds' own), for at most `seconds` each (0: no limit). `loud`: a violation is traced.
 * What is violated first is printed; the number of worlds in which something was. */
unsigned exhaust_run(const char *only, unsigned budget, double seconds, int loud);

#endif
