/* SPDX-License-Identifier: MIT
 * Layer 0: a ring of fixed-size events, one producer, up to 1024 consumers, strict broadcast: every registered
 * consumer sees every event, the slowest one gates. Observers read without gating.
 *
 * A handle belongs to one thread at a time; different handles are independent. After fork the child's copies
 * answer MYL_EFORKED. The hot calls (claim, publish, next, release) are inline, make no system call, allocate
 * nothing and take no lock as long as there is room, there are events, and no participant sleeps. */
#ifndef MYELON_RING_H
#define MYELON_RING_H

#include <myelon/base.h>
#include <myelon/counters.h>
#include <myelon/error.h>
#include <myelon/segment.h>
#include <myelon/wait.h>

typedef struct myl_producer myl_producer;
typedef struct myl_consumer myl_consumer;
typedef struct myl_observer myl_observer;

/* What a blocking call does when it detects that the awaited participant is dead. */
enum myl_on_death {
    MYL_DEATH_REPORT = 0, /* returns MYL_ECONSUMERDEAD or MYL_EPRODUCERDEAD; calling again waits again */
    MYL_DEATH_WAIT,       /* waits for its return */
};

/* Whether consumers of a ring may park. */
enum myl_spin_only {
    MYL_SPIN_ONLY_DEFAULT = 0, /* a new ring: MYL_SPIN_ONLY_OFF; an existing ring: as it is */
    MYL_SPIN_ONLY_ON,          /* they may not; publishing checks no park word */
    MYL_SPIN_ONLY_OFF,         /* they may */
};

/* packed_cell of a ring in which each event has a cell of its own. */
#define MYL_PACKED_CELL_NONE 1

/* The shape of a ring of events. Fixed when it is made. For an existing ring, what is not 0 (NULL) must agree, or the
 * open is refused: MYL_EEVENTSIZE, MYL_EALIGN, MYL_ETYPE, or MYL_ESHAPE for the others. */
typedef struct myl_ring_config {
    uint32_t event_size;     /* bytes, 1 .. 1 MiB; needed to make a ring */
    uint32_t event_align;    /* power of two up to 4096; 0 = 8 */
    uint64_t capacity;       /* events, a power of two from 2 to 2^32; 0 = fills about half of a core's L2 cache */
    uint32_t packed_cell;    /* MYL_PACKED_CELL_NONE: an event a cell. 64 .. 4096: cell size in bytes when events share
                              * cells; choose about one batch. The producer gets room by whole cells. 0: an event a
                              * cell, or as it is */
    uint32_t max_consumers;  /* 1 .. 1024; 0 = 64 */
    uint64_t type_id;        /* yours; consumers that name another one are refused; 0 = untyped, or as it is */
    const char *label;       /* informational; up to 31 bytes; "" = none; NULL = none, or as it is */
    enum myl_spin_only spin_only;
    uint32_t reserved[7];    /* 0 */
} myl_ring_config;

