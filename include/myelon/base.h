/* SPDX-License-Identifier: MIT
 * What every other header of myelon needs: visibility, versions, the sequence type, time. */
#ifndef MYELON_BASE_H
#define MYELON_BASE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define MYL_VERSION_MAJOR 0
#define MYL_VERSION_MINOR 2
#define MYL_VERSION_PATCH 0

#ifdef __cplusplus
#define MYL_BEGIN_DECLS extern "C" {
#define MYL_END_DECLS   }
/* For the headers' own use. Macros that a program expands cast by MYL_I_CAST; inline functions, which are C too, stand
 * between MYL_I_BEGIN_INLINE and MYL_I_END_INLINE. So a program built with -Wold-style-cast gets no warning from these
 * headers. */
#define MYL_I_CAST(type, value) (static_cast<type>(value))
#define MYL_I_BEGIN_INLINE _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wold-style-cast\"")
#define MYL_I_END_INLINE _Pragma("GCC diagnostic pop")
#else
#define MYL_BEGIN_DECLS
#define MYL_END_DECLS
#define MYL_I_CAST(type, value) ((type)(value))
#define MYL_I_BEGIN_INLINE
#define MYL_I_END_INLINE
#endif

#if defined(__GNUC__)
#define MYL_API           __attribute__((visibility("default")))
#define MYL_NODISCARD     __attribute__((warn_unused_result))
#define MYL_INLINE        static inline __attribute__((always_inline, unused))
/* A public call that is inline in C and C++. libmyelon-ffi exports the same calls as functions, for other languages;
 * it is this header compiled with the macro defined as MYL_API. */
#ifndef MYL_API_INLINE
#define MYL_API_INLINE    MYL_INLINE
#endif
#define MYL_LIKELY(x)     __builtin_expect(!!(x), 1)
#define MYL_UNLIKELY(x)   __builtin_expect(!!(x), 0)
#define MYL_PRINTF(f, a)  __attribute__((format(printf, f, a)))
#else
#error "myelon needs gcc or clang (the __atomic builtins)"
#endif

/* A position in a ring: the number of an event, counted from 0 since the ring was made. -1: none yet. 63 bits last for
 * 290 years at 10^9 events a second. */
typedef int64_t myl_sequence;
#define MYL_SEQUENCE_NONE MYL_I_CAST(myl_sequence, -1)

/* Every call that may wait takes a timeout in nanoseconds. MYL_TRY does not wait and returns MYL_EAGAIN; MYL_FOREVER
 * waits until there is a result; any other timeout ends with MYL_ETIMEDOUT. A negative timeout has passed already, as
 * one computed by `deadline - now` may have: the call checks once, does not wait, and returns MYL_ETIMEDOUT. No
 * negative number means "for ever". Options that are times of a policy refuse negative numbers: MYL_EINVAL. */
#define MYL_TRY      INT64_C(0)
#define MYL_FOREVER  INT64_MAX
#define MYL_USEC(n) (MYL_I_CAST(int64_t, n) * 1000)
#define MYL_MSEC(n) (MYL_I_CAST(int64_t, n) * 1000000)
#define MYL_SEC(n) (MYL_I_CAST(int64_t, n) * 1000000000)

/* Structures that grow. The first member of an options structure, `size`, is its sizeof in the program; later versions
 * add members at the end. A smaller size than the library's is accepted: missing members are 0, the default. A larger
 * one is accepted if each byte that the library does not know is 0. MYL_EOPTIONS: one of these bytes is not 0, or the
 * size is below that of the first release or above 8192. The library copies options before it uses them. In result
 * structures with a `size`, which the caller sets, the library fills the members that fit and sets the rest to 0.
 * A structure that the library allocates (a snapshot, a log, a diagnosis) begins with its `size` in the library. A
 * program checks it before it reads a member that its oldest library may not have. Its arrays have elements of
 * `..._size` bytes: index them by the inline calls beside them (myl_snapshot_entry).
 * The structures at the end of others (`ring` of producers and consumers) grow with them; the other inner ones have
 * members named `reserved`, which must be 0: they become members of later versions.
 * In C:            MYL_OPTIONS(myl_producer_options, options, .config.event_size = 64);
 * In C++11:        auto options = myl_options<myl_producer_options>(); options.config.event_size = 64; */
#ifdef __cplusplus
extern "C++" {
template <typename type> inline type myl_options()
{
    type options = {};
    options.size = sizeof options;
    return options;
}
}
#else
#define MYL_OPTIONS(type, ...) type MYL_I_FIRST(__VA_ARGS__, ) = {.size = sizeof(type), MYL_I_OTHERS(__VA_ARGS__, )}
#define MYL_I_FIRST(first, ...) first
#define MYL_I_OTHERS(first, ...) __VA_ARGS__
#endif

/* Which pointers may be NULL, in all headers:
 * - options: NULL is all defaults. In an options structure NULL is a text, list or hook that is not given.
 * - a handle, snapshot, log or diagnosis given to a call that closes, leaves or frees it: NULL does nothing.
 * - a text (name, id) that a call needs: refused as any other wrong one, by MYL_ENAME, MYL_EID or MYL_EINVAL.
 * - a parameter whose comment allows it.
 * No other pointer may be NULL: a handle of another call, a place for a result, a message, a buffer with bytes to copy.
 * A NULL there is an error of the program, not a result. Without NDEBUG, the call ends the process by assert(), as far
 * as handles and places for results go: inline calls if the program was built so, the others if the library was
 * (myl_has_feature("assertions")). With NDEBUG nothing is checked, and the call may crash. */
#define MYL_I_NOT_NULL(pointer) assert((pointer) != NULL)

MYL_BEGIN_DECLS

/* Version of the library at run time, "MAJOR.MINOR.PATCH". Static storage; never NULL. Any thread. */
MYL_API const char *myl_version(void);

/* 1 if this library was built with the feature `name` ("lanes", "memfd", ...; docs/ffi.md lists them), else 0, also for
 * names it does not know. `name` must not be NULL. Any thread. */
MYL_API int myl_has_feature(const char *name);

MYL_END_DECLS

#endif
