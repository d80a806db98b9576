/* SPDX-License-Identifier: MIT
 * Names of rings, ids of consumers, and option structures: which are refused, with which error, and that nothing was
 * created. */
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

static void invalid_names_are_refused(void **state)
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

/* gc would take such a ring for one whose creator died. */
static void names_of_unfinished_rings_are_refused_at_creation(void **state)
{
    (void)state;
    static const char *const ends[] = {".tmp-1-0123456789abcdef", "/.myelon-AbCd01", "/.myelon-seat-0-19-2-0"};
    char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    myl_producer_options options = producer_options(8);
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        options.ring.backend = i == 0 ? MYL_BACKEND_SHM : MYL_BACKEND_FILE;
        char *end = i == 0 ? name + strlen(test_name(name, "looks")) : strrchr(test_path(path, "looks"), '/');
        strcpy(end, ends[i]);
        const char *asked = i == 0 ? name : path;
        expect_no_producer(MYL_ENAME, "unfinished rings", asked, &options);
        myl_observer *observer = NULL; /* opening an existing ring of that name is allowed */
        myl_consumer_options how = {.size = sizeof how, .ring.backend = options.ring.backend};
        test_code(MYL_ENOTFOUND, myl_observer_open(&observer, asked, &how));
    }
    (void)test_name(name, "looks");
    options.ring.backend = MYL_BACKEND_SHM;
    myl_producer *producer = open_producer(strcat(name, ".tmp-1-0123456789abcde"), &options); /* a digit is missing */
    myl_producer_close(producer);
}

/* A terminal would execute the control characters of a printed name. Existing rings with such a name can still be
 * opened. */
static void control_characters_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x1b[31m", "\n",           "\r",           "\x7f",         "\xc2\x9b",
                                      "\xd8\x9c", "\xe2\x80\x8f", "\xe2\x80\xae", "\xe2\x81\xa6", "\x01",
                                      "\x9b",     "\xc2\xad",     "\xe2\x80\x8b", "\xef\xbb\xbf", "\xf3\xa0\x80\xa1"};
    static const char *const good[] = {" ", "\xc3\xa4", "\xc2\xa0", "\xe2\x82\xac", "\xff"};
    char start[TEST_NAME_SIZE], name[TEST_NAME_SIZE + 8];
    myl_producer_options options = producer_options(8);
    test_name(start, "control");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int before = test_shm_entries();
        (void)snprintf(name, sizeof name, "%s%sx", start, bad[i]);
        expect_no_producer(MYL_ENAME, "control character", name, &options);
        assert_int_equal(test_shm_entries(), before);
        test_ok(myl_check_name(name));
        test_code(MYL_ENOTFOUND, myl_remove(name, MYL_BACKEND_SHM, 0));
        assert_null(strpbrk(myl_error_detail(), "\x1b\n\r\x7f\x9b\x01")); /* an application prints it */
        options.config.label = bad[i];
        expect_no_producer(MYL_EINVAL, "label with a control character", start, &options);
        options.config.label = NULL;
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%sx", start, good[i]);
        myl_producer_close(open_producer(name, &options));
    }
}

static void longest_name_is_accepted(void **state)
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

static void invalid_ids_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const char *bad[] = {"",          "with space",      "with/slash",
                         "new\nline", "umlaut-\xc3\xa4", "x1234567890123456789012345678901"};
    const char *good[] = {"a", "A.b_c-9", "x123456789012345678901234567890"};
    myl_producer_options make = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "ids"), &make);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *shown = strchr(bad[i], '\n') != NULL ? "new?line" : bad[i]; /* in a sentence */
        myl_consumer_options options = consumer_options(bad[i]);
        expect_no_consumer(MYL_EID, shown, name, &options);
        test_code(MYL_EID, myl_evict(name, MYL_BACKEND_SHM, bad[i]));
        options = (myl_consumer_options){.size = sizeof options, .ring.prefix = bad[i]};
        expect_no_consumer(MYL_EID, shown, name, &options);
    }
    test_code(MYL_EID, myl_evict(name, MYL_BACKEND_SHM, NULL));
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->consumers, 0);
    myl_snapshot_free(snapshot);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        myl_consumer *consumer = open_consumer(name, good[i]);
        myl_joined joined = {.size = sizeof joined};
        test_ok(myl_consumer_joined(consumer, &joined));
        assert_string_equal(joined.id, good[i]);
        myl_consumer_close(consumer);
    }
    myl_producer_close(producer);
}

