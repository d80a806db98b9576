/* SPDX-License-Identifier: MIT
 * Sentences on stderr, and the exit code that goes with each failure. */
#include "cli.h"

#include <stdarg.h>
#include <string.h>

static const char *command = "";
static void (*clear_line)(void);

void cli_set_command(const char *name)
{
    command = name;
}

void cli_before_message(void (*clear)(void))
{
    clear_line = clear;
}

/* One fprintf a line, so that lines of several processes on one terminal do not mix. */
static void say(const char *format, va_list arguments, const char *tail)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, arguments);
    if (clear_line != NULL)
        clear_line();
    fprintf(stderr, "myelon%s%s: %s%s\n", *command != '\0' ? " " : "", command, text, tail);
}

void cli_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, "");
    va_end(arguments);
}

int cli_fail(enum cli_exit code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, "");
    va_end(arguments);
    return (int)code;
}

int cli_usage(const char *format, ...)
{
    char tail[64];
    snprintf(tail, sizeof tail, " (see 'myelon%s%s --help')", *command != '\0' ? " " : "", command);
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, tail);
    va_end(arguments);
    return CLI_USAGE;
}

static enum cli_exit exit_code(int code)
{
    switch (code) {
    case MYL_EINVAL:
    case MYL_EOPTIONS:
    case MYL_ENAME:
    case MYL_EID:
    case MYL_ECAPACITY:
    case MYL_EEVENTSIZE:
    case MYL_EALIGN:
        return CLI_USAGE;
    case MYL_ENOTFOUND:
        return CLI_NOTFOUND;
    case MYL_EEXISTS:
    case MYL_EPRODUCERALIVE:
    case MYL_EDUPLICATE:
    case MYL_EINUSE:
    case MYL_EUNREAD:
    case MYL_ELANES:
        return CLI_INUSE;
    case MYL_ETIMEDOUT:
    case MYL_ESTARTUP:
        return CLI_TIMEOUT;
    default:
        return CLI_FAILED;
    }
}

int cli_ring_error(int code)
{
    /* A time-out leaves the detail as it was: it belongs to some earlier call. */
    const char *detail = myl_errclass(code) == MYL_CLASS_RETRY ? "" : myl_error_detail();
    return cli_fail(exit_code(code), "%s", *detail != '\0' ? detail : myl_strerror(code));
}
