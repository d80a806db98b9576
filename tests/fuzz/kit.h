/* SPDX-License-Identifier: MIT
 * Shared by the fuzz targets: the input, checks, and a directory in place of /dev/shm. A target is one function with
 * libFuzzer's interface; standalone.c runs it without libFuzzer. */
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

/* The next `bytes` bytes as a number, least significant first. Zeros after the end. */
uint64_t fuzz_take(struct fuzz_input *input, unsigned bytes);
uint8_t fuzz_byte(struct fuzz_input *input);
/* The next record as a separate input: mutate.h. */
struct fuzz_input fuzz_record(struct fuzz_input *input);
/* Chooses one of `count` values. */
unsigned fuzz_choose(struct fuzz_input *input, unsigned count);
/* A time-out: none, short, long, or for ever. */
int64_t fuzz_timeout(struct fuzz_input *input);

/* --- checks --------------------------------------------------------------------------------------------------- */

/* Reports a finding and aborts. */
void fuzz_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#define fuzz_check(condition, ...)                                                                                     \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fuzz_die(__VA_ARGS__);                                                                                     \
    } while (0)

/* Checks the result of a call: MYL_OK or one of the listed codes, each with an error detail, except the two that are no
 * failures. */
#define fuzz_result(call, rc, ...)                                                                                     \
    do {                                                                                                               \
        static const int fuzz_codes[] = {__VA_ARGS__};                                                                 \
        fuzz_result_in((call), (rc), fuzz_codes, sizeof fuzz_codes / sizeof fuzz_codes[0]);                            \
    } while (0)
void fuzz_result_in(const char *call, int rc, const int *codes, size_t count);

/* Returns 1 if `value` is one of the numbers in the last error detail. */
int fuzz_detail_has(uint64_t value);

/* --- before and after an input -------------------------------------------------------------------------------- */

/* Resets the clock, the directory and the MYELON_ variables. */
void fuzz_begin(void);
/* Checks that no descriptor and no mapping is left, then empties the directory. */
void fuzz_end(void);

const char *fuzz_directory(void);
void fuzz_path(char path[FUZZ_PATH], const char *name);
int fuzz_directory_entries(void);
void fuzz_empty_directory(void);

#endif
