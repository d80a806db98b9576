/* SPDX-License-Identifier: MIT
 * The receiving side of `cat`. */
#ifndef MYELON_CLI_RECEIVER_H
#define MYELON_CLI_RECEIVER_H

#include "cli.h"

struct receiver_options {
    struct cli_target target;
    const char *id;       /* NULL: automatic */
    const char *output;   /* NULL: standard output */
    int verify_only;      /* no output at all */
    uint64_t type_id;
    int64_t attach_ns;    /* how long the ring may take to appear */
    int64_t timeout_ns;   /* without any event; 0: for ever */
    int quiet;
};

/* Receives one stream. Returns the exit code. */
int receiver_run(const struct receiver_options *options);

#endif
