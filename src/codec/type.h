/* SPDX-License-Identifier: MIT
 * Descriptors within the library: the kinds' table, and the list of all descriptors that one reaches. */
#ifndef MYL_CODEC_TYPE_H
#define MYL_CODEC_TYPE_H

#include <myelon/type.h>

/* Levels of types without a name, one within the other, as option<vector<u8>> has 3. */
#define MYL_ANONYMOUS_MAX 32

/* Every descriptor that a root reaches, each once, the root first. */
struct myl_type_list {
    size_t count;
    const myl_type *types[MYL_TYPES_MAX];
    uint16_t order[MYL_TYPES_MAX]; /* places: a type comes after what lies within it */
};

/* The word of a kind in the schema text; NULL: no such kind. */
const char *myl_kind_word(uint32_t kind);

/* 1: a struct or a union, which has a name and fields. */
int myl_kind_is_named(uint32_t kind);

/* Checks `root` and collects all that it reaches. Errors as myl_type_check. */
int myl_type_collect(const myl_type *root, struct myl_type_list *list);

/* The place of `type` in the list; it must be there. */
size_t myl_type_place(const struct myl_type_list *list, const myl_type *type);

/* The text of a checked type, as myl_type_text. Returns its length; `*hash` is that of the whole text. */
size_t myl_type_print(const myl_type *root, enum myl_text_form form, char *text, size_t room, uint64_t *hash);

#endif
