/* SPDX-License-Identifier: MIT
 * The input of `cp`. */
#include "source.h"

#include "digest.h"
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __APPLE__
#define MODIFIED(status) ((status)->st_mtimespec)
#else
#define MODIFIED(status) ((status)->st_mtim)
#endif

/* Computes the first 8 bytes of the SHA-256 of `words`. Returns 0 or an exit code. */
static int hash_words(const uint64_t *words, size_t bytes, uint64_t *value)
{
    unsigned char hash[DIGEST_BYTES];
    struct digest *digest = digest_new();
    int failed = digest == NULL || digest_add(digest, words, bytes) != 0 || digest_end(digest, hash) != 0;
    digest_free(digest);
    if (failed)
        return cli_fail(CLI_FAILED, "the cryptographic library cannot compute a SHA-256");
    memcpy(value, hash, sizeof *value);
    return 0;
}

static int identify(struct source *source)
{
    const struct stat *s = &source->opened;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    /* A stream gets a random identity, so that no successor continues it by mistake. */
    const uint64_t process[] = {(uint64_t)getpid(), (uint64_t)now.tv_sec, (uint64_t)now.tv_nsec,
                                (uint64_t)cli_now_ns()};
    const uint64_t file[] = {(uint64_t)s->st_dev, (uint64_t)s->st_ino, (uint64_t)s->st_size,
                             (uint64_t)MODIFIED(s).tv_sec, (uint64_t)MODIFIED(s).tv_nsec};
    int code = source->resumable ? hash_words(file, sizeof file, &source->stream)
                                 : hash_words(process, sizeof process, &source->stream);
    snprintf(source->label, sizeof source->label, "%s%016" PRIx64, source->resumable ? CHUNK_OF_FILE : CHUNK_OF_PIPE,
             source->stream);
    return code;
}

static int examine(struct source *source)
{
    if (fstat(source->fd, &source->opened) != 0)
        return cli_fail(CLI_FAILED, "%s: %s", source->path, strerror(errno));
    if (S_ISDIR(source->opened.st_mode))
        return cli_fail(CLI_USAGE, "%s is a directory; send it as 'tar c %s | myelon cp - NAME'", source->path,
                        source->path);
    /* Standard input may be a file with a position that another process uses: it is read as a stream. */
    source->resumable = S_ISREG(source->opened.st_mode) && source->fd != STDIN_FILENO;
    source->size = source->resumable ? (uint64_t)source->opened.st_size : CHUNK_TOTAL_UNKNOWN;
    return identify(source);
}

int source_open(struct source *source, const char *path)
{
    *source = (struct source){.fd = STDIN_FILENO, .path = path};
    if (strcmp(path, "-") == 0) {
        source->path = "standard input";
        return examine(source);
    }
    source->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0)
        return cli_fail(CLI_FAILED, "cannot open %s: %s", path, strerror(errno));
    int code = examine(source);
    if (code != 0)
        source_close(source);
    return code;
}

void source_close(struct source *source)
{
    if (source->fd > STDIN_FILENO)
        close(source->fd);
    source->fd = -1;
}

static ssize_t read_some(const struct source *source, void *data, size_t most, uint64_t offset)
{
    ssize_t got;
    if (!source->resumable)
        return stream_read(source->fd, data, most);
    do
        got = pread(source->fd, data, most, (off_t)offset);
    while (got < 0 && errno == EINTR && cli_stop_signal() == 0);
    return got < 0 && errno == EINTR ? STREAM_STOPPED : got;
}

int64_t source_read(struct source *source, void *data, size_t most, uint64_t offset)
{
    size_t done = 0;
    while (done < most) {
        ssize_t got = read_some(source, (char *)data + done, most - done, offset + done);
        if (got == STREAM_STOPPED)
            return SOURCE_STOPPED;
        if (got < 0) {
            cli_notice("cannot read %s at byte %" PRIu64 ": %s", source->path, offset + done, strerror(errno));
            return SOURCE_FAILED;
        }
        done += (size_t)got;
        if (got == 0 || !source->resumable)
            break;
    }
    return (int64_t)done;
}

const char *source_changed(const struct source *source)
{
    struct stat now;
    if (!source->resumable)
        return NULL;
    if (fstat(source->fd, &now) != 0)
        return "can no longer be examined";
    if (now.st_size < source->opened.st_size)
        return "became shorter while it was sent";
    if (now.st_size > source->opened.st_size)
        return "became longer while it was sent";
    if (MODIFIED(&now).tv_sec != MODIFIED(&source->opened).tv_sec ||
        MODIFIED(&now).tv_nsec != MODIFIED(&source->opened).tv_nsec)
        return "was written to while it was sent";
    /* Files in /proc report a size of 0 and still have content. */
    char more;
    return pread(source->fd, &more, 1, now.st_size) > 0 ? "has more bytes than its size; use 'cat FILE | myelon cp - "
                                                          "NAME'"
                                                        : NULL;
}
