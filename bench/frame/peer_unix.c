/* SPDX-License-Identifier: MIT
 * Peers unix_stream and unix_seqpacket: a pair of Unix sockets with large buffers, used like the pipe. A packet is sent
 * as a whole, so a seqpacket socket cannot carry a message that is longer than its buffer. */
#include "stream.h"

#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 1 << 20 };

static void *make(int type)
{
    int fd[2], bytes = BUFFER;
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd) != 0) {
        bench_explain("cannot make a socket pair");
        return NULL;
    }
    /* SO_SNDBUFFORCE needs a privilege; without it the size is limited by the system. */
    for (int i = 0; i < 2; i++) {
        if (setsockopt(fd[i], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
            (void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    return stream_pair(fd[0], fd[1]);
}

static void *stream_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)job, (void)stage, (void)channel;
    return make(SOCK_STREAM);
}

static void *seqpacket_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)stage, (void)channel;
    int *fd = make(SOCK_SEQPACKET), bytes = 0;
    socklen_t length = sizeof bytes;
    if (fd == NULL)
        return NULL;
    (void)getsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &bytes, &length);
    if ((size_t)bytes / 2 >= job->shape->bytes + 4096)
        return fd;
    bench_explain("a message of %zu bytes does not fit into a packet; the socket buffer has %d bytes",
                  job->shape->bytes, bytes);
    stream_drop(fd);
    return NULL;
}

static const struct frame_ops stream_ops = STREAM_OPS, seqpacket_ops = STREAM_OPS;
FRAME_PARTICIPANTS(stream)
FRAME_PARTICIPANT(stream, fan)
FRAME_PARTICIPANTS(seqpacket)
FRAME_PARTICIPANT(seqpacket, fan)

const struct frame_peer frame_unix_stream = {.name = "unix_stream",
                                             .make = stream_make,
                                             .drop = stream_drop,
                                             FRAME_OF(stream),
                                             .fan = stream_fan};
const struct frame_peer frame_unix_seqpacket = {.name = "unix_seqpacket",
                                                .make = seqpacket_make,
                                                .drop = stream_drop,
                                                FRAME_OF(seqpacket),
                                                .fan = seqpacket_fan};
