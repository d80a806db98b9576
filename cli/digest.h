/* SPDX-License-Identifier: MIT
 * SHA-256, from OpenSSL. Built without it, digest_available says so and the others are never called. */
#ifndef MYELON_CLI_DIGEST_H
#define MYELON_CLI_DIGEST_H

#include "cli.h"

#define DIGEST_BYTES 32

struct digest; /* opaque */

struct digest_text {
    char s[2 * DIGEST_BYTES + 1];
};

/* 0, or CLI_FAILED after saying that this `myelon` was built without digests. */
int digest_available(void);

/* A new digest over nothing; NULL without memory. */
struct digest *digest_new(void);
void digest_free(struct digest *digest);

/* 0, or -1 if the cryptographic library fails. digest_end may be called once, as the last. */
int digest_add(struct digest *digest, const void *data, size_t bytes);
int digest_end(struct digest *digest, unsigned char value[DIGEST_BYTES]);

enum digest_file {
    DIGEST_FILE_DONE = 0,
    DIGEST_FILE_ERROR,   /* errno tells why it cannot be read */
    DIGEST_FILE_SHORT,   /* it has fewer bytes */
    DIGEST_FILE_STOPPED, /* a signal asked to stop */
};

/* Adds the first `bytes` bytes of file `fd`. */
enum digest_file digest_add_file(struct digest *digest, int fd, uint64_t bytes);

struct digest_text digest_hex(const unsigned char value[DIGEST_BYTES]);

#endif
