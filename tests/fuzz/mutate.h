/* SPDX-License-Identifier: MIT
 * Derives inputs from inputs. An input is a sequence of records of equal length, each a call or a change. So a record
 * can be added, removed, moved or changed without changing the meaning of the others. */
#ifndef MYL_TESTS_FUZZ_MUTATE_H
#define MYL_TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_RECORD 16U

/* The next number of a generator: Marsaglia's xorshift, 64 bit. `state` is not 0. */
uint64_t fuzz_roll(uint64_t *state, uint64_t sides);

/* Changes the `size` bytes of `data` once, to at most `most` bytes; `other` is another input from which records are
 * taken. Returns the new size. */
size_t fuzz_mutate(uint8_t *data, size_t size, size_t most, const uint8_t *other, size_t other_size, uint64_t *state);

#endif
