/* SPDX-License-Identifier: MIT
 * The receiving side of `cat`. */
#ifndef MYELON_CLI_RECEIVER_H
#define MYELON_CLI_RECEIVER_H

#include "cli.h"

struct receiver_options {
    struct cli_target target;
    const char *id;       /* NULL: automatic */
    const char *output;   /* NULL: standard output */
    int verify_only;      /* no output */
    uint64_t type_id;
    int64_t attach_ns;    /* the longest wait for the ring to appear */
    int64_t timeout_ns;   /* without a message; MYL_FOREVER */
    int quiet;
};

/* Receives one stream. Returns the exit code. */
int receiver_run(const struct receiver_options *options);

#endif
