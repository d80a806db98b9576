/* SPDX-License-Identifier: MIT
 * What the fuzz targets share: the input, verdicts, and a directory of their own in place of /dev/shm. A target is one
 * function of libFuzzer's shape; standalone.c runs it without libFuzzer. */
#ifndef MYL_TESTS_FUZZ_KIT_H
#define MYL_TESTS_FUZZ_KIT_H

#include <myelon/myelon.h>

#define FUZZ_PATH 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- input ---------------------------------------------------------------------------------------------------- */

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/* The next `bytes` bytes as a number, least significant first; zeros behind the end. */
uint64_t fuzz_take(struct fuzz_input *input, unsigned bytes);
uint8_t fuzz_byte(struct fuzz_input *input);
/* The next record as an input of its own: mutate.h. */
struct fuzz_input fuzz_record(struct fuzz_input *input);
/* One of `count` answers. */
unsigned fuzz_choose(struct fuzz_input *input, unsigned count);
/* A time to wait: none, short, long, or for ever. */
int64_t fuzz_timeout(struct fuzz_input *input);

/* --- verdicts ------------------------------------------------------------------------------------------------- */

/* A finding: says what, and aborts. */
void fuzz_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#define fuzz_check(condition, ...)                                                                                     \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fuzz_die(__VA_ARGS__);                                                                                     \
    } while (0)

/* The answer of a call: MYL_OK or one of the codes named, each with a sentence, but for the two that are answers. */
#define fuzz_answer(call, rc, ...)                                                                                     \
    do {                                                                                                               \
        static const int fuzz_codes[] = {__VA_ARGS__};                                                                 \
        fuzz_answer_in((call), (rc), fuzz_codes, sizeof fuzz_codes / sizeof fuzz_codes[0]);                            \
    } while (0)
void fuzz_answer_in(const char *call, int rc, const int *codes, size_t count);

/* Is one of the numbers in the last failure's sentence `value`? */
int fuzz_detail_has(uint64_t value);

/* --- before and after an input -------------------------------------------------------------------------------- */

/* A clean world: the clock, the directory, MYELON_ variables. */
void fuzz_begin(void);
/* Nothing is left: no descriptor, no mapping; then the directory is emptied. */
void fuzz_end(void);

const char *fuzz_directory(void);
void fuzz_path(char path[FUZZ_PATH], const char *name);
int fuzz_directory_entries(void);
void fuzz_empty_directory(void);

#endif
