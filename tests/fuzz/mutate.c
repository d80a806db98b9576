/* SPDX-License-Identifier: MIT
 * Mutations by records. */
#include "fuzz/mutate.h"

#include <string.h>

uint64_t fuzz_roll(uint64_t *state, uint64_t sides)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (*state >> 11) % sides;
}

/* Small numbers choose a call, a word, or a kind of change. */
static uint8_t any_byte(uint64_t *state)
{
    return (uint8_t)fuzz_roll(state, fuzz_roll(state, 2) == 0 ? 12 : 256);
}

static void alter_bytes(uint8_t *record, size_t bytes, uint64_t *state)
{
    for (uint64_t n = 1 + fuzz_roll(state, 3); n > 0 && bytes > 0; n--) {
        uint8_t *at = &record[fuzz_roll(state, bytes)];
        switch (fuzz_roll(state, 3)) {
        case 0:
            *at = any_byte(state);
            break;
        case 1:
            *at = (uint8_t)(*at + (uint8_t)(fuzz_roll(state, 2) == 0 ? 1 : 255));
            break;
        default:
            *at ^= (uint8_t)(1U << fuzz_roll(state, 8));
            break;
        }
    }
}

/* Inserts room for a record at `at`. */
static size_t open_gap(uint8_t *data, size_t size, size_t at)
{
    memmove(data + at + FUZZ_RECORD, data + at, size - at);
    return size + FUZZ_RECORD;
}

size_t fuzz_mutate(uint8_t *data, size_t size, size_t most, const uint8_t *other, size_t other_size, uint64_t *state)
{
    /* Whole records; missing bytes of the last one read as zeros. */
    size_t whole = (size + FUZZ_RECORD - 1) / FUZZ_RECORD * FUZZ_RECORD;
    if (whole == 0)
        whole = FUZZ_RECORD;
    if (whole > most) {
        alter_bytes(data, size, state);
        return size;
    }
    memset(data + size, 0, whole - size);
    size = whole;
    size_t records = size / FUZZ_RECORD, others = other_size / FUZZ_RECORD;
    size_t at = fuzz_roll(state, records) * FUZZ_RECORD, to = (1 + fuzz_roll(state, records)) * FUZZ_RECORD;
    int room = size + FUZZ_RECORD <= most;
    switch (fuzz_roll(state, 9)) {
    case 0: /* a new record, never before the first */
        if (!room)
            break;
        size = open_gap(data, size, to);
        for (unsigned i = 0; i < FUZZ_RECORD; i++)
            data[to + i] = any_byte(state);
        break;
    case 1: /* repeats a record */
    case 2: /* inserts a record of the other input */
        if (!room)
            break;
        uint8_t copy[FUZZ_RECORD];
        if (others > 0 && fuzz_roll(state, 2) == 0)
            memcpy(copy, other + fuzz_roll(state, others) * FUZZ_RECORD, FUZZ_RECORD);
        else
            memcpy(copy, data + at, FUZZ_RECORD);
        size = open_gap(data, size, to);
        memcpy(data + to, copy, FUZZ_RECORD);
        break;
    case 3: /* removes a record */
        if (records < 2 || at == 0)
            break;
        memmove(data + at, data + at + FUZZ_RECORD, size - at - FUZZ_RECORD);
        size -= FUZZ_RECORD;
        break;
    case 4: /* continues like the other input */
        if (others > 1) {
            size_t from = (1 + fuzz_roll(state, others - 1)) * FUZZ_RECORD, count = others * FUZZ_RECORD - from;
            if (count > most - to)
                count = (most - to) / FUZZ_RECORD * FUZZ_RECORD;
            memmove(data + to, other + from, count); /* the two may be the same input */
            size = to + count;
        }
        break;
    default:
        alter_bytes(data + at, FUZZ_RECORD, state);
        break;
    }
    return size;
}
