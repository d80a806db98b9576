/* SPDX-License-Identifier: MIT
 * Values of a described type from lines of JSON, in the form that myl_view_json writes. */
#ifndef MYELON_CLI_JSON_VALUE_H
#define MYELON_CLI_JSON_VALUE_H

#include <myelon/codec.h>

#define JSON_REASON_MAX 400

/* Makes the value of one line, in memory of the arena. Returns 0, or -1: the line is none, and `reason` has the field
 * and the cause. */
int json_value(const char *line, size_t length, const myl_schema *schema, myl_arena *arena, void **value,
               char reason[JSON_REASON_MAX]);

#endif