static void prefixes_choose_the_lowest_free_number(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options make = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "prefix"), &make);
    myl_consumer_options by_prefix = {.size = sizeof by_prefix, .ring.prefix = "w"};
    myl_consumer *consumer[4];
    const char *expected[4] = {"w_0", "w_1", "w_2", "auto+3"};
    for (size_t i = 0; i < 4; i++) {
        myl_joined joined = {.size = sizeof joined};
        test_ok(myl_consumer_open(&consumer[i], name, i < 3 ? &by_prefix : NULL));
        test_ok(myl_consumer_joined(consumer[i], &joined));
        assert_string_equal(joined.id, expected[i]);
        assert_int_equal(joined.resumed, 0);
    }
    myl_consumer_close(consumer[1]); /* the first free one is used */
    myl_joined joined = {.size = sizeof joined};
    consumer[1] = open_consumer_with(name, &by_prefix);
    test_ok(myl_consumer_joined(consumer[1], &joined));
    assert_string_equal(joined.id, "w_1");
    for (size_t i = 0; i < 4; i++)
        myl_consumer_close(consumer[i]);
    myl_producer_close(producer);
}

static void other_option_sizes_are_refused(void **state)
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

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "range");
    myl_producer_options o = producer_options(8);
    o.ring.backend = (enum myl_backend)9;
    expect_no_producer(MYL_EINVAL, "9", name, &o);
    o = producer_options(8);
    o.ring.existing = (enum myl_existing)12;
    expect_no_producer(MYL_EINVAL, "12", name, &o);
    o = producer_options(8);
    o.ring.mode = 04777;
    expect_no_producer(MYL_EINVAL, "4777", name, &o);
    o = producer_options(8);
    o.ring.liveness_ns = 17;
    expect_no_producer(MYL_EINVAL, "17", name, &o);
    o = producer_options(8);
    o.ring.pin = 1;
    o.ring.cpu = INT_MIN;
    expect_no_producer(MYL_EINVAL, "-2147483648", name, &o);
    o = producer_options(8);
    o.ring.cpu = 3;
    expect_no_producer(MYL_EINVAL, "cpu is 3, but pin is 0", name, &o);
    o = producer_options(8);
    o.ring.group = 7;
    expect_no_producer(MYL_EINVAL, "group is 7, but set_group is 0", name, &o);
    o.ring.set_group = 1;
    o.ring.group = -1;
    expect_no_producer(MYL_EINVAL, "group is -1;", name, &o);
    o.ring.group = UINT32_MAX;
    expect_no_producer(MYL_EINVAL, "group is 4294967295;", name, &o);
    o = producer_options(8);
    o.ring.fd = 5;
    expect_no_producer(MYL_EINVAL, "fd is 5, but use_fd is 0", name, &o);
    o.ring.use_fd = 1;
    expect_no_producer(MYL_EINVAL, "use_fd is 1, but backend is 0", name, &o);
    o = producer_options(8);
    o.ring.backend = MYL_BACKEND_MEMFD;
    o.ring.existing = MYL_EXISTING_REPLACE;
    o.ring.use_fd = 1;
    expect_no_producer(MYL_EINVAL, "existing is 2, but use_fd", NULL, &o);
    o = producer_options(8);
    o.ring.wait_ids = (const char *const[]){"a"};
    expect_no_producer(MYL_EINVAL, "wait_ids is set, but wait_consumers is 0", name, &o);
    o.ring.wait_consumers = 1;
    o.ring.wait_prefix = "a";
    expect_no_producer(MYL_EINVAL, "both wait_ids and wait_prefix \"a\"", name, &o);
    o.ring.wait_consumers = 0;
    o.ring.wait_ids = NULL;
    expect_no_producer(MYL_EINVAL, "wait_prefix is set, but wait_consumers is 0", name, &o);
    o = producer_options(8);
    o.ring.memory.numa_node = 1;
    expect_no_producer(MYL_EINVAL, "memory.numa_node is 1, but memory.numa is MYL_REQUEST_OFF", name, &o);
    o = producer_options(8);
    o.ring.buffer = 9;
    expect_no_producer(MYL_EINVAL, "buffer is 9, but no_consumers is 0", name, &o);
    o = producer_options(8);
    o.ring.wait.strategy = (enum myl_wait_strategy)99;
    expect_no_producer(MYL_EINVAL, "99", name, &o);
    o = producer_options(8);
    o.config.label = "a label that has more than 31 bytes";
    expect_no_producer(MYL_EINVAL, "31", name, &o);
    o = producer_options(8);
    o.ring.no_consumers = (enum myl_no_consumer_policy)5;
    expect_no_producer(MYL_EINVAL, "5", name, &o);
    o = producer_options(8);
    o.ring.no_consumers = MYL_NO_CONSUMERS_BUFFER;
    expect_no_producer(MYL_EINVAL, "0", name, &o);
    o.ring.buffer = 9;
    expect_no_producer(MYL_EINVAL, "9", name, &o);
    o = producer_options(8);
    o.config.max_consumers = 1025;
    expect_no_producer(MYL_EINVAL, "1025", name, &o);
    o = producer_options(8);
    o.ring.backend = MYL_BACKEND_MEMFD;
    o.ring.use_fd = 1;
    o.ring.fd = -7;
    expect_no_producer(MYL_EINVAL, "-7", NULL, &o);
    assert_false(ring_exists(name));
}

