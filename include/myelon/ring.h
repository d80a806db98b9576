/* SPDX-License-Identifier: MIT
 * Layer 0: a ring of fixed-size events, one producer, up to 1024 consumers, strict broadcast: every registered
 * consumer sees every event, the slowest one gates. Observers look on without gating.
 *
 * A handle belongs to one thread at a time; different handles are independent. After fork the child's copies
 * answer MYL_EFORKED. The hot calls (claim, publish, next, release) are inline, make no system call, allocate
 * nothing and take no lock as long as there is room, there are events, and nobody sleeps. */
#ifndef MYELON_RING_H
#define MYELON_RING_H

#include <myelon/base.h>
#include <myelon/error.h>
#include <myelon/segment.h>
#include <myelon/wait.h>

typedef struct myl_producer myl_producer;
typedef struct myl_consumer myl_consumer;
typedef struct myl_observer myl_observer;

/* What a blocking call does when it learns that the party it waits for is dead. */
enum myl_on_death {
    MYL_DEATH_REPORT = 0, /* returns MYL_ECONSUMERDEAD or MYL_EPRODUCERDEAD; calling again waits again */
    MYL_DEATH_WAIT,       /* goes on waiting for its return */
};

typedef struct myl_producer_options {
    size_t size;             /* sizeof(myl_producer_options) */

    /* The ring's shape. Fixed when it is made; for an existing ring what is not 0 must agree. */
    uint32_t event_size;     /* bytes, 1 .. 1 MiB; needed to make a ring */
    uint32_t event_align;    /* power of two up to 4096; 0 = 8 */
    uint64_t capacity;       /* events, a power of two from 2 to 2^32; 0 = fills about half of a core's L2 cache */
    uint32_t packed_cell;    /* 0: an event a cell. 64 .. 4096: cells of so many bytes, shared by small events: as
                              * large as a batch is. The producer gets room by whole cells */
    uint32_t max_consumers;  /* 1 .. 1024; 0 = 64 */
    uint64_t type_id;        /* yours; consumers that name another one are refused; 0 = untyped */
    const char *label;       /* for people; up to 31 bytes; may be NULL */
    int spin_only;           /* 1: consumers may not park, publishing looks at no park word */

    /* Where it lives. */
    enum myl_backend backend;
    enum myl_existing existing;
    int fd;                  /* memfd: take over the ring behind this descriptor (it stays yours); 0 = make one */
    uint32_t mode;           /* permissions; 0 = 0600; the umask does not matter */
    int64_t group;           /* group id to own it; 0 = unchanged */
    int any_owner;           /* 1: take over a ring that belongs to another user */
    myl_memory_options memory;
    int cpu;                 /* pins the opening thread: CPU number + 1; 0 = no. MYL_EUNSUPPORTED: not to be had */

    /* Consumers. */
    enum myl_alone alone;
    uint64_t buffer;         /* MYL_ALONE_BUFFER: 1 .. capacity */
    uint32_t wait_consumers; /* open returns when so many are registered and alive (see wait_prefix; more than the ring
                              * has room for: MYL_EINVAL) ... */
    int64_t wait_timeout_ns; /* ... or fails with MYL_ESTARTUP after this; 0 = 5 s, MYL_FOREVER allowed */
    const char *wait_prefix; /* count only ids that start with this; NULL = all */
    const char *const *wait_ids; /* instead: these ids, wait_consumers of them; NULL = any */

    /* Waiting. */
    myl_wait_options wait;
    enum myl_on_death on_death;
    int64_t liveness_ns;     /* how often a blocked call asks the kernel who is alive; 0 = 5 ms */
} myl_producer_options;

enum myl_start {
    MYL_START_RESUME = 0, /* where this id stopped; an unknown id starts at the oldest event retained */
    MYL_START_OLDEST,     /* the oldest event retained */
    MYL_START_NOW,        /* the next event to be published */
};

/* A time that is not to be waited at all, where 0 means the default. */
#define MYL_AT_ONCE ((int64_t)-2)

/* One consumer's role, with time-outs of its own. */
typedef struct myl_role_options {
    size_t size;             /* sizeof(myl_role_options) */
    enum myl_role role;
    int64_t progress_timeout_ns; /* 0 = as the producer has it; to the millisecond, up to 49 days */
    int64_t grace_ns;        /* to the failure (required), to being reaped (expendable: 0 = at once); MYL_AT_ONCE */
} myl_role_options;

typedef struct myl_consumer_options {
    size_t size;             /* sizeof(myl_consumer_options) */
    const char *id;          /* up to 31 bytes of [A-Za-z0-9._-]; NULL = automatic, or by prefix */
    const char *prefix;      /* take the first free id of prefix_0, prefix_1, ...; dead ones are resumed first */
    enum myl_start start;
    const myl_role_options *role; /* NULL: the one this id had, plain if it is unknown */

    uint32_t event_size;     /* expectation; 0 = any */
    uint32_t event_align;    /* expectation; 0 = any */
    uint64_t type_id;        /* expectation; 0 = any */

    enum myl_backend backend;
    int fd;                  /* memfd: the descriptor received (it stays yours) */
    int any_owner;           /* 1: join a ring that belongs to another user (root's and your own always do) */
    int64_t attach_timeout_ns; /* how long to wait for the ring to appear; 0 = not at all */
    myl_memory_options memory;
    int cpu;                 /* as the producer's */

    myl_wait_options wait;
    enum myl_on_death on_death;
    int64_t liveness_ns;     /* how often a waiting call asks whether the producer is alive; 0 = after 5 ms, then less
                              * and less often, down to every 200 ms */
} myl_consumer_options;

