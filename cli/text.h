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

/* Writes the printable form of the character at *text and advances *text. The form is the character itself, or "\xHH"
 * for each byte of a control character, of invalid UTF-8, or of what the terminal cannot show. Returns its length;
 * there is no NUL. */
size_t text_show(const char **text, char shown[TEXT_SHOWN_MAX]);

/* Copies at most `columns` characters and `size` bytes of the printable form. Returns the characters written. */
size_t text_copy(char *to, size_t size, const char *text, size_t columns);

/* Returns the number of characters of the printable form. */
size_t text_columns(const char *text);

/* Copies the printable form, followed by spaces up to `columns` characters. */
void text_pad(char *to, size_t size, const char *text, size_t columns);

#endif
