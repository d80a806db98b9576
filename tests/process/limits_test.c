/* SPDX-License-Identifier: MIT
 * Resources and permissions that the system refuses: too little memory in /dev/shm, another user's ring. No system call
 * is made on the hot path. */
#define _GNU_SOURCE
#include "process/participant.h"

#ifdef __linux__
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#endif

enum { NOT_POSSIBLE = 77 };

#ifdef MYL_OS_POSIX
enum { PORTABLE = 1 };
#else
enum { PORTABLE = 0 };
#endif

#ifndef __has_feature /* clang has __has_feature instead of macros */
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||               \
    __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Runs `function` in a child. Skips the test if the environment does not allow it. */
static void run_in_child(test_child_function function, void *argument)
{
    test_child child;
    test_spawn(&child, function, argument);
    if (test_wait_child(&child, TEST_DEADLINE_MS) && child.status == NOT_POSSIBLE << 8) {
        test_kill(&child);
        test_skip("not possible in this environment");
    }
    test_expect_exit(&child, 0);
}

#ifdef __linux__

static uint64_t shm_free(void)
{
    struct statvfs fs;
    assert_int_equal(statvfs("/dev/shm", &fs), 0);
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

static int fill_small_shm(test_peer *parent, void *argument)
{
    (void)parent;
    (void)argument;
    char name[TEST_NAME_SIZE], small[TEST_NAME_SIZE];
    const char *reason = test_private_shm(1 << 20);
    if (reason != NULL)
        return NOT_POSSIBLE;
    uint64_t before = shm_free();
    myl_producer_options o = producer_options(65536); /* 4 MiB */
    expect_no_producer(MYL_ENOSPACE, "KiB free", test_name(name, "big"), &o);
    expect_detail(name);
    expect_detail("1024 KiB free");
    expect_detail("4224 KiB"); /* 4 MiB of cells, 64 KiB of header, 64 KiB of control */
    assert_int_equal(test_shm_entries(), 0);
    assert_int_equal(shm_free(), before);
    o = producer_options(4096); /* 256 KiB and its sections: fits once, but not three times more */
    myl_producer *producer = open_producer(test_name(small, "small"), &o);
    myl_consumer *consumer = open_consumer(small, "c");
    myl_producer *more[4] = {NULL};
    int rc = MYL_OK;
    unsigned made = 0;
    for (; made < 4 && rc == MYL_OK; made += rc == MYL_OK)
        rc = myl_producer_open(&more[made], test_name(name, "more"), &o);
    assert_int_equal(rc, MYL_ENOSPACE);
    assert_false(ring_exists(name));
    put_many(producer, 0, 4096); /* every page was reserved: no SIGBUS */
    take_many(consumer, 0, 4096);
    while (made > 0)
        myl_producer_close(more[--made]);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    assert_int_equal(test_shm_entries(), 0);
    return 0;
}

/* Makes the pages of zeros holes, as some copy programs do. */
static uint64_t make_holes(const char *name, off_t from)
{
    char path[TEST_PATH_SIZE];
    struct stat st;
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, st.st_size - from), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_blocks * 512 < st.st_size);
    close(fd);
    return (uint64_t)st.st_size;
}

static void fill_shm(void)
{
    int fd = open("/dev/shm/filler", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fallocate(fd, 0, 0, (off_t)shm_free()), 0);
    assert_int_equal(shm_free(), 0);
    close(fd);
}

