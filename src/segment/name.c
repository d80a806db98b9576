/* SPDX-License-Identifier: MIT
 * Names of rings and ids of consumers. */
#define _POSIX_C_SOURCE 200809L /* strnlen */
#include "segment/name.h"

#include "base/error.h"
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

/* Returns 1 if there is a control character at `text`: below 0x20, DEL, and, in UTF-8, 0x80 to 0x9f and the
 * bidirectional controls. On a terminal such a character could move the cursor, or make other text look like another
 * name. */
static bool is_control(const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    if (byte[0] < ' ' || byte[0] == 0x7f)
        return true;
    if (byte[0] == 0xc2 && byte[1] >= 0x80 && byte[1] <= 0x9f) /* U+0080 to U+009F */
        return true;
    if (byte[0] == 0xd8 && byte[1] == 0x9c) /* U+061C */
        return true;
    if (byte[0] != 0xe2)
        return false;
    if (byte[1] == 0x80 && (byte[2] == 0x8e || byte[2] == 0x8f || (byte[2] >= 0xa8 && byte[2] <= 0xae)))
        return true; /* U+200E, U+200F, U+2028 to U+202E */
    return byte[1] == 0x81 && byte[2] >= 0xa6 && byte[2] <= 0xa9; /* U+2066 to U+2069 */
}

int myl_check_new_name(const char *path)
{
    static const char side[] = ".myelon-seat-";
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    for (size_t i = 0; name[i] != '\0'; i++) {
        if (is_control(name + i))
            return myl_fail(MYL_ENAME,
                            "a ring cannot have a name with a control character: byte %zu of \"%.64s\" is 0x%02x; "
                            "choose a name of printable characters",
                            i, name, (unsigned)(unsigned char)name[i]);
    }
    if (!myl_name_is_temporary(path) && strncmp(name, side, sizeof side - 1) != 0)
        return MYL_OK;
    return myl_fail(
        MYL_ENAME,
        "a ring cannot have the name \"%.64s\": the library uses names of this form for unfinished rings and "
        "for lock files, and removes those that are not in use; choose a name that neither "
        "ends in .tmp-NUMBER-16HEXDIGITS nor starts with .myelon-",
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

void myl_text_clean(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        if (*at < ' ' || *at == 0x7f)
            *at = '?';
    }
}
