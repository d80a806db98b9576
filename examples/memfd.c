/* SPDX-License-Identifier: MIT
 * A ring without a name: the producer makes a memfd and sends it to its child over a socket. No other process can open
 * it, none can truncate it, and it leaves nothing. */
#define _POSIX_C_SOURCE 200809L
#include <myelon/myelon.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS UINT64_C(100000)

static int failed(const char *who)
{
    fprintf(stderr, "%s: %s\n", who, myl_error_detail());
    return 1;
}

static int consume(int socket)
{
    int fd;
    if (myl_recv_fd(socket, &fd) != MYL_OK)
        return failed("consumer");
    myl_consumer *consumer;
    myl_consumer_options options = {.size = sizeof options,
                                    .ring = {.backend = MYL_BACKEND_MEMFD, .fd = fd},
                                    .event_size = sizeof(uint64_t)};
    int rc = myl_consumer_open(&consumer, NULL, &options);
    (void)close(fd); /* the handle has its own descriptor */
    if (rc != MYL_OK)
        return failed("consumer");
    uint64_t event, sum = 0;
    while ((rc = myl_consumer_get(consumer, &event, sizeof event, MYL_SEC(20))) == MYL_OK)
        sum += event;
    printf("sum %" PRIu64 "; %s\n", sum, myl_error_detail());
    myl_consumer_close(consumer);
    return rc != MYL_ECLOSED || sum != EVENTS * (EVENTS - 1) / 2;
}

static int produce(int socket)
{
    myl_producer *producer;
    myl_producer_options options = {.size = sizeof options,
                                    .ring.backend = MYL_BACKEND_MEMFD,
                                    .config.event_size = sizeof(uint64_t)};
    int fd = -1;
    int rc = myl_producer_open(&producer, NULL, &options);
    if (rc == MYL_OK)
        rc = myl_producer_fd(producer, &fd);
    if (rc == MYL_OK)
        rc = myl_send_fd(socket, fd);
    if (fd >= 0)
        (void)close(fd);
    for (uint64_t i = 0; rc == MYL_OK && i < EVENTS; i++)
        rc = myl_producer_put(producer, &i, sizeof i, MYL_SEC(20));
    if (rc == MYL_OK) /* waits until the consumer has handled all events */
        rc = myl_producer_wait_consumed(producer, (myl_sequence)EVENTS - 1, MYL_SEC(20));
    if (rc != MYL_OK)
        (void)failed("producer");
    myl_producer_close(producer);
    return rc != MYL_OK;
}

int main(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 1;
    pid_t child = fork(); /* before any handle is opened: a child cannot use its parent's handles */
    if (child < 0)
        return 1;
    (void)close(ends[child == 0 ? 0 : 1]);
    if (child == 0)
        return consume(ends[1]);
    int result = produce(ends[0]);
    int status;
    (void)close(ends[0]);
    return waitpid(child, &status, 0) != child || status != 0 || result;
}
