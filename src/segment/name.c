/* SPDX-License-Identifier: MIT
 * Names of rings and ids of consumers. */
#define _POSIX_C_SOURCE 200809L /* strnlen */
#include "segment/name.h"

#include "base/error.h"
#include "base/text.h"
#include "segment/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* On a terminal such a character could move the cursor, or make other text look like another name. */
static int check_printable(int code, const char *what, const char *text)
{
    size_t at = myl_text_find_control(text);
    if (text[at] == '\0')
        return MYL_OK;
    return myl_fail(code,
                    "a ring cannot have a %s with a control character: byte %zu of \"%.64s\" is 0x%02x; choose a %s of "
                    "printable characters",
                    what, at, text, (unsigned)(unsigned char)text[at], what);
}

int myl_check_label(const char *label)
{
    if (strnlen(label, MYL_LABEL_MAX + 1) > MYL_LABEL_MAX)
        return myl_fail(MYL_EINVAL, "the label \"%.40s\" is longer than %d bytes; shorten it", label, MYL_LABEL_MAX);
    return check_printable(MYL_EINVAL, "label", label);
}

int myl_check_new_name(const char *path)
{
    static const char side[] = ".myelon-seat-";
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    int rc = check_printable(MYL_ENAME, "name", name);
    if (rc != MYL_OK)
        return rc;
    if (!myl_name_is_temporary(path) && strncmp(name, side, sizeof side - 1) != 0)
        return MYL_OK;
    return myl_fail(
        MYL_ENAME,
        "a ring cannot have the name \"%.64s\": the library uses names of this form for unfinished rings and "
        "for lock files, and removes those that are not in use; choose a name that neither "
        "ends in .tmp-NUMBER-16HEXDIGITS nor starts with .myelon-seat-",
        name);
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
    } else if (name == NULL || name[0] == '\0' || strnlen(name, MYL_TICKET_NAME_MAX + 1) > MYL_TICKET_NAME_MAX) {
        return myl_fail(MYL_ENAME, "a ring in a file needs a path of 1 to %d bytes", MYL_TICKET_NAME_MAX);
    }
    size_t bytes = strlen(directory) + strlen(slash) + strlen(name) + 1;
    *path = malloc(bytes);
    if (*path == NULL)
        return myl_fail(MYL_ENOMEM, "no %zu bytes for the path of ring \"%s\"", bytes, name);
    (void)snprintf(*path, bytes, "%s%s%s", directory, slash, name);
    return MYL_OK;
}

static bool id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

int myl_check_id(const char *id, size_t most)
{
    size_t length = id == NULL ? 0 : strnlen(id, most + 1);
    if (length == 0 || length > most)
        return myl_fail(MYL_EID, "the consumer id \"%.40s\" must have 1 to %zu bytes; choose another",
                        id == NULL ? "" : id, most);
    for (size_t i = 0; i < length; i++) {
        if (!id_char(id[i]))
            return myl_fail(MYL_EID,
                            "the consumer id \"%s\" may have only the characters A-Z a-z 0-9 . _ -; choose another",
                            id);
    }
    return MYL_OK;
}

bool myl_id_is_automatic(const char *id)
{
    return strncmp(id, MYL_ID_AUTOMATIC, sizeof MYL_ID_AUTOMATIC - 1) == 0;
}

int myl_check_any_id(const char *id)
{
    size_t automatic = id != NULL && myl_id_is_automatic(id) ? sizeof MYL_ID_AUTOMATIC - 1 : 0;
    return myl_check_id(id == NULL ? NULL : id + automatic, MYL_ID_MAX - automatic);
}
