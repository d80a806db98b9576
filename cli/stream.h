/* SPDX-License-Identifier: MIT
 * Streams of bytes: standard input and output, pipes, files. Another process may share the open file and may have set
 * O_NONBLOCK: a read or write that would block waits here and goes on. A stop signal ends every wait. */
#ifndef MYELON_CLI_STREAM_H
#define MYELON_CLI_STREAM_H

#include <stddef.h>
#include <sys/types.h>

#define STREAM_FAILED  (-1) /* see errno */
#define STREAM_STOPPED (-2) /* a stop signal arrived: cli_stop_signal */

/* Reads up to `room` bytes. Returns how many, 0 at the end, STREAM_FAILED or STREAM_STOPPED. The stop signal comes
 * first, whatever the read returned: a terminal's Ctrl-C also ends the process that writes to this pipe, and the end of
 * its output is then not the end of the input. */
ssize_t stream_read(int fd, void *data, size_t room);

/* Returns 1 if `fd` can be read, or a stop signal has arrived, within `timeout_ms`; else 0. */
int stream_ready(int fd, int timeout_ms);

/* Writes all bytes; *done, which may be NULL, counts those written. Returns 0, STREAM_FAILED or STREAM_STOPPED. */
int stream_write(int fd, const void *data, size_t bytes, size_t *done);

/* The same for messages and reports, which are written after a stop signal, too. Returns 0 or STREAM_FAILED. */
int stream_print(int fd, const void *data, size_t bytes);

#endif