/* An option that has no effect with the others is refused, by each call that opens a reader. */
static void options_without_effect_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], frames[TEST_NAME_SIZE];
    myl_producer_options made = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "events"), &made);
    myl_frame_producer *framed;
    test_ok(myl_frame_producer_open(&framed, test_name(frames, "frames"), NULL));
    const myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_REQUIRED};
    const struct {
        const char *text;
        myl_reader_options ring;
        int observers; /* only they refuse it */
    } row[] = {
        {"fd is 3, but backend is 0", {.fd = 3}, 0},
        {"memory.numa_node is 1", {.memory.numa_node = 1}, 0},
        {"`id` is set", {.id = "a"}, 1},
        {"`prefix` is set", {.prefix = "a"}, 1},
        {"`role` is set", {.role = &role}, 1},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        myl_consumer_options o = {.size = sizeof o, .ring = row[i].ring};
        myl_frame_consumer_options f = {.size = sizeof f, .ring = row[i].ring};
        myl_consumer *consumer;
        myl_observer *observer;
        myl_frame_consumer *reader;
        myl_frame_observer *watcher;
        test_code(row[i].observers ? MYL_OK : MYL_EINVAL, myl_consumer_open(&consumer, name, &o));
        myl_consumer_close(consumer);
        test_code(row[i].observers ? MYL_OK : MYL_EINVAL, myl_frame_consumer_open(&reader, frames, &f));
        myl_frame_consumer_close(reader);
        test_code(MYL_EINVAL, myl_observer_open(&observer, name, &o));
        assert_non_null(strstr(myl_error_detail(), row[i].text));
        test_code(MYL_EINVAL, myl_frame_observer_open(&watcher, frames, &f));
        assert_non_null(strstr(myl_error_detail(), row[i].text));
    }
    myl_frame_consumer_options f = {.size = sizeof f, .observe_lane = 1};
    myl_frame_consumer *reader;
    test_code(MYL_EINVAL, myl_frame_consumer_open(&reader, frames, &f));
    assert_non_null(strstr(myl_error_detail(), "observe_lane is 1"));
    myl_frame_producer_close(framed);
    myl_producer_close(producer);
}

