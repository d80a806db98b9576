/* SPDX-License-Identifier: MIT
 * What `cp` reads: a regular file, which a restarted sender can go on with, or a stream, which it cannot. */
#ifndef MYELON_CLI_SOURCE_H
#define MYELON_CLI_SOURCE_H

#include "chunk.h"
#include "cli.h"

#include <sys/stat.h>

struct source {
    int fd;
    const char *path;  /* for messages */
    int resumable;     /* a regular file */
    uint64_t size;     /* CHUNK_TOTAL_UNKNOWN for a stream */
    uint64_t stream;   /* the file's identity: size, time of change, inode, device; random for a stream */
    char label[MYL_LABEL_MAX + 1]; /* the same for the ring's label, so that a successor can compare */
    struct stat opened;
};

/* Opens `path`, "-" for standard input. 0, or an exit code after saying why not. */
int source_open(struct source *source, const char *path);
void source_close(struct source *source);

/* Reads up to `most` bytes: all of them from a file, what has come from a stream. 0: the end. -1: said why not.
 * -2: a signal asked to stop. */
#define SOURCE_FAILED  (-1)
#define SOURCE_STOPPED (-2)
int64_t source_read(struct source *source, void *data, size_t most, uint64_t offset);

/* NULL, or what changed in the file since it was opened: a sentence's end. */
const char *source_changed(const struct source *source);

#endif
