/* SPDX-License-Identifier: MIT
 * The output of `cat`: a regular file, which a restarted receiver continues; a stream, which it cannot continue; or
 * none. */
#ifndef MYELON_CLI_OUTPUT_H
#define MYELON_CLI_OUTPUT_H

#include "cli.h"
#include "digest.h"

struct output {
    int fd;              /* -1: none */
    const char *path;    /* for messages */
    int regular;         /* a regular file: written at each chunk's offset; on resume truncated and read again */
};

/* Opens `path`; NULL: standard output. Does not change an existing file. Returns 0 or an exit code. */
int output_open(struct output *output, const char *path);

/* An output that discards everything. */
void output_none(struct output *output);

/* Checks that the output can continue after `least` bytes. Changes nothing. Returns 0, or an exit code after a
 * report. */
int output_check(const struct output *output, uint64_t least);

/* Prepares the output for byte `offset`: a file is read up to there into `digest`, and truncated there. Returns 0, or
 * an exit code after a report. */
int output_begin(struct output *output, uint64_t offset, struct digest *digest);

/* Writes all of `data`. Returns 0, or an exit code after a report. */
int output_write(struct output *output, const void *data, size_t bytes, uint64_t offset);

/* Closes. An error of close counts as a write error. Returns 0 or an exit code. Closing twice is allowed. */
int output_close(struct output *output);

#endif