/* How a consumer came in. */
typedef struct myl_joined {
    char id[MYL_ID_MAX + 1];
    uint64_t start;          /* number of the first event it will see */
    uint64_t lost;           /* events between where this id stopped and `start`; 0 unless it had left */
    int resumed;             /* 1: this id was known */
    uint32_t entry;          /* index in the registration table */
} myl_joined;

/* Events next to each other: event i is at (char *)event + i * stride. */
typedef struct myl_run {
    void *event;
    size_t stride;           /* bytes */
    uint64_t count;
    uint64_t sequence;       /* number of the first one */
} myl_run;

MYL_BEGIN_DECLS

/* --- producer ------------------------------------------------------------------------------------------- */

/* Makes ring `name`, or takes it over from a dead producer without loss (options->existing). `name` is NULL for a
 * memfd. NULL options: only for a ring that exists. Waits at most wait_timeout_ns. Not on a hot path. */
MYL_API MYL_NODISCARD int myl_producer_open(myl_producer **producer, const char *name,
                                            const myl_producer_options *options);

/* Ends the stream: consumers read what is left, then get MYL_ECLOSED. The last one to go removes the name; if no
 * consumer has come yet the ring stays for the first one, with its events (unless MYL_ALONE_RUN_FREE). Frees the
 * handle; NULL is fine. Open claims are forgotten. */
MYL_API void myl_producer_close(myl_producer *producer);

/* Leaves without ending the stream: the seat is free, the next producer goes on. Frees the handle. Waiting
 * consumers get MYL_EUNSEATED (MYL_DEATH_REPORT) or wait on. */
MYL_API void myl_producer_leave(myl_producer *producer);

/* Claims the next event: *event points into shared memory, to be written in place and then published. Its old content
 * is undefined. Several may be claimed before one publish; myl_producer_abort forgets them.
 * MYL_OK, MYL_EAGAIN (full), MYL_ETIMEDOUT, MYL_ECONSUMERDEAD, MYL_ESEATLOST, MYL_EINTERRUPTED, MYL_ELEASED (every
 * event of the ring is claimed: publish first), MYL_EFORKED. */
MYL_INLINE MYL_NODISCARD int myl_producer_claim(myl_producer *producer, void **event, int64_t timeout_ns);

/* Claims up to `wanted` events that lie next to each other; at least one. Waits until all `wanted` can be had (this
 * run and the following ones until `wanted` is reached will not wait), so that a batch is all or nothing. More than the
 * capacity is refused at once: MYL_ETOOBIG. */
MYL_INLINE MYL_NODISCARD int myl_producer_claim_run(myl_producer *producer, uint64_t wanted, myl_run *run,
                                                    int64_t timeout_ns);

/* Publishes everything claimed, in order. Never waits. At most one system call, and only if somebody sleeps. */
MYL_INLINE void myl_producer_publish(myl_producer *producer);

/* Forgets everything claimed and not published; consumers never see it. */
MYL_API void myl_producer_abort(myl_producer *producer);

/* Convenience: claim, copy `bytes` (the ring's event size), publish. */
MYL_API MYL_NODISCARD int myl_producer_put(myl_producer *producer, const void *event, size_t bytes, int64_t timeout_ns);

/* Number of the last event published, MYL_SEQUENCE_NONE before the first. */
MYL_API myl_sequence myl_producer_last(const myl_producer *producer);

/* Number of the last event that every gating consumer has acknowledged, and, before it went, every required one that is
 * away (liveness.h); MYL_SEQUENCE_NONE before the first; what was published last if nobody gates. Reads every cursor;
 * makes no system call. */
MYL_API myl_sequence myl_producer_gating(const myl_producer *producer);

/* 1 if myl_producer_gating has come to event `sequence`, else 0. */
MYL_API int myl_producer_is_consumed(const myl_producer *producer, myl_sequence sequence);

/* Waits until every gating consumer has acknowledged event `sequence` and at least one consumer is registered; with a
 * liveness policy, also until no required one is away that had not read it before it went. */
MYL_API MYL_NODISCARD int myl_producer_wait_consumed(myl_producer *producer, myl_sequence sequence, int64_t timeout_ns);

/* Waits until `count` consumers whose ids start with `prefix` (NULL: all) are registered and alive. MYL_EINVAL: the
 * ring has not room for so many (info.max_consumers). */
MYL_API MYL_NODISCARD int myl_producer_wait_consumers(myl_producer *producer, const char *prefix, uint32_t count,
                                                      int64_t timeout_ns);

