/* SPDX-License-Identifier: MIT
 * Seats without open-file-description locks: flock on a side file per seat,
 * DIRECTORY/.myelon-seat-USER-DEVICE-INODE-SEAT. Like those, a flock belongs to the open file description and goes
 * with its last descriptor. Whoever drops a seat removes its file; whoever takes one makes sure that the file it
 * locked is still the one with the name. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "os/os.h"
#include "os/posix/seats.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES 256
/* A question holds a shared lock for an instant; a taker that meets one tries again. */
#define TRIES      20
#define TRY_NS     ((int64_t)20000)

struct taken {
    struct taken *next;
    int fd;
    uint32_t seat;
    int lock;
};

static pthread_mutex_t taken_lock = PTHREAD_MUTEX_INITIALIZER;
static struct taken *taken;

static int side_file(int fd, uint32_t seat, char name[NAME_BYTES])
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    (void)snprintf(name, NAME_BYTES, "%s/.myelon-seat-%u-%" PRIx64 "-%" PRIx64 "-%" PRIu32, myl_os_shm_directory(),
                   (unsigned)st.st_uid, (uint64_t)st.st_dev, (uint64_t)st.st_ino, seat);
    return 0;
}

static int still_named(int lock, const char *name)
{
    struct stat a, b;
    return fstat(lock, &a) == 0 && stat(name, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int remember(int fd, uint32_t seat, int lock)
{
    struct taken *node = malloc(sizeof *node);
    if (node == NULL)
        return ENOMEM;
    *node = (struct taken){.fd = fd, .seat = seat, .lock = lock};
    (void)pthread_mutex_lock(&taken_lock);
    node->next = taken;
    taken = node;
    (void)pthread_mutex_unlock(&taken_lock);
    return 0;
}

/* The lock's descriptor, or -1; taken off the list if `forget`. */
static int find(int fd, uint32_t seat, int forget)
{
    int lock = -1;
    (void)pthread_mutex_lock(&taken_lock);
    for (struct taken **at = &taken; *at != NULL; at = &(*at)->next) {
        struct taken *node = *at;
        if (node->fd != fd || node->seat != seat)
            continue;
        lock = node->lock;
        if (forget) {
            *at = node->next;
            free(node);
        }
        break;
    }
    (void)pthread_mutex_unlock(&taken_lock);
    return lock;
}

static int try_once(const char *name, int *lock)
{
    *lock = open(name, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*lock < 0)
        return errno;
    int err = flock(*lock, LOCK_EX | LOCK_NB) == 0 ? 0 : errno == EWOULDBLOCK ? EAGAIN : errno;
    if (err == 0 && !still_named(*lock, name))
        err = EAGAIN;
    if (err != 0)
        (void)close(*lock);
    return err;
}

int myl_os_seat_take(int fd, uint32_t seat)
{
    char name[NAME_BYTES];
    int lock;
    if (find(fd, seat, 0) >= 0)
        return 0; /* ours already */
    int err = side_file(fd, seat, name);
    for (int i = 0; err == 0 && i < TRIES; i++) {
        err = try_once(name, &lock);
        if (err == 0) {
            err = remember(fd, seat, lock);
            if (err != 0)
                (void)close(lock);
            return err;
        }
        if (err != EAGAIN || i == TRIES - 1)
            return err;
        myl_os_sleep(TRY_NS);
        err = 0;
    }
    return err;
}

void myl_os_seat_drop(int fd, uint32_t seat)
{
    char name[NAME_BYTES];
    int lock = find(fd, seat, 1);
    if (lock < 0)
        return;
    if (side_file(fd, seat, name) == 0)
        (void)unlink(name); /* while we hold it: whoever waits for it sees that it has no name any more */
    (void)close(lock);
}

int myl_os_seat_held(int fd, uint32_t seat)
{
    char name[NAME_BYTES];
    if (find(fd, seat, 0) >= 0)
        return 0; /* by ourselves: nobody else */
    int err = side_file(fd, seat, name);
    if (err != 0)
        return -err;
    int lock = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0)
        return errno == ENOENT ? 0 : -errno;
    int held = flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)close(lock);
    return held;
}

void myl_posix_seats_close(int fd)
{
    for (;;) {
        uint32_t seat = 0;
        int found = 0;
        (void)pthread_mutex_lock(&taken_lock);
        for (struct taken *node = taken; node != NULL && !found; node = node->next) {
            found = node->fd == fd;
            seat = node->seat;
        }
        (void)pthread_mutex_unlock(&taken_lock);
        if (!found)
            return;
        myl_os_seat_drop(fd, seat);
    }
}

void myl_posix_seats_forget(int fd)
{
    /* A child has one thread; the list's lock may have been held by another one of the parent's. */
    for (struct taken **at = &taken; *at != NULL;) {
        struct taken *node = *at;
        if (node->fd != fd) {
            at = &node->next;
            continue;
        }
        *at = node->next;
        (void)close(node->lock);
        free(node);
    }
}
