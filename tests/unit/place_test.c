/* SPDX-License-Identifier: MIT
 * Placement. A granted request is verified in the system and reported. One that is not possible is reported with
 * MYL_REQUEST_PREFER, and refused with MYL_REQUEST_REQUIRE, by one code and a detail with the value and the remedy. */
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

#include "ring/producer.h"
#include "unit/frames.h"

#ifndef __has_feature /* clang has __has_feature instead of macros */
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||               \
    __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };      /* its mlock has no effect */
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
    o.ring.memory = memory;
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

static void expect_not_asked(enum myl_grant answer)
{
    assert_int_equal(answer, MYL_GRANT_NOT_REQUESTED);
}

/* Address of the ring's data: its first event is in its first page. */
static void *data_of(myl_producer *producer)
{
    void *event;
    test_ok(myl_producer_claim(producer, &event, MYL_TRY));
    myl_producer_abort(producer);
    return event;
}

/* The field's value in KiB for the mapping at `address` in /proc/self/smaps; -1: not available. */
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

/* User-mode emulators accept every madvise without effect: pages are not touched in advance there. */
static int is_emulated(void)
{
    static unsigned char pages[131072];
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    return madvise((void *)(((uintptr_t)pages + page - 1) / page * page), page, 9999) == 0;
}

/* Expects this much memory of the mapping to be resident, if the system reports it. */
static void expect_kib(const char *field, const void *address, long least, long most)
{
    long kib = mapping_kib(address, field), rss = mapping_kib(address, "Rss");
    if (rss <= 0 || is_emulated())
        print_message("%s: not available\n", field);
    else if (kib < least || kib > most)
        test_fail("%s is %ld KiB, not %ld to %ld", field, kib, least, most);
}

static void no_request_is_no_grant(void **state)
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
    expect_kib("Rss", data_of(producer), 0, DATA_KIB / 2); /* so that touching in advance has a visible effect */
    myl_producer_close(producer);
}

static void prefaulted_pages_are_resident(void **state)
{
    (void)state;
    for (int asked = MYL_REQUEST_PREFER; asked <= MYL_REQUEST_REQUIRE; asked++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = placed((myl_memory_options){.prefault = (enum myl_request)asked});
        myl_producer *producer = open_producer(test_name(name, "touched"), &o);
        assert_int_equal(granted_to(producer).prefault, MYL_GRANT_GRANTED);
        expect_not_asked(granted_to(producer).lock);
        expect_kib("Rss", data_of(producer), DATA_KIB, 4L * DATA_KIB); /* control may be next to it */
        myl_consumer_options c = consumer_options("c");
        c.ring.memory.prefault = (enum myl_request)asked;
        myl_consumer *consumer = open_consumer_with(name, &c);
        assert_int_equal(granted_to_consumer(consumer).prefault, MYL_GRANT_GRANTED);
        const void *event;
        put(producer, 0, MYL_TRY);
        test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
        expect_kib("Rss", event, DATA_KIB, 4L * DATA_KIB); /* control may be next to it */
        test_ok(myl_consumer_release(consumer));
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

/* The table of 1024 consumers is larger than the data, and touched as well. */
static void prefault_touches_the_control_pages(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.prefault = MYL_REQUEST_REQUIRE});
    o.config.max_consumers = 1024;
    myl_producer *producer = open_producer(test_name(name, "control"), &o);
    const struct myl_segment *segment = &producer->handle.segment;
    long control_kib = (long)((segment->head->data_offset - segment->head->control_offset) / 1024);
    assert_true(control_kib > DATA_KIB);
    expect_kib("Rss", segment->controls, control_kib, control_kib + 4L * DATA_KIB);
    myl_producer_close(producer);
}

/* --- locking ------------------------------------------------------------------------------------------------------ */

static void locked_pages_are_reported(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.lock = MYL_REQUEST_PREFER});
    myl_producer *producer = open_producer(test_name(name, "locked"), &o);
    enum myl_grant granted = granted_to(producer).lock;
    if (granted != MYL_GRANT_GRANTED) {
        assert_int_equal(granted, MYL_GRANT_REFUSED);
        myl_producer_close(producer);
        test_skip("256 KiB may not be locked here");
    }
    if (!SANITIZED)
        expect_kib("Locked", data_of(producer), DATA_KIB, DATA_KIB);
    myl_producer_close(producer);
    o.ring.memory.lock = MYL_REQUEST_REQUIRE;
    producer = open_producer(name, &o);
    assert_int_equal(granted_to(producer).lock, MYL_GRANT_GRANTED);
    expect_not_asked(granted_to(producer).prefault);
    if (!SANITIZED)
        expect_kib("Locked", data_of(producer), DATA_KIB, DATA_KIB);
    myl_producer_close(producer);
}

