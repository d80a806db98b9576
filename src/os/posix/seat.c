/* SPDX-License-Identifier: MIT
 * Seats without open-file-description locks: flock on a side file per seat,
 * DIRECTORY/.myelon-seat-USER-DEVICE-INODE-SEAT. Like those, a flock belongs to the open file description and goes
 * with its last descriptor. A side file may lose its name at any time, but only to somebody who holds its exclusive
 * lock; so whoever takes a seat makes sure, behind the lock, that the file it locked is still the one with the name. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "os/os.h"
#include "os/posix/seats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFIX       ".myelon-seat-"
#define NAME_BYTES   256
/* Somebody who asks holds a shared lock for an instant, somebody who tidies up an exclusive one. */
#define TRIES        3
#define TRY_NS       ((int64_t)20000)
/* How long a taker bears with those who ask: they are many, or stopped by a debugger at the worst place. */
#define ASKERS_NS    ((int64_t)1000000000)
/* Side files of dead owners are swept when they are older than this. */
#define SWEEP_AGE_S  60

/* The number of a descriptor may come to be somebody else's behind our back, and so may a lock's: what they were is
 * noted, and looked at before anything is closed or removed. */
struct file {
    uint64_t device, inode;
};

struct taken {
    struct taken *next;
    int fd;
    int lost;                  /* that number was given to a new descriptor since */
    uint32_t seat;
    int lock;
    struct file object, side;
    char name[NAME_BYTES];     /* the side file's */
};

static pthread_mutex_t taken_lock = PTHREAD_MUTEX_INITIALIZER;
static struct taken *taken;

/* What all seats' side files of an object have in front of the seat's number. */
static void side_prefix(const struct stat *object, char name[NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, PREFIX "%u-%" PRIx64 "-%" PRIx64 "-", (unsigned)object->st_uid,
                   (uint64_t)object->st_dev, (uint64_t)object->st_ino);
}

static int side_file(int fd, uint32_t seat, char name[NAME_BYTES], mode_t *mode)
{
    struct stat st;
    char prefix[NAME_BYTES];
    if (fstat(fd, &st) != 0)
        return errno;
    side_prefix(&st, prefix);
    int used = snprintf(name, NAME_BYTES, "%s/%s%" PRIu32, myl_os_shm_directory(), prefix, seat);
    *mode = st.st_mode & 0666;
    return used < NAME_BYTES ? 0 : ENAMETOOLONG;
}

static struct file file_of(const struct stat *st)
{
    return (struct file){.device = (uint64_t)st->st_dev, .inode = (uint64_t)st->st_ino};
}

static int is_file(int fd, const struct file *file)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (uint64_t)st.st_dev == file->device && (uint64_t)st.st_ino == file->inode;
}

