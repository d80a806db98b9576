/* SPDX-License-Identifier: MIT
 * A whole run: starts all roles, restarts them after planned deaths, continues them after planned stops, and waits for
 * their ends. Then it checks the recorded results. */
#define _XOPEN_SOURCE 700
#include "crash/kit.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

enum { RUN_MS = 30000 };

struct crash_place crash_at;

/* There is one run at a time. A failing test leaves it by longjmp; the next test then cleans up. */
static test_child children[CRASH_ROLES];
static int running[CRASH_ROLES];
static char ring[TEST_NAME_SIZE];

static void abandon(void)
{
    for (enum crash_role role = CRASH_PRODUCER; role < CRASH_ROLES; role++) {
        if (running[role])
            test_kill(&children[role]);
        running[role] = 0;
    }
    if (ring_exists(ring))
        (void)!myl_remove(ring, MYL_BACKEND_SHM, 1);
}

static int participates(const struct crash_world *world, enum crash_role role)
{
    if (role == CRASH_OBSERVER)
        return world->observer;
    if (role == CRASH_TOOL)
        return world->tool != NULL;
    if (role == CRASH_PRODUCER)
        return world->consumers > 0;
    return (uint32_t)(role - CRASH_CONSUMER) < world->consumers;
}

void crash_prepare(struct crash_world *world)
{
    if (ring[0] != '\0')
        abandon();
    world->page = crash_new_page();
    world->page->target = world->target;
    test_name(world->name, "crash");
    memcpy(ring, world->name, sizeof ring);
}

static void start(struct crash_run *run, enum crash_role role)
{
    crash_store(&run->world->page->dead[role], 0);
    crash_start(run->world, role, &children[role]);
    running[role] = 1;
}

void crash_start_all(struct crash_run *run)
{
    for (enum crash_role role = CRASH_PRODUCER; role < CRASH_ROLES; role++) {
        if (participates(run->world, role) && !(role == CRASH_TOOL && run->world->tool_may_start != NULL))
            start(run, role);
    }
}

static const char *role_name(enum crash_role role)
{
    static const char *const names[] = {"producer", "consumer 0", "consumer 1", "consumer 2", "observer", "tool"};
    return names[role];
}

void crash_give_up(struct crash_run *run, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    abandon();
    const struct crash_page *page = run->world->page;
    if (crash_at.scenario != NULL)
        print_message("scenario %s, the %s at step %s, occurrence %u:\n", crash_at.scenario, role_name(crash_at.role),
                      crash_step_name(crash_at.step), crash_at.occurrence);
    for (uint32_t i = 0; i < run->world->consumers; i++)
        print_message("consumer %u: handled up to %llu, acknowledged up to %llu\n", i,
                      (unsigned long long)page->consumer[i].seen, (unsigned long long)page->consumer[i].released);
    test_fail("%s; published: %llu of %llu", text, (unsigned long long)page->committed,
              (unsigned long long)page->target);
}

static void note_death(struct crash_page *page, enum crash_role role)
{
    if (role == CRASH_PRODUCER)
        crash_store(&page->producing, 0);
    else if (role < CRASH_OBSERVER)
        crash_store(&page->consumer[role - CRASH_CONSUMER].joined, 0);
    crash_store(&page->dead[role], 1);
}

/* Handles the end of a child process. */
static void handle_end(struct crash_run *run, enum crash_role role)
{
    test_child *child = &children[role];
    running[role] = 0;
    if (WIFSIGNALED(child->status) && WTERMSIG(child->status) == SIGKILL) {
        test_expect_signal(child, SIGKILL);
        run->killed[role]++;
        note_death(run->world->page, role);
    } else if (WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0) {
        test_expect_exit(child, 0);
        crash_store(&run->world->page->done[role], 1);
    } else {
        crash_give_up(run, "the %s failed: status %#x", role_name(role), (unsigned)child->status);
    }
}

static void check_role(struct crash_run *run, enum crash_role role)
{
    test_child *child = &children[role];
    int status;
    if (waitpid(child->pid, &status, WNOHANG | WUNTRACED) != child->pid)
        return;
    if (WIFSTOPPED(status)) {
        run->stopped++;
        if (run->while_stopped != NULL)
            run->while_stopped(run, role);
        test_continue(child);
        return;
    }
    child->status = status;
    child->ended = 1;
    handle_end(run, role);
}

void crash_signal(const struct crash_run *run, enum crash_role role, int signal)
{
    if (participates(run->world, role) && running[role])
        kill(children[role].pid, signal);
}

int crash_check(struct crash_run *run)
{
    const struct crash_world *world = run->world;
    int busy = 0;
    for (enum crash_role role = CRASH_PRODUCER; role < CRASH_ROLES; role++) {
        if (!participates(world, role))
            continue;
        if (running[role])
            check_role(run, role);
        else if (!world->page->done[role] && (world->held == NULL || !world->held(world, role)) &&
                 (role != CRASH_TOOL || world->tool_may_start == NULL || world->tool_may_start(world)))
            start(run, role);
        busy |= !world->page->done[role];
    }
    return busy;
}

void crash_check_end(const struct crash_run *run)
{
    const struct crash_world *world = run->world;
    const struct crash_page *page = world->page;
    if (world->consumers > 0)
        assert_true(page->committed >= page->target);
    for (uint32_t i = 0; i < world->consumers; i++) {
        assert_int_equal(page->consumer[i].seen, page->committed);
        assert_int_equal(page->consumer[i].released, page->committed);
        assert_int_equal(page->consumer[i].beyond, 0);
    }
    /* The name can be used for a new ring. That ring is empty and is removed at its end. */
    myl_producer_options options = world->producer;
    options.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE; /* it can close without consumers */
    void *event;
    myl_producer *producer = open_producer(world->name, &options);
    assert_int_equal(myl_producer_last_published(producer), MYL_SEQUENCE_NONE);
    test_ok(myl_producer_claim(producer, &event, MYL_TRY));
    memset(event, 0, options.config.event_size);
    myl_producer_publish(producer);
    myl_producer_close(producer);
    if (test_shm_entries() > 0)
        test_fail("%d segments are left", test_shm_entries());
}

void crash_run_all(struct crash_run *run)
{
    int64_t until = test_now_ns() + MYL_MSEC(RUN_MS);
    const struct timespec between_checks = {.tv_nsec = 100000};
    crash_start_all(run);
    while (crash_check(run)) {
        if (test_now_ns() > until)
            crash_give_up(run, "not done after %d s: a participant is blocked", RUN_MS / 1000);
        nanosleep(&between_checks, NULL);
    }
    crash_check_end(run);
}
