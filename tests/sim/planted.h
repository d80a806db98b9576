/* SPDX-License-Identifier: MIT
 * Bugs planted in the library's sources. The simulator must find each of them. */
#ifndef MYL_SIM_PLANTED_H
#define MYL_SIM_PLANTED_H

struct plant {
    const char *name;
    const char *file;        /* relative to the project's root */
    const char *from, *to;   /* `from`, which must be in the file exactly once, is replaced by `to` */
    const char *profiles;    /* profiles to run first, separated by commas */
};

extern const struct plant plants[];
extern const unsigned plants_count;

#endif
