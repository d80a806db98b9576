/* SPDX-License-Identifier: MIT
 * A line of JSON for cJSON, which keeps numbers as doubles and strings up to their first NUL. A marked line has each
 * number as the string "nNUMBER" and each string "TEXT" as "sTEXT". In a string, the escape of a NUL is the escape of
 * U+0001 and "0", and that of U+0001 is itself and "1". */
#ifndef MYELON_CLI_JSON_MARK_H
#define MYELON_CLI_JSON_MARK_H

#include <stddef.h>

#define JSON_MARK_NUMBER 'n'
#define JSON_MARK_STRING 's'

/* Returns the marked line with a NUL, to be freed. NULL: *reason is the cause; *column is the byte, from 1 on, or 0. */
char *json_mark(const char *line, size_t length, const char **reason, size_t *column);

/* The byte of the line, from 1 on, that byte `marked` (from 0 on) of its marked form comes from. */
size_t json_mark_column(const char *line, size_t length, size_t marked);

/* Removes the escapes of a marked string after its mark, in place. Returns its length; NULs may be in it. */
size_t json_unmark(char *text);

#endif
