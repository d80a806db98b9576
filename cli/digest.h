/* SPDX-License-Identifier: MIT
 * SHA-256, from OpenSSL. In a build without it, digest_available fails and the other functions are not called. */
#ifndef MYELON_CLI_DIGEST_H
#define MYELON_CLI_DIGEST_H

#include "cli.h"

#define DIGEST_BYTES 32

struct digest; /* opaque */

struct digest_text {
    char s[2 * DIGEST_BYTES + 1];
};

/* Returns 0, or CLI_FAILED after reporting that this `myelon` was built without SHA-256. */
int digest_available(void);

/* Returns the digest of no bytes, or NULL without memory. */
struct digest *digest_new(void);
void digest_free(struct digest *digest);

/* Return 0, or -1 if OpenSSL fails. digest_end may be called once, after the last digest_add. */
int digest_add(struct digest *digest, const void *data, size_t bytes);
int digest_end(struct digest *digest, unsigned char value[DIGEST_BYTES]);

enum digest_file {
    DIGEST_FILE_DONE = 0,
    DIGEST_FILE_ERROR,   /* reading failed; see errno */
    DIGEST_FILE_SHORT,   /* the file has fewer bytes */
    DIGEST_FILE_STOPPED, /* a stop signal arrived */
};

/* Adds the first `bytes` bytes of file `fd`. */
enum digest_file digest_add_file(struct digest *digest, int fd, uint64_t bytes);

struct digest_text digest_hex(const unsigned char value[DIGEST_BYTES]);

#endif
