/* SPDX-License-Identifier: MIT
 * Locks without open file description locks: flock on one side file per lock,
 * DIRECTORY/.myelon-seat-USER-DEVICE-INODE-INDEX. A flock too belongs to the open file description, and is released
 * with its last descriptor. Only a process that holds the exclusive lock of a side file may unlink it, at any time. So
 * after locking a side file, check that its name still leads to it. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "base/deadline.h"
#include "os/os.h"
#include "os/posix/locks.h"

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
/* A query holds a shared lock for an instant, a cleanup an exclusive one. */
#define TRIES        3
#define TRY_NS       ((int64_t)20000)
/* How long an acquire waits for queries: there may be many, or one is stopped by a debugger in between. */
#define ASKERS_NS    ((int64_t)1000000000)
/* Side files of dead owners are removed when they are older than this. */
#define SWEEP_AGE_S  60

/* Other code of the process may close a descriptor, and its number may be reused. So the identity of each file is
 * recorded, and checked before a descriptor is closed or a file removed. */
struct file {
    uint64_t device, inode;
};

struct taken {
    struct taken *next;
    int fd;
    int lost;                  /* `fd` was given to a new descriptor since */
    uint32_t lock_index;
    int lock;
    struct file object, side;
    char name[NAME_BYTES];     /* of the side file */
};

static pthread_mutex_t taken_lock = PTHREAD_MUTEX_INITIALIZER;
static struct taken *taken;

/* Writes the common start of the names of all side files of an object. */
static void side_prefix(const struct stat *object, char name[NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, PREFIX "%u-%" PRIx64 "-%" PRIx64 "-", (unsigned)object->st_uid,
                   (uint64_t)object->st_dev, (uint64_t)object->st_ino);
}

