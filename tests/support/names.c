/* SPDX-License-Identifier: MIT
 * Names of rings and files. Each belongs to one test run, so that the leak checker finds what the test leaves. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/test.h"

/* Returns the leak checker's number for this test. Without a checker, the first process that asks uses its own number.
 * The number is passed in the environment, so that children and the programs they start use the same one. */
static const char *tag(void)
{
    const char *set = getenv("MYL_TEST_TAG");
    if (set)
        return set;
    char own[32];
    snprintf(own, sizeof own, "%d", (int)getpid());
    setenv("MYL_TEST_TAG", own, 1);
    return getenv("MYL_TEST_TAG");
}

/* A child continues from its parent's value. The pid distinguishes its names from those of other children. */
static unsigned next_number(void)
{
    static unsigned number;
    return number++;
}

const char *test_name(char buffer[TEST_NAME_SIZE], const char *what)
{
    int n = snprintf(buffer, TEST_NAME_SIZE, "myl-test-%s-%d-%u-%s", tag(), (int)getpid(), next_number(), what);
    if (n < 0 || n >= TEST_NAME_SIZE)
        test_fail("the name for \"%s\" is too long", what);
    return buffer;
}

const char *test_path(char buffer[TEST_PATH_SIZE], const char *what)
{
    const char *directory = getenv("MYL_TEST_DIR");
    int n = snprintf(buffer, TEST_PATH_SIZE, "%s/myl-test-%s-%d-%u-%s", directory ? directory : "/tmp", tag(),
                     (int)getpid(), next_number(), what);
    if (n < 0 || n >= TEST_PATH_SIZE)
        test_fail("the path for \"%s\" is too long", what);
    return buffer;
}

int test_shm_entries(void)
{
    char start[64];
    snprintf(start, sizeof start, "myl-test-%s-", tag());
    DIR *dir = opendir("/dev/shm");
    if (!dir)
        return -1;
    int count = 0;
    for (struct dirent *e; (e = readdir(dir));)
        if (strstr(e->d_name, start))
            count++;
    closedir(dir);
    return count;
}
