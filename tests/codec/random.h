/* SPDX-License-Identifier: MIT
 * Random types, random values of any type, and a comparison of values. The same seed gives the same ones. */
#ifndef MYL_TESTS_CODEC_RANDOM_H
#define MYL_TESTS_CODEC_RANDOM_H

#include <myelon/codec.h>

struct random_types {
    uint64_t dice; /* not 0 */
    size_t types, fields;
    myl_type type[128];
    myl_field field[512];
    char name[640][12];
};

/* The next number of a generator, below `sides`. */
uint64_t random_roll(uint64_t *dice, uint64_t sides);

/* A type of at most `depth` levels, with the layout that a C compiler would give it. `flat`: without pointers. */
const myl_type *random_type(struct random_types *types, unsigned depth, int flat);

/* Fills `value`, a zeroed object of the type's size, with a random value. Its memory belongs to the arena. `depth`
 * levels are filled with elements. */
void random_value(uint64_t *dice, const myl_type *type, void *value, myl_arena *arena, unsigned depth);

/* Returns 1 if the codec of that name can carry the type: pod only types without pointers, the msgpack codecs no option
 * of an option. */
int random_type_is_carried(const char *codec, const myl_type *type);

/* Returns 1 if the values are equal, floats bit by bit. */
int random_same(const myl_type *type, const void *one, const void *other);

#endif
