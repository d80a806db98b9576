/* SPDX-License-Identifier: MIT
 * Events for event loops, on Linux: an eventfd. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int myl_os_event_open(struct myl_os_event *event)
{
    event->fd = event->writer = myl_os_lift(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return event->fd >= 0 ? 0 : errno;
}

void myl_os_event_set(const struct myl_os_event *event)
{
    const uint64_t one = 1;
    ssize_t written = write(event->writer, &one, sizeof one);
    (void)written; /* EAGAIN: the count is at its end, so it is readable */
}

void myl_os_event_clear(const struct myl_os_event *event)
{
    uint64_t count;
    ssize_t got = read(event->fd, &count, sizeof count);
    (void)got; /* EAGAIN: it was not readable */
}

void myl_os_event_close(struct myl_os_event *event)
{
    (void)close(event->fd);
    event->fd = event->writer = -1;
}
