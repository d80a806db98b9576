/* SPDX-License-Identifier: MIT
 * Shared objects with POSIX calls only: ordinary files, made under a temporary name and linked to the final one. POSIX
 * shared memory objects are not used, since on macOS they can be neither linked nor locked nor reopened. No memfd. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "os/os.h"
#include "os/posix/locks.h"
#include "os/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TEMPORARY    ".myelon-"
/* How many temporary names are tried, if another process removes each before it is locked. */
#define TEMPORARY_TURNS 100
#define RESERVE_STEP ((uint64_t)16 << 20)

const char *myl_os_shm_directory(void)
{
#ifdef __APPLE__
    return "/tmp";
#else
    return "/dev/shm";
#endif
}

/* Reserves memory. Where the system cannot reserve, writes zeros. */
static int reserve(int fd, uint64_t bytes)
{
    static const char zeros[65536];
#ifndef __APPLE__
    int err = 0;
    for (uint64_t done = 0; err == 0 && done < bytes;) {
        uint64_t step = bytes - done < RESERVE_STEP ? bytes - done : RESERVE_STEP;
        MYL_STEP("C1r");
        err = posix_fallocate(fd, (off_t)done, (off_t)step);
        if (err == EINTR)
            err = 0;
        else
            done += step;
    }
    if (err != EINVAL && err != EOPNOTSUPP)
        return err;
#endif
    for (uint64_t done = 0; done < bytes;) {
        size_t step = bytes - done < sizeof zeros ? (size_t)(bytes - done) : sizeof zeros;
        ssize_t wrote = pwrite(fd, zeros, step, (off_t)done);
        if (wrote < 0 && errno != EINTR)
            return errno;
        done += wrote > 0 ? (uint64_t)wrote : 0;
    }
    return 0;
}

int myl_os_object_missing(int fd, uint64_t bytes, uint64_t *missing, bool *exact)
{
    (void)fd;
    (void)bytes;
    *missing = 0;
    *exact = true;
    return 0;
}

int myl_os_object_reserve(int fd, uint64_t bytes)
{
    (void)fd;
    (void)bytes;
    return 0;
}

/* Locks an object with a temporary name. A cleanup removes only names whose lock it can acquire. So the creator
 * acquires the lock, then checks that the name still exists: from then on it stays. EAGAIN: a cleanup removed it
 * before. */
static int hold_temporary(int fd, const struct myl_os_place *place, const struct myl_os_object_spec *spec)
{
    struct myl_os_object object = {0};
    int same = 0;
    int err = fchmod(fd, (mode_t)spec->mode) != 0 ? errno : 0; /* side files of locks get the object's mode */
    if (err == 0)
        err = myl_os_object_stat(fd, &object);
    if (err == 0)
        err = myl_os_lock_acquire(fd, spec->lock_index);
    if (err == ENOMEM)
        err = ENFILE; /* not ENOMEM, which would mean that the object does not fit */
    if (err == 0)
        err = myl_os_object_is_named(place, &object, &same);
    if (err == 0 && !same)
        return EAGAIN;
    if (err == 0 && myl_temporary_add(fd, place->directory, place->name) != 0)
        err = ENFILE;
    return err;
}

#define DRAWN_LETTERS 6

/* Writes DRAWN_LETTERS random letters and digits to `text`. */
static int draw_name(char *text)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned char random[DRAWN_LETTERS] = {0};
    int err = myl_os_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        text[i] = letters[random[i] % (sizeof letters - 1)];
    return err;
}

