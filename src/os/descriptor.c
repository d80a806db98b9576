/* SPDX-License-Identifier: MIT
 * What is the same for descriptors everywhere: whether one still is the object's, which numbers ours may have, how
 * large a file may be, handing one over a Unix socket. */
#define _GNU_SOURCE /* MSG_CMSG_CLOEXEC, where there is one */
#include "base/error.h"
#include "os/os.h"

#include <myelon/segment.h>

#include <errno.h>
#include <fcntl.h>
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

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int myl_os_object_is(int fd, const struct myl_os_object *object)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    return (uint64_t)st.st_dev == object->device && (uint64_t)st.st_ino == object->inode ? 0 : EBADF;
}

int myl_os_object_check(int fd, const struct myl_os_object *object, uint32_t witness)
{
    int err = myl_os_object_is(fd, object);
    if (err != 0)
        return err;
    return witness != MYL_OS_NO_SEAT && myl_os_seat_held(fd, witness) == 1 ? EBADF : 0;
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

int myl_recv_fd(int socket, int *fd)
{
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union control control;
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
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (got == 0 || header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof *fd))
        return myl_fail(MYL_ESYSTEM, "the other end of socket %d sent no descriptor", socket);
    memcpy(fd, CMSG_DATA(header), sizeof *fd);
    return MYL_OK;
}
