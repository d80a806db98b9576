/* SPDX-License-Identifier: MIT
 * The printable form of text that comes from other processes. */
#include "text.h"

#include <string.h>

static int utf8_shown;

void text_show_utf8(int shown)
{
    utf8_shown = shown;
}

size_t text_decode(const char *text, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *byte = (const unsigned char *)text;
    size_t length = byte[0] < 0x80 ? 1 : byte[0] < 0xc2 ? 0 : byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    if (length <= 1 || byte[0] > 0xf4) {
        *point = byte[0];
        return byte[0] > 0xf4 ? 0 : length;
    }
    *point = byte[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((byte[i] & 0xc0) != 0x80) /* the NUL at the end, too */
            return 0;
        *point = *point << 6 | (byte[i] & 0x3fU);
    }
    if (*point < least[length] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff))
        return 0;
    return length;
}

int text_is_control(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e},   {0x200b, 0x200f},
        {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return 1;
    }
    return 0;
}

size_t text_show(const char **text, char shown[TEXT_SHOWN_MAX])
{
    static const char digits[] = "0123456789abcdef";
    uint32_t point;
    size_t length = text_decode(*text, &point), used = 0;
    int raw = length > 0 && !text_is_control(point) && (point < 0x80 || utf8_shown);
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