static int still_named(int lock, const char *name)
{
    struct stat a, b;
    return fstat(lock, &a) == 0 && stat(name, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int remember(int fd, uint32_t seat, int lock, const char *name)
{
    struct stat object, side;
    if (fstat(fd, &object) != 0 || fstat(lock, &side) != 0)
        return errno;
    struct taken *node = malloc(sizeof *node);
    if (node == NULL)
        return ENOMEM;
    *node = (struct taken){.fd = fd, .seat = seat, .lock = lock, .object = file_of(&object), .side = file_of(&side)};
    memcpy(node->name, name, strlen(name) + 1);
    (void)pthread_mutex_lock(&taken_lock);
    node->next = taken;
    taken = node;
    (void)pthread_mutex_unlock(&taken_lock);
    return 0;
}

static int is_ours(int fd, uint32_t seat)
{
    int ours = 0;
    (void)pthread_mutex_lock(&taken_lock);
    for (const struct taken *node = taken; node != NULL && !ours; node = node->next)
        ours = node->fd == fd && !node->lost && node->seat == seat && is_file(node->lock, &node->side);
    (void)pthread_mutex_unlock(&taken_lock);
    return ours;
}

/* Taken off the list, or NULL. */
static struct taken *take_off(int fd, uint32_t seat)
{
    (void)pthread_mutex_lock(&taken_lock);
    struct taken **at = &taken;
    while (*at != NULL && ((*at)->fd != fd || (*at)->lost || (*at)->seat != seat))
        at = &(*at)->next;
    struct taken *found = *at;
    if (found != NULL)
        *at = found->next;
    (void)pthread_mutex_unlock(&taken_lock);
    return found;
}

/* Whoever may open the object may sit on its seats, so the side file has the object's mode. Creating and opening are
 * told apart, since systems refuse O_CREAT on somebody else's file in a sticky directory. */
static int open_side_file(const char *name, mode_t mode, int *lock)
{
    *lock = myl_os_lift(open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (*lock < 0 && errno == ENOENT) {
        *lock = myl_os_lift(open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (*lock >= 0)
            (void)fchmod(*lock, mode);
        else if (errno == EEXIST)
            return EAGAIN;
    }
    return *lock >= 0 ? 0 : errno;
}

/* EAGAIN: try again; EBUSY: the seat is taken, or looks it; ETXTBSY: only by those who ask. */
static int try_once(const char *name, mode_t mode, int *lock)
{
    int err = open_side_file(name, mode, lock);
    if (err != 0)
        return err;
    if (flock(*lock, LOCK_EX | LOCK_NB) == 0)
        err = still_named(*lock, name) ? 0 : EAGAIN;
    else if (errno != EWOULDBLOCK)
        err = errno;
    else
        err = flock(*lock, LOCK_SH | LOCK_NB) == 0 ? ETXTBSY : EBUSY;
    if (err != 0)
        (void)close(*lock);
    return err;
}

int myl_os_seat_take(int fd, uint32_t seat)
{
    char name[NAME_BYTES];
    mode_t mode;
    int lock = -1, busy = 0;
    if (is_ours(fd, seat))
        return 0; /* already */
    int err = side_file(fd, seat, name, &mode);
    if (err != 0)
        return err;
    int64_t until = myl_os_now() + ASKERS_NS;
    while ((err = try_once(name, mode, &lock)) != 0) {
        if (err != EAGAIN && err != EBUSY && err != ETXTBSY)
            return err;
        busy += err == EBUSY;
        if (busy == TRIES || myl_os_now() >= until)
            return EAGAIN;
        if (err != EAGAIN)
            myl_os_sleep(TRY_NS);
    }
    err = remember(fd, seat, lock, name);
    if (err != 0)
        (void)close(lock);
    return err;
}

static void give_up(struct taken *node)
{
    if (is_file(node->lock, &node->side)) {
        (void)unlink(node->name); /* while we hold it: whoever waits for it sees that it has no name any more */
        (void)close(node->lock);
    }
    free(node);
}

void myl_os_seat_drop(int fd, uint32_t seat)
{
    struct taken *node = take_off(fd, seat);
    if (node != NULL)
        give_up(node);
}

int myl_os_seat_held(int fd, uint32_t seat)
{
    char name[NAME_BYTES];
    mode_t mode;
    if (is_ours(fd, seat))
        return 0; /* nobody else's */
    int err = side_file(fd, seat, name, &mode);
    if (err != 0)
        return -err;
    int held = 1;
    for (int i = 0; held && i < TRIES; i++) {
        if (i > 0)
            myl_os_sleep(TRY_NS);
        int lock = myl_os_lift(open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (lock < 0)
            return errno == ENOENT ? 0 : -errno;
        held = flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        (void)close(lock);
    }
    return held;
}

/* The seat of `fd` that was taken first; 0 if there is none. */
static int oldest_of(int fd, uint32_t *seat)
{
    int found = 0;
    (void)pthread_mutex_lock(&taken_lock);
    for (struct taken *node = taken; node != NULL; node = node->next) { /* the latest is first */
        if (node->fd == fd && !node->lost) {
            found = 1;
            *seat = node->seat;
        }
    }
    (void)pthread_mutex_unlock(&taken_lock);
    return found;
}

void myl_posix_seats_close(int fd)
{
    uint32_t seat;
    /* In the order they were taken: the registrar's, which comes last where several are held, guards the question who
     * else is there, so it goes last. With locks of a description all go at once. */
    while (oldest_of(fd, &seat))
        myl_os_seat_drop(fd, seat);
}

void myl_posix_seats_lost(int fd)
{
    /* Their locks stay until the lost handle is closed: it may still be writing. */
    (void)pthread_mutex_lock(&taken_lock);
    for (struct taken *node = taken; node != NULL; node = node->next)
        node->lost |= node->fd == fd;
    (void)pthread_mutex_unlock(&taken_lock);
}

void myl_posix_seats_forsake(int fd, const struct myl_os_object *object)
{
    /* What is noted under this number and not lost is of who has the number now, if that is the same object. */
    int all = myl_os_object_check(fd, object, MYL_OS_NO_SEAT) != 0;
    struct taken *gone = NULL;
    (void)pthread_mutex_lock(&taken_lock);
    for (struct taken **at = &taken; *at != NULL;) {
        struct taken *node = *at;
        if (node->fd != fd || !(all || node->lost) || node->object.device != object->device ||
            node->object.inode != object->inode) {
            at = &node->next;
            continue;
        }
        *at = node->next;
        node->next = gone;
        gone = node;
    }
    (void)pthread_mutex_unlock(&taken_lock);
    for (struct taken *next; gone != NULL; gone = next) {
        next = gone->next;
        give_up(gone);
    }
}

struct sweep {
    char prefix[NAME_BYTES];
    time_t before;               /* last changed before; 0: whenever */
};

static int sweep_one(const char *entry, void *user)
{
    const struct sweep *sweep = user;
    char name[NAME_BYTES];
    struct stat st;
    if (strncmp(entry, sweep->prefix, strlen(sweep->prefix)) != 0 ||
        (size_t)snprintf(name, sizeof name, "%s/%s", myl_os_shm_directory(), entry) >= sizeof name)
        return 0;
    int lock = myl_os_lift(open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (lock < 0)
        return 0;
    if (fstat(lock, &st) == 0 && (sweep->before == 0 || st.st_mtime < sweep->before) &&
        flock(lock, LOCK_EX | LOCK_NB) == 0 && still_named(lock, name))
        (void)unlink(name);
    (void)close(lock);
    return 0;
}

void myl_posix_seats_sweep(const char *path)
{
    struct sweep sweep = {.prefix = PREFIX};
    struct stat object;
    if (path == NULL)
        sweep.before = time(NULL) - SWEEP_AGE_S;
    else if (lstat(path, &object) == 0)
        side_prefix(&object, sweep.prefix);
    else
        return;
    (void)myl_os_directory_each(myl_os_shm_directory(), sweep_one, &sweep);
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
        if (is_file(node->lock, &node->side))
            (void)close(node->lock);
        free(node);
    }
}