/* The published events stay; the cells after them are zero and become a hole. */
static int take_over_holes(test_peer *parent, void *argument)
{
    enum { CELLS = 4096, CELL = 64, PUBLISHED = 512, HEADER_PAGE = 4096 };
    (void)parent;
    (void)argument;
    char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    struct stat st;
    if (test_private_shm(1 << 20) != NULL)
        return NOT_POSSIBLE;
    myl_producer_options o = producer_options(CELLS);
    myl_producer *producer = open_producer(test_name(name, "holes"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    put_many(producer, 0, PUBLISHED);
    myl_producer_leave(producer);
    myl_consumer_close(consumer);
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    assert_int_equal(stat(path, &st), 0);
    uint64_t bytes = make_holes(name, st.st_size - (off_t)(CELLS - PUBLISHED) * CELL);
    fill_shm();
    myl_consumer_options c = consumer_options("d");
    expect_no_producer(MYL_ENOSPACE, "holes of 224 KiB, and its file system has 0 KiB free", name, &o);
    expect_no_consumer(MYL_ENOSPACE, "make room", name, &c);
    assert_int_equal(unlink("/dev/shm/filler"), 0);
    producer = open_producer(name, &o); /* the failed open released its lock */
    assert_int_equal(stat(path, &st), 0);
    assert_true((uint64_t)st.st_blocks * 512 >= bytes);
    fill_shm();
    consumer = open_consumer(name, "d");
    put_many(producer, PUBLISHED, CELLS - PUBLISHED);
    take_many(consumer, 0, CELLS);
    myl_consumer_close(consumer);
    myl_producer_leave(producer);
    (void)make_holes(name, HEADER_PAGE); /* holes in the control area, too */
    assert_int_equal(unlink("/dev/shm/filler"), 0);
    fill_shm();
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0)); /* frees the memory */
    return 0;
}

static void holes_are_reserved_at_takeover(void **state)
{
    (void)state;
    if (PORTABLE)
        test_skip("the portable layer cannot reserve holes");
    run_in_child(take_over_holes, NULL);
}

/* In a namespace without a map both the owner's id and this process's id appear as the overflow id. They must not be
 * taken for the same user. */
static int join_without_an_id(test_peer *parent, void *name)
{
    (void)parent;
    if (unshare(CLONE_NEWUSER) != 0)
        return NOT_POSSIBLE;
    myl_consumer_options c = consumer_options("c");
    expect_no_consumer(MYL_EOWNER, "any_owner", name, &c);
    c.ring.any_owner = 1;
    myl_consumer_close(open_consumer_with(name, &c));
    return 0;
}

static void overflow_user_owns_nothing(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "nobody"), &o);
    test_child child;
    if (PORTABLE) {
        myl_producer_close(producer);
        test_skip("the portable layer has no user namespaces");
    }
    test_spawn(&child, join_without_an_id, name);
    int possible = !test_wait_child(&child, TEST_DEADLINE_MS) || child.status != NOT_POSSIBLE << 8;
    if (possible)
        test_expect_exit(&child, 0);
    else
        test_kill(&child);
    myl_producer_close(producer);
    if (!possible)
        test_skip("no user namespaces in this environment");
}

/* No inode is free, so a lower capacity would not help. */
static int make_without_inodes(test_peer *parent, void *argument)
{
    (void)parent;
    (void)argument;
    char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    if (test_private_shm(1 << 20) != NULL ||
        mount("none", "/dev/shm", NULL, MS_REMOUNT, "size=1048576,nr_inodes=4") != 0)
        return NOT_POSSIBLE;
    unsigned made = 0;
    for (int fd = 0; made < 8 && fd >= 0; made += fd >= 0) {
        snprintf(path, sizeof path, "/dev/shm/file-%u", made);
        fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0)
            close(fd);
    }
    assert_true(made < 8);
    myl_producer_options o = producer_options(8);
    expect_no_producer(MYL_ENOSPACE, "needs an inode", test_name(name, "inode"), &o);
    return 0;
}

static void missing_inodes_are_reported(void **state)
{
    (void)state;
    run_in_child(make_without_inodes, NULL);
}

/* A memory cgroup with a limit, and a child group without one: version 1, or version 2 with its memory controller. */
struct memory_group {
    char outer[TEST_PATH_SIZE], inner[2 * TEST_PATH_SIZE];
    int version;
};