/* Runs in a process that may lock 64 KiB. Root may lock any amount, so it changes its user. */
static int lock_too_much(test_peer *parent, void *argument)
{
    (void)parent;
    const char *name = argument;
    struct rlimit little = {65536, 65536};
    if (setrlimit(RLIMIT_MEMLOCK, &little) != 0 || (getuid() == 0 && setuid(65534) != 0))
        return NOT_POSSIBLE;
    myl_producer_options o = placed((myl_memory_options){.lock = MYL_REQUEST_REQUIRE});
    int before = test_shm_entries();
    expect_no_producer(MYL_EUNSUPPORTED, "256 KiB of data cannot be locked (memory.lock)", name, &o);
    expect_detail("ulimit -l");
    expect_detail("MYL_REQUEST_PREFER");
    assert_int_equal(test_shm_entries(), before);
    o.ring.memory.lock = MYL_REQUEST_PREFER;
    myl_producer *producer = open_producer(name, &o);
    assert_int_equal(granted_to(producer).lock, MYL_GRANT_REFUSED);
    put_many(producer, 0, 3);
    myl_consumer_options c = consumer_options("c");
    c.ring.memory.lock = MYL_REQUEST_REQUIRE;
    expect_no_consumer(MYL_EUNSUPPORTED, "memory.lock", name, &c);
    myl_producer_close(producer);
    myl_consumer *consumer = open_consumer(name, "c");
    take_many(consumer, 0, 3);
    myl_consumer_close(consumer);
    return 0;
}

static void lock_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    if (SANITIZED)
        test_skip("a sanitizer's mlock has no effect");
    char name[TEST_NAME_SIZE];
    test_child child;
    test_spawn(&child, lock_too_much, (void *)(uintptr_t)test_name(name, "limit"));
    if (test_wait_child(&child, TEST_DEADLINE_MS) && WIFEXITED(child.status) &&
        WEXITSTATUS(child.status) == NOT_POSSIBLE) {
        test_expect_exit(&child, NOT_POSSIBLE);
        test_skip("cannot set the limit, or cannot change the user");
    }
    test_expect_exit(&child, 0);
}

/* --- NUMA nodes --------------------------------------------------------------------------------------------------- */

static void unknown_numa_node_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.numa = MYL_REQUEST_REQUIRE, .numa_node = NO_NODE});
    int before = test_shm_entries();
    expect_no_producer(MYL_EUNSUPPORTED, "NUMA node 1000 (memory.numa_node)", test_name(name, "nowhere"), &o);
    expect_detail("MYL_REQUEST_PREFER");
    assert_int_equal(test_shm_entries(), before);
    o.ring.memory.numa_node = UINT32_MAX;
    expect_no_producer(MYL_EUNSUPPORTED, "NUMA node 4294967295", name, &o);
    o.ring.memory.numa = MYL_REQUEST_PREFER;
    myl_producer *producer = open_producer(name, &o);
    assert_int_equal(granted_to(producer).numa, MYL_GRANT_REFUSED);
    myl_consumer_options c = consumer_options("c");
    c.ring.memory = (myl_memory_options){.numa = MYL_REQUEST_REQUIRE, .numa_node = NO_NODE};
    expect_no_consumer(MYL_EUNSUPPORTED, "NUMA node 1000", name, &c);
    myl_producer_close(producer);
}

