/* SPDX-License-Identifier: MIT
 * A ring's owner truncates and extends its file at any time. Tools that only read do not map the ring. Commands that
 * write to it survive SIGBUS. */
/* the jump out of the signal handler leaks allocations; the command ends right after it */
/* ctest: not-under=address */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "process/participant.h"
#include "segment/layout.h"

#include <stdlib.h>

enum { ROUNDS = 1000, CUTS = 4 };

struct ring {
    char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    int fd;
    size_t bytes;
    unsigned char *content;
};

/* One consumer has unread events; no participant is alive. */
static void make_ring(struct ring *ring, const char *what)
{
    struct stat st;
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(ring->name, what), &o);
    myl_consumer *consumer = open_consumer(ring->name, "c");
    put_many(producer, 0, 4);
    snprintf(ring->path, sizeof ring->path, "%s/%s", myl_os_shm_directory(), ring->name);
    ring->fd = open(ring->path, O_RDWR | O_CLOEXEC);
    assert_true(ring->fd >= 0);
    assert_int_equal(fstat(ring->fd, &st), 0);
    ring->bytes = (size_t)st.st_size;
    ring->content = malloc(ring->bytes);
    assert_non_null(ring->content);
    assert_int_equal(pread(ring->fd, ring->content, ring->bytes, 0), ring->bytes);
    myl_consumer_close(consumer);
    myl_producer_leave(producer);
}

static void end_ring(struct ring *ring)
{
    (void)unlink(ring->path);
    close(ring->fd);
    free(ring->content);
}

static void restore(const struct ring *ring)
{
    assert_int_equal(pwrite(ring->fd, ring->content, ring->bytes, 0), ring->bytes);
}

/* Truncates and restores the ring until the parent sends a number: no header, part of the control area, intact in
 * between. */
static int truncate_repeatedly(test_peer *parent, void *argument)
{
    const struct ring *ring = argument;
    for (unsigned turn = 0; !test_can_receive(parent, 0); turn++) {
        assert_int_equal(ftruncate(ring->fd, (off_t)(ring->bytes / CUTS * (turn % CUTS))), 0);
        restore(ring);
    }
    return 0;
}

struct counts {
    unsigned good, bad;
};

static void count(struct counts *counts, int rc)
{
    counts->good += rc == MYL_OK;
    counts->bad += rc != MYL_OK;
}

static int visit(const char *name, void *user)
{
    (void)name;
    (void)user;
    return 0;
}

/* Reads the ring as the commands ls, inspect, top, why, log and gc do. */
static void read_once(const char *name, struct counts *counts)
{
    myl_object object = {.size = sizeof object};
    myl_snapshot *snapshot;
    myl_diagnosis *diagnosis;
    myl_log *log;
    count(counts, myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    myl_snapshot_free(snapshot);
    count(counts, myl_diagnose(name, MYL_BACKEND_SHM, MYL_USEC(80), &diagnosis));
    myl_diagnosis_free(diagnosis);
    count(counts, myl_log_take(name, MYL_BACKEND_SHM, &log));
    myl_log_free(log);
    count(counts, myl_examine(name, MYL_BACKEND_SHM, &object));
}

static int read_repeatedly(test_peer *parent, void *argument)
{
    const struct ring *ring = argument;
    struct counts counts = {0};
    (void)parent;
    int64_t until = test_now_ns() + TEST_DEADLINE_NS / 2;
    for (unsigned i = 0; i < ROUNDS || ((counts.good == 0 || counts.bad == 0) && test_now_ns() < until); i++)
        read_once(ring->name, &counts);
    assert_true(counts.good > 0 && counts.bad > 0);
    for (unsigned i = 0; i < ROUNDS; i++)
        test_ok(myl_list(visit, NULL));
    return 0;
}

static void reading_tools_survive_truncation(void **state)
{
    (void)state;
    struct ring ring;
    test_child cutter, reader;
    make_ring(&ring, "cut");
    test_spawn(&cutter, truncate_repeatedly, &ring);
    test_spawn(&reader, read_repeatedly, &ring);
    test_expect_exit(&reader, 0);
    test_send(&cutter.peer, 0);
    test_expect_exit(&cutter, 0);
    end_ring(&ring);
}

#if defined __linux__ && !defined MYL_OS_POSIX
struct mapped_by {
    pid_t pid;
    const char *path;
};

/* Returns 1 if the command has mapped the ring, or has ended. */
static int has_mapped(void *argument)
{
    const struct mapped_by *by = argument;
    char path[64], line[TEST_PATH_SIZE];
    int found = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)by->pid);
    FILE *maps = fopen(path, "re");
    unsigned lines = 0;
    for (; maps != NULL && !found && fgets(line, sizeof line, maps) != NULL; lines++)
        found = strstr(line, by->path) != NULL;
    if (maps != NULL)
        fclose(maps);
    return found || lines == 0;
}

/* Truncates the ring while the command has it mapped and waits for the registry lock. Returns 0 if the command stopped
 * waiting before that. */
static int truncate_while_mapped(const struct ring *ring, const char *const *argv)
{
    struct myl_os_place place;
    int fd, read_only;
    char text[4096];
    test_child command;
    restore(ring);
    assert_int_equal(myl_os_place_open(ring->path, &place), 0);
    assert_int_equal(myl_os_object_open(&place, 0, &fd, &read_only), 0);
    myl_os_place_close(&place);
    assert_int_equal(myl_os_lock_acquire(fd, MYL_LOCK_REGISTRY), 0);
    test_spawn_program(&command, argv);
    test_until(has_mapped, &(struct mapped_by){command.pid, ring->path}, "the command maps the ring");
    assert_int_equal(ftruncate(ring->fd, 0), 0);
    myl_os_object_close(fd); /* releases the lock, too */
    test_read_output(&command, text, sizeof text);
    test_expect_exit(&command, 1);
    return strstr(text, "was truncated during the call") != NULL;
}

static void expect_cut_short(const struct ring *ring, const char *const *argv)
{
    unsigned turn = 0;
    while (turn < 20 && !truncate_while_mapped(ring, argv))
        turn++;
    assert_true(turn < 20);
}
#endif

static void writing_commands_survive_truncation(void **state)
{
    (void)state;
#if defined __linux__ && !defined MYL_OS_POSIX
    struct ring ring;
    const char *cli = getenv("MYELON_CLI");
    if (cli == NULL)
        test_skip("the command is not built");
    make_ring(&ring, "cut");
    /* Messages go to standard error. */
    static const char run[] = "exec \"$0\" \"$@\" 2>&1";
    expect_cut_short(&ring, (const char *const[]){"/bin/sh", "-c", run, cli, "evict", ring.name, "c", NULL});
    expect_cut_short(&ring, (const char *const[]){"/bin/sh", "-c", run, cli, "rm", ring.name, NULL});
    end_ring(&ring);
#else
    test_skip("locks are not on the object itself, or its mappings cannot be listed");
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_tools_survive_truncation),
        cmocka_unit_test(writing_commands_survive_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
