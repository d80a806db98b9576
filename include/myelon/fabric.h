/* SPDX-License-Identifier: MIT
 * Layer 3: one scheduler and 1 to 64 workers. The scheduler sends requests to all workers, to some, or to one; they
 * answer. Deaths are events, a worker comes back under its rank, a new scheduler takes over. docs/fabric.md has the
 * contract: what is delivered how often, and which process sees what when another one dies.
 *
 * A fabric is two rings of messages (frame.h): the dispatch ring, written by the scheduler, and the reply ring, with a
 * lane for each worker. Their names follow from the label of the session.
 *
 * A handle belongs to one thread at a time; after fork the child's copy answers MYL_EFORKED. A handle allocates memory
 * only while it is opened. Sending, receiving and releasing make no system call as long as there is room, there are
 * messages, and no participant sleeps. Times are nanoseconds of CLOCK_MONOTONIC, sizes are bytes. */
#ifndef MYELON_FABRIC_H
#define MYELON_FABRIC_H

#include <myelon/frame.h>

#define MYL_WORKERS_MAX        64
#define MYL_FABRIC_PREFIX_MAX  5  /* bytes of a prefix without the NUL */
#define MYL_FABRIC_TAG_MAX     8  /* bytes of a session tag without the NUL */
#define MYL_FABRIC_NAME_MAX    14 /* bytes of a ring's name without the NUL: it fits where names are shortest */
#define MYL_FABRIC_DIRECTORY_MAX 183 /* bytes of a directory without the NUL */
#define MYL_FABRIC_TEXT_MAX    2048 /* bytes of a configuration as text, its NULs included */

typedef struct myl_scheduler myl_scheduler;
typedef struct myl_worker myl_worker;

/* --- configuration --------------------------------------------------------------------------------------------- */

/* A session: which fabric, and for a worker its place in it. All texts are stored inside. */
typedef struct myl_fabric_config {
    size_t size;             /* sizeof(myl_fabric_config) */
    char label[MYL_LABEL_MAX + 1]; /* names the session; printable ASCII, not empty. memfd: may be empty */
    char prefix[MYL_FABRIC_PREFIX_MAX + 1]; /* of the rings' names: a lower-case letter, then lower-case letters and
                              * digits; "" = "vmy" */
    enum myl_backend backend;
    char directory[MYL_FABRIC_DIRECTORY_MAX + 1]; /* MYL_BACKEND_FILE: where the files lie */
    uint32_t workers;        /* 1 .. 64. Scheduler: 0 = as it is, if the fabric exists. Workers: 0 = any */
    uint32_t rank;           /* workers: 0 .. workers - 1 */
    uint64_t dispatch_bytes; /* scheduler: of the dispatch ring; 0 = 1 MiB, or as it is */
    uint64_t reply_bytes;    /* scheduler: of each worker's lane; 0 = 256 KiB (more than 16 workers: 64 KiB), or as it
                              * is */
    uint64_t max_message;    /* scheduler: longest request or reply, headers included; 0 = 16 MiB, or as it is */
    int use_fds;             /* memfd: 1 = the two descriptors below; 0 = a scheduler makes the fabric */
    int dispatch_fd, reply_fd; /* they stay the caller's */
    uint64_t dispatch_session[2], reply_session[2]; /* only these (myl_info.session); 0 = any: MYL_ESESSION */
} myl_fabric_config;

/* --- requests -------------------------------------------------------------------------------------------------- */

/* What a request asks of the fabric. docs/fabric.md, "What is delivered how often". */
enum myl_request_flags {
    MYL_REQUEST_ALL = 0,           /* each worker of the mask answers */
    MYL_REQUEST_NO_REPLY = 1,      /* no answer; not in the table of requests */
    MYL_REQUEST_ONE = 2,           /* one worker of the mask: the one with the fewest requests in flight */
    MYL_REQUEST_AT_LEAST_ONCE = 4, /* kept until it is answered, and sent again after its worker died. Else at most
                                    * once */
};

typedef struct myl_request_options {
    size_t size;             /* sizeof(myl_request_options) */
    uint64_t mask;           /* bit K: worker K; 0 = all */
    int64_t timeout_ns;      /* from now to the deadline; 0 = none */
    uint64_t tag;            /* yours: in each event of this request */
    uint32_t op;             /* yours: the worker gets it */
    uint32_t flags;          /* enum myl_request_flags, or-ed */
} myl_request_options;

