/* SPDX-License-Identifier: MIT
 * What the system refuses: too little memory behind /dev/shm, somebody else's ring; and that no system call is made on
 * the hot path. */
#define _GNU_SOURCE
#include "process/party.h"

#ifdef __linux__
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#endif

enum { NOT_POSSIBLE = 77 };

#ifndef __has_feature /* clang's way of telling */
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||               \
    __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Runs it in a child; what is not possible here is skipped. */
static void run_in_child(test_child_function function, void *argument)
{
    test_child child;
    test_spawn(&child, function, argument);
    if (test_wait_child(&child, TEST_DEADLINE_MS) && child.status == NOT_POSSIBLE << 8) {
        test_kill(&child);
        test_skip("not possible here");
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
    o = producer_options(4096); /* 256 KiB and its sections: fits, three times not */
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

/* A ring whose successor would not fit stays as it is. */
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
    o.existing = MYL_EXISTING_SUPERSEDE;
    expect_no_producer(MYL_ENOSPACE, "lower its capacity", name, &o);
    take_many(consumer, 0, 10);
    o = producer_options(4096);
    producer = open_producer(name, &o); /* the old one, alive and well */
    put_many(producer, 10, 10);
    take_many(consumer, 10, 10);
    myl_producer_leave(producer);
    myl_consumer_close(consumer);
    o = producer_options(8192); /* fits only in the place of the old one, which has 384 KiB of 1024 */
    o.existing = MYL_EXISTING_REPLACE;
    producer = open_producer(name, &o);
    myl_producer_close(producer);
    assert_int_equal(test_shm_entries(), 0);
    return 0;
}

static void test_replacing_needs_room(void **state)
{
    (void)state;
    run_in_child(replace_in_small_shm, NULL);
}

static void test_small_shm(void **state)
{
    (void)state;
    run_in_child(fill_small_shm, NULL);
}

enum { SOMEBODY = 54321 };

static int be_somebody_else(void)
{
    return geteuid() == 0 && setgroups(0, NULL) == 0 && setgid(SOMEBODY) == 0 && setuid(SOMEBODY) == 0;
}

static int use_roots_ring(test_peer *parent, void *argument)
{
    (void)parent;
    const char *const *names = argument;
    myl_producer_options o = producer_options(8);
    if (!be_somebody_else())
        return NOT_POSSIBLE;
    expect_no_consumer(MYL_EPERMISSION, names[0], names[0], NULL); /* mode 0600 */
    expect_no_producer(MYL_EPERMISSION, names[0], names[0], &o);
    test_code(MYL_EPERMISSION, myl_remove(names[0], MYL_BACKEND_SHM, 1));
    myl_consumer *consumer = open_consumer(names[1], "guest"); /* mode 0666, and root may be trusted */
    take_many(consumer, 0, 3);
    myl_consumer_close(consumer);
    return 0;
}

static void test_roots_ring(void **state)
{
    (void)state;
    char name[2][TEST_NAME_SIZE];
    const char *names[2] = {test_name(name[0], "private"), test_name(name[1], "public")};
    if (geteuid() != 0)
        test_skip("only root can be somebody else");
    myl_producer_options o = producer_options(8);
    myl_producer *private = open_producer(names[0], &o);
    o.mode = 0666; /* whatever the umask */
    myl_producer *public = open_producer(names[1], &o);
    put_many(public, 0, 3);
    run_in_child(use_roots_ring, names);
    myl_producer_close(private);
    myl_producer_close(public);
}

static int own_a_ring(test_peer *parent, void *argument)
{
    struct party *party = argument;
    if (!be_somebody_else())
        return NOT_POSSIBLE;
    return produce_on_orders(parent, party);
}

static void test_other_users_ring(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], uid[16];
    if (geteuid() != 0)
        test_skip("only root can be somebody else");
    struct party party = {.name = test_name(name, "foreign"), .producer = producer_options(8)};
    party.producer.mode = 0666;
    test_child owner;
    test_spawn(&owner, own_a_ring, &party);
    test_hear_value(&owner.peer, 0);
    order(&owner, 4, 4);
    snprintf(uid, sizeof uid, "%d", (int)SOMEBODY);
    expect_no_consumer(MYL_EOWNER, uid, name, NULL);
    expect_no_producer(MYL_EOWNER, "any_owner", name, &party.producer);
    myl_observer *observer = NULL;
    test_code(MYL_EOWNER, myl_observer_open(&observer, name, NULL));
    assert_null(observer);
    myl_consumer_options trusting = consumer_options("c");
    trusting.any_owner = 1;
    myl_consumer *consumer = open_consumer_with(name, &trusting);
    take_many(consumer, 0, 4);
    test_kill(&owner);
    party.producer.any_owner = 1;
    myl_producer *producer = open_producer(name, &party.producer);
    put_many(producer, 4, 1);
    take_many(consumer, 4, 1);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* From now on only exit is allowed; anything else kills. */
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

/* Ends by the bare system call: nothing else is allowed any more. */
static int run_hot_path(test_peer *parent, void *argument)
{
    struct hot *hot = argument;
    myl_producer_options o = producer_options(hot->cell == 0 ? 64 : 100);
    o.packed_cell = hot->cell;
    myl_producer *producer = open_producer(hot->name, &o);
    myl_consumer *first = open_consumer(hot->name, "first"), *second = open_consumer(hot->name, "second");
    long failed = 0;
    test_tell(parent, 1);
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
        failed |= myl_producer_last(producer) != (myl_sequence)i || myl_consumer_end_of_batch(first) != 1;
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

/* The same for messages: in the header's line, behind it, and over the ring's end. */
static int run_hot_frames(test_peer *parent, void *argument)
{
    static const size_t sizes[] = {0, 40, 48, 49, 1000, 16000};
    struct hot *hot = argument;
    myl_frame_producer_options o = {.size = sizeof o, .ring_bytes = 65536};
    myl_frame_producer *producer = NULL;
    myl_frame_consumer *consumer = NULL;
    test_ok(myl_frame_producer_open(&producer, hot->name, &o));
    test_ok(myl_frame_consumer_open(&consumer, hot->name, NULL));
    test_tell(parent, 1);
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

static void test_no_system_call_for_messages(void **state)
{
    (void)state;
    if (SANITIZED)
        test_skip("a sanitizer makes system calls of its own");
    struct hot hot = {.cell = 0};
    test_name(hot.name, "hot-frames");
    run_in_child(run_hot_frames, &hot);
    test_ok(myl_remove(hot.name, MYL_BACKEND_SHM, 0));
}

static void test_no_system_call_on_the_hot_path(void **state)
{
    (void)state;
    if (SANITIZED)
        test_skip("a sanitizer makes system calls of its own");
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        struct hot hot = {.cell = cell};
        test_name(hot.name, "hot");
        run_in_child(run_hot_path, &hot);
        test_ok(myl_remove(hot.name, MYL_BACKEND_SHM, 0));
    }
    struct hot bad = {.misbehave = 1}; /* the filter does kill */
    test_name(bad.name, "misbehaving");
    test_child child;
    test_spawn(&child, run_hot_path, &bad);
    test_hear_value(&child.peer, 1);
    test_expect_signal(&child, SIGSYS);
    test_ok(myl_remove(bad.name, MYL_BACKEND_SHM, 0));
}

#else

static void test_limits_of_linux(void **state)
{
    (void)state;
    test_skip("of Linux");
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef __linux__
        cmocka_unit_test(test_small_shm),
        cmocka_unit_test(test_replacing_needs_room),
        cmocka_unit_test(test_roots_ring),
        cmocka_unit_test(test_other_users_ring),
        cmocka_unit_test(test_no_system_call_on_the_hot_path),
        cmocka_unit_test(test_no_system_call_for_messages),
#else
        cmocka_unit_test(test_limits_of_linux),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
