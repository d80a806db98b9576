/* SPDX-License-Identifier: MIT
 * Placement: what is granted is seen to have happened and is reported; what cannot be had is reported with MYL_TRY_IT,
 * and refused with MYL_REQUIRE, by one code and a sentence with the value and the way out. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "unit/frames.h"

#ifndef __has_feature /* clang's way of telling */
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||               \
    __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };      /* its mlock does nothing */
#else
enum { SANITIZED = 0 };
#endif

enum {
    NO_NODE = 1000,          /* no machine has so many */
    NO_CPU = 1022,
    EVENTS = 4096,           /* of 64 bytes: 256 KiB of data */
    DATA_KIB = 256,
    NOT_POSSIBLE = 77,
};

static myl_producer_options placed(myl_memory_options memory)
{
    myl_producer_options o = producer_options(EVENTS);
    o.memory = memory;
    return o;
}

static myl_granted granted_to(const myl_producer *producer)
{
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(producer, &info));
    return info.granted;
}

static myl_granted granted_to_consumer(const myl_consumer *consumer)
{
    myl_info info = {.size = sizeof info};
    test_ok(myl_consumer_info(consumer, &info));
    return info.granted;
}

static void expect_not_asked(int answer)
{
    assert_int_equal(answer, MYL_EAGAIN);
}

/* Where the ring's data is mapped: its first event lies in its first page. */
static void *data_of(myl_producer *producer)
{
    void *event;
    test_ok(myl_producer_claim(producer, &event, MYL_TRY));
    myl_producer_abort(producer);
    return event;
}

/* KiB of that field for the mapping at `address` in /proc/self/smaps; -1: it does not say. */
static long mapping_kib(const void *address, const char *field)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    long kib = -1;
    int inside = 0;
    while (maps != NULL && kib < 0 && fgets(line, sizeof line, maps) != NULL) {
        uint64_t from, to;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &from, &to) == 2)
            inside = (uintptr_t)address >= from && (uintptr_t)address < to;
        else if (inside && strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            kib = strtol(line + strlen(field) + 1, NULL, 10);
    }
    if (maps != NULL)
        fclose(maps);
    return kib;
}

/* An emulator of processors takes every advice, and follows none: pages are not touched in advance there. */
static int is_emulated(void)
{
    static unsigned char pages[131072];
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    return madvise((void *)(((uintptr_t)pages + page - 1) / page * page), page, 9999) == 0;
}

/* What the system has in memory of a mapping; where it does not tell, nothing is expected of it. */
static void expect_kib(const char *field, const void *address, long least, long most)
{
    long kib = mapping_kib(address, field), rss = mapping_kib(address, "Rss");
    if (rss <= 0 || is_emulated())
        print_message("%s: not told here\n", field);
    else if (kib < least || kib > most)
        test_fail("%s is %ld KiB, not %ld to %ld", field, kib, least, most);
}

static void test_nothing_asked(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(EVENTS);
    myl_producer *producer = open_producer(test_name(name, "plain"), &o);
    myl_granted granted = granted_to(producer);
    expect_not_asked(granted.huge);
    expect_not_asked(granted.lock);
    expect_not_asked(granted.prefault);
    expect_not_asked(granted.numa);
    expect_not_asked(granted.pin);
    assert_true(granted.page_size >= 4096);
    expect_kib("Rss", data_of(producer), 0, DATA_KIB / 2); /* that touching in advance can be seen */
    myl_producer_close(producer);
}

