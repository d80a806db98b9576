/* SPDX-License-Identifier: MIT
 * Messages on stderr, and the exit code of each failure. */
#include "advice.h"
#include "cli.h"
#include "stream.h"
#include "text.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define SENTENCE_MAX 1024

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

/* Writes each line with one call, so that lines of several processes do not mix. Buffered output is written before. */
static void print_prefixed(const char *format, va_list arguments, const char *tail)
{
    char text[2048], line[4 * sizeof text + 256];
    vsnprintf(text, sizeof text, format, arguments);
    (void)cli_flush();
    if (clear_line != NULL)
        clear_line();
    size_t used = (size_t)snprintf(line, sizeof line, "myelon%s%s: ", *command != '\0' ? " " : "", command);
    text_copy(line + used, sizeof line - used - 128, text, SIZE_MAX);
    used = strlen(line);
    used += (size_t)snprintf(line + used, sizeof line - used, "%s\n", tail);
    (void)stream_print(STDERR_FILENO, line, used);
}

void cli_notice(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_prefixed(format, arguments, "");
    va_end(arguments);
}

int cli_fail(enum cli_exit code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_prefixed(format, arguments, "");
    va_end(arguments);
    return (int)code;
}

int cli_usage(const char *format, ...)
{
    char tail[64];
    snprintf(tail, sizeof tail, " (see 'myelon%s%s --help')", *command != '\0' ? " " : "", command);
    va_list arguments;
    va_start(arguments, format);
    print_prefixed(format, arguments, tail);
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
    case MYL_ENOTDRAINED:
    case MYL_ELANES:
        return CLI_INUSE;
    case MYL_ETIMEDOUT:
    case MYL_ESTARTUP:
        return CLI_TIMEOUT;
    default:
        return CLI_FAILED;
    }
}

int cli_is_shortage(int code)
{
    return code == MYL_ENOMEM || code == MYL_ELIMIT;
}

int cli_ring_error(int code)
{
    return cli_ring_error_advised(code, NULL);
}

int cli_ring_error_advised(int code, const char *advice)
{
    char text[SENTENCE_MAX];
    advice_sentence(code, advice, text, sizeof text);
    return cli_fail(exit_code(code), "%s", text);
}

int cli_open_error(int code)
{
    return cli_ring_error_advised(code, code == MYL_ENOTFOUND ? "start its producer first, or check the name" : NULL);
}

const char *cli_ring_sentence(int code)
{
    static char text[SENTENCE_MAX];
    advice_sentence(code, NULL, text, sizeof text);
    return text;
}