enum myl_fabric_event_kind {
    MYL_EVENT_REPLY = 1,     /* the final reply of `worker` to `request` */
    MYL_EVENT_PART,          /* a part of it: more will follow */
    MYL_EVENT_FAILED,        /* `worker` will not answer `request`: `status` says why (MYL_ECONSUMERDEAD: it died;
                              * MYL_EPRODUCERLEFT: it left) */
    MYL_EVENT_EXPIRED,       /* the deadline of `request` has passed; `outstanding` has not answered */
    MYL_EVENT_WORKER_JOINED, /* `worker` is here, for the first time or again */
    MYL_EVENT_WORKER_DIED,   /* once for each death. A FAILED for each of its requests follows */
    MYL_EVENT_WORKER_LEFT,   /* it closed its handle; the same */
    MYL_EVENT_ORPHAN,        /* a reply to a request of a former scheduler (option `orphans`) */
    MYL_EVENT_BAD,           /* a message of `worker` that no worker sends; it is dropped */
};

/* What a scheduler learns. */
typedef struct myl_fabric_event {
    enum myl_fabric_event_kind kind;
    uint32_t worker;         /* rank; EXPIRED: 0 */
    uint64_t request;        /* id; 0: about no request */
    uint64_t tag;            /* of the request */
    uint64_t outstanding;    /* workers that have yet to answer this request; 0: this is its last event, but for FAILED
                              * ones with a mask of their own. EXPIRED: those that did not */
    const void *data;        /* REPLY, PART, ORPHAN: the payload, in place until myl_scheduler_release; at a multiple
                              * of 16. Else NULL */
    uint64_t length;
    int32_t status;          /* REPLY, PART, ORPHAN: the worker's; FAILED: a code */
    int32_t pid;             /* WORKER_*: informational */
    uint32_t incarnation;    /* WORKER_*: how many of this rank have been here, this one included */
    uint32_t kept;           /* WORKER_DIED, WORKER_LEFT: its requests that will be sent again */
    myl_message message;     /* for myl_scheduler_release */
} myl_fabric_event;

typedef struct myl_scheduler_options {
    size_t size;             /* sizeof(myl_scheduler_options) */
    uint32_t requests_max;   /* requests in flight, 1 .. 65536; 0 = 1024. More are refused: MYL_ELIMIT */
    uint32_t deferred_max;   /* events that a collect may set aside, 1 .. 65536; 0 = 1024 */
    uint64_t keep_bytes;     /* memory for requests that may be sent again, up to 2^32; 0 = 1 MiB. Full: MYL_ELIMIT */
    int64_t open_timeout_ns; /* 0 = 5 s; MYL_AT_ONCE; MYL_FOREVER */
    int64_t busy_limit_ns;   /* a worker's activity notice holds a deadline at most this much longer; 0 = 10 min;
                              * MYL_AT_ONCE: not at all */
    int orphans;             /* 1: replies to former schedulers are events; 0: they are dropped */
    uint32_t mode;           /* permissions of rings that are made; 0 = 0600 */
    myl_memory_options memory;
    myl_wait_options wait;
} myl_scheduler_options;

/* Counted since the handle was opened. */
typedef struct myl_scheduler_counts {
    size_t size;             /* sizeof(myl_scheduler_counts), set by the caller */
    uint32_t generation;     /* schedulers of this fabric so far, this one included */
    uint32_t workers;        /* of the topology */
    uint64_t present;        /* workers that are here */
    uint32_t in_flight;      /* requests that have not got their last event */
    uint32_t kept_blocks;    /* of 1 KiB, in use for requests that may be sent again */
    uint64_t requests, replies, failed, expired, sent_again;
    uint64_t orphans;        /* replies to former schedulers */
    uint64_t late;           /* replies that no request waits for any more, or for a second time; dropped */
    uint64_t bad;            /* messages that no worker sends; dropped */
} myl_scheduler_counts;

/* --- work ------------------------------------------------------------------------------------------------------ */

enum myl_work_kind {
    MYL_WORK_REQUEST = 1,    /* to be answered */
    MYL_WORK_NO_REPLY,       /* not to be answered */
    MYL_WORK_CANCELLED,      /* `request`, which this worker holds, is not wanted any more */
    MYL_WORK_SCHEDULER,      /* another scheduler has taken over; `generation` is its number */
};

