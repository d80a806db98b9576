/* SPDX-License-Identifier: MIT
 * Standard output: a buffer, and lines of printable characters. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include "stream.h"
#include "text.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192

static char buffer[(size_t)64 << 10];
static size_t filled;
static int failed;

static void put(const char *bytes, size_t count)
{
    while (count > 0) {
        size_t room = sizeof buffer - filled, part = count < room ? count : room;
        memcpy(buffer + filled, bytes, part);
        filled += part;
        bytes += part;
        count -= part;
        if (filled == sizeof buffer)
            (void)cli_flush();
    }
}

void cli_line(const char *format, ...)
{
    char text[LINE_MAX_BYTES], shown[TEXT_SHOWN_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (const char *at = text; *at != '\0';) {
        size_t length = text_show(&at, shown);
        put(shown, length);
    }
    put("\n", 1);
}

void cli_print(const char *text)
{
    put(text, strlen(text));
}

int cli_flush(void)
{
    size_t count = filled;
    filled = 0;
    failed |= stream_print(STDOUT_FILENO, buffer, count) != 0;
    return failed ? -1 : 0;
}
