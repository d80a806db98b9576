/* SPDX-License-Identifier: MIT
 * Descriptors, for every POSIX system: identity checks, numbers above the standard descriptors, the file size limit,
 * and sending one over a Unix socket. */
#define _GNU_SOURCE /* for MSG_CMSG_CLOEXEC */
#include "base/error.h"
#include "os/os.h"

#include <myelon/segment.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* Control data with one descriptor, and with as many as one message can carry (SCM_MAX_FD of Linux). */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};
#define DESCRIPTORS_MAX 253
union controls {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

int myl_os_object_is(int fd, const struct myl_os_object *object)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    return (uint64_t)st.st_dev == object->device && (uint64_t)st.st_ino == object->inode ? 0 : EBADF;
}

int myl_os_object_read(int fd, uint64_t offset, void *to, uint64_t bytes, uint64_t *got)
{
    for (*got = 0; *got < bytes;) {
        ssize_t some = pread(fd, (unsigned char *)to + *got, bytes - *got, (off_t)(offset + *got));
        if (some < 0 && errno != EINTR)
            return errno;
        if (some == 0)
            break;
        *got += some > 0 ? (uint64_t)some : 0;
    }
    return 0;
}

int myl_os_object_check(int fd, const struct myl_os_object *object, uint32_t owned_lock)
{
    int err = myl_os_object_is(fd, object);
    if (err != 0)
        return err;
    return owned_lock != MYL_OS_NO_LOCK && myl_os_lock_held(fd, owned_lock) == 1 ? EBADF : 0;
}

/* The descriptor is used to look up names only: the process may lack permission to read the directory. */
#if defined O_PATH
#define DIRECTORY_ONLY O_PATH
#elif defined O_SEARCH
#define DIRECTORY_ONLY O_SEARCH
#else
#define DIRECTORY_ONLY O_RDONLY
#endif

int myl_os_place_open(const char *path, struct myl_os_place *place)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
    struct stat st;
    char *directory = malloc(length + 1);
    *place = (struct myl_os_place){.directory = -1, .name = slash == NULL ? path : slash + 1};
    if (directory == NULL)
        return ENOMEM;
    memcpy(directory, slash == NULL ? "." : path, length);
    directory[length] = '\0';
    int fd = myl_os_lift(open(directory, DIRECTORY_ONLY | O_DIRECTORY | O_CLOEXEC));
    int err = errno;
    free(directory);
    if (fd < 0)
        return err;
    if (fstat(fd, &st) != 0) {
        err = errno;
        (void)close(fd);
        return err;
    }
    place->directory = fd;
    place->device = (uint64_t)st.st_dev;
    place->inode = (uint64_t)st.st_ino;
    return 0;
}

void myl_os_place_close(struct myl_os_place *place)
{
    if (place->directory >= 0)
        (void)close(place->directory);
    place->directory = -1;
}

void myl_os_place_check(struct myl_os_place *place)
{
    struct stat st;
    if (fstat(place->directory, &st) == 0 &&
        ((uint64_t)st.st_dev != place->device || (uint64_t)st.st_ino != place->inode))
        place->directory = -1;
}

int myl_os_lift(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int err = errno;
    (void)close(fd);
    errno = err;
    return lifted;
}

int myl_os_fits_limit(uint64_t bytes)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur;
}

int myl_send_fd(int socket, int fd)
{
    char byte = 'm';
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union control control;
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    memset(&control, 0, sizeof control);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == 1 ? MYL_OK : myl_fail_errno(errno, "descriptor %d cannot be sent over socket %d", fd, socket);
}

/* CMSG_NXTHDR of musl compares a signed with an unsigned size. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"

/* Takes ownership of all descriptors of a message: keeps the first, closes the others. Returns how many there were. */
static unsigned take_descriptors(struct msghdr *message, int *first)
{
    unsigned count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t descriptors = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < descriptors; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (count++ == 0)
                *first = fd;
            else
                (void)close(fd);
        }
    }
    return count;
}

#pragma GCC diagnostic pop

/* Moves a received descriptor above the standard ones and sets close-on-exec. */
static int keep_received(int socket, int *fd)
{
    int saved = myl_os_lift(*fd);
    *fd = saved;
    if (saved < 0)
        return myl_fail_errno(errno, "the descriptor received over socket %d cannot be kept", socket);
    if (MSG_CMSG_CLOEXEC == 0)
        (void)fcntl(saved, F_SETFD, FD_CLOEXEC);
    return MYL_OK;
}

int myl_recv_fd(int socket, int *fd)
{
    MYL_I_NOT_NULL(fd);
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union controls control;
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    *fd = -1;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return myl_fail_errno(errno, "no descriptor can be received over socket %d", socket);
    unsigned count = take_descriptors(&message, fd);
    if (count == 1 && (message.msg_flags & MSG_CTRUNC) == 0)
        return keep_received(socket, fd);
    if (count > 0)
        (void)close(*fd);
    *fd = -1;
    /* The buffer holds all descriptors that a message can carry. So a truncated message means that this process is at
     * its descriptor limit. */
    if ((message.msg_flags & MSG_CTRUNC) != 0)
        return myl_fail(MYL_ELIMIT,
                        "a descriptor that came over socket %d was lost: this process may not have another one; close "
                        "some, or raise its limit (ulimit -n), and let it be sent again",
                        socket);
    if (got == 0)
        return myl_fail(MYL_ESYSTEM, "the other end of socket %d was closed before a descriptor came; connect again",
                        socket);
    return myl_fail(MYL_ESYSTEM,
                    "the other end of socket %d sent %u descriptors, not one; receive only what myl_send_fd sent",
                    socket, count);
}