/* What a worker gets. */
typedef struct myl_work {
    enum myl_work_kind kind;
    uint32_t op;             /* the scheduler's */
    uint64_t request;        /* id */
    uint64_t mask;           /* workers that get it */
    int64_t deadline_ns;     /* CLOCK_MONOTONIC; 0: none */
    const void *data;        /* in place until myl_worker_release; at a multiple of 16 */
    uint64_t length;
    uint32_t generation;     /* of the scheduler that sent it */
    uint32_t slot;           /* for the calls below */
} myl_work;

/* Requests that a worker can hold and look ahead over. */
#define MYL_WORK_HELD_MAX 60

enum myl_reply_flags {
    MYL_REPLY_FINAL = 0,
    MYL_REPLY_MORE = 1,      /* another part follows */
};

typedef struct myl_worker_options {
    size_t size;             /* sizeof(myl_worker_options) */
    int64_t open_timeout_ns; /* how long to wait for the fabric; 0 = 15 s; MYL_AT_ONCE; MYL_FOREVER */
    enum myl_on_death on_scheduler_death; /* MYL_DEATH_REPORT (0): next returns MYL_EPRODUCERDEAD or
                              * MYL_EPRODUCERLEFT, each time; MYL_DEATH_WAIT: it waits for a successor */
    int any_owner;           /* 1: join a fabric that belongs to another user */
    myl_memory_options memory;
    myl_wait_options wait;
} myl_worker_options;

MYL_BEGIN_DECLS

/* --- names and configuration: no call here waits, or opens anything ---------------------------------------------- */

/* The tag of a label: 8 characters of 0-9 a-v, the lower 40 bits of the label's FNV-1a hash (64 bits, upper half folded
 * into the lower by xor), 5 bits each, highest first. The same on every machine and in every version. MYL_ENAME: the
 * label is empty, too long, or not printable ASCII. */
MYL_API MYL_NODISCARD int myl_session_tag(const char *label, char tag[MYL_FABRIC_TAG_MAX + 1]);

/* Checks a name that has to fit everywhere: 1 to 14 lower-case letters and digits, the first a letter. MYL_ENAME. */
MYL_API MYL_NODISCARD int myl_portable_name_check(const char *name);

/* The names of a session's rings: prefix, tag, and "p" (dispatch) or "r" (replies). MYL_ENAME, MYL_EINVAL: the
 * configuration is wrong; it is checked completely. */
MYL_API MYL_NODISCARD int myl_fabric_names(const myl_fabric_config *config, char dispatch[MYL_FABRIC_NAME_MAX + 1],
                                           char replies[MYL_FABRIC_NAME_MAX + 1]);

/* MYL_OK if `workers` is 2 .. 8, the counts that the Rust crate's WorkerCount has; else MYL_EINVAL. */
MYL_API MYL_NODISCARD int myl_worker_count_check(uint32_t workers);

/* Reads MYELON_FABRIC_LABEL, _PREFIX, _BACKEND ("shm", "file", "memfd"), _DIRECTORY, _WORKERS, _RANK, _DISPATCH_BYTES,
 * _REPLY_BYTES, _MAX_MESSAGE, _DISPATCH_FD, _REPLY_FD, _DISPATCH_SESSION, _REPLY_SESSION (32 hexadecimal digits). What
 * is not set is 0. config->size must be set. MYL_EINVAL, MYL_ENAME: a value is wrong; the sentence names it. Not while
 * another thread changes the environment. */
MYL_API MYL_NODISCARD int myl_fabric_config_from_environment(myl_fabric_config *config);

/* Reads one JSON object of up to MYL_FABRIC_TEXT_MAX bytes, with members as above in lower case without the prefix
 * ("label", "workers", ...). Unknown members, duplicates, nesting and escapes are refused: MYL_EINVAL. */
MYL_API MYL_NODISCARD int myl_fabric_config_from_json(myl_fabric_config *config, const char *text);

/* Writes the configuration as "MYELON_FABRIC_NAME=VALUE" strings, each with its NUL, and an empty one at the end: for
 * the environment of a child. Or as a JSON object. *used (NULL is fine): bytes, with the last NUL. MYL_EBUFFER: `size`
 * is too small; MYL_FABRIC_TEXT_MAX always suffices. MYL_EINVAL, MYL_ENAME: the configuration is wrong. */
