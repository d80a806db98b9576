/* SPDX-License-Identifier: MIT
 * Atomic words of shared memory. A wrapper structure, so that a bare access does not compile, and so that C and
 * C++ agree (C11 _Atomic is not C++). Accessors are named by their memory order; docs/memory-model.md lists
 * every site with its partner. The simulation (tests/sim) replaces them all by defining MYL_SIM. */
#ifndef MYELON_ATOMIC_H
#define MYELON_ATOMIC_H

#include <myelon/base.h>

MYL_I_BEGIN_INLINE

/* One accessor a line, to be read as a table. */
/* clang-format off */
typedef struct { uint64_t v; } myl_au64;
typedef struct { uint32_t v; } myl_au32;

#if __GCC_ATOMIC_LLONG_LOCK_FREE != 2 || __GCC_ATOMIC_INT_LOCK_FREE != 2
#error "shared memory needs lock-free 64-bit and 32-bit words"
#endif

#ifdef MYL_SIM

MYL_BEGIN_DECLS
enum myl_sim_order { MYL_SIM_RLX, MYL_SIM_ACQ, MYL_SIM_REL, MYL_SIM_ACQ_REL, MYL_SIM_SC };
uint64_t myl_sim_load(const void *word, unsigned bytes, enum myl_sim_order order);
void myl_sim_store(void *word, unsigned bytes, uint64_t value, enum myl_sim_order order);
uint64_t myl_sim_add(void *word, unsigned bytes, uint64_t value, enum myl_sim_order order);
int myl_sim_cas(void *word, unsigned bytes, uint64_t *expected, uint64_t desired, enum myl_sim_order order);
void myl_sim_fence(enum myl_sim_order order);
MYL_END_DECLS

