/* SPDX-License-Identifier: MIT
 * The findings of `myelon doctor`: one per subject, with what was found, what it means, and a remedy. */
#ifndef MYELON_CLI_DOCTOR_H
#define MYELON_CLI_DOCTOR_H

#include "cli.h"

enum doctor_level {
    DOCTOR_OK,
    DOCTOR_NOTE,             /* for information */
    DOCTOR_WARNING,          /* rings work, with lower performance */
    DOCTOR_PROBLEM           /* rings fail */
};

struct doctor_finding {
    const char *subject;
    enum doctor_level level;
    char found[160];
    char means[400];
    char remedy[400];        /* a command or a setting; not empty unless the level is OK */
};

struct doctor {
    const char *root;        /* prefix of the paths of /proc and /sys; "": this machine's */
    uint64_t needs;          /* bytes of the planned ring; 0: not given */
    uint64_t spinners;       /* participants that will spin */
    int spinners_known;
    struct doctor_finding finding[32];
    size_t count;
};

const char *doctor_level_name(enum doctor_level level);

/* Adds a finding with level OK; doctor_judge changes the level. */
struct doctor_finding *doctor_add(struct doctor *doctor, const char *subject, const char *found, ...) MYL_PRINTF(3, 4);
void doctor_judge(struct doctor_finding *finding, enum doctor_level level, const char *means, ...) MYL_PRINTF(3, 4);
void doctor_remedy(struct doctor_finding *finding, const char *remedy, ...) MYL_PRINTF(2, 3);

/* --- doctor_files.c: reads /proc and /sys -------------------------------------------------------------------- */

/* Reads a file's text, cut at `size`, without trailing newlines. Returns -1 if it cannot be read. */
int doctor_read(const struct doctor *doctor, const char *path, char *text, size_t size);
int doctor_read_number(const struct doctor *doctor, const char *path, uint64_t *value);
/* Reads the value after "KEY:" in a file of such lines. */
int doctor_read_key(const struct doctor *doctor, const char *path, const char *key, char *text, size_t size);
/* Calls `use` for a file of each control group of this process, innermost first, until it returns nonzero. `controller`
 * is the name in version 1; `file1` and `file2` are the file's names in versions 1 and 2. */
void doctor_each_group(const struct doctor *doctor, const char *controller, const char *file1, const char *file2,
                       int (*use)(const struct doctor *doctor, const char *path, int version, void *user), void *user);

/* --- the checks, several subjects in each file ---------------------------------------------------------------- */

void doctor_memory(struct doctor *doctor);
void doctor_pages(struct doctor *doctor);
void doctor_limits(struct doctor *doctor);
void doctor_processors(struct doctor *doctor);
void doctor_kernel(struct doctor *doctor);

#endif
