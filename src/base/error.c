/* SPDX-License-Identifier: MIT
 * Error codes, their texts, and the thread's detail sentence. */
/* The XSI strerror_r, not GNU's of the same name. */
#undef _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char detail[MYL_DETAIL_MAX];

static const struct {
    int code;
    enum myl_error_class class;
    const char *name;
    const char *text;
} errors[] = {{MYL_OK, MYL_CLASS_OK, "MYL_OK", "success"},
#define MYL_X(name, value, class, text) {value, MYL_CLASS_##class, "MYL_" #name, text},
              MYL_ERROR_LIST(MYL_X)
#undef MYL_X
};

static int find(int code)
{
    int count = (int)(sizeof errors / sizeof errors[0]);
    for (int i = 0; i < count; i++) {
        if (errors[i].code == code)
            return i;
    }
    return -1;
}

const char *myl_strerror(int code)
{
    int i = find(code > 0 ? 0 : code);
    return i < 0 ? "an error code this library does not know" : errors[i].text;
}

const char *myl_errname(int code)
{
    int i = find(code > 0 ? 0 : code);
    return i < 0 ? "MYL_E?" : errors[i].name;
}

enum myl_error_class myl_errclass(int code)
{
    int i = find(code > 0 ? 0 : code);
    return i < 0 ? MYL_CLASS_USAGE : errors[i].class;
}

const char *myl_error_detail(void)
{
    return detail;
}

const char *myl_version(void)
{
#define MYL_TEXT2(x) #x
#define MYL_TEXT(x) MYL_TEXT2(x)
    return MYL_TEXT(MYL_VERSION_MAJOR) "." MYL_TEXT(MYL_VERSION_MINOR) "." MYL_TEXT(MYL_VERSION_PATCH);
}

int myl_fail(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    return code;
}

static int code_of_errno(int err)
{
    switch (err) {
    case ENOENT:
    case ENOTDIR:
        return MYL_ENOTFOUND;
    case EEXIST:
        return MYL_EEXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return MYL_EPERMISSION;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return MYL_ENOSPACE;
    case ENOMEM:
        return MYL_ENOMEM;
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case ENOLCK:
        return MYL_ELIMIT;
    case ENOSYS:
    case EOPNOTSUPP:
        return MYL_EUNSUPPORTED;
    case ELOOP:
    case ENAMETOOLONG:
        return MYL_ENAME;
    default:
        return MYL_ESYSTEM;
    }
}

int myl_fail_errno(int err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int used = vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof detail) {
        /* strerror may be shared by all threads, %m is not in every libc. */
        char text[128];
        text[0] = '\0';
        (void)strerror_r(err, text, sizeof text);
        (void)snprintf(detail + used, sizeof detail - (size_t)used, ": %s", text);
    }
    return code_of_errno(err);
}