MYL_INLINE uint64_t myl_load_rlx(const myl_au64 *a) { return myl_sim_load(&a->v, 8, MYL_SIM_RLX); }
MYL_INLINE uint64_t myl_load_acq(const myl_au64 *a) { return myl_sim_load(&a->v, 8, MYL_SIM_ACQ); }
MYL_INLINE void myl_store_rlx(myl_au64 *a, uint64_t v) { myl_sim_store(&a->v, 8, v, MYL_SIM_RLX); }
MYL_INLINE void myl_store_rel(myl_au64 *a, uint64_t v) { myl_sim_store(&a->v, 8, v, MYL_SIM_REL); }
MYL_INLINE uint64_t myl_add_acq_rel(myl_au64 *a, uint64_t v) { return myl_sim_add(&a->v, 8, v, MYL_SIM_ACQ_REL); }
MYL_INLINE int myl_cas_acq_rel(myl_au64 *a, uint64_t *expected, uint64_t desired)
{
    return myl_sim_cas(&a->v, 8, expected, desired, MYL_SIM_ACQ_REL);
}
MYL_INLINE uint32_t myl_load32_rlx(const myl_au32 *a) { return (uint32_t)myl_sim_load(&a->v, 4, MYL_SIM_RLX); }
MYL_INLINE uint32_t myl_load32_acq(const myl_au32 *a) { return (uint32_t)myl_sim_load(&a->v, 4, MYL_SIM_ACQ); }
MYL_INLINE void myl_store32_rlx(myl_au32 *a, uint32_t v) { myl_sim_store(&a->v, 4, v, MYL_SIM_RLX); }
MYL_INLINE void myl_store32_rel(myl_au32 *a, uint32_t v) { myl_sim_store(&a->v, 4, v, MYL_SIM_REL); }
MYL_INLINE uint32_t myl_add32_acq_rel(myl_au32 *a, uint32_t v)
{
    return (uint32_t)myl_sim_add(&a->v, 4, v, MYL_SIM_ACQ_REL);
}
MYL_INLINE int myl_cas32_sc(myl_au32 *a, uint32_t *expected, uint32_t desired)
{
    uint64_t e = *expected;
    int done = myl_sim_cas(&a->v, 4, &e, desired, MYL_SIM_SC);
    *expected = (uint32_t)e;
    return done;
}
/* No decision depends on a statistic: the simulation does not schedule at it. */
MYL_INLINE void myl_tally_rlx(myl_au64 *a, uint64_t by) { a->v += by; }
MYL_INLINE void myl_tally_set_rlx(myl_au64 *a, uint64_t v) { a->v = v; }
MYL_INLINE void myl_fence_sc(void) { myl_sim_fence(MYL_SIM_SC); }
MYL_INLINE void myl_fence_acq(void) { myl_sim_fence(MYL_SIM_ACQ); }
MYL_INLINE void myl_fence_compiler(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

#else

MYL_INLINE uint64_t myl_load_rlx(const myl_au64 *a) { return __atomic_load_n(&a->v, __ATOMIC_RELAXED); }
MYL_INLINE uint64_t myl_load_acq(const myl_au64 *a) { return __atomic_load_n(&a->v, __ATOMIC_ACQUIRE); }
MYL_INLINE void myl_store_rlx(myl_au64 *a, uint64_t v) { __atomic_store_n(&a->v, v, __ATOMIC_RELAXED); }
MYL_INLINE void myl_store_rel(myl_au64 *a, uint64_t v) { __atomic_store_n(&a->v, v, __ATOMIC_RELEASE); }
MYL_INLINE uint64_t myl_add_acq_rel(myl_au64 *a, uint64_t v) { return __atomic_fetch_add(&a->v, v, __ATOMIC_ACQ_REL); }
MYL_INLINE int myl_cas_acq_rel(myl_au64 *a, uint64_t *expected, uint64_t desired)
{
    return __atomic_compare_exchange_n(&a->v, expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
MYL_INLINE uint32_t myl_load32_rlx(const myl_au32 *a) { return __atomic_load_n(&a->v, __ATOMIC_RELAXED); }
MYL_INLINE uint32_t myl_load32_acq(const myl_au32 *a) { return __atomic_load_n(&a->v, __ATOMIC_ACQUIRE); }
MYL_INLINE void myl_store32_rlx(myl_au32 *a, uint32_t v) { __atomic_store_n(&a->v, v, __ATOMIC_RELAXED); }
MYL_INLINE void myl_store32_rel(myl_au32 *a, uint32_t v) { __atomic_store_n(&a->v, v, __ATOMIC_RELEASE); }
MYL_INLINE uint32_t myl_add32_acq_rel(myl_au32 *a, uint32_t v)
{
    return __atomic_fetch_add(&a->v, v, __ATOMIC_ACQ_REL);
}
MYL_INLINE int myl_cas32_sc(myl_au32 *a, uint32_t *expected, uint32_t desired)
{
    return __atomic_compare_exchange_n(&a->v, expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
/* A statistic that only one thread writes: plain additions, no read-modify-write. */
MYL_INLINE void myl_tally_rlx(myl_au64 *a, uint64_t by) { myl_store_rlx(a, myl_load_rlx(a) + by); }
MYL_INLINE void myl_tally_set_rlx(myl_au64 *a, uint64_t v) { myl_store_rlx(a, v); }
/* The protocols need a store-to-load order in four cold places (gate check, join, park, fenced publish), where no
 * operation carries it. ThreadSanitizer cannot follow them, so no data relies on them alone. */
MYL_INLINE void myl_fence_sc(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
MYL_INLINE void myl_fence_acq(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
MYL_INLINE void myl_fence_compiler(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

#endif /* MYL_SIM */
/* clang-format on */

/* Asks for the line of `at` for writing. Never faults, wherever `at` points. */
MYL_INLINE void myl_prefetch_write(const void *at)
{
#if defined(MYL_SIM)
    (void)at;
#elif defined(__x86_64__)
    /* The compiler takes the instruction only when told that every target has it; it has been a no-op at worst on all
     * 64-bit ones. */
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)at));
#else
    __builtin_prefetch(at, 1);
#endif
}

/* Copies from memory that may be overwritten meanwhile: every load is atomic, the whole is not. The caller checks
 * afterwards whether the copy is torn. */
MYL_INLINE void myl_copy_rlx(void *to, const void *from, size_t bytes)
{
    unsigned char *t = (unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;
    size_t i = 0;
    if ((uintptr_t)f % sizeof(uint64_t) == 0) {
        for (; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t)) {
            uint64_t word = myl_load_rlx((const myl_au64 *)(const void *)(f + i));
            __builtin_memcpy(t + i, &word, sizeof word);
        }
    }
    for (; i < bytes; i++)
        t[i] = __atomic_load_n(f + i, __ATOMIC_RELAXED);
}

/* A numbered step of a protocol. Test builds (MYL_TEST_STEPS, and the simulation) count them, stop or kill there;
 * otherwise nothing. */
#if defined(MYL_TEST_STEPS) || defined(MYL_SIM)
MYL_BEGIN_DECLS
void myl_test_step(const char *step);
MYL_END_DECLS
#define MYL_STEP(name) myl_test_step(name)
#else
#define MYL_STEP(name) ((void)0)
#endif

MYL_I_END_INLINE

#endif
