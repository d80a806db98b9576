/* SPDX-License-Identifier: MIT
 * How the library reports a failure: a code, and a sentence in this thread's detail buffer. */
#ifndef MYL_BASE_ERROR_H
#define MYL_BASE_ERROR_H

#include <myelon/error.h>

/* Room for one sentence; longer ones are cut. */
#define MYL_DETAIL_MAX 512

/* Records the sentence and returns `code`, so that a failing path ends in `return myl_fail(...)`. */
int myl_fail(int code, const char *format, ...) MYL_PRINTF(2, 3);

/* The same for a failed system call: picks the code for `err` (an errno value) and appends its text. */
int myl_fail_errno(int err, const char *format, ...) MYL_PRINTF(2, 3);

#endif
