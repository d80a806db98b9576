/* SPDX-License-Identifier: MIT
 * SHA-256, from OpenSSL. */
#include "digest.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 20)

#ifdef MYL_HAVE_CRYPTO

#include <openssl/evp.h>

int digest_available(void)
{
    return CLI_OK;
}

/* The digest is OpenSSL's context; the own type keeps OpenSSL's header out of digest.h. */
static EVP_MD_CTX *context(struct digest *digest)
{
    return (EVP_MD_CTX *)(void *)digest;
}

struct digest *digest_new(void)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(c);
        c = NULL;
    }
    return (struct digest *)(void *)c;
}

void digest_free(struct digest *digest)
{
    EVP_MD_CTX_free(context(digest));
}

int digest_add(struct digest *digest, const void *data, size_t bytes)
{
    return EVP_DigestUpdate(context(digest), data, bytes) == 1 ? 0 : -1;
}

int digest_end(struct digest *digest, unsigned char value[DIGEST_BYTES])
{
    unsigned length = 0;
    return EVP_DigestFinal_ex(context(digest), value, &length) == 1 && length == DIGEST_BYTES ? 0 : -1;
}

#else

int digest_available(void)
{
    return cli_fail(CLI_FAILED, "this myelon was built without SHA-256; install libssl-dev and build again");
}

struct digest *digest_new(void)
{
    return NULL;
}

void digest_free(struct digest *digest)
{
    (void)digest;
}

int digest_add(struct digest *digest, const void *data, size_t bytes)
{
    (void)digest;
    (void)data;
    (void)bytes;
    return -1;
}

int digest_end(struct digest *digest, unsigned char value[DIGEST_BYTES])
{
    (void)digest;
    (void)value;
    return -1;
}

#endif

struct digest_text digest_hex(const unsigned char value[DIGEST_BYTES])
{
    struct digest_text text;
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        snprintf(text.s + 2 * i, 3, "%02x", value[i]);
    return text;
}

static enum digest_file add_file(struct digest *digest, int fd, uint64_t bytes, unsigned char *buffer)
{
    for (uint64_t offset = 0; offset < bytes;) {
        size_t want = bytes - offset < READ_BYTES ? (size_t)(bytes - offset) : READ_BYTES;
        ssize_t got = pread(fd, buffer, want, (off_t)offset);
        if (cli_stop_signal() != 0)
            return DIGEST_FILE_STOPPED;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return DIGEST_FILE_ERROR;
        if (got == 0)
            return DIGEST_FILE_SHORT;
        if (digest_add(digest, buffer, (size_t)got) != 0) {
            errno = ENOTSUP;
            return DIGEST_FILE_ERROR;
        }
        offset += (uint64_t)got;
    }
    return DIGEST_FILE_DONE;
}

enum digest_file digest_add_file(struct digest *digest, int fd, uint64_t bytes)
{
    unsigned char *buffer = malloc(READ_BYTES);
    if (buffer == NULL)
        return DIGEST_FILE_ERROR;
    enum digest_file result = add_file(digest, fd, bytes, buffer);
    free(buffer);
    return result;
}
