/* SPDX-License-Identifier: MIT
 * Names and configurations of a fabric: golden tags, limits, and the forms of a configuration. */
#include "unit/fabric.h"

/* Computed by another program, from the words of docs/fabric.md. */
static const struct {
    const char *label, *tag;
} golden[] = {
    {"engine-0", "vtkbu109"},
    {"engine-1", "vtkbu1am"},
    {"a", "9gkm4c60"},
    {"llm", "347u48t1"},
    {"0123456789012345678901234567890", "38el73tk"},
    {" ~", "0upkmvlk"},
};

static void tags_never_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        char tag[MYL_FABRIC_TAG_MAX + 1], dispatch[MYL_FABRIC_NAME_MAX + 1], replies[MYL_FABRIC_NAME_MAX + 1], name[32];
        myl_fabric_config config = {.size = sizeof config, .workers = 1};
        test_ok(myl_session_tag(golden[i].label, tag));
        assert_string_equal(tag, golden[i].tag);
        (void)snprintf(config.label, sizeof config.label, "%s", golden[i].label);
        test_ok(myl_fabric_names(&config, dispatch, replies));
        (void)snprintf(name, sizeof name, "vmy%sp", golden[i].tag);
        assert_string_equal(dispatch, name);
        (void)snprintf(name, sizeof name, "vmy%sr", golden[i].tag);
        assert_string_equal(replies, name);
        test_ok(myl_portable_name_check(dispatch));
        memcpy(config.prefix, "a1b2c", 6);
        test_ok(myl_fabric_names(&config, dispatch, replies));
        assert_int_equal(strlen(dispatch), MYL_FABRIC_NAME_MAX);
        test_ok(myl_portable_name_check(dispatch));
    }
}

static void wrong_names_are_refused(void **state)
{
    (void)state;
    char tag[MYL_FABRIC_TAG_MAX + 1];
    test_code(MYL_ENAME, myl_session_tag(NULL, tag));
    test_code(MYL_ENAME, myl_session_tag("", tag));
    test_code(MYL_ENAME, myl_session_tag("01234567890123456789012345678901", tag));
    test_code(MYL_ENAME, myl_session_tag("a\nb", tag));
    test_code(MYL_ENAME, myl_session_tag("\xc3\xa4", tag));
    test_code(MYL_ENAME, myl_portable_name_check(NULL));
    test_code(MYL_ENAME, myl_portable_name_check(""));
    test_code(MYL_ENAME, myl_portable_name_check("1a"));
    test_code(MYL_ENAME, myl_portable_name_check("aB"));
    test_code(MYL_ENAME, myl_portable_name_check("a-b"));
    test_ok(myl_portable_name_check("a2345678901234"));
    test_code(MYL_ENAME, myl_portable_name_check("a23456789012345"));
    for (uint32_t workers = 0; workers < 12; workers++)
        test_code(workers >= 2 && workers <= 8 ? MYL_OK : MYL_EINVAL, myl_worker_count_check(workers));
}

static void expect_wrong(int code, const myl_fabric_config *config, const char *why)
{
    char dispatch[MYL_FABRIC_NAME_MAX + 1], replies[MYL_FABRIC_NAME_MAX + 1];
    test_code(code, myl_fabric_names(config, dispatch, replies));
    expect_detail(why);
}

static void whole_configuration_is_checked(void **state)
{
    (void)state;
    const myl_fabric_config good = {.size = sizeof good, .label = "good", .workers = 4};
    myl_fabric_config bad = good;
    char dispatch[MYL_FABRIC_NAME_MAX + 1], replies[MYL_FABRIC_NAME_MAX + 1];
    test_ok(myl_fabric_names(&good, dispatch, replies));
    bad.workers = 65;
    expect_wrong(MYL_EINVAL, &bad, "workers is 65");
    bad = good;
    bad.rank = 4;
    expect_wrong(MYL_EINVAL, &bad, "rank 4");
    bad = good;
    bad.backend = (enum myl_backend)3;
    expect_wrong(MYL_EINVAL, &bad, "backend 3");
    bad = good;
    bad.use_fds = 1;
    expect_wrong(MYL_EINVAL, &bad, "not a memfd");
    bad = good;
    memcpy(bad.prefix, "Vmy", 4);
    expect_wrong(MYL_ENAME, &bad, "prefix");
    bad = good;
    memset(bad.prefix, 'a', sizeof bad.prefix); /* without an end */
    expect_wrong(MYL_ENAME, &bad, "prefix");
    bad = good;
    memset(bad.label, 'a', sizeof bad.label);
    expect_wrong(MYL_ENAME, &bad, "label");
    bad = good;
    bad.directory[0] = '/';
    expect_wrong(MYL_EINVAL, &bad, "directory");
    bad.backend = MYL_BACKEND_FILE;
    test_ok(myl_fabric_names(&bad, dispatch, replies));
    bad.directory[0] = 'x';
    expect_wrong(MYL_ENAME, &bad, "absolute");
    bad = good;
    bad.size = 8;
    expect_wrong(MYL_EOPTIONS, &bad, "myl_fabric_config");
    expect_wrong(MYL_EINVAL, NULL, "no configuration");
}

