/* SPDX-License-Identifier: MIT
 * Runs a fuzz target without libFuzzer: NAME_replay [--mutations N] [--seed S] [--seconds T] FILE-OR-DIRECTORY... Runs
 * every file once, then N random mutations of them, for at most T seconds. The same seed gives the same mutations. The
 * target runs in a child: if it dies or hangs, its input is written to a file, whose name is printed. */
#define _GNU_SOURCE
#include "fuzz/kit.h"
#include "fuzz/mutate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MOST    4096U
#define FILES_MOST    2000U
#define INPUT_SECONDS 20U /* for one input */

struct input {
    size_t size;
    uint8_t bytes[INPUT_MOST];
    char name[FUZZ_PATH];
};

static struct input *corpus[FILES_MOST];
static unsigned files;
static struct input *current; /* shared with the child */
static uint64_t dice = 1;

static void fail(const char *what, const char *path)
{
    (void)fprintf(stderr, "%s: %s: %s\n", what, path, strerror(errno));
    exit(2);
}

static void load_file(const char *path)
{
    if (files == FILES_MOST)
        return;
    struct input *input = calloc(1, sizeof *input);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 && input != NULL ? read(fd, input->bytes, sizeof input->bytes) : -1;
    if (got < 0)
        fail("cannot read", path);
    (void)close(fd);
    input->size = (size_t)got;
    (void)snprintf(input->name, sizeof input->name, "%s", path);
    corpus[files++] = input;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load(const char *path)
{
    struct stat st;
    struct dirent **entries;
    if (stat(path, &st) != 0)
        fail("cannot stat", path);
    if (!S_ISDIR(st.st_mode)) {
        load_file(path);
        return;
    }
    int count = scandir(path, &entries, NULL, by_name);
    if (count < 0)
        fail("cannot list", path);
    for (int i = 0; i < count; i++) {
        char file[FUZZ_PATH];
        (void)snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            load_file(file);
        free(entries[i]);
    }
    free(entries);
}

/* --- running -------------------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(void)
{
    /* A block of its own, so that a sanitizer detects an access after its end. */
    uint8_t *data = malloc(current->size > 0 ? current->size : 1);
    if (data == NULL)
        exit(2);
    memcpy(data, current->bytes, current->size);
    (void)alarm(INPUT_SECONDS);
    (void)LLVMFuzzerTestOneInput(data, current->size);
    (void)alarm(0);
    free(data);
}

static void run_all(uint64_t mutations, double seconds)
{
    double begin = now();
    for (unsigned i = 0; i < files; i++) {
        *current = *corpus[i];
        run();
    }
    uint64_t done = 0;
    while (files > 0 && done < mutations && now() - begin < seconds) {
        *current = *corpus[fuzz_roll(&dice, files)];
        (void)snprintf(current->name, sizeof current->name, "mutation %" PRIu64, ++done);
        for (uint64_t n = 1 + fuzz_roll(&dice, 5); n > 0; n--) {
            const struct input *other = corpus[fuzz_roll(&dice, files)];
            current->size = fuzz_mutate(current->bytes, current->size, INPUT_MOST, other->bytes, other->size, &dice);
        }
        run();
    }
    double took = now() - begin;
    (void)printf("%u files, %" PRIu64 " mutations, %.0f a second\n", files, done, (double)(files + done) / took);
}

static void report(int status)
{
    char path[FUZZ_PATH];
    const char *directory = getenv("MYL_FUZZ_FINDINGS");
    (void)snprintf(path, sizeof path, "%s/myl-fuzz-finding-%d", directory != NULL ? directory : "/tmp", (int)getpid());
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, current->bytes, current->size) != (ssize_t)current->size)
        fail("cannot write", path);
    (void)close(fd);
    (void)fprintf(stderr, "%s: %s\n  its input: %s\n", current->name,
                  WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "ended with a failure", path);
}

static const char *argument_of(const char *option, char **arguments, int *at, int count)
{
    if (strcmp(arguments[*at], option) != 0)
        return NULL;
    if (++*at == count) {
        (void)fprintf(stderr, "%s needs a value\n", option);
        exit(2);
    }
    return arguments[*at];
}

int main(int count, char **arguments)
{
    uint64_t mutations = 0;
    double seconds = 1e9;
    const char *value;
    for (int i = 1; i < count; i++) {
        if ((value = argument_of("--mutations", arguments, &i, count)) != NULL)
            mutations = strtoull(value, NULL, 10);
        else if ((value = argument_of("--seconds", arguments, &i, count)) != NULL)
            seconds = strtod(value, NULL);
        else if ((value = argument_of("--seed", arguments, &i, count)) != NULL)
            dice = strtoull(value, NULL, 10) | 1;
        else
            load(arguments[i]);
    }
    current = mmap(NULL, sizeof *current, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (files == 0 || current == MAP_FAILED) {
        (void)fprintf(stderr, "usage: %s [--mutations N] [--seed S] [--seconds T] FILE-OR-DIRECTORY...\n",
                      arguments[0]);
        return 2;
    }
    (void)fuzz_directory(); /* this process removes it, however the child ends */
    pid_t child = fork();
    if (child == 0) {
        run_all(mutations, seconds);
        exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        fail("cannot run", arguments[0]);
    for (unsigned i = 0; i < files; i++)
        free(corpus[i]);
    if (status == 0)
        return 0;
    report(status);
    return 1;
}
