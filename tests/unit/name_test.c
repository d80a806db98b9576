/* SPDX-License-Identifier: MIT
 * Names of rings, ids of consumers, and options structures: what is refused, in which words, and that nothing was
 * made. */
#include <limits.h>

#include "unit/rings.h"

static void expect_name(int code, const char *name, const char *text)
{
    myl_producer_options options = producer_options(8);
    int before = test_shm_entries();
    test_code(code, myl_check_name(name));
    expect_detail(text);
    expect_no_producer(code, text, name, &options);
    expect_no_consumer(code, text, name, NULL);
    myl_observer *observer = NULL;
    test_code(code, myl_observer_open(&observer, name, NULL));
    assert_null(observer);
    test_code(code, myl_remove(name, MYL_BACKEND_SHM, 1));
    expect_detail(text);
    assert_int_equal(test_shm_entries(), before);
}

static void test_bad_names(void **state)
{
    (void)state;
    char longest[MYL_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    longest[MYL_NAME_MAX + 1] = '\0';
    expect_name(MYL_ENAME, "", "200");
    expect_name(MYL_ENAME, NULL, "200");
    expect_name(MYL_ENAME, "a/b", "a/b");
    expect_name(MYL_ENAME, "/a", "/a");
    expect_name(MYL_ENAME, ".hidden", ".hidden");
    expect_name(MYL_ENAME, "..", "..");
    expect_name(MYL_ENAME, longest, "nnnn");
    longest[MYL_NAME_MAX] = '\0';
    test_ok(myl_check_name(longest));
}

static void test_longest_name_works(void **state)
{
    (void)state;
    char name[MYL_NAME_MAX + 1], start[TEST_NAME_SIZE];
    size_t used = strlen(test_name(start, "longest-"));
    memset(name, 'x', MYL_NAME_MAX);
    memcpy(name, start, used);
    name[MYL_NAME_MAX] = '\0';
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(name, &options);
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(producer, &info));
    assert_string_equal(info.name, name);
    myl_producer_close(producer);
}

static void test_ids(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const char *bad[] = {"",          "with space",      "with/slash",
                         "new\nline", "umlaut-\xc3\xa4", "x1234567890123456789012345678901"};
    const char *good[] = {"a", "A.b_c-9", "x123456789012345678901234567890"};
    myl_producer_options make = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "ids"), &make);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        myl_consumer_options options = consumer_options(bad[i]);
        expect_no_consumer(MYL_EID, bad[i], name, &options);
        test_code(MYL_EID, myl_evict(name, MYL_BACKEND_SHM, bad[i]));
        options = (myl_consumer_options){.size = sizeof options, .prefix = bad[i]};
        expect_no_consumer(MYL_EID, bad[i], name, &options);
    }
    test_code(MYL_EID, myl_evict(name, MYL_BACKEND_SHM, NULL));
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->consumers, 0);
    myl_snapshot_free(snapshot);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        myl_consumer *consumer = open_consumer(name, good[i]);
        myl_joined joined;
        test_ok(myl_consumer_joined(consumer, &joined));
        assert_string_equal(joined.id, good[i]);
        myl_consumer_close(consumer);
    }
    myl_producer_close(producer);
}

static void test_prefixes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options make = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "prefix"), &make);
    myl_consumer_options by_prefix = {.size = sizeof by_prefix, .prefix = "w"};
    myl_consumer *consumer[4];
    const char *expected[4] = {"w_0", "w_1", "w_2", "c_0"};
    for (size_t i = 0; i < 4; i++) {
        myl_joined joined;
        test_ok(myl_consumer_open(&consumer[i], name, i < 3 ? &by_prefix : NULL));
        test_ok(myl_consumer_joined(consumer[i], &joined));
        assert_string_equal(joined.id, expected[i]);
        assert_int_equal(joined.resumed, 0);
    }
    myl_consumer_close(consumer[1]); /* the first free one is taken */
    myl_joined joined;
    consumer[1] = open_consumer_with(name, &by_prefix);
    test_ok(myl_consumer_joined(consumer[1], &joined));
    assert_string_equal(joined.id, "w_1");
    for (size_t i = 0; i < 4; i++)
        myl_consumer_close(consumer[i]);
    myl_producer_close(producer);
}

static void test_options_sizes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "options");
    myl_producer_options make = producer_options(8);
    make.size = 16;
    expect_no_producer(MYL_EOPTIONS, "16", name, &make);
    make.size = 0;
    expect_no_producer(MYL_EOPTIONS, "myl_producer_options", name, &make);
    assert_false(ring_exists(name));
    make = producer_options(8);
    myl_producer *producer = open_producer(name, &make);
    myl_consumer_options options = consumer_options("c");
    options.size--;
    expect_no_consumer(MYL_EOPTIONS, "myl_consumer_options", name, &options);
    options.size++;
    myl_consumer *consumer = open_consumer_with(name, &options);
    myl_info info = {.size = 12};
    test_code(MYL_EOPTIONS, myl_producer_info(producer, &info));
    expect_detail("12");
    test_code(MYL_EOPTIONS, myl_consumer_info(consumer, &info));
    myl_runner_options run = {.size = 3};
    myl_runner *runner = NULL;
    test_code(MYL_EOPTIONS, myl_runner_start(&runner, consumer, NULL, NULL, &run));
    assert_null(runner);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void test_options_out_of_range(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "range");
    myl_producer_options o = producer_options(8);
    o.backend = (enum myl_backend)9;
    expect_no_producer(MYL_EINVAL, "9", name, &o);
    o = producer_options(8);
    o.existing = (enum myl_existing)12;
    expect_no_producer(MYL_EINVAL, "12", name, &o);
    o = producer_options(8);
    o.mode = 04777;
    expect_no_producer(MYL_EINVAL, "4777", name, &o);
    o = producer_options(8);
    o.liveness_ns = 17;
    expect_no_producer(MYL_EINVAL, "17", name, &o);
    o = producer_options(8);
    o.cpu = INT_MIN;
    expect_no_producer(MYL_EINVAL, "-2147483648", name, &o);
    o = producer_options(8);
    o.wait.strategy = (enum myl_wait_strategy)99;
    expect_no_producer(MYL_EINVAL, "99", name, &o);
    o = producer_options(8);
    o.label = "a label that has more than 31 bytes";
    expect_no_producer(MYL_EINVAL, "31", name, &o);
    o = producer_options(8);
    o.alone = (enum myl_alone)5;
    expect_no_producer(MYL_EINVAL, "5", name, &o);
    o = producer_options(8);
    o.alone = MYL_ALONE_BUFFER;
    expect_no_producer(MYL_EINVAL, "0", name, &o);
    o.buffer = 9;
    expect_no_producer(MYL_EINVAL, "9", name, &o);
    o = producer_options(8);
    o.max_consumers = 1025;
    expect_no_producer(MYL_EINVAL, "1025", name, &o);
    o = producer_options(8);
    o.backend = MYL_BACKEND_MEMFD;
    o.fd = -7;
    expect_no_producer(MYL_EINVAL, "-7", NULL, &o);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_names),     cmocka_unit_test(test_longest_name_works),
        cmocka_unit_test(test_ids),           cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_options_sizes), cmocka_unit_test(test_options_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
