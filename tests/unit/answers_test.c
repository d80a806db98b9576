/* SPDX-License-Identifier: MIT
 * Results of calls that mutation testing found untested. */
#include <sys/resource.h>

#include "os/os.h"
#include "registry/role.h"
#include "ring/consumer.h"
#include "unit/frames.h"

#include <myelon/fixed_frame.h>

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "options"), &o);
    myl_consumer_options c = consumer_options("c");
    c.ring.start = (enum myl_start)(MYL_START_NOW + 1);
    expect_no_consumer(MYL_EINVAL, "start is 3 ", name, &c);
    c.ring.start = (enum myl_start) - 1;
    expect_no_consumer(MYL_EINVAL, "start is -1 ", name, &c);
    c.ring.start = MYL_START_NOW;
    c.ring.backend = (enum myl_backend)(MYL_BACKEND_MEMFD + 1);
    expect_no_consumer(MYL_EINVAL, "backend is 3;", name, &c);
    c.ring.backend = MYL_BACKEND_SHM;
    c.ring.pin = 1;
    c.ring.cpu = -1;
    expect_no_consumer(MYL_EINVAL, "cpu is -1;", name, &c);
    c.ring.pin = 0;
    c.ring.cpu = 1;
    expect_no_consumer(MYL_EINVAL, "cpu is 1, but pin is 0;", name, &c);
    c.ring.cpu = 0;
    c.ring.liveness_ns = MYL_USEC(100) - 1;
    expect_no_consumer(MYL_EINVAL, "99999", name, &c);
    c.ring.liveness_ns = MYL_USEC(100);
    myl_consumer_close(open_consumer_with(name, &c));
    myl_producer_close(producer);
}

static unsigned logged(const char *name, enum myl_log_kind kind)
{
    unsigned count = 0;
    myl_log *log;
    test_ok(myl_log_take(name, MYL_BACKEND_SHM, &log));
    for (uint32_t i = 0; i < log->count; i++)
        count += log->entry[i].kind == kind && strcmp(log->entry[i].id, "c") == 0;
    myl_log_free(log);
    return count;
}

/* The evicted consumer had left, so the log has no death. */
static void evicting_a_left_consumer_logs_no_death(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "left"), &o);
    myl_consumer_close(open_consumer(name, "c"));
    int rc = myl_evict(name, MYL_BACKEND_SHM, "c");
    assert_int_equal(logged(name, MYL_LOG_LEFT), 1);
    assert_int_equal(logged(name, MYL_LOG_EVICTED), rc == MYL_OK);
    assert_int_equal(logged(name, MYL_LOG_DIED), 0);
    myl_producer_close(producer);
}

/* Half of a core's L2 cache, as a power of two of cells. With large cells 8 MiB. */
static void default_capacity_follows_the_cache(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {48, 4000, 4096 - 8, 4096 + 64, 100000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = {.size = sizeof o, .config.event_size = sizes[i]};
        myl_producer *producer = open_producer(test_name(name, "default"), &o);
        myl_info info = {.size = sizeof info};
        test_ok(myl_producer_info(producer, &info));
        int big = info.cell_size > 4096;
        uint64_t bytes = big ? (uint64_t)8 << 20 : myl_os_cache_bytes() / 2, least = big ? 16 : 1024;
        assert_true(info.capacity >= least);
        assert_true(info.capacity == least || info.capacity * info.cell_size <= bytes);
        assert_true(info.capacity * info.cell_size * 2 > bytes);
        myl_producer_close(producer);
    }
}

