/* SPDX-License-Identifier: MIT
 * A background consumer: a thread that hands every event to a callback. The thread blocks all signals but those that a
 * fault of its own raises: the program's other threads take the rest. */
#ifndef MYELON_RUNNER_H
#define MYELON_RUNNER_H

#include <myelon/ring.h>

typedef struct myl_runner myl_runner;

/* Called for every event, in the runner's thread. `end_of_batch`: nothing more is published yet. 0 continues and
 * acknowledges; any other value stops the runner, and this event is not acknowledged. */
typedef int (*myl_handler)(const void *event, myl_sequence sequence, int end_of_batch, void *user);

typedef struct myl_runner_options {
    size_t size;            /* sizeof(myl_runner_options) */
    uint64_t batch;         /* events per release at most; 0 = 256; never more than a quarter of the ring */
    size_t stack;           /* bytes of the thread's stack; 0 = the system's default */
    const char *name;       /* of the thread, up to 15 bytes (else MYL_EINVAL); NULL = "myelon" */
    int keep_on_death;      /* 1: keeps waiting when the producer died; 0: stops with MYL_EPRODUCERDEAD */
} myl_runner_options;

/* How a runner ended. */
typedef struct myl_runner_result {
    size_t size;            /* sizeof(myl_runner_result), set by the caller */
    int code;               /* MYL_OK: asked to stop; MYL_ECLOSED: end of stream; MYL_EHANDLER; or the error */
    int handler_code;       /* MYL_EHANDLER: what the handler returned */
    uint64_t handled;       /* events acknowledged by this runner */
    char detail[256];       /* myl_error_detail of the runner's thread */
} myl_runner_result;

MYL_BEGIN_DECLS

/* Starts a thread that consumes from `consumer`, which belongs to the runner until it is joined. */
MYL_API MYL_NODISCARD int myl_runner_start(myl_runner **runner, myl_consumer *consumer, myl_handler handler, void *user,
                                           const myl_runner_options *options);

/* Requests it to stop: after the current event, even if more are published. Does not wait. Any thread, the handler
 * included. In a fork child it does nothing. */
MYL_API void myl_runner_stop(myl_runner *runner);

/* Waits for the runner's end, returns how it ended, and frees it; the consumer is the caller's again. `result` may be
 * NULL. MYL_EOPTIONS: its size is wrong; nothing changed. MYL_ETIMEDOUT: still running, nothing changed.
 * MYL_EFORKED: a fork child's copy; the thread runs in the parent, and nothing is freed. */
MYL_API MYL_NODISCARD int myl_runner_join(myl_runner *runner, myl_runner_result *result, int64_t timeout_ns);

MYL_END_DECLS

#endif