/* How a producer opens a ring, waits and judges its consumers: the same for events and frames. */
typedef struct myl_ring_options {
    /* Where it lives. */
    enum myl_backend backend;
    enum myl_existing existing; /* with use_fd: MYL_EXISTING_RESUME (0), else MYL_EINVAL */
    int use_fd;              /* memfd: 1 = take over the ring of descriptor `fd`; 0 = create one. With another backend
                              * than a memfd: MYL_EINVAL */
    int fd;                  /* of a memfd; it stays yours. Not open, or given without use_fd: MYL_EINVAL */
    uint32_t mode;           /* permissions; 0 = 0600; the umask does not matter. An existing ring keeps its own */
    int set_group;           /* 1: `group` owns a ring that is made. An existing ring keeps its own */
    int64_t group;           /* group id, from 0 on; without set_group: 0, else MYL_EINVAL */
    int any_owner;           /* 1: take over a ring that belongs to another user */
    myl_memory_options memory;
    int pin;                 /* 1: pins the opening thread to CPU `cpu`. MYL_EUNSUPPORTED: this thread may
                              * not run on that CPU */
    int cpu;                 /* CPU number, from 0 on; without pin: 0, else MYL_EINVAL */

    /* Consumers. */
    enum myl_no_consumer_policy no_consumers; /* applies to this producer; another one may choose differently */
    uint64_t buffer;         /* MYL_NO_CONSUMERS_BUFFER: events, 1 .. capacity (frames: bytes, 128 .. ring_bytes);
                              * otherwise 0, else MYL_EINVAL */
    uint32_t wait_consumers; /* open returns when so many are registered and alive (see wait_prefix; more than the ring
                              * has room for: MYL_EINVAL) ... */
    int64_t wait_timeout_ns; /* ... or fails with MYL_ESTARTUP after this; 0 = 5 s; MYL_FOREVER; negative: at once.
                              * No effect if wait_consumers is 0 */
    const char *wait_prefix; /* count only ids that start with this text; NULL = all. MYL_EINVAL if wait_consumers is 0,
                              * or together with wait_ids */
    const char *const *wait_ids; /* instead: these ids, wait_consumers of them; NULL = any. MYL_EINVAL if wait_consumers
                              * is 0 */
    const char *const *reserve; /* ids that gate before their consumers join: each gets every event that is published
                              * from this open on, and the producer need not wait for it. An id that is registered,
                              * alive or dead, gates already; one that has left gates again from there. A reserved id
                              * that does not come blocks the producer once the ring is full: `myelon evict` frees it.
                              * In a ring with lanes: in this producer's lane; give each producer the same ids */
    uint32_t reserve_count;  /* how many. MYL_EINVAL: more than max_consumers; MYL_ETABLEFULL: more than entries are
                              * left. All or none */

    /* Waiting. */
    myl_wait_options wait;
    enum myl_on_death on_death;
    enum myl_counters_level counters; /* what this producer counts, for tools: counters.h */
    int64_t liveness_ns;     /* interval of a blocked call's liveness checks; 0 = 5 ms */

    const char *ticket;      /* take over the ring that this ticket names; the name is NULL then, `backend` the
                              * ticket's, and `existing` MYL_EXISTING_RESUME. MYL_ENOTFOUND, MYL_ESESSION, MYL_ECLOSED:
                              * it is gone; no other ring is made in its place */
} myl_ring_options;

typedef struct myl_producer_options {
    size_t size;             /* sizeof(myl_producer_options) */
    myl_ring_config config;
    myl_ring_options ring;   /* the last member: it grows with `size` */
} myl_producer_options;

enum myl_start {
    MYL_START_RESUME = 0, /* where this id stopped; an unknown id starts at the oldest event retained */
    MYL_START_OLDEST,     /* the oldest event retained */
    MYL_START_NOW,        /* the next event to be published */
};

/* No waiting, for options in which 0 selects the default. No sum of times gives this number by accident. */
#define MYL_AT_ONCE INT64_MIN

/* One consumer's role, with time-outs of its own. */
typedef struct myl_role_options {
    size_t size;             /* sizeof(myl_role_options) */
    enum myl_role role;
    int64_t progress_timeout_ns; /* 0 = as the producer has it; to the millisecond, up to 49 days; MYL_FOREVER */
    int64_t grace_ns;        /* to the failure (required), to being reaped (expendable: 0 = at once); MYL_AT_ONCE;
                              * to the millisecond, up to 49 days; MYL_FOREVER. Other roles have none: no effect */
} myl_role_options;

