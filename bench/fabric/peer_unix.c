/* SPDX-License-Identifier: MIT
 * Peer unix: a pair of Unix stream sockets for each worker, with blocking calls. The replies are read in the order of
 * the workers: all of them are needed. */
#include "fabric.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 1 << 20 };

struct unix_end {
    struct bench_stage *stage;
    int self, workers;
    const int *fd; /* of worker K: 2 * K the scheduler's end, 2 * K + 1 its own */
    int next;
    unsigned char *out, *in;
};

static void unix_drop(void *channel)
{
    int *fd = channel;
    for (int i = 0; i < 2 * FABRIC_WORKERS; i++) {
        if (fd[i] > 0)
            close(fd[i]);
    }
    free(fd);
}

static void *unix_make(const struct fabric_job *job, struct bench_stage *stage)
{
    (void)stage;
    int *fd = calloc((size_t)2 * FABRIC_WORKERS, sizeof *fd), bytes = BUFFER;
    for (int i = 0; fd != NULL && i < job->shape->workers; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd + 2 * i) != 0) {
            bench_explain("cannot make a socket pair");
            unix_drop(fd);
            return NULL;
        }
        /* SO_SNDBUFFORCE needs a privilege; without it the size is limited by the system. */
        for (int side = 0; side < 2; side++) {
            if (setsockopt(fd[2 * i + side], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
                (void)setsockopt(fd[2 * i + side], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        }
    }
    return fd;
}

static void *unix_open(const struct fabric_job *job, struct bench_stage *stage, int self)
{
    struct unix_end *end = fabric_buffer(stage, self, sizeof *end);
    *end = (struct unix_end){.stage = stage, .self = self, .workers = job->shape->workers, .fd = job->channel};
    end->out = fabric_buffer(stage, self, job->shape->bytes);
    end->in = fabric_buffer(stage, self, job->shape->bytes);
    return end;
}

static void *unix_claim(void *any, size_t bytes)
{
    (void)bytes;
    return ((struct unix_end *)any)->out;
}

static void write_all(struct unix_end *end, int fd, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = write(fd, end->out + done, bytes - done);
        if (n < 0 && errno != EINTR)
            bench_die(end->stage, end->self, "write failed");
        done += n > 0 ? (size_t)n : 0;
    }
}

static void unix_commit(void *any, size_t bytes)
{
    struct unix_end *end = any;
    if (end->self != 0)
        write_all(end, end->fd[2 * (end->self - 1) + 1], bytes);
    for (int i = 0; end->self == 0 && i < end->workers; i++)
        write_all(end, end->fd[2 * i], bytes);
    end->next = 0;
}

static const void *unix_next(void *any, size_t bytes)
{
    struct unix_end *end = any;
    int fd = end->self == 0 ? end->fd[2 * end->next++] : end->fd[2 * (end->self - 1) + 1];
    for (size_t done = 0; done < bytes;) {
        ssize_t n = read(fd, end->in + done, bytes - done);
        if (n == 0 || (n < 0 && errno != EINTR))
            bench_die(end->stage, end->self, "read failed");
        done += n > 0 ? (size_t)n : 0;
    }
    return end->in;
}

static void unix_release(void *any)
{
    (void)any;
}

const struct fabric_peer fabric_unix = {.name = "unix",
                                        .make = unix_make,
                                        .drop = unix_drop,
                                        .open = unix_open,
                                        .claim = unix_claim,
                                        .commit = unix_commit,
                                        .next = unix_next,
                                        .release = unix_release,
                                        .close = unix_release};
