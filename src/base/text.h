/* SPDX-License-Identifier: MIT
 * Characters of text that comes from other processes. */
#ifndef MYL_BASE_TEXT_H
#define MYL_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the character at `text`, a string. Returns its length in bytes, 1 to 4, or 0 if it is not UTF-8; *point is
 * then the byte. */
size_t myl_text_decode(const char *text, uint32_t *point);

/* True if a terminal may act on this character instead of showing it: below 0x20, 0x7f to 0x9f, line separators,
 * bidirectional controls and characters of no width. */
bool myl_text_is_control(uint32_t point);

/* Returns the offset of the first control character in a string; the length of the string if there is none. A byte from
 * 0x80 to 0x9f that is not part of a UTF-8 character counts too. */
size_t myl_text_find_control(const char *text);

/* Replaces each byte of control characters by '?'. The length stays. */
void myl_text_clean(char *text);

#endif