static int open_temporary(const struct myl_os_object_spec *spec, int *fd)
{
    char name[sizeof TEMPORARY + DRAWN_LETTERS] = TEMPORARY; /* the rest is 0 */
    struct myl_os_place temporary = *spec->place;
    int err = EAGAIN;
    temporary.name = name;
    for (int turn = 0; err == EAGAIN && turn < TEMPORARY_TURNS; turn++) {
        if (draw_name(name + sizeof TEMPORARY - 1) != 0)
            return EIO; /* no random bytes: the system failed. Another code could mean that the object is unsupported */
        err = EAGAIN;
        *fd = myl_os_lift(openat(temporary.directory, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
        if (*fd < 0 && errno == EEXIST)
            continue;
        if (*fd < 0)
            return errno;
        myl_posix_locks_lost(*fd);
        err = hold_temporary(*fd, &temporary, spec);
        if (err != 0) {
            if (err != EAGAIN)
                (void)unlinkat(temporary.directory, name, 0);
            myl_os_object_close(*fd);
        }
    }
    return err;
}

int myl_os_object_create(const struct myl_os_object_spec *spec, int *fd)
{
    if (spec->backend == MYL_BACKEND_MEMFD)
        return ENOSYS;
    if (!myl_os_fits_limit(spec->bytes))
        return EFBIG;
    int made;
    myl_posix_locks_sweep(NULL);
    int err = open_temporary(spec, &made);
    if (err != 0)
        return err;
    err = reserve(made, spec->bytes);
    if (err == 0 && spec->group >= 0 && fchown(made, (uid_t)-1, (gid_t)spec->group) != 0)
        err = errno;
    if (err == 0)
        *fd = made;
    else
        myl_os_object_close(made);
    return err;
}

int myl_os_object_publish(int fd, const struct myl_os_place *place)
{
    char name[sizeof TEMPORARY "XXXXXX"];
    if (!myl_temporary_name(fd, name, sizeof name))
        return ENOENT;
    int err = linkat(place->directory, name, place->directory, place->name, 0) == 0
                  ? 0
                  : errno; /* atomic, and never replaces an existing name */
    myl_temporary_drop(fd);
    return err;
}

int myl_os_object_open(const struct myl_os_place *place, int may_read_only, int *fd, int *read_only)
{
    const int how = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int opened = myl_os_lift(openat(place->directory, place->name, O_RDWR | how));
    *read_only = 0;
    if (opened < 0 && may_read_only && (errno == EACCES || errno == EROFS)) {
        opened = myl_os_lift(openat(place->directory, place->name, O_RDONLY | how));
        *read_only = 1;
    }
    if (opened < 0)
        return errno;
    myl_posix_locks_lost(opened);
    *fd = opened;
    return 0;
}

int myl_os_object_reopen(int fd, int *own)
{
    /* Locks are on side files here, not on the object, so a duplicate shares no lock. */
    int opened = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (opened < 0)
        return errno;
    *own = opened;
    return 0;
}

int myl_os_object_stat(int fd, struct myl_os_object *object)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    object->bytes = (uint64_t)st.st_size;
    object->device = (uint64_t)st.st_dev;
    object->inode = (uint64_t)st.st_ino;
    object->owner = (uint32_t)st.st_uid;
    object->regular = S_ISREG(st.st_mode);
    return 0;
}

int myl_os_object_sealed(int fd, int *sealed)
{
    *sealed = 0; /* there are no memfds here */
    return fcntl(fd, F_GETFD) < 0 ? errno : 0;
}

int myl_os_object_is_named(const struct myl_os_place *place, const struct myl_os_object *object, int *same)
{
    struct stat st;
    *same = 0;
    if (fstatat(place->directory, place->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : errno;
    *same = (uint64_t)st.st_dev == object->device && (uint64_t)st.st_ino == object->inode;
    return 0;
}

int myl_os_object_unlink(const struct myl_os_place *place)
{
    myl_posix_locks_sweep(place);
    return unlinkat(place->directory, place->name, 0) == 0 ? 0 : errno;
}

void myl_os_object_close(int fd)
{
    myl_temporary_drop(fd);
    myl_posix_locks_close(fd);
    (void)close(fd);
}

void myl_os_object_abandon(int fd, const struct myl_os_object *object)
{
    myl_posix_locks_abandon(fd, object);
}

void myl_os_object_close_in_child(int fd, const struct myl_os_object *object)
{
    myl_temporary_forget(fd);
    myl_posix_locks_forget(fd);
    if (myl_os_object_is(fd, object) == 0)
        (void)close(fd);
}

int myl_os_room(const struct myl_os_place *place, struct myl_os_room *room)
{
    struct statvfs info;
    *room = (struct myl_os_room){.bytes = UINT64_MAX};
    if (place == NULL)
        return 0;
    if (fstatvfs(place->directory, &info) != 0)
        return errno;
    if (info.f_blocks != 0)
        room->bytes = (uint64_t)(geteuid() == 0 ? info.f_bfree : info.f_bavail) * (uint64_t)info.f_frsize;
    if (info.f_files != 0 && info.f_ffree == 0)
        *room = (struct myl_os_room){.scarce = MYL_OS_SCARCE_INODES};
    return 0;
}

int myl_os_directory_each(const char *path, int (*visit)(const char *name, void *user), void *user)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -errno;
    int result = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(directory)) != NULL;)
        result = visit(entry->d_name, user);
    (void)closedir(directory);
    return result;
}
