/* SPDX-License-Identifier: MIT
 * The printable form of text that comes from other processes. */
#include "text.h"

#include "base/text.h"
#include <string.h>

static int utf8_shown;

void text_show_utf8(int shown)
{
    utf8_shown = shown;
}

size_t text_show(const char **text, char shown[TEXT_SHOWN_MAX])
{
    static const char digits[] = "0123456789abcdef";
    uint32_t point;
    size_t length = myl_text_decode(*text, &point), used = 0;
    int raw = length > 0 && !myl_text_is_control(point) && (point < 0x80 || utf8_shown);
    length += length == 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)*(*text)++;
        if (raw) {
            shown[used++] = (char)byte;
            continue;
        }
        shown[used++] = '\\';
        shown[used++] = 'x';
        shown[used++] = digits[byte >> 4];
        shown[used++] = digits[byte & 15];
    }
    return used;
}

size_t text_copy(char *to, size_t size, const char *text, size_t columns)
{
    size_t used = 0, column = 0;
    while (*text != '\0') {
        char shown[TEXT_SHOWN_MAX];
        size_t length = text_show(&text, shown);
        /* An escaped form has one column per byte. */
        size_t wide = shown[0] == '\\' && length > 1 ? length : 1;
        if (used + length + 1 > size || column + wide > columns)
            break;
        memcpy(to + used, shown, length);
        used += length;
        column += wide;
    }
    if (size > 0)
        to[used] = '\0';
    return column;
}

size_t text_columns(const char *text)
{
    size_t columns = 0;
    while (*text != '\0') {
        char shown[TEXT_SHOWN_MAX];
        size_t length = text_show(&text, shown);
        columns += shown[0] == '\\' && length > 1 ? length : 1;
    }
    return columns;
}

void text_pad(char *to, size_t size, const char *text, size_t columns)
{
    size_t column = text_copy(to, size, text, SIZE_MAX), used = strlen(to);
    for (; column < columns && used + 1 < size; column++)
        to[used++] = ' ';
    to[used] = '\0';
}