/* How a consumer or an observer opens a ring, and how it waits: the same for events and frames. */
typedef struct myl_reader_options {
    const char *id;          /* up to 31 bytes of [A-Za-z0-9._-]; NULL = by prefix, or automatic: an id that no consumer
                              * had before and that is never resumed */
    const char *prefix;      /* up to 26 bytes of the same: take the first free id of prefix_0 .. prefix_N, where N is
                              * max_consumers - 1; dead ones are resumed first. Other ids that start so stay as they
                              * are */
    enum myl_start start;
    const myl_role_options *role; /* NULL: the one this id had, plain if it is unknown */

    enum myl_backend backend;
    int fd;                  /* memfd: the descriptor received, 0 included; it stays yours. One that is not open:
                              * MYL_EINVAL. Other backends: 0, else MYL_EINVAL */
    int any_owner;           /* 1: join a ring that belongs to another user (root's and your own always do) */
    int64_t attach_timeout_ns; /* how long to wait for the ring to appear; 0 or negative = not at all */
    myl_memory_options memory;
    int pin, cpu;            /* as the producer's */

    myl_wait_options wait;
    enum myl_on_death on_death;
    enum myl_counters_level counters; /* what this consumer counts, for tools: counters.h. Observers count nothing */
    int64_t liveness_ns;     /* interval of a waiting call's liveness checks of the producer; 0 = 5 ms at first,
                              * rising to 200 ms */

    const char *ticket;      /* open the ring that this ticket names; the name is NULL then, and `backend` the ticket's.
                              * MYL_ESESSION: the ring of that name is another session; MYL_ETICKET: it is no ticket */
} myl_reader_options;

/* Of consumers and observers. An expectation that the ring does not meet is MYL_EEVENTSIZE, MYL_EALIGN or MYL_ETYPE. */
typedef struct myl_consumer_options {
    size_t size;             /* sizeof(myl_consumer_options) */
    uint32_t event_size;     /* expectation, bytes; 0 = any */
    uint32_t event_align;    /* expectation, bytes; 0 = any */
    uint64_t type_id;        /* expectation; 0 = any */
    uint64_t reserved[4];    /* 0 */
    myl_reader_options ring; /* the last member: it grows with `size` */
} myl_consumer_options;

/* How a consumer joined. */
typedef struct myl_joined {
    size_t size;             /* sizeof(myl_joined), set by the caller */
    char id[MYL_ID_MAX + 1];
    uint64_t start;          /* number of the first event it will see */
    uint64_t lost;           /* events between where this id stopped and `start`; 0 unless it had left */
    int resumed;             /* 1: a consumer with this id was here before */
    uint32_t entry;          /* index in the registration table */
} myl_joined;

/* Events that lie one after the other: event i is at (char *)event + i * stride. */
typedef struct myl_span {
    void *event;
    size_t stride;           /* bytes */
    uint64_t count;
    uint64_t sequence;       /* number of the first one */
} myl_span;

/* What a poll does after its handler returned. */
enum myl_action {
    MYL_ACTION_CONTINUE = 0, /* takes the next one; acknowledges this one later, at the latest before it returns */
    MYL_ACTION_COMMIT,       /* acknowledges this one and all before it now, and takes the next one */
    MYL_ACTION_BREAK,        /* acknowledges this one and all before it, and returns */
    MYL_ACTION_ABORT,        /* acknowledges all before this one, gives this one back, and returns: it comes again */
};

/* Called by a poll for an event, which is valid until the handler returns. `end_of_batch`: 1 if no event after it is
 * published yet. */
typedef enum myl_action (*myl_poll_handler)(const void *event, myl_sequence sequence, int end_of_batch, void *user);

MYL_BEGIN_DECLS

/* --- producer ------------------------------------------------------------------------------------------- */

/* Makes ring `name`, or takes it over from a dead producer without loss (options->existing). `name` is NULL for a
 * memfd (else MYL_EINVAL). NULL options: only for a ring that exists. Waits at most wait_timeout_ns. */
MYL_API MYL_NODISCARD int myl_producer_open(myl_producer **producer, const char *name,
                                            const myl_producer_options *options);

/* Ends the stream: consumers read what is left, then get MYL_ECLOSED. The last one to go removes the name; if no
 * consumer has come yet the ring stays for the first one, with its events (unless MYL_NO_CONSUMERS_OVERWRITE; of a ring
 * with lanes, unless it was made so). Frees the handle; NULL is fine. Open claims are forgotten. */
