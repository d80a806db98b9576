/* SPDX-License-Identifier: MIT
 * Shared by the peers over file descriptors. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_AHEAD = 1 << 16 };

struct stream_end {
    struct bench_stage *stage;
    int self, fd;
    const struct frame_job *job;
    unsigned char *buffer;
    size_t room, first, last; /* receiver: bytes first to last - 1 of the buffer are unread */
};

void *stream_pair(int in, int out)
{
    int *channel = malloc(2 * sizeof *channel);
    if (channel == NULL) {
        bench_explain("no memory");
        close(in);
        close(out);
        return NULL;
    }
    channel[0] = in;
    channel[1] = out;
    return channel;
}

void stream_drop(void *channel)
{
    int *fd = channel;
    close(fd[0]);
    close(fd[1]);
    free(channel);
}

void *stream_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends)
{
    struct stream_end *end = frame_buffer(stage, self, sizeof *end);
    const int *fd = channel;
    end->stage = stage;
    end->self = self;
    end->job = job;
    end->fd = fd[sends != 0];
    size_t bytes = job->shape->bytes;
    end->room = sends || bytes > READ_AHEAD ? bytes : READ_AHEAD / bytes * bytes;
    end->buffer = frame_buffer(stage, self, end->room);
    if (job->trip && fcntl(end->fd, F_SETFL, fcntl(end->fd, F_GETFL) | O_NONBLOCK) != 0)
        bench_die(stage, self, "cannot set O_NONBLOCK");
    return end;
}

/* After a read or write without a result: dies at the end of the stream or after an error, else waits before the next
 * try. */
static void wait_to_retry(struct stream_end *end, ssize_t moved)
{
    unsigned polls = 0;
    if (moved == 0 || (errno != EAGAIN && errno != EINTR))
        bench_die(end->stage, end->self, "read or write failed: %s", moved == 0 ? "end of file" : strerror(errno));
    frame_idle(end->job, &polls);
}

void *stream_claim(void *sender, size_t bytes)
{
    (void)bytes;
    return ((struct stream_end *)sender)->buffer;
}

void stream_commit(void *sender, size_t bytes)
{
    struct stream_end *end = sender;
    for (size_t done = 0; done < bytes;) {
        ssize_t moved = write(end->fd, end->buffer + done, bytes - done);
        if (moved > 0)
            done += (size_t)moved;
        else
            wait_to_retry(end, moved);
    }
}

const void *stream_next(void *receiver, size_t bytes)
{
    struct stream_end *end = receiver;
    if (end->first == end->last)
        end->first = end->last = 0;
    while (end->last - end->first < bytes) {
        ssize_t moved = read(end->fd, end->buffer + end->last, end->room - end->last);
        if (moved > 0)
            end->last += (size_t)moved;
        else
            wait_to_retry(end, moved);
    }
    const void *message = end->buffer + end->first;
    end->first += bytes;
    return message;
}

void stream_release(void *receiver)
{
    (void)receiver;
}