static void test_prefault(void **state)
{
    (void)state;
    for (int grade = MYL_TRY_IT; grade <= MYL_REQUIRE; grade++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = placed((myl_memory_options){.prefault = (enum myl_grade)grade});
        myl_producer *producer = open_producer(test_name(name, "touched"), &o);
        assert_int_equal(granted_to(producer).prefault, MYL_OK);
        expect_not_asked(granted_to(producer).lock);
        expect_kib("Rss", data_of(producer), DATA_KIB, 4L * DATA_KIB); /* control may lie beside it */
        myl_consumer_options c = consumer_options("c");
        c.memory.prefault = (enum myl_grade)grade;
        myl_consumer *consumer = open_consumer_with(name, &c);
        assert_int_equal(granted_to_consumer(consumer).prefault, MYL_OK);
        const void *event;
        put(producer, 0, MYL_TRY);
        test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
        expect_kib("Rss", event, DATA_KIB, 4L * DATA_KIB); /* control may lie beside it */
        test_ok(myl_consumer_release(consumer));
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

/* --- locking ------------------------------------------------------------------------------------------------------ */

static void test_lock(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.lock = MYL_TRY_IT});
    myl_producer *producer = open_producer(test_name(name, "locked"), &o);
    int granted = granted_to(producer).lock;
    if (granted != MYL_OK) {
        assert_int_equal(granted, MYL_EUNSUPPORTED);
        myl_producer_close(producer);
        test_skip("256 KiB may not be locked here");
    }
    if (!SANITIZED)
        expect_kib("Locked", data_of(producer), DATA_KIB, DATA_KIB);
    myl_producer_close(producer);
    o.memory.lock = MYL_REQUIRE;
    producer = open_producer(name, &o);
    assert_int_equal(granted_to(producer).lock, MYL_OK);
    expect_not_asked(granted_to(producer).prefault);
    if (!SANITIZED)
        expect_kib("Locked", data_of(producer), DATA_KIB, DATA_KIB);
    myl_producer_close(producer);
}

/* A process that may lock 64 KiB. Root may lock all there is, so it becomes somebody else. */
static int lock_too_much(test_peer *parent, void *argument)
{
    (void)parent;
    const char *name = argument;
    struct rlimit little = {65536, 65536};
    if (setrlimit(RLIMIT_MEMLOCK, &little) != 0 || (getuid() == 0 && setuid(65534) != 0))
        return NOT_POSSIBLE;
    myl_producer_options o = placed((myl_memory_options){.lock = MYL_REQUIRE});
    int before = test_shm_entries();
    expect_no_producer(MYL_EUNSUPPORTED, "256 KiB of data cannot be locked (memory.lock)", name, &o);
    expect_detail("ulimit -l");
    expect_detail("MYL_TRY_IT");
    assert_int_equal(test_shm_entries(), before);
    o.memory.lock = MYL_TRY_IT;
    myl_producer *producer = open_producer(name, &o);
    assert_int_equal(granted_to(producer).lock, MYL_EUNSUPPORTED);
    put_many(producer, 0, 3);
    myl_consumer_options c = consumer_options("c");
    c.memory.lock = MYL_REQUIRE;
    expect_no_consumer(MYL_EUNSUPPORTED, "memory.lock", name, &c);
    myl_producer_close(producer);
    myl_consumer *consumer = open_consumer(name, "c");
    take_many(consumer, 0, 3);
    myl_consumer_close(consumer);
    return 0;
}

static void test_lock_refused(void **state)
{
    (void)state;
    if (SANITIZED)
        test_skip("a sanitizer's mlock locks nothing, and refuses nothing");
    char name[TEST_NAME_SIZE];
    test_child child;
    test_spawn(&child, lock_too_much, (void *)(uintptr_t)test_name(name, "limit"));
    if (test_wait_child(&child, TEST_DEADLINE_MS) && WIFEXITED(child.status) &&
        WEXITSTATUS(child.status) == NOT_POSSIBLE) {
        test_expect_exit(&child, NOT_POSSIBLE);
        test_skip("the limit cannot be set, or root cannot become somebody else");
    }
    test_expect_exit(&child, 0);
}

/* --- NUMA nodes --------------------------------------------------------------------------------------------------- */

static void test_numa_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.numa = MYL_REQUIRE, .numa_node = NO_NODE});
    int before = test_shm_entries();
    expect_no_producer(MYL_EUNSUPPORTED, "NUMA node 1000 (memory.numa_node)", test_name(name, "nowhere"), &o);
    expect_detail("MYL_TRY_IT");
    assert_int_equal(test_shm_entries(), before);
    o.memory.numa_node = UINT32_MAX;
    expect_no_producer(MYL_EUNSUPPORTED, "NUMA node 4294967295", name, &o);
    o.memory.numa = MYL_TRY_IT;
    myl_producer *producer = open_producer(name, &o);
    assert_int_equal(granted_to(producer).numa, MYL_EUNSUPPORTED);
    myl_consumer_options c = consumer_options("c");
    c.memory = (myl_memory_options){.numa = MYL_REQUIRE, .numa_node = NO_NODE};
    expect_no_consumer(MYL_EUNSUPPORTED, "NUMA node 1000", name, &c);
    myl_producer_close(producer);
}

