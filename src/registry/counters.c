/* SPDX-License-Identifier: MIT
 * The list of counters, and what a participant counts of it. */
#include "registry/counters.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define DESCRIBE(NAME, index, name_, unit_, kind_, level_, producer_, consumer_, help_) \
    [index] = {.name = name_, \
               .unit = unit_, \
               .help = help_, \
               .kind = MYL_COUNTER_KIND_##kind_, \
               .level = MYL_COUNTERS_##level_, \
               .producer = producer_, \
               .consumer = consumer_},
static const myl_counter_info counters[] = {MYL_COUNTER_LIST(DESCRIBE)};
_Static_assert(sizeof counters / sizeof counters[0] <= MYL_COUNTERS_MAX, "counters: no word is left");

static const char *const level_names[] = {"default", "off", "lite", "full"};

const myl_counter_info *myl_counter_describe(unsigned counter)
{
    return counter < sizeof counters / sizeof counters[0] ? &counters[counter] : NULL;
}

const char *myl_counters_level_name(enum myl_counters_level level)
{
    unsigned i = (unsigned)level;
    return i >= MYL_COUNTERS_OFF && i <= MYL_COUNTERS_FULL ? level_names[i] : "?";
}

int myl_counters_choose(enum myl_counters_level *level)
{
    const char *named = getenv("MYELON_COUNTERS");
    if ((unsigned)*level > MYL_COUNTERS_FULL)
        return myl_fail(MYL_EINVAL, "counters is %d; pass a value of enum myl_counters_level", (int)*level);
    if (*level != MYL_COUNTERS_DEFAULT)
        return MYL_OK;
    *level = MYL_COUNTERS_FULL;
    if (named == NULL || named[0] == '\0')
        return MYL_OK;
    for (unsigned i = MYL_COUNTERS_OFF; i <= MYL_COUNTERS_FULL; i++) {
        if (strcmp(named, level_names[i]) == 0) {
            *level = (enum myl_counters_level)i;
            return MYL_OK;
        }
    }
    return myl_fail(MYL_EINVAL, "environment variable MYELON_COUNTERS is \"%.40s\"; set off, lite or full", named);
}
