/* SPDX-License-Identifier: MIT
 * Locks on Linux: open file description locks on single bytes far beyond the end of the object. The kernel releases
 * them when the last descriptor of the description is closed, at the latest when the process ends. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>

/* A lock may be released between a failed attempt and the query for its owner. */
#define TURNS      3
#define LOCKS_FROM ((off_t)1 << 40)

static struct flock byte_of(uint32_t lock_index, int type)
{
    struct flock lock = {0};
    lock.l_type = (short)type;
    lock.l_whence = SEEK_SET;
    lock.l_start = LOCKS_FROM + (off_t)lock_index;
    lock.l_len = 1;
    return lock;
}

int myl_os_lock_acquire(int fd, uint32_t lock_index)
{
    for (int turn = 0; turn < TURNS; turn++) {
        struct flock lock = byte_of(lock_index, F_WRLCK);
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
            return 0;
        if (errno != EAGAIN && errno != EACCES)
            return errno;
        int held = myl_os_lock_held(fd, lock_index);
        if (held != 0)
            return held < 0 ? -held : EAGAIN;
        /* It was released since, or a read lock conflicts. */
    }
    return EBUSY;
}

void myl_os_lock_release(int fd, uint32_t lock_index)
{
    struct flock lock = byte_of(lock_index, F_UNLCK);
    (void)fcntl(fd, F_OFD_SETLK, &lock);
}

int myl_os_lock_held(int fd, uint32_t lock_index)
{
    /* Query for a read lock, with which only write locks conflict. A process with read access can take read locks on
     * any byte, and is no participant. */
    struct flock lock = byte_of(lock_index, F_RDLCK);
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
        return -errno;
    return lock.l_type != F_UNLCK;
}

int myl_os_any_lock_held(int fd, uint32_t first, uint32_t count)
{
    /* As in myl_os_lock_held: only write locks conflict with a read lock. */
    struct flock lock = byte_of(first, F_RDLCK);
    lock.l_len = (off_t)count;
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
        return -errno;
    return lock.l_type != F_UNLCK;
}