/* All members. */
static myl_fabric_config full_config(enum myl_backend backend)
{
    myl_fabric_config config = {.size = sizeof config,
                                .label = "engine 0",
                                .prefix = "ab3",
                                .backend = backend,
                                .workers = 64,
                                .rank = 63,
                                .dispatch_bytes = UINT64_MAX,
                                .reply_bytes = 65536,
                                .max_message = 12345678901,
                                .dispatch_session = {1, UINT64_MAX},
                                .reply_session = {UINT64_C(0x0123456789abcdef), 0}};
    if (backend == MYL_BACKEND_FILE)
        memcpy(config.directory, "/tmp/x y", 9);
    if (backend == MYL_BACKEND_MEMFD) {
        config.use_fds = 1;
        config.dispatch_fd = 0;
        config.reply_fd = INT32_MAX;
    }
    return config;
}

/* Member by member: what lies between them is undefined. */
static void expect_same(const myl_fabric_config *a, const myl_fabric_config *b)
{
    assert_int_equal(a->size, b->size);
    assert_string_equal(a->label, b->label);
    assert_string_equal(a->prefix, b->prefix);
    assert_int_equal(a->backend, b->backend);
    assert_string_equal(a->directory, b->directory);
    assert_int_equal(a->workers, b->workers);
    assert_int_equal(a->rank, b->rank);
    assert_int_equal(a->dispatch_bytes, b->dispatch_bytes);
    assert_int_equal(a->reply_bytes, b->reply_bytes);
    assert_int_equal(a->max_message, b->max_message);
    assert_int_equal(a->use_fds, b->use_fds);
    assert_int_equal(a->dispatch_fd, b->dispatch_fd);
    assert_int_equal(a->reply_fd, b->reply_fd);
    assert_memory_equal(a->dispatch_session, b->dispatch_session, sizeof a->dispatch_session);
    assert_memory_equal(a->reply_session, b->reply_session, sizeof a->reply_session);
}

static void every_form_gives_the_same_configuration(void **state)
{
    (void)state;
    for (int backend = MYL_BACKEND_SHM; backend <= MYL_BACKEND_MEMFD; backend++) {
        const myl_fabric_config config = full_config((enum myl_backend)backend);
        myl_fabric_config copy = {.size = sizeof copy};
        char text[MYL_FABRIC_TEXT_MAX], small[16];
        size_t used = 0;
        test_ok(myl_fabric_config_to_json(&config, text, sizeof text, &used));
        assert_int_equal(used, strlen(text) + 1);
        test_ok(myl_fabric_config_from_json(&copy, text));
        expect_same(&copy, &config);
        test_code(MYL_EBUFFER, myl_fabric_config_to_json(&config, text, used - 1, NULL));
        test_ok(myl_fabric_config_to_json(&config, text, used, NULL));
        test_ok(myl_fabric_config_to_environment(&config, text, sizeof text, &used));
        assert_true(used <= sizeof text && text[used - 1] == '\0' && text[used - 2] == '\0');
        for (const char *at = text; *at != '\0'; at += strlen(at) + 1) {
            char name[64];
            const char *equal = strchr(at, '=');
            assert_non_null(equal);
            (void)snprintf(name, sizeof name, "%.*s", (int)(equal - at), at);
            assert_int_equal(setenv(name, equal + 1, 1), 0);
        }
        copy = (myl_fabric_config){.size = sizeof copy};
        test_ok(myl_fabric_config_from_environment(&copy));
        expect_same(&copy, &config);
        test_code(MYL_EBUFFER, myl_fabric_config_to_environment(&config, small, sizeof small, NULL));
        for (const char *at = text; *at != '\0'; at += strlen(at) + 1) {
            char name[64];
            (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "="), at);
            (void)unsetenv(name);
        }
    }
}

