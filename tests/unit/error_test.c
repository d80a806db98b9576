/* SPDX-License-Identifier: MIT
 * The error table: every code has a name, a text, a class, and an entry in docs/errors.md. */
#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "unit/rings.h"

struct known {
    const char *name;
    int code;
    enum myl_error_class class;
};

static const struct known codes[] = {
#define MYL_X(name, value, class, text) {"MYL_" #name, value, MYL_CLASS_##class},
    MYL_ERROR_LIST(MYL_X)
#undef MYL_X
};
enum { CODES = sizeof codes / sizeof codes[0] };

static void every_code_is_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODES; i++) {
        assert_true(codes[i].code < 0);
        assert_string_equal(myl_errname(codes[i].code), codes[i].name);
        assert_int_equal(myl_errclass(codes[i].code), codes[i].class);
        assert_true(strlen(myl_strerror(codes[i].code)) > 3);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(codes[i].code, codes[k].code);
            assert_string_not_equal(myl_strerror(codes[i].code), myl_strerror(codes[k].code));
        }
    }
}

static void success_and_unknown_codes_have_names(void **state)
{
    (void)state;
    assert_string_equal(myl_errname(MYL_OK), "MYL_OK");
    assert_string_equal(myl_errname(17), "MYL_OK");
    assert_int_equal(myl_errclass(0), MYL_CLASS_OK);
    assert_int_equal(myl_errclass(17), MYL_CLASS_OK);
    assert_string_equal(myl_errname(-9999), "MYL_E?");
    assert_true(strlen(myl_strerror(-9999)) > 3);
    assert_int_not_equal(myl_errclass(-9999), MYL_CLASS_OK);
}

static void documentation_has_every_code(void **state)
{
    (void)state;
    const char *source = getenv("MYL_TEST_SOURCE_DIR");
    char path[TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/docs/errors.md", source != NULL ? source : ".");
    FILE *file = fopen(path, "r");
    if (file == NULL)
        test_skip("no docs/errors.md");
    static char text[1 << 18];
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    for (size_t i = 0; i < CODES; i++) {
        const char *at = strstr(text, codes[i].name);
        while (at != NULL && isalnum((unsigned char)at[strlen(codes[i].name)]))
            at = strstr(at + 1, codes[i].name);
        if (at == NULL)
            test_fail("docs/errors.md does not mention %s", codes[i].name);
    }
}

static void *other_thread(void *seen)
{
    *(int *)seen = myl_error_detail()[0] != '\0';
    return myl_check_name("of/another") == MYL_ENAME ? seen : NULL;
}

static void detail_belongs_to_its_thread(void **state)
{
    (void)state;
    pthread_t thread;
    int seen = -1;
    void *result = NULL;
    test_code(MYL_ENAME, myl_check_name("of/mine"));
    assert_int_equal(pthread_create(&thread, NULL, other_thread, &seen), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &seen);
    assert_int_equal(seen, 0);
    expect_detail("of/mine");
    test_ok(myl_check_name("good"));
    expect_detail("of/mine"); /* valid until the next failing call */
}

static void system_errors_are_named(void **state)
{
    (void)state;
    myl_consumer_options o = consumer_options("c");
    o.ring.backend = MYL_BACKEND_FILE;
    expect_no_consumer(MYL_ENOTFOUND, strerror(ENOTDIR), "/dev/null/ring", &o);
}

static void system_errors_have_their_codes(void **state)
{
    (void)state;
    static const struct {
        int err, code;
    } cases[] = {
        {ENOENT, MYL_ENOTFOUND},  {ENOTDIR, MYL_ENOTFOUND},       {EEXIST, MYL_EEXISTS},  {EACCES, MYL_EPERMISSION},
        {EPERM, MYL_EPERMISSION}, {EROFS, MYL_EPERMISSION},       {ENOSPC, MYL_ENOSPACE}, {EDQUOT, MYL_ENOSPACE},
        {EFBIG, MYL_ENOSPACE},    {ENOMEM, MYL_ENOMEM},           {EMFILE, MYL_ELIMIT},   {ENFILE, MYL_ELIMIT},
        {EAGAIN, MYL_ELIMIT},     {ENOLCK, MYL_ELIMIT},           {EBUSY, MYL_EBUSY},     {ENOSYS, MYL_EUNSUPPORTED},
        {EIO, MYL_ESYSTEM},       {EOPNOTSUPP, MYL_EUNSUPPORTED}, {ELOOP, MYL_ENAME},     {ENAMETOOLONG, MYL_ENAME},
        {EINVAL, MYL_ESYSTEM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_code(cases[i].code, myl_fail_errno(cases[i].err, "cannot do %d", 7));
        expect_detail("cannot do 7: ");
        expect_detail(strerror(cases[i].err));
    }
}

static void version_is_that_of_the_headers(void **state)
{
    (void)state;
    char expected[32];
    snprintf(expected, sizeof expected, "%d.%d.%d", MYL_VERSION_MAJOR, MYL_VERSION_MINOR, MYL_VERSION_PATCH);
    assert_string_equal(myl_version(), expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_is_described),        cmocka_unit_test(success_and_unknown_codes_have_names),
        cmocka_unit_test(documentation_has_every_code),   cmocka_unit_test(detail_belongs_to_its_thread),
        cmocka_unit_test(system_errors_are_named),        cmocka_unit_test(system_errors_have_their_codes),
        cmocka_unit_test(version_is_that_of_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
