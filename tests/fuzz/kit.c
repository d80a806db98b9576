/* SPDX-License-Identifier: MIT
 * Input, checks, directory. */
#include "fuzz/kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/hostile.h"
#include "fuzz/mutate.h"

/* --- input ---------------------------------------------------------------------------------------------------- */

uint64_t fuzz_take(struct fuzz_input *input, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && input->left > 0; i++) {
        value |= (uint64_t)*input->at++ << (8 * i);
        input->left--;
    }
    return value;
}

uint8_t fuzz_byte(struct fuzz_input *input)
{
    return (uint8_t)fuzz_take(input, 1);
}

struct fuzz_input fuzz_record(struct fuzz_input *input)
{
    struct fuzz_input record = {input->at, input->left < FUZZ_RECORD ? input->left : FUZZ_RECORD};
    input->at += record.left;
    input->left -= record.left;
    return record;
}

unsigned fuzz_choose(struct fuzz_input *input, unsigned count)
{
    return fuzz_byte(input) % count;
}

int64_t fuzz_timeout(struct fuzz_input *input)
{
    static const int64_t times[] = {MYL_TRY, MYL_TRY, 1, MYL_USEC(5), MYL_MSEC(3), MYL_SEC(2), MYL_FOREVER, INT64_MAX};
    return times[fuzz_choose(input, sizeof times / sizeof times[0])];
}

/* --- checks --------------------------------------------------------------------------------------------------- */

void fuzz_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("finding: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n  last failure: %s\n", myl_error_detail());
    va_end(arguments);
    abort();
}

void fuzz_result_in(const char *call, int rc, const int *codes, size_t count)
{
    if (rc == MYL_OK)
        return;
    size_t i = 0;
    while (i < count && codes[i] != rc)
        i++;
    fuzz_check(i < count, "%s answered %d, %s", call, rc, myl_errname(rc));
    fuzz_check(rc == MYL_EAGAIN || rc == MYL_ETIMEDOUT || myl_error_detail()[0] != '\0',
               "%s returned %s without a detail", call, myl_errname(rc));
}

int fuzz_detail_has(uint64_t value)
{
    for (const char *at = myl_error_detail(); *at != '\0';) {
        if (*at < '0' || *at > '9') {
            at++;
            continue;
        }
        char *end;
        if (strtoull(at, &end, 10) == value)
            return 1;
        at = end;
    }
    return 0;
}

/* --- directory ------------------------------------------------------------------------------------------------ */

static char directory[FUZZ_PATH / 2];

static void remove_directory(void)
{
    fuzz_empty_directory();
    (void)rmdir(directory);
}

const char *fuzz_directory(void)
{
    if (directory[0] != '\0')
        return directory;
    const char *given = getenv("MYL_FUZZ_DIRECTORY"); /* its owner removes it, also after a crash */
    if (given != NULL) {
        (void)snprintf(directory, sizeof directory, "%s", given);
        return directory;
    }
    (void)snprintf(directory, sizeof directory, "%s/myl-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(directory) == NULL) {
        perror("mkdtemp");
        exit(1);
    }
    (void)atexit(remove_directory);
    return directory;
}

void fuzz_path(char path[FUZZ_PATH], const char *name)
{
    (void)snprintf(path, FUZZ_PATH, "%s/%s", fuzz_directory(), name);
}

/* Counts the entries, and removes them if asked to. */
static int walk_directory(int remove_them)
{
    DIR *stream = opendir(fuzz_directory());
    int count = 0;
    if (stream == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (remove_them && unlinkat(dirfd(stream), entry->d_name, 0) != 0 && errno == EISDIR)
            (void)unlinkat(dirfd(stream), entry->d_name, AT_REMOVEDIR);
    }
    (void)closedir(stream);
    return count;
}

int fuzz_directory_entries(void)
{
    return walk_directory(0);
}

void fuzz_empty_directory(void)
{
    (void)walk_directory(1);
}

/* --- before and after ----------------------------------------------------------------------------------------- */

static int lowest_free; /* lowest free descriptor before the input */

static int lowest_free_now(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)close(fd);
    return fd;
}

void fuzz_begin(void)
{
    static const char *const variables[] = {"MYELON_WAIT", "MYELON_SPIN_NS", "MYELON_YIELDS", "MYELON_SLEEP_NS"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        (void)unsetenv(variables[i]);
    (void)fuzz_directory();
    hostile_begin();
    lowest_free = lowest_free_now();
}

void fuzz_end(void)
{
    hostile_end();
    int now = lowest_free_now();
    fuzz_check(now == lowest_free, "a descriptor is left open: the lowest free one is %d, before it was %d", now,
               lowest_free);
    fuzz_empty_directory();
}
