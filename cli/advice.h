/* SPDX-License-Identifier: MIT
 * Failures of the library, with advice for the user of a command. */
#ifndef MYELON_CLI_ADVICE_H
#define MYELON_CLI_ADVICE_H

#include "cli.h"

/* Writes the sentence of the last failed call, which returned `code`, into `text` (`size` bytes), with advice for the
 * user of a command. `advice` NULL: the one that advice.c has for this sentence. */
void advice_sentence(int code, const char *advice, char *text, size_t size);

#endif