#ifdef SYS_get_mempolicy
/* MPOL_F_ADDR, and MPOL_F_NODE | MPOL_F_ADDR: see get_mempolicy(2). */
static void expect_on_node_0(void *address)
{
    int policy = -1, node = -1;
    *(volatile unsigned char *)address = 0; /* a page that is not mapped is nowhere */
    if (syscall(SYS_get_mempolicy, &policy, NULL, 0L, address, 2L) != 0 ||
        syscall(SYS_get_mempolicy, &node, NULL, 0L, address, 3L) != 0) {
        print_message("the policy is not told here: %s\n", strerror(errno));
        return;
    }
    assert_int_equal(policy, 2); /* MPOL_BIND */
    assert_int_equal(node, 0);
}
#else
static void expect_on_node_0(void *address)
{
    (void)address;
}
#endif

static void test_numa(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.numa = MYL_TRY_IT, .numa_node = 0});
    myl_producer *producer = open_producer(test_name(name, "node"), &o);
    int granted = granted_to(producer).numa;
    if (granted == MYL_OK)
        expect_on_node_0(data_of(producer));
    else
        assert_int_equal(granted, MYL_EUNSUPPORTED);
    myl_producer_close(producer);
    if (granted != MYL_OK)
        test_skip("no memory can be placed on NUMA node 0 here");
    o.memory.numa = MYL_REQUIRE;
    producer = open_producer(name, &o);
    assert_int_equal(granted_to(producer).numa, MYL_OK);
    expect_on_node_0(data_of(producer));
    /* What is there already is there for the next one, too. */
    myl_consumer_options c = consumer_options("c");
    c.memory = o.memory;
    myl_consumer *consumer = open_consumer_with(name, &c);
    assert_int_equal(granted_to_consumer(consumer).numa, MYL_OK);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* --- huge pages --------------------------------------------------------------------------------------------------- */

static void expect_huge(myl_producer *producer)
{
    assert_int_equal(granted_to(producer).huge, MYL_OK);
    assert_int_equal(granted_to(producer).page_size, 2 << 20);
}

static void expect_no_huge(myl_producer *producer)
{
    assert_int_equal(granted_to(producer).huge, MYL_EUNSUPPORTED);
    assert_int_equal(granted_to(producer).page_size, (uint64_t)sysconf(_SC_PAGESIZE));
}

/* No machine has huge pages for less than one of them. */
static void test_huge_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.huge = MYL_REQUIRE});
    int before = test_shm_entries();
    expect_no_producer(MYL_EUNSUPPORTED, "256 KiB of data get no huge pages (memory.huge)", test_name(name, "small"),
                       &o);
    expect_detail("MYL_TRY_IT");
#ifndef MYL_OS_POSIX
    expect_detail("raise its capacity");
#endif
    assert_int_equal(test_shm_entries(), before);
    o.memory.huge = MYL_TRY_IT;
    myl_producer *producer = open_producer(name, &o);
    expect_no_huge(producer);
    myl_producer_close(producer);
}

/* Named rings: as shmem_enabled says. */
static void test_huge_named(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.huge = MYL_TRY_IT});
    o.capacity = 131072; /* 8 MiB */
    myl_producer *producer = NULL;
    int rc = myl_producer_open(&producer, test_name(name, "huge"), &o);
    if (rc == MYL_ENOSPACE)
        test_skip("no 8 MiB in /dev/shm here");
    test_ok(rc);
    int granted = granted_to(producer).huge;
    if (granted == MYL_OK)
        expect_huge(producer);
    else
        expect_no_huge(producer);
    myl_producer_close(producer);
    if (granted == MYL_OK)
        return; /* whether there are enough for another one is not ours to say */
    o.memory.huge = MYL_REQUIRE;
    rc = myl_producer_open(&producer, name, &o);
    if (rc == MYL_OK) {
        expect_huge(producer);
        myl_producer_close(producer);
        return;
    }
    test_code(MYL_EUNSUPPORTED, rc);
    expect_detail("8192 KiB of data get no huge pages (memory.huge)");
    expect_detail("MYL_TRY_IT");