MYL_API MYL_NODISCARD int myl_fabric_config_to_environment(const myl_fabric_config *config, char *text, size_t size,
                                                           size_t *used);
MYL_API MYL_NODISCARD int myl_fabric_config_to_json(const myl_fabric_config *config, char *text, size_t size,
                                                    size_t *used);

/* --- scheduler ------------------------------------------------------------------------------------------------- */

/* Makes the fabric, or takes it over after a scheduler that died or left. Every worker has its place from the
 * beginning: what is sent to a worker that has not come yet waits for it. Rings that an ended session of the same label
 * has left are removed. Waits at most open_timeout_ns, for such a session to end.
 * MYL_EPRODUCERALIVE: a scheduler of this session is alive (myl_error_participant); MYL_ESHAPE: the rings belong to
 * another label with the same tag, or have another shape; MYL_EINUSE: participants of an ended session do not leave;
 * MYL_EINVAL, MYL_ENAME, MYL_EOPTIONS, MYL_ENOMEM, MYL_ENOSPACE and what myl_frame_producer_open returns. */
MYL_API MYL_NODISCARD int myl_scheduler_open(myl_scheduler **scheduler, const myl_fabric_config *config,
                                             const myl_scheduler_options *options);

/* Ends the session: workers get MYL_ECLOSED after all that was sent before. The rings' names are removed when the last
 * worker has closed its handle. Leased replies are gone. Frees the handle; NULL is fine. */
MYL_API void myl_scheduler_close(myl_scheduler *scheduler);
/* Leaves without ending the session: a successor takes over. Frees the handle; NULL is fine. */
MYL_API void myl_scheduler_leave(myl_scheduler *scheduler);

/* The configuration of worker `rank`, with the sessions of both rings, so that the child joins this fabric and no
 * other. memfd: with two new descriptors, closed on exec, which the caller closes; a child that executes a program
 * clears FD_CLOEXEC. config->size must be set. */
MYL_API MYL_NODISCARD int myl_scheduler_config(const myl_scheduler *scheduler, uint32_t rank,
                                               myl_fabric_config *config);

/* Waits until every worker of `mask` (0: all) is here. Events stay for myl_scheduler_next. MYL_ESTARTUP: the time is
 * over; the sentence names the missing ranks, *missing (NULL is fine) has their bits. Else as next. */
MYL_API MYL_NODISCARD int myl_scheduler_wait_workers(myl_scheduler *scheduler, uint64_t mask, uint64_t *missing,
                                                     int64_t timeout_ns);

/* Sends a request with a copy of `data` (NULL if length is 0). `options` NULL: to all workers, no deadline. *request
 * (NULL with MYL_REQUEST_NO_REPLY) is its id, never 0. Waits at most timeout_ns for room in the dispatch ring.
 * Workers that are dead, or have left, are left out: each gives a FAILED event, or gets the request when it is back
 * (MYL_REQUEST_AT_LEAST_ONCE).
 * MYL_EAGAIN, MYL_ETIMEDOUT: no room; myl_error_participant is the worker that has read least, the sentence says how
 * far. A dead worker is never waited for. MYL_ELIMIT: requests_max or keep_bytes is reached; MYL_ETOOBIG: above
 * max_message; MYL_ECONSUMERDEAD: MYL_REQUEST_ONE at most once, and no worker of the mask is here or expected;
 * MYL_EINVAL: a mask beyond the workers, a negative timeout_ns, unknown flags; MYL_EINTERRUPTED, MYL_ELOCKLOST,
 * MYL_ESUPERSEDED, MYL_EFORKED. Nothing was sent then. */
MYL_API MYL_NODISCARD int myl_scheduler_request(myl_scheduler *scheduler, const myl_request_options *options,
                                                const void *data, size_t length, uint64_t *request, int64_t timeout_ns);
/* The same for data in up to 64 pieces, which become one. */
MYL_API MYL_NODISCARD int myl_scheduler_requestv(myl_scheduler *scheduler, const myl_request_options *options,
                                                 const struct iovec *pieces, size_t count, uint64_t *request,
                                                 int64_t timeout_ns);

/* The same in place: claims up to `most` bytes of the dispatch ring, at a multiple of 16, to be filled and committed.
 * MYL_ETOOBIG: more than one record holds (a quarter of the ring); MYL_ELEASED: a claim is open. */
