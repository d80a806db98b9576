/* SPDX-License-Identifier: MIT
 * The log callback: what the library does and finds, in words, for the program's own log. The library itself prints
 * nothing. */
#ifndef MYELON_LOG_H
#define MYELON_LOG_H

#include <myelon/base.h>

enum myl_log_level {
    MYL_LOG_OFF = 0,
    MYL_LOG_ERROR, /* a participant died, a session was ended by force, a required consumer failed */
    MYL_LOG_WARN,  /* a stall, an absent required consumer, an eviction, an optional request that was not granted */
    MYL_LOG_INFO,  /* producers and consumers of this process open, join, leave, close, take over */
};

/* `ring` is the ring's name, `text` one sentence; both are valid during the call only. `text` may contain ids that
 * other processes chose; control characters are replaced. */
typedef void (*myl_log_callback)(enum myl_log_level level, const char *ring, const char *text, void *user);

MYL_BEGIN_DECLS

/* Calls `callback` for everything of level `most` or more severe, from now on, for all handles of this process; NULL or
 * MYL_LOG_OFF turns it off. Set it before the first handle is opened: a change is not ordered with the calls of other
 * threads. The callback runs in the thread whose call causes it, never on a hot path, and with the registry lock held
 * for joins and leaves: it must return soon and must not call the library. Allocates nothing, makes no system call. */
MYL_API void myl_set_log(myl_log_callback callback, void *user, enum myl_log_level most);

/* "error", "warn", "info", "off". Static storage; "?" for an unknown level. Any thread. */
MYL_API const char *myl_log_level_name(enum myl_log_level level);

MYL_END_DECLS

#endif
