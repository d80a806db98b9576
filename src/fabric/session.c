/* SPDX-License-Identifier: MIT
 * Names of a session. docs/fabric.md, "Names". */
#include "fabric/session.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TAG_BITS 5U

/* Length of a text in an array, or `most` if it has no end there. */
static size_t length_in(const char *text, size_t most)
{
    const char *end = memchr(text, '\0', most);
    return end == NULL ? most : (size_t)(end - text);
}

static int check_label(const char *label)
{
    size_t length = label == NULL ? 0 : length_in(label, MYL_LABEL_MAX + 1);
    if (length == 0 || length > MYL_LABEL_MAX)
        return myl_fail(MYL_ENAME, "the label of a session has %s bytes; give it 1 to %d",
                        length == 0 ? "no" : "too many", MYL_LABEL_MAX);
    for (size_t i = 0; i < length; i++) {
        if (label[i] < ' ' || label[i] > '~')
            return myl_fail(MYL_ENAME, "the label of a session has byte 0x%02x; use printable ASCII",
                            (unsigned char)label[i]);
    }
    return MYL_OK;
}

int myl_session_tag(const char *label, char tag[MYL_FABRIC_TAG_MAX + 1])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
    MYL_I_NOT_NULL(tag);
    tag[0] = '\0';
    int rc = check_label(label);
    if (rc != MYL_OK)
        return rc;
    uint64_t hash = myl_fnv1a(label, strlen(label));
    hash ^= hash >> 32;
    for (unsigned i = 0; i < MYL_FABRIC_TAG_MAX; i++)
        tag[i] = digits[hash >> TAG_BITS * (MYL_FABRIC_TAG_MAX - 1 - i) & 31U];
    tag[MYL_FABRIC_TAG_MAX] = '\0';
    return MYL_OK;
}

/* Checks a text of 1 to `most` lower-case letters and digits, the first a letter. */
static int check_plain(const char *text, size_t most, const char *what)
{
    size_t length = length_in(text, most + 1);
    if (length == 0 || length > most)
        return myl_fail(MYL_ENAME, "%s has %s bytes; give it 1 to %zu", what, length == 0 ? "no" : "too many", most);
    for (size_t i = 0; i < length; i++) {
        int letter = text[i] >= 'a' && text[i] <= 'z', digit = text[i] >= '0' && text[i] <= '9';
        if (!letter && (!digit || i == 0))
            return myl_fail(MYL_ENAME,
                            "%s \"%.*s\" has byte 0x%02x at %zu; use lower-case letters and digits, first a letter",
                            what, (int)length, text, (unsigned char)text[i], i);
    }
    return MYL_OK;
}

int myl_portable_name_check(const char *name)
{
    if (name == NULL)
        return myl_fail(MYL_ENAME, "there is no name");
    return check_plain(name, MYL_FABRIC_NAME_MAX, "the name");
}

int myl_worker_count_check(uint32_t workers)
{
    if (workers >= 2 && workers <= 8)
        return MYL_OK;
    return myl_fail(MYL_EINVAL, "%" PRIu32 " workers are not 2 to 8; omit this check for other numbers", workers);
}

static int check_numbers(const myl_fabric_config *config)
{
    if (config->workers > MYL_WORKERS_MAX)
        return myl_fail(MYL_EINVAL, "workers is %" PRIu32 "; a fabric has 1 to %d", config->workers, MYL_WORKERS_MAX);
    if (config->rank >= MYL_WORKERS_MAX || (config->workers != 0 && config->rank >= config->workers))
        return myl_fail(MYL_EINVAL, "rank %" PRIu32 " is not below the number of workers, %" PRIu32, config->rank,
                        config->workers == 0 ? MYL_WORKERS_MAX : config->workers);
    if ((unsigned)config->backend > MYL_BACKEND_MEMFD)
        return myl_fail(MYL_EINVAL, "backend %d is none of the known ones", (int)config->backend);
    if (config->use_fds != 0 && config->backend != MYL_BACKEND_MEMFD)
        return myl_fail(MYL_EINVAL, "use_fds is set, but the backend is not a memfd");
    return MYL_OK;
}

