/* SPDX-License-Identifier: MIT
 * Text that comes from other processes: names, labels, ids, activity texts, log records, error details. None of it is
 * trusted: a control character could move the cursor, change the title, or start a table row. */
#ifndef MYELON_CLI_TEXT_H
#define MYELON_CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* The longest form of one character: "\xHH" for each of 4 bytes. */
#define TEXT_SHOWN_MAX 16

/* Sets whether the terminal reads UTF-8. Without it (the default) the printable form is ASCII: bytes above 0x7f may be
 * control characters on such a terminal. */
void text_show_utf8(int shown);

/* Decodes the character at `text`, a string. Returns its length in bytes, 1 to 4, or 0 if it is not UTF-8. */
size_t text_decode(const char *text, uint32_t *point);

/* Returns 1 if a terminal may act on this character instead of showing it: C0, DEL, C1, line separators, bidirectional
 * controls and characters of no width. */
int text_is_control(uint32_t point);

/* Writes the printable form of the character at *text and advances *text. The form is the character itself, or "\xHH"
 * for each byte of a control character, of invalid UTF-8, or of what the terminal cannot show. Returns its length;
 * there is no NUL. */
size_t text_show(const char **text, char shown[TEXT_SHOWN_MAX]);

/* Copies at most `columns` characters and `size` bytes of the printable form. Returns the characters written. */
size_t text_copy(char *to, size_t size, const char *text, size_t columns);

/* Returns the number of characters of the printable form. */
size_t text_columns(const char *text);

#endif