MYL_API MYL_NODISCARD int myl_scheduler_claim(myl_scheduler *scheduler, size_t most, void **data, int64_t timeout_ns);
/* Sends the first `used` bytes of the claim. Does not wait. Failures that the request itself causes (MYL_EINVAL,
 * MYL_ELIMIT, MYL_ECONSUMERDEAD, MYL_ETOOBIG) leave the claim open. */
MYL_API MYL_NODISCARD int myl_scheduler_commit(myl_scheduler *scheduler, const myl_request_options *options,
                                               size_t used, uint64_t *request);
MYL_API void myl_scheduler_abort(myl_scheduler *scheduler);

/* The next event: a reply, a part of one, a worker that joined, died or left, a request that failed or expired. One
 * call waits for all of them. Events of one worker come in its order. A reply's payload is in place until it is
 * released; several may be held.
 * MYL_OK, MYL_EAGAIN (none yet), MYL_ETIMEDOUT, MYL_EINTERRUPTED, MYL_ELEASED (held replies take all room of a lane, or
 * the next reply comes in fragments while one such is held: release first), MYL_ECORRUPT, MYL_ELOCKLOST,
 * MYL_ESUPERSEDED, MYL_EFORKED. */
MYL_API MYL_NODISCARD int myl_scheduler_next(myl_scheduler *scheduler, myl_fabric_event *event, int64_t timeout_ns);

/* Releases the payload of an event; any order, for events without payload nothing happens. event->data becomes NULL.
 * MYL_ELIMIT: of this worker more than MYL_HELD_MAX replies are held; release an older one first. */
MYL_API MYL_NODISCARD int myl_scheduler_release(myl_scheduler *scheduler, myl_fabric_event *event);

/* Waits until `need` workers (0: all of its mask) have given their final reply to `request`, and gives its events in
 * the order of their coming, up to `capacity` of them: replies, parts and failures. Release each. Events about other
 * things are set aside for myl_scheduler_next, up to deferred_max.
 * MYL_OK: `need` replies are among them; the request is over: later replies are dropped (to stop the workers, cancel
 * it). MYL_ECONSUMERDEAD: so many cannot come any more; MYL_ETIMEDOUT: timeout_ns is over, or the deadline (then the
 * request is over, too); MYL_EBUFFER: `capacity` events were given, take them and collect again (with a smaller
 * `need`); MYL_ENOTFOUND: no such request is in flight; MYL_ELIMIT: deferred_max is reached, call myl_scheduler_next.
 * Else as next. *count is set whatever the result, and what is counted is the caller's to release. */
MYL_API MYL_NODISCARD int myl_scheduler_collect(myl_scheduler *scheduler, uint64_t request, uint32_t need,
                                                myl_fabric_event *events, uint32_t capacity, uint32_t *count,
                                                int64_t timeout_ns);

/* Ends a request: no event of it follows, and its workers get a notice (myl_worker_cancelled, MYL_WORK_CANCELLED). A
 * worker that has not begun it never gets it, if it looks ahead that far. May be called for a request that is over.
 * Waits for room as a request does; after a failure the request is over all the same, and its workers get no notice. */
MYL_API MYL_NODISCARD int myl_scheduler_cancel(myl_scheduler *scheduler, uint64_t request, int64_t timeout_ns);

/* What worker `rank` is doing: the state of its lane and its activity notice. Queries the kernel. MYL_EINVAL: no such
 * rank. MYL_ENOTFOUND: it has not come yet. MYL_EOPTIONS: peer->size is wrong. */
MYL_API MYL_NODISCARD int myl_scheduler_peer(myl_scheduler *scheduler, uint32_t rank, myl_peer *peer);

/* Copies the counts. Makes no system call. MYL_EOPTIONS. */
MYL_API MYL_NODISCARD int myl_scheduler_count(const myl_scheduler *scheduler, myl_scheduler_counts *counts);

/* Makes a waiting call of this handle, now or the next one, return MYL_EINTERRUPTED. Any thread; signal handlers. */
MYL_API void myl_scheduler_interrupt(myl_scheduler *scheduler);

/* --- worker ---------------------------------------------------------------------------------------------------- */

