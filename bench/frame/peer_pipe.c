/* SPDX-License-Identifier: MIT
 * Peer pipe: one write per message; each read takes all available bytes. Streams block, with the largest buffer that
 * the kernel allows. Round trips poll, which avoids the scheduler. All messages have the same length, so that no length
 * is sent. */
#include "stream.h"

#include <fcntl.h>
#include <unistd.h>

enum { BUFFER = 1 << 20 };

static void *pipe_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)job, (void)stage, (void)channel;
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) != 0) {
        bench_explain("cannot make a pipe");
        return NULL;
    }
    (void)fcntl(fd[1], F_SETPIPE_SZ, BUFFER); /* if it fails, the pipe has its default size */
    return stream_pair(fd[0], fd[1]);
}

static const struct frame_ops pipe_ops = STREAM_OPS;
FRAME_PARTICIPANTS(pipe)
FRAME_PARTICIPANT(pipe, fan)

const struct frame_peer frame_pipe = {.name = "pipe",
                                      .make = pipe_make,
                                      .drop = stream_drop,
                                      FRAME_OF(pipe),
                                      .fan = pipe_fan};
