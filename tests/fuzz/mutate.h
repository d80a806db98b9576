/* SPDX-License-Identifier: MIT
 * Making inputs of inputs. An input is a row of records of equal length, a call or a change each, so that a record can
 * be added, dropped, moved or altered without giving the others another meaning. */
#ifndef MYL_TESTS_FUZZ_MUTATE_H
#define MYL_TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_RECORD 16U

/* The next number of a generator: Marsaglia's xorshift, 64 bit. `state` is not 0. */
uint64_t fuzz_roll(uint64_t *state, uint64_t sides);

/* Alters the `size` bytes of `data`, of at most `most`, once; `other` is another input to take records from. Returns
 * the new size. */
size_t fuzz_mutate(uint8_t *data, size_t size, size_t most, const uint8_t *other, size_t other_size, uint64_t *state);

#endif
