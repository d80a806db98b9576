/* SPDX-License-Identifier: MIT
 * What every other header of myelon needs: visibility, versions, the sequence type, time. */
#ifndef MYELON_BASE_H
#define MYELON_BASE_H

#include <stddef.h>
#include <stdint.h>

#define MYL_VERSION_MAJOR 0
#define MYL_VERSION_MINOR 1
#define MYL_VERSION_PATCH 0

#ifdef __cplusplus
#define MYL_BEGIN_DECLS extern "C" {
#define MYL_END_DECLS   }
#else
#define MYL_BEGIN_DECLS
#define MYL_END_DECLS
#endif

#if defined(__GNUC__)
#define MYL_API           __attribute__((visibility("default")))
#define MYL_NODISCARD     __attribute__((warn_unused_result))
#define MYL_INLINE        static inline __attribute__((always_inline, unused))
#define MYL_LIKELY(x)     __builtin_expect(!!(x), 1)
#define MYL_UNLIKELY(x)   __builtin_expect(!!(x), 0)
#define MYL_PRINTF(f, a)  __attribute__((format(printf, f, a)))
#else
#error "myelon needs gcc or clang (the __atomic builtins)"
#endif

/* A position in a ring: the number of an event, counted from 0 since the ring was made. -1 says
 * "nothing yet". 63 bits last for 290 years at 10^9 events a second. */
typedef int64_t myl_sequence;
#define MYL_SEQUENCE_NONE ((myl_sequence)-1)

/* Every call that may wait takes a timeout in nanoseconds: MYL_TRY does not wait at all and answers
 * MYL_EAGAIN, MYL_FOREVER waits until there is an answer, anything else answers MYL_ETIMEDOUT; a time that is
 * negative otherwise is over already, as one computed from a deadline may be: one look, and no wait. */
#define MYL_TRY      ((int64_t)0)
#define MYL_FOREVER  ((int64_t)-1)
#define MYL_USEC(n) ((int64_t)(n)*1000)
#define MYL_MSEC(n) ((int64_t)(n)*1000000)
#define MYL_SEC(n) ((int64_t)(n)*1000000000)

MYL_BEGIN_DECLS

/* Version of the library at run time, "MAJOR.MINOR.PATCH". Static storage; never NULL. Any thread. */
MYL_API const char *myl_version(void);

MYL_END_DECLS

#endif
