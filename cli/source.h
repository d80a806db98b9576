/* SPDX-License-Identifier: MIT
 * The input of `cp`: a regular file, which a restarted sender can continue, or a stream, which it cannot. */
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
    uint64_t stream;   /* the file's identity: a hash of size, time of change, inode, device; random for a stream */
    char label[MYL_LABEL_MAX + 1]; /* the same as text for the ring's label, for a successor to compare */
    struct stat opened;
};

/* Opens `path`; "-": standard input. Returns 0, or an exit code after a report. */
int source_open(struct source *source, const char *path);
void source_close(struct source *source);

/* Reads up to `most` bytes: all of them from a file, what has arrived from a stream. Returns the count; 0 at the end;
 * -1 after reporting an error; -2 if a stop signal arrived. */
#define SOURCE_FAILED  (-1)
#define SOURCE_STOPPED (-2)
int64_t source_read(struct source *source, void *data, size_t most, uint64_t offset);

/* Returns NULL, or what changed in the file since it was opened: the end of a sentence. */
const char *source_changed(const struct source *source);

#endif
