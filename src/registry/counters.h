/* SPDX-License-Identifier: MIT
 * The list of counters, and what a participant counts of it. */
#ifndef MYL_REGISTRY_COUNTERS_H
#define MYL_REGISTRY_COUNTERS_H

#include <myelon/counters.h>

/* Replaces MYL_COUNTERS_DEFAULT by what the environment names, or by FULL. MYL_EINVAL: the option or the variable has
 * another value. */
int myl_counters_choose(enum myl_counters_level *level);

#endif
