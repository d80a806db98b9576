/* SPDX-License-Identifier: MIT
 * Steps: their names, their counts, dying or stopping at them. The shared page. Starting a process of a role. */
#define _XOPEN_SOURCE 700
#include "crash/kit.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Steps of the tests themselves: half of an event is written; an event is handled but not acknowledged. */
static char names[CRASH_STEPS][CRASH_STEP_NAME] = {"app.write", "app.handle"};
static uint32_t step_count = 2;

static struct crash_page *own_page;
static int own_role = -1;

const char *crash_step_name(uint32_t step)
{
    return names[step];
}

static int find(const char *name)
{
    for (uint32_t i = 0; i < step_count; i++) {
        if (strcmp(names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

uint32_t crash_step(const char *name)
{
    int step = find(name);
    if (step < 0)
        test_fail("no source names a step \"%s\"", name);
    return (uint32_t)step;
}

static void find_in_line(const char *line)
{
    static const char mark[] = "MYL_STEP(\"";
    for (const char *at = line; (at = strstr(at, mark)) != NULL;) {
        at += sizeof mark - 1;
        size_t length = strcspn(at, "\"");
        char name[CRASH_STEP_NAME];
        if (length >= sizeof name)
            test_fail("a step's name is too long: %s", at);
        memcpy(name, at, length);
        name[length] = '\0';
        if (find(name) >= 0)
            continue;
        if (step_count == CRASH_STEPS)
            test_fail("more than %d steps", CRASH_STEPS);
        memcpy(names[step_count++], name, sizeof name);
    }
}

static void find_in_file(const char *path)
{
    char line[512];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        test_fail("cannot read %s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file) != NULL)
        find_in_line(line);
    fclose(file);
}

static void find_in(const char *directory)
{
    DIR *dir = opendir(directory);
    if (dir == NULL)
        test_fail("cannot read %s: %s", directory, strerror(errno));
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char path[TEST_PATH_SIZE];
        size_t length = strlen(e->d_name);
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, e->d_name);
        if (strchr(e->d_name, '.') == NULL)
            find_in(path);
        else if (length > 2 && (strcmp(e->d_name + length - 2, ".c") == 0 || strcmp(e->d_name + length - 2, ".h") == 0))
            find_in_file(path);
    }
    closedir(dir);
}

uint32_t crash_find_steps(void)
{
    static int found;
    if (found)
        return step_count;
    found = 1;
    const char *source = getenv("MYL_TEST_SOURCE_DIR");
    char path[TEST_PATH_SIZE];
    if (source == NULL)
        test_fail("%s", "MYL_TEST_SOURCE_DIR is not set: it must be the source directory (ctest sets it)");
    snprintf(path, sizeof path, "%s/include", source);
    find_in(path);
    snprintf(path, sizeof path, "%s/src", source);
    find_in(path);
    return step_count;
}

struct crash_page *crash_new_page(void)
{
    void *page = own_page;
    if (page == NULL)
        page = mmap(NULL, sizeof *own_page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        test_fail("mmap: %s", strerror(errno));
    own_page = page;
    memset(page, 0, sizeof *own_page);
    return own_page;
}

static void raise_here(int signal)
{
    kill(getpid(), signal); /* returns when the stopped process is continued */
    while (signal == SIGKILL)
        pause();
}

static unsigned life_index(enum crash_role role)
{
    uint64_t lives = own_page->lives[role];
    return (unsigned)(lives < CRASH_LIVES ? lives : CRASH_LIVES) - 1;
}

/* The library calls this at every step. */
void myl_test_step(const char *name)
{
    if (own_role < 0)
        return;
    uint32_t step = crash_step(name);
    unsigned life = life_index((enum crash_role)own_role);
    const struct crash_plan *plan = &own_page->plan[own_role][life];
    uint64_t *count = &own_page->life[own_role][life][step];
    uint64_t *fuse = &own_page->fuse[own_role];
    crash_add(&own_page->steps[own_role][step], 1);
    crash_add(count, 1);
    if (plan->step == step && plan->occurrence == *count && own_page->lives[own_role] <= CRASH_LIVES)
        raise_here(plan->signal);
    if (crash_load(fuse) != 0) {
        crash_store(fuse, *fuse - 1);
        if (*fuse == 0)
            raise_here(SIGKILL);
    }
}

struct life {
    const struct crash_world *world;
    enum crash_role role;
};

static int run_life(test_peer *parent, void *argument)
{
    const struct life *life = argument;
    const struct crash_world *world = life->world;
    (void)parent;
    own_role = (int)life->role;
    if (life->role == CRASH_PRODUCER)
        return crash_produce(world);
    if (life->role == CRASH_OBSERVER)
        return crash_observe(world);
    if (life->role == CRASH_TOOL)
        return world->tool(world);
    return crash_consume(world, (uint32_t)(life->role - CRASH_CONSUMER));
}

void crash_start(const struct crash_world *world, enum crash_role role, test_child *child)
{
    struct life life = {world, role};
    world->page->lives[role]++;
    test_spawn(child, run_life, &life);
}

uint64_t crash_count(const struct crash_world *world, enum crash_role role, const char *step)
{
    return crash_load(&world->page->steps[role][crash_step(step)]);
}

int crash_is_stopped(void *child)
{
    const test_child *checked_at = child;
    int status;
    return waitpid(checked_at->pid, &status, WNOHANG | WUNTRACED) == checked_at->pid && WIFSTOPPED(status);
}