static int write_text(const char *directory, const char *file, const char *text)
{
    char path[3 * TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return good;
}

static int make_group(struct memory_group *group, const char *limit)
{
    static const char *const mounts[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
    for (int i = 0; i < 2; i++) {
        snprintf(group->outer, sizeof group->outer, "%s/myl-test-%d", mounts[i], (int)getpid());
        snprintf(group->inner, sizeof group->inner, "%s/inner", group->outer);
        group->version = i + 1;
        if (mkdir(group->outer, 0700) != 0)
            continue;
        if (write_text(group->outer, i == 0 ? "memory.limit_in_bytes" : "memory.max", limit) &&
            (i == 0 || write_text(group->outer, "cgroup.subtree_control", "+memory")) && mkdir(group->inner, 0700) == 0)
            return 1;
        rmdir(group->outer);
    }
    return 0;
}

/* Without a check before the allocation the kernel would kill this process. */
static int make_in_a_group(test_peer *parent, void *argument)
{
    const struct memory_group *group = argument;
    char name[TEST_NAME_SIZE];
    (void)parent;
    if (!write_text(group->inner, "cgroup.procs", "0") || test_private_shm((size_t)1 << 30) != NULL)
        return NOT_POSSIBLE;
    for (int memfd = 0; memfd <= 1; memfd++) {
        myl_producer_options o = producer_options(2 << 20); /* 128 MiB */
        o.ring.backend = memfd ? MYL_BACKEND_MEMFD : MYL_BACKEND_SHM;
        expect_no_producer(MYL_ENOSPACE, group->outer, memfd ? NULL : test_name(name, "group"), &o);
        expect_detail("memory group");
    }
    assert_int_equal(test_shm_entries(), 0);
    myl_producer_options o = producer_options(64 << 10);
    myl_producer_close(open_producer(test_name(name, "group"), &o)); /* 4 MiB */
    return 0;
}

static void memory_group_limit_is_checked_before_allocation(void **state)
{
    (void)state;
    struct memory_group group;
    test_child child;
    if (PORTABLE)
        test_skip("the portable layer has no memory cgroups");
    if (!make_group(&group, "67108864"))
        test_skip("cannot make a memory cgroup");
    test_spawn(&child, make_in_a_group, &group);
    int ended = test_wait_child(&child, TEST_DEADLINE_MS);
    if (!ended)
        test_kill(&child);
    assert_int_equal(rmdir(group.inner), 0);
    assert_int_equal(rmdir(group.outer), 0);
    assert_true(ended);
    if (child.status == NOT_POSSIBLE << 8) {
        test_kill(&child);
        test_skip("not possible in this environment");
    }
    test_expect_exit(&child, 0);
}

/* A ring whose replacement would not fit stays as it is. */
static int replace_in_small_shm(test_peer *parent, void *argument)
{
    (void)parent;
    (void)argument;
    char name[TEST_NAME_SIZE];
    if (test_private_shm(1 << 20) != NULL)
        return NOT_POSSIBLE;
    myl_producer_options o = producer_options(4096);
    myl_producer *producer = open_producer(test_name(name, "old"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    put_many(producer, 0, 10);
    myl_producer_leave(producer);
    o = producer_options(65536);
    o.ring.existing = MYL_EXISTING_SUPERSEDE;
    expect_no_producer(MYL_ENOSPACE, "lower its capacity", name, &o);
    take_many(consumer, 0, 10);
    o = producer_options(4096);
    producer = open_producer(name, &o); /* the old ring is intact */
    put_many(producer, 10, 10);
    take_many(consumer, 10, 10);
    myl_producer_leave(producer);
    myl_consumer_close(consumer);
    o = producer_options(8192); /* fits only after the old ring's 384 KiB of 1024 are free */
    o.ring.existing = MYL_EXISTING_REPLACE;
    producer = open_producer(name, &o);
    myl_producer_close(producer);
    assert_int_equal(test_shm_entries(), 0);
    return 0;
}

static void failed_replacement_keeps_the_old_ring(void **state)
{
    (void)state;
    run_in_child(replace_in_small_shm, NULL);
}

static void too_little_memory_is_reported(void **state)
{
    (void)state;
    run_in_child(fill_small_shm, NULL);
}

enum { OTHER_USER = 54321 };

static int change_user(void)
{
    return geteuid() == 0 && setgroups(0, NULL) == 0 && setgid(OTHER_USER) == 0 && setuid(OTHER_USER) == 0;
}

static int use_roots_ring(test_peer *parent, void *argument)
{
    (void)parent;
    const char *const *names = argument;
    myl_producer_options o = producer_options(8);
    if (!change_user())
        return NOT_POSSIBLE;
    expect_no_consumer(MYL_EPERMISSION, names[0], names[0], NULL); /* mode 0600 */
    expect_no_producer(MYL_EPERMISSION, names[0], names[0], &o);
    test_code(MYL_EPERMISSION, myl_remove(names[0], MYL_BACKEND_SHM, 1));
    myl_consumer *consumer = open_consumer(names[1], "guest"); /* mode 0666; a ring of root is trusted */
    take_many(consumer, 0, 3);
    myl_consumer_close(consumer);
    return 0;
}

static void ring_of_root_is_trusted(void **state)
{
    (void)state;
    char name[2][TEST_NAME_SIZE];
    const char *names[2] = {test_name(name[0], "private"), test_name(name[1], "public")};
    if (geteuid() != 0)
        test_skip("only root can change the user");
    myl_producer_options o = producer_options(8);
    myl_producer *private = open_producer(names[0], &o);
    o.ring.mode = 0666; /* with any umask */
    myl_producer *public = open_producer(names[1], &o);
    put_many(public, 0, 3);
    run_in_child(use_roots_ring, names);
    myl_producer_close(private);
    myl_producer_close(public);
}

static int make_ring_as_user(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    if (!change_user())
        return NOT_POSSIBLE;
    return produce_on_orders(parent, participant);
}

static void ring_of_another_user_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], uid[16];
    if (geteuid() != 0)
        test_skip("only root can change the user");
    struct participant participant = {.name = test_name(name, "foreign"), .producer = producer_options(8)};
    participant.producer.ring.mode = 0666;
    test_child owner;
    test_spawn(&owner, make_ring_as_user, &participant);
    test_expect_value(&owner.peer, 0);
    order(&owner, 4, 4);
    snprintf(uid, sizeof uid, "%d", (int)OTHER_USER);
    expect_no_consumer(MYL_EOWNER, uid, name, NULL);
    expect_no_producer(MYL_EOWNER, "any_owner", name, &participant.producer);
    myl_observer *observer = NULL;
    test_code(MYL_EOWNER, myl_observer_open(&observer, name, NULL));
    assert_null(observer);
    myl_consumer_options trusting = consumer_options("c");
    trusting.ring.any_owner = 1;
    myl_consumer *consumer = open_consumer_with(name, &trusting);
    take_many(consumer, 0, 4);
    test_kill(&owner);
    participant.producer.ring.any_owner = 1;
    myl_producer *producer = open_producer(name, &participant.producer);
    put_many(producer, 4, 1);
    take_many(consumer, 4, 1);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* From here on every system call but exit ends the process. */
static int forbid_system_calls(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

enum { HOT_EVENTS = 100000 };

struct hot {
    char name[TEST_NAME_SIZE];
    uint32_t cell;
    int misbehave;
};

/* Ends by the bare system call: no other one is allowed. */
static int run_hot_path(test_peer *parent, void *argument)
{
    struct hot *hot = argument;
    myl_producer_options o = producer_options(hot->cell == 0 ? 64 : 100);
    o.config.packed_cell = hot->cell;
    myl_producer *producer = open_producer(hot->name, &o);
    myl_consumer *first = open_consumer(hot->name, "first"), *second = open_consumer(hot->name, "second");
    long failed = 0;
    test_send(parent, 1);
    if (!forbid_system_calls()) {
        myl_consumer_close(first);
        myl_consumer_close(second);
        myl_producer_close(producer);
        return NOT_POSSIBLE;
    }
    if (hot->misbehave)
        (void)getppid();
    for (uint64_t i = 0; i < HOT_EVENTS && failed == 0; i++) {
        void *to;
        const void *from;
        if (myl_producer_claim(producer, &to, MYL_SEC(1)) != MYL_OK) {
            failed = 1;
            break;
        }
        event_fill(to, i);
        myl_producer_publish(producer);
        failed |= myl_consumer_next(first, &from, MYL_SEC(1)) != MYL_OK || !event_is(from, i);
        failed |= myl_consumer_release(first) != MYL_OK;
        failed |= myl_consumer_next(second, &from, MYL_SEC(1)) != MYL_OK || !event_is(from, i);
        if (i % 7 == 0)
            failed |= myl_consumer_release(second) != MYL_OK;
        failed |= myl_producer_last_published(producer) != (myl_sequence)i || myl_consumer_end_of_batch(first) != 1;
    }
    syscall(SYS_exit, failed);
    return 1;
}

static int send_and_take(myl_frame_producer *producer, myl_frame_consumer *consumer, uint64_t n, size_t bytes)
{
    void *to;
    myl_message message;
    if (myl_frame_producer_claim(producer, bytes, &to, MYL_SEC(1)) != MYL_OK)
        return 0;
    memset(to, (int)(n & 0xff), bytes);
    if (myl_frame_producer_commit(producer, bytes, (uint8_t)n) != MYL_OK)
        return 0;
    return myl_frame_consumer_next(consumer, &message, MYL_SEC(1)) == MYL_OK && message.length == bytes &&
           message.kind == (uint8_t)n && (bytes == 0 || *(const unsigned char *)message.data == (n & 0xff)) &&
           myl_frame_consumer_release(consumer) == MYL_OK;
}

/* The same for messages: in the header's cache line, after it, and across the end of the ring. */
static int run_hot_frames(test_peer *parent, void *argument)
{
    static const size_t sizes[] = {0, 40, 48, 49, 1000, 16000};
    struct hot *hot = argument;
    myl_frame_producer_options o = {.size = sizeof o, .config.ring_bytes = 65536};
    myl_frame_producer *producer = NULL;
    myl_frame_consumer *consumer = NULL;
    test_ok(myl_frame_producer_open(&producer, hot->name, &o));
    test_ok(myl_frame_consumer_open(&consumer, hot->name, NULL));
    test_send(parent, 1);
    if (!forbid_system_calls()) {
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
        return NOT_POSSIBLE;
    }
    long failed = 0;
    for (uint64_t i = 0; i < HOT_EVENTS && failed == 0; i++)
        failed = !send_and_take(producer, consumer, i, sizes[i % (sizeof sizes / sizeof sizes[0])]);
    syscall(SYS_exit, failed);
    return 1;
}

static void no_system_call_for_messages(void **state)
{
    (void)state;
    if (SANITIZED)
        test_skip("a sanitizer makes system calls");
    struct hot hot = {.cell = 0};
    test_name(hot.name, "hot-frames");
    run_in_child(run_hot_frames, &hot);
    test_ok(myl_remove(hot.name, MYL_BACKEND_SHM, 0));
}

static void no_system_call_on_the_hot_path(void **state)
{
    (void)state;
    if (SANITIZED)
        test_skip("a sanitizer makes system calls");
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        struct hot hot = {.cell = cell};
        test_name(hot.name, "hot");
        run_in_child(run_hot_path, &hot);
        test_ok(myl_remove(hot.name, MYL_BACKEND_SHM, 0));
    }
    struct hot bad = {.misbehave = 1}; /* checks that the filter works */
    test_name(bad.name, "misbehaving");
    test_child child;
    test_spawn(&child, run_hot_path, &bad);
    test_expect_value(&child.peer, 1);
    test_expect_signal(&child, SIGSYS);
    test_ok(myl_remove(bad.name, MYL_BACKEND_SHM, 0));
}

#else

static void limits_of_linux(void **state)
{
    (void)state;
    test_skip("these limits exist on Linux only");
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef __linux__
        cmocka_unit_test(too_little_memory_is_reported),
        cmocka_unit_test(holes_are_reserved_at_takeover),
        cmocka_unit_test(overflow_user_owns_nothing),
        cmocka_unit_test(missing_inodes_are_reported),
        cmocka_unit_test(memory_group_limit_is_checked_before_allocation),
        cmocka_unit_test(failed_replacement_keeps_the_old_ring),
        cmocka_unit_test(ring_of_root_is_trusted),
        cmocka_unit_test(ring_of_another_user_is_refused),
        cmocka_unit_test(no_system_call_on_the_hot_path),
        cmocka_unit_test(no_system_call_for_messages),
#else
        cmocka_unit_test(limits_of_linux),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