#ifndef MYL_OS_POSIX
    expect_detail("shmem_enabled");
#endif
}

/* Memfds: from the pool, if it has enough. */
static void test_huge_memfd(void **state)
{
    (void)state;
    myl_producer_options o = placed((myl_memory_options){.huge = MYL_REQUIRE});
    o.backend = MYL_BACKEND_MEMFD;
    myl_producer *producer = NULL;
#ifdef MYL_OS_POSIX
    test_code(MYL_EUNSUPPORTED, myl_producer_open(&producer, NULL, &o));
#else
    int rc = myl_producer_open(&producer, NULL, &o);
    if (rc == MYL_OK) {
        expect_huge(producer);
        myl_producer_close(producer);
    } else if (rc == MYL_ENOSPACE) {
        expect_detail("3 huge pages of 2048 KiB (memory.huge)"); /* header, control, data: one each */
        expect_detail("sysctl -w vm.nr_hugepages");
        expect_detail("MYL_TRY_IT");
    } else {
        test_code(MYL_EUNSUPPORTED, rc);
        expect_detail("(memory.huge), and this system has none for memfds");
    }
    /* Tried for, the ring is made of small pages, and large enough for huge ones to be asked for in vain. */
    o.memory.huge = MYL_TRY_IT;
    producer = open_producer(NULL, &o);
    if (rc == MYL_OK && granted_to(producer).huge == MYL_OK)
        expect_huge(producer);
    else
        expect_no_huge(producer);
    put_many(producer, 0, 3);
    myl_producer_close(producer);
#endif
}

/* --- processors --------------------------------------------------------------------------------------------------- */

static void test_pin_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.cpu = NO_CPU + 1;
    int before = test_shm_entries();
    expect_no_producer(MYL_EUNSUPPORTED, "CPU 1022 (cpu = 1023)", test_name(name, "nocpu"), &o);
    expect_detail("set cpu = 0");
    assert_null(strstr(myl_error_detail(), "MYL_TRY_IT")); /* it has no grade */
    o.cpu = 1000000;
    expect_no_producer(MYL_EUNSUPPORTED, "CPU 999999 (cpu = 1000000)", name, &o);
    assert_int_equal(test_shm_entries(), before);
    o.cpu = 0;
    myl_producer *producer = open_producer(name, &o);
    expect_not_asked(granted_to(producer).pin);
    myl_consumer_options c = consumer_options("c");
    c.cpu = NO_CPU + 1;
    expect_no_consumer(MYL_EUNSUPPORTED, "CPU 1022 (cpu = 1023)", name, &c);
    myl_producer_close(producer);
}

#ifdef __linux__
static void expect_only_on(int cpu)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_int_equal(CPU_COUNT(&set), 1);
    assert_true(CPU_ISSET((unsigned)cpu, &set));
}

/* The producer on the first processor of this thread's, a consumer on the last one. */
static void pin_both(int first, int last)
{
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.cpu = first + 1;
    myl_producer *producer = open_producer(test_name(name, "pinned"), &o);
    assert_int_equal(granted_to(producer).pin, MYL_OK);
    expect_only_on(first);
    myl_consumer_options c = consumer_options("c");
    c.cpu = last + 1;
    myl_consumer *consumer = open_consumer_with(name, &c);
    assert_int_equal(granted_to_consumer(consumer).pin, MYL_OK);
    expect_only_on(last);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void test_pin(void **state)
{
    (void)state;
    cpu_set_t set;
#ifdef MYL_OS_POSIX
    test_skip("the portable layer does not pin");
#endif
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        test_skip("which processors may be used is not told here");
    int first = -1, last = -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET((unsigned)cpu, &set))
            continue;
        first = first < 0 ? cpu : first;
        last = cpu;
    }
    pin_both(first, last);
    assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
}
#else
static void test_pin(void **state)
{
    (void)state;
    test_skip("of Linux");
}
#endif

