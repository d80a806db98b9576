/* SPDX-License-Identifier: MIT
 * The thread of a runner, for consumers of events and of messages. */
#ifndef MYL_RING_RUNNER_H
#define MYL_RING_RUNNER_H

#include <myelon/runner.h>

#include "ring/state.h"

#include <pthread.h>

/* Bytes of a thread name with its NUL. */
#define MYL_RUNNER_NAME 16

/* The consumer of a runner, and how to poll it. */
struct myl_runner_source {
    void *consumer;
    struct myl_consumer *ring; /* its waits are the ones to interrupt */
    void (*handler)(void);     /* of the type that `poll` expects */
    void *user;
    uint64_t most;             /* largest batch; 0: 1 */
    int (*poll)(struct myl_runner *runner, uint64_t *handled); /* one batch. MYL_EHANDLER: the handler stopped */
};

struct myl_runner {
    pthread_t thread;
    pthread_mutex_t lock;      /* guards `ended`; never held while the handler runs */
    pthread_cond_t changed;
    int ended;
    myl_au32 stop;
    struct myl_runner_source source;
    uint64_t batch;
    uint64_t length;           /* messages: bytes of the last one handled */
    int keep_on_death;
    char name[MYL_RUNNER_NAME];
    struct myl_os_fork_node fork_node;
    int forked;                /* this is a fork child's copy; the thread exists only in the parent */
    myl_runner_result result;
};

/* As myl_runner_start. */
int myl_runner_begin(myl_runner **runner, const struct myl_runner_source *source, const myl_runner_options *options);
/* Returns the action of the poll after the handler returned `code`. */
enum myl_action myl_runner_action(struct myl_runner *runner, int code);

#endif