static int take_message(const myl_message *message, void *user)
{
    (void)message, (void)user;
    return 0;
}

static int take_event(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    (void)event, (void)sequence, (void)end_of_batch, (void)user;
    return 0;
}

/* base.h: functions that close or free accept NULL; so do option parameters, and those whose comment allows it. */
static void documented_null_pointers_are_accepted(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_close(NULL);
    myl_producer_leave(NULL);
    myl_consumer_close(NULL);
    myl_observer_close(NULL);
    myl_frame_producer_close(NULL);
    myl_frame_producer_leave(NULL);
    myl_frame_consumer_close(NULL);
    myl_frame_observer_close(NULL);
    myl_snapshot_free(NULL);
    myl_log_free(NULL);
    myl_diagnosis_free(NULL);
    expect_no_producer(MYL_ENAME, "name", NULL, NULL);
    expect_no_consumer(MYL_ENAME, "name", NULL, NULL);
    test_code(MYL_EID, myl_evict("x", MYL_BACKEND_SHM, NULL));
    test_code(MYL_EOPTIONS, myl_examine("x", MYL_BACKEND_SHM, NULL));

    myl_frame_producer *frames = NULL;
    myl_frame_consumer *reader = NULL;
    myl_frame_observer *onlooker = NULL;
    test_ok(myl_frame_producer_open(&frames, test_name(name, "null"), NULL));
    test_ok(myl_frame_consumer_open(&reader, name, NULL));
    test_ok(myl_frame_observer_open(&onlooker, name, NULL));
    test_ok(myl_frame_producer_wait_consumers(frames, NULL, 1, MYL_TRY));
    test_ok(myl_frame_producer_publish(frames, NULL, 0, 0, MYL_TRY));
    test_ok(myl_frame_consumer_drain(reader, 0, take_message, NULL, NULL, MYL_TRY));
    test_ok(myl_frame_producer_set_liveness(frames, NULL));
    myl_frame_producer_set_activity(frames, NULL, 0);
    myl_frame_consumer_set_activity(reader, NULL, 0);
    myl_frame_observer_close(onlooker);
    myl_frame_consumer_close(reader);
    myl_frame_producer_close(frames);

    myl_producer_options make = producer_options(8);
    make.config.label = make.ring.wait_prefix = NULL;
    make.ring.wait_ids = NULL;
    myl_producer *producer = open_producer(name, &make);
    myl_consumer *consumer = open_consumer_with(name, NULL);
    myl_observer *observer = NULL;
    myl_runner *runner = NULL;
    test_ok(myl_observer_open(&observer, name, NULL));
    test_ok(myl_producer_wait_consumers(producer, NULL, 1, MYL_TRY));
    test_ok(myl_producer_set_liveness(producer, NULL));
    myl_producer_set_activity(producer, NULL, 0);
    myl_consumer_set_activity(consumer, NULL, 0);
    test_code(MYL_EINVAL, myl_runner_start(&runner, NULL, take_event, NULL, NULL));
    test_code(MYL_EINVAL, myl_runner_start(&runner, consumer, NULL, NULL, NULL));
    test_ok(myl_runner_start(&runner, consumer, take_event, NULL, NULL));
    myl_runner_stop(runner);
    test_ok(myl_runner_join(runner, NULL, MYL_SEC(20)));
    myl_observer_close(observer);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_without_effect_are_refused),
        cmocka_unit_test(documented_null_pointers_are_accepted),
        cmocka_unit_test(invalid_names_are_refused),
        cmocka_unit_test(names_of_unfinished_rings_are_refused_at_creation),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(longest_name_is_accepted),
        cmocka_unit_test(invalid_ids_are_refused),
        cmocka_unit_test(prefixes_choose_the_lowest_free_number),
        cmocka_unit_test(other_option_sizes_are_refused),
        cmocka_unit_test(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
