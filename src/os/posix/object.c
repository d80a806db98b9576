/* SPDX-License-Identifier: MIT
 * Shared objects with nothing but POSIX: ordinary files, made under a temporary name and linked to the final one.
 * POSIX shared memory objects are not used: on macOS they can be neither linked, locked nor opened again. No memfd. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "os/os.h"
#include "os/posix/seats.h"
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

#define PATH_BYTES   4096
/* So often a temporary name is tidied away in the moment before it is held, and another one is tried. */
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

/* Memory for real. Where the system cannot reserve, zeros are written. */
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

/* Who tidies up removes a temporary name whose seat is free, with the seat. So the maker takes it and then looks
 * whether the name is still there: from then on it stays. EAGAIN: it was tidied away in the moment before. */
static int hold_temporary(int fd, const char *name, const struct myl_os_object_spec *spec)
{
    struct myl_os_object object = {0};
    int same = 0;
    int err = fchmod(fd, (mode_t)spec->mode) != 0 ? errno : 0; /* a seat's side file has the object's mode */
    if (err == 0)
        err = myl_os_object_stat(fd, &object);
    if (err == 0)
        err = myl_os_seat_take(fd, spec->seat);
    if (err == ENOMEM)
        err = ENFILE; /* ENOMEM would say that the object does not fit */
    if (err == 0)
        err = myl_os_object_is_named(name, &object, &same);
    if (err == 0 && !same)
        return EAGAIN;
    if (err == 0 && myl_temporary_add(fd, name) != 0)
        err = ENFILE;
    return err;
}

static int open_temporary(const struct myl_os_object_spec *spec, int *fd)
{
    const char *path = spec->path, *slash = strrchr(path, '/');
    char name[PATH_BYTES];
    int err = EAGAIN;
    for (int turn = 0; err == EAGAIN && turn < TEMPORARY_TURNS; turn++) {
        int used = snprintf(name, sizeof name, "%.*s.myelon-XXXXXX", slash == NULL ? 0 : (int)(slash - path + 1), path);
        if (used >= PATH_BYTES)
            return ENAMETOOLONG;
        *fd = myl_os_lift(mkstemp(name));
        if (*fd < 0)
            return errno;
        myl_posix_seats_lost(*fd);
        (void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
        err = hold_temporary(*fd, name, spec);
        if (err != 0) {
            if (err != EAGAIN)
                (void)unlink(name);
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
    myl_posix_seats_sweep(NULL);
    int err = open_temporary(spec, &made);
    if (err != 0)
        return err;
    err = reserve(made, spec->bytes);
    if (err == 0 && spec->group != 0 && fchown(made, (uid_t)-1, (gid_t)spec->group) != 0)
        err = errno;
    if (err == 0)
        *fd = made;
    else
        myl_os_object_close(made);
    return err;
}

int myl_os_object_publish(int fd, const char *path)
{
    char name[PATH_BYTES];
    if (!myl_temporary_name(fd, name, sizeof name))
        return ENOENT;
    int err = link(name, path) == 0 ? 0 : errno; /* atomic, and never over an existing name */
    myl_temporary_drop(fd);
    return err;
}

int myl_os_object_open(const char *path, int may_read_only, int *fd, int *read_only)
{
    int opened = myl_os_lift(open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    *read_only = 0;
    if (opened < 0 && may_read_only && (errno == EACCES || errno == EROFS)) {
        opened = myl_os_lift(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
        *read_only = 1;
    }
    if (opened < 0)
        return errno;
    myl_posix_seats_lost(opened);
    *fd = opened;
    return 0;
}

int myl_os_object_reopen(int fd, int *own)
{
    /* Seats are locks on side files here, not on the object: a duplicate shares nothing that matters. */
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

int myl_os_object_is_named(const char *path, const struct myl_os_object *object, int *same)
{
    struct stat st;
    *same = 0;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : errno;
    *same = (uint64_t)st.st_dev == object->device && (uint64_t)st.st_ino == object->inode;
    return 0;
}

int myl_os_object_unlink(const char *path)
{
    myl_posix_seats_sweep(path);
    return unlink(path) == 0 ? 0 : errno;
}

void myl_os_object_close(int fd)
{
    myl_temporary_drop(fd);
    myl_posix_seats_close(fd);
    (void)close(fd);
}

void myl_os_object_forsake(int fd, const struct myl_os_object *object)
{
    myl_posix_seats_forsake(fd, object);
}

void myl_os_object_close_in_child(int fd, const struct myl_os_object *object)
{
    myl_temporary_forget(fd);
    myl_posix_seats_forget(fd);
    if (myl_os_object_is(fd, object) == 0)
        (void)close(fd);
}

uint64_t myl_os_free_bytes(const char *path)
{
    char directory[PATH_BYTES];
    struct statvfs about;
    const char *slash = strrchr(path, '/');
    (void)snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
                   slash == NULL ? "." : path);
    if (statvfs(directory, &about) != 0)
        return 0;
    return (uint64_t)about.f_bavail * (uint64_t)about.f_frsize;
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
