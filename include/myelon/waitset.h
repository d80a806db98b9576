/* SPDX-License-Identifier: MIT
 * Waiting for several handles at once, and one descriptor for event loops. docs/waiting.md, "Waiting on many".
 *
 * A wait set lists handles of one process: consumers, observers, and producers that wait for room; of any rings and
 * backends. A handle is *ready* if a call of it that does not wait (MYL_TRY) would return something other than
 * MYL_EAGAIN: a message or event, room, the end of the stream, a death, an eviction, MYL_ELEASED. It is reported by
 * each wait as long as it is ready; the code of a failure comes from the handle's own call.
 *
 * The set, its handles and every call of both belong to one thread at a time; myl_waitset_interrupt may be called by
 * any thread and in signal handlers. A handle is removed before it is closed. */
#ifndef MYELON_WAITSET_H
#define MYELON_WAITSET_H

#include <myelon/frame.h>

typedef struct myl_waitset myl_waitset;

/* Most handles of one set. */
#define MYL_WAITSET_MAX 1024

typedef struct myl_waitset_options {
    size_t size;            /* sizeof(myl_waitset_options) */
    myl_wait_options wait;  /* of waits for the set; those of its handles do not matter */
} myl_waitset_options;

/* A handle that is ready. */
typedef struct myl_ready {
    void *handle;           /* as it was added */
    void *user;             /* as it was given with it */
} myl_ready;

MYL_BEGIN_DECLS

/* Makes an empty set. All memory that waits need is allocated here. `options` may be NULL. MYL_EINVAL: a wait option or
 * an environment variable is invalid; MYL_EOPTIONS; MYL_ENOMEM. After a failure *set is NULL. */
MYL_API MYL_NODISCARD int myl_waitset_open(myl_waitset **set, const myl_waitset_options *options);

/* Frees the set, and ends the thread of its descriptor. The handles stay open. NULL does nothing. */
MYL_API void myl_waitset_close(myl_waitset *set);

/* Add a handle, which stays the caller's. `user` comes back with it. MYL_EINVAL: it is in the set already; MYL_ELIMIT:
 * the set has MYL_WAITSET_MAX handles; MYL_EFORKED. A consumer of values is added by the consumer of messages below it:
 * myl_typed_consumer_frames. A consumer of several lanes is one handle. */
MYL_API MYL_NODISCARD int myl_waitset_add_consumer(myl_waitset *set, myl_consumer *consumer, void *user);
MYL_API MYL_NODISCARD int myl_waitset_add_frame_consumer(myl_waitset *set, myl_frame_consumer *consumer, void *user);
MYL_API MYL_NODISCARD int myl_waitset_add_observer(myl_waitset *set, myl_observer *observer, void *user);
MYL_API MYL_NODISCARD int myl_waitset_add_frame_observer(myl_waitset *set, myl_frame_observer *observer, void *user);

/* Adds a producer, which is ready when `events` more can be claimed. MYL_ETOOBIG: the ring cannot hold so many;
 * MYL_EINVAL: 0 events. Otherwise as above. Remove it while there is nothing to publish, since it is ready then. What a
 * policy finds in a wait (MYL_ECONSUMERDEAD, MYL_ESTALLED) is returned by the next claim that has no room without it.
 * */
MYL_API MYL_NODISCARD int myl_waitset_add_producer(myl_waitset *set, myl_producer *producer, uint64_t events,
                                                   void *user);
/* As myl_waitset_add_producer: ready when a message of `bytes` can be published at once. MYL_ETOOBIG: it is longer than
 * the ring's messages, or than the ring. */
MYL_API MYL_NODISCARD int myl_waitset_add_frame_producer(myl_waitset *set, myl_frame_producer *producer, uint64_t bytes,
                                                         void *user);

/* Removes a handle. MYL_ENOTFOUND: it is not in the set. */
MYL_API MYL_NODISCARD int myl_waitset_remove(myl_waitset *set, const void *handle);

/* Returns how many handles are in the set. */
MYL_API uint32_t myl_waitset_count(const myl_waitset *set);

/* Waits until a handle is ready. Stores up to `most` ready handles in `ready` and their number, at least 1, in *count.
 * Each wait begins with another handle than the one before it, so no handle hides another one. Spins, yields and parks
 * as options.wait requests, with the liveness checks that waits for the single handles would make, also with MYL_TRY.
 * MYL_EAGAIN (MYL_TRY), MYL_ETIMEDOUT: none is ready; MYL_EINTERRUPTED: myl_waitset_interrupt was called, or a signal
 * arrived (options.wait.on_signal); MYL_EINVAL: `most` is 0; MYL_EFORKED. After a failure *count is 0. Takes time in
 * proportion to the number of handles; makes no system call if one is ready. */
MYL_API MYL_NODISCARD int myl_waitset_wait(myl_waitset *set, myl_ready *ready, uint32_t most, uint32_t *count,
                                           int64_t timeout_ns);

/* Ends one wait with MYL_EINTERRUPTED: the present one, else the next one that finds nothing ready. The descriptor
 * becomes readable. Any thread, as long as the set is open; safe in signal handlers. */
MYL_API void myl_waitset_interrupt(myl_waitset *set);

/* Stores a descriptor for poll, epoll and event loops. It is readable while a handle may be ready. Call
 * myl_waitset_wait with MYL_TRY until it returns MYL_EAGAIN: then it is not readable until a handle is ready or its
 * liveness has to be checked. It becomes readable too when a handle is added or removed, and after a wait that did not
 * end with MYL_EAGAIN. It belongs to the set: only poll it. Each call returns the same one.
 * The first call starts a thread, named "myelon-waitset", that sleeps for the caller and blocks all signals;
 * myl_waitset_close ends it. Publishers pay as for any sleeping consumer. MYL_ELIMIT, MYL_ESYSTEM: no descriptor or no
 * thread; MYL_EFORKED. */
MYL_API MYL_NODISCARD int myl_waitset_fd(myl_waitset *set, int *fd);

MYL_END_DECLS

#endif
