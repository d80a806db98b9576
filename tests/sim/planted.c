/* SPDX-License-Identifier: MIT
 * Plants each bug of the table in a copy of its source, builds the simulator with it, and runs schedules until a
 * violation is found. See README.md. */
#include "planted.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 1024
#define COMMAND_BYTES 16384
#define LINE_BYTES 640

static struct {
    const char *root, *work, *compiler, *libraries;
    const char *only, *file, *profiles;
    unsigned part, parts, jobs, most;
} request = {.root = ".", .work = "planted", .compiler = "cc", .parts = 1, .jobs = 2, .most = 120000};

struct outcome {
    int caught;
    char line[LINE_BYTES];
};

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    char *text = NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long bytes = ftell(file);
        rewind(file);
        text = bytes < 0 ? NULL : calloc((size_t)bytes + 1, 1);
        if (text != NULL && fread(text, 1, (size_t)bytes, file) != (size_t)bytes) {
            free(text);
            text = NULL;
        }
    }
    (void)fclose(file);
    return text;
}

static void make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
}

/* Writes the file with the bug below `into`. Returns NULL or the reason of a failure. */
static const char *plant(const struct plant *p, const char *into)
{
    char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", request.root, p->file);
    char *text = read_file(path);
    if (text == NULL)
        return "the file does not exist";
    char *at = strstr(text, p->from);
    if (at == NULL || strstr(at + 1, p->from) != NULL) {
        free(text);
        return at == NULL ? "its text is no longer in the source: update the table"
                          : "its text is in the source more than once";
    }
    (void)snprintf(path, sizeof path, "%s/%s", into, p->file);
    make_directories(path);
    FILE *file = fopen(path, "wb");
    int ok = file != NULL && fwrite(text, 1, (size_t)(at - text), file) == (size_t)(at - text) &&
             fputs(p->to, file) >= 0 && fputs(at + strlen(p->from), file) >= 0;
    ok = file != NULL && fclose(file) == 0 && ok;
    free(text);
    return ok ? NULL : "cannot write the copy";
}

static int ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Builds the program with the bug. A source replaces its member of the libraries, because it is linked before them. For
 * a header all sources that may include it are built again, with the copy first in the include path. */
static int build(const struct plant *p, const char *into)
{
    char command[COMMAND_BYTES];
    int frames = strstr(p->file, "frame") != NULL;
    const char *flags = "-O1 -std=c11 -D_GNU_SOURCE= -DMYL_SIM=1 -w";
    int header = ends_with(p->file, ".h");
    int n = snprintf(command, sizeof command,
                     "cd '%s' && { inc=\"-I%s/include -I%s/src -Iinclude -Isrc -Itests/sim\"; "
                     "for f in %s $(ls src/frame/*.c | grep -vE 'fixed|runner') tests/sim/role*.c tests/sim/exhaust.c "
                     "tests/sim/main.c; do "
                     "case $f in src/frame/*|*role_frames*|*exhaust*) front='-include tests/sim/copy.h';; "
                     "src/*) front='-include tests/sim/alloc.h';; *) front=;; esac; "
                     "%s %s $front $inc -c $f -o %s/$(echo $f | tr / _).o || exit; done; "
                     "%s %s/*.o %s -o %s/sim; } >%s/log 2>&1",
                     request.root, into, into,
                     frames ? ""
                            : "$(for d in registry wait ring liveness inspect; do "
                              "grep -lE 'myl_i_|myl_(producer|consumer)_' src/$d/*.c; done | grep -v runner)",
                     request.compiler, flags, into, request.compiler, into, request.libraries, into, into);
    if (!header) { /* the copy */
        n = snprintf(
            command, sizeof command,
            "cd '%s' && { %s %s -include tests/sim/%s.h -Iinclude -Isrc -Itests/sim -I$(dirname %s) -c %s/%s "
            "-o %s/bug.o && "
            "%s %s -Iinclude -Isrc -Itests/sim -c tests/sim/main.c -o %s/main.o && %s %s/main.o %s/bug.o %s -o "
            "%s/sim; } >%s/log 2>&1",
            request.root, request.compiler, flags, frames ? "copy" : "alloc", p->file, into, p->file, into,
            request.compiler, flags, into, request.compiler, into, into, request.libraries, into, into);
    }
    return n > 0 && (size_t)n < sizeof command && system(command) == 0;
}