MYL_API void myl_producer_close(myl_producer *producer);

/* Leaves without ending the stream: the producer lock is free, a successor continues. Frees the handle. Waiting
 * consumers get MYL_EPRODUCERLEFT (MYL_DEATH_REPORT) or wait on. */
MYL_API void myl_producer_leave(myl_producer *producer);

/* Claims the next event: *event points into shared memory, to be written in place and then published. Its old content
 * is undefined. Several may be claimed before one publish; myl_producer_abort forgets them.
 * MYL_OK, MYL_EAGAIN (full), MYL_ETIMEDOUT, MYL_ECONSUMERDEAD, MYL_ELOCKLOST, MYL_EINTERRUPTED, MYL_ELEASED (every
 * event of the ring is claimed: publish first), MYL_EFORKED. */
MYL_API_INLINE MYL_NODISCARD int myl_producer_claim(myl_producer *producer, void **event, int64_t timeout_ns);

/* Claims a span of up to `wanted` events that lie one after the other; at least one. Waits until there is room for all
 * `wanted`: this call and the next ones, until `wanted` is reached, do not wait again. So a batch is all or nothing.
 * More than the capacity is refused at once: MYL_ETOOBIG. */
MYL_API_INLINE MYL_NODISCARD int myl_producer_claim_span(myl_producer *producer, uint64_t wanted, myl_span *span,
                                                         int64_t timeout_ns);

/* Publishes everything claimed, in order. Never waits. At most one system call, and only if a consumer sleeps. */
MYL_API_INLINE void myl_producer_publish(myl_producer *producer);

/* Aborts all claims that are not published; consumers never see them. */
MYL_API void myl_producer_abort(myl_producer *producer);

/* Convenience: claim, copy `bytes` (the ring's event size), publish. */
MYL_API MYL_NODISCARD int myl_producer_put(myl_producer *producer, const void *event, size_t bytes, int64_t timeout_ns);

/* Number of the last event published, MYL_SEQUENCE_NONE before the first. */
MYL_API myl_sequence myl_producer_last_published(const myl_producer *producer);

/* Number of the last event that every gating consumer has acknowledged, and every absent required one (liveness.h)
 * before it left; MYL_SEQUENCE_NONE before the first; the last published event if no consumer gates. Reads every
 * cursor; makes no system call. */
MYL_API myl_sequence myl_producer_last_consumed(const myl_producer *producer);

/* 1 if myl_producer_last_consumed is `sequence` or more, else 0. */
MYL_API int myl_producer_is_consumed(const myl_producer *producer, myl_sequence sequence);

/* Waits until every gating consumer has acknowledged event `sequence` and at least one consumer is registered; with a
 * liveness policy, also until every absent required consumer that had not read it has returned and read it. */
MYL_API MYL_NODISCARD int myl_producer_wait_consumed(myl_producer *producer, myl_sequence sequence, int64_t timeout_ns);

/* Waits until `count` consumers whose ids start with `prefix` (NULL: all) are registered and alive. MYL_EINVAL: more
 * than the ring has entries for (info.max_consumers). */
MYL_API MYL_NODISCARD int myl_producer_wait_consumers(myl_producer *producer, const char *prefix, uint32_t count,
                                                      int64_t timeout_ns);

/* Makes a waiting call of this handle, now or the next one, return MYL_EINTERRUPTED. Any thread; signal handlers. */
MYL_API void myl_producer_interrupt(myl_producer *producer);

/* Copies the ring's shape and place, and what memory requests were granted. `info->size` must be set. MYL_EOPTIONS. */
MYL_API MYL_NODISCARD int myl_producer_info(const myl_producer *producer, myl_info *info);

/* The text that describes the messages of the ring, in the form of its codec: docs/schema.md. Printable ASCII and line
 * feeds, checked at open. NULL: the ring does not describe them. Valid as long as the handle. info.codec and
 * info.schema_hash belong to it. Makes no system call. Any thread. */