#ifdef SYS_get_mempolicy
/* MPOL_F_ADDR, and MPOL_F_NODE | MPOL_F_ADDR: see get_mempolicy(2). */
static void expect_on_node_0(void *address)
{
    int policy = -1, node = -1;
    *(volatile unsigned char *)address = 0; /* a page that is not mapped has no node */
    if (syscall(SYS_get_mempolicy, &policy, NULL, 0L, address, 2L) != 0 ||
        syscall(SYS_get_mempolicy, &node, NULL, 0L, address, 3L) != 0) {
        print_message("the policy is not available: %s\n", strerror(errno));
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

static void pages_are_on_the_requested_node(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.numa = MYL_REQUEST_PREFER, .numa_node = 0});
    myl_producer *producer = open_producer(test_name(name, "node"), &o);
    enum myl_grant granted = granted_to(producer).numa;
    if (granted == MYL_GRANT_GRANTED)
        expect_on_node_0(data_of(producer));
    else
        assert_int_equal(granted, MYL_GRANT_REFUSED);
    myl_producer_close(producer);
    if (granted != MYL_GRANT_GRANTED)
        test_skip("no memory can be placed on NUMA node 0 here");
    o.ring.memory.numa = MYL_REQUEST_REQUIRE;
    producer = open_producer(name, &o);
    assert_int_equal(granted_to(producer).numa, MYL_GRANT_GRANTED);
    expect_on_node_0(data_of(producer));
    /* Pages that are placed already count for the next participant, too. */
    myl_consumer_options c = consumer_options("c");
    c.ring.memory = o.ring.memory;
    myl_consumer *consumer = open_consumer_with(name, &c);
    assert_int_equal(granted_to_consumer(consumer).numa, MYL_GRANT_GRANTED);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* --- huge pages --------------------------------------------------------------------------------------------------- */

static void expect_huge(myl_producer *producer)
{
    assert_int_equal(granted_to(producer).huge, MYL_GRANT_GRANTED);
    assert_int_equal(granted_to(producer).page_size, 2 << 20);
}

static void expect_no_huge(myl_producer *producer)
{
    assert_int_equal(granted_to(producer).huge, MYL_GRANT_REFUSED);
    assert_int_equal(granted_to(producer).page_size, (uint64_t)sysconf(_SC_PAGESIZE));
}

/* No machine has huge pages for less than one of them. */
static void huge_pages_for_small_rings_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.huge = MYL_REQUEST_REQUIRE});
    int before = test_shm_entries();
    expect_no_producer(MYL_EUNSUPPORTED, "256 KiB of data get no huge pages (memory.huge)", test_name(name, "small"),
                       &o);
    expect_detail("MYL_REQUEST_PREFER");
#ifndef MYL_OS_POSIX
    expect_detail("raise its capacity");
#endif
    assert_int_equal(test_shm_entries(), before);
    o.ring.memory.huge = MYL_REQUEST_PREFER;
    myl_producer *producer = open_producer(name, &o);
    expect_no_huge(producer);
    myl_producer_close(producer);
}

/* Named rings: depends on shmem_enabled. */
static void named_rings_get_huge_pages_if_enabled(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = placed((myl_memory_options){.huge = MYL_REQUEST_PREFER});
    o.config.capacity = 131072; /* 8 MiB */
    myl_producer *producer = NULL;
    int rc = myl_producer_open(&producer, test_name(name, "huge"), &o);
    if (rc == MYL_ENOSPACE)
        test_skip("no 8 MiB in /dev/shm here");
    test_ok(rc);
    enum myl_grant granted = granted_to(producer).huge;
    if (granted == MYL_GRANT_GRANTED)
        expect_huge(producer);
    else
        expect_no_huge(producer);
    myl_producer_close(producer);
    if (granted == MYL_GRANT_GRANTED)
        return; /* whether there are enough for another ring is unknown */
    o.ring.memory.huge = MYL_REQUEST_REQUIRE;
    rc = myl_producer_open(&producer, name, &o);
    if (rc == MYL_OK) {
        expect_huge(producer);
        myl_producer_close(producer);
        return;
    }
    test_code(MYL_EUNSUPPORTED, rc);
    expect_detail("8192 KiB of data get no huge pages (memory.huge)");
    expect_detail("MYL_REQUEST_PREFER");
#ifndef MYL_OS_POSIX
    expect_detail("shmem_enabled");
#endif
}

/* Memfds: from the pool, if it has enough. */
static void memfds_get_huge_pages_from_the_pool(void **state)
{
    (void)state;
    myl_producer_options o = placed((myl_memory_options){.huge = MYL_REQUEST_REQUIRE});
    o.ring.backend = MYL_BACKEND_MEMFD;
    myl_producer *producer = NULL;
#ifdef MYL_OS_POSIX
    test_code(MYL_EUNSUPPORTED, myl_producer_open(&producer, NULL, &o));
#else
    int rc = myl_producer_open(&producer, NULL, &o);
    if (rc == MYL_OK) {
        expect_huge(producer);
        myl_producer_close(producer);
    } else if (rc == MYL_ENOSPACE) {
        expect_detail("3 huge pages of 2048 KiB (memory.huge)"); /* one each for header, control and data */
        expect_detail("sysctl -w vm.nr_hugepages");
        expect_detail("MYL_REQUEST_PREFER");
    } else {
        test_code(MYL_EUNSUPPORTED, rc);
        expect_detail("(memory.huge), and this system has none for memfds");
    }
    /* With MYL_REQUEST_PREFER the ring uses small pages. It is large enough that huge pages are requested and not
     * granted. */
    o.ring.memory.huge = MYL_REQUEST_PREFER;
    producer = open_producer(NULL, &o);
    if (rc == MYL_OK && granted_to(producer).huge == MYL_GRANT_GRANTED)
        expect_huge(producer);
    else
        expect_no_huge(producer);
    put_many(producer, 0, 3);
    myl_producer_close(producer);
#endif
}