static int side_file(int fd, uint32_t lock_index, char name[NAME_BYTES], mode_t *mode)
{
    struct stat st;
    char prefix[NAME_BYTES];
    if (fstat(fd, &st) != 0)
        return errno;
    side_prefix(&st, prefix);
    int used = snprintf(name, NAME_BYTES, "%s/%s%" PRIu32, myl_os_shm_directory(), prefix, lock_index);
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

static int remember(int fd, uint32_t lock_index, int lock, const char *name)
{
    struct stat object, side;
    if (fstat(fd, &object) != 0 || fstat(lock, &side) != 0)
        return errno;
    struct taken *node = malloc(sizeof *node);
    if (node == NULL)
        return ENOMEM;
    *node = (struct taken){.fd = fd,
                           .lock_index = lock_index,
                           .lock = lock,
                           .object = file_of(&object),
                           .side = file_of(&side)};
    memcpy(node->name, name, strlen(name) + 1);
    (void)pthread_mutex_lock(&taken_lock);
    node->next = taken;
    taken = node;
    (void)pthread_mutex_unlock(&taken_lock);
    return 0;
}

static int is_ours(int fd, uint32_t lock_index)
{
    int ours = 0;
    (void)pthread_mutex_lock(&taken_lock);
    for (const struct taken *node = taken; node != NULL && !ours; node = node->next)
        ours = node->fd == fd && !node->lost && node->lock_index == lock_index && is_file(node->lock, &node->side);
    (void)pthread_mutex_unlock(&taken_lock);
    return ours;
}

/* Removes the node of this lock from the list and returns it, or NULL. */
static struct taken *take_off(int fd, uint32_t lock_index)
{
    (void)pthread_mutex_lock(&taken_lock);
    struct taken **at = &taken;
    while (*at != NULL && ((*at)->fd != fd || (*at)->lost || (*at)->lock_index != lock_index))
        at = &(*at)->next;
    struct taken *found = *at;
    if (found != NULL)
        *at = found->next;
    (void)pthread_mutex_unlock(&taken_lock);
    return found;
}

/* The side file gets the object's mode: a process that may open the object may acquire its locks. Open and create are
 * separate calls, since systems refuse O_CREAT on another user's file in a sticky directory. */
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

/* EAGAIN: try again. EBUSY: the lock is held, or seems to be. ETXTBSY: only queries hold it. */
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

int myl_os_lock_acquire(int fd, uint32_t lock_index)
{
    char name[NAME_BYTES];
    mode_t mode;
    int lock = -1, busy = 0;
    if (is_ours(fd, lock_index))
        return 0; /* we hold it already */
    int err = side_file(fd, lock_index, name, &mode);
    if (err != 0)
        return err;
    struct myl_deadline until = myl_deadline_after(myl_os_now(), ASKERS_NS);
    while ((err = try_once(name, mode, &lock)) != 0) {
        if (err != EAGAIN && err != EBUSY && err != ETXTBSY)
            return err;
        busy += err == EBUSY;
        if (busy == TRIES || myl_deadline_has_passed(until, myl_os_now()))
            return EAGAIN;
        if (err != EAGAIN)
            (void)myl_os_sleep(TRY_NS);
    }
    err = remember(fd, lock_index, lock, name);
    if (err != 0)
        (void)close(lock);
    return err;
}

static void give_up(struct taken *node)
{
    if (is_file(node->lock, &node->side)) {
        (void)unlink(node->name); /* while we hold it, so that a process that waits for it sees that the name is gone */
        (void)close(node->lock);
    }
    free(node);
}

void myl_os_lock_release(int fd, uint32_t lock_index)
{
    struct taken *node = take_off(fd, lock_index);
    if (node != NULL)
        give_up(node);
}

int myl_os_lock_held(int fd, uint32_t lock_index)
{
    char name[NAME_BYTES];
    mode_t mode;
    if (is_ours(fd, lock_index))
        return 0; /* our own lock */
    int err = side_file(fd, lock_index, name, &mode);
    if (err != 0)
        return -err;
    int held = 1;
    for (int i = 0; held && i < TRIES; i++) {
        if (i > 0)
            (void)myl_os_sleep(TRY_NS);
        int lock = myl_os_lift(open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (lock < 0)
            return errno == ENOENT ? 0 : -errno;
        held = flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        (void)close(lock);
    }
    return held;
}

/* Only locks with a side file can be held. They are few, and one pass over the directory finds them. */
struct question {
    int fd;
    uint32_t first, count;
    char prefix[NAME_BYTES];
    int held;                    /* or negative errno */
};

static int ask_one(const char *entry, void *user)
{
    struct question *question = user;
    size_t length = strlen(question->prefix);
    char *end;
    if (strncmp(entry, question->prefix, length) != 0)
        return 0;
    unsigned long lock_index = strtoul(entry + length, &end, 10);
    if (*end != '\0' || lock_index < question->first || lock_index - question->first >= question->count)
        return 0;
    question->held = myl_os_lock_held(question->fd, (uint32_t)lock_index);
    return question->held != 0;
}

int myl_os_any_lock_held(int fd, uint32_t first, uint32_t count)
{
    struct question question = {.fd = fd, .first = first, .count = count};
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    side_prefix(&st, question.prefix);
    int rc = myl_os_directory_each(myl_os_shm_directory(), ask_one, &question);
    return rc < 0 ? rc : question.held;
}

/* Finds the lock of `fd` that was acquired first. Returns 0 if there is none. */
static int oldest_of(int fd, uint32_t *lock_index)
{
    int found = 0;
    (void)pthread_mutex_lock(&taken_lock);
    for (struct taken *node = taken; node != NULL; node = node->next) { /* the newest is first */
        if (node->fd == fd && !node->lost) {
            found = 1;
            *lock_index = node->lock_index;
        }
    }
    (void)pthread_mutex_unlock(&taken_lock);
    return found;
}

void myl_posix_locks_close(int fd)
{
    uint32_t lock_index;
    /* Release in the order of acquisition. Where several locks are held, the registry lock was acquired last. It guards
     * the check for other participants, so it is released last. (Locks of a description are all released at once.) */
    while (oldest_of(fd, &lock_index))
        myl_os_lock_release(fd, lock_index);
}

void myl_posix_locks_lost(int fd)
{
    /* Its locks stay until the lost handle is closed: that handle may still be writing. */
    (void)pthread_mutex_lock(&taken_lock);
    for (struct taken *node = taken; node != NULL; node = node->next)
        node->lost |= node->fd == fd;
    (void)pthread_mutex_unlock(&taken_lock);
}

void myl_posix_locks_abandon(int fd, const struct myl_os_object *object)
{
    /* Entries of this number that are not lost belong to the descriptor that has the number now, if it is the same
     * object. */
    int all = myl_os_object_check(fd, object, MYL_OS_NO_LOCK) != 0;
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
    time_t before;               /* remove only if last changed before this time; 0: any time */
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

void myl_posix_locks_sweep(const struct myl_os_place *place)
{
    struct sweep sweep = {.prefix = PREFIX};
    struct stat object;
    if (place == NULL)
        sweep.before = time(NULL) - SWEEP_AGE_S;
    else if (fstatat(place->directory, place->name, &object, AT_SYMLINK_NOFOLLOW) == 0)
        side_prefix(&object, sweep.prefix);
    else
        return;
    (void)myl_os_directory_each(myl_os_shm_directory(), sweep_one, &sweep);
}

void myl_posix_locks_forget(int fd)
{
    /* No lock: a fork child has one thread, and another thread of the parent may have held the lock of the list. */
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