MYL_API const char *myl_producer_schema_text(const myl_producer *producer);

/* Writes the ring's ticket (segment.h) and a NUL to `ticket`, which has room for `size` bytes; MYL_TICKET_MAX always
 * suffice. MYL_EBUFFER: too few, nothing is written; MYL_ENAME: the ring is a file that was opened by a relative path;
 * MYL_EFORKED. Makes no system call. Of a ring of frames: myl_frame_producer_ring. */
MYL_API MYL_NODISCARD int myl_producer_ticket(const myl_producer *producer, char *ticket, size_t size);

/* Duplicates the descriptor of the segment, to hand to another process (memfd: the only way to attach). The caller
 * closes it. */
MYL_API MYL_NODISCARD int myl_producer_fd(const myl_producer *producer, int *fd);

/* --- consumer ------------------------------------------------------------------------------------------- */

/* Joins ring `name`. From the moment of return this consumer gates: nothing from joined.start on is
 * overwritten before it is released. Errors: MYL_ENOTFOUND, MYL_EDUPLICATE, MYL_ETABLEFULL, MYL_EEVENTSIZE, ... */
MYL_API MYL_NODISCARD int myl_consumer_open(myl_consumer **consumer, const char *name,
                                            const myl_consumer_options *options);

/* Leaves: no longer gates; the ring keeps the position of this id until the entry is needed for another. Leases that
 * were not released are not acknowledged. Frees the handle; NULL is fine. */
MYL_API void myl_consumer_close(myl_consumer *consumer);

/* Leases the next event: *event points to it, in place, until released. Several may be leased before one release.
 * MYL_OK, MYL_EAGAIN (none yet), MYL_ETIMEDOUT, MYL_ECLOSED (drained), MYL_EPRODUCERDEAD (drained),
 * MYL_EPRODUCERLEFT, MYL_ELOCKLOST, MYL_ESUPERSEDED, MYL_EEVICTED, MYL_EINTERRUPTED, MYL_ELEASED (waiting would never
 * end: the producer waits for the release of what is leased here, or all of the ring is leased), MYL_ECORRUPT,
 * MYL_EFORKED. */
MYL_API_INLINE MYL_NODISCARD int myl_consumer_next(myl_consumer *consumer, const void **event, int64_t timeout_ns);

/* Leases a span of up to `most` published events that lie one after the other; at least one. */
MYL_API_INLINE MYL_NODISCARD int myl_consumer_next_span(myl_consumer *consumer, uint64_t most, myl_span *span,
                                                        int64_t timeout_ns);

/* Releases and acknowledges everything leased: after a crash this id continues after it. MYL_OK or MYL_EEVICTED
 * (then nothing was acknowledged). */
MYL_API_INLINE MYL_NODISCARD int myl_consumer_release(myl_consumer *consumer);

/* Releases and acknowledges the leased events up to and including `sequence`; later ones stay leased. With
 * myl_consumer_last_leased it does what myl_consumer_release does; an event that is acknowledged already, or
 * MYL_SEQUENCE_NONE, changes nothing. Never waits; at most one system call, and only if the producer sleeps.
 * MYL_OK; MYL_EEVICTED, MYL_ENOTCLAIMED (`sequence` is not leased): nothing was acknowledged; MYL_EFORKED. */
MYL_API_INLINE MYL_NODISCARD int myl_consumer_release_to(myl_consumer *consumer, myl_sequence sequence);

/* Gives back what is leased without acknowledging: the next call leases the same events again. */
MYL_API void myl_consumer_rewind(myl_consumer *consumer);

/* 1 if no event after the last leased one is published yet: the end of a batch. */
MYL_API_INLINE int myl_consumer_end_of_batch(const myl_consumer *consumer);

/* Convenience: lease, copy out at most `bytes`, release. Leases that are open must be released first:
 * MYL_ENOTCLAIMED. */
MYL_API MYL_NODISCARD int myl_consumer_get(myl_consumer *consumer, void *event, size_t bytes, int64_t timeout_ns);