/* --- processors --------------------------------------------------------------------------------------------------- */

static void unknown_cpu_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.ring.pin = 1;
    o.ring.cpu = NO_CPU;
    int before = test_shm_entries();
    expect_no_producer(MYL_EUNSUPPORTED, "CPU 1022 (cpu)", test_name(name, "nocpu"), &o);
    expect_detail("set pin = 0");
    assert_null(strstr(myl_error_detail(), "MYL_REQUEST_PREFER")); /* pinning has no MYL_REQUEST_PREFER */
    o.ring.cpu = 999999;
    expect_no_producer(MYL_EUNSUPPORTED, "CPU 999999 (cpu)", name, &o);
    assert_int_equal(test_shm_entries(), before);
    o.ring.pin = o.ring.cpu = 0;
    myl_producer *producer = open_producer(name, &o);
    expect_not_asked(granted_to(producer).pin);
    myl_consumer_options c = consumer_options("c");
    c.ring.pin = 1;
    c.ring.cpu = NO_CPU;
    expect_no_consumer(MYL_EUNSUPPORTED, "CPU 1022 (cpu)", name, &c);
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

/* Pins the producer to the first CPU of this thread, and a consumer to the last one. */
static void pin_both(int first, int last)
{
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.ring.pin = 1;
    o.ring.cpu = first;
    myl_producer *producer = open_producer(test_name(name, "pinned"), &o);
    assert_int_equal(granted_to(producer).pin, MYL_GRANT_GRANTED);
    expect_only_on(first);
    myl_consumer_options c = consumer_options("c");
    c.ring.pin = 1;
    c.ring.cpu = last;
    myl_consumer *consumer = open_consumer_with(name, &c);
    assert_int_equal(granted_to_consumer(consumer).pin, MYL_GRANT_GRANTED);
    expect_only_on(last);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void expect_unpinned(const cpu_set_t *before)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_true(CPU_EQUAL(&set, before));
}

/* An open that fails after it has pinned its thread restores the thread's affinity. */
static void failed_open_restores_the_affinity(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    cpu_set_t before, set;
    int cpu = 0;
#ifdef MYL_OS_POSIX
    test_skip("the portable layer does not pin");
#endif
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    if (CPU_COUNT(&before) < 2)
        test_skip("needs two CPUs");
    while (!CPU_ISSET((unsigned)cpu, &before))
        cpu++;
    myl_producer_options o = producer_options(8);
    o.ring.pin = 1;
    o.ring.cpu = cpu;
    o.ring.wait_consumers = 1;
    o.ring.wait_timeout_ns = MYL_USEC(1);
    expect_no_producer(MYL_ESTARTUP, "0 of 1", test_name(name, "unpinned"), &o);
    expect_unpinned(&before);
    myl_frame_producer_options f = {.size = sizeof f, .config.lanes = 2, .ring = o.ring};
    myl_frame_producer *frames = NULL;
    test_code(MYL_ESTARTUP, myl_frame_producer_open(&frames, name, &f));
    expect_unpinned(&before);
    f.ring.pin = f.ring.cpu = 0;
    f.ring.wait_consumers = 0;
    test_ok(myl_frame_producer_open(&frames, name, &f));
    myl_frame_consumer_options c = {.size = sizeof c, .ring = {.id = "c", .pin = 1, .cpu = cpu}};
    myl_frame_consumer *consumer = NULL, *second = NULL;
    test_ok(myl_frame_consumer_open(&consumer, name, &c));
    expect_only_on(cpu);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    test_code(MYL_EDUPLICATE, myl_frame_consumer_open(&second, name, &c));
    expect_unpinned(&before);
    /* Closing a handle that was opened keeps the pin. */
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
    myl_frame_consumer_close(consumer);
    expect_only_on(cpu);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    myl_frame_producer_close(frames);
}

