/* SPDX-License-Identifier: MIT
 * What a program learns without a tool: the log callback, the participant of a failure, the features. */
#include "rings.h"

#include <myelon/myelon.h>

struct heard {
    enum myl_log_level level[64];
    char text[64][256];
    char ring[64][TEST_NAME_SIZE];
    unsigned count;
};

static void hear(enum myl_log_level level, const char *ring, const char *text, void *user)
{
    struct heard *heard = user;
    if (heard->count == 64)
        return;
    heard->level[heard->count] = level;
    snprintf(heard->text[heard->count], sizeof heard->text[0], "%s", text);
    snprintf(heard->ring[heard->count], sizeof heard->ring[0], "%s", ring);
    heard->count++;
}

static void expect_heard(const struct heard *heard, unsigned i, enum myl_log_level level, const char *text)
{
    if (i >= heard->count)
        test_fail("only %u records, expected \"%s\"", heard->count, text);
    if (heard->level[i] != level || strstr(heard->text[i], text) == NULL)
        test_fail("record %u is [%s] \"%s\", expected [%s] with \"%s\"", i, myl_log_level_name(heard->level[i]),
                  heard->text[i], myl_log_level_name(level), text);
}

static void live_a_life(const char *name)
{
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(name, &o);
    myl_consumer *consumer = open_consumer(name, "c");
    put_many(producer, 0, 5);
    take_many(consumer, 0, 3);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void log_callback_gets_the_records_of_this_process(void **state)
{
    (void)state;
    struct heard heard = {.count = 0};
    char name[TEST_NAME_SIZE];
    myl_set_log(hear, &heard, MYL_LOG_INFO);
    live_a_life(test_name(name, "life"));
    myl_set_log(NULL, NULL, MYL_LOG_OFF);
    expect_heard(&heard, 0, MYL_LOG_INFO, "created the ring at 0");
    expect_heard(&heard, 1, MYL_LOG_INFO, "consumer \"c\" (process ");
    expect_heard(&heard, 1, MYL_LOG_INFO, ") joined at 0");
    expect_heard(&heard, 2, MYL_LOG_INFO, ") left at 3");
    expect_heard(&heard, 3, MYL_LOG_INFO, ") ended the stream at 5");
    assert_int_equal(heard.count, 4);
    for (unsigned i = 0; i < heard.count; i++)
        assert_string_equal(heard.ring[i], name);
}

static void log_callback_gets_its_level_and_above(void **state)
{
    (void)state;
    struct heard heard = {.count = 0};
    char name[TEST_NAME_SIZE];
    myl_set_log(hear, &heard, MYL_LOG_WARN);
    live_a_life(test_name(name, "quiet"));
    assert_int_equal(heard.count, 0);
    myl_producer_options o = producer_options(8);
    o.ring.memory.huge = MYL_REQUEST_PREFER; /* 8 events do not fill a huge page */
    myl_producer *producer = open_producer(test_name(name, "small"), &o);
    expect_heard(&heard, 0, MYL_LOG_WARN, "not granted: ");
    myl_producer_close(producer);
    myl_set_log(hear, &heard, MYL_LOG_OFF);
    live_a_life(test_name(name, "off"));
    myl_set_log(NULL, &heard, MYL_LOG_INFO);
    live_a_life(test_name(name, "null"));
    assert_int_equal(heard.count, 1);
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_string_equal(myl_log_level_name(MYL_LOG_OFF), "off");
    assert_string_equal(myl_log_level_name(MYL_LOG_ERROR), "error");
    assert_string_equal(myl_log_level_name(MYL_LOG_WARN), "warn");
    assert_string_equal(myl_log_level_name(MYL_LOG_INFO), "info");
    assert_string_equal(myl_log_level_name((enum myl_log_level)4), "?");
    assert_string_equal(myl_log_level_name((enum myl_log_level) - 1), "?");
}

static void failure_names_its_participant_as_data(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "about"), &o), *second;
    myl_consumer *consumer = open_consumer(name, "c"), *twin;
    myl_failed_participant who = {.size = sizeof who};
    myl_consumer_options again = {.size = sizeof again, .ring.id = "c"};
    test_code(MYL_EDUPLICATE, myl_consumer_open(&twin, name, &again));
    test_ok(myl_error_participant(&who));
    assert_string_equal(who.id, "c");
    assert_int_equal(who.pid, getpid());
    assert_int_equal(who.lane, 0);
    test_code(MYL_EPRODUCERALIVE, myl_producer_open(&second, name, &o));
    test_ok(myl_error_participant(&who));
    assert_string_equal(who.id, "");
    assert_int_equal(who.pid, getpid());
    myl_producer_leave(producer);
    const void *event;
    test_code(MYL_EPRODUCERLEFT, myl_consumer_next(consumer, &event, MYL_FOREVER));
    test_ok(myl_error_participant(&who));
    assert_string_equal(who.id, "");
    /* A failure about no participant clears the participant of the one before. */
    test_code(MYL_ENOTFOUND, myl_consumer_open(&twin, "no-such-ring-of-this-test", &again));
    test_code(MYL_ENOTFOUND, myl_error_participant(&who));
    who.size = sizeof who - 1;
    test_code(MYL_EOPTIONS, myl_error_participant(&who));
    myl_consumer_close(consumer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

static void features_are_known_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {
        "events",       "frames",          "lanes",        "liveness",
        "fixed-frames", "event-log",       "log-callback", "error-participant",
        "release-to",   "release-message", "poll",         "peek",
        "reserve",      "ticket",          "on-signal",    "typed",
        "schema",       "msgpack",         "flatbuffers",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (myl_has_feature(names[i]) != 1)
            test_fail("feature \"%s\" is unknown", names[i]);
    }
    assert_int_equal(myl_has_feature("os-linux") + myl_has_feature("os-posix"), 1);
    assert_int_equal(myl_has_feature("lane"), 0);
    assert_int_equal(myl_has_feature(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_callback_gets_the_records_of_this_process),
        cmocka_unit_test(log_callback_gets_its_level_and_above),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(failure_names_its_participant_as_data),
        cmocka_unit_test(features_are_known_by_name),
    };
    return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
