/* SPDX-License-Identifier: MIT
 * The log callback. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static myl_log_callback log_callback;
static void *log_user;
static enum myl_log_level log_most;

void myl_set_log(myl_log_callback callback, void *user, enum myl_log_level most)
{
    log_most = MYL_LOG_OFF; /* so that the new callback is never called with the old user pointer */
    log_user = user;
    log_callback = callback;
    log_most = callback == NULL ? MYL_LOG_OFF : most;
}

int myl_log_wants(enum myl_log_level level)
{
    return level != MYL_LOG_OFF && level <= log_most;
}

void myl_log_emit(enum myl_log_level level, const char *ring, const char *format, ...)
{
    char text[MYL_LOG_TEXT_MAX];
    if (!myl_log_wants(level))
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_callback(level, ring, text, log_user);
}

const char *myl_log_level_name(enum myl_log_level level)
{
    static const char *const names[] = {"off", "error", "warn", "info"};
    unsigned i = (unsigned)level;
    return i < sizeof names / sizeof names[0] ? names[i] : "?";
}
