/* SPDX-License-Identifier: MIT
 * The output of `cat`. */
#include "output.h"

#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void output_none(struct output *output)
{
    *output = (struct output){.fd = -1, .path = "the received data"};
}

int output_open(struct output *output, const char *path)
{
    struct stat status;
    *output = (struct output){.fd = STDOUT_FILENO, .path = "standard output"};
    if (path == NULL)
        return 0;
    output->path = path;
    output->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    /* Some devices and pipes can only be opened for writing. */
    if (output->fd < 0 && errno != ENOENT && errno != EISDIR)
        output->fd = open(path, O_WRONLY | O_CLOEXEC);
    if (output->fd < 0)
        return cli_fail(CLI_FAILED, "cannot open %s for writing: %s", path, strerror(errno));
    output->regular = fstat(output->fd, &status) == 0 && S_ISREG(status.st_mode);
    return 0;
}

/* Standard output may be a file with a position that another process uses: it is written as a stream. */
static int cannot_resume(const struct output *output, uint64_t offset)
{
    return cli_fail(CLI_FAILED,
                    "at least the first %" PRIu64
                    " bytes were acknowledged before and are not sent again, so %s would be "
                    "incomplete; pass '-o FILE' with the file written before",
                    offset, output->path);
}

/* If the reader of the output has closed it, the command ends without a message, as by SIGPIPE. */
static int cannot_write(const struct output *output, uint64_t offset)
{
    if (errno == EPIPE)
        return 128 + SIGPIPE;
    return cli_fail(CLI_FAILED, "cannot write %s at byte %" PRIu64 ": %s", output->path, offset, strerror(errno));
}

static int too_short(const struct output *output, uint64_t offset)
{
    return cli_fail(CLI_FAILED,
                    "%s has fewer than the %" PRIu64
                    " bytes acknowledged before, so it is not the file written then; pass that file",
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
    return cli_fail(CLI_FAILED, "cannot read %s again to continue it: %s", output->path, strerror(errno));
}

static int write_at(const struct output *output, const void *data, size_t bytes, uint64_t offset, size_t *done)
{
    for (*done = 0; *done < bytes;) {
        ssize_t wrote = pwrite(output->fd, (const char *)data + *done, bytes - *done, (off_t)(offset + *done));
        if (wrote > 0)
            *done += (size_t)wrote;
        else if (wrote == 0 || errno != EINTR)
            return STREAM_FAILED;
        else if (cli_stop_signal() != 0)
            return STREAM_STOPPED;
    }
    return 0;
}

int output_write(struct output *output, const void *data, size_t bytes, uint64_t offset)
{
    size_t done = 0;
    if (output->fd < 0)
        return 0;
    int code =
        output->regular ? write_at(output, data, bytes, offset, &done) : stream_write(output->fd, data, bytes, &done);
    if (code == STREAM_FAILED)
        return cannot_write(output, offset + done);
    return code == STREAM_STOPPED ? 128 + cli_stop_signal() : 0;
}

int output_close(struct output *output)
{
    int fd = output->fd;
    output->fd = -1;
    if (fd < 0 || fd == STDOUT_FILENO || close(fd) == 0)
        return 0;
    return cli_fail(CLI_FAILED, "cannot write %s completely: %s", output->path, strerror(errno));
}
