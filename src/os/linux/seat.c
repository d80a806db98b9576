/* SPDX-License-Identifier: MIT
 * Seats on Linux: open-file-description locks on single bytes far behind the end of the object. The kernel drops them
 * when the last descriptor of the description is closed, which a death does. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>

#define SEATS_FROM ((off_t)1 << 40)

static struct flock byte_of(uint32_t seat, int type)
{
    struct flock lock = {0};
    lock.l_type = (short)type;
    lock.l_whence = SEEK_SET;
    lock.l_start = SEATS_FROM + (off_t)seat;
    lock.l_len = 1;
    return lock;
}

int myl_os_seat_take(int fd, uint32_t seat)
{
    struct flock lock = byte_of(seat, F_WRLCK);
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EACCES ? EAGAIN : errno;
}

void myl_os_seat_drop(int fd, uint32_t seat)
{
    struct flock lock = byte_of(seat, F_UNLCK);
    (void)fcntl(fd, F_OFD_SETLK, &lock);
}

int myl_os_seat_held(int fd, uint32_t seat)
{
    struct flock lock = byte_of(seat, F_WRLCK);
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
        return -errno;
    return lock.l_type != F_UNLCK;
}
