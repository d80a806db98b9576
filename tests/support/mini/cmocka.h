/* SPDX-License-Identifier: MIT
 * The part of cmocka's interface that the tests use, for systems without cmocka: a C library for which it is not built,
 * or a cross build. It has no mocks and no memory checks. The tests are written for cmocka. If a test needs more of its
 * interface, add it here. */
#ifndef MYL_TESTS_MINI_CMOCKA_H
#define MYL_TESTS_MINI_CMOCKA_H

#include <stddef.h>
#include <stdint.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    CMUnitTestFunction test_func;
    CMFixtureFunction setup_func;
    CMFixtureFunction teardown_func;
    void *initial_state;
};

/* An integer or a pointer, converted for comparison. */
#define mini_value(x) ((uintmax_t)(x))

void _fail(const char *file, int line) __attribute__((noreturn));
void _skip(const char *file, int line) __attribute__((noreturn));
void print_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mini_fail_msg(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));
void mini_true(int result, const char *expression, const char *file, int line);
void mini_equal(uintmax_t a, uintmax_t b, int equal, const char *text, const char *file, int line);
void mini_range(uintmax_t value, uintmax_t low, uintmax_t high, int inside, const char *file, int line);
void mini_string(const char *a, const char *b, int equal, const char *file, int line);
void mini_memory(const void *a, const void *b, size_t size, int equal, const char *file, int line);
int mini_run(const char *group, const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
             CMFixtureFunction teardown);

#define fail() _fail(__FILE__, __LINE__)
#define skip() _skip(__FILE__, __LINE__)
#define fail_msg(...) mini_fail_msg(__FILE__, __LINE__, __VA_ARGS__)

#define assert_true(c) mini_true((c) != 0, #c, __FILE__, __LINE__)
#define assert_false(c) mini_true((c) == 0, "!(" #c ")", __FILE__, __LINE__)
#define assert_non_null(p) mini_true((p) != NULL, #p " != NULL", __FILE__, __LINE__)
#define assert_null(p) mini_true((p) == NULL, #p " == NULL", __FILE__, __LINE__)
#define assert_return_code(rc, error) mini_true((rc) >= 0, #rc " >= 0", __FILE__, __LINE__)
#define assert_int_equal(a, b) mini_equal(mini_value(a), mini_value(b), 1, #a " == " #b, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) mini_equal(mini_value(a), mini_value(b), 0, #a " != " #b, __FILE__, __LINE__)
#define assert_ptr_equal(a, b) mini_true((const void *)(a) == (const void *)(b), #a " == " #b, __FILE__, __LINE__)
#define assert_ptr_not_equal(a, b) mini_true((const void *)(a) != (const void *)(b), #a " != " #b, __FILE__, __LINE__)
#define assert_in_range(v, low, high) \
    mini_range(mini_value(v), mini_value(low), mini_value(high), 1, __FILE__, __LINE__)
#define assert_not_in_range(v, low, high) \
    mini_range(mini_value(v), mini_value(low), mini_value(high), 0, __FILE__, __LINE__)
#define assert_string_equal(a, b) mini_string((a), (b), 1, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) mini_string((a), (b), 0, __FILE__, __LINE__)
#define assert_memory_equal(a, b, size) mini_memory((a), (b), (size), 1, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, size) mini_memory((a), (b), (size), 0, __FILE__, __LINE__)

#define cmocka_unit_test(f) \
    { \
#f, f, NULL, NULL, NULL \
    }
#define cmocka_unit_test_setup(f, setup) \
    { \
#f, f, setup, NULL, NULL \
    }
#define cmocka_unit_test_teardown(f, teardown) \
    { \
#f, f, NULL, teardown, NULL \
    }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) \
    { \
#f, f, setup, teardown, NULL \
    }
#define cmocka_unit_test_prestate(f, state) \
    { \
#f, f, NULL, NULL, state \
    }
#define cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, state) \
    { \
#f, f, setup, teardown, state \
    }
#define cmocka_run_group_tests(tests, setup, teardown) \
    mini_run(#tests, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
    mini_run(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif
