/* SPDX-License-Identifier: MIT
 * What `myelon doctor` finds: one finding for each subject, with what was found, what it means, and the way out. */
#ifndef MYELON_CLI_DOCTOR_H
#define MYELON_CLI_DOCTOR_H

#include "cli.h"

enum doctor_verdict {
    DOCTOR_OK,
    DOCTOR_NOTE,             /* good to know */
    DOCTOR_WARNING,          /* rings work, and worse than they could */
    DOCTOR_PROBLEM           /* rings fail */
};

struct doctor_finding {
    const char *subject;
    enum doctor_verdict verdict;
    char found[160];
    char means[400];
    char remedy[400];        /* a command or a setting; whatever is not good has one */
};

struct doctor {
    const char *root;        /* put before the paths of /proc and /sys; "": the machine's own */
    uint64_t needs;          /* bytes of the ring that is planned; 0: not said */
    uint64_t spinners;       /* parties that are going to spin */
    int spinners_said;
    struct doctor_finding finding[32];
    size_t count;
};

const char *doctor_verdict_name(enum doctor_verdict verdict);

/* The next finding: good, until it is judged otherwise. */
struct doctor_finding *doctor_add(struct doctor *doctor, const char *subject, const char *found, ...) MYL_PRINTF(3, 4);
void doctor_judge(struct doctor_finding *finding, enum doctor_verdict verdict, const char *means, ...) MYL_PRINTF(3, 4);
void doctor_remedy(struct doctor_finding *finding, const char *remedy, ...) MYL_PRINTF(2, 3);

/* --- doctor_files.c: what /proc and /sys say ---------------------------------------------------------------- */

/* The file's text, cut at `size`, without the newline at its end. -1: it cannot be read. */
int doctor_read(const struct doctor *doctor, const char *path, char *text, size_t size);
int doctor_read_number(const struct doctor *doctor, const char *path, uint64_t *value);
/* The text behind "KEY:" in a file of such lines. */
int doctor_read_key(const struct doctor *doctor, const char *path, const char *key, char *text, size_t size);
/* Reads a file of each of our control groups, the innermost first, until `use` returns nonzero, or there is none left.
 * `controller` is that of version 1; `file1` and `file2` are the file's names in version 1 and 2. */
void doctor_each_group(const struct doctor *doctor, const char *controller, const char *file1, const char *file2,
                       int (*use)(const struct doctor *doctor, const char *path, int version, void *user), void *user);

/* --- the probes, each file some subjects ---------------------------------------------------------------------- */

void doctor_memory(struct doctor *doctor);
void doctor_pages(struct doctor *doctor);
void doctor_limits(struct doctor *doctor);
void doctor_processors(struct doctor *doctor);
void doctor_kernel(struct doctor *doctor);

#endif
