/* SPDX-License-Identifier: MIT
 * FNV-1a, 64 bit. Finds damage, not forgery. */
#ifndef MYL_BASE_HASH_H
#define MYL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The published offset basis: the hash of no bytes. */
#define MYL_FNV1A_START UINT64_C(0xcbf29ce484222325)

/* The hash of what `hash` is of, and of `bytes` more; with the published prime. */
static inline uint64_t myl_fnv1a_add(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static inline uint64_t myl_fnv1a(const void *data, size_t bytes)
{
    return myl_fnv1a_add(MYL_FNV1A_START, data, bytes);
}

#endif