/* The error detail names the file size limit and the required size. */
static void file_size_limit_names_what_is_needed(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], text[64];
    struct rlimit before, low;
    myl_info info = {.size = sizeof info};
    myl_producer_options o = producer_options(4096);
    myl_producer *producer = open_producer(test_name(name, "limit"), &o);
    test_ok(myl_producer_info(producer, &info));
    myl_producer_close(producer);
    snprintf(text, sizeof text, "needs a file of %llu KiB", (unsigned long long)info.segment_bytes >> 10);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 65536;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    expect_no_producer(MYL_ENOSPACE, text, name, &o);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void every_name_belongs_to_its_value(void **state)
{
    (void)state;
    static const char *const conditions[] = {"moving", "waiting", "busy",   "stalled", "stopped",
                                             "dead",   "left",    "absent", "closed",  "reserved"};
    static const char *const roles[] = {"plain", "required", "alert", "expendable"};
    for (unsigned i = 0; i < sizeof conditions / sizeof conditions[0]; i++)
        assert_string_equal(myl_condition_name((enum myl_condition)i), conditions[i]);
    assert_string_equal(myl_condition_name((enum myl_condition)(MYL_COND_RESERVED + 1)), "?");
    for (unsigned i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        enum myl_role role = (enum myl_role)99;
        assert_string_equal(myl_role_name((enum myl_role)i), roles[i]);
        test_ok(myl_role_parse(roles[i], &role));
        assert_int_equal(role, i);
    }
    assert_string_equal(myl_role_name((enum myl_role)(MYL_ROLE_EXPENDABLE + 1)), "?");
    for (int kind = 0; kind <= MYL_LOG_RESERVED + 1; kind++) {
        const char *wanted = "?";
#define MYL_X(name, value, text) wanted = kind == (value) ? (text) : wanted;
        MYL_LOG_LIST(MYL_X)
#undef MYL_X
        assert_string_equal(myl_log_kind_name((enum myl_log_kind)kind), wanted);
    }
}

static void negative_watch_takes_one_sample(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_diagnosis *diagnosis;
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "watch"), &o);
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, -1, &diagnosis));
    assert_int_equal(diagnosis->participants, 1);
    myl_diagnosis_free(diagnosis);
    myl_producer_close(producer);
}

/* Each time is stored in its own word, in milliseconds, rounded up. An invalid role reads as plain. */
static void role_times_come_back_as_they_were_stored(void **state)
{
    (void)state;
    static const struct {
        int64_t stored, loaded;
    } times[] = {{0, 0},
                 {1, MYL_MSEC(1)},
                 {MYL_MSEC(1), MYL_MSEC(1)},
                 {MYL_MSEC(1) + 1, MYL_MSEC(2)},
                 {MYL_MSEC(7), MYL_MSEC(7)},
                 {MYL_SEC(86400), MYL_SEC(86400)}};
    struct myl_participant entry = {0};
    for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++) {
        myl_role_options loaded, stored = {.size = sizeof stored, .role = MYL_ROLE_REQUIRED};
        stored.progress_timeout_ns = times[i].stored;
        stored.grace_ns = MYL_MSEC(40) + 1;
        myl_role_store(&entry, &stored);
        myl_role_load(&entry, &loaded);
        assert_int_equal(loaded.role, MYL_ROLE_REQUIRED);
        assert_int_equal(loaded.progress_timeout_ns, times[i].loaded);
        assert_int_equal(loaded.grace_ns, MYL_MSEC(41));
        stored.grace_ns = times[i].stored;
        stored.progress_timeout_ns = MYL_MSEC(50) + 1;
        myl_role_store(&entry, &stored);
        myl_role_load(&entry, &loaded);
        assert_int_equal(loaded.progress_timeout_ns, MYL_MSEC(51));
        assert_int_equal(loaded.grace_ns, times[i].loaded);
    }
    myl_role_options at_once = {.size = sizeof at_once, .grace_ns = MYL_AT_ONCE}, loaded;
    myl_role_store(&entry, &at_once);
    myl_role_load(&entry, &loaded);
    assert_int_equal(loaded.grace_ns, MYL_AT_ONCE);
    entry.role.v = MYL_ROLE_EXPENDABLE + 1;
    myl_role_load(&entry, &loaded);
    assert_int_equal(loaded.role, MYL_ROLE_PLAIN);
}

/* --- messages in fixed frames ------------------------------------------------------------------------------------ */

