/* SPDX-License-Identifier: MIT
 * Reporting a failure: a code, and one sentence in the error detail of this thread. */
#ifndef MYL_BASE_ERROR_H
#define MYL_BASE_ERROR_H

#include <myelon/error.h>

/* Bytes of the error detail with its NUL. Longer sentences are cut. */
#define MYL_DETAIL_MAX 512

/* Internal outcomes of functions that else return a code. They are positive, so none is taken for a code; no caller of
 * the library sees one. */
enum myl_outcome {
    MYL_OUTCOME_REPLACED = 1, /* the name leads to another segment now: find it again */
    MYL_OUTCOME_RETRY,        /* another process has just changed it, or is about to: check again */
    MYL_OUTCOME_NONE,         /* there is none of the kind that was asked for */
};

/* Stores the sentence and returns `code`, so that a failing path can end in `return myl_fail(...)`. The sentence is
 * facts, then "; " and advice. The last "; " of `format` separates them, whatever the arguments contain. `format` is a
 * literal: its address is kept. */
int myl_fail(int code, const char *format, ...) MYL_PRINTF(2, 3);

/* As myl_fail, for a failed system call: chooses the code for `err` (an errno value) and adds the text of `err` to the
 * facts. */
int myl_fail_errno(int err, const char *format, ...) MYL_PRINTF(2, 3);

/* These change the present sentence and keep its format: they add text before it, and at the end of its facts. */
void myl_error_prefix(const char *format, ...) MYL_PRINTF(1, 2);
void myl_error_add(const char *format, ...) MYL_PRINTF(1, 2);

/* Returns the format of the present sentence, which identifies it; "" if there is none. *facts: the length of its
 * facts. For the command, which gives advice of its own. */
const char *myl_error_format(size_t *facts);

/* Called after myl_fail: names the participant that caused the failure. `id` NULL: a producer. Returns `code`. */
int myl_fail_participant(int code, const char *id, uint32_t pid, uint32_t lane);

/* Clears the error detail: a call that succeeds leaves no sentence of a failure inside it. */
void myl_error_clear(void);

/* Saves the error detail while other calls are made that may fail, and restores it. */
struct myl_error_saved {
    char text[MYL_DETAIL_MAX];
    const char *format;                        /* NULL: there is no sentence */
    size_t facts;                              /* bytes of `text` before the advice */
    myl_failed_participant failed_participant; /* the one that caused the failure; size 0: none */
};
void myl_error_save(struct myl_error_saved *saved);
void myl_error_restore(const struct myl_error_saved *saved);

/* Formats a time: "250 us", "50 ms", "2.5 s"; "0 ms" for 0 or less. Returns `text`. */
#define MYL_TIME_TEXT 32
const char *myl_time_text(int64_t ns, char text[MYL_TIME_TEXT]);

/* Formats a count with its noun of at most 24 bytes: "1 event", "2 events". Returns `text`. */
#define MYL_COUNT_TEXT 48
const char *myl_count_text(uint64_t count, const char *noun, char text[MYL_COUNT_TEXT]);

#endif