static void wrong_environment_is_named(void **state)
{
    (void)state;
    myl_fabric_config config = {.size = sizeof config};
    (void)setenv("MYELON_FABRIC_LABEL", "x", 1);
    static const char *const wrong[][2] = {{"MYELON_FABRIC_WORKERS", "4x"},
                                           {"MYELON_FABRIC_WORKERS", ""},
                                           {"MYELON_FABRIC_WORKERS", "4294967296"},
                                           {"MYELON_FABRIC_WORKERS", "-1"},
                                           {"MYELON_FABRIC_DISPATCH_BYTES", "18446744073709551616"},
                                           {"MYELON_FABRIC_BACKEND", "pipe"},
                                           {"MYELON_FABRIC_REPLY_SESSION", "12"},
                                           {"MYELON_FABRIC_REPLY_SESSION", "0123456789abcdef0123456789abcdeg"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)setenv(wrong[i][0], wrong[i][1], 1);
        test_code(MYL_EINVAL, myl_fabric_config_from_environment(&config));
        expect_detail(wrong[i][0]);
        (void)unsetenv(wrong[i][0]);
    }
    test_ok(myl_fabric_config_from_environment(&config));
    assert_string_equal(config.label, "x");
    (void)unsetenv("MYELON_FABRIC_LABEL");
    test_code(MYL_ENAME, myl_fabric_config_from_environment(&config));
}

static void wrong_json_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "{\"label\"}",
                                        "{\"label\": 1}",
                                        "{\"label\": \"a\" \"workers\": 1}",
                                        "{\"label\": \"a\", \"workers\": \"1\"}",
                                        "{\"label\": \"a\", \"workers\": -1}",
                                        "{\"label\": \"a\", \"workers\": 1.5}",
                                        "{\"label\": \"a\", \"label\": \"a\"}",
                                        "{\"label\": \"a\", \"other\": 1}",
                                        "{\"label\": \"a\\n\"}",
                                        "{\"label\": \"a\", }",
                                        "{\"label\": \"a\"} x",
                                        "{\"label\": {}}",
                                        "{\"label\": \"a"};
    myl_fabric_config config = {.size = sizeof config};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        test_code(MYL_EINVAL, myl_fabric_config_from_json(&config, wrong[i]));
    char text[MYL_FABRIC_TEXT_MAX + 1];
    memset(text, ' ', sizeof text);
    text[MYL_FABRIC_TEXT_MAX] = '\0';
    test_code(MYL_EINVAL, myl_fabric_config_from_json(&config, text));
    test_ok(myl_fabric_config_from_json(&config, " {\t\"workers\" : 3 ,\n \"label\":\"b\" }\r\n"));
    assert_int_equal(config.workers, 3);
    assert_string_equal(config.label, "b");
    /* Any change of one byte gives a configuration or an error, and never more. */
    static const char good[] = "{\"label\": \"ab\", \"workers\": 12, \"backend\": \"shm\"}";
    for (size_t i = 0; i < sizeof good - 1; i++) {
        for (int byte = 0; byte < 256; byte++) {
            char changed[sizeof good];
            memcpy(changed, good, sizeof good);
            changed[i] = (char)byte;
            int rc = myl_fabric_config_from_json(&config, changed);
            assert_true(rc == MYL_OK || rc == MYL_EINVAL || rc == MYL_ENAME);
        }
    }
    config.size = 8;
    test_code(MYL_EOPTIONS, myl_fabric_config_from_json(&config, good));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_never_change),
        cmocka_unit_test(wrong_names_are_refused),
        cmocka_unit_test(whole_configuration_is_checked),
        cmocka_unit_test(every_form_gives_the_same_configuration),
        cmocka_unit_test(wrong_environment_is_named),
        cmocka_unit_test(wrong_json_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
