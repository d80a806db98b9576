/* SPDX-License-Identifier: MIT
 * Structures that grow: options that a caller passes, and results that a caller provides memory for. The first member
 * of each is its size in the program, in bytes. New members are added at the end. */
#ifndef MYL_BASE_OPTIONS_H
#define MYL_BASE_OPTIONS_H

#include <stddef.h>

/* No structure is larger, in any version. A larger size is refused before anything is read or written. */
#define MYL_OPTIONS_MOST ((size_t)8192)

struct myl_options_type {
    const char *name;
    size_t size;               /* of the structure in this library */
    size_t least;              /* the end of the members of the first release */
};

/* `last`: the last member of the first release. Members that come later are optional. */
#define MYL_OPTIONS_TYPE(type, last) \
    (&(const struct myl_options_type){#type, sizeof(type), offsetof(type, last) + sizeof(((type *)0)->last)})

/* Copies `given` to `own`, a structure of this library's size. Members that the caller does not have become 0, and
 * own->size is this library's. `given` NULL: all 0. MYL_EOPTIONS: the size is below `least` or above MYL_OPTIONS_MOST,
 * or a byte that this library does not know is not 0. */
int myl_options_take(void *own, const void *given, const struct myl_options_type *type);

/* MYL_EOPTIONS: a reserved member is not 0. `what` names the structure. */
int myl_reserved_check(const void *reserved, size_t bytes, const char *what);

/* Copies `result`, a structure of this library, to `to`, up to to->size; bytes after the library's last member become
 * 0. MYL_EOPTIONS, and nothing is written: `to` is NULL, or its size is below `least` or above MYL_OPTIONS_MOST. */
int myl_result_give(void *to, const void *result, const struct myl_options_type *type);
/* MYL_EOPTIONS: myl_result_give would fail. */
int myl_result_check(const void *to, const struct myl_options_type *type);

#endif