/* An interruption after the first of two frames of a message, or without any. A time-out gives another code. */
static void interruption_within_a_message_is_reported_as_one(void **state)
{
    (void)state;
    for (int part = 0; part < 2; part++) {
        char name[TEST_NAME_SIZE];
        char room[128];
        myl_message message;
        myl_reassembly parts = {.data = room, .room = sizeof room};
        myl_producer_options o = producer_options(8);
        o.config.event_size = MYL_FIXED_FRAME_SIZE(16);
        o.config.event_align = 16;
        myl_producer *producer = open_producer(test_name(name, "part"), &o);
        myl_consumer *consumer = open_consumer(name, "c");
        if (part) {
            void *event;
            myl_fixed_frame first = {.len = 16, .flags = MYL_FRAME_FIRST, .total = 32};
            test_ok(myl_producer_claim(producer, &event, MYL_TRY));
            memset(event, 0, o.config.event_size);
            memcpy(event, &first, sizeof first);
            myl_producer_publish(producer);
        }
        test_code(MYL_ETIMEDOUT, myl_recv_fixed_frames(consumer, &parts, &message, MYL_MSEC(1)));
        myl_consumer_interrupt(consumer);
        test_code(MYL_EINTERRUPTED, myl_recv_fixed_frames(consumer, &parts, &message, MYL_SEC(100)));
        test_code(MYL_EAGAIN, myl_recv_fixed_frames(consumer, &parts, &message, MYL_TRY));
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

/* In snapshots, consecutive waits count as one wait since the first, also if nothing was read before. */
static void repeated_waits_count_from_the_first(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "row"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    for (uint64_t round = 0; round < 2; round++) {
        const void *event;
        int64_t before = test_now_ns();
        test_code(MYL_ETIMEDOUT, myl_consumer_next(consumer, &event, MYL_MSEC(1)));
        int64_t first = consumer->silent_since;
        assert_true(first >= before);
        test_code(MYL_ETIMEDOUT, myl_consumer_next(consumer, &event, MYL_MSEC(1)));
        assert_true(consumer->silent_since == first);
        put(producer, round, MYL_TRY);
        take_many(consumer, round, 1);
    }
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* Consumers that left earlier are before the required one in the table. Their ids sort before and after its id. */
static void absent_required_is_found_by_its_own_id(void **state)
{
    (void)state;
    static const char *const only_m[] = {"m"};
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "others"), &o);
    myl_consumer *stays = open_consumer(name, "c");
    myl_consumer *other[] = {open_consumer(name, "a"), open_consumer(name, "x")};
    myl_consumer *m = open_consumer(name, "m");
    myl_liveness_options policy = {.size = sizeof policy, .required = only_m, .required_count = 1};
    test_ok(myl_producer_set_liveness(producer, &policy));
    put_many(producer, 0, 3);
    take_many(stays, 0, 3);
    myl_consumer_close(m);
    for (int i = 0; i < 2; i++) {
        take_many(other[i], 0, 3);
        myl_consumer_close(other[i]);
    }
    test_code(MYL_EAGAIN, myl_producer_wait_consumed(producer, 2, MYL_TRY));
    m = open_consumer(name, "m");
    take_many(m, 0, 3);
    test_ok(myl_producer_wait_consumed(producer, 2, MYL_TRY));
    myl_consumer_close(m);
    myl_consumer_close(stays);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(evicting_a_left_consumer_logs_no_death),
        cmocka_unit_test(default_capacity_follows_the_cache),
        cmocka_unit_test(file_size_limit_names_what_is_needed),
        cmocka_unit_test(every_name_belongs_to_its_value),
        cmocka_unit_test(role_times_come_back_as_they_were_stored),
        cmocka_unit_test(negative_watch_takes_one_sample),
        cmocka_unit_test(interruption_within_a_message_is_reported_as_one),
        cmocka_unit_test(repeated_waits_count_from_the_first),
        cmocka_unit_test(absent_required_is_found_by_its_own_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