static int check_directory(const myl_fabric_config *config)
{
    size_t length = length_in(config->directory, sizeof config->directory);
    if (config->backend != MYL_BACKEND_FILE)
        return length == 0 ? MYL_OK : myl_fail(MYL_EINVAL, "a directory is given, but the backend is not a file");
    if (length == sizeof config->directory || config->directory[0] != '/')
        return myl_fail(MYL_ENAME,
                        "the directory of a fabric in files is too long, or not absolute; give at most %d "
                        "bytes that begin with a slash",
                        MYL_FABRIC_DIRECTORY_MAX);
    return MYL_OK;
}

static int derive_names(struct myl_session *session)
{
    myl_fabric_config *config = &session->config;
    char tag[MYL_FABRIC_TAG_MAX + 1];
    session->dispatch[0] = session->replies[0] = '\0';
    if (config->prefix[0] == '\0')
        memcpy(config->prefix, MYL_SESSION_PREFIX, sizeof MYL_SESSION_PREFIX);
    int rc = check_plain(config->prefix, MYL_FABRIC_PREFIX_MAX, "the prefix");
    if (rc != MYL_OK || (config->backend == MYL_BACKEND_MEMFD && config->label[0] == '\0'))
        return rc;
    rc = myl_session_tag(config->label, tag);
    if (rc != MYL_OK || config->backend == MYL_BACKEND_MEMFD)
        return rc;
    const char *slash = config->backend == MYL_BACKEND_FILE ? "/" : "";
    (void)snprintf(session->dispatch, sizeof session->dispatch, "%s%s%s%sp", config->directory, slash, config->prefix,
                   tag);
    (void)snprintf(session->replies, sizeof session->replies, "%s%s%s%sr", config->directory, slash, config->prefix,
                   tag);
    return MYL_OK;
}

int myl_session_take(struct myl_session *session, const myl_fabric_config *config)
{
    if (config == NULL)
        return myl_fail(MYL_EINVAL, "there is no configuration");
    int rc = myl_options_take(&session->config, config, MYL_OPTIONS_TYPE(myl_fabric_config, reply_session));
    if (rc == MYL_OK)
        rc = check_numbers(&session->config);
    if (rc == MYL_OK)
        rc = check_directory(&session->config);
    return rc == MYL_OK ? derive_names(session) : rc;
}

int myl_fabric_names(const myl_fabric_config *config, char dispatch[MYL_FABRIC_NAME_MAX + 1],
                     char replies[MYL_FABRIC_NAME_MAX + 1])
{
    MYL_I_NOT_NULL(dispatch);
    MYL_I_NOT_NULL(replies);
    struct myl_session session = {.dispatch = ""};
    dispatch[0] = replies[0] = '\0';
    int rc = myl_session_take(&session, config);
    if (rc != MYL_OK || session.config.backend == MYL_BACKEND_MEMFD)
        return rc;
    const char *slash = strrchr(session.dispatch, '/');
    size_t from = slash == NULL ? 0 : (size_t)(slash + 1 - session.dispatch);
    (void)snprintf(dispatch, MYL_FABRIC_NAME_MAX + 1, "%.14s", session.dispatch + from);
    (void)snprintf(replies, MYL_FABRIC_NAME_MAX + 1, "%.14s", session.replies + from);
    return MYL_OK;
}

void myl_session_worker_id(uint32_t rank, char id[MYL_ID_MAX + 1])
{
    (void)snprintf(id, MYL_ID_MAX + 1, "worker_%" PRIu32, rank);
}

uint32_t myl_session_rank(const char *id)
{
    char canonical[MYL_ID_MAX + 1];
    uint32_t rank = 0;
    if (strncmp(id, "worker_", 7) != 0)
        return MYL_WORKERS_MAX;
    for (const char *digit = id + 7; *digit >= '0' && *digit <= '9' && rank < MYL_WORKERS_MAX; digit++)
        rank = rank * 10 + (uint32_t)(*digit - '0');
    if (rank >= MYL_WORKERS_MAX)
        return MYL_WORKERS_MAX;
    myl_session_worker_id(rank, canonical);
    return strcmp(id, canonical) == 0 ? rank : MYL_WORKERS_MAX;
}