/* --- the rest ----------------------------------------------------------------------------------------------------- */

/* A grade that does not exist is refused wherever it can be given. */
static void test_grades(void **state)
{
    (void)state;
    static const char *const text[] = {"memory.huge is 9", "memory.lock is 9", "memory.prefault is 9",
                                       "memory.numa is 9"};
    char name[TEST_NAME_SIZE];
    test_name(name, "grade");
    myl_producer_options plain = producer_options(8);
    myl_producer *producer = open_producer(name, &plain);
    for (int i = 0; i < 4; i++) {
        enum myl_grade no[4] = {MYL_NO, MYL_NO, MYL_NO, MYL_NO};
        no[i] = (enum myl_grade)9;
        myl_memory_options memory = {.huge = no[0], .lock = no[1], .prefault = no[2], .numa = no[3]};
        myl_producer_options o = placed(memory);
        expect_no_producer(MYL_EINVAL, text[i], "never-made", &o);
        myl_consumer_options c = consumer_options("c");
        c.memory = memory;
        expect_no_consumer(MYL_EINVAL, text[i], name, &c);
        myl_observer *observer = NULL;
        test_code(MYL_EINVAL, myl_observer_open(&observer, name, &c));
        expect_detail(text[i]);
        assert_null(observer);
        myl_frame_producer *frames = NULL;
        myl_frame_producer_options f = frame_options(65536, 0);
        f.ring.memory = memory;
        test_code(MYL_EINVAL, myl_frame_producer_open(&frames, "never-made", &f));
        expect_detail(text[i]);
        myl_frame_consumer *reader = NULL;
        myl_frame_consumer_options r = frame_reader("c");
        r.ring.memory = memory;
        test_code(MYL_EINVAL, myl_frame_consumer_open(&reader, "never-made", &r));
        expect_detail(text[i]);
    }
    plain.memory.lock = (enum myl_grade)INT32_MIN;
    expect_no_producer(MYL_EINVAL, "memory.lock is -2147483648", "never-made", &plain);
    assert_false(ring_exists("never-made"));
    myl_producer_close(producer);
}

/* Frames, with two lanes: the data is mapped twice in a row, and what is granted is told of each handle. */
static void test_frames(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(262144, 0);
    o.lanes = 2;
    o.ring.memory = (myl_memory_options){.prefault = MYL_REQUIRE, .lock = MYL_TRY_IT, .numa = MYL_TRY_IT};
    myl_frame_producer *producer = open_frames(test_name(name, "frames"), &o);
    myl_granted granted = granted_to(myl_frame_producer_ring(producer));
    assert_int_equal(granted.prefault, MYL_OK);
    assert_true(granted.lock == MYL_OK || granted.lock == MYL_EUNSUPPORTED);
    assert_true(granted.numa == MYL_OK || granted.numa == MYL_EUNSUPPORTED);
    void *at;
    test_ok(myl_frame_producer_claim(producer, 1000, &at, MYL_TRY));
    expect_kib("Rss", at, DATA_KIB, 4L * DATA_KIB);
    if (granted.numa == MYL_OK)
        expect_on_node_0(at);
    myl_frame_producer_abort(producer);
    myl_frame_consumer_options c = frame_reader("c");
    c.ring.memory = (myl_memory_options){.prefault = MYL_REQUIRE};
    myl_frame_consumer *consumer = NULL;
    test_ok(myl_frame_consumer_open(&consumer, name, &c));
    assert_int_equal(granted_to_consumer(myl_frame_consumer_ring(consumer)).prefault, MYL_OK);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_asked), cmocka_unit_test(test_prefault),     cmocka_unit_test(test_lock),
        cmocka_unit_test(test_lock_refused),  cmocka_unit_test(test_numa_refused), cmocka_unit_test(test_numa),
        cmocka_unit_test(test_huge_refused),  cmocka_unit_test(test_huge_named),   cmocka_unit_test(test_huge_memfd),
        cmocka_unit_test(test_pin_refused),   cmocka_unit_test(test_pin),          cmocka_unit_test(test_grades),
        cmocka_unit_test(test_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
