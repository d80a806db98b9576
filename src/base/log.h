/* SPDX-License-Identifier: MIT
 * Reporting events to the log callback of the program. */
#ifndef MYL_BASE_LOG_H
#define MYL_BASE_LOG_H

#include <myelon/log.h>

/* Bytes of one log sentence with its NUL. Longer sentences are cut. */
#define MYL_LOG_TEXT_MAX 256

/* Returns 1 if the callback gets sentences of this level. Ask before formatting an expensive sentence. */
int myl_log_wants(enum myl_log_level level);

/* Formats the sentence and calls the callback, if it gets this level. Does not change the error detail. */
void myl_log_emit(enum myl_log_level level, const char *ring, const char *format, ...) MYL_PRINTF(3, 4);

#endif
