/* SPDX-License-Identifier: MIT
 * Peer pipe: one write for a message, reads of as much as is there. Streams block, with the longest buffer the kernel
 * gives; round trips poll, which spares them the way through the scheduler. Messages are all of one length, so that no
 * lengths need be sent. */
#include "stream.h"

#include <fcntl.h>
#include <unistd.h>

enum { BUFFER = 1 << 20 };

static void *pipe_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)job, (void)stage, (void)channel;
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) != 0) {
        bench_explain("no pipe");
        return NULL;
    }
    (void)fcntl(fd[1], F_SETPIPE_SZ, BUFFER); /* less, if that is too much */
    return stream_pair(fd[0], fd[1]);
}

static const struct frame_way pipe_way = STREAM_WAY;
FRAME_PARTIES(pipe)
FRAME_PARTY(pipe, fan)

const struct frame_peer frame_pipe = {.name = "pipe",
                                      .make = pipe_make,
                                      .drop = stream_drop,
                                      FRAME_OF(pipe),
                                      .fan = pipe_fan};
