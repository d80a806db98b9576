/* SPDX-License-Identifier: MIT
 * One epoll loop over two rings and a pipe. A child publishes into both rings and writes to the pipe. Usage: epoll */
#include <myelon/myelon.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RINGS = 2, MESSAGES = 1000 };

static int child(char names[RINGS][64], int out)
{
    myl_frame_producer *producer[RINGS] = {NULL, NULL};
    myl_frame_producer_options options = {.size = sizeof options};
    int rc = MYL_OK;
    for (int i = 0; rc == MYL_OK && i < RINGS; i++)
        rc = myl_frame_producer_open(&producer[i], names[i], &options);
    for (int i = 0; rc == MYL_OK && i < RINGS; i++)
        rc = myl_frame_producer_wait_consumers(producer[i], NULL, 1, MYL_SEC(60));
    for (int i = 0; rc == MYL_OK && i < MESSAGES; i++) {
        rc = myl_frame_producer_publish(producer[i % RINGS], &i, sizeof i, 0, MYL_SEC(60));
        if (i % 100 == 0 && write(out, "x", 1) != 1)
            rc = MYL_ESYSTEM;
    }
    for (int i = 0; i < RINGS; i++)
        myl_frame_producer_close(producer[i]);
    return rc != MYL_OK;
}

/* Takes what is ready, until nothing is: only then the descriptor becomes unreadable. Returns 0 at the end of all. */
static int drain(myl_waitset *set, unsigned *messages)
{
    for (;;) {
        myl_ready ready[RINGS];
        uint32_t count;
        if (myl_waitset_count(set) == 0)
            return 0;
        if (myl_waitset_wait(set, ready, RINGS, &count, MYL_TRY) != MYL_OK)
            return 1;
        for (uint32_t i = 0; i < count; i++) {
            myl_frame_consumer *consumer = ready[i].handle;
            myl_message message;
            int rc;
            while ((rc = myl_frame_consumer_next(consumer, &message, MYL_TRY)) == MYL_OK &&
                   (rc = myl_frame_consumer_release(consumer)) == MYL_OK)
                ++*messages;
            if (rc != MYL_EAGAIN && myl_waitset_remove(set, consumer) == MYL_OK) { /* the end, or a failure */
                printf("%s: %s\n", (const char *)ready[i].user, myl_errname(rc));
                myl_frame_consumer_close(consumer);
            }
        }
    }
}

int main(void)
{
    static char names[RINGS][64];
    int pipes[2], fd = -1, goes_on = 1;
    unsigned messages = 0, bytes = 0;
    for (int i = 0; i < RINGS; i++)
        (void)snprintf(names[i], sizeof names[i], "example-epoll-%d-%d", (int)getpid(), i);
    if (pipe(pipes) != 0)
        return 1;
    pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid == 0)
        return child(names, pipes[1]);
    (void)close(pipes[1]);

    myl_waitset *set = NULL;
    int rc = myl_waitset_open(&set, NULL);
    for (int i = 0; rc == MYL_OK && i < RINGS; i++) {
        myl_frame_consumer_options options = {.size = sizeof options,
                                              .ring = {.id = "loop", .attach_timeout_ns = MYL_SEC(60)}};
        myl_frame_consumer *consumer = NULL;
        rc = myl_frame_consumer_open(&consumer, names[i], &options);
        if (rc == MYL_OK)
            rc = myl_waitset_add_frame_consumer(set, consumer, names[i]);
    }
    if (rc == MYL_OK)
        rc = myl_waitset_fd(set, &fd);
    int loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event of_set = {.events = EPOLLIN, .data.fd = fd}, of_pipe = {.events = EPOLLIN, .data.fd = pipes[0]};
    if (rc != MYL_OK || epoll_ctl(loop, EPOLL_CTL_ADD, fd, &of_set) != 0 ||
        epoll_ctl(loop, EPOLL_CTL_ADD, pipes[0], &of_pipe) != 0) {
        fprintf(stderr, "%s\n", myl_error_detail());
        return 1;
    }
    while (goes_on || pipes[0] >= 0) {
        struct epoll_event event;
        char buffer[64];
        if (epoll_wait(loop, &event, 1, -1) != 1)
            continue;
        if (event.data.fd == fd) {
            goes_on = drain(set, &messages);
            if (!goes_on)
                (void)epoll_ctl(loop, EPOLL_CTL_DEL, fd, NULL);
            continue;
        }
        ssize_t got = read(pipes[0], buffer, sizeof buffer);
        bytes += got > 0 ? (unsigned)got : 0;
        if (got <= 0) { /* the child has ended */
            (void)close(pipes[0]);
            pipes[0] = -1;
        }
    }
    myl_waitset_close(set);
    (void)close(loop);
    int status = 1;
    (void)waitpid(pid, &status, 0);
    printf("%u messages of two rings, %u bytes of a pipe\n", messages, bytes);
    return status != 0 || messages != MESSAGES || bytes != MESSAGES / 100;
}
