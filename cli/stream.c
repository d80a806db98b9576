/* SPDX-License-Identifier: MIT
 * Reads and writes that wait for the descriptor or a stop signal. */
#define _POSIX_C_SOURCE 200809L
#include "stream.h"

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long the end of a pipe waits for a stop signal that was sent to the whole process group. The kernel sends it to
 * all members before the first can end. On a descheduled virtual processor the other members get it a little later. */
#define SETTLE_MS 20

static void wait_for(int fd, short events, int timeout_ms, int stoppable)
{
    struct pollfd ready[] = {{.fd = fd, .events = events}, {.fd = cli_stop_descriptor(), .events = POLLIN}};
    (void)poll(ready, stoppable ? 2 : 1, timeout_ms); /* on a signal or an error, the caller's next call reports it */
}

/* At the end of a pipe: if a terminal can stop this process group, waits for its signal to arrive. */
static void settle(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode)))
        return;
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0)
        return;
    close(terminal);
    wait_for(-1, 0, SETTLE_MS, 1);
}

ssize_t stream_read(int fd, void *data, size_t room)
{
    for (;;) {
        wait_for(fd, POLLIN, -1, 1); /* so that a signal between the check and the read is not missed */
        if (cli_stop_signal() != 0)
            return STREAM_STOPPED;
        ssize_t got = read(fd, data, room);
        int error = errno;
        if (got == 0)
            settle(fd);
        if (cli_stop_signal() != 0)
            return STREAM_STOPPED;
        if (got >= 0)
            return got;
        errno = error;
        if (error != EINTR && error != EAGAIN && error != EWOULDBLOCK)
            return STREAM_FAILED;
    }
}

int stream_ready(int fd, int timeout_ms)
{
    struct pollfd ready[] = {{.fd = fd, .events = POLLIN}, {.fd = cli_stop_descriptor(), .events = POLLIN}};
    return poll(ready, 2, timeout_ms) != 0;
}

static int write_all(int fd, const void *data, size_t bytes, size_t *done, int stoppable)
{
    for (*done = 0; *done < bytes;) {
        if (stoppable && cli_stop_signal() != 0) /* also between the parts that a slow reader takes */
            return STREAM_STOPPED;
        ssize_t wrote = write(fd, (const char *)data + *done, bytes - *done);
        if (wrote > 0)
            *done += (size_t)wrote;
        else if (wrote < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            wait_for(fd, POLLOUT, -1, stoppable);
        else if (wrote == 0 || errno != EINTR)
            return STREAM_FAILED;
    }
    return 0;
}

int stream_write(int fd, const void *data, size_t bytes, size_t *done)
{
    size_t count;
    return write_all(fd, data, bytes, done != NULL ? done : &count, 1);
}

int stream_print(int fd, const void *data, size_t bytes)
{
    size_t count;
    return write_all(fd, data, bytes, &count, 0);
}