/* Runs schedules until the bug is found. */
static void hunt(const struct plant *p, const char *into, struct outcome *outcome)
{
    char command[COMMAND_BYTES];
    (void)snprintf(command, sizeof command, "'%s/sim' --hunt '%s' --schedules %u 2>&1", into,
                   request.profiles != NULL ? request.profiles : p->profiles, request.most);
    FILE *answer = popen(command, "r");
    char line[LINE_BYTES];
    (void)snprintf(outcome->line, sizeof outcome->line, "no output");
    while (answer != NULL && fgets(line, sizeof line, answer) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "CAUGHT ", 7) == 0 || strncmp(line, "MISSED ", 7) == 0)
            (void)snprintf(outcome->line, sizeof outcome->line, "%s", line + 7);
        int small = strncmp(line, "FAILED exhaust", 14) == 0;
        if (small && !outcome->caught)
            (void)snprintf(outcome->line, sizeof outcome->line, "%s", line + 7);
        outcome->caught |= small || strncmp(line, "CAUGHT ", 7) == 0;
    }
    int status = answer == NULL ? -1 : pclose(answer);
    if (!outcome->caught && status != 0) {
        outcome->caught = WIFEXITED(status) && WEXITSTATUS(status) > 128; /* the shell's exit status after a signal */
        (void)snprintf(outcome->line, sizeof outcome->line, "\"crash\" or \"endless loop\": status %d", status);
    }
}

static void try(const struct plant *p, struct outcome *outcome)
{
    char into[PATH_BYTES];
    char clean[2 * PATH_BYTES + 64];
    (void)snprintf(into, sizeof into, "%s/%ld", request.work, (long)(p - plants));
    (void)snprintf(clean, sizeof clean, "rm -rf '%s'; mkdir -p '%s'", into, into);
    const char *failed = system(clean) == 0 ? plant(p, into) : "cannot make the build directory";
    if (failed == NULL && !build(p, into))
        failed = "it does not build";
    if (failed != NULL)
        (void)snprintf(outcome->line, sizeof outcome->line, "FAILED: %s (%.200s/log)", failed, into);
    else
        hunt(p, into, outcome);
    if (outcome->caught) {
        (void)snprintf(clean, sizeof clean, "rm -rf '%s'", into);
        (void)system(clean);
    }
}

/* One of several worker processes: works on every step-th row and reports through a pipe. */
static void work(unsigned first, unsigned step, const unsigned *chosen, unsigned count, int out)
{
    for (unsigned i = first; i < count; i += step) {
        struct outcome outcome = {0};
        char line[LINE_BYTES + 160];
        try(&plants[chosen[i]], &outcome);
        int n = snprintf(line, sizeof line, "%c%-52s %s\n", outcome.caught ? '+' : '-', plants[chosen[i]].name,
                         outcome.line);
        if (write(out, line, (size_t)n) != n)
            _exit(1);
    }
    _exit(0);
}

static unsigned choose(unsigned *chosen)
{
    unsigned count = 0;
    for (unsigned i = 0; i < plants_count; i++) {
        if (request.file != NULL && strstr(plants[i].file, request.file) == NULL)
            continue;
        if ((request.only == NULL && i % request.parts == request.part % request.parts) ||
            (request.only != NULL && strstr(plants[i].name, request.only) != NULL))
            chosen[count++] = i;
    }
    return count;
}

static int run_all(void)
{
    unsigned *chosen = calloc(plants_count, sizeof *chosen);
    int ends[2];
    if (chosen == NULL || pipe(ends) != 0)
        return 1;
    unsigned count = choose(chosen), caught = 0;
    for (unsigned i = 0; i < request.jobs; i++) {
        if (fork() == 0) {
            (void)close(ends[0]);
            work(i, request.jobs, chosen, count, ends[1]);
        }
    }
    (void)close(ends[1]);
    FILE *answers = fdopen(ends[0], "r");
    char line[LINE_BYTES + 160];
    while (answers != NULL && fgets(line, sizeof line, answers) != NULL) {
        caught += line[0] == '+';
        printf("%-7s%s", line[0] == '+' ? "caught" : "MISSED", line + 1);
        (void)fflush(stdout);
    }
    while (wait(NULL) > 0) {}
    free(chosen);
    printf("planted: %u of %u\n", caught, count);
    return count == 0 || caught != count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--root") == 0)
            request.root = value;
        else if (strcmp(argv[i], "--work") == 0)
            request.work = value;
        else if (strcmp(argv[i], "--compiler") == 0)
            request.compiler = value;
        else if (strcmp(argv[i], "--libraries") == 0)
            request.libraries = value;
        else if (strcmp(argv[i], "--only") == 0)
            request.only = value;
        else if (strcmp(argv[i], "--file") == 0)
            request.file = value;
        else if (strcmp(argv[i], "--profiles") == 0)
            request.profiles = value;
        else if (strcmp(argv[i], "--jobs") == 0)
            request.jobs = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--schedules") == 0)
            request.most = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--part") != 0 || sscanf(value, "%u/%u", &request.part, &request.parts) != 2) {
            fprintf(stderr, "planted: unknown argument \"%s\"\n", argv[i]);
            return 2;
        }
    }
    if (request.parts == 0 || request.jobs == 0 || request.libraries == NULL)
        return 2;
    return run_all();
}
