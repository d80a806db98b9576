/* SPDX-License-Identifier: MIT
 * Names of rings and ids of consumers. */
#define _POSIX_C_SOURCE 200809L /* strnlen */
#include "base/error.h"
#include "segment/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_PATH_MAX 4095

int myl_check_name(const char *name)
{
    if (name == NULL || name[0] == '\0')
        return myl_fail(MYL_ENAME, "a ring needs a name of 1 to %d bytes", MYL_NAME_MAX);
    size_t length = strnlen(name, MYL_NAME_MAX + 1);
    if (length > MYL_NAME_MAX)
        return myl_fail(MYL_ENAME, "the name \"%.32s...\" is longer than %d bytes; choose a shorter one", name,
                        MYL_NAME_MAX);
    if (strchr(name, '/') != NULL)
        return myl_fail(MYL_ENAME, "the name \"%s\" has a slash; leave it out, or use the file backend for a path",
                        name);
    if (name[0] == '.')
        return myl_fail(MYL_ENAME, "the name \"%s\" starts with a dot; choose another first letter", name);
    return MYL_OK;
}

int myl_segment_path(const char *name, enum myl_backend backend, char **path)
{
    const char *directory = "";
    const char *slash = "";
    if (backend == MYL_BACKEND_SHM) {
        int rc = myl_check_name(name);
        if (rc != MYL_OK)
            return rc;
        directory = myl_os_shm_directory();
        slash = "/";
    } else if (name == NULL || name[0] == '\0' || strnlen(name, FILE_PATH_MAX + 1) > FILE_PATH_MAX) {
        return myl_fail(MYL_ENAME, "a ring in a file needs a path of 1 to %d bytes", FILE_PATH_MAX);
    }
    size_t bytes = strlen(directory) + strlen(slash) + strlen(name) + 1;
    *path = malloc(bytes);
    if (*path == NULL)
        return myl_fail(MYL_ENOMEM, "no %zu bytes for the path of ring \"%s\"", bytes, name);
    (void)snprintf(*path, bytes, "%s%s%s", directory, slash, name);
    return MYL_OK;
}

static int id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

int myl_check_id(const char *id, size_t most)
{
    size_t length = id == NULL ? 0 : strnlen(id, most + 1);
    if (length == 0 || length > most)
        return myl_fail(MYL_EID, "the consumer id \"%.40s\" has not 1 to %zu bytes", id == NULL ? "" : id, most);
    for (size_t i = 0; i < length; i++) {
        if (!id_char(id[i]))
            return myl_fail(MYL_EID, "the consumer id \"%s\" has a character other than A-Z a-z 0-9 . _ -", id);
    }
    return MYL_OK;
}

void myl_text_clean(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        if (*at < ' ' || *at == 0x7f)
            *at = '?';
    }
}
