/* SPDX-License-Identifier: MIT
 * Error codes, their texts, and the error detail of each thread. */
/* Select the XSI strerror_r, not GNU's function of the same name. */
#undef _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "base/error.h"

#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The last failure of this thread. */
static _Thread_local struct myl_error_saved last;

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
    return last.text;
}

int myl_fail_participant(int code, const char *id, uint32_t pid, uint32_t lane)
{
    memset(&last.failed_participant, 0, sizeof last.failed_participant);
    last.failed_participant.size = sizeof last.failed_participant;
    last.failed_participant.pid = (int32_t)pid;
    last.failed_participant.lane = lane;
    (void)snprintf(last.failed_participant.id, sizeof last.failed_participant.id, "%s", id == NULL ? "" : id);
    return code;
}

/* Returns the length of the facts: of what `format` makes before its last "; ". */
static size_t facts_length(const char *format, va_list args)
{
    const char *advice = NULL;
    char head[MYL_DETAIL_MAX];
    size_t length = strlen(last.text);
    for (const char *at = strstr(format, "; "); at != NULL; at = strstr(at + 1, "; "))
        advice = at;
    if (advice == NULL || (size_t)(advice - format) >= sizeof head)
        return length;
    memcpy(head, format, (size_t)(advice - format));
    head[advice - format] = '\0';
    int facts = vsnprintf(NULL, 0, head, args);
    return facts >= 0 && (size_t)facts < length ? (size_t)facts : length;
}

MYL_PRINTF(1, 0)
static void make_sentence(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    last.failed_participant.size = 0;
    (void)vsnprintf(last.text, sizeof last.text, format, args);
    myl_text_clean(last.text); /* names and labels are of other processes */
    last.format = format;
    last.facts = facts_length(format, again);
    va_end(again);
}

/* Inserts text at byte `at` of the sentence. What does not fit is cut at the end. */
static void insert(size_t at, char *text)
{
    char rest[MYL_DETAIL_MAX];
    myl_text_clean(text);
    (void)snprintf(rest, sizeof rest, "%s", last.text + at);
    (void)snprintf(last.text + at, sizeof last.text - at, "%s%s", text, rest);
    size_t length = strlen(last.text), facts = last.facts + strlen(text);
    last.facts = facts < length ? facts : length;
}

int myl_fail(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    make_sentence(format, args);
    va_end(args);
    return code;
}

void myl_error_prefix(const char *format, ...)
{
    char text[MYL_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    insert(0, text);
}

void myl_error_add(const char *format, ...)
{
    char text[MYL_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    insert(last.facts, text);
}

const char *myl_error_format(size_t *facts)
{
    *facts = last.facts;
    return last.format != NULL ? last.format : "";
}

void myl_error_clear(void)
{
    memset(&last, 0, sizeof last);
}

void myl_error_save(struct myl_error_saved *saved)
{
    *saved = last;
}

void myl_error_restore(const struct myl_error_saved *saved)
{
    last = *saved;
}

const char *myl_time_text(int64_t ns, char text[MYL_TIME_TEXT])
{
    if (ns > 0 && ns < MYL_USEC(1))
        (void)snprintf(text, MYL_TIME_TEXT, "%" PRId64 " ns", ns);
    else if (ns > 0 && ns < MYL_MSEC(1))
        (void)snprintf(text, MYL_TIME_TEXT, "%" PRId64 " us", ns / MYL_USEC(1));
    else if (ns < MYL_SEC(1))
        (void)snprintf(text, MYL_TIME_TEXT, "%" PRId64 " ms", ns > 0 ? ns / MYL_MSEC(1) : 0);
    else
        (void)snprintf(text, MYL_TIME_TEXT, "%" PRId64 ".%" PRId64 " s", ns / MYL_SEC(1),
                       ns % MYL_SEC(1) / MYL_MSEC(100));
    return text;
}

const char *myl_count_text(uint64_t count, const char *noun, char text[MYL_COUNT_TEXT])
{
    (void)snprintf(text, MYL_COUNT_TEXT, "%" PRIu64 " %.24s%s", count, noun, count == 1 ? "" : "s");
    return text;
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
    case EBUSY:
        return MYL_EBUSY;
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
    /* strerror may use a buffer shared by all threads, and not every libc knows %m. */
    char text[128];
    va_start(args, format);
    make_sentence(format, args);
    va_end(args);
    text[0] = '\0';
    (void)strerror_r(err, text, sizeof text);
    myl_error_add(": %s", text);
    return code_of_errno(err);
}
