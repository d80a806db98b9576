/* SPDX-License-Identifier: MIT
 * Characters of text that comes from other processes. */
#include "base/text.h"

#include <string.h>

size_t myl_text_decode(const char *text, uint32_t *point)
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

bool myl_text_is_control(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e},   {0x200b, 0x200f},
        {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    }
    return false;
}

/* Returns the bytes of the control character at `text`; 0: it is none. *length: of the character, at least 1. */
static size_t control_at(const char *text, size_t *length)
{
    uint32_t point;
    *length = myl_text_decode(text, &point);
    bool lone = *length == 0 && point >= 0x80 && point <= 0x9f; /* a control on a terminal without UTF-8 */
    if (*length == 0)
        *length = 1;
    else
        lone = myl_text_is_control(point);
    return lone ? *length : 0;
}

size_t myl_text_find_control(const char *text)
{
    size_t at = 0, length;
    while (text[at] != '\0' && control_at(text + at, &length) == 0)
        at += length;
    return at;
}

void myl_text_clean(char *text)
{
    while (*text != '\0') {
        size_t length, control = control_at(text, &length);
        memset(text, '?', control);
        text += length;
    }
}