/* Makes a waiting call of this handle, now or the next one, return MYL_EINTERRUPTED. Any thread; signal handlers. */
MYL_API void myl_producer_interrupt(myl_producer *producer);

MYL_API MYL_NODISCARD int myl_producer_info(const myl_producer *producer, myl_info *info);

/* A fresh descriptor of the segment, to hand to another process (memfd: the only way in). The caller closes it. */
MYL_API MYL_NODISCARD int myl_producer_fd(const myl_producer *producer, int *fd);

/* --- consumer ------------------------------------------------------------------------------------------- */

/* Joins ring `name`. From the moment of return this consumer gates: nothing from joined.start on is
 * overwritten before it is released. Errors: MYL_ENOTFOUND, MYL_EDUPLICATE, MYL_ETABLEFULL, MYL_EEVENTSIZE, ... */
MYL_API MYL_NODISCARD int myl_consumer_open(myl_consumer **consumer, const char *name,
                                            const myl_consumer_options *options);

/* Leaves: no longer gates; the ring remembers where this id stopped for as long as its entry is not needed. Leases
 * not released are not acknowledged. Frees the handle; NULL is fine. */
MYL_API void myl_consumer_close(myl_consumer *consumer);

/* Leases the next event: *event points to it, in place, until released. Several may be leased before one release.
 * MYL_OK, MYL_EAGAIN (none yet), MYL_ETIMEDOUT, MYL_ECLOSED (drained), MYL_EPRODUCERDEAD (drained),
 * MYL_EUNSEATED, MYL_ESEATLOST, MYL_ESUPERSEDED, MYL_EEVICTED, MYL_EINTERRUPTED, MYL_ELEASED, MYL_ECORRUPT,
 * MYL_EFORKED. */
MYL_INLINE MYL_NODISCARD int myl_consumer_next(myl_consumer *consumer, const void **event, int64_t timeout_ns);

/* Leases up to `most` published events that lie next to each other; at least one. */
MYL_INLINE MYL_NODISCARD int myl_consumer_next_run(myl_consumer *consumer, uint64_t most, myl_run *run,
                                                   int64_t timeout_ns);

/* Releases and acknowledges everything leased: after a crash this id goes on behind it. MYL_OK or MYL_EEVICTED
 * (then nothing was acknowledged). */
MYL_INLINE MYL_NODISCARD int myl_consumer_release(myl_consumer *consumer);

/* Gives back what is leased without acknowledging: the next call leases the same events again. */
MYL_API void myl_consumer_rewind(myl_consumer *consumer);

/* 1 if no event after the last leased one is published yet: the end of a batch. */
MYL_INLINE int myl_consumer_end_of_batch(const myl_consumer *consumer);

/* Convenience: lease, copy out at most `bytes`, release. Leases that are open must be released first:
 * MYL_ENOTCLAIMED. */
MYL_API MYL_NODISCARD int myl_consumer_get(myl_consumer *consumer, void *event, size_t bytes, int64_t timeout_ns);

/* Number of the last event leased (or released), MYL_SEQUENCE_NONE before the first. */
MYL_API myl_sequence myl_consumer_position(const myl_consumer *consumer);
/* Number of the last event acknowledged. */
MYL_API myl_sequence myl_consumer_acknowledged(const myl_consumer *consumer);
/* Events published and not yet leased; a moment's view. */
MYL_API uint64_t myl_consumer_available(const myl_consumer *consumer);

MYL_API MYL_NODISCARD int myl_consumer_joined(const myl_consumer *consumer, myl_joined *joined);
MYL_API void myl_consumer_interrupt(myl_consumer *consumer); /* as myl_producer_interrupt */
MYL_API MYL_NODISCARD int myl_consumer_info(const myl_consumer *consumer, myl_info *info);
MYL_API MYL_NODISCARD int myl_consumer_fd(const myl_consumer *consumer, int *fd);

/* --- observer ------------------------------------------------------------------------------------------- */

/* Looks on from `start` (MYL_START_RESUME is MYL_START_OLDEST here) without gating anybody. `id`, `prefix` and
 * on_death are ignored but for the end of waits. */
MYL_API MYL_NODISCARD int myl_observer_open(myl_observer **observer, const char *name,
                                            const myl_consumer_options *options);
MYL_API void myl_observer_close(myl_observer *observer);

/* Copies the next event (at most `bytes`) to `event`; *lost is the exact number of events that were overwritten before
 * this one could be read since the last call. On any other result than MYL_OK *lost is 0 and nothing is skipped. */
MYL_API MYL_NODISCARD int myl_observer_get(myl_observer *observer, void *event, size_t bytes, uint64_t *lost,
                                           int64_t timeout_ns);
/* Number of the last event read or lost, MYL_SEQUENCE_NONE before the first. */
MYL_API myl_sequence myl_observer_position(const myl_observer *observer);
MYL_API void myl_observer_interrupt(myl_observer *observer);
MYL_API MYL_NODISCARD int myl_observer_info(const myl_observer *observer, myl_info *info);

MYL_END_DECLS

#include <myelon/ring_inline.h>

#endif
