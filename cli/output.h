/* SPDX-License-Identifier: MIT
 * Where `cat` writes: a regular file, which a restarted receiver goes on with; a stream, which it cannot; or
 * nowhere. */
#ifndef MYELON_CLI_OUTPUT_H
#define MYELON_CLI_OUTPUT_H

#include "cli.h"
#include "digest.h"

struct output {
    int fd;              /* -1: nowhere */
    const char *path;    /* for messages */
    int regular;         /* a regular file: written at each chunk's own offset, cut and read again on resume */
};

/* Opens `path`; NULL is standard output. Changes nothing in a file that exists. 0, or an exit code. */
int output_open(struct output *output, const char *path);

/* An output that takes everything and keeps nothing. */
void output_none(struct output *output);

/* Can this output go on behind at least so many bytes? Changes nothing. 0, or an exit code after saying why not. */
int output_check(const struct output *output, uint64_t least);

/* Makes the output ready for byte `offset`: a file is read up to there into `digest`, and cut there. 0, or an exit
 * code after saying why this output cannot go on at `offset`. */
int output_begin(struct output *output, uint64_t offset, struct digest *digest);

/* Writes all of `data`, or says why not: 0 or an exit code. */
int output_write(struct output *output, const void *data, size_t bytes, uint64_t offset);

/* Closes; an error that shows only now counts as one of writing. 0, or an exit code. Closing twice is fine. */
int output_close(struct output *output);

#endif