static void threads_are_pinned(void **state)
{
    (void)state;
    cpu_set_t set;
#ifdef MYL_OS_POSIX
    test_skip("the portable layer does not pin");
#endif
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        test_skip("the allowed CPUs are not available");
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
static void threads_are_pinned(void **state)
{
    (void)state;
    test_skip("exists on Linux only");
}

static void failed_open_restores_the_affinity(void **state)
{
    (void)state;
    test_skip("exists on Linux only");
}
#endif

/* --- the rest ----------------------------------------------------------------------------------------------------- */

/* An invalid request value is refused in every option. */
static void unknown_requests_are_refused(void **state)
{
    (void)state;
    static const char *const text[] = {"memory.huge is 9", "memory.lock is 9", "memory.prefault is 9",
                                       "memory.numa is 9"};
    char name[TEST_NAME_SIZE];
    test_name(name, "grade");
    myl_producer_options plain = producer_options(8);
    myl_producer *producer = open_producer(name, &plain);
    for (int i = 0; i < 4; i++) {
        enum myl_request no[4] = {MYL_REQUEST_OFF, MYL_REQUEST_OFF, MYL_REQUEST_OFF, MYL_REQUEST_OFF};
        no[i] = (enum myl_request)9;
        myl_memory_options memory = {.huge = no[0], .lock = no[1], .prefault = no[2], .numa = no[3]};
        myl_producer_options o = placed(memory);
        expect_no_producer(MYL_EINVAL, text[i], "never-made", &o);
        myl_consumer_options c = consumer_options("c");
        c.ring.memory = memory;
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
    plain.ring.memory.lock = (enum myl_request)INT32_MIN;
    expect_no_producer(MYL_EINVAL, "memory.lock is -2147483648", "never-made", &plain);
    assert_false(ring_exists("never-made"));
    myl_producer_close(producer);
}

/* Frames with two lanes: the data is mapped twice in a row, and granted requests are reported for each handle. */
static void placement_applies_to_frames(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(262144, 0);
    o.config.lanes = 2;
    o.ring.memory =
        (myl_memory_options){.prefault = MYL_REQUEST_REQUIRE, .lock = MYL_REQUEST_PREFER, .numa = MYL_REQUEST_PREFER};
    myl_frame_producer *producer = open_frames(test_name(name, "frames"), &o);
    myl_granted granted = granted_to(myl_frame_producer_ring(producer));
    assert_int_equal(granted.prefault, MYL_GRANT_GRANTED);
    assert_true(granted.lock == MYL_GRANT_GRANTED || granted.lock == MYL_GRANT_REFUSED);
    assert_true(granted.numa == MYL_GRANT_GRANTED || granted.numa == MYL_GRANT_REFUSED);
    void *at;
    test_ok(myl_frame_producer_claim(producer, 1000, &at, MYL_TRY));
    expect_kib("Rss", at, DATA_KIB, 4L * DATA_KIB);
    if (granted.numa == MYL_GRANT_GRANTED)
        expect_on_node_0(at);
    myl_frame_producer_abort(producer);
    myl_frame_consumer_options c = frame_reader("c");
    c.ring.memory = (myl_memory_options){.prefault = MYL_REQUEST_REQUIRE};
    myl_frame_consumer *consumer = NULL;
    test_ok(myl_frame_consumer_open(&consumer, name, &c));
    assert_int_equal(granted_to_consumer(myl_frame_consumer_ring(consumer)).prefault, MYL_GRANT_GRANTED);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_request_is_no_grant),
        cmocka_unit_test(prefaulted_pages_are_resident),
        cmocka_unit_test(prefault_touches_the_control_pages),
        cmocka_unit_test(locked_pages_are_reported),
        cmocka_unit_test(lock_beyond_the_limit_is_refused),
        cmocka_unit_test(unknown_numa_node_is_refused),
        cmocka_unit_test(pages_are_on_the_requested_node),
        cmocka_unit_test(huge_pages_for_small_rings_are_refused),
        cmocka_unit_test(named_rings_get_huge_pages_if_enabled),
        cmocka_unit_test(memfds_get_huge_pages_from_the_pool),
        cmocka_unit_test(unknown_cpu_is_refused),
        cmocka_unit_test(threads_are_pinned),
        cmocka_unit_test(failed_open_restores_the_affinity),
        cmocka_unit_test(unknown_requests_are_refused),
        cmocka_unit_test(placement_applies_to_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
