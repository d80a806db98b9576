/* SPDX-License-Identifier: MIT
 * Events for event loops, on every POSIX system: a pipe. */
#define _POSIX_C_SOURCE 200809L
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int set_up(int fd)
{
    int lifted = myl_os_lift(fd);
    if (lifted >= 0)
        (void)fcntl(lifted, F_SETFD, FD_CLOEXEC);
    return lifted >= 0 && fcntl(lifted, F_SETFL, O_NONBLOCK) != 0 ? -1 : lifted;
}

int myl_os_event_open(struct myl_os_event *event)
{
    int end[2];
    if (pipe(end) != 0)
        return errno;
    event->fd = set_up(end[0]);
    event->writer = set_up(end[1]);
    if (event->fd >= 0 && event->writer >= 0)
        return 0;
    int err = errno;
    myl_os_event_close(event);
    return err;
}

void myl_os_event_set(const struct myl_os_event *event)
{
    ssize_t written = write(event->writer, "", 1);
    (void)written; /* EAGAIN: the pipe is full, so it is readable */
}

void myl_os_event_clear(const struct myl_os_event *event)
{
    char bytes[64];
    while (read(event->fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        continue;
}

void myl_os_event_close(struct myl_os_event *event)
{
    if (event->fd >= 0)
        (void)close(event->fd);
    if (event->writer >= 0)
        (void)close(event->writer);
    event->fd = event->writer = -1;
}
