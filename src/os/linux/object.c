/* SPDX-License-Identifier: MIT
 * Shared objects on Linux: tmpfs files by name, ordinary files, memfds. */
#define _GNU_SOURCE
#include "os/os.h"
#include "os/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Reserved in steps: posix_fallocate may return EINTR, and one step has to fit between two ticks of a profiler. */
#define RESERVE_STEP ((uint64_t)16 << 20)

#define PATH_BYTES 4096
/* So often a temporary name is tidied away in the moment before it is held, and another one is tried. */
#define TEMPORARY_TURNS 100
#define SELF_BYTES 64

const char *myl_os_shm_directory(void)
{
    return "/dev/shm";
}

static int directory_of(const char *path, char *directory, size_t bytes)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (length >= bytes)
        return ENAMETOOLONG;
    memcpy(directory, slash == NULL ? "." : path, length);
    directory[length] = '\0';
    return 0;
}

static int reserve(int fd, uint64_t bytes)
{
    if (bytes > INT64_MAX)
        return EFBIG;
    for (uint64_t done = 0; done < bytes;) {
        uint64_t step = bytes - done < RESERVE_STEP ? bytes - done : RESERVE_STEP;
        MYL_STEP("C1r");
        int err = posix_fallocate(fd, (off_t)done, (off_t)step); /* returns the error, errno is not set */
        if (err == EINTR)
            continue;
        if (err != 0)
            return err;
        done += step;
    }
    return 0;
}

/* File systems on which locks or mappings of two processes are not coherent. */
static int check_file_system(int fd)
{
    static const long unsuitable[] = {
        0x6969,     /* NFS */
        0x65735546, /* FUSE */
        0x01021997, /* 9p */
        0x517b,     /* SMB */
        (long)0xff534d42, /* CIFS */
        (long)0xfe534d42, /* SMB2 */
    };
    struct statfs about;
    if (fstatfs(fd, &about) != 0)
        return errno;
    for (size_t i = 0; i < sizeof unsuitable / sizeof unsuitable[0]; i++) {
        if ((long)about.f_type == unsuitable[i])
            return ENOLINK;
    }
    return 0;
}

static int create_memfd(const struct myl_os_object_spec *spec, int *fd)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (spec->huge ? MFD_HUGETLB : 0U);
    int made = myl_os_lift(memfd_create("myelon", flags));
    if (made < 0)
        return errno;
    int err = ftruncate(made, (off_t)spec->bytes) != 0 ? errno : reserve(made, spec->bytes);
    if (err == 0 && fchmod(made, (mode_t)spec->mode) != 0)
        err = errno;
    /* Nobody can cut it short under its readers. */
    if (err == 0 && fcntl(made, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        err = errno;
    if (err != 0) {
        (void)close(made);
        return err;
    }
    *fd = made;
    return 0;
}

static void self_path(int fd, char self[SELF_BYTES])
{
    (void)snprintf(self, SELF_BYTES, "/proc/self/fd/%d", fd);
}

/* Who tidies up removes a temporary name whose seat is free, with the seat. So the maker takes it and then looks
 * whether the name is still there: from then on it stays. EAGAIN: it was tidied away in the moment before. */
static int hold_temporary(int fd, const char *name, uint32_t seat)
{
    struct myl_os_object object = {0};
    int same = 0;
    int err = myl_os_object_stat(fd, &object); /* no locks on file systems that have none: ENOLINK */
    if (err == 0)
        err = myl_os_seat_take(fd, seat);
    if (err == 0)
        err = myl_os_object_is_named(name, &object, &same);
    if (err == 0 && !same)
        return EAGAIN;
    if (err == 0 && myl_temporary_add(fd, name) != 0)
        err = ENFILE; /* ENOMEM would say that the object does not fit */
    return err;
}

/* A file beside the final name, PATH.tmp-PID-RANDOM. */
static int open_temporary(const struct myl_os_object_spec *spec, int *fd)
{
    char name[PATH_BYTES + 64];
    int err = EAGAIN;
    for (int turn = 0; err == EAGAIN && turn < TEMPORARY_TURNS; turn++) {
        uint64_t random = 0;
        (void)myl_os_random(&random, sizeof random);
        (void)snprintf(name, sizeof name, "%s.tmp-%u-%016" PRIx64, spec->path, myl_os_pid(), random);
        *fd = myl_os_lift(open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, (mode_t)spec->mode));
        if (*fd < 0)
            return errno;
        err = hold_temporary(*fd, name, spec->seat);
        if (err != 0) {
            (void)unlink(name); /* ours: nobody else makes this name */
            (void)close(*fd);
        }
    }
    return err;
}

/* A file that nobody can find. O_TMPFILE without O_EXCL, so that it can be linked later; where the file system has none
 * (older overlay file systems), one with a temporary name. */
static int open_nameless(const struct myl_os_object_spec *spec, int *fd)
{
    char directory[PATH_BYTES];
    int err = directory_of(spec->path, directory, sizeof directory);
    if (err != 0)
        return err;
    *fd = myl_os_lift(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, (mode_t)spec->mode));
    if (*fd >= 0)
        return 0;
    return errno == EOPNOTSUPP || errno == EISDIR ? open_temporary(spec, fd) : errno;
}

int myl_os_object_create(const struct myl_os_object_spec *spec, int *fd)
{
    if (!myl_os_fits_limit(spec->bytes))
        return EFBIG;
    if (spec->backend == MYL_BACKEND_MEMFD)
        return create_memfd(spec, fd);
    int made = -1;
    int err = open_nameless(spec, &made);
    if (err != 0)
        return err;
    err = check_file_system(made);
    if (err == 0)
        err = reserve(made, spec->bytes);
    if (err == 0 && fchmod(made, (mode_t)spec->mode) != 0) /* whatever the umask */
        err = errno;
    if (err == 0 && spec->group != 0 && fchown(made, (uid_t)-1, (gid_t)spec->group) != 0)
        err = errno;
    if (err != 0) {
        myl_os_object_close(made);
        return err;
    }
    *fd = made;
    return 0;
}

int myl_os_object_publish(int fd, const char *path)
{
    int err = 0;
    /* AT_EMPTY_PATH needs a capability before Linux 6.10; /proc does not, but may not be mounted. */
    if (linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH) != 0) {
        err = errno;
        if (err != EEXIST) {
            char self[SELF_BYTES];
            self_path(fd, self);
            err = linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
        }
    }
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
    *fd = opened;
    return 0;
}

int myl_os_object_reopen(int fd, int *own)
{
    char self[SELF_BYTES];
    self_path(fd, self);
    int opened = myl_os_lift(open(self, O_RDWR | O_CLOEXEC));
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
    return object->regular ? check_file_system(fd) : 0;
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
    return unlink(path) == 0 ? 0 : errno;
}

void myl_os_object_close(int fd)
{
    myl_temporary_drop(fd);
    (void)close(fd);
}

void myl_os_object_forsake(int fd, const struct myl_os_object *object)
{
    (void)object;
    (void)fd; /* a seat is the description's: it goes with its last mapping */
}

void myl_os_object_close_in_child(int fd, const struct myl_os_object *object)
{
    myl_temporary_forget(fd);
    if (myl_os_object_is(fd, object) == 0)
        (void)close(fd); /* never an unlock: that would be the parent's */
}

uint64_t myl_os_free_bytes(const char *path)
{
    char directory[PATH_BYTES];
    struct statvfs about;
    if (statvfs(path, &about) != 0 &&
        (directory_of(path, directory, sizeof directory) != 0 || statvfs(directory, &about) != 0))
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
