/* SPDX-License-Identifier: MIT
 * Handles release all resources: memory, descriptors and mappings, after use of every kind and after failed opens. The
 * counts come from the allocator, so no sanitizer is needed. */
#include <dirent.h>
#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "unit/lanes.h"

struct taken {
    size_t bytes, descriptors, mappings;
};

static size_t count_entries(const char *directory)
{
    size_t count = 0;
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return 0; /* not available on this system */
    while (readdir(entries) != NULL)
        count++;
    closedir(entries);
    return count;
}

/* Mappings of rings: those of the C library change with its heap. */
static size_t count_mappings(void)
{
    char line[512];
    size_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL)
        return 0;
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "myl-test-") != NULL;
    fclose(maps);
    return count;
}

static struct taken taken_now(void)
{
    struct taken taken = {.descriptors = count_entries("/proc/self/fd"), .mappings = count_mappings()};
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    taken.bytes = mallinfo2().uordblks + mallinfo2().hblkhd;
#endif
    return taken;
}

/* Uses before and after the first count. After the first ones, permanent allocations exist and the C library's caches
 * are full. */
enum { WARM = 40, COUNTED = 10 };

static void expect_no_leak(void (*use)(const char *name))
{
    struct taken before = {0};
    for (int round = 0; round < WARM + COUNTED; round++) {
        char name[TEST_NAME_SIZE];
        if (round == WARM)
            before = taken_now();
        use(test_name(name, "leak"));
    }
    struct taken after = taken_now();
    assert_int_equal(after.bytes, before.bytes);
    assert_int_equal(after.descriptors, before.descriptors);
    assert_int_equal(after.mappings, before.mappings);
}

static void use_events(const char *name)
{
    static const char *const required[] = {"c", "d"};
    struct event event;
    uint64_t lost;
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_consumer_options from = {.size = sizeof from};
    myl_observer *observer;
    test_ok(myl_observer_open(&observer, name, &from));
    for (uint32_t count = 1; count <= 2; count++) { /* the second policy replaces the first one */
        myl_liveness_options policy = {.size = sizeof policy,
                                       .required = required,
                                       .required_count = count,
                                       .startup_wait_ns = MYL_AT_ONCE};
        test_ok(myl_producer_set_liveness(producer, &policy));
    }
    test_ok(myl_producer_set_liveness(producer, NULL));
    put_many(producer, 0, 3);
    take_many(consumer, 0, 3);
    test_ok(myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY));
    myl_liveness_options policy = {.size = sizeof policy, .required = required, .required_count = 1};
    test_ok(myl_producer_set_liveness(producer, &policy)); /* active at the end */
    myl_observer_close(observer);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void use_messages(const char *name)
{
    static unsigned char data[200000];
    char name_of_lanes[TEST_NAME_SIZE];
    myl_message message;
    myl_frame_producer_options o = frame_options(65536, 1024);
    myl_frame_producer *producer = open_frames(name, &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    myl_frame_observer *observer;
    myl_frame_consumer_options from = {.size = sizeof from};
    myl_frame_lost lost;
    test_ok(myl_frame_observer_open(&observer, name, &from));
    test_ok(myl_frame_producer_publish(producer, data, 20000, 0, MYL_TRY)); /* reassembled by both */
    test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
    assert_int_equal(message.length, 20000);
    test_ok(myl_frame_consumer_release(consumer));
    test_ok(myl_frame_observer_get(observer, data, sizeof data, &message, &lost, MYL_TRY));
    myl_frame_observer_close(observer);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);

    test_name(name_of_lanes, "lanes");
    myl_frame_producer *a = open_lane(name_of_lanes, 3, "a"), *b = open_lane(name_of_lanes, 3, "b");
    consumer = open_frame_consumer(name_of_lanes, "c");
    send_text(b, "text");
    expect_text(consumer, lane_of(b), "text");
    test_ok(myl_frame_consumer_release(consumer));
    myl_frame_producer_leave(a);
    myl_frame_producer_close(b);
    myl_frame_consumer_close(consumer);
    test_ok(myl_remove(name_of_lanes, MYL_BACKEND_SHM, 1));
}

static void use_questions(const char *name)
{
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_snapshot *snapshot;
    myl_diagnosis *diagnosis;
    myl_log *log;
    myl_object object = {.size = sizeof object};
    int fd;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    test_ok(myl_log_take(name, MYL_BACKEND_SHM, &log));
    test_ok(myl_examine(name, MYL_BACKEND_SHM, &object));
    test_ok(myl_producer_fd(producer, &fd));
    myl_snapshot_free(snapshot);
    myl_log_free(log);
    close(fd);
    for (int64_t watch = 0; watch < 2; watch++) {
        test_ok(myl_diagnose(name, MYL_BACKEND_SHM, watch, &diagnosis));
        myl_diagnosis_free(diagnosis);
        test_ok(myl_consumer_diagnose(consumer, watch, &diagnosis));
        myl_diagnosis_free(diagnosis);
    }
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* Fails at each step: options, name, expected values, the ring's state. */
static void use_what_fails(const char *name)
{
    myl_snapshot *snapshot;
    myl_producer_options o = producer_options(8), wrong = o;
    myl_consumer_options c = consumer_options("c");
    expect_no_consumer(MYL_ENOTFOUND, "", name, NULL);
    test_code(MYL_ENOTFOUND, myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    test_code(MYL_ENOTFOUND, myl_remove(name, MYL_BACKEND_SHM, 0));
    wrong.config.capacity = 3;
    expect_no_producer(MYL_ECAPACITY, "", name, &wrong);
    myl_producer *producer = open_producer(name, &o);
    expect_no_producer(MYL_EPRODUCERALIVE, "", name, &o);
    myl_consumer *consumer = open_consumer(name, "c");
    expect_no_consumer(MYL_EDUPLICATE, "", name, &c);
    c.ring.id = "d";
    c.event_size = 4711;
    expect_no_consumer(MYL_EEVENTSIZE, "", name, &c);
    test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 0));
    test_code(MYL_EINUSE, myl_evict(name, MYL_BACKEND_SHM, "c"));
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void event_handles_leak_nothing(void **state)
{
    (void)state;
    expect_no_leak(use_events);
}

static void message_handles_leak_nothing(void **state)
{
    (void)state;
    expect_no_leak(use_messages);
}

static void queries_leak_nothing(void **state)
{
    (void)state;
    expect_no_leak(use_questions);
}

static void refused_calls_leak_nothing(void **state)
{
    (void)state;
    expect_no_leak(use_what_fails);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_handles_leak_nothing),
        cmocka_unit_test(message_handles_leak_nothing),
        cmocka_unit_test(queries_leak_nothing),
        cmocka_unit_test(refused_calls_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
