/* SPDX-License-Identifier: MIT
 * UTF-8 as Unicode defines it and Rust checks it: no overlong forms, no surrogates, nothing above 0x10ffff. */
#include "codec/bytes.h"

/* The length of the sequence that starts with `lead`, and the range of its second byte. 0: no sequence starts so. */
static unsigned sequence_of(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0)
            *low = 0xa0;
        else if (lead == 0xed)
            *high = 0x9f;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0)
            *low = 0x90;
        else if (lead == 0xf4)
            *high = 0x8f;
        return 4;
    }
    return 0;
}

static size_t skip_ascii(const uint8_t *bytes, size_t at, size_t length)
{
    uint64_t word;
    while (length - at >= sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
        at += sizeof word;
    }
    if (length >= sizeof word && length - at < sizeof word) {
        /* The rest, with bytes that were seen already. */
        memcpy(&word, bytes + length - sizeof word, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) == 0)
            return length;
    }
    while (at < length && bytes[at] < 0x80)
        at++;
    return at;
}

size_t myl_utf8_fault(const void *text, size_t length)
{
    const uint8_t *bytes = text;
    size_t at = 0;
    while ((at = skip_ascii(bytes, at, length)) < length) {
        uint8_t low, high;
        unsigned n = sequence_of(bytes[at], &low, &high);
        if (n == 0 || length - at < n || bytes[at + 1] < low || bytes[at + 1] > high)
            return at;
        for (unsigned i = 2; i < n; i++) {
            if ((bytes[at + i] & 0xc0) != 0x80)
                return at;
        }
        at += n;
    }
    return length;
}

size_t myl_utf8_decode(const char *text, size_t length, uint32_t *c)
{
    static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const uint8_t *bytes = (const uint8_t *)text;
    size_t n = length == 0 || bytes[0] < 0xc0 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    if (length < n || myl_utf8_fault(text, n) != n)
        return 0;
    *c = bytes[0] & mask[n];
    for (size_t i = 1; i < n; i++)
        *c = *c << 6 | (bytes[i] & 0x3f);
    return n;
}

size_t myl_utf8_encode(uint32_t c, char text[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        text[i] = (char)(0x80 | (c & 0x3f));
    text[0] = (char)(lead[n] | c);
    return n;
}
