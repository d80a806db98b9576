/* SPDX-License-Identifier: MIT
 * The runner and the asserts of mini/cmocka.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka.h"

enum { RUNNING, FAILED, SKIPPED };

static jmp_buf back;
static int running; /* 1: `back` is a valid jump into the runner */

static void leave(int how) __attribute__((noreturn));

static void leave(int how)
{
    const char *in_child = getenv("CMOCKA_TEST_ABORT");
    fflush(NULL);
    if (!running || (in_child && in_child[0] == '1'))
        abort();
    longjmp(back, how);
}

void _fail(const char *file, int line)
{
    print_error("%s:%d: error: failure\n", file, line);
    leave(FAILED);
}

void _skip(const char *file, int line)
{
    print_message("%s:%d: skipped\n", file, line);
    leave(SKIPPED);
}

void print_message(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
}

void print_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

void mini_fail_msg(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _fail(file, line);
}

void mini_true(int result, const char *expression, const char *file, int line)
{
    if (!result)
        mini_fail_msg(file, line, "not true: %s", expression);
}

void mini_equal(uintmax_t a, uintmax_t b, int equal, const char *text, const char *file, int line)
{
    if ((a == b) != equal)
        mini_fail_msg(file, line, "not true: %s (%#jx and %#jx)", text, a, b);
}

void mini_range(uintmax_t value, uintmax_t low, uintmax_t high, int inside, const char *file, int line)
{
    if ((value >= low && value <= high) != inside)
        mini_fail_msg(file, line, "%ju is %swithin %ju .. %ju", value, inside ? "not " : "", low, high);
}

void mini_string(const char *a, const char *b, int equal, const char *file, int line)
{
    if ((strcmp(a, b) == 0) != equal)
        mini_fail_msg(file, line, "\"%s\" %s \"%s\"", a, equal ? "!=" : "==", b);
}

void mini_memory(const void *a, const void *b, size_t size, int equal, const char *file, int line)
{
    if ((memcmp(a, b, size) == 0) != equal)
        mini_fail_msg(file, line, "%zu bytes %s", size, equal ? "differ" : "are equal");
}

/* Runs one test. A failing assert jumps back here. */
static int run_one(const struct CMUnitTest *test)
{
    void *state = test->initial_state;
    volatile int result = RUNNING;
    running = 1;
    int how = setjmp(back);
    if (how != RUNNING)
        result = how;
    else if (test->setup_func && test->setup_func(&state) != 0)
        result = FAILED;
    else
        test->test_func(&state);
    running = 0;
    if (test->teardown_func && test->teardown_func(&state) != 0)
        result = FAILED;
    return result;
}

int mini_run(const char *group, const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
             CMFixtureFunction teardown)
{
    size_t failed = 0, skipped = 0;
    void *state = NULL;
    printf("%s: %zu tests\n", group, count);
    if (setup && setup(&state) != 0) {
        print_error("%s: the group's setup failed\n", group);
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        struct CMUnitTest test = tests[i];
        if (!test.initial_state)
            test.initial_state = state;
        printf("[ RUN      ] %s\n", test.name);
        fflush(stdout);
        int result = run_one(&test);
        printf("[ %s ] %s\n", result == FAILED ? " FAILED " : result == SKIPPED ? "SKIPPED " : "      OK", test.name);
        failed += result == FAILED;
        skipped += result == SKIPPED;
    }
    if (teardown && teardown(&state) != 0) {
        print_error("%s: the group's teardown failed\n", group);
        failed++;
    }
    printf("%zu tests: %zu skipped, %zu failed\n", count, skipped, failed);
    fflush(stdout);
    return (int)failed;
}
