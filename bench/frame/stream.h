/* SPDX-License-Identifier: MIT
 * Shared by the peers over file descriptors: messages are written from, and read into, a buffer of the participant. */
#ifndef BENCH_FRAME_STREAM_H
#define BENCH_FRAME_STREAM_H

#include "loops.h"

/* Makes a channel of a descriptor for reading and one for writing. Takes ownership of both, even if it fails. */
void *stream_pair(int in, int out);
void stream_drop(void *channel);

void *stream_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends);
void *stream_claim(void *sender, size_t bytes);
void stream_commit(void *sender, size_t bytes);
const void *stream_next(void *receiver, size_t bytes);
void stream_release(void *receiver);

#define STREAM_OPS \
    { \
        .open = stream_open, .claim = stream_claim, .commit = stream_commit, .next = stream_next, \
        .release = stream_release \
    }

#endif
