/* SPDX-License-Identifier: MIT
 * Bugs planted in the library's real sources, each of which the simulator must find. */
#ifndef MYL_SIM_PLANTED_H
#define MYL_SIM_PLANTED_H

struct plant {
    const char *name;
    const char *file;        /* below the project's root */
    const char *from, *to;   /* this text, which must be there exactly once, becomes that */
    const char *profiles;    /* where to look first, separated by commas */
};

extern const struct plant plants[];
extern const unsigned plants_count;

#endif
