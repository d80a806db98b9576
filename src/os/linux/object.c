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
#include <sys/vfs.h>
#include <unistd.h>

/* Reserve in steps: posix_fallocate may return EINTR, and a step has to end before the next signal of a profiler. */
#define RESERVE_STEP ((uint64_t)16 << 20)

/* Bytes for a name with the suffix of a temporary one. More than any file system allows. */
#define NAME_BYTES 4200
#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
/* How many temporary names are tried, if another process removes each before it is locked. */
#define TEMPORARY_TURNS 100
#define SELF_BYTES 64
#define STAT_BLOCK 512 /* unit of st_blocks */

const char *myl_os_shm_directory(void)
{
    return "/dev/shm";
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

/* File systems in which a file has no blocks but those of its content. */
#define TMPFS     0x01021994UL
#define HUGETLBFS 0x958458f6UL

int myl_os_object_missing(int fd, uint64_t bytes, uint64_t *missing, bool *exact)
{
    struct stat st;
    struct statfs fs;
    if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
        return errno;
    *exact = (unsigned long)fs.f_type == TMPFS || (unsigned long)fs.f_type == HUGETLBFS;
    uint64_t has = (uint64_t)st.st_blocks * STAT_BLOCK;
    *missing = has < bytes ? bytes - has : 0;
    return 0;
}

/* fallocate, since posix_fallocate writes zeros where the file system cannot reserve. */
int myl_os_object_reserve(int fd, uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes;) {
        uint64_t step = bytes - done < RESERVE_STEP ? bytes - done : RESERVE_STEP;
        if (fallocate(fd, 0, (off_t)done, (off_t)step) == 0)
            done += step;
        else if (errno == EOPNOTSUPP || errno == ENOSYS)
            return 0;
        else if (errno != EINTR)
            return errno == EDQUOT ? ENOSPC : errno;
    }
    return 0;
}

/* Refuses file systems on which locks or mappings of two processes are not coherent. */
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
    struct statfs info;
    if (fstatfs(fd, &info) != 0)
        return errno;
    for (size_t i = 0; i < sizeof unsuitable / sizeof unsuitable[0]; i++) {
        if ((long)info.f_type == unsuitable[i])
            return ENOLINK;
    }
    return 0;
}

/* Sets mode and group, independent of the umask. */
static int set_access(int fd, const struct myl_os_object_spec *spec)
{
    if (fchmod(fd, (mode_t)spec->mode) != 0)
        return errno;
    return spec->group >= 0 && fchown(fd, (uid_t)-1, (gid_t)spec->group) != 0 ? errno : 0;
}

static int create_memfd(const struct myl_os_object_spec *spec, int *fd)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (spec->huge ? MFD_HUGETLB : 0U);
    int made = myl_os_lift(memfd_create("myelon", flags));
    if (made < 0)
        return errno;
    int err = ftruncate(made, (off_t)spec->bytes) != 0 ? errno : reserve(made, spec->bytes);
    if (err == 0)
        err = set_access(made, spec);
    /* Seal the size, so that no process can truncate the object under its readers. */
    if (err == 0 && fcntl(made, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) != 0)
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

/* Locks an object with a temporary name. A cleanup removes only names whose lock it can acquire. So the creator
 * acquires the lock, then checks that the name still exists: from then on it stays. EAGAIN: a cleanup removed it
 * before. */
static int hold_temporary(int fd, const struct myl_os_place *place, uint32_t lock_index)
{
    struct myl_os_object object = {0};
    int same = 0;
    int err = myl_os_object_stat(fd, &object); /* ENOLINK on file systems without coherent locks */
    if (err == 0)
        err = myl_os_lock_acquire(fd, lock_index);
    if (err == 0)
        err = myl_os_object_is_named(place, &object, &same);
    if (err == 0 && !same)
        return EAGAIN;
    if (err == 0 && myl_temporary_add(fd, place->directory, place->name) != 0)
        err = ENFILE; /* not ENOMEM, which would mean that the object does not fit */
    return err;
}

/* Creates a file beside the final name, PATH.tmp-PID-RANDOM. */
static int open_temporary(const struct myl_os_object_spec *spec, int *fd)
{
    char name[NAME_BYTES];
    struct myl_os_place temporary = *spec->place;
    int err = EAGAIN;
    temporary.name = name;
    for (int turn = 0; err == EAGAIN && turn < TEMPORARY_TURNS; turn++) {
        uint64_t random = 0;
        (void)myl_os_random(&random, sizeof random);
        (void)snprintf(name, sizeof name, "%s.tmp-%u-%016" PRIx64, spec->place->name, myl_os_pid(), random);
        *fd = myl_os_lift(openat(temporary.directory, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, (mode_t)spec->mode));
        if (*fd < 0)
            return errno;
        err = hold_temporary(*fd, &temporary, spec->lock_index);
        if (err != 0) {
            (void)unlinkat(temporary.directory, name, 0); /* no other process makes this name */
            (void)close(*fd);
        }
    }
    return err;
}

/* Creates a file without a name: O_TMPFILE without O_EXCL, so that it can be linked later. Where the file system does
 * not support that (older overlay file systems), a file with a temporary name. */
static int open_nameless(const struct myl_os_object_spec *spec, int *fd)
{
    *fd = myl_os_lift(openat(spec->place->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, (mode_t)spec->mode));
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
    if (err == 0)
        err = set_access(made, spec);
    if (err != 0) {
        myl_os_object_close(made);
        return err;
    }
    *fd = made;
    return 0;
}

int myl_os_object_publish(int fd, const struct myl_os_place *place)
{
    int err = 0;
    /* Before Linux 6.10, AT_EMPTY_PATH needs a capability. Linking through /proc needs none, but /proc may not be
     * mounted. */
    if (linkat(fd, "", place->directory, place->name, AT_EMPTY_PATH) != 0) {
        err = errno;
        if (err != EEXIST) {
            char self[SELF_BYTES];
            self_path(fd, self);
            err = linkat(AT_FDCWD, self, place->directory, place->name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
        }
    }
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

int myl_os_object_sealed(int fd, int *sealed)
{
    int seals = fcntl(fd, F_GET_SEALS);
    *sealed = seals >= 0 && (seals & SIZE_SEALS) == SIZE_SEALS;
    return seals >= 0 || errno == EINVAL ? 0 : errno; /* EINVAL: no memfd */
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
    return unlinkat(place->directory, place->name, 0) == 0 ? 0 : errno;
}

void myl_os_object_close(int fd)
{
    myl_temporary_drop(fd);
    (void)close(fd);
}

void myl_os_object_abandon(int fd, const struct myl_os_object *object)
{
    (void)object;
    (void)fd; /* locks belong to the description, and are released with it */
}

void myl_os_object_close_in_child(int fd, const struct myl_os_object *object)
{
    myl_temporary_forget(fd);
    if (myl_os_object_is(fd, object) == 0)
        (void)close(fd); /* never unlock: the lock is the parent's */
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