/* Waits for an event, then passes the published events to the handler, at most `limit` of them (0: no limit), and
 * acknowledges them as its results say (enum myl_action). After MYL_ACTION_CONTINUE they are also acknowledged when a
 * quarter of the ring is leased. If the process dies in a handler, this event and those since the last acknowledgement
 * are delivered again.
 * The handler may release (myl_consumer_release, _release_to): these events stay acknowledged, and MYL_ACTION_ABORT of
 * such an event is MYL_ACTION_BREAK. It must not close, rewind or poll the consumer, nor lease from it.
 * *handled (NULL is fine) counts the events handled and acknowledged by this call, whatever the result. Waits at most
 * timeout_ns, for the first event only. MYL_OK: the handler was called; MYL_ENOTCLAIMED: leases are open, release them
 * first; MYL_EINVAL: the handler is NULL, or returned no enum myl_action: its event is given back. Other failures as
 * next, after the published events are handled, and as release. */
MYL_API MYL_NODISCARD int myl_consumer_poll(myl_consumer *consumer, uint64_t limit, myl_poll_handler handler,
                                            void *user, uint64_t *handled, int64_t timeout_ns);

/* Number of the last event leased (or released), MYL_SEQUENCE_NONE before the first. */
MYL_API myl_sequence myl_consumer_last_leased(const myl_consumer *consumer);
/* Number of the last event acknowledged. */
MYL_API myl_sequence myl_consumer_last_acknowledged(const myl_consumer *consumer);
/* Events published and not yet leased; a moment's view. */
MYL_API uint64_t myl_consumer_available(const myl_consumer *consumer);

/* Copies how this handle joined: its id, its first event, the events it missed. MYL_EOPTIONS: joined->size is wrong. */
MYL_API MYL_NODISCARD int myl_consumer_joined(const myl_consumer *consumer, myl_joined *joined);
MYL_API void myl_consumer_interrupt(myl_consumer *consumer); /* as myl_producer_interrupt */
/* As myl_producer_info, myl_producer_schema_text, myl_producer_ticket and myl_producer_fd. */
MYL_API const char *myl_consumer_schema_text(const myl_consumer *consumer);
MYL_API MYL_NODISCARD int myl_consumer_ticket(const myl_consumer *consumer, char *ticket, size_t size);
MYL_API MYL_NODISCARD int myl_consumer_info(const myl_consumer *consumer, myl_info *info);
MYL_API MYL_NODISCARD int myl_consumer_fd(const myl_consumer *consumer, int *fd);

/* --- observer ------------------------------------------------------------------------------------------- */

/* Reads from `start` on (MYL_START_RESUME is MYL_START_OLDEST here) without gating. `id`, `prefix` and `role` are NULL,
 * else MYL_EINVAL: an observer is not registered. `on_death` decides what a wait returns when the producer is dead. */
MYL_API MYL_NODISCARD int myl_observer_open(myl_observer **observer, const char *name,
                                            const myl_consumer_options *options);
MYL_API void myl_observer_close(myl_observer *observer);

/* Copies the next event (at most `bytes`) to `event`; *lost is the exact number of events that were overwritten before
 * this one could be read since the last call. On any other result than MYL_OK *lost is 0 and nothing is skipped. */
MYL_API MYL_NODISCARD int myl_observer_get(myl_observer *observer, void *event, size_t bytes, uint64_t *lost,
                                           int64_t timeout_ns);
/* Number of the last event read or lost, MYL_SEQUENCE_NONE before the first. */
MYL_API myl_sequence myl_observer_last_read(const myl_observer *observer);
MYL_API void myl_observer_interrupt(myl_observer *observer);
MYL_API MYL_NODISCARD int myl_observer_info(const myl_observer *observer, myl_info *info);
MYL_API const char *myl_observer_schema_text(const myl_observer *observer); /* as myl_producer_schema_text */

MYL_END_DECLS

#include <myelon/ring_inline.h>

#endif
