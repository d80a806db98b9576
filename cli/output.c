/* SPDX-License-Identifier: MIT
 * Where `cat` writes. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void output_none(struct output *output)
{
    *output = (struct output){.fd = -1, .path = "what was received"};
}

int output_open(struct output *output, const char *path)
{
    struct stat status;
    *output = (struct output){.fd = STDOUT_FILENO, .path = "standard output"};
    if (path == NULL)
        return 0;
    output->path = path;
    output->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    /* Some devices and pipes can only be written. */
    if (output->fd < 0 && errno != ENOENT && errno != EISDIR)
        output->fd = open(path, O_WRONLY | O_CLOEXEC);
    if (output->fd < 0)
        return cli_fail(CLI_FAILED, "%s cannot be written: %s", path, strerror(errno));
    output->regular = fstat(output->fd, &status) == 0 && S_ISREG(status.st_mode);
    return 0;
}

/* Standard output may be a file, but somebody else's position in it counts: it is written like any stream. */
static int cannot_resume(const struct output *output, uint64_t offset)
{
    return cli_fail(CLI_FAILED,
                    "at least the first %" PRIu64
                    " bytes were acknowledged before and will not come again, so %s cannot get the "
                    "whole file; only '-o FILE' with the file written before can go on",
                    offset, output->path);
}

static int cannot_write(const struct output *output, uint64_t offset)
{
    return cli_fail(CLI_FAILED, "%s cannot be written from byte %" PRIu64 " on: %s", output->path, offset,
                    errno == EPIPE ? "its reader has gone" : strerror(errno));
}

static int too_short(const struct output *output, uint64_t offset)
{
    return cli_fail(CLI_FAILED,
                    "%s has fewer than the %" PRIu64
                    " bytes that were acknowledged before: it is not the file that was written then; name that one",
                    output->path, offset);
}

int output_check(const struct output *output, uint64_t least)
{
    struct stat status;
    if (!output->regular)
        return least > 0 ? cannot_resume(output, least) : 0;
    return fstat(output->fd, &status) == 0 && (uint64_t)status.st_size < least ? too_short(output, least) : 0;
}

int output_begin(struct output *output, uint64_t offset, struct digest *digest)
{
    int code = output_check(output, offset);
    if (code != 0 || !output->regular)
        return code;
    switch (digest_add_file(digest, output->fd, offset)) {
    case DIGEST_FILE_DONE:
        return ftruncate(output->fd, (off_t)offset) == 0 ? 0 : cannot_write(output, offset);
    case DIGEST_FILE_SHORT:
        return too_short(output, offset);
    case DIGEST_FILE_STOPPED:
        return 128 + cli_stop_signal();
    case DIGEST_FILE_ERROR:
        break;
    }
    return cli_fail(CLI_FAILED, "%s cannot be read again to go on with it: %s", output->path, strerror(errno));
}

int output_write(struct output *output, const void *data, size_t bytes, uint64_t offset)
{
    size_t done = 0;
    while (output->fd >= 0 && done < bytes) {
        const char *from = (const char *)data + done;
        ssize_t wrote = output->regular ? pwrite(output->fd, from, bytes - done, (off_t)(offset + done))
                                        : write(output->fd, from, bytes - done);
        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote == 0 || errno != EINTR)
            return cannot_write(output, offset + done);
        else if (cli_stop_signal() != 0)
            return 128 + cli_stop_signal();
    }
    return 0;
}

int output_close(struct output *output)
{
    int fd = output->fd;
    output->fd = -1;
    if (fd < 0 || fd == STDOUT_FILENO || close(fd) == 0)
        return 0;
    return cli_fail(CLI_FAILED, "%s could not be written to its end: %s", output->path, strerror(errno));
}
