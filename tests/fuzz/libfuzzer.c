/* SPDX-License-Identifier: MIT
 * Sets libFuzzer's mutation: half of the time by records, otherwise its own. */
#include <string.h>

#include "fuzz/mutate.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t most, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    uint64_t state = ((uint64_t)seed << 1 | 1) * UINT64_C(0x9e3779b97f4a7c15);
    if (fuzz_roll(&state, 3) == 0)
        return LLVMFuzzerMutate(data, size, most);
    for (uint64_t n = 1 + fuzz_roll(&state, 3); n > 0; n--)
        size = fuzz_mutate(data, size, most, data, size, &state);
    return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t most, unsigned seed)
{
    uint64_t state = ((uint64_t)seed << 1 | 1) * UINT64_C(0x9e3779b97f4a7c15);
    if (one_size > most)
        one_size = most;
    memcpy(out, one, one_size);
    return fuzz_mutate(out, one_size, most, other, other_size, &state);
}