/* Joins the fabric as worker config->rank; waits up to open_timeout_ns until a scheduler has made it. A worker that is
 * the first of its rank gets everything that was sent to it; one that comes back gets what is sent from its return on,
 * and requests at least once that its predecessor has not answered.
 * MYL_ENOTFOUND: there is no such fabric; MYL_EDUPLICATE, MYL_EPRODUCERALIVE: a worker of this rank is alive
 * (myl_error_participant); MYL_ESHAPE: another label has the same tag, or another number of workers; MYL_ESESSION;
 * MYL_EINVAL, MYL_ENAME, MYL_EOPTIONS, MYL_ENOMEM, and what myl_frame_consumer_open returns. */
MYL_API MYL_NODISCARD int myl_worker_open(myl_worker **worker, const myl_fabric_config *config,
                                          const myl_worker_options *options);

/* Leaves. What is held is not answered. Frees the handle; NULL is fine. */
MYL_API void myl_worker_close(myl_worker *worker);

/* The next piece of work. One call waits for requests, cancels, a new scheduler, its death and the end. Several
 * requests may be held, up to MYL_WORK_HELD_MAX: then MYL_ELIMIT.
 * MYL_OK, MYL_EAGAIN, MYL_ETIMEDOUT, MYL_ECLOSED (the session has ended), MYL_EPRODUCERDEAD, MYL_EPRODUCERLEFT (the
 * scheduler; on_scheduler_death), MYL_EEVICTED (the scheduler took this worker for dead, or a tool evicted it: close),
 * MYL_EINTERRUPTED, MYL_ELEASED (what is held takes all room of the ring), MYL_ECORRUPT, MYL_ELOCKLOST,
 * MYL_ESUPERSEDED, MYL_EFORKED. */
MYL_API MYL_NODISCARD int myl_worker_next(myl_worker *worker, myl_work *work, int64_t timeout_ns);

/* Answers work, with a copy of `data` (NULL if length is 0) and a status of its own. MYL_REPLY_MORE: a part. Waits at
 * most timeout_ns for room in this worker's lane. MYL_EAGAIN, MYL_ETIMEDOUT: the scheduler does not read;
 * MYL_EINVAL: the work is not to be answered, or not held; MYL_ETOOBIG; else as myl_frame_producer_publish. */
MYL_API MYL_NODISCARD int myl_worker_reply(myl_worker *worker, const myl_work *work, const void *data, size_t length,
                                           int32_t status, uint32_t flags, int64_t timeout_ns);
/* The same for data in up to 64 pieces, which become one. */
MYL_API MYL_NODISCARD int myl_worker_replyv(myl_worker *worker, const myl_work *work, const struct iovec *pieces,
                                            size_t count, int32_t status, uint32_t flags, int64_t timeout_ns);
/* The same in place, as myl_scheduler_claim and _commit. One claim at a time. */
MYL_API MYL_NODISCARD int myl_worker_claim(myl_worker *worker, size_t most, void **data, int64_t timeout_ns);
MYL_API MYL_NODISCARD int myl_worker_commit(myl_worker *worker, const myl_work *work, size_t used, int32_t status,
                                            uint32_t flags);
MYL_API void myl_worker_abort(myl_worker *worker);

/* Ends the hold on work: its payload is the ring's again. Any order. work->data becomes NULL. */
MYL_API MYL_NODISCARD int myl_worker_release(myl_worker *worker, myl_work *work);

/* 1 if the scheduler has cancelled this work, else 0. Looks at everything that was sent so far, as far as
 * MYL_WORK_HELD_MAX allows. Does not wait. For loops that compute. */
MYL_API int myl_worker_cancelled(myl_worker *worker, const myl_work *work);

/* As myl_consumer_set_activity: until then the requests that this worker holds do not expire (busy_limit_ns). */
MYL_API void myl_worker_set_activity(myl_worker *worker, const char *text, int64_t duration_ns);

/* The rank, and how many of this rank have been here, this one included. */
MYL_API uint32_t myl_worker_rank(const myl_worker *worker);
MYL_API uint32_t myl_worker_incarnation(const myl_worker *worker);

/* Requests and cancelled ones that were passed over: not for this worker, or sent before it came back. */
MYL_API uint64_t myl_worker_skipped(const myl_worker *worker);

/* As myl_scheduler_interrupt. */
MYL_API void myl_worker_interrupt(myl_worker *worker);

MYL_END_DECLS

#endif
